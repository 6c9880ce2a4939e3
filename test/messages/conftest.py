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

from collections.abc import Callable
from typing import Any

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
