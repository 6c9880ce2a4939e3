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


"""Measured numbers as tables print them."""

from __future__ import annotations

import math

from vpr_ros.evaluation.comparison.meanings import Measure
from vpr_ros.evaluation.comparison.result import Number

__all__ = ['interval_text', 'number_text', 'unit_of']


def number_text(value: float, measure: Measure) -> str:
    """
    Return a number without its unit: shares in percent.

    100 and 0 are said of shares only when they are exact.
    """
    if not math.isfinite(value):
        return '–'
    if measure.kind == 'share':
        if value in (0.0, 1.0):
            return f'{100 * value:.0f}'
        share = 100 * value
        if 0 < value < 1:
            share = min(max(share, 0.1), 99.9)
        return f'{share:.1f}'
    if measure.kind == 'ms':
        digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
        return f'{value:.{digits}f}'
    return f'{value:.0f}' if value == round(value) or abs(value) >= 100 else f'{value:.1f}'


def interval_text(number: Number, measure: Measure) -> str:
    """Return the interval of a number in short, '' where it has none."""
    if number.low is None or number.high is None or not (
            math.isfinite(number.low) and math.isfinite(number.high)):
        return ''
    return f'{number_text(number.low, measure)}–{number_text(number.high, measure)}'


def unit_of(measure: Measure) -> str:
    """Return what numbers of a measure are counted in, '' where nothing has to be said."""
    return {'share': '%', 'ms': 'ms', 'm': 'm', 'count': ''}[measure.kind]
