# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
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
