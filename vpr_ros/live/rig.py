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

"""How the cameras of a robot see, and where they are mounted."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import logging
from types import MappingProxyType
from typing import Any

import numpy as np
from vpr_ros.live.camera_topics import CameraTopics
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.sensors import camera_from_info
from vpr_ros.runtime.transform_tree import fixed_transform
from vpr_ros.types import Camera
from vpr_ros.types import Pose

__all__ = ['Rig']

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Info:
    """
    What a sensor_msgs/CameraInfo says.

    :param values: all of it but its stamp, to tell it from others.
    :param frame: of the optical centre.
    :param camera: without its mounting; None where the camera is not calibrated.
    """

    values: tuple[Any, ...]
    frame: str
    camera: Camera | None
    fault: str = ''


@dataclass(frozen=True, eq=False)
class _Mountings:
    """Static transforms, and what was found in them: who asks 200 times a second is told fast."""

    still: Mapping[str, StampedPose] = field(default_factory=lambda: MappingProxyType({}))
    found: dict[tuple[str, str], Pose | None] = field(default_factory=dict)

    def heard(self, transforms: Iterable[StampedPose]) -> _Mountings:
        """Return these with others; of several transforms of one frame the last counts."""
        return _Mountings(MappingProxyType(
            {**self.still, **{transform.child: transform for transform in transforms}}))

    def at(self, parent: str, child: str) -> Pose | None:
        if (parent, child) not in self.found:
            self.found[parent, child] = fixed_transform(self.still.values(), parent, child)
        return self.found[parent, child]


class Rig:
    """
    What a robot says of its cameras: sensor_msgs/CameraInfo, and static transforms.

    One thread may tell while another asks: what is asked for is replaced, never changed.

    :param cameras: where each is heard.
    :param base_frame: the frame of the robot, which cameras are mounted in.
    """

    def __init__(self, cameras: Sequence[CameraTopics], base_frame: str) -> None:
        self._topics = {topics.camera: topics for topics in cameras}
        self._base_frame = base_frame
        self._infos: Mapping[str, _Info] = MappingProxyType({})
        self._mountings = _Mountings()
        # The calibration that does not fit the images of a camera, and what was said of it.
        self._misfits: Mapping[str, tuple[_Info, str]] = MappingProxyType({})

    def hear_info(self, camera: str, message: Any) -> None:
        """Take in a sensor_msgs/CameraInfo; drivers repeat it with every image."""
        values = _values(message)
        known = self._infos.get(camera)
        if known is not None and known.values == values:
            return
        info = _read(message, values, self._topics[camera])
        if known is not None:
            _log.info('the calibration of camera %s has changed', camera)
        if info.fault:
            _log.warning('%s', info.fault)
        self._infos = MappingProxyType({**self._infos, camera: info})

    def hear_transforms(self, transforms: Iterable[StampedPose]) -> None:
        """Take in static transforms."""
        self._mountings = self._mountings.heard(transforms)

    def calibration(self, camera: str, shape: tuple[int, int]) -> Camera | None:
        """
        Return what is known of a camera now.

        :param shape: height and width of its images. A calibration for other ones is left out,
            with a warning, until another comes.
        """
        info = self._infos.get(camera)
        if info is None or info.camera is None or self._misfit(camera, info):
            return None
        if shape[:2] != (info.camera.height, info.camera.width):
            said = (f'the calibration of camera {camera} is left out: it is for '
                    f'{info.camera.width} x {info.camera.height} pixels, the images have '
                    f'{shape[1]} x {shape[0]}')
            _log.warning('%s', said)
            self._misfits = MappingProxyType({**self._misfits, camera: (info, said)})
            return None
        return replace(info.camera, T_base_optical=self._mountings.at(
            self._base_frame, info.frame))

    def base_of(self, child_frame: str) -> Pose | None:
        """
        Return the pose of the robot's frame in another of the robot, as that of its odometry.

        :param child_frame: empty where odometry does not say it, and means the robot's frame.
        :return: None where static transforms do not join the two.
        """
        if child_frame in ('', self._base_frame):
            return Pose.identity()
        return self._mountings.at(child_frame, self._base_frame)

    def missing(self) -> list[str]:
        """Return a sentence for each thing that is not known of a camera."""
        said = []
        for camera, topics in self._topics.items():
            info = self._infos.get(camera)
            if info is None:
                said.append(f'camera {camera} has no calibration: nothing came on {topics.info}')
            elif info.camera is None:
                said.append(info.fault or f'camera {camera} is not calibrated: its focal length '
                            f'on {topics.info} is zero')
            elif misfit := self._misfit(camera, info):
                said.append(misfit)
            elif self._mountings.at(self._base_frame, info.frame) is None:
                said.append(f'the mounting of camera {camera} is not known: no static transforms '
                            f'join {self._base_frame!r} and {info.frame!r}')
        return said

    def _misfit(self, camera: str, info: _Info) -> str:
        of, said = self._misfits.get(camera, (None, ''))
        return said if of is info else ''


def _values(message: Any) -> tuple[Any, ...]:
    region = message.roi
    # As bytes: what is not a number equals itself, and a driver may send such.
    numbers = (np.asarray(part, np.float64).tobytes()
               for part in (message.d, message.k, message.p))
    return (message.header.frame_id, message.height, message.width, message.distortion_model,
            *numbers, message.binning_x, message.binning_y, region.x_offset, region.y_offset,
            region.height, region.width)


def _read(message: Any, values: tuple[Any, ...], topics: CameraTopics) -> _Info:
    frame = message.header.frame_id.lstrip('/')
    try:
        return _Info(values, frame, camera_from_info(message, name=topics.camera,
                                                     rectified=topics.rectified))
    except ValueError as error:
        return _Info(values, frame, None, f'the calibration on {topics.info} cannot be used: '
                                          f'{error}')
