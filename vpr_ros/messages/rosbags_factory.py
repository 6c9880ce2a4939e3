# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
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

from vpr_ros.errors import unknown_name

__all__ = ['RosbagsFactory', 'typestore']


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


class RosbagsFactory:
    """A :class:`MessageFactory` over a rosbags type store (ours when none is given)."""

    def __init__(self, store: Typestore | None = None) -> None:
        self._types = (store or typestore()).types

    def new(self, type_name: str, /, **fields: Any) -> Any:
        """Make a message; a field too many or too few is a TypeError."""
        message_class: Any = self._types.get(type_name)
        if message_class is None:
            raise unknown_name('message type', type_name, self._types)
        return message_class(**fields)

    def octets(self, data: Any, /) -> Any:
        """Return a (n,) uint8 array that shares the memory of ``data``."""
        return np.frombuffer(data, dtype=np.uint8)

    def floats(self, values: Iterable[float], /) -> Any:
        """Return a (n,) float64 array."""
        return np.array(list(values), dtype=np.float64)

    def unsigned(self, values: Iterable[int], /) -> Any:
        """Return a (n,) uint64 array."""
        return np.array(list(values), dtype=np.uint64)
