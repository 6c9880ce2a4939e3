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


"""One node on a ROS 2 graph, made of DDS alone."""

from __future__ import annotations

from contextlib import ExitStack
import os
import time
from typing import Any

from cyclonedds.core import DDSException
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from rosbags.typesys.store import Typestore
from vpr_ros.dds.domains import held_domain
from vpr_ros.dds.entities import delete
from vpr_ros.dds.environment import checked_domain
from vpr_ros.dds.environment import domain_config
from vpr_ros.dds.environment import domain_of
from vpr_ros.dds.names import checked_namespace
from vpr_ros.dds.names import checked_node_name
from vpr_ros.dds.names import dds_topic
from vpr_ros.dds.node_info import NodeInfo
from vpr_ros.dds.qos import endpoint_qos
from vpr_ros.dds.qos import participant_qos
from vpr_ros.dds.reader import Reader
from vpr_ros.dds.types import data_type
from vpr_ros.dds.types import type_hash
from vpr_ros.dds.writer import Writer
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Qos

__all__ = ['Participant']

# Between two looks at whether the process is to end.
_LONGEST_WAIT_S = 0.1


class Participant:
    """
    Sends and hears topics as a node; a context manager, or closed by hand.

    Used by one thread at a time.

    :param namespace: of the node.
    :param domain: its number; where it is None, the environment says, as for all of ROS.
    :param ros_distro: the distribution of the others: they are told of nodes in two ways, one
        until Humble, one from Iron on.
    :raises VprError: for names that are none, and where the domain cannot be joined.
    """

    def __init__(self, node_name: str, namespace: str = '/', *, domain: int | None = None,
                 ros_distro: str = 'jazzy') -> None:
        self.node_name = checked_node_name(node_name)
        self.namespace = checked_namespace(namespace)
        self.domain = domain_of(os.environ) if domain is None else checked_domain(domain)
        self._topics: dict[tuple[str, type[Any]], Any] = {}
        self._endpoints: list[Reader | Writer] = []
        with ExitStack() as ending:
            ending.enter_context(held_domain(self.domain, domain_config(os.environ)))
            self.entity = _joined(self.domain)
            ending.callback(delete, self.entity)
            self._info = NodeInfo(self.entity, self.node_name, self.namespace, ros_distro)
            ending.callback(self._info.close)
            self._tell()
            self._ending = ending.pop_all()

    def __enter__(self) -> Participant:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph, with all that is sent and heard; once more does nothing."""
        for endpoint in tuple(self._endpoints):
            endpoint.close()
        for topic in self._topics.values():
            delete(topic)
        self._topics.clear()
        self._ending.close()

    def writer(self, topic: str, type_name: str, qos: Qos,
               store: Typestore | None = None) -> Writer:
        """
        Send a topic from now on.

        :param topic: its full name.
        :param type_name: such as ``sensor_msgs/msg/Image``.
        :param store: knows the type; ours where none is given.
        :raises VprError: for a type that is not known.
        """
        entity = DataWriter(self.entity, self._topic(topic, type_name, store),
                            endpoint_qos(qos, type_hash(type_name, store)))
        writer = Writer(entity, topic, type_name, self._left)
        self._endpoints.append(writer)
        self._tell()
        return writer

    def reader(self, topic: str, type_name: str, qos: Qos,
               store: Typestore | None = None) -> Reader:
        """Hear a topic from now on; parameters and errors are those of :meth:`writer`."""
        entity = DataReader(self.entity, self._topic(topic, type_name, store),
                            endpoint_qos(qos, type_hash(type_name, store)))
        reader = Reader(entity, topic, type_name, self._left)
        self._endpoints.append(reader)
        self._tell()
        return reader

    def wait_for_acks(self, timeout_s: float) -> bool:
        """Wait until reliable listeners have all that was sent; False when time is up."""
        end_s = time.monotonic() + timeout_s
        for writer in self._writers():
            while not writer.wait_for_acks(min(_LONGEST_WAIT_S,
                                               max(0.0, end_s - time.monotonic()))):
                if time.monotonic() >= end_s:
                    return False
        return True

    def _topic(self, topic: str, type_name: str, store: Typestore | None) -> Any:
        key = topic, data_type(type_name, store)
        if key not in self._topics:
            self._topics[key] = Topic(self.entity, dds_topic(topic), key[1])
        return self._topics[key]

    def _writers(self) -> list[Writer]:
        return [endpoint for endpoint in self._endpoints if isinstance(endpoint, Writer)]

    def _left(self, endpoint: Reader | Writer) -> None:
        if endpoint in self._endpoints:
            self._endpoints.remove(endpoint)
            self._tell()

    def _tell(self) -> None:
        self._info.tell(
            readers=[end.gid for end in self._endpoints if isinstance(end, Reader)],
            writers=[writer.gid for writer in self._writers()])


def _joined(domain: int) -> Any:
    try:
        return DomainParticipant(domain, participant_qos())
    except DDSException as error:
        raise VprError(f'domain {domain} cannot be joined ({error}): see what Cyclone DDS wrote '
                       'above') from error
