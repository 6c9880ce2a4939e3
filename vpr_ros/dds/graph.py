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


"""The graph as DDS alone sees it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rosbags.serde import SerdeError
from vpr_ros.dds.clock import SimulatedTime
from vpr_ros.dds.clock import TimeOfDay
from vpr_ros.dds.loop import Loop
from vpr_ros.dds.names import full_node_name
from vpr_ros.dds.names import resolve_topic
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.publishers import Publishers
from vpr_ros.dds.qos_overrides import QosOverrides
from vpr_ros.dds.reader import Reader
from vpr_ros.dds.repeated import Repeated
from vpr_ros.dds.writer import Writer
from vpr_ros.live.interface import Qos
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.rosbags_factory import typestore

__all__ = ['DdsGraph']


class _Published:
    """A :class:`~vpr_ros.live.graph.Publication`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def publish(self, message: Any) -> None:
        self._writer.write(bytes(typestore().serialize_cdr(message, self._writer.type_name)))

    def is_heard(self) -> bool:
        return bool(self._writer.matched())

    def close(self) -> None:
        self._writer.close()


class _Heard:
    """A :class:`~vpr_ros.live.graph.Subscription`."""

    def __init__(self, loop: Loop, reader: Reader, heard: Callable[[bytes], None],
                 misfit: Callable[[str], None]) -> None:
        self._loop = loop
        self._reader = reader
        self._heard = heard
        self._misfit = misfit
        self._closed = False
        loop.attach(reader, self._hear)

    @property
    def topic(self) -> str:
        return self._reader.topic

    def close(self) -> None:
        self._closed = True
        self._loop.detach(self._reader)
        self._reader.close()

    def _hear(self) -> None:
        if policy := self._reader.requested_incompatible():
            self._misfit(policy)
        for data in () if self._closed else self._reader.take():
            if self._closed:  # by what was just heard
                return
            self._heard(data)


class DdsGraph:
    """
    A :class:`~vpr_ros.live.graph.Graph` with no ROS, whose thread is that of :meth:`run`.

    A context manager, or closed by hand.

    :param namespace: of the node.
    :param domain: its number; where it is None, the environment says, as for all of ROS.
    :param ros_distro: the distribution of the other nodes.
    :param overrides: how single topics are heard.
    :param use_sim_time: go by ``/clock``.
    :raises VprError: for names that are none, and where the domain cannot be joined.
    """

    def __init__(self, node_name: str, namespace: str = '/', *, domain: int | None = None,
                 ros_distro: str = 'jazzy', overrides: QosOverrides | None = None,
                 use_sim_time: bool = False) -> None:
        self._overrides = overrides or QosOverrides({})
        self._factory = RosbagsFactory()
        self._went_back: Callable[[], None] = _do_nothing
        with ExitStack() as ending:
            self._participant = Participant(node_name, namespace, domain=domain,
                                            ros_distro=ros_distro)
            ending.callback(self._participant.close)
            self._loop = Loop(self._participant)
            ending.callback(self._loop.close)
            self._publishers = Publishers(self._participant)
            ending.callback(self._publishers.close)
            self._clock: SimulatedTime | TimeOfDay = (
                SimulatedTime(self._loop, self._participant, lambda: self._went_back())
                if use_sim_time else TimeOfDay(self._loop))
            self._ending = ending.pop_all()

    def __enter__(self) -> DdsGraph:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def node_name(self) -> str:
        """Return the name of the node."""
        return self._participant.node_name

    @property
    def full_name(self) -> str:
        """Return the name of the node below its namespace."""
        return full_node_name(self._participant.node_name, self._participant.namespace)

    @property
    def factory(self) -> RosbagsFactory:
        """Return what makes messages of the library rosbags."""
        return self._factory

    def resolve(self, topic: str) -> str:
        """Return the full name of a topic; VprError for one that is none."""
        return resolve_topic(topic, node=self._participant.node_name,
                             namespace=self._participant.namespace)

    def publish(self, topic: str, type_name: str, qos: Qos) -> _Published:
        """Publish a topic from now on."""
        return _Published(self._participant.writer(self.resolve(topic), type_name, qos))

    def subscribe(self, topic: str, type_name: str, qos: Qos, heard: Callable[[bytes], None],
                  misfit: Callable[[str], None]) -> _Heard:
        """Listen to a topic from now on; parameters ``qos_overrides`` hold."""
        name = self.resolve(topic)
        reader = self._participant.reader(name, type_name, self._overrides.of(name, qos))
        return _Heard(self._loop, reader, heard, misfit)

    def read(self, data: bytes, type_name: str) -> Any:
        """Return the message of CDR; ValueError where it is none of that type."""
        try:
            return typestore().deserialize_cdr(data, type_name)
        except SerdeError as error:
            raise ValueError(f'{len(data)} bytes are no {type_name}: {error}') from error

    def publishers(self, topic: str) -> int:
        """Return how many publish a topic."""
        return self._publishers.count(topic)

    def now_ns(self) -> int:
        """Return the time of day, or what was last heard on ``/clock``; 0 before."""
        return self._clock.now_ns()

    def every(self, period_s: float, call: Callable[[], None], *, steady: bool) -> Repeated:
        """Have something called again and again, by the node's clock or by a steady one."""
        return (self._loop if steady else self._clock).every(period_s, call)

    def on_wake(self, call: Callable[[], None]) -> None:
        """Have this called soon after each :meth:`wake`."""
        self._loop.on_wake(call)

    def wake(self) -> None:
        """Wake the thread of :meth:`run`, from any thread, also after the end."""
        self._loop.wake()

    def on_time_back(self, call: Callable[[], None]) -> None:
        """Have this called after each time that simulated time was put back."""
        self._went_back = call

    def run(self) -> None:
        """Go on until :meth:`stop`; SIGINT and SIGTERM raise KeyboardInterrupt at once."""
        self._loop.run()

    def stop(self) -> None:
        """End the run, from any thread."""
        self._loop.stop()

    def close(self) -> None:
        """Leave the graph; once more does nothing."""
        self._ending.close()


def _do_nothing() -> None:
    """Nobody has asked to be called yet."""
