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

"""What a robot writes and reads is the same bytes for every library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from vpr_ros.live.health import Level
from vpr_ros.live.health import Status
from vpr_ros.messages import geometry
from vpr_ros.messages import images
from vpr_ros.messages import results
from vpr_ros.messages import sensors
from vpr_ros.messages.diagnostics import diagnostics_message
from vpr_ros.messages.markers import markers_message
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.messages.rclpy_factory import RclpyFactory
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.rosbags_factory import typestore
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.messages.stamps import stamp_of_serialized
from vpr_ros.types import Camera
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose

# A double rounds this to another nanosecond, and no number below has a short binary form.
STAMP_NS = 1_767_225_599_987_654_321
PLACE_ID = 2**62 + 1
_root = np.random.default_rng(7).standard_normal((6, 6))
POSE = Pose([0.1, -20.3, 3.7], [0.1, -0.2, 0.3, 0.9], _root @ _root.T)
WAY = RelativePose(Pose([1.1, 0.3, -0.7], [0.3, 0.1, -0.2, 0.9], _root.T @ _root), True, False, 41)
CANDIDATES = (Candidate(PLACE_ID, STAMP_NS - 1, 'Straße', 'front', 0.75, 0.875, POSE),
              Candidate(3, STAMP_NS - 2, 'evening', 'rear', -0.5, 0.0625))
FOUND = Localization(
    STAMP_NS, 'front', 'c0ffee', 2**40 + 1, 'compact', Decision.KNOWN, 'es paßt', 0.875, 'map',
    CANDIDATES, WAY, POSE, {'describe': 2**63 + 1, 'search': 1})
LOOP = LoopClosure('drive', 12, STAMP_NS, 'Straße', PLACE_ID, STAMP_NS - 1, 'c0ffee', 0.75, 0.875,
                   'network', WAY)
PLACE = Place(PLACE_ID, STAMP_NS, 'drive', POSE)
CAMERA = Camera('front', 640, 480, np.array([[500.1, 0, 320.3], [0, 501.7, 240.9], [0, 0, 1.0]]),
                'equidistant', np.array([0.1, 0.2, -0.3, 0.4]))
FIX = sensors.SatelliteFix(STAMP_NS, -27.123456789, 153.987654321, 12.3, True,
                           POSE.covariance[:3, :3])
MOVED = geometry.StampedPose(STAMP_NS, 'odom', 'base_link', POSE)
PICTURE = np.random.default_rng(1).integers(0, 255, (6, 10, 3), dtype=np.uint8)
EVEN = np.full((16, 16, 3), (200, 100, 50), np.uint8)


def _same_pose(got: Pose, wanted: Pose, *, covariance: bool = False) -> None:
    assert np.array_equal(got.position, wanted.position)
    assert np.allclose(got.quaternion, wanted.quaternion, rtol=0, atol=1e-15)
    if covariance:
        assert np.array_equal(got.covariance, wanted.covariance)


def _reads_localization(message: Any) -> None:
    back = results.localization_from_message(message)
    assert (back.stamp_ns, back.map_revision, back.reason) == (STAMP_NS, 2**40 + 1, 'es paßt')
    assert (back.decision, back.probability) == (Decision.KNOWN, 0.875)
    assert dict(back.stage_times_ns) == {'describe': 2**63 + 1, 'search': 1}
    _same_pose(back.T_map_base, POSE, covariance=True)
    _reads_way(back.relative_pose)
    first, second = back.candidates
    _same_pose(first.T_map_base, POSE)
    assert (first.place_id, first.stamp_ns, first.session, first.similarity) == (
        PLACE_ID, STAMP_NS - 1, 'Straße', 0.75)
    assert (second.T_map_base, second.camera, second.similarity) == (None, 'rear', -0.5)


def _reads_way(way: RelativePose) -> None:
    assert (way.rotation_valid, way.translation_valid, way.inliers) == (True, False, 41)
    _same_pose(way.T_match_query, WAY.T_match_query, covariance=True)


def _reads_candidate(message: Any) -> None:
    assert (message.place_id, message.session, message.camera) == (PLACE_ID, 'Straße', 'front')
    assert ns_from_stamp(message.stamp) == STAMP_NS - 1
    assert (message.similarity, message.probability, message.has_pose) == (0.75, 0.875, True)
    _same_pose(geometry.pose_from_message(message.pose), POSE)


def _reads_loop(message: Any) -> None:
    back = results.loop_closure_from_message(message)
    assert (back.query_session, back.query_place_id, back.query_stamp_ns) == (
        'drive', 12, STAMP_NS)
    assert (back.match_session, back.match_place_id, back.match_stamp_ns) == (
        'Straße', PLACE_ID, STAMP_NS - 1)
    assert (back.map_id, back.similarity, back.probability, back.probability_source) == (
        'c0ffee', 0.75, 0.875, 'network')
    _reads_way(back.relative_pose)


def _reads_place(message: Any) -> None:
    back = results.new_place_from_message(message)
    assert (back.id, back.stamp_ns, back.session) == (PLACE_ID, STAMP_NS, 'drive')
    assert (message.map_id, message.header.frame_id) == ('c0ffee', 'map')
    _same_pose(back.T_map_base, POSE)


def _reads_pose(message: Any) -> None:
    back = geometry.POSE_READERS['geometry_msgs/msg/PoseWithCovarianceStamped'](message)
    assert (back.stamp_ns, back.parent) == (STAMP_NS, 'map')
    _same_pose(back.pose, POSE, covariance=True)


def _reads_odometry(message: Any) -> None:
    back = geometry.POSE_READERS['nav_msgs/msg/Odometry'](message)
    assert (back.stamp_ns, back.parent, back.child) == (STAMP_NS, 'odom', 'base_link')
    _same_pose(back.pose, POSE, covariance=True)


def _reads_transforms(message: Any) -> None:
    (back,) = geometry.transforms_from_message(message)
    assert (back.stamp_ns, back.parent, back.child) == (STAMP_NS, 'odom', 'base_link')
    _same_pose(back.pose, POSE)


def _reads_fix(message: Any) -> None:
    back = sensors.fix_from_message(message)
    assert (back.stamp_ns, back.latitude_deg, back.longitude_deg, back.altitude_m) == (
        STAMP_NS, -27.123456789, 153.987654321, 12.3)
    assert back.valid and back.frame == 'base_link'
    assert np.array_equal(back.covariance, FIX.covariance)


def _reads_markers(message: Any) -> None:
    assert [marker.ns for marker in message.markers] == [
        '', 'candidates', 'robot', 'match', 'decision']
    assert [marker.action for marker in message.markers] == [3, 0, 0, 0, 0]
    assert {ns_from_stamp(marker.header.stamp) for marker in message.markers} == {STAMP_NS}
    robot, line, text = message.markers[2:]
    _same_pose(geometry.pose_from_message(robot.pose), POSE)
    assert [point.y for point in line.points] == [-20.3, -20.3]
    assert text.text == 'known, 88%\nStraße'


def _reads_diagnostics(message: Any) -> None:
    (status,) = message.status
    assert status.level == status.ERROR
    assert (status.name, status.message, status.hardware_id) == ('vpr: map', 'weg', 'robot')
    assert [(pair.key, pair.value) for pair in status.values] == [('rate (Hz)', '0.1')]


def _reads_image(message: Any) -> None:
    assert np.array_equal(images.decode_image(message), PICTURE)
    assert message.header.frame_id == 'optical'


def _reads_compressed(message: Any) -> None:
    seen = images.decode_compressed_image(message)
    assert seen.shape == EVEN.shape and np.abs(seen.astype(int) - EVEN).max() < 6


def _reads_camera(message: Any) -> None:
    back = sensors.camera_from_info(message, name='front')
    assert (back.width, back.height, back.distortion_model) == (640, 480, 'equidistant')
    assert np.array_equal(back.matrix, CAMERA.matrix)
    assert np.array_equal(back.distortion, CAMERA.distortion)


Make, Read = Callable[[Any], Any], Callable[[Any], None]
# Type -> how it is written, and a look at what others receive.
MESSAGES: dict[str, tuple[Make, Read]] = {
    'vpr_msgs/msg/PlaceMatch': (
        lambda f: results.place_match_message(f, FOUND, map_frame='map'), _reads_localization),
    'vpr_msgs/msg/PlaceCandidate': (
        lambda f: results.place_match_message(f, FOUND, map_frame='map').candidates[0],
        _reads_candidate),
    'vpr_msgs/msg/LoopClosure': (
        lambda f: results.loop_closure_message(f, LOOP, frame_id='base_link'), _reads_loop),
    'vpr_msgs/msg/NewPlace': (
        lambda f: results.new_place_message(f, PLACE, map_id='c0ffee', map_frame='map'),
        _reads_place),
    'geometry_msgs/msg/PoseWithCovarianceStamped': (
        lambda f: results.pose_message(f, FOUND, map_frame='map'), _reads_pose),
    'nav_msgs/msg/Odometry': (lambda f: geometry.odometry_message(f, MOVED), _reads_odometry),
    'tf2_msgs/msg/TFMessage': (lambda f: geometry.tf_message(f, [MOVED]), _reads_transforms),
    'sensor_msgs/msg/NavSatFix': (
        lambda f: sensors.fix_message(f, FIX, frame_id='base_link'), _reads_fix),
    'visualization_msgs/msg/MarkerArray': (
        lambda f: markers_message(f, FOUND, map_frame='map'), _reads_markers),
    'diagnostic_msgs/msg/DiagnosticArray': (
        lambda f: diagnostics_message(
            f, [Status('vpr: map', Level.ERROR, 'weg', {'rate (Hz)': '0.1'})], stamp_ns=STAMP_NS,
            hardware_id='robot'), _reads_diagnostics),
    'sensor_msgs/msg/Image': (
        lambda f: images.image_message(f, PICTURE, stamp_ns=STAMP_NS, frame_id='optical'),
        _reads_image),
    'sensor_msgs/msg/CompressedImage': (
        lambda f: images.compressed_image_message(f, EVEN, stamp_ns=STAMP_NS, frame_id='optical'),
        _reads_compressed),
    'sensor_msgs/msg/CameraInfo': (
        lambda f: sensors.camera_info_message(f, CAMERA, stamp_ns=STAMP_NS, frame_id='optical'),
        _reads_camera),
}
WITHOUT_HEADER = {'vpr_msgs/msg/PlaceCandidate', 'tf2_msgs/msg/TFMessage',
                  'visualization_msgs/msg/MarkerArray'}
every_type = pytest.mark.parametrize('type_name', MESSAGES)


def written(type_name: str, **options: Any) -> bytes:
    """Return the bytes of a message as the library rosbags writes them."""
    message = MESSAGES[type_name][0](RosbagsFactory())
    return bytes(typestore().serialize_cdr(message, type_name, **options))


def test_all_messages_of_this_project_are_there():
    ours = {name for name in typestore().types if name.startswith('vpr_msgs/msg/')}
    assert ours == {name for name in MESSAGES if name.startswith('vpr_msgs/')}


@every_type
@pytest.mark.parametrize('little_endian', [True, False])
def test_what_is_written_is_read(type_name, little_endian):
    data = written(type_name, little_endian=little_endian)
    assert data[:4] == bytes([0, little_endian, 0, 0])  # plain CDR, as DDS has it
    MESSAGES[type_name][1](typestore().deserialize_cdr(data, type_name))
    if type_name not in WITHOUT_HEADER:
        assert stamp_of_serialized(data) == STAMP_NS


@every_type
def test_rclpy_reads_what_rosbags_writes_and_the_other_way(type_name, plain):
    serialization = pytest.importorskip('rclpy.serialization', reason='needs a sourced ROS')
    if type_name.startswith('vpr_msgs/') and not hasattr(
            pytest.importorskip('vpr_msgs.msg', reason='needs vpr_msgs'), 'NewPlace'):
        pytest.skip('vpr_msgs is not built and sourced')
    make, reads = MESSAGES[type_name]
    of_rosbags = written(type_name)
    of_rclpy = serialization.serialize_message(make(RclpyFactory()))
    wanted = plain(typestore().deserialize_cdr(of_rosbags, type_name))
    for data in of_rosbags, of_rclpy:
        received = serialization.deserialize_message(data, message_class(type_name))
        assert plain(received) == wanted
        reads(received)
    received = typestore().deserialize_cdr(of_rclpy, type_name)
    assert plain(received) == wanted
    reads(received)
    if type_name not in WITHOUT_HEADER:
        assert stamp_of_serialized(of_rclpy) == STAMP_NS
