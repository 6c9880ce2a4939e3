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

"""One thread that does the heavy work, so that the thread that talks to others never waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import InvalidStateError
from dataclasses import dataclass
import logging
from threading import Thread
from typing import Any
from typing import Generic
from typing import TypeVar

from vpr_ros.runtime.latest_slot import LatestSlot

__all__ = ['Worker']

_log = logging.getLogger(__name__)

Job = TypeVar('Job')
Result = TypeVar('Result')
Value = TypeVar('Value')


@dataclass(frozen=True)
class _Asked:
    """Something else than the usual work, and who waits for it."""

    call: Callable[[], Any]
    answer: Future[Any]


class Worker(Generic[Job, Result]):
    """
    Works on the latest jobs, one after the other; results wait until their owner collects them.

    The worker never hands a result out by itself: it only wakes its owner, who collects on a
    thread of its own choosing, so that shutting down cannot race with publishing.

    :param work: called on the worker's thread; what it raises becomes a warning, not the end.
    :param wake: called on the worker's thread whenever there is something to collect.
    :param depth: how many jobs wait at most; for one more the oldest is dropped.
    """

    def __init__(self, work: Callable[[Job], Result], wake: Callable[[], None], *,
                 depth: int = 1) -> None:
        self._work = work
        self._wake = wake
        self._slot: LatestSlot[Job | _Asked] = LatestSlot(depth)
        self._results: deque[Result | Exception] = deque()
        self._thread = Thread(target=self._run, name='vpr_ros worker', daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many jobs made room for later ones before their turn came."""
        return self._slot.dropped

    @property
    def waiting(self) -> int:
        """How many jobs wait for their turn."""
        return self._slot.waiting

    def submit(self, job: Job) -> None:
        """Hand over a job; where there is no room for it, the oldest that waits is dropped."""
        self._slot.put(job)

    def ask(self, call: Callable[[], Value]) -> Future[Value]:
        """
        Have something done between two jobs, before those that wait.

        What was asked for is done even if the worker is stopped right after; a worker that has
        been stopped refuses (RuntimeError in the future).
        """
        asked = _Asked(call, Future())
        if not self._slot.put_first(asked):
            asked.answer.set_exception(RuntimeError('the worker has been stopped'))
        return asked.answer

    def collect(self) -> list[Result | Exception]:
        """Return the results and failures since the last call, oldest first."""
        collected = []
        while self._results:
            collected.append(self._results.popleft())
        return collected

    def forget(self) -> None:
        """Drop the jobs that wait, uncounted; one in hand is finished."""
        self._slot.clear()

    def stop(self) -> None:
        """Finish the job in hand and what was asked for, drop what waits, and end the thread."""
        self._slot.close()
        self._thread.join()

    def _run(self) -> None:
        while (job := self._slot.take()) is not None:
            if isinstance(job, _Asked):
                _answer(job)
                continue
            try:
                self._results.append(self._work(job))
            except Exception as error:  # one bad image must not end the node
                _log.debug('the worker failed', exc_info=True)
                self._results.append(error)
            self._wake()


def _answer(asked: _Asked) -> None:
    try:
        if not asked.answer.set_running_or_notify_cancel():
            return
        asked.answer.set_result(asked.call())
    except InvalidStateError:  # who asked has given up
        return
    except Exception as error:
        asked.answer.set_exception(error)
