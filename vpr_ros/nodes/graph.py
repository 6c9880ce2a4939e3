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

"""The graph as a node of rclpy sees it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.exceptions import NameValidationException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import qos_policy_name_from_kind
from rclpy.qos import QoSPolicyKind
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from rclpy.validate_topic_name import validate_topic_name
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Qos
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.messages.rclpy_factory import RclpyFactory
from vpr_ros.nodes.qos import profile

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

__all__ = ['RclpyGraph']

_OVERRIDABLE = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
                QoSPolicyKind.DURABILITY)


class _Published:
    """A :class:`~vpr_ros.live.graph.Publication`."""

    def __init__(self, node: Node, publisher: Publisher) -> None:
        self._node = node
        self._publisher = publisher

    def publish(self, message: Any) -> None:
        if self._node.context.ok():  # nothing can be said while the process is being ended
            self._publisher.publish(message)

    def is_heard(self) -> bool:
        return bool(self._publisher.get_subscription_count())

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)


class _Heard:
    """A :class:`~vpr_ros.live.graph.Subscription`."""

    def __init__(self, node: Node, subscription: Subscription) -> None:
        self._node = node
        self._subscription = subscription

    @property
    def topic(self) -> str:
        return str(self._subscription.topic_name)

    def close(self) -> None:
        self._node.destroy_subscription(self._subscription)


class _Repeated:
    """A :class:`~vpr_ros.live.graph.Timer`."""

    def __init__(self, node: Node, timer: Timer) -> None:
        self._node = node
        self._timer = timer

    def close(self) -> None:
        self._node.destroy_timer(self._timer)


class RclpyGraph:
    """A :class:`~vpr_ros.live.graph.Graph` whose thread is that of the node's executor."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._factory = RclpyFactory()
        self._woken: Callable[[], None] = _do_nothing
        self._guard = node.create_guard_condition(lambda: self._woken())

    @property
    def node_name(self) -> str:
        """Return the name of the node."""
        return str(self._node.get_name())

    @property
    def full_name(self) -> str:
        """Return the name of the node below its namespace."""
        return str(self._node.get_fully_qualified_name())

    @property
    def factory(self) -> RclpyFactory:
        """Return what makes messages of the sourced ROS installation."""
        return self._factory

    def resolve(self, topic: str) -> str:
        """Return the full name of a topic, remapped; VprError for one that is none."""
        return str(self._node.resolve_topic_name(_checked(topic)))

    def publish(self, topic: str, type_name: str, qos: Qos) -> _Published:
        """Publish a topic from now on."""
        return _Published(self._node, self._node.create_publisher(
            message_class(type_name), _checked(topic), profile(qos)))

    def subscribe(self, topic: str, type_name: str, qos: Qos, heard: Callable[[bytes], None],
                  misfit: Callable[[str], None]) -> _Heard:
        """Listen to a topic from now on; parameters ``qos_overrides`` hold."""
        events = SubscriptionEventCallbacks(incompatible_qos=lambda event: misfit(
            qos_policy_name_from_kind(event.last_policy_kind)))
        return _Heard(self._node, self._node.create_subscription(
            message_class(type_name), _checked(topic), heard, profile(qos), raw=True,
            event_callbacks=events, qos_overriding_options=QoSOverridingOptions(_OVERRIDABLE)))

    def read(self, data: bytes, type_name: str) -> Any:
        """Return the message of CDR; ValueError where it is none of that type."""
        try:
            return deserialize_message(data, message_class(type_name))
        except rclpy_implementation.RMWError as error:
            raise ValueError(f'{len(data)} bytes are no {type_name}: {error}') from error

    def publishers(self, topic: str) -> int:
        """Return how many publish a topic."""
        return int(self._node.count_publishers(topic))

    def now_ns(self) -> int:
        """Return the time of the node's clock."""
        return int(self._node.get_clock().now().nanoseconds)

    def every(self, period_s: float, call: Callable[[], None], *, steady: bool) -> _Repeated:
        """Have something called again and again, by the node's clock or by a steady one."""
        clock = Clock(clock_type=ClockType.STEADY_TIME) if steady else None
        return _Repeated(self._node, self._node.create_timer(period_s, call, clock=clock))

    def on_wake(self, call: Callable[[], None]) -> None:
        """Have this called by the executor after each :meth:`wake`."""
        self._woken = call

    def wake(self) -> None:
        """Wake the executor, from any thread."""
        # A map may be loaded after the node is gone: then nobody waits any more.
        with suppress(rclpy_implementation.InvalidHandle):
            self._guard.trigger()


def _checked(topic: str) -> str:
    try:
        validate_topic_name(topic)
    except NameValidationException as error:
        raise VprError(str(error)) from error
    return topic


def _do_nothing() -> None:
    """Nobody has asked to be called yet."""
