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

"""What was measured in the last ten seconds, however often."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
import math

__all__ = ['RecentValues', 'Summary']

_KEPT_S = 10


@dataclass
class _Second:
    """
    The values of one second.

    :param number: of the second, as the clock counts them.
    """

    number: int
    count: int = 0
    total: float = 0.0
    largest: float = -math.inf


@dataclass(frozen=True)
class Summary:
    """
    What there was in the last ten seconds.

    :param rate_hz: how often a value came; of the time since the first where that is shorter.
    :param mean: NaN where there was nothing, as the largest.
    """

    count: int
    rate_hz: float
    mean: float
    largest: float


class RecentValues:
    """
    Counts values and adds them up second by second: as small at 1000 Hz as at one.

    The last ten seconds are the present one, as far as it has gone, and the nine before it.
    """

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._seconds: deque[_Second] = deque(maxlen=_KEPT_S)

    def add(self, now_s: float, value: float = 0.0) -> None:
        """Take in a value."""
        number = math.floor(now_s)
        if not self._seconds or self._seconds[-1].number != number:
            self._seconds.append(_Second(number))
        second = self._seconds[-1]
        second.count += 1
        second.total += value
        second.largest = max(second.largest, value)

    def summary(self, now_s: float) -> Summary:
        """Return what there was up to now."""
        first = math.floor(now_s) - _KEPT_S + 1
        seconds = [second for second in self._seconds if second.number >= first]
        count = sum(second.count for second in seconds)
        # At least a second: one value after a moment is no high rate.
        lasted_s = max(1.0, now_s - max(self._began_s, first))
        if not count:
            return Summary(0, 0.0, math.nan, math.nan)
        return Summary(count, count / lasted_s, sum(second.total for second in seconds) / count,
                       max(second.largest for second in seconds))
