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

"""What the nodes share: a life cycle, parameters and services around a host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
import logging
import traceback
from typing import Any
from typing import Generic
from typing import TypeVar

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import JumpHandle
from rclpy.clock import JumpThreshold
from rclpy.clock import TimeJump
from rclpy.duration import Duration
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.logging import LoggingSeverity
from rclpy.parameter import Parameter
from rclpy.service import Service
from rclpy.task import Future as RosFuture
from vpr_ros.errors import VprError
from vpr_ros.live.host import Host
from vpr_ros.live.interface import Interface
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.nodes.graph import RclpyGraph
from vpr_ros.nodes.logs import LogBridge
from vpr_ros.nodes.parameters import declare_settings
from vpr_ros.nodes.parameters import read_node_settings
from vpr_ros.nodes.parameters import validate_changes
from vpr_ros.nodes.transitions import refuse_impossible_transitions
from vpr_ros.settings import InputSettings

__all__ = ['PlaceNode']

AnySettings = TypeVar('AnySettings', bound=InputSettings)
AnyHost = TypeVar('AnyHost', bound=Host[Any])
Value = TypeVar('Value')


class PlaceNode(LifecycleNode, Generic[AnySettings, AnyHost]):
    """
    A lifecycle node around a host, whose thread is that of the executor.

    A subclass says which services there are (:meth:`offer`).

    :param interface: what it hears, says and offers.
    :param model: its settings, which are its parameters.
    :param host: makes its host, of the graph and of what returns the settings in force.
    """

    def __init__(self, interface: Interface, model: type[AnySettings],
                 host: Callable[[RclpyGraph, Callable[[], AnySettings]], AnyHost]) -> None:
        super().__init__(interface.node)
        refuse_impossible_transitions(self)
        self.interface = interface
        self._bridge = LogBridge(self.get_logger())
        library = logging.getLogger('vpr_ros')
        library.addHandler(self._bridge)
        library.setLevel(logging.DEBUG if self.get_logger().is_enabled_for(LoggingSeverity.DEBUG)
                         else logging.INFO)
        self._model = model
        declare_settings(self, model)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._settings = model()
        self._settings_changed = False
        self._offered: dict[str, Service] = {}
        self._handlers: dict[str, Callable[[Any, Any], Awaitable[None]]] = {}
        self._answering: Counter[str] = Counter()
        self._waiting = ReentrantCallbackGroup()
        self._jumps: JumpHandle | None = None
        graph = RclpyGraph(self)
        self.host = host(graph, self._current_settings)
        graph.every(float(self.get_parameter('diagnostics_s').value), self.host.watch,
                    steady=True)

    # What a subclass says -----------------------------------------------------------------------

    def offer(self) -> None:
        """Offer services with :meth:`serve`, now that the host is configured."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Tell who waits for an answer that none will come, now that nothing is heard."""

    def withdraw(self) -> None:
        """Let go of what services need."""

    # Life cycle ---------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load what is needed; one clear sentence when that cannot be done."""
        self._settings_changed = True
        try:
            self.host.configure()
            self.offer()
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
        try:
            self.host.activate()
        except Exception as error:
            self._fail('not activated', error)
            return TransitionCallbackReturn.FAILURE
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
        if isinstance(error, VprError):
            self.host.failure = f'{what}: {error}'
            self.get_logger().error(self.host.failure)
            return
        if isinstance(error, rclpy_implementation.RCLError) and not self.context.ok():
            return  # the process is being ended: nothing of ROS works any more
        self.host.failure = f'{what}: {error!r}'
        self.get_logger().error(f'{self.host.failure}\n{traceback.format_exc()}')

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._fail(what, error)
            raise

    def _stop(self) -> None:
        try:
            self.host.deactivate()
        finally:
            self.give_up()

    def _let_go(self) -> None:
        if self._jumps is not None:
            self._jumps.unregister()
            self._jumps = None
        self._handlers.clear()
        self._withdraw_services()
        self.withdraw()
        self.host.clean_up()

    def _on_time_jump(self, jump: TimeJump) -> None:
        self.host.time_jumped_back()

    # Parameters ---------------------------------------------------------------------------------

    def _current_settings(self) -> AnySettings:
        """Return what was validated when it was set: Humble calls nobody afterwards."""
        if self._settings_changed:
            self._settings = read_node_settings(self, self._model)
            self._settings_changed = False
        return self._settings

    def _on_set_parameters(self, changes: list[Parameter]) -> object:
        self._settings_changed = True
        return validate_changes(self, self._model, changes)

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
                self.host.later(self._withdraw_services)
            return response

        service = self.interface.service(name)
        self._offered[name] = self.create_service(
            message_class(service.type), service.name, answer, callback_group=self._waiting)

    def _withdraw_services(self) -> None:
        """Withdraw services without a handler, but for those whose answer is waited for."""
        # Without its service an answer cannot be sent, which would end the node.
        for name in self._offered.keys() - self._handlers.keys():
            if not self._answering[name]:
                self.destroy_service(self._offered.pop(name))

    async def pause(self, request: Any, response: Any) -> None:
        """Look at no images, or go on: a handler of std_srvs/SetBool."""
        self.host.pause(bool(request.data))
        response.success = True
        response.message = 'paused' if self.host.paused else 'going on'

    async def asked(self, call: Callable[[], Value]) -> Value:
        """Have something done on the worker's thread and wait for it, as the executor does not."""
        if self.host.worker is None:
            raise VprError('the node is not configured')
        return await self.finished(self.host.worker.ask(call))

    async def finished(self, future: Future[Value]) -> Value:
        """Wait for what another thread does."""
        awaited = RosFuture(executor=self.executor)
        future.add_done_callback(lambda done: self.host.later(lambda: awaited.set_result(done)))
        done: Future[Value] = await awaited
        if done.cancelled():
            raise VprError('the node was cleaned up before it came to this')
        return done.result()
