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


"""What has to be said of a table, in sentences."""

from __future__ import annotations

from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.meanings import NS
from vpr_ros.evaluation.comparison.tables import MeasuredPair
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.comparison.tables import WHOLE

__all__ = ['BELOW', 'counts_text', 'how_to_read', 'pair_notes', 'pair_words', 'unit_text']

# Of one best reference alone, both methods say the same.
_DEEPER = {f'{kind}@{n}' for kind in ('recall', 'map') for n in NS if n > 1}

#: Beside a number that is below the best one.
BELOW = '▼'


def how_to_read(table: Table) -> list[str]:
    """Return the sentences that say what the numbers of a table are."""
    said = []
    if any(measure_named(column.measure).kind == 'share' for column in table.columns):
        said.append('Shares in percent')
    cells = [cell for row in table.rows for cell in row.cells if cell is not None]
    if any(cell.number.low is not None for cell in cells):
        said.append('intervals of 95 % from resampled blocks of consecutive queries')
    sentences = [f'{", with ".join(said)}.'] if len(said) == 2 else [f'{s}.' for s in said]
    if table.conditions:
        sentences.append(f'All rows: {table.conditions}.')
    if any(cell.best for cell in cells):
        sentences.append('The best of each column is bold.')
    if any(cell.below for cell in cells):
        sentences.append(
            f'{BELOW}: R@1 is below the best of its column by a difference on the same queries '
            'whose interval of 95 % leaves out zero; without it no difference was shown. The '
            'signs are not corrected for how many there are.')
    statistics = {row.system.statistics for row in table.rows if not row.system.published}
    if WHOLE in statistics:
        aside = ' and are not in the running for the best' if len(statistics) > 1 else ''
        sentences.append('Rows with the statistics of the whole query traverse knew images that a '
                         f'robot has not seen yet{aside}.')
    methods = {row.system.method for row in table.rows if not row.system.published}
    if 'single image' in methods and len(methods) > 1 and any(
            column.measure in _DEEPER for column in table.columns):
        sentences.append('Over time, references beside each other are one answer: what is found '
                         'among the best 5 or more then reaches further than for single images.')
    if any(column.over == 'worst' for column in table.columns):
        sentences.append('Groups of pairs have their mean, every pair counting alike, and their '
                         'worst pair.')
    return sentences


def pair_words(measured: MeasuredPair) -> str:
    """Return what was compared on a pair, and what counts as right."""
    counts = measured.counts
    return (f'{measured.pair.name}: {counts.queries} queries, {counts.with_place} of them with a '
            f'place, {counts.references} references, right means {measured.truth}')


def counts_text(measured: MeasuredPair) -> str:
    """Return how many queries and references a pair has."""
    counts = measured.counts
    placed = f' ({counts.with_place} with a place)' if counts.without_place else ''
    return f'{counts.queries} queries{placed}, {counts.references} references'


def unit_text(table: Table, unit: str) -> str:
    """Return how much was asked on a pair, or on the pairs of a group."""
    pairs = [m for m in table.pairs if unit in (m.pair.name, m.pair.group)]
    if pairs[0].pair.name == unit:
        return counts_text(pairs[0])
    queries = sum(m.counts.queries for m in pairs)
    placed = sum(m.counts.with_place for m in pairs)
    beside = f' ({placed} with a place)' if placed < queries else ''
    whole = sum(pair.group == unit for pair in table.protocol.pairs)
    measured = f'{whole} pairs' if len(pairs) == whole else f'{len(pairs)} of {whole} pairs'
    return f'{measured}, {queries} queries{beside}'


def pair_notes(table: Table) -> list[str]:
    """Return what is said of pairs, each thing once."""
    said: dict[str, list[str]] = {}
    for measured in table.pairs:
        for note in measured.notes:
            said.setdefault(note, []).append(measured.pair.name)
    return [f'On {"all pairs" if len(names) == len(table.pairs) > 1 else ", ".join(names)}: {note}'
            for note, names in said.items()]
