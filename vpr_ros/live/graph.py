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
A ROS graph as hosts see it, whoever carries the messages: rclpy, or DDS without ROS.

All calls but :meth:`Graph.read` and :meth:`Graph.wake` are made, and all listeners called, on one
thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Protocol

from vpr_ros.live.interface import Qos
from vpr_ros.messages.factory import MessageFactory

__all__ = ['Graph', 'Publication', 'Subscription', 'Timer']


class Publication(Protocol):
    """A topic that is published."""

    def publish(self, message: Any) -> None:
        """Send a message, as the graph's factory makes them."""
        ...

    def is_heard(self) -> bool:
        """Tell whether anybody listens."""
        ...

    def close(self) -> None:
        """Publish no more."""
        ...


class Subscription(Protocol):
    """A topic that is listened to."""

    @property
    def topic(self) -> str:
        """Return its full name."""
        ...

    def close(self) -> None:
        """Listen no more."""
        ...


class Timer(Protocol):
    """A call that is repeated."""

    def close(self) -> None:
        """Call no more."""
        ...


class Graph(Protocol):
    """What a host does on a ROS graph, as one node of it."""

    @property
    def node_name(self) -> str:
        """Return the name of the node, without its namespace."""
        ...

    @property
    def full_name(self) -> str:
        """Return the name of the node below its namespace, as in ``/robot/localizer``."""
        ...

    @property
    def factory(self) -> MessageFactory:
        """Return what makes the messages that can be published here."""
        ...

    def resolve(self, topic: str) -> str:
        """
        Return the full name of a topic, remapped where it is.

        :param topic: ``~/name`` lies below the name of the node, ``name`` in its namespace.
        :raises VprError: for what is no name of a topic.
        """
        ...

    def publish(self, topic: str, type_name: str, qos: Qos) -> Publication:
        """Publish a topic from now on; VprError for a name that is none."""
        ...

    def subscribe(self, topic: str, type_name: str, qos: Qos, heard: Callable[[bytes], None],
                  misfit: Callable[[str], None]) -> Subscription:
        """
        Listen to a topic from now on.

        :param qos: parameters ``qos_overrides`` may say otherwise.
        :param heard: is given each message as it was carried (CDR).
        :param misfit: is given the name of the policy, such as ``RELIABILITY``, in which a
            publisher asks for less than this subscription does.
        :raises VprError: for a name that is none.
        """
        ...

    def read(self, data: bytes, type_name: str) -> Any:
        """Return the message of CDR, on any thread; ValueError where it is none of that type."""
        ...

    def publishers(self, topic: str) -> int:
        """Return how many publish a topic, by its full name."""
        ...

    def now_ns(self) -> int:
        """Return the time of day, or that of the simulation, where the node goes by it."""
        ...

    def every(self, period_s: float, call: Callable[[], None], *, steady: bool) -> Timer:
        """
        Have something called again and again.

        :param steady: by a clock that goes on when simulated time stands.
        """
        ...

    def on_wake(self, call: Callable[[], None]) -> None:
        """Have this called soon after each :meth:`wake`, on the thread of the graph."""
        ...

    def wake(self) -> None:
        """Wake that thread, from any other."""
        ...
