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

"""How the rest of this room makes messages without knowing whose classes they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from typing import Protocol

__all__ = ['MessageFactory']


class MessageFactory(Protocol):
    """
    Makes messages of one ROS library.

    The libraries disagree about three things: whether fields have defaults (so all are given),
    what a numeric array is, and what a ``byte`` is (so these go through the methods below).
    Strings, numbers, nested messages and lists of these are the same everywhere.
    """

    def new(self, type_name: str, /, **fields: Any) -> Any:
        """Make a message like 'vpr_msgs/msg/PlaceMatch' from all of its fields."""

    def byte(self, value: int, /) -> Any:
        """Make the value of a ``byte`` field, which is no ``uint8``."""

    def octets(self, data: Any, /) -> Any:
        """Make the value of a ``uint8[]`` field from any bytes-like object."""

    def floats(self, values: Iterable[float], /) -> Any:
        """Make the value of a ``float64[]`` or ``float64[n]`` field."""

    def unsigned(self, values: Iterable[int], /) -> Any:
        """Make the value of a ``uint64[]`` field."""
