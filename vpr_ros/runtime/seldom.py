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

"""Saying again and again what goes on and on, but not each time."""

from __future__ import annotations

from collections.abc import Callable
import math
import time

__all__ = ['Seldom']


class Seldom:
    """
    Tells what is due to be said: what goes wrong with one image mostly goes wrong with the next.

    :param period_s: how long one thing is not said again.
    :param clock: seconds that only go forward.
    """

    def __init__(self, period_s: float = 10.0, *,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._period_s = period_s
        self._clock = clock
        self._said_s: dict[str, float] = {}

    def due(self, what: str = '') -> bool:
        """
        Tell whether to say something now; who is told so says it.

        :param what: a short name of what is said; others do not keep it back.
        """
        now_s = self._clock()
        if now_s - self._said_s.get(what, -math.inf) < self._period_s:
            return False
        self._said_s[what] = now_s
        return True

    def forget(self) -> None:
        """Say all of it when it comes next."""
        self._said_s.clear()
