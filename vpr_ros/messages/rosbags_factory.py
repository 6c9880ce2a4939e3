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

"""Messages of the library rosbags: they need no ROS installation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore
from vpr_ros.errors import nearest_name
from vpr_ros.errors import VprError

__all__ = ['message_class', 'RosbagsFactory', 'typestore']


@cache
def typestore() -> Typestore:
    """Return the types of ROS 2 Jazzy together with those of vpr_msgs; made once, then shared."""
    store = get_typestore(Stores.ROS2_JAZZY)
    folder = resources.files('vpr_ros.messages') / 'definitions' / 'vpr_msgs' / 'msg'
    types: dict[str, Any] = {}
    for text in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if text.name.endswith('.msg'):
            type_name = f'vpr_msgs/msg/{text.name[:-len(".msg")]}'
            types.update(get_types_from_msg(text.read_text(encoding='utf-8'), type_name))
    store.register(types)
    return store


def message_class(store: Typestore, type_name: str) -> Any:
    """Return the class of a type; VprError with the nearest name when the store lacks it."""
    if type_name not in store.types:
        nearest = nearest_name(type_name, store.types)
        hint = f'; did you mean {nearest!r}?' if nearest else ''
        raise VprError(f'unknown message type {type_name!r}{hint} '
                       f'({len(store.types)} are known, all of the form package/msg/Name)')
    return store.types[type_name]


class RosbagsFactory:
    """A :class:`MessageFactory` over a rosbags type store (ours when none is given)."""

    def __init__(self, store: Typestore | None = None) -> None:
        self._store = store or typestore()

    def new(self, type_name: str, /, **fields: Any) -> Any:
        """Make a message; a field too many or too few is a TypeError."""
        return message_class(self._store, type_name)(**fields)

    def byte(self, value: int, /) -> Any:
        """Return the number; ValueError for what is no byte."""
        return bytes([value])[0]

    def octets(self, data: Any, /) -> Any:
        """Return a (n,) uint8 array that shares the memory of ``data``."""
        return np.frombuffer(data, dtype=np.uint8)

    def floats(self, values: Iterable[float], /) -> Any:
        """Return a (n,) float64 array."""
        return np.array(list(values), dtype=np.float64)

    def unsigned(self, values: Iterable[int], /) -> Any:
        """Return a (n,) uint64 array."""
        return np.array(list(values), dtype=np.uint64)
