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

"""What hosts share: one worker, questions to it, what it is told and what is told of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
import logging
from typing import Any
from typing import Generic
from typing import TypeVar

from vpr_ros.errors import VprError
from vpr_ros.live.graph import Graph
from vpr_ros.live.graph import Publication
from vpr_ros.live.health import Health
from vpr_ros.live.health import Level
from vpr_ros.live.health import Status
from vpr_ros.live.interface import Interface
from vpr_ros.messages.diagnostics import diagnostics_message
from vpr_ros.runtime.seldom import Seldom
from vpr_ros.runtime.worker import Worker
from vpr_ros.settings import InputSettings

__all__ = ['Host']

_log = logging.getLogger(__name__)
AnySettings = TypeVar('AnySettings', bound=InputSettings)


class Host(Generic[AnySettings]):
    """
    Moves messages between a graph and a worker, which does the rest.

    All of it runs on the thread of the graph, but for :meth:`work` and where another is named.
    What the worker has done comes back to that thread, which alone publishes: so deactivation
    cannot race with it. A subclass says what is loaded (:meth:`load`), heard (:meth:`begin`),
    done (:meth:`work`) and told (:meth:`tell`).

    :param interface: what it hears and says.
    :param settings: returns those in force; called whenever one is needed, as they may be live.
    :param task: what it does, for the name of its status.
    """

    def __init__(self, graph: Graph, interface: Interface, settings: Callable[[], AnySettings], *,
                 task: str) -> None:
        self.graph = graph
        self.interface = interface
        self._current_settings = settings
        self._task = task
        self.health = Health(task=task)
        self.worker: Worker[Any, Any] | None = None
        self.active = False
        self.paused = False
        #: Why the host does not do what it was last asked to; empty where it does.
        self.failure = ''
        self.seldom = Seldom()
        # Of the last jobs, as many as can wait.
        self._submitted_ns: deque[int] = deque(maxlen=1)
        # What the worker and other threads have for the thread of the graph to do.
        self._errands: deque[Callable[[], None]] = deque()
        graph.on_wake(self._on_woken)
        self._spoken: dict[str, Publication] = {}
        self._diagnostics = self._publication('/diagnostics')

    @property
    def settings(self) -> AnySettings:
        """Return the settings in force; VprError where one is wrong."""
        return self._current_settings()

    # What a subclass says -----------------------------------------------------------------------

    def load(self) -> None:
        """Load what is needed; VprError with one sentence where it fails."""
        raise NotImplementedError

    def unload(self) -> None:
        """Let go of what was loaded."""
        raise NotImplementedError

    def begin(self) -> None:
        """Listen and publish; VprError where that cannot be."""
        raise NotImplementedError

    def end(self) -> None:
        """Stop listening and publishing; the worker has nothing more to do."""
        raise NotImplementedError

    def work(self, job: Any) -> Any:
        """Do one job, on the worker's thread."""
        raise NotImplementedError

    def tell(self, result: Any) -> None:
        """Publish what came of a job, while the host is active."""
        raise NotImplementedError

    def left_out(self, why: str) -> None:
        """Note that a job could not be done."""
        raise NotImplementedError

    def hurry(self) -> None:
        """Let the job in hand wait for nothing that is yet to be heard."""
        raise NotImplementedError

    def time_went_back(self) -> None:
        """Forget what was known of a time that no longer is; active or not."""
        raise NotImplementedError

    def has_begun_anew(self) -> bool:
        """Tell whether the stamps of images just said that time went back, before the clock."""
        return False

    def facts(self) -> Mapping[str, str]:
        """Return what diagnostics say besides."""
        return {}

    def problems(self) -> Sequence[str]:
        """Return sentences about what keeps the host from doing all it could."""
        return ()

    # Life ---------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Load what is needed; where that cannot be done nothing is left of it."""
        self.failure = ''
        try:
            depth = self.settings.queue_size
            self.worker = Worker(self.work, self.graph.wake, depth=depth)
            self._submitted_ns = deque(maxlen=depth)
            self.load()
        except Exception:
            self.clean_up()
            raise

    def activate(self) -> None:
        """Begin to listen and to answer."""
        self.failure = ''
        self.paused = False
        self.health = Health(task=self._task)
        try:
            self.begin()
        except Exception:
            self.end()
            self._be_silent()
            raise
        self.active = True

    def deactivate(self) -> None:
        """Stop listening; what was loaded stays."""
        if not self.active:
            return
        self.active = False
        assert self.worker is not None
        self.worker.forget()
        self.hurry()
        # The job in hand is finished, and what comes of it told to nobody.
        self.worker.ask(lambda: None).result()
        try:
            self.end()
        finally:
            self._be_silent()
        self._on_woken()

    def clean_up(self) -> None:
        """Let go of what was loaded."""
        if self.worker is None:
            return
        self.unload()
        self.worker.stop()
        self.worker = None
        self._on_woken()

    def pause(self, paused: bool) -> None:
        """Look at no images, or go on; VprError while the host is not active."""
        if not self.active:
            raise VprError('the node is not active: there is nothing to pause')
        self.paused = paused
        if paused:
            assert self.worker is not None
            self.worker.forget()

    # Saying -------------------------------------------------------------------------------------

    def speak(self, *names: str) -> None:
        """Publish under these names of the table from now on, while the host is active."""
        for name in names:
            self._spoken[name] = self._publication(name)

    def publish(self, name: str, message: Any) -> None:
        """Publish a message under a name of the table."""
        self._spoken[name].publish(message)

    def is_heard(self, name: str) -> bool:
        """Tell whether anybody listens."""
        return self._spoken[name].is_heard()

    def _be_silent(self) -> None:
        for publication in self._spoken.values():
            publication.close()
        self._spoken.clear()

    def _publication(self, name: str) -> Publication:
        topic = self.interface.topic(name)
        return self.graph.publish(topic.name, topic.type, topic.qos)

    # Having done --------------------------------------------------------------------------------

    def submit(self, job: Any, *, stamp_ns: int) -> None:
        """
        Hand a job to the worker.

        :param stamp_ns: that of its images.
        """
        if self.worker is not None and self.active and not self.paused:
            self._submitted_ns.append(stamp_ns)
            self.worker.submit(job)

    def waiting_since_ns(self) -> int | None:
        """Return the stamp of the first job that waits for its turn; None where none waits."""
        waiting = 0 if self.worker is None else self.worker.waiting
        # The worker may take one between two looks: then it is the one in hand.
        return self._submitted_ns[-waiting] if 0 < waiting <= len(self._submitted_ns) else None

    def have_done(self, call: Callable[[], object]) -> None:
        """Have something done on the worker's thread, and wait for nothing; failures are said."""
        assert self.worker is not None
        self.worker.ask(call).add_done_callback(_say_failure)

    def later(self, errand: Callable[[], None]) -> None:
        """Have something done on the thread of the graph, from any thread."""
        self._errands.append(errand)
        self.graph.wake()

    def _on_woken(self) -> None:
        while self._errands:
            self._errands.popleft()()
        for result in [] if self.worker is None else self.worker.collect():
            if not self.active:
                continue
            try:
                if isinstance(result, Exception):
                    raise result
                self.tell(result)
            except Exception as error:  # one bad image must not end the host
                why = str(error) if isinstance(error, (VprError, ValueError)) else repr(error)
                self.left_out(why)
                if self.seldom.due('image'):
                    _log.warning('an image was left out: %s', why)

    def time_jumped_back(self) -> None:
        """Begin anew, where the stamps of images have not said already that time went back."""
        _log.info('time went back')
        if self.has_begun_anew():
            return
        if self.worker is not None:
            self.worker.forget()
        self.time_went_back()

    # How it is doing ----------------------------------------------------------------------------

    def watch(self) -> None:
        """Warn of inputs that have become silent, and publish diagnostics."""
        if self.active:
            for sentence in self.health.silence(self.settings.silence_s, self.graph.publishers):
                _log.warning('%s', sentence)
        # Whoever shows them tells them apart by their names.
        full_name = self.graph.full_name
        statuses = [replace(status, name=f"{full_name.lstrip('/')}: {status.name}")
                    for status in self._statuses()]
        self._diagnostics.publish(diagnostics_message(
            self.graph.factory, statuses, stamp_ns=self.graph.now_ns(), hardware_id=full_name))

    def _statuses(self) -> list[Status]:
        if self.failure:
            return [Status('node', Level.ERROR, self.failure, {})]
        if self.worker is None:
            return [Status('node', Level.OK, 'not configured', {})]
        state = 'active' if self.active else 'inactive'
        return self.health.statuses(
            dropped=self.worker.dropped, state='paused' if self.active and self.paused else state,
            facts=self.facts(), problems=self.problems())


def _say_failure(done: Future[Any]) -> None:
    if not done.cancelled() and done.exception() is not None:
        _log.error('%s', done.exception())
