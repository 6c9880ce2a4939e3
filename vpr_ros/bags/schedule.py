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


"""When the messages of a bag are due that is played."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic
from typing import Protocol
from typing import TypeVar

from vpr_ros.errors import VprError

__all__ = ['Due', 'Recorded', 'Schedule']


class Recorded(Protocol):
    """Something with the time at which it was received."""

    @property
    def stamp_ns(self) -> int:
        """Return when it was received."""
        ...


Message = TypeVar('Message', bound=Recorded)


@dataclass(frozen=True, eq=False)
class Due(Generic[Message]):
    """
    What is to be sent at one moment.

    :param at_ns: since play began; it depends on nothing that was sent before.
    :param time_ns: what time it is then in the bag.
    :param message: None where it is that time which is to be told.
    """

    at_ns: int
    time_ns: int
    message: Message | None


@dataclass(frozen=True)
class Schedule:
    """
    Says when what was recorded is to be sent.

    :param start_ns: the time in the bag at which play begins.
    :param rate: how fast time goes in the bag.
    :param clock_hz: how often, in real time, the time in the bag is told; 0: never.
    """

    start_ns: int
    rate: float = 1.0
    clock_hz: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a time that stands, or goes back."""
        if not 0 < self.rate < float('inf'):
            raise VprError(f'expected a rate above 0, got {self.rate:g}')
        if not 0 <= self.clock_hz < float('inf'):
            raise VprError('expected a rate of the clock in hertz, above 0, got '
                           f'{self.clock_hz:g}')

    def at_ns(self, stamp_ns: int) -> int:
        """Return when a message is due: at once, where it was received before the start."""
        return max(0, round((stamp_ns - self.start_ns) / self.rate))

    def time_ns(self, at_ns: int) -> int:
        """Return what time it is in the bag."""
        return self.start_ns + round(at_ns * self.rate)

    def turn(self, messages: Iterable[Message]) -> Iterator[Due[Message]]:
        """
        Yield what is due in one pass over a bag, in order.

        The time is told before the messages of that time, and a last time at the end. A message
        that lies behind later ones in the bag is due with them.
        """
        last_ns, ticks = 0, 0
        for message in messages:
            at_ns = max(last_ns, self.at_ns(message.stamp_ns))
            while self.clock_hz and self._tick_ns(ticks) <= at_ns:
                yield self._tick(self._tick_ns(ticks))
                ticks += 1
            last_ns = at_ns
            yield Due(at_ns, self.time_ns(at_ns), message)
        if ticks and self._tick_ns(ticks - 1) < last_ns:
            yield self._tick(last_ns)

    def _tick_ns(self, number: int) -> int:
        return round(number * 1e9 / self.clock_hz)

    def _tick(self, at_ns: int) -> Due[Message]:
        return Due(at_ns, self.time_ns(at_ns), None)
