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


"""What was compared, one page for people: no other file, no network, no script."""

from __future__ import annotations

from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.curves_chart import curves_chart
from vpr_ros.evaluation.comparison.dense_panels import dense_keys
from vpr_ros.evaluation.comparison.dense_panels import dense_panel
from vpr_ros.evaluation.comparison.dense_panels import is_dense
from vpr_ros.evaluation.comparison.gallery import gallery_section
from vpr_ros.evaluation.comparison.gallery import MOST_EXAMPLES
from vpr_ros.evaluation.comparison.matrices import matrices_section
from vpr_ros.evaluation.comparison.matrices import MOST_MATRICES
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.origin import origin_section
from vpr_ros.evaluation.comparison.rank_panels import rank_keys
from vpr_ros.evaluation.comparison.rank_panels import rank_panel
from vpr_ros.evaluation.comparison.speed import speed_section
from vpr_ros.evaluation.comparison.table_markup import all_numbers
from vpr_ros.evaluation.comparison.table_markup import results_table
from vpr_ros.evaluation.comparison.table_words import how_to_read
from vpr_ros.evaluation.comparison.tables import pair_table
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.comparison.verdict import first_measure
from vpr_ros.evaluation.comparison.verdict import lead_text
from vpr_ros.evaluation.comparison.verdict import title_text
from vpr_ros.evaluation.comparison.verdict import verdicts
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.report_page import heading
from vpr_ros.evaluation.report_page import render_page

__all__ = ['render_comparison']

# More lines than this in one chart cannot be followed.
MOST_CURVES = 8


def render_comparison(comparison: Comparison, *, matrices: int = MOST_MATRICES,
                      examples: int = MOST_EXAMPLES) -> str:
    """
    Return the HTML of the page.

    :param matrices: how many are shown at most; likewise ``examples``.
    """
    return render_page(
        title_text(comparison), 'vpr_ros · comparison', lead_text(comparison), [
            ('summary', 'Summary', _summary(comparison)),
            ('tables', 'Tables', _tables(comparison)),
            ('curves', 'Precision and recall', _curves(comparison)),
            ('matrices', 'Similarity', matrices_section(comparison, most=matrices)),
            ('matches', 'Matches', gallery_section(comparison, most=examples)),
            ('speed', 'Speed', speed_section(comparison)),
            ('origin', 'Protocols and origin', origin_section(comparison)),
        ], version=comparison.provenance.version)


def _summary(comparison: Comparison) -> Markup:
    parts: list[Markup | None] = [heading('summary', 'Summary')]
    several = len(comparison.tables) > 1
    for table in comparison.tables:
        if not table.columns:
            continue
        measure = first_measure(table)
        if several:
            parts.append(element('h3', table.protocol.title))
        parts.append(element('ul', *(element('li', text) for text in verdicts(table)),
                             class_='verdicts'))
        panels = [_panel(table, unit, measure, comparison, level=4 if several else 3)
                  for unit in table.units]
        keys = dense_keys if is_dense(table) else rank_keys
        if any(panels):
            parts += [element('div', *panels, class_='panels'),
                      element('div', *keys(table, measure), class_='keys'),
                      _each_of_groups(table, measure, comparison)]
    return join(parts)


def _each_of_groups(table: Table, measure: str, comparison: Comparison) -> Markup | None:
    """Return the panels of the pairs of groups, behind a fold; None without groups."""
    groups = {column.unit for column in table.columns if column.over}
    pairs = [m.pair.name for m in table.pairs if m.pair.group in groups]
    if not pairs:
        return None
    each = pair_table(table, comparison.results, [measure])
    return element('details', element('summary', 'Each pair of the groups'), element(
        'div', *(_panel(each, pair, measure, comparison, level=4) for pair in pairs),
        class_='panels'))


def _panel(table: Table, unit: str, measure: str, comparison: Comparison, *,
           level: int) -> Markup | None:
    """Return what each system got: a row for each, or for each label where that is too many."""
    if is_dense(table):
        return dense_panel(table, unit, measure, level=level)
    return rank_panel(table, unit, measure, comparison.signs, level=level)


def _tables(comparison: Comparison) -> Markup:
    parts = [heading('tables', 'Tables')]
    for table in comparison.tables:
        name = f'Results of {table.protocol.name}'
        parts += [element('h3', table.protocol.title), element('p', *_about(table),
                                                               class_='about'),
                  results_table(table, comparison.signs, name)]
        parts.append(all_numbers(table, comparison.results, comparison.signs))
    names = dict.fromkeys(name for result in comparison.results for name in result.numbers
                          if measure_named(name).kind != 'ms')
    parts.append(element('details', element('summary', 'What the numbers mean'), element(
        'dl', *(join([element('dt', measure_named(name).title),
                      element('dd', measure_named(name).meaning)]) for name in names),
        class_='origin')))
    return join(parts)


def _about(table: Table) -> list[str | Markup]:
    protocol = table.protocol
    truths = list(dict.fromkeys(m.truth for m in table.pairs))
    said = f'Right means {truths[0]}. ' if len(truths) == 1 else \
        'What counts as right differs from pair to pair: see the protocol below. '
    return ['Protocol ', element('code', protocol.name), ', hash ', element('code', protocol.hash),
            '. ', said, ' '.join(how_to_read(table))]


def _curves(comparison: Comparison) -> Markup | None:
    figures = []
    dropped = False
    for table, pair in comparison.each_pair():
        kind = 'ratio' if 'auc_ratio' in table.protocol.measures else 'score'
        area = 'auc_ratio' if kind == 'ratio' else 'auc'
        own = [(system, result) for system, result in comparison.of_pair(table, pair)
               if result.curves.get(kind)]
        if not own:
            continue
        if len(own) > MOST_CURVES:
            dropped = True
            best = sorted(own, key=lambda pair: -pair[1].numbers[area].value
                          if area in pair[1].numbers else 0.0)[:MOST_CURVES]
            own = [pair for pair in own if pair in best]
        name = comparison.pair_name(table, pair)
        chart = curves_chart({system: result.curves[kind] for system, result in own},
                             comparison.signs, f'Precision and recall: {name}')
        keys = [element('li', comparison.signs.name(system, table.words(system)), element(
            'span', f'{measure_named(area).title} '
            f'{number_text(result.numbers[area].value, measure_named(area))}', class_='got')
            if area in result.numbers else None) for system, result in own]
        figures.append(element('figure', element('h3', name), chart,
                               element('ol', *keys, class_='curve-keys')))
    if not figures:
        return None
    about = ('If every answer above some score were accepted: how many of those would be right '
             '(precision), and how many of the places would be found (recall). A robot needs '
             'the upper edge: what is found before the first mistake.')
    if dropped:
        about += f' Of more than {MOST_CURVES} systems the {MOST_CURVES} best are drawn.'
    return join([heading('curves', 'Precision and recall', about),
                 element('div', *figures, class_='charts')])
