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


"""One number of all systems side by side, with its interval, for the eye."""

from __future__ import annotations

from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import interval_text
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.number_words import unit_of
from vpr_ros.evaluation.comparison.signs import SystemSigns
from vpr_ros.evaluation.comparison.table_words import unit_text
from vpr_ros.evaluation.comparison.tables import Cell
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.markup import css_percent
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import Markup

__all__ = ['rank_keys', 'rank_panel']


def rank_panel(table: Table, unit: str, measure: str, signs: SystemSigns, *,
               level: int = 3) -> Markup | None:
    """
    Draw what each system got: a dot, and a bar for its interval.

    Of a group the dot is the mean, and a diamond the worst of its pairs.

    :param measure: a share; None is returned where the table has no such column.
    :param level: of the heading.
    """
    columns = {column.over: j for j, column in enumerate(table.columns)
               if column.unit == unit and column.measure == measure}
    first = columns.get('', columns.get('mean'))
    if first is None or measure_named(measure).kind != 'share':
        return None
    worst = columns.get('worst')
    rows = [(row, row.cells[first], row.cells[worst] if worst is not None else None)
            for row in table.rows]
    title = element(f'h{level}', unit, element('small', unit_text(table, unit)))
    return element('div', title, element(
        'ol', *(element(
            'li', signs.name(row.system, table.words(row.system)),
            _track(cell, low, published=row.system.published), _said(cell, low, measure))
            for row, cell, low in rows if cell is not None or low is not None),
        class_='ranks'), class_='panel')


def _track(cell: Cell | None, worst: Cell | None, *, published: bool) -> Markup:
    parts = []
    if cell is not None:
        low, high = cell.number.low, cell.number.high
        if low is not None and high is not None:
            parts.append(element('i', class_='range', style=f'left:{css_percent(low)};'
                                 f'width:{css_percent(max(high, 0) - max(low, 0))}'))
        kind = 'dot printed' if published else 'dot best' if cell.best else 'dot'
        parts.append(element('i', class_=kind, style=f'left:{css_percent(cell.number.value)}'))
    if worst is not None:
        parts.append(element('i', class_='diamond',
                             style=f'left:{css_percent(worst.number.value)}'))
    return element('span', *parts, class_='track', aria_hidden='true')


def _said(cell: Cell | None, worst: Cell | None, measure: str) -> Markup:
    known = measure_named(measure)
    beside = []
    if cell is not None:
        beside.append(interval_text(cell.number, known))
    if worst is not None:
        beside.append(f'worst {number_text(worst.number.value, known)} {worst.pair}'.rstrip())
    text = '–' if cell is None else number_text(cell.number.value, known)
    return element('span', element('b', text) if cell is not None and cell.best else text,
                   element('small', ' '.join(part for part in beside if part)), class_='got')


def rank_keys(table: Table, measure: str) -> list[Markup]:
    """Return the keys of the signs on the panels."""
    known = measure_named(measure)
    cells = [(row, cell, column) for row in table.rows
             for cell, column in zip(row.cells, table.columns, strict=True)
             if cell is not None and column.measure == measure]
    keys = [_key('dot', f'{known.title}, {unit_of(known)}')]
    if any(cell.number.low is not None for _, cell, _ in cells):
        keys.append(_key('range', 'its 95 % interval'))
    if any(cell.best for _, cell, _ in cells):
        keys.append(_key('dot best', 'the best'))
    if any(column.over == 'worst' for _, _, column in cells):
        keys.append(_key('diamond', 'the worst pair of a group'))
    if any(row.system.published for row, _, _ in cells):
        keys.append(_key('dot printed', 'as published'))
    return keys


def _key(kind: str, text: str) -> Markup:
    return element('span', element('span', element('i', class_=kind), class_='track',
                                   aria_hidden='true'), text, class_='key')
