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


"""The types that DDS is told of, made from definitions of messages."""

from __future__ import annotations

from functools import cache
from typing import Any

from cyclonedds.idl import make_idl_struct
from cyclonedds.idl import types as idl
from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore
from vpr_ros.errors import VprError
from vpr_ros.messages.rosbags_factory import message_class
from vpr_ros.messages.rosbags_factory import typestore

__all__ = ['data_type', 'type_hash']

_NUMBERS = {
    'bool': bool, 'byte': idl.byte, 'octet': idl.byte, 'char': idl.uint8,
    'int8': idl.int8, 'int16': idl.int16, 'int32': idl.int32, 'int64': idl.int64,
    'uint8': idl.uint8, 'uint16': idl.uint16, 'uint32': idl.uint32, 'uint64': idl.uint64,
    'float32': idl.float32, 'float64': idl.float64,
}
# DDS knows no empty structures; ROS agrees on this name for the byte that stands in.
_EMPTY = {'structure_needs_at_least_one_member': idl.uint8}


def data_type(type_name: str, store: Typestore | None = None) -> type[Any]:
    """
    Return the class of a type of messages, for topics of DDS.

    What it promises to DDS is the true structure, but its objects carry a message as it is
    serialized: made of the bytes of CDR, which are their ``data``.

    :param type_name: such as ``sensor_msgs/msg/Image``.
    :param store: knows the type; ours where none is given.
    :raises VprError: where the store does not know it, or DDS cannot carry it.
    """
    return _data_type(type_name, store or typestore())


def type_hash(type_name: str, store: Typestore | None = None) -> str:
    """Return the hash of a type (REP 2011), such as ``RIHS01_...``; VprError where unknown."""
    store = store or typestore()
    message_class(store, type_name)
    return store.hash_rihs01(type_name)


@cache
def _data_type(type_name: str, store: Typestore) -> type[Any]:
    message_class(store, type_name)
    package, kind, name = type_name.split('/')
    fields = {field: _idl(description, type_name, store)
              for field, description in store.fielddefs[type_name][1]}
    struct: type[Any] = make_idl_struct(f'{name}_', f'{package}.{kind}.dds_.{name}_',
                                        fields or _EMPTY, dataclassify=False)
    # Set on the class itself: a base class would be part of the structure.
    for method in ('__init__', 'serialize', 'deserialize', 'deserialize_key'):
        setattr(struct, method, _Carrier.__dict__[method])
    return struct


def _idl(description: Any, type_name: str, store: Typestore) -> Any:
    """Return what a field is in IDL."""
    node, detail = description
    if node == Nodetype.NAME:
        return _data_type(detail, store)
    if node == Nodetype.BASE:
        name, bound = detail
        if name == 'string':
            return idl.bounded_str[bound] if bound else str
        if name not in _NUMBERS:
            raise VprError(f'messages of type {type_name} cannot be sent or heard here: '
                           f'they have a field of type {name}')
        return _NUMBERS[name]
    element, size = detail
    of = _idl(element, type_name, store)
    if node == Nodetype.ARRAY:
        return idl.array[of, size]
    return idl.sequence[of, size] if size else idl.sequence[of]


class _Carrier:
    """What the classes do in place of serializing: DDS gets and gives the bytes as they are."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def serialize(self, buffer: object = None, endianness: object = None,
                  use_version_2: bool | None = None) -> bytes:
        return self.data

    @classmethod
    def deserialize(cls, data: bytes, has_header: bool = True,
                    use_version_2: bool | None = None) -> _Carrier:
        return cls(data)

    # Of the end of a writer, which is told as a message without one.
    deserialize_key = deserialize
