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

"""Images of a bag as frames, with what else the bag knows at their stamps."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
import logging
from types import MappingProxyType
from typing import Any
from typing import TYPE_CHECKING

from numpy.typing import NDArray
from vpr_ros.bags.depth import DepthPairing
from vpr_ros.errors import VprError
from vpr_ros.messages.images import decode_compressed_image
from vpr_ros.messages.images import decode_image
from vpr_ros.messages.sensors import camera_from_info
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.messages.topics import camera_info_topic_of
from vpr_ros.messages.topics import is_rectified
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.runtime.pose_track import Track
from vpr_ros.runtime.transform_tree import fixed_transform
from vpr_ros.types import Camera
from vpr_ros.types import Frame

if TYPE_CHECKING:
    from vpr_ros.bags.reader import BagMessage
    from vpr_ros.bags.reader import BagReader

__all__ = ['read_cameras', 'read_frames']

_log = logging.getLogger(__name__)
_DECODERS = {
    'sensor_msgs/msg/Image': decode_image,
    'sensor_msgs/msg/CompressedImage': decode_compressed_image,
}


def read_frames(bag: BagReader, image_topic: str | None = None, *, camera: str = 'front',
                pose_topic: str | None = None, odometry_topic: str | None = None,
                camera_info_topic: str | None = None, base_frame: str = 'base_link',
                start_ns: int | None = None, stop_ns: int | None = None) -> Iterator[Frame]:
    """
    Iterate over the images of one topic in the order of the bag.

    Images stream. Poses are read first, in a pass of their own (64 bytes each), because a bag may
    hold them in any order relative to the images.

    :param image_topic: may be left out when the bag holds images of one camera only.
    :param camera: the name that the frames carry.
    :param pose_topic: poses of the base in the map; interpolated they become ``T_map_base``.
    :param odometry_topic: likewise for ``T_odom_base``.
    :param camera_info_topic: 'camera_info' beside the image topic when left out.
    :param base_frame: where ``/tf_static`` has the mounting of the camera start.
    :return: frames with the stamp of the image's header (of the recording where that is zero).
    :raises VprError: for unknown topics and encodings, damage, or when no image can be decoded;
        a single damaged image is left out with a warning.
    """
    topic = bag.image_topic(image_topic)
    stream = _Stream(bag, topic, camera,
                     _calibration(bag, topic, camera_info_topic, camera, base_frame))
    map_track = PoseTrack(bag.poses(pose_topic)) if pose_topic else None
    odom_track = PoseTrack(bag.poses(odometry_topic)) if odometry_topic else None
    return _frames(bag, [stream], map_track, odom_track, start_ns, stop_ns)


def read_cameras(bag: BagReader, cameras: Mapping[str, str], *, poses: Track | None = None,
                 odometry: Track | None = None, base_frame: str = 'base_link',
                 depths: Mapping[str, str] | None = None,
                 depth_tolerance_ns: int = 50_000_000) -> Iterator[Frame]:
    """
    Iterate over the images of several cameras in the order of the bag, as :func:`read_frames`.

    :param cameras: the image topic of each by its name.
    :param poses: of the base in the map.
    :param odometry: of the base in the odometry frame.
    :param depths: the topic of depth of some cameras, registered to their images. Of a camera
        that has one the frames come a little later, for depth may be recorded after the image.
    :param depth_tolerance_ns: how far the stamps of an image and its depth may be apart.
    :raises VprError: also for depth that is not registered, or never was of the time of an image.
    """
    streams = []
    for camera, name in cameras.items():
        topic = bag.image_topic(name)
        streams.append(_Stream(bag, topic, camera,
                               _calibration(bag, topic, None, camera, base_frame)))
    pairings = {camera: DepthPairing(bag.depth_topic(topic), depth_tolerance_ns, str(bag.path))
                for camera, topic in (depths or {}).items()}
    return _frames(bag, streams, poses, odometry, None, None, pairings)


@dataclass
class _Stream:
    """
    The images of one topic.

    :param calibration: None when it is not known, or for images of another size.
    """

    bag: BagReader
    topic: str
    camera: str
    calibration: Camera | None
    decoded: int = 0
    damaged: int = 0

    def decode(self, recorded: BagMessage, stamp_ns: int) -> NDArray[Any] | None:
        """Return the image of a message (H, W, 3), or None when it is damaged."""
        try:
            image: NDArray[Any] = _DECODERS[recorded.type_name](recorded.message)
        except VprError as error:
            raise VprError(f'{self.bag.path}: {self.topic}: {error}') from error
        except ValueError as error:
            self.damaged += 1
            _log.warning('%s: an image on %s at %d ns was left out: %s', self.bag.path, self.topic,
                         stamp_ns, error)
            return None
        self.decoded += 1
        calibration = self.calibration
        if calibration and image.shape[:2] != (calibration.height, calibration.width):
            _log.warning(
                '%s: the calibration of %s is left out: it is for %d x %d pixels, the images have '
                '%d x %d', self.bag.path, self.topic, calibration.width, calibration.height,
                image.shape[1], image.shape[0])
            self.calibration = None
        return image


def _frames(bag: BagReader, streams: list[_Stream], map_track: Track | None,
            odom_track: Track | None, start_ns: int | None, stop_ns: int | None,
            pairings: Mapping[str, DepthPairing] = MappingProxyType({})) -> Iterator[Frame]:
    by_topic = {stream.topic: stream for stream in streams}
    depths = {pairing.topic: pairing for pairing in pairings.values()}
    for recorded in bag.messages([*by_topic, *depths], start_ns=start_ns, stop_ns=stop_ns):
        stamp_ns = ns_from_stamp(recorded.message.header.stamp) or recorded.stamp_ns
        if recorded.topic in depths:
            yield from depths[recorded.topic].depth(recorded.message, stamp_ns)
            continue
        stream = by_topic[recorded.topic]
        image = stream.decode(recorded, stamp_ns)
        if image is None:
            continue
        frame = Frame(
            stamp_ns, image, camera=stream.camera, calibration=stream.calibration,
            T_map_base=map_track.at(stamp_ns) if map_track else None,
            T_odom_base=odom_track.at(stamp_ns) if odom_track else None)
        if stream.camera in pairings:
            optical_frame = recorded.message.header.frame_id.lstrip('/')
            yield from pairings[stream.camera].frame(frame, optical_frame)
        else:
            yield frame
    for pairing in pairings.values():
        yield from pairing.rest()
    for stream in streams:
        if stream.damaged and not stream.decoded:
            raise VprError(f'{bag.path}: none of the {stream.damaged} images on {stream.topic} '
                           'can be decoded')


def _calibration(bag: BagReader, image_topic: str, info_topic: str | None, camera: str,
                 base_frame: str) -> Camera | None:
    if info_topic is None:
        info_topic = camera_info_topic_of(image_topic)
        if not any(topic.name == info_topic for topic in bag.topics()):
            return None
    first = next(iter(bag.messages([info_topic])), None)
    if first is None:
        return None
    if first.type_name != 'sensor_msgs/msg/CameraInfo':
        raise VprError(f'{bag.path}: the topic {info_topic} has the type {first.type_name}, '
                       'expected sensor_msgs/msg/CameraInfo')
    # Calibration holds for a whole recording.
    optical_frame = first.message.header.frame_id.lstrip('/')
    mounting = fixed_transform(bag.transforms('/tf_static'), base_frame, optical_frame)
    return camera_from_info(first.message, name=camera, rectified=is_rectified(image_topic),
                            T_base_optical=mounting)
