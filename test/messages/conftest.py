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

"""What the tests of messages share."""

from array import array
from collections.abc import Callable
from dataclasses import fields
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import pytest
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.rosbags_factory import typestore


@pytest.fixture(scope='session')
def factory() -> RosbagsFactory:
    """Return the factory that needs no ROS."""
    return RosbagsFactory()


@pytest.fixture(scope='session')
def through_cdr() -> Callable[[Any], Any]:
    """Return a function that sends a message through the bytes of the wire."""
    def send(message: Any) -> Any:
        type_name = message.__msgtype__
        return typestore().deserialize_cdr(
            typestore().serialize_cdr(message, type_name), type_name)
    return send


@pytest.fixture(scope='session')
def plain() -> Callable[[Any], Any]:
    """Return a function that tells what is in a message of any library, to compare."""
    def values(message: Any) -> Any:
        if hasattr(message, 'get_fields_and_field_types'):
            return {name: values(getattr(message, name))
                    for name in message.get_fields_and_field_types()}
        if is_dataclass(message):
            return {field.name: values(getattr(message, field.name)) for field in fields(message)
                    if not hasattr(type(message), field.name)}  # a constant
        if isinstance(message, bytes):  # a byte of rclpy
            return message[0]
        if isinstance(message, (array, list, np.ndarray)):
            return [values(item) for item in message]
        return message.item() if isinstance(message, np.generic) else message
    return values
