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


"""What a participant of DDS tells of its node, so that ROS shows it as one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from cyclonedds.pub import DataWriter
from cyclonedds.topic import Topic
import numpy as np
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore
from vpr_ros.dds.entities import delete
from vpr_ros.dds.qos import discovery_qos
from vpr_ros.dds.types import data_type
from vpr_ros.dds.types import type_hash
from vpr_ros.errors import unknown_name

__all__ = ['NodeInfo']

_TOPIC = 'ros_discovery_info'
_PACKAGE = 'rmw_dds_common/msg'
_INFO = f'{_PACKAGE}/ParticipantEntitiesInfo'
_DISTROS = {store.name.removeprefix('ROS2_').lower(): store for store in Stores
            if store.name.startswith('ROS2_')}
_DISTROS['rolling'] = Stores.LATEST


class NodeInfo:
    """
    Tells all others, also those that come later, of the one node of a participant.

    :param participant: of DDS.
    :param ros_distro: the name of the distribution by whose messages this is told.
    :raises VprError: for one that is not known.
    """

    def __init__(self, participant: Any, node: str, namespace: str, ros_distro: str) -> None:
        self._store = _store(ros_distro)
        self._gid: bytes = participant.guid.bytes
        self._node = node
        self._namespace = namespace
        self._topic = Topic(participant, _TOPIC, data_type(_INFO, self._store))
        self._writer = DataWriter(participant, self._topic,
                                  discovery_qos(type_hash(_INFO, self._store)))

    def tell(self, readers: Iterable[bytes], writers: Iterable[bytes]) -> None:
        """Tell what the node hears and sends by, each by the 16 bytes of its GUID."""
        self._write([self._store.types[f'{_PACKAGE}/NodeEntitiesInfo'](
            node_namespace=self._namespace, node_name=self._node,
            reader_gid_seq=[self._identifier(gid) for gid in readers],
            writer_gid_seq=[self._identifier(gid) for gid in writers])])

    def close(self) -> None:
        """Tell that the node is gone: Fast DDS does not see participants go."""
        self._write([])
        delete(self._writer)
        delete(self._topic)

    def _write(self, nodes: list[Any]) -> None:
        info = self._store.types[_INFO](gid=self._identifier(self._gid),
                                        node_entities_info_seq=nodes)
        self._writer.write(self._topic.data_type(bytes(self._store.serialize_cdr(info, _INFO))))

    def _identifier(self, gid: bytes) -> Any:
        name = f'{_PACKAGE}/Gid'
        fields: Any = self._store.fielddefs[name][1]
        ((_, (_, (_, size))),) = fields
        # 24 bytes in Humble, of which the last are empty.
        return self._store.types[name](data=np.frombuffer(gid.ljust(size, b'\0'), np.uint8))


@cache
def _store(ros_distro: str) -> Typestore:
    """Return the types of a distribution, made once: those of DDS are kept for each store."""
    if ros_distro not in _DISTROS:
        raise unknown_name('distribution of ROS 2', ros_distro, _DISTROS)
    return get_typestore(_DISTROS[ros_distro])
