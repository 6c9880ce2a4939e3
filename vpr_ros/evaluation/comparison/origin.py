# Copyright 2026 vpr_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.


"""What was compared in detail, and how to do it again."""

from __future__ import annotations

from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.system_words import LISTED
from vpr_ros.evaluation.comparison.system_words import networks_of
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.report_page import facts
from vpr_ros.evaluation.report_page import heading
from vpr_ros.evaluation.report_page import scroll_table

__all__ = ['origin_section']


def origin_section(comparison: Comparison) -> Markup:
    """Return the section."""
    origin = comparison.provenance
    about = ('A protocol is a rule: which images are compared, and what counts as right. Its hash '
             'changes with the rule, and the digest of the data with the frames and their truth: '
             'two people with the same of both compared the same.')
    return join([
        heading('origin', 'Protocols and origin', about),
        *(_protocol(table) for table in comparison.tables),
        element('h3', 'Systems'), _systems(comparison),
        element('h3', 'This page'), facts([
            ('Command', element('code', origin.command) if origin.command else ''),
            ('Random seed', '' if origin.seed is None else str(origin.seed)),
            ('vpr_ros', origin.version), ('Made', origin.created),
            ('Beside it', 'results.csv has every number; results.md and results.tex have the '
                          'tables; runs/ has the matches and pictures of every result')])])


def _protocol(table: Table) -> Markup:
    protocol = table.protocol
    rows = [[m.pair.name, m.pair.data, m.pair.reference, m.pair.query, m.truth,
             str(m.counts.references), str(m.counts.queries), str(m.counts.with_place),
             element('code', m.pair.hash), element('code', m.data)] for m in table.pairs]
    return join([
        element('h3', protocol.title), facts([
            ('Protocol', element('code', protocol.name)), ('Hash', element('code', protocol.hash)),
            ('Published as', protocol.source), ('About', protocol.about),
            ('Not measured', ', '.join(table.missing))]),
        element('div', scroll_table(f'Pairs of {protocol.name}', 'What was compared',
                                    ['pair', 'data set', 'reference', 'query', 'right means',
                                     'references', 'queries', 'with a place', 'rule', 'data'],
                                    rows), class_='pairs')])


def _systems(comparison: Comparison) -> Markup:
    """Say of every network which one exactly it was."""
    return facts([(label, join(element('code', network, class_='block') for network in networks)
                   if networks else LISTED)
                  for label, networks in networks_of(comparison.results).items()])
