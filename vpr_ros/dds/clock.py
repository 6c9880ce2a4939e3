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


"""The time of a node: that of day, or that of a simulation."""

from __future__ import annotations

from collections.abc import Callable
import logging
import struct
import time

from vpr_ros.dds.loop import Loop
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.repeated import Repeated
from vpr_ros.live.interface import Qos
from vpr_ros.messages.stamps import LAST_STAMP_NS

__all__ = ['SimulatedTime', 'TimeOfDay']

_log = logging.getLogger(__name__)
# What is later could not be stamped: it comes of a clock that is broken.
_END_NS = LAST_STAMP_NS - 86_400 * 10**9
# As nodes of ROS hear it.
_QOS = Qos(reliable=False, depth=1)


class TimeOfDay:
    """The clock of this machine."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        return time.time_ns()

    def every(self, period_s: float, call: Callable[[], None]) -> Repeated:
        """Call again and again."""
        return self._loop.every(period_s, call)


class SimulatedTime:
    """
    What was last heard on ``/clock``; 0 where nothing was.

    :param on_step_back: called after each time that it was less than before.
    """

    def __init__(self, loop: Loop, participant: Participant,
                 on_step_back: Callable[[], None]) -> None:
        self._reader = participant.reader('/clock', 'rosgraph_msgs/msg/Clock', _QOS)
        self._on_step_back = on_step_back
        self._now_ns = 0
        self._repeated: list[Repeated] = []
        loop.attach(self._reader, self._hear)

    def now_ns(self) -> int:
        """Return nanoseconds since the epoch of the simulation."""
        return self._now_ns

    def every(self, period_s: float, call: Callable[[], None]) -> Repeated:
        """Call again and again, as simulated time goes on; put back, it begins anew."""
        repeated = Repeated(round(period_s * 1e9), call, self._repeated.remove,
                            now_ns=self._now_ns)
        self._repeated.append(repeated)
        return repeated

    def _hear(self) -> None:
        if policy := self._reader.requested_incompatible():
            _log.warning('a publisher on /clock does not fit: its QoS differs in %s', policy)
        for data in self._reader.take():
            now_ns = _nanoseconds(data)
            if 0 <= now_ns < _END_NS:
                self._set(now_ns)

    def _set(self, now_ns: int) -> None:
        before_ns, self._now_ns = self._now_ns, now_ns
        if now_ns < before_ns:
            for repeated in self._repeated:
                repeated.begin_anew(now_ns)
            self._on_step_back()
        for repeated in tuple(self._repeated):
            if repeated.is_due(now_ns):
                repeated.call()


def _nanoseconds(data: bytes) -> int:
    """Return the time of a rosgraph_msgs/Clock, the length of which DDS has seen to."""
    seconds, nanoseconds = struct.unpack_from('<iI' if data[1] & 1 else '>iI', data, 4)
    return int(seconds) * 10**9 + int(nanoseconds)
