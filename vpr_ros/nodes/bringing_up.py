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

"""
Waiting in launch files: until a node is active, a bag is ready to play, and all is answered.

Transition events are not waited for: one that comes before the launch listens is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
import time
from typing import Any

from launch import Action
from launch import Event
from launch import EventHandler
from launch import LaunchContext
from launch.actions import OpaqueCoroutine
from launch.actions import RegisterEventHandler
from launch.events import Shutdown
from launch.logging import get_logger
from launch_ros.actions import LifecycleNode
from launch_ros.ros_adapters import get_ros_node
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rosidl_runtime_py.utilities import get_message
from rosidl_runtime_py.utilities import get_service

__all__ = ['Answers', 'bring_up', 'resume_player', 'shut_down_when_quiet']

_STEP_S = 0.05
_TRANSITIONS = {'configure': Transition.TRANSITION_CONFIGURE,
                'activate': Transition.TRANSITION_ACTIVATE}


def bring_up(node: LifecycleNode, then: Sequence[Action]) -> list[Action]:
    """
    Configure and activate a node, which does not do so itself, and run actions when it is active.

    Where it refuses, the launch ends; why stands in the log of the node.
    """
    active = Event()

    async def configure_and_activate(context: LaunchContext) -> None:
        client = get_ros_node(context).create_client(
            ChangeState, f'{node.node_name}/change_state')
        for label, transition in _TRANSITIONS.items():
            while not client.service_is_ready():
                await asyncio.sleep(_STEP_S)
            request = ChangeState.Request()
            request.transition.id = transition
            if not (await _answered(client.call_async(request))).success:
                reason = f'{node.node_name} could not {label}: its log above says why'
                get_logger('replay').error(reason)
                await context.emit_event(Shutdown(reason=reason))
                return
        await context.emit_event(active)

    return [
        RegisterEventHandler(EventHandler(matcher=lambda event: event is active,
                                          entities=list(then))),
        OpaqueCoroutine(coroutine=configure_and_activate),
    ]


def resume_player(*, delay_s: float) -> OpaqueCoroutine:
    """
    Return the action that has a paused ``ros2 bag play`` begin, once it is there.

    Its own option of a delay lets its clock run meanwhile and jump back, and who hears that begins
    anew: with the first image, perhaps.

    :param delay_s: how long its topics are there before, so that all can find them.
    """

    async def resume(context: LaunchContext) -> None:
        client = get_ros_node(context).create_client(
            get_service('rosbag2_interfaces/srv/Resume'), '/rosbag2_player/resume')
        while not client.service_is_ready():
            await asyncio.sleep(_STEP_S)
        await asyncio.sleep(delay_s)
        await _answered(client.call_async(client.srv_type.Request()))

    return OpaqueCoroutine(coroutine=resume)


async def _answered(answer: Any) -> Any:
    while not answer.done():
        await asyncio.sleep(_STEP_S)
    return answer.result()


class Answers:
    """Notes when a node last said something on one of its topics."""

    def __init__(self, topic: str, type_name: str) -> None:
        self._topic = topic
        self._type_name = type_name
        self._last = time.monotonic()

    def listen(self, context: LaunchContext) -> None:
        """Begin to listen."""
        self._subscription = get_ros_node(context).create_subscription(
            get_message(self._type_name), self._topic, self._heard, 10, raw=True)

    def _heard(self, message: Any) -> None:
        self._last = time.monotonic()

    async def wait_until_quiet(self, quiet_s: float) -> None:
        """Wait until nothing has been said for so long, counted from now at the earliest."""
        begin = time.monotonic()
        while (left := max(begin, self._last) + quiet_s - time.monotonic()) > 0.0:
            await asyncio.sleep(left)


def shut_down_when_quiet(answers: Answers, *, quiet_s: float, reason: str) -> OpaqueCoroutine:
    """Return the action that ends the launch once a node has answered all that it heard."""

    async def wait(context: LaunchContext) -> None:
        await answers.wait_until_quiet(quiet_s)
        await context.emit_event(Shutdown(reason=reason))

    return OpaqueCoroutine(coroutine=wait)
