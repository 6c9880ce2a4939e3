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


"""Messages of a bag as a ROS 2 graph carries them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rosbags.convert.converter import is_same_wireformat
from rosbags.convert.converter import migrate_bytes
from rosbags.interfaces import Connection
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore
from vpr_ros.bags.definitions import Definitions
from vpr_ros.messages.rosbags_factory import typestore

__all__ = ['CdrType', 'cdr_type']

# What has another name in ROS 2.
_RENAMED = {'tf/msg/tfMessage': 'tf2_msgs/msg/TFMessage'}


@dataclass(frozen=True, eq=False)
class CdrType:
    """
    A type of messages on a ROS 2 graph.

    :param store: knows it, as the bag defines it.
    :param to_cdr: makes CDR of a message as it lies in the bag.
    """

    name: str
    store: Typestore
    to_cdr: Callable[[bytes], bytes]


def cdr_type(connection: Connection, definitions: Definitions, *, ros1: bool) -> CdrType:
    """Return as what messages of a connection go out; VprError where their type is not known."""
    store = definitions.store(connection)
    if not ros1:
        return CdrType(connection.msgtype, _shared(store, connection.msgtype), bytes)
    name = _RENAMED.get(connection.msgtype, connection.msgtype)
    of_ros2 = typestore()
    if name not in of_ros2.types:
        of_ros2 = get_typestore(Stores.ROS2_JAZZY)
        # What ROS 2 has, such as Header without its number, is meant as it is there.
        of_ros2.register({known: store.fielddefs[known] for known in _parts(store, name)
                          if known not in of_ros2.types})
    if is_same_wireformat(store, of_ros2, connection.msgtype, name):
        # Headers of ROS 1 begin with a number, which is passed over.
        return CdrType(name, of_ros2, lambda raw: bytes(of_ros2.ros1_to_cdr(raw, name)))
    migrate = partial(migrate_bytes, store, of_ros2, connection.msgtype, name, {}, src_is2=False,
                      dst_is2=True)
    return CdrType(name, of_ros2, lambda raw: bytes(migrate(raw)))


def _shared(store: Typestore, type_name: str) -> Typestore:
    """Return the store that all share, where it knows the type just so."""
    if type_name in typestore().types and (
            store.hash_rihs01(type_name) == typestore().hash_rihs01(type_name)):
        return typestore()
    return store


def _parts(store: Typestore, type_name: str) -> set[str]:
    """Return the names of all types of which one is made, its own among them."""
    found: set[str] = set()
    waiting = {type_name}
    while waiting:
        name = waiting.pop()
        found.add(name)
        for _, description in store.fielddefs[name][1]:
            waiting |= _named(description) - found
    return found


def _named(description: Any) -> set[str]:
    """Return the type that a field is of, if it is one with a name, or a list of such."""
    kind, detail = description
    if isinstance(detail, str):
        return {detail}
    inner = detail[0]
    return _named(inner) if isinstance(inner, tuple) else set()
