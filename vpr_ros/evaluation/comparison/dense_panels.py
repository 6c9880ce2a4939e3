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


"""One number of many systems side by side: a row for each, a mark for each way it was used."""

from __future__ import annotations

from collections.abc import Sequence

from vpr_ros.evaluation.comparison.meanings import Measure
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.number_words import unit_of
from vpr_ros.evaluation.comparison.result import METHODS
from vpr_ros.evaluation.comparison.result import NOT_KNOWN
from vpr_ros.evaluation.comparison.result import QUERY_STATISTICS
from vpr_ros.evaluation.comparison.table_words import unit_text
from vpr_ros.evaluation.comparison.tables import Cell
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.comparison.tables import WHOLE
from vpr_ros.evaluation.markup import css_percent
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import Markup

__all__ = ['dense_keys', 'dense_panel', 'is_dense']

# A row for each of more systems than this is more than an eye takes in.
_MOST_ROWS = 8
# From one mark of a row to the next below it: each has its own height, so that none hides another.
_LANE_PX = 9
# Method and statistics -> the outline of the mark, in a square of 12, and its word in short.
_Way = tuple[str, str]
_PUBLISHED: _Way = ('published', '')
_MARKS: dict[_Way, tuple[str, str]] = {
    ('single image', 'none'): ('M6 2a4 4 0 1 0 .01 0Z', 'single'),
    ('single image', 'past'): ('M6 1.5L10.7 10H1.3Z', 'past'),
    ('single image', WHOLE): ('M2.2 2.2H9.8V9.8H2.2Z', 'whole'),
    ('over time', 'none'): ('M4.3 1.2h3.4v3.1h3.1v3.4H7.7v3.1H4.3V7.7H1.2V4.3h3.1Z', 'over time'),
    ('over time with odometry', 'none'): ('M2 1.8H10L7 6L10 10.2H2L5 6Z', 'odometry'),
    ('listed', NOT_KNOWN): ('M1.3 2H10.7L6 10.5Z', 'listed'),
    _PUBLISHED: ('M6 2a4 4 0 1 0 .01 0Z', 'printed')}
_OTHER = ('M6 1L11 6L6 11L1 6Z', 'other')


def is_dense(table: Table) -> bool:
    """Return whether a table has many systems, some of them used in several ways."""
    measured = [row.system for row in table.rows if not row.system.published]
    return len(measured) > _MOST_ROWS and len({s.label for s in measured}) < len(measured)


def dense_panel(table: Table, unit: str, measure: str, *, level: int = 3) -> Markup | None:
    """
    Draw what each system got: a row for all that one label got, with a mark for each way.

    Of a group the marks are the mean of its pairs.

    :param measure: a share; None is returned where the table has no such column.
    :param level: of the heading.
    """
    column = next((j for j, c in enumerate(table.columns)
                   if c.unit == unit and c.measure == measure and c.over in ('', 'mean')), None)
    if column is None or measure_named(measure).kind != 'share':
        return None
    ways = _ways(table)
    of_label: dict[str, dict[_Way, Cell]] = {}
    for row in table.rows:
        cell = row.cells[column]
        if cell is not None:
            of_label.setdefault(row.system.label, {})[_way(row.system)] = cell
    known = measure_named(measure)
    mean = 'mean of the pairs; ' if table.columns[column].over else ''
    return element(
        'div', element(f'h{level}', unit, element('small', unit_text(table, unit))),
        element('table', element(
            'caption', f'{known.title}, {unit_of(known)}; {mean}intervals are in the tables'),
            element('thead', element(
                'tr', element('th', 'system', scope='col'),
                element('th', element('span', '0', element('span', '50'), element('span', '100'),
                                      class_='ends'), scope='col'),
                *(element('th', _mark(way), element('span', _word(way)), scope='col')
                  for way in ways))),
            element('tbody', *(_row(label, cells, ways, measure)
                               for label, cells in of_label.items())),
            class_='dense-ranks', style=f'--ways:{len(ways)}'), class_='panel')


def _row(label: str, cells: dict[_Way, Cell], ways: Sequence[_Way], measure: str) -> Markup:
    known = measure_named(measure)
    marks: list[Markup] = []
    for k, way in enumerate(ways):
        cell = cells.get(way)
        if cell is None:
            continue
        top = f'top:{(k + 0.5) * _LANE_PX + 2:g}px'
        low, high = cell.number.low, cell.number.high
        if low is not None and high is not None:
            marks.append(element('i', class_='range', style=f'{top};left:{css_percent(low)};'
                                 f'width:{css_percent(max(high, 0) - max(low, 0))}'))
        marks.append(_mark(way, best=cell.best,
                           style=f'{top};left:{css_percent(cell.number.value)}'))
    return element(
        'tr', element('th', label, scope='row'),
        element('td', element('span', *marks, class_='track',
                              style=f'height:{len(ways) * _LANE_PX + 4}px', aria_hidden='true')),
        *(element('td', _said(cells.get(way), known)) for way in ways))


def _said(cell: Cell | None, known: Measure) -> str | Markup:
    if cell is None:
        return '–'
    text = number_text(cell.number.value, known)
    return element('b', text) if cell.best else text


def dense_keys(table: Table, measure: str) -> list[Markup]:
    """Return the keys of the marks on the panels."""
    keys = []
    conditions = {_way(row.system): row.system.conditions for row in table.rows}
    for way in _ways(table):
        keys.append(element('span', _mark(way), conditions[way], class_='key'))
    cells = [cell for row in table.rows
             for cell, column in zip(row.cells, table.columns, strict=True)
             if cell is not None and column.measure == measure]
    if any(cell.number.low is not None for cell in cells):
        keys.append(element('span', element(
            'span', element('i', class_='range'), class_='track', aria_hidden='true'),
            'interval of 95 %', class_='key'))
    if any(cell.best for cell in cells):
        keys.append(element('span', _mark(_ways(table)[0], best=True), 'filled: the best',
                            class_='key'))
    return keys


def _ways(table: Table) -> list[_Way]:
    """Return the ways of all rows, the plainest first and what was printed last."""
    found = {_way(row.system) for row in table.rows}
    ordered = [(method, kind) for method in METHODS for kind in (*QUERY_STATISTICS, NOT_KNOWN)]
    return [way for way in [*ordered, _PUBLISHED] if way in found]


def _way(system: System) -> _Way:
    return _PUBLISHED if system.published else (system.method, system.statistics)


def _word(way: _Way) -> str:
    return _MARKS.get(way, _OTHER)[1]


def _mark(way: _Way, *, best: bool = False, style: str | None = None) -> Markup:
    kind = ' printed' if way == _PUBLISHED else ' aside' if way[1] == WHOLE else ''
    return element('svg', element('path', d=_MARKS.get(way, _OTHER)[0]), viewBox='0 0 12 12',
                   class_=f'way{kind}{" best" if best else ""}', style=style, aria_hidden='true')
