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


"""Who is best, in words that say how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
import math

from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.meanings import Measure
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import interval_text
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.number_words import unit_of
from vpr_ros.evaluation.comparison.paired import Difference
from vpr_ros.evaluation.comparison.tables import Cell
from vpr_ros.evaluation.comparison.tables import RECALL
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import systems_of
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.comparison.tables import WHOLE
from vpr_ros.evaluation.report_words import count_of
from vpr_ros.evaluation.report_words import were

__all__ = ['first_measure', 'lead_text', 'title_text', 'verdicts']

# The names of more would be no title.
_MOST_TITLED = 3


def title_text(comparison: Comparison) -> str:
    """Return the title of the page."""
    tables = comparison.tables
    if len(tables) == 1:
        return tables[0].protocol.title
    labels = _labels(comparison)
    systems = _listed(labels) if len(labels) <= _MOST_TITLED else count_of(len(labels), 'system')
    return f'{systems} on {count_of(len(tables), "protocol")}'


def _labels(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(result.label for result in comparison.results))


def lead_text(comparison: Comparison) -> str:
    """Say in two or three sentences what was compared."""
    labels = _labels(comparison)
    measured = [m for table in comparison.tables for m in table.pairs]
    if not measured:
        return 'Nothing was measured.'
    queries = sum(m.counts.queries for m in measured)
    alone = sum(m.counts.without_place for m in measured)
    done = 'compared' if len(systems_of(comparison.results)) > 1 else 'measured'
    text = (f'{_listed(labels)} {were(len(labels))} {done} on '
            f'{count_of(len(measured), "pair")} of traverses: '
            f'{queries} {"query" if queries == 1 else "queries"}')
    if alone:
        text += f', {alone} of which show a place that no reference shows'
    text += '.'
    if any(result.statistics == WHOLE for result in comparison.results):
        text += (' Some rows use statistics of the whole query traverse, which no robot has while '
                 'it drives; they say so.')
    return text


def first_measure(table: Table) -> str:
    """Return the measure that a table begins with."""
    return table.columns[0].measure


def verdicts(table: Table) -> list[str]:
    """Say for each pair or group which system is the best by the first measure."""
    said = []
    for unit in table.units:
        column = next((j for j, c in enumerate(table.columns)
                       if c.unit == unit and c.over in ('', 'mean')), None)
        if column is None:
            continue
        text = _verdict(table, column)
        if text:
            over = ', mean of its pairs' if table.columns[column].over else ''
            said.append(f'{unit}{over}: {text}')
    return said


def _verdict(table: Table, column: int) -> str:
    measure = measure_named(table.columns[column].measure)
    rows = [(row.system, cell) for row in table.rows
            if not row.system.published and (cell := row.cells[column]) is not None
            and math.isfinite(cell.number.value)]
    running = [(s, cell) for s, cell in rows if s.statistics != WHOLE] or rows
    if not running:
        return ''
    running.sort(key=lambda pair: pair[1].number.value, reverse=measure.better == 'higher')
    best = [(s, cell) for s, cell in running
            if number_text(cell.number.value, measure)
            == number_text(running[0][1].number.value, measure)]
    got = _got(running[0][1], measure)
    if len(best) > 1:
        names = _listed([_called(s, table) for s, _ in best])
        return f'{names} share the best {measure.title}, {got}.'
    name = _called(best[0][0], table)
    if len(running) == 1:
        return f'{name} has {measure.title} {got}.'
    # Of another network if there is one: that is what people ask.
    second, other = next((pair for pair in running if pair[0].label != best[0][0].label),
                         running[1])
    others = '' if second is running[1][0] else 'the best of the other networks, '
    text = (f'{name} is best with {measure.title} {got}, before {others}{_called(second, table)} '
            f'with {_got(other, measure)}.')
    paired = table.paired.get(table.columns[column].unit)
    if (paired is not None and best[0][0] in paired and second in paired
            and table.columns[column].measure == RECALL and not table.columns[column].over):
        return f'{text[:-1]}, {_apart(paired.difference(best[0][0], second))}.'
    if table.columns[column].over:
        return text + ' A mean over pairs has no interval: the order may be chance.'
    if _meet(running[0][1], other):
        text += ' Their intervals overlap: another drive could turn the order round.'
    return text


def _apart(difference: Difference) -> str:
    value, low, high = (f'{round(100 * share, 1) + 0.0:.1f}' for share in (
        difference.value, difference.low, difference.high))
    shown = 'a difference was shown' if difference.shown else 'no difference was shown'
    return f'by {value} points ({low} to {high}) on the same queries: {shown}'


def _called(system: System, table: Table) -> str:
    """Return the label, and the conditions where they differ in the table."""
    words = table.words(system)
    return f'{system.label} ({words})' if words else system.label


def _got(cell: Cell, measure: Measure) -> str:
    unit = unit_of(measure)
    text = f'{number_text(cell.number.value, measure)}{f" {unit}" if unit else ""}'
    interval = interval_text(cell.number, measure)
    return f'{text} ({interval})' if interval else text


def _meet(one: Cell, other: Cell) -> bool:
    a, b = one.number, other.number
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return False
    return a.low <= b.high and b.low <= a.high


def _listed(names: Sequence[str]) -> str:
    if len(names) > 6:
        return f'{", ".join(names[:5])} and {len(names) - 5} more'
    return ' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)
