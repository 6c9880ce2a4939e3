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


"""Calls that are repeated."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ['Repeated']


class Repeated:
    """
    A call that is due again and again, by a clock of its owner.

    :param on_close: is told that it is due no more.
    :param now_ns: the time; it is first due one period later.
    """

    def __init__(self, period_ns: int, call: Callable[[], None],
                 on_close: Callable[[Repeated], None], *, now_ns: int) -> None:
        self.call = call
        self._period_ns = period_ns
        self._on_close = on_close
        self._closed = False
        self.begin_anew(now_ns)

    def begin_anew(self, now_ns: int) -> None:
        """Be due one period from now, whatever was before."""
        self.due_ns = now_ns + self._period_ns

    def is_due(self, now_ns: int) -> bool:
        """Tell whether to call, once for all the times that it was due since the last."""
        if self._closed or now_ns < self.due_ns:
            return False
        # In step with when it began.
        self.due_ns += ((now_ns - self.due_ns) // self._period_ns + 1) * self._period_ns
        return True

    def close(self) -> None:
        """Call no more; once more does nothing."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
