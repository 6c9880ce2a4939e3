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

"""Messages of a ROS installation, where there is one; the same bytes as without."""

from array import array

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.messages.geometry import odometry_message
from vpr_ros.messages.geometry import POSE_READERS
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.images import decode_image
from vpr_ros.messages.images import image_message
from vpr_ros.messages.rclpy_factory import RclpyFactory
from vpr_ros.messages.results import localization_from_message
from vpr_ros.messages.results import place_match_message
from vpr_ros.messages.rosbags_factory import typestore
from vpr_ros.messages.sensors import camera_from_info
from vpr_ros.messages.sensors import camera_info_message
from vpr_ros.types import Camera
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose


def test_missing_package_says_how_to_get_it():
    with pytest.raises(VprError, match='no_such_msgs.*apt install'):
        RclpyFactory().new('no_such_msgs/msg/Nothing')


def test_unbuilt_interfaces_say_how_to_build_them(monkeypatch, tmp_path):
    (tmp_path / 'vpr_msgs' / 'msg').mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(VprError, match='colcon build --base-paths src src/vpr_ros/vpr_msgs'):
        RclpyFactory().new('vpr_msgs/msg/NeverBuilt')


def test_arrays_need_no_ros():
    assert RclpyFactory().octets(np.array([1, 255], np.uint8)) == array('B', [1, 255])
    assert RclpyFactory().floats(np.arange(2)) == [0.0, 1.0]
    assert RclpyFactory().unsigned([2**64 - 1]) == array('Q', [2**64 - 1])
    assert RclpyFactory().byte(255) == b'\xff'


def _to_bytes(message, type_name):
    serialization = pytest.importorskip('rclpy.serialization')
    return serialization.serialize_message(message), type_name


def test_image_through_ros():
    pytest.importorskip('sensor_msgs.msg')
    image = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    message = image_message(RclpyFactory(), image, stamp_ns=5, frame_id='cam')
    assert isinstance(message.data, array)
    assert np.array_equal(decode_image(message), image)
    raw, type_name = _to_bytes(message, 'sensor_msgs/msg/Image')
    assert np.array_equal(decode_image(typestore().deserialize_cdr(raw, type_name)), image)


def test_results_through_ros():
    if not hasattr(pytest.importorskip('vpr_msgs.msg'), 'PlaceMatch'):
        pytest.skip('vpr_msgs is not built and sourced')
    localization = Localization(
        1_700_000_000_123_456_789, 'front', 'uuid', 2**40, 'compact', Decision.KNOWN, 'it fits',
        0.5, 'map', (Candidate(2**62, 5, 'monday', 'front', 0.75, 0.5, Pose([1, 2, 3])),),
        RelativePose(Pose([4, 5, 6]), True, False, 17), None, {'describe': 2**63, 'search': 1})
    message = place_match_message(RclpyFactory(), localization, map_frame='map')
    raw, type_name = _to_bytes(message, 'vpr_msgs/msg/PlaceMatch')
    for received in message, typestore().deserialize_cdr(raw, type_name):
        back = localization_from_message(received)
        assert back.stamp_ns == localization.stamp_ns
        assert back.candidates[0].place_id == 2**62
        assert back.stage_times_ns == localization.stage_times_ns
        assert back.relative_pose.inliers == 17 and not back.relative_pose.translation_valid
        assert back.relative_pose.T_match_query.position.tolist() == [4, 5, 6]


def test_fixed_and_free_float_arrays_through_ros():
    pytest.importorskip('nav_msgs.msg')
    camera = Camera('c', 8, 6, np.array([[5.0, 0, 4], [0, 5.0, 3], [0, 0, 1]]),
                    distortion_model='plumb_bob', distortion=np.array([0.1, 0.2, 0, 0, 0]))
    info = camera_info_message(RclpyFactory(), camera, stamp_ns=1, frame_id='cam')
    assert np.array_equal(camera_from_info(info, name='c').distortion, camera.distortion)
    moved = StampedPose(7, 'odom', 'base_link', Pose.from_xy_yaw(1.0, 2.0, 0.5))
    raw, type_name = _to_bytes(odometry_message(RclpyFactory(), moved), 'nav_msgs/msg/Odometry')
    back = POSE_READERS[type_name](typestore().deserialize_cdr(raw, type_name))
    assert (back.stamp_ns, back.parent, back.child) == (7, 'odom', 'base_link')
    assert np.allclose(back.pose.matrix(), moved.pose.matrix())
