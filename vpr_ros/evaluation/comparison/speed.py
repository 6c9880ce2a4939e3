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


"""How long systems took, where it was measured."""

from __future__ import annotations

from collections.abc import Mapping

from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.signs import SystemSigns
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import systems_of
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.report_page import heading

__all__ = ['speed_section']

_COLUMNS = {'mean': 'mean', '50': 'median', '95': '95 of 100 within', '99': '99 of 100 within',
            'max': 'longest'}
Times = Mapping[str, Mapping[str, Number]]


def speed_section(comparison: Comparison) -> Markup | None:
    """Return the section: of every system the times of its slowest pair; None without times."""
    slowest: dict[System, dict[str, dict[str, Number]]] = {}
    for result in comparison.results:
        system = System.of(result)
        for name, number in result.numbers.items():
            if measure_named(name).kind != 'ms':
                continue
            stage, which = name.split('_ms@')
            own = slowest.setdefault(system, {}).setdefault(stage, {})
            if which not in own or number.value > own[which].value:
                own[which] = number
    if not slowest:
        return None
    about = ('Milliseconds per image on the machine that described it. Where there are several '
             'pairs, each number is that of the slowest one.')
    if any(len(stages) > 2 and 'match' in stages for stages in slowest.values()):
        about += ' The stage "match" is all of matching, the stages below it are its parts.'
    name = 'Speed table'
    table = element(
        'table', element('caption', 'Milliseconds per image'),
        element('thead', element('tr', *(element('th', title, scope='col') for title in (
            'stage', *_COLUMNS.values(), 'images')))),
        *(_block(system, slowest[system], comparison.signs)
          for system in systems_of(comparison.results) if system in slowest), class_='results')
    return join([heading('speed', 'Speed', about), element(
        'div', table, class_='scroll', tabindex='0', role='region', aria_label=name)])


def _block(system: System, times: Times, signs: SystemSigns) -> Markup:
    rows = []
    for stage, own in times.items():
        cells = [number_text(own[which].value, measure_named(f'{stage}_ms@{which}'))
                 if which in own else '–' for which in _COLUMNS]
        images = max(number.count for number in own.values())
        rows.append(element('tr', element('th', stage, scope='row'),
                            *(element('td', cell) for cell in cells),
                            element('td', str(images))))
    return element('tbody', element('tr', element(
        'th', signs.name(system, system.conditions), scope='rowgroup',
        colspan=str(len(_COLUMNS) + 2)), class_='unit'), *rows)
