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


"""Which system is which: a letter, a dash and a colour that it keeps on the whole page."""

from __future__ import annotations

from collections.abc import Sequence

from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import Markup

__all__ = ['DASHES', 'SystemSigns']

# Of report_style: --s1 and so on.
COLOURS = 8
#: Of lines, so that they can be told apart without their colour.
DASHES = ('', '7 3', '2 3', '9 3 2 3', '14 4')


class SystemSigns:
    """The signs of the systems of a page; numbers that a paper printed have none."""

    def __init__(self, systems: Sequence[System]) -> None:
        """Give each system its sign, in their order."""
        self._numbers = {system: k for k, system in enumerate(systems)}

    def letter(self, system: System) -> str:
        """Return A, B, ... Z, AA, ...; '' for a system without a sign."""
        number = self._numbers.get(system)
        letters = ''
        while number is not None and number >= 0:
            letters = chr(ord('A') + number % 26) + letters
            number = number // 26 - 1
        return letters

    def line(self, system: System) -> dict[str, str | None]:
        """Return the attributes of the system's line in a chart."""
        number = self._numbers[system]
        return {'class_': f'system s{number % COLOURS + 1}',
                'stroke_dasharray': DASHES[number % len(DASHES)] or None}

    def sign(self, system: System) -> Markup:
        """Return a piece of the system's line and its letter."""
        if system not in self._numbers:
            return Markup('')
        line = element('svg', element('path', d='M1 8H33', **self.line(system)), class_='stroke',
                       viewBox='0 0 34 16', aria_hidden='true')
        return element('span', self.letter(system), line, class_='sign')

    def name(self, system: System, beside: str) -> Markup:
        """Return the sign and the label, and in small letters what has to be said beside it."""
        label = element('i', system.label) if system.published else system.label
        return element('span', self.sign(system), element(
            'span', label, element('small', beside) if beside else None, class_='system-name'),
            class_='who')
