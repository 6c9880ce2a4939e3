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

"""Bags for the tests: small, real files of every kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from vpr_ros.bags.make import write_frames
from vpr_ros.messages import geometry
from vpr_ros.messages import images
from vpr_ros.messages import sensors
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import Pose

START_NS = 1_700_000_000_123_456_789
STEP_NS = 100_000_007
MATRIX = np.array([[50.0, 0.0, 16.5], [0.0, 51.0, 12.25], [0.0, 0.0, 1.0]])
MOUNTING = Pose([0.3, -0.1, 1.2], [-0.5, 0.5, -0.5, 0.5])
NOETIC = get_typestore(Stores.ROS1_NOETIC)
NOETIC.register(get_types_from_msg(
    'geometry_msgs/TransformStamped[] transforms', 'tf2_msgs/msg/TFMessage'))


def _make_frames(count: int) -> list[Frame]:
    """Return frames that know everything."""
    camera = Camera('front', 32, 24, MATRIX, 'plumb_bob', np.array([0.1, -0.05, 0.0, 0.0, 0.0]),
                    T_base_optical=MOUNTING)
    ramp = np.linspace(0, 180, 32).astype(np.uint8)
    return [
        Frame(START_NS + i * STEP_NS,
              np.dstack([np.tile(ramp, (24, 1)) + i, np.full((24, 32), 4 * i + 40, np.uint8),
                         np.tile(ramp[::-1], (24, 1))]),
              calibration=camera, T_map_base=Pose.from_xy_yaw(10.0 + i, 2.0 * i, 0.1 * i),
              T_odom_base=Pose.from_xy_yaw(float(i), -1.0 * i, -0.05 * i))
        for i in range(count)]


class Ros1Factory(RosbagsFactory):
    """Makes ROS 1 messages, which have a few fields more and others in capitals."""

    def __init__(self) -> None:
        super().__init__(NOETIC)

    def new(self, type_name: str, /, **fields: Any) -> Any:
        """Make a message of ROS 1 from the fields of ROS 2."""
        if type_name == 'std_msgs/msg/Header':
            fields['seq'] = 0
        if type_name == 'sensor_msgs/msg/CameraInfo':
            for name in 'dkrp':
                fields[name.upper()] = fields.pop(name)
        return super().new(type_name, **fields)


def write_rosbag1(path: Path, frames: list[Frame], encoding: str = 'raw') -> Path:
    """Write what write_frames writes, as ROS 1 would have."""
    factory = Ros1Factory()
    with Rosbag1Writer(path) as bag:
        connections: dict[str, Any] = {}

        def write(topic: str, message: Any, stamp_ns: int) -> None:
            type_name = message.__msgtype__
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, type_name, typestore=NOETIC)
            bag.write(connections[topic], stamp_ns, NOETIC.serialize_ros1(message, type_name))

        for frame in frames:
            stamp = frame.stamp_ns
            if frame is frames[0]:
                write('/tf_static', geometry.tf_message(factory, [geometry.StampedPose(
                    stamp, '/base_link', '/front_optical_frame', MOUNTING)]), stamp)
            write('/camera/camera_info', sensors.camera_info_message(
                factory, frame.calibration, stamp_ns=stamp,
                frame_id='/front_optical_frame'), stamp)
            if encoding == 'raw':
                write('/camera/image_raw', images.image_message(
                    factory, frame.image, stamp_ns=stamp, frame_id='front_optical_frame'), stamp)
            else:
                write('/camera/image_raw/compressed', images.compressed_image_message(
                    factory, frame.image, stamp_ns=stamp, frame_id='front_optical_frame'), stamp)
            moved = geometry.StampedPose(stamp, 'odom', 'base_link', frame.T_odom_base)
            write('/odom', geometry.odometry_message(factory, moved), stamp)
            write('/tf', geometry.tf_message(factory, [moved]), stamp)
            write('/ground_truth/pose', geometry.pose_stamped_message(
                factory, geometry.StampedPose(stamp, 'map', '', frame.T_map_base)), stamp)
    return path


@pytest.fixture(scope='session')
def make_frames() -> Callable[[int], list[Frame]]:
    """Return a function that makes frames that know everything."""
    return _make_frames


@pytest.fixture
def frames() -> list[Frame]:
    """Return six frames that know everything."""
    return _make_frames(6)


@pytest.fixture
def write_bag(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes frames to a bag of one of the kinds the reader accepts."""
    def write(kind: str, frames: list[Frame], encoding: str = 'raw') -> Path:
        if kind == 'rosbag1':
            return write_rosbag1(tmp_path / 'in.bag', frames, encoding)
        name, storage = {'mcap': ('in.mcap', None), 'db3': ('in.db3', None),
                         'mcap folder': ('in_mcap', 'mcap'),
                         'sqlite3 folder': ('in_sqlite3', 'sqlite3')}[kind]
        return write_frames(tmp_path / name, frames, encoding=encoding, storage=storage).path
    return write
