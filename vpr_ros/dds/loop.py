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


"""The one thread that hears, repeats and is woken."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from threading import Event
import time

from cyclonedds.core import DDSException
from cyclonedds.core import GuardCondition
from cyclonedds.core import WaitSet
from cyclonedds.internal import dds_infinity
from vpr_ros.dds.entities import delete
from vpr_ros.dds.interrupts import PromptSignals
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.reader import Reader
from vpr_ros.dds.repeated import Repeated

__all__ = ['Loop']


class Loop:
    """
    Calls those who wait for messages, for a time or to be woken; it sleeps where nobody has to.

    All is called on the thread of :meth:`run`, and all methods there, but :meth:`wake` and
    :meth:`stop`, which any thread may call. What a call raises ends the run.
    """

    def __init__(self, participant: Participant) -> None:
        self._waits = WaitSet(participant.entity)
        self._guard = GuardCondition(participant.entity)
        self._waits.attach(self._guard)
        self._readers: dict[Reader, Callable[[], None]] = {}
        self._repeated: list[Repeated] = []
        self._woken: Callable[[], None] = _do_nothing
        self._stopping = Event()

    def attach(self, reader: Reader, call: Callable[[], None]) -> None:
        """
        Call whenever there is something to take, or a publisher that does not fit.

        The call takes the one and asks for the other, or it is made again and again.
        """
        self._readers[reader] = call
        for condition in reader.conditions:
            self._waits.attach(condition)

    def detach(self, reader: Reader) -> None:
        """Call for it no more, before it is closed; once more does nothing."""
        if self._readers.pop(reader, None) is not None:
            for condition in reader.conditions:
                self._waits.detach(condition)

    def every(self, period_s: float, call: Callable[[], None]) -> Repeated:
        """Call again and again, first after one period, until what is returned is closed."""
        repeated = Repeated(round(period_s * 1e9), call, self._repeated.remove,
                            now_ns=time.monotonic_ns())
        self._repeated.append(repeated)
        return repeated

    def on_wake(self, call: Callable[[], None]) -> None:
        """Have this called soon after each :meth:`wake`."""
        self._woken = call

    def wake(self) -> None:
        """Have what was given to :meth:`on_wake` called soon; after the end this does nothing."""
        with suppress(DDSException):
            self._guard.set(True)

    def run(self) -> None:
        """
        Go on until :meth:`stop`; what was stopped before it ran ends at once.

        On the main thread SIGINT and SIGTERM end it with the call that is being made: they raise
        KeyboardInterrupt here, unless handlers were set that do otherwise.
        """
        with PromptSignals(self.wake) as signals:
            signals.heed()
            while not self._stopping.is_set():
                self._waits.wait(self._until_due_ns())
                signals.heed()
                for call in self._due():
                    call()
                    signals.heed()
                    if self._stopping.is_set():
                        break
        self._stopping.clear()

    def stop(self) -> None:
        """End the run, with the call that is being made."""
        self._stopping.set()
        self.wake()

    def close(self) -> None:
        """Let go of what is waited for; the run has ended."""
        for reader in tuple(self._readers):
            self.detach(reader)
        delete(self._waits)
        delete(self._guard)

    def _until_due_ns(self) -> int:
        if not self._repeated:
            return int(dds_infinity)
        first_ns = min(repeated.due_ns for repeated in self._repeated)
        return max(0, first_ns - time.monotonic_ns())

    def _due(self) -> Iterator[Callable[[], None]]:
        """Yield all that there is reason to call, each of them once."""
        if self._guard.take():
            yield self._woken
        for repeated in tuple(self._repeated):
            if repeated.is_due(time.monotonic_ns()):
                yield repeated.call
        for reader, call in tuple(self._readers.items()):
            # Not detached by one before, that is.
            if reader in self._readers and reader.is_ready():
                yield call


def _do_nothing() -> None:
    """Nobody has asked to be called yet."""
