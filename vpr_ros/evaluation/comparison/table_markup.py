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


"""The tables of systems in HTML."""

from __future__ import annotations

from collections.abc import Sequence

from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import interval_text
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.signs import SystemSigns
from vpr_ros.evaluation.comparison.table_words import BELOW
from vpr_ros.evaluation.comparison.table_words import counts_text
from vpr_ros.evaluation.comparison.table_words import pair_notes
from vpr_ros.evaluation.comparison.table_words import unit_text
from vpr_ros.evaluation.comparison.tables import Cell
from vpr_ros.evaluation.comparison.tables import Over
from vpr_ros.evaluation.comparison.tables import Row
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import systems_of
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.report_page import scroll_table

__all__ = ['all_numbers', 'results_table']


def results_table(table: Table, signs: SystemSigns, name: str) -> Markup:
    """
    Return the table with its notes: pairs and groups below one another, measures side by side.

    :param name: for those who hear the page; no other table of the page has it.
    """
    measures = list(dict.fromkeys(column.measure for column in table.columns))
    blocks = list(dict.fromkeys((column.unit, column.over) for column in table.columns))
    head = element('thead', element('tr', element('th', 'system', scope='col'), *(
        element('th', _title(measure), scope='col') for measure in measures)))
    bodies = [_block(table, unit, over, measures, signs) for unit, over in blocks]
    return join([
        element('div', element('table', element('caption', name), head, *bodies,
                               class_='results'),
                class_='scroll', tabindex='0', role='region', aria_label=name),
        _notes(table)])


def _block(table: Table, unit: str, over: Over, measures: Sequence[str],
           signs: SystemSigns) -> Markup:
    """Return the rows of one pair, or of the mean or the worst of a group."""
    at = {column.measure: j for j, column in enumerate(table.columns)
          if (column.unit, column.over) == (unit, over)}
    title = {'': unit, 'mean': f'{unit}, mean', 'worst': f'{unit}, worst pair'}[over]
    rows = []
    for row in table.rows:
        cells = [row.cells[at[measure]] if measure in at else None for measure in measures]
        # A paper that printed nothing of this pair has no row here.
        if any(cells) or not row.system.published:
            rows.append(_row(row, cells, measures, table.words(row.system), signs))
    return element('tbody', element('tr', element(
        'th', title, element('small', unit_text(table, unit)), scope='rowgroup',
        colspan=str(len(measures) + 1)), class_='unit'), *rows)


def _title(name: str) -> str:
    measure = measure_named(name)
    return f'{measure.title}, ms' if measure.kind == 'ms' else measure.title


def _row(row: Row, cells: Sequence[Cell | None], measures: Sequence[str], words: str,
         signs: SystemSigns) -> Markup:
    marks = join(element('sup', str(k + 1)) for k in row.notes)
    return element(
        'tr', element('th', signs.name(row.system, words), marks, scope='row'),
        *(_cell(cell, measure) for cell, measure in zip(cells, measures, strict=True)),
        class_='printed' if row.system.published else None)


def _cell(cell: Cell | None, name: str) -> Markup:
    if cell is None:
        return element('td', '–')
    measure = measure_named(name)
    text = number_text(cell.number.value, measure)
    below = [part for part in (interval_text(cell.number, measure), cell.pair) if part]
    sign = element('span', BELOW, class_='below', role='img', aria_label='below the best')
    return element('td', element('b', text) if cell.best else text, sign if cell.below else None,
                   *(element('small', part) for part in below))


def _notes(table: Table) -> Markup | None:
    said = [join([element('sup', str(k + 1)), f' {note}'])
            for k, note in enumerate(table.notes)]
    said += [join([note]) for note in pair_notes(table)]
    if table.missing:
        said.append(join([f'Not measured: {", ".join(table.missing)}']))
    return element('ul', *(element('li', note) for note in said), class_='notes') if said else None


def all_numbers(table: Table, results: Sequence[PairResult], signs: SystemSigns) -> Markup:
    """Return a table for each pair with all measures, behind a fold."""
    tables = []
    for measured in table.pairs:
        own = {System.of(r): r for r in results
               if r.protocol == table.protocol.name and r.pair == measured.pair.name}
        systems = systems_of(list(own.values()))
        # Times have a section of their own.
        names = [name for name in dict.fromkeys(name for r in own.values() for name in r.numbers)
                 if measure_named(name).kind != 'ms']
        rows = [[_title(name), *(_full(own[s].numbers.get(name), name) for s in systems),
                 _counted([own[s].numbers.get(name) for s in systems])] for name in names]
        tables.append(scroll_table(
            f'All numbers of {table.protocol.name}, {measured.pair.name}',
            f'{measured.pair.name}: {counts_text(measured)}',
            ['', *(signs.name(s, table.words(s)) for s in systems), 'queries'], rows))
    return element('details', element('summary', 'All measures, pair by pair'), *tables,
                   class_='numbers')


def _full(number: Number | None, name: str) -> Markup:
    if number is None:
        return Markup('–')
    measure = measure_named(name)
    beside = interval_text(number, measure)
    return join([number_text(number.value, measure),
                 element('small', beside) if beside else None])


def _counted(numbers: Sequence[Number | None]) -> str:
    """Return over how many queries numbers are; that of each where they differ."""
    counts = [str(number.count) for number in numbers if number is not None]
    return ', '.join(counts if len(set(counts)) > 1 else counts[:1])
