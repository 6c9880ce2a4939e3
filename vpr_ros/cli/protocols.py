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

"""Command: vpr_ros protocols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from typing import TYPE_CHECKING

import typer
from vpr_ros.cli.console import columns
from vpr_ros.cli.console import plural
from vpr_ros.cli.console import say
from vpr_ros.cli.console import table
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.evaluation.protocols.protocol import Protocol

__all__ = ['protocols']


def protocols(
    name: Annotated[str, typer.Argument(
        metavar='NAME', help='Show what this one compares; also a YAML file.',
        show_default=False)] = '',
    yaml: Annotated[bool, typer.Option(
        '--yaml', help='Print its file, to write one of your own after it.')] = False,
) -> None:
    """
    List the protocols of `vpr_ros evaluate`, or show what one compares.

    Example: `vpr_ros protocols`

    Example: `vpr_ros protocols seymour2019_table1`

    Example: `vpr_ros protocols gardens_point_day_night --yaml > mine.yaml`
    """
    from vpr_ros.evaluation.protocols.protocol import protocol_file
    from vpr_ros.evaluation.protocols.protocol import read_protocol

    if not name:
        if yaml:
            raise VprError('which protocol is to be printed? Give its name, as in: '
                           'vpr_ros protocols gardens_point_day_night --yaml')
        _list()
        return
    protocol = read_protocol(name)
    if yaml:
        # As it is, with its comments; rich would take [...] for markup.
        print(protocol_file(name).read_text(encoding='utf-8'), end='')
        return
    _show(protocol)


def _list() -> None:
    from vpr_ros.evaluation.protocols.protocol import protocol_names
    from vpr_ros.evaluation.protocols.protocol import read_protocol
    from vpr_ros.evaluation.protocols.words import data_sets

    found = [read_protocol(name) for name in protocol_names()]
    # Those of papers come last: they name their networks.
    found.sort(key=lambda protocol: (bool(protocol.source), protocol.name))
    columns(('protocol', 'what it compares', 'data', 'networks', 'pairs'), [
        (protocol.name, protocol.title, ', '.join(data_sets(protocol)),
         str(len(protocol.networks) or 'any'), str(len(protocol.pairs)))
        for protocol in found], numbers=2)
    say('What one compares, and by which rule: vpr_ros protocols NAME\n'
        'To measure by it: vpr_ros evaluate --protocol NAME --data FOLDER --out FOLDER')


def _show(protocol: Protocol) -> None:
    from vpr_ros.cli.networks import short_options
    from vpr_ros.evaluation.protocols.words import frame_words
    from vpr_ros.evaluation.protocols.words import printed_numbers
    from vpr_ros.evaluation.protocols.words import truth_words

    rows = [('protocol', protocol.name), ('compares', protocol.title), ('rule', protocol.hash),
            ('measures', ', '.join(protocol.measures))]
    rows += [('source', protocol.source.strip())] if protocol.source else []
    table([*rows, ('about', protocol.about.strip())])
    say('')
    _columns_with_something(
        ('pair', 'rule', 'data', 'reference', 'query', 'right', 'frames', 'group'), [
            (pair.name, pair.hash, pair.data, pair.reference, pair.query,
             truth_words(pair.truth), frame_words(pair), pair.group) for pair in protocol.pairs])
    if protocol.networks:
        _columns_with_something(('row', 'network', 'options', 'note'), [
            (row.label, row.network, short_options(row.options), row.note)
            for row in protocol.networks])
    if protocol.published:
        said, numbers = printed_numbers(protocol)
        columns(('as published', *(f'{of} {measure}' for of, measure in said)), numbers,
                numbers=len(said))
    for group, pairs in protocol.groups().items():
        say(f'{group}: mean and worst of {len(pairs)} {plural(len(pairs), "pair")}')


def _columns_with_something(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    kept = [at for at in range(len(header)) if any(row[at] for row in rows)]
    columns([header[at] for at in kept], [[row[at] for at in kept] for row in rows])
