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

"""Frames, and what else a vehicle measures, into a bag that can be replayed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from heapq import merge
from itertools import chain
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any
from typing import NamedTuple
from typing import TypeVar

from vpr_ros.bags.writer import BagWriter
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import unknown_name
from vpr_ros.messages.depth_images import depth_message
from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.geometry import odometry_message
from vpr_ros.messages.geometry import pose_stamped_message
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import tf_message
from vpr_ros.messages.images import compressed_image_message
from vpr_ros.messages.images import image_message
from vpr_ros.messages.sensors import camera_info_message
from vpr_ros.messages.sensors import fix_message
from vpr_ros.messages.sensors import SatelliteFix
from vpr_ros.messages.topics import camera_info_topic_of
from vpr_ros.types import Frame
from vpr_ros.types import Pose

__all__ = ['WrittenFrames', 'write_frames', 'write_traverse']

_T = TypeVar('_T')
_Edge = tuple[str, str, Pose]
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


def write_traverse(path: Path | str, traverse: Traverse, **options: Any) -> WrittenFrames:
    """
    Write a traverse and all that its vehicle recorded beside it.

    :param options: of :func:`write_frames`.
    """
    return write_frames(path, traverse.frames(), odometry=traverse.odometry, fixes=traverse.fixes,
                        T_base_gps=traverse.T_base_gps, **options)


def write_frames(path: Path | str, frames: Iterable[Frame], *,
                 image_topic: str = '/camera/image_raw', encoding: str = 'raw',
                 jpeg_quality: int = 90, odometry_topic: str = '/odom',
                 pose_topic: str = '/ground_truth/pose', map_frame: str = 'map',
                 odom_frame: str = 'odom', base_frame: str = 'base_link',
                 odometry: Iterable[StampedPose] = (), fixes: Iterable[SatelliteFix] = (),
                 T_base_gps: Pose | None = None, gps_topic: str = '/gps/fix',
                 gps_frame: str = 'gps_link', depth_topic: str = '/camera/depth',
                 storage: str | None = None, overwrite: bool = False,
                 on_frame: Callable[[int], None] | None = None) -> WrittenFrames:
    """
    Write frames of any source into a bag; :class:`BagWriter` says what lies at ``path`` then.

    Each frame becomes an image and, as far as it knows them, its depth (32FC1), its calibration
    (``camera_info`` beside the image), odometry (also as transform), the pose in the map, and once
    the mounting of the camera as static transform. Odometry and fixes may come at rates of their
    own instead, and before the first frame or after the last. Each message has the stamp of what
    it tells; static transforms come first (those of further cameras with their first frame), the
    rest in order of time. All sources are read as they are written.

    :param frames: in order of time, as ``odometry`` and ``fixes``.
    :param image_topic: for frames of several cameras it holds '{camera}', as ``depth_topic``.
    :param encoding: 'raw' (rgb8), or 'jpeg' on '<image_topic>/compressed'.
    :param odom_frame: the parent of the odometry that frames carry.
    :param odometry: of the base, written in place of what the frames know of it; each sample names
        its parent, its child is ``base_frame``.
    :param T_base_gps: mounting of the antenna, the static transform to ``gps_frame``.
    :param on_frame: called with the number of frames written so far.
    :raises ValueError: for two cameras on one topic, odometry of another frame than the base, or a
        stamp that ROS cannot carry.
    """
    if encoding not in ('raw', 'jpeg'):
        raise unknown_name('image encoding of a bag', encoding, ('raw', 'jpeg'))
    with BagWriter(path, storage=storage, overwrite=overwrite) as bag:
        first_frame, frames = _peek(frames)
        first_moved, odometry = _peek(odometry)
        first_fix, fixes = _peek(fixes)
        writer = _Frames(
            bag.factory, image_topic=image_topic, depth_topic=depth_topic,
            jpeg_quality=jpeg_quality if encoding == 'jpeg' else None,
            odometry_topic='' if first_moved else odometry_topic, pose_topic=pose_topic,
            map_frame=map_frame, odom_frame=odom_frame, base_frame=base_frame, on_frame=on_frame)
        edges = writer.mount(first_frame) if first_frame else []
        if T_base_gps is not None:
            edges.append((base_frame, gps_frame, T_base_gps))
        begin_ns = min((first.stamp_ns for first in (first_frame, first_moved, first_fix)
                        if first), default=None)
        if edges and begin_ns is not None:
            bag.write(*_static(bag.factory, begin_ns, edges))
        # Of one stamp the transforms come before the image: who listens live has them in time.
        for message in merge(
                _odometry_messages(bag.factory, odometry, odometry_topic, base_frame),
                _fix_messages(bag.factory, fixes, gps_topic, gps_frame),
                writer.messages(frames), key=attrgetter('stamp_ns')):
            bag.write(*message)
    return WrittenFrames(bag.path, writer.count, MappingProxyType(dict(bag.counts)))


class _Message(NamedTuple):
    """What :meth:`BagWriter.write` takes."""

    topic: str
    type_name: str
    message: Any
    stamp_ns: int


def _peek(items: Iterable[_T]) -> tuple[_T | None, Iterator[_T]]:
    """Return the first item, and an iterator over all of them."""
    rest = iter(items)
    for first in rest:
        return first, chain([first], rest)
    return None, rest


def _static(factory: MessageFactory, stamp_ns: int, edges: Iterable[_Edge]) -> _Message:
    return _Message('/tf_static', _TF, tf_message(
        factory, [StampedPose(stamp_ns, *edge) for edge in edges]), stamp_ns)


def _moved(factory: MessageFactory, moved: StampedPose, topic: str) -> Iterator[_Message]:
    yield _Message(
        topic, 'nav_msgs/msg/Odometry', odometry_message(factory, moved), moved.stamp_ns)
    yield _Message('/tf', _TF, tf_message(factory, [moved]), moved.stamp_ns)


def _odometry_messages(factory: MessageFactory, odometry: Iterable[StampedPose], topic: str,
                       base_frame: str) -> Iterator[_Message]:
    for moved in odometry:
        if moved.child != base_frame:
            raise ValueError(
                f'odometry must be of the frame {base_frame!r}, on which the sensors are mounted, '
                f'but at {moved.stamp_ns} ns it is of {moved.child!r}; name that as base_frame')
        yield from _moved(factory, moved, topic)


def _fix_messages(factory: MessageFactory, fixes: Iterable[SatelliteFix], topic: str,
                  frame_id: str) -> Iterator[_Message]:
    for fix in fixes:
        yield _Message(topic, 'sensor_msgs/msg/NavSatFix',
                       fix_message(factory, fix, frame_id=frame_id), fix.stamp_ns)


@dataclass
class _Frames:
    """
    Makes the messages of frames.

    :param jpeg_quality: None for raw images.
    :param odometry_topic: empty when the odometry of the frames is not to be written.
    :param count: how many frames were written.
    """

    factory: MessageFactory
    image_topic: str
    depth_topic: str
    jpeg_quality: int | None
    odometry_topic: str
    pose_topic: str
    map_frame: str
    odom_frame: str
    base_frame: str
    on_frame: Callable[[int], None] | None
    count: int = 0
    _cameras: dict[str, str] = field(default_factory=dict)
    _mounted: set[str] = field(default_factory=set)

    def messages(self, frames: Iterable[Frame]) -> Iterator[_Message]:
        """Make all messages of one frame before the next is read."""
        for frame in frames:
            edges = self.mount(frame)
            if edges:
                yield _static(self.factory, frame.stamp_ns, edges)
            yield from self._image(frame)
            yield from self._poses(frame)
            self.count += 1  # who asks for the next message has written the last
            if self.on_frame:
                self.on_frame(self.count)

    def mount(self, frame: Frame) -> list[_Edge]:
        """Return the static transform of a camera the first time it is seen, when it is known."""
        mounting = frame.calibration.T_base_optical if frame.calibration else None
        if frame.camera in self._mounted or mounting is None:
            return []
        self._mounted.add(frame.camera)
        return [(self.base_frame, _optical_frame(frame), mounting)]

    def _topic(self, pattern: str, frame: Frame) -> str:
        topic = pattern.replace('{camera}', frame.camera)
        known = self._cameras.setdefault(topic, frame.camera)
        if known != frame.camera:
            raise ValueError(
                f'the cameras {known!r} and {frame.camera!r} cannot share the topic '
                f"{topic}; put '{{camera}}' into it, as in /{{camera}}/image_raw")
        return topic

    def _image(self, frame: Frame) -> Iterator[_Message]:
        topic = self._topic(self.image_topic, frame)
        stamp_ns, frame_id = frame.stamp_ns, _optical_frame(frame)
        if frame.calibration is not None:
            yield _Message(
                camera_info_topic_of(topic), 'sensor_msgs/msg/CameraInfo', camera_info_message(
                    self.factory, frame.calibration, stamp_ns=stamp_ns, frame_id=frame_id),
                stamp_ns)
        if self.jpeg_quality is None:
            yield _Message(topic, 'sensor_msgs/msg/Image', image_message(
                self.factory, frame.image, stamp_ns=stamp_ns, frame_id=frame_id), stamp_ns)
        else:
            yield _Message(
                f'{topic}/compressed', 'sensor_msgs/msg/CompressedImage', compressed_image_message(
                    self.factory, frame.image, stamp_ns=stamp_ns, frame_id=frame_id,
                    quality=self.jpeg_quality), stamp_ns)
        if frame.depth is not None:
            yield _Message(self._topic(self.depth_topic, frame), 'sensor_msgs/msg/Image',
                           depth_message(self.factory, frame.depth, stamp_ns=stamp_ns,
                                         frame_id=frame_id), stamp_ns)

    def _poses(self, frame: Frame) -> Iterator[_Message]:
        stamp_ns = frame.stamp_ns
        if frame.T_odom_base is not None and self.odometry_topic:
            yield from _moved(self.factory, StampedPose(
                stamp_ns, self.odom_frame, self.base_frame, frame.T_odom_base),
                self.odometry_topic)
        if frame.T_map_base is not None:
            placed = StampedPose(stamp_ns, self.map_frame, self.base_frame, frame.T_map_base)
            yield _Message(self.pose_topic, 'geometry_msgs/msg/PoseStamped',
                           pose_stamped_message(self.factory, placed), stamp_ns)


def _optical_frame(frame: Frame) -> str:
    return f'{frame.camera}_optical_frame'
