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

"""Messages without ROS."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.messages.rosbags_factory import typestore


def test_types_of_ros_and_ours_are_there():
    assert {'sensor_msgs/msg/Image', 'vpr_msgs/msg/PlaceMatch', 'vpr_msgs/msg/PlaceCandidate',
            'vpr_msgs/msg/LoopClosure'} <= set(typestore().types)
    assert typestore().types['vpr_msgs/msg/PlaceMatch'].KNOWN_PLACE == 1


def test_unknown_type_names_the_nearest(factory):
    with pytest.raises(VprError, match="did you mean 'vpr_msgs/msg/PlaceMatch'"):
        factory.new('vpr_msgs/msg/PlaceMatches')


def test_a_forgotten_field_is_an_error(factory):
    with pytest.raises(TypeError, match='nanosec'):
        factory.new('builtin_interfaces/msg/Time', sec=1)


def test_arrays(factory):
    assert factory.octets(b'\x01\xff').tolist() == [1, 255]
    assert factory.floats(range(3)).dtype == np.float64
    big = factory.unsigned([2**64 - 1])
    assert big.dtype == np.uint64 and int(big[0]) == 2**64 - 1


def test_a_byte_is_a_byte(factory):
    assert factory.byte(255) == 255
    with pytest.raises(ValueError):
        factory.byte(256)
