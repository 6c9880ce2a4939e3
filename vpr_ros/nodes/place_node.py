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

"""What the nodes share: a life cycle, one worker, questions to it, and what is told of it."""

from __future__ import annotations

from collections import Counter
from collections import deque
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
import logging
import traceback
from typing import Any
from typing import Generic
from typing import TypeVar

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.clock import JumpHandle
from rclpy.clock import JumpThreshold
from rclpy.clock import TimeJump
from rclpy.duration import Duration
from rclpy.exceptions import NameValidationException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.logging import LoggingSeverity
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.service import Service
from rclpy.task import Future as RosFuture
from rclpy.validate_topic_name import validate_topic_name
from vpr_ros.errors import VprError
from vpr_ros.live.health import Health
from vpr_ros.live.health import Level
from vpr_ros.live.health import Status
from vpr_ros.messages.diagnostics import diagnostics_message
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.messages.rclpy_factory import RclpyFactory
from vpr_ros.live.interface import Interface
from vpr_ros.nodes.logs import LogBridge
from vpr_ros.nodes.parameters import declare_settings
from vpr_ros.nodes.parameters import read_node_settings
from vpr_ros.nodes.parameters import validate_changes
from vpr_ros.nodes.qos import profile
from vpr_ros.nodes.transitions import refuse_impossible_transitions
from vpr_ros.runtime.worker import Worker
from vpr_ros.settings import InputSettings

__all__ = ['PlaceNode']

AnySettings = TypeVar('AnySettings', bound=InputSettings)
Value = TypeVar('Value')


class PlaceNode(LifecycleNode, Generic[AnySettings]):
    """
    A lifecycle node whose executor only moves messages, and whose worker does the rest.

    What the worker has done comes back to the executor's thread, which alone publishes: so
    deactivation cannot race with it. A subclass says what is loaded (:meth:`load`), heard
    (:meth:`begin`), done (:meth:`work`) and told (:meth:`tell`).

    :param interface: what it hears, says and offers.
    :param model: its settings, which are its parameters.
    :param task: what it does, for the name of its status.
    """

    def __init__(self, interface: Interface, model: type[AnySettings], *, task: str) -> None:
        super().__init__(interface.node)
        refuse_impossible_transitions(self)
        self.interface = interface
        self._bridge = LogBridge(self.get_logger())
        library = logging.getLogger('vpr_ros')
        library.addHandler(self._bridge)
        library.setLevel(logging.DEBUG if self.get_logger().is_enabled_for(LoggingSeverity.DEBUG)
                         else logging.INFO)
        self._model = model
        self._task = task
        declare_settings(self, model)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.settings = model()
        self._settings_changed = False
        self.factory = RclpyFactory()
        self.health = Health(task=self._task)
        self.active = False
        self.paused = False
        self.worker: Worker[Any, Any] | None = None
        self._failure = ''
        # What the worker and other threads have for the executor to do.
        self._errands: deque[Callable[[], None]] = deque()
        self._woken = self.create_guard_condition(self._on_woken)
        self._offered: dict[str, Service] = {}
        self._handlers: dict[str, Callable[[Any, Any], Awaitable[None]]] = {}
        self._answering: Counter[str] = Counter()
        self._waiting = ReentrantCallbackGroup()
        self._jumps: JumpHandle | None = None
        self._spoken: dict[str, Publisher] = {}
        self._diagnostics = self._publisher('/diagnostics')
        # By a clock that goes on when simulated time stands.
        period_s = float(self.get_parameter('diagnostics_s').value)
        self._watch = self.create_timer(period_s, self._on_watch,
                                        clock=Clock(clock_type=ClockType.STEADY_TIME))

    # What a subclass says -----------------------------------------------------------------------

    def load(self) -> None:
        """Load what is needed, and make services; VprError with one sentence where it fails."""
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
        """Publish what came of a job, on the executor's thread, while the node is active."""
        raise NotImplementedError

    def left_out(self, why: str) -> None:
        """Note that a job could not be done."""
        raise NotImplementedError

    def hurry(self) -> None:
        """Let the job in hand wait for nothing that the executor has yet to hear."""
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
        """Return sentences about what keeps the node from doing all it could."""
        return ()

    # Life cycle ---------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load what is needed; one clear sentence when that cannot be done."""
        self._failure = ''
        try:
            self.settings = read_node_settings(self, self._model)
            self._settings_changed = False
            self.worker = Worker(self.work, self._woken.trigger, depth=self.settings.queue_size)
            self.load()
        except Exception as error:
            self._fail('not configured', error)
            self._let_go()
            return TransitionCallbackReturn.FAILURE
        # Heard while inactive, too: what is known then is of a time that no longer is.
        self._jumps = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1)),
            post_callback=self._on_time_jump)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to listen and to answer."""
        self._failure = ''
        self.paused = False
        self.health = Health(task=self._task)
        try:
            self._apply_settings()
            self.begin()
        except Exception as error:
            self._fail('not activated', error)
            self.end()
            self._be_silent()
            return TransitionCallbackReturn.FAILURE
        self.active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; what was loaded stays."""
        with self._failing('not deactivated'):
            self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of what was loaded."""
        with self._failing('not cleaned up'):
            self._let_go()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever runs."""
        with self._failing('not shut down'):
            self._stop()
            self._let_go()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever runs, so that the node can be configured anew."""
        return self.on_shutdown(state)

    def destroy_node(self) -> None:
        """Let go of what Python would keep."""
        logging.getLogger('vpr_ros').removeHandler(self._bridge)
        super().destroy_node()

    def _fail(self, what: str, error: Exception) -> None:
        """Say why something could not be done: rclpy drops what a transition raises unsaid."""
        if isinstance(error, (VprError, NameValidationException)):
            self._failure = f'{what}: {error}'
            self.get_logger().error(self._failure)
            return
        if isinstance(error, rclpy_implementation.RCLError) and not self.context.ok():
            return  # the process is being ended: nothing of ROS works any more
        self._failure = f'{what}: {error!r}'
        self.get_logger().error(f'{self._failure}\n{traceback.format_exc()}')

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._fail(what, error)
            raise

    def _stop(self) -> None:
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

    def _let_go(self) -> None:
        if self._jumps is not None:
            self._jumps.unregister()
            self._jumps = None
        if self.worker is None:
            return
        self._handlers.clear()
        self._withdraw()
        self.unload()
        self.worker.stop()
        self.worker = None
        self._on_woken()

    def resolve(self, topic: str) -> str:
        """Return the full name of a topic, remapped; one that is none is named in the error."""
        validate_topic_name(topic)
        return str(self.resolve_topic_name(topic))

    # Saying -------------------------------------------------------------------------------------

    def speak(self, *names: str) -> None:
        """Publish under these names of the table from now on, while the node is active."""
        for name in names:
            self._spoken[name] = self._publisher(name)

    def publish(self, name: str, message: Any) -> None:
        """Publish a message under a name of the table."""
        self._spoken[name].publish(message)

    def is_heard(self, name: str) -> bool:
        """Tell whether anybody listens."""
        return bool(self._spoken[name].get_subscription_count())

    def _be_silent(self) -> None:
        for publisher in self._spoken.values():
            self.destroy_publisher(publisher)
        self._spoken.clear()

    def _publisher(self, name: str) -> Publisher:
        topic = self.interface.topic(name)
        return self.create_publisher(message_class(topic.type), topic.name, profile(topic.qos))

    # Questions ----------------------------------------------------------------------------------

    def serve(self, name: str, handler: Callable[[Any, Any], Awaitable[None]]) -> None:
        """
        Offer a service, until the node is cleaned up.

        :param handler: fills the response (with ``success`` and ``message``); what it raises is
            said there.
        """
        self._handlers[name] = handler
        if name in self._offered:
            return

        async def answer(request: Any, response: Any) -> Any:
            self._answering[name] += 1
            try:
                if name not in self._handlers:
                    raise VprError('the node is not configured')
                await self._handlers[name](request, response)
            except Exception as error:  # a question must not end the node
                if not isinstance(error, VprError):
                    self.get_logger().error(f'{name} failed: {error!r}')
                response.success = False
                response.message = str(error) or repr(error)
            self._answering[name] -= 1
            if name not in self._handlers:
                self.later(self._withdraw)
            return response

        service = self.interface.service(name)
        self._offered[name] = self.create_service(
            message_class(service.type), service.name, answer, callback_group=self._waiting)

    def _withdraw(self) -> None:
        """Withdraw services without a handler, but for those whose answer is waited for."""
        # Without its service an answer cannot be sent, which would end the node.
        for name in self._offered.keys() - self._handlers.keys():
            if not self._answering[name]:
                self.destroy_service(self._offered.pop(name))

    async def pause(self, request: Any, response: Any) -> None:
        """Look at no images, or go on: a handler of std_srvs/SetBool."""
        if not self.active:
            raise VprError('the node is not active: there is nothing to pause')
        self.paused = bool(request.data)
        if self.paused:
            assert self.worker is not None
            self.worker.forget()
        response.success = True
        response.message = 'paused' if self.paused else 'going on'

    def have_done(self, call: Callable[[], object]) -> None:
        """Have something done on the worker's thread, and wait for nothing; failures are said."""
        assert self.worker is not None
        self.worker.ask(call).add_done_callback(self._say_failure)

    def _say_failure(self, done: Future[Any]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self.get_logger().error(f'{done.exception()}')

    async def asked(self, call: Callable[[], Value]) -> Value:
        """Have something done on the worker's thread and wait for it, as the executor does not."""
        if self.worker is None:
            raise VprError('the node is not configured')
        return await self.finished(self.worker.ask(call))

    async def finished(self, future: Future[Value]) -> Value:
        """Wait for what another thread does."""
        awaited = RosFuture(executor=self.executor)
        future.add_done_callback(lambda done: self.later(lambda: awaited.set_result(done)))
        done: Future[Value] = await awaited
        if done.cancelled():
            raise VprError('the node was cleaned up before it came to this')
        return done.result()

    def later(self, errand: Callable[[], None]) -> None:
        """Have something done on the executor's thread, from any thread."""
        self._errands.append(errand)
        # A map may be loaded after the node is gone: then nobody waits any more.
        with suppress(rclpy_implementation.InvalidHandle):
            self._woken.trigger()

    # On the executor's thread -------------------------------------------------------------------

    def submit(self, job: Callable[[AnySettings], Any]) -> None:
        """Hand a job to the worker, made with the settings as they are now."""
        self._apply_settings()
        if self.worker is not None and self.active and not self.paused:
            self.worker.submit(job(self.settings))

    def _apply_settings(self) -> None:
        """Go on with what was validated when it was set: Humble calls nobody afterwards."""
        if self._settings_changed:
            self.settings = read_node_settings(self, self._model)
            self._settings_changed = False

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
            except Exception as error:  # one bad image must not end the node
                why = str(error) if isinstance(error, (VprError, ValueError)) else repr(error)
                self.left_out(why)
                self.get_logger().warning(f'an image was left out: {why}',
                                          throttle_duration_sec=10.0)

    def _on_set_parameters(self, changes: list[Parameter]) -> object:
        self._settings_changed = True
        return validate_changes(self, self._model, changes)

    def _on_time_jump(self, jump: TimeJump) -> None:
        self.get_logger().info('time went back')
        if self.has_begun_anew():
            return
        if self.worker is not None:
            self.worker.forget()
        self.time_went_back()

    def _on_watch(self) -> None:
        if self.active:
            self._apply_settings()
            for sentence in self.health.silence(self.settings.silence_s, self.count_publishers):
                self.get_logger().warning(sentence)
        stamp_ns = self.get_clock().now().nanoseconds
        full_name = self.get_fully_qualified_name()
        # Whoever shows them tells them apart by their names.
        statuses = [replace(status, name=f"{full_name.lstrip('/')}: {status.name}")
                    for status in self._statuses()]
        self._diagnostics.publish(diagnostics_message(
            self.factory, statuses, stamp_ns=stamp_ns, hardware_id=full_name))

    def _statuses(self) -> list[Status]:
        if self._failure:
            return [Status('node', Level.ERROR, self._failure, {})]
        if self.worker is None:
            return [Status('node', Level.OK, 'not configured', {})]
        state = 'active' if self.active else 'inactive'
        return self.health.statuses(
            dropped=self.worker.dropped, state='paused' if self.active and self.paused else state,
            facts=self.facts(), problems=self.problems())
