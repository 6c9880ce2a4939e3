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

"""Types of messages as the bag itself defines them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection
from rosbags.interfaces import MessageDefinition
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.typesys import get_types_from_idl
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore
from vpr_ros.errors import VprError
from vpr_ros.messages.rosbags_factory import typestore

__all__ = ['Definitions']

_log = logging.getLogger(__name__)
_IDL_SEPARATOR = '=' * 80 + '\n'


class Definitions:
    """
    Deserializes messages by the definitions in the bag, or by the known ones where it has none.

    Each connection has its own types: a bag may hold two versions of one type, and a definition
    that cannot be parsed spoils its own topic alone.
    """

    def __init__(self, path: Path, *, ros1: bool) -> None:
        self._path = path
        self._ros1 = ros1
        self._stores: dict[tuple[str, MessageDefinition], Typestore] = {}

    def deserialize(self, connection: Connection, raw: bytes) -> Any:
        """Return the message; VprError when its type is neither defined in the bag nor known."""
        store = self.store(connection)
        if self._ros1:
            return store.deserialize_ros1(raw, connection.msgtype)
        return store.deserialize_cdr(raw, connection.msgtype)

    def store(self, connection: Connection) -> Typestore:
        """Return what knows the type of a connection; VprError when nothing does."""
        key = connection.msgtype, connection.msgdef
        store = self._stores.get(key)
        if store is None:
            store = self._stores[key] = self._from_bag(connection) or self._known(connection)
        return store

    def _from_bag(self, connection: Connection) -> Typestore | None:
        if connection.msgdef.format is MessageDefinitionFormat.NONE:
            return None
        store = get_typestore(Stores.EMPTY)
        try:
            store.register(_parse(connection.msgdef, connection.msgtype))
            store.get_msgdef(connection.msgtype)
        except Exception as error:  # the text is foreign: parsers fail in many ways
            _log.warning('%s: the definition of %s that it holds for %s cannot be used (%s)',
                         self._path, connection.msgtype, connection.topic, error)
            return None
        return store

    def _known(self, connection: Connection) -> Typestore:
        store = get_typestore(Stores.ROS1_NOETIC) if self._ros1 else typestore()
        if connection.msgtype not in store.types:
            raise VprError(
                f'{self._path}: messages on {connection.topic} have the type '
                f'{connection.msgtype}, which neither the bag defines nor this program knows; '
                'leave the topic out, or record with a distribution that stores definitions (Iron '
                'or later, or MCAP)')
        return store


def _parse(definition: MessageDefinition, type_name: str) -> dict[str, Any]:
    if definition.format is MessageDefinitionFormat.MSG:
        return get_types_from_msg(definition.data, type_name)
    types: dict[str, Any] = {}
    if definition.data.startswith(f'{_IDL_SEPARATOR}IDL: '):
        for part in definition.data.split(_IDL_SEPARATOR)[1:]:
            types.update(get_types_from_idl(part.split('\n', 1)[1]))
    else:
        types.update(get_types_from_idl(definition.data))
    return types
