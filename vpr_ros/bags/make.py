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

"""Frames into a bag that can be replayed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from vpr_ros.bags.frames import camera_info_topic_of
from vpr_ros.bags.writer import BagWriter
from vpr_ros.errors import unknown_name
from vpr_ros.messages.geometry import odometry_message
from vpr_ros.messages.geometry import pose_stamped_message
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import tf_message
from vpr_ros.messages.images import compressed_image_message
from vpr_ros.messages.images import image_message
from vpr_ros.messages.sensors import camera_info_message
from vpr_ros.types import Frame

__all__ = ['WrittenFrames', 'write_frames']

_TF = 'tf2_msgs/msg/TFMessage'


@dataclass(frozen=True)
class WrittenFrames:
    """
    What :func:`write_frames` wrote.

    :param messages: their number for each topic.
    """

    path: Path
    frames: int
    messages: MappingProxyType[str, int]


def write_frames(path: Path | str, frames: Iterable[Frame], *,
                 image_topic: str = '/camera/image_raw', encoding: str = 'raw',
                 jpeg_quality: int = 90, odometry_topic: str = '/odom',
                 pose_topic: str = '/ground_truth/pose', map_frame: str = 'map',
                 odom_frame: str = 'odom', base_frame: str = 'base_link',
                 storage: str | None = None, overwrite: bool = False,
                 on_frame: Callable[[int], None] | None = None) -> WrittenFrames:
    """
    Write frames of any source into a bag; :class:`BagWriter` says what lies at ``path`` then.

    Each frame becomes an image and, as far as it knows them, its calibration (``camera_info``
    beside the image), odometry (also as transform), the pose in the map, and once the mounting of
    the camera as static transform. Each message has the stamp of its frame.

    :param image_topic: for frames of several cameras it holds '{camera}'.
    :param encoding: 'raw' (rgb8), or 'jpeg' on '<image_topic>/compressed'.
    :param on_frame: called with the number of frames written so far.
    :raises ValueError: for two cameras on one topic, or a stamp that ROS cannot carry.
    """
    if encoding not in ('raw', 'jpeg'):
        raise unknown_name('image encoding of a bag', encoding, ('raw', 'jpeg'))
    with BagWriter(path, storage=storage, overwrite=overwrite) as bag:
        cameras: dict[str, str] = {}
        mounted: set[str] = set()
        count = 0
        for count, frame in enumerate(frames, start=1):
            topic = image_topic.replace('{camera}', frame.camera)
            if cameras.setdefault(topic, frame.camera) != frame.camera:
                raise ValueError(
                    f'the cameras {cameras[topic]!r} and {frame.camera!r} cannot share the topic '
                    f"{topic}; put '{{camera}}' into it, as in /{{camera}}/image_raw")
            if frame.camera not in mounted:
                mounted.add(frame.camera)
                _write_mounting(bag, frame, base_frame)
            _write_image(bag, frame, topic, jpeg_quality if encoding == 'jpeg' else None)
            _write_poses(bag, frame, odometry_topic, pose_topic, map_frame, odom_frame, base_frame)
            if on_frame:
                on_frame(count)
    return WrittenFrames(bag.path, count, MappingProxyType(dict(bag.counts)))


def _optical_frame(frame: Frame) -> str:
    return f'{frame.camera}_optical_frame'


def _write_mounting(bag: BagWriter, frame: Frame, base_frame: str) -> None:
    mounting = frame.calibration.T_base_optical if frame.calibration else None
    if mounting is not None:
        edge = StampedPose(frame.stamp_ns, base_frame, _optical_frame(frame), mounting)
        bag.write('/tf_static', _TF, tf_message(bag.factory, [edge]), frame.stamp_ns)


def _write_image(bag: BagWriter, frame: Frame, topic: str, jpeg_quality: int | None) -> None:
    stamp_ns, frame_id = frame.stamp_ns, _optical_frame(frame)
    if frame.calibration is not None:
        info = camera_info_message(
            bag.factory, frame.calibration, stamp_ns=stamp_ns, frame_id=frame_id)
        bag.write(camera_info_topic_of(topic), 'sensor_msgs/msg/CameraInfo', info, stamp_ns)
    if jpeg_quality is None:
        image = image_message(bag.factory, frame.image, stamp_ns=stamp_ns, frame_id=frame_id)
        bag.write(topic, 'sensor_msgs/msg/Image', image, stamp_ns)
    else:
        image = compressed_image_message(
            bag.factory, frame.image, stamp_ns=stamp_ns, frame_id=frame_id, quality=jpeg_quality)
        bag.write(f'{topic}/compressed', 'sensor_msgs/msg/CompressedImage', image, stamp_ns)


def _write_poses(bag: BagWriter, frame: Frame, odometry_topic: str, pose_topic: str,
                 map_frame: str, odom_frame: str, base_frame: str) -> None:
    stamp_ns = frame.stamp_ns
    if frame.T_odom_base is not None:
        moved = StampedPose(stamp_ns, odom_frame, base_frame, frame.T_odom_base)
        bag.write(odometry_topic, 'nav_msgs/msg/Odometry',
                  odometry_message(bag.factory, moved), stamp_ns)
        bag.write('/tf', _TF, tf_message(bag.factory, [moved]), stamp_ns)
    if frame.T_map_base is not None:
        placed = StampedPose(stamp_ns, map_frame, base_frame, frame.T_map_base)
        bag.write(pose_topic, 'geometry_msgs/msg/PoseStamped',
                  pose_stamped_message(bag.factory, placed), stamp_ns)
