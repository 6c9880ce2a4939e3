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

"""Messages of a ROS installation (the classes rclpy publishes); nothing is imported before use."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from functools import cache
import importlib
from typing import Any

from vpr_ros.errors import VprError

__all__ = ['message_class', 'RclpyFactory']


@cache
def message_class(type_name: str) -> Any:
    """Return the class of 'package/msg/Name' (or srv); VprError with what to build or install."""
    package, kind, name = type_name.split('/')
    try:
        # The sources of vpr_msgs, seen from the root of the repository, import as an empty
        # package: a class that is missing means the same as a package that is.
        return getattr(importlib.import_module(f'{package}.{kind}'), name)
    except (ImportError, AttributeError) as error:
        hint = ('build it with: colcon build --base-paths src src/vpr_ros/vpr_msgs'
                if package == 'vpr_msgs' else
                f'install it with: apt install ros-$ROS_DISTRO-{package.replace("_", "-")}')
        raise VprError(
            f'messages of the ROS package {package!r} cannot be imported ({error}); {hint}, '
            'then source its setup file') from error


class RclpyFactory:
    """A :class:`MessageFactory` over the message classes of the sourced ROS installation."""

    def new(self, type_name: str, /, **fields: Any) -> Any:
        """Make a message; VprError when its package is not in the sourced installation."""
        return message_class(type_name)(**fields)

    def byte(self, value: int, /) -> Any:
        """Return bytes of length one."""
        return bytes([value])

    def octets(self, data: Any, /) -> Any:
        """Return an ``array.array``: it alone escapes a check of every single element."""
        return array('B', bytes(data))

    def floats(self, values: Iterable[float], /) -> Any:
        """Return a list: the one form that both ``float64[]`` and ``float64[n]`` accept."""
        return [float(value) for value in values]

    def unsigned(self, values: Iterable[int], /) -> Any:
        """Return an ``array.array`` of unsigned 64 bit integers."""
        return array('Q', [int(value) for value in values])
