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

from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import systems_of
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.report_page import heading
from vpr_ros.evaluation.report_page import scroll_table

__all__ = ['speed_section']


def speed_section(comparison: Comparison) -> Markup | None:
    """Return the section: of every system the times of its slowest pair; None without times."""
    slowest: dict[System, dict[str, Number]] = {}
    for result in comparison.results:
        system = System(result.label, result.method, result.statistics)
        for name, number in result.numbers.items():
            # The longest time of all is that of a warm-up as often as not: see all numbers.
            if measure_named(name).kind != 'ms' or name.endswith('@max'):
                continue
            own = slowest.setdefault(system, {})
            if name not in own or number.value > own[name].value:
                own[name] = number
    if not slowest:
        return None
    names = list(dict.fromkeys(name for numbers in slowest.values() for name in numbers))
    rows = [[comparison.signs.name(system, system.conditions),
             str(max(number.count for number in slowest[system].values())),
             *(number_text(slowest[system][name].value, measure_named(name))
               if name in slowest[system] else '–' for name in names)]
            for system in systems_of(comparison.results) if system in slowest]
    about = ('Milliseconds per image on the machine that ran the evaluation, of each system on '
             'the pair where it was slowest. p95 means: 95 of 100 images took at most so long.')
    return join([heading('speed', 'Speed', about), scroll_table(
        'Speed table', 'Milliseconds per image',
        ['system', 'images', *(measure_named(name).title for name in names)], rows)])
