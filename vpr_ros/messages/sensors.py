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

"""Cameras and satellite fixes <-> sensor_msgs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.geometry import header
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.types import Camera
from vpr_ros.types import Pose

__all__ = [
    'SatelliteFix', 'camera_from_info', 'camera_info_message', 'fix_from_message', 'fix_message',
]


def camera_from_info(message: Any, *, name: str, rectified: bool = False,
                     T_base_optical: Pose | None = None) -> Camera | None:
    """
    Read a sensor_msgs/CameraInfo of ROS 1 or 2; None when the camera is not calibrated.

    :param rectified: the images come from a rectified topic, so P describes them and not K and D.
    :return: intrinsics of the image as delivered: region of interest and binning are applied.
    """
    # ROS 1 has the names of the matrices in capitals.
    intrinsics, distortion, projection = (
        np.array(getattr(message, letter.lower() if hasattr(message, letter.lower()) else letter),
                 dtype=np.float64)
        for letter in 'KDP')
    matrix = projection.reshape(3, 4)[:, :3] if rectified else intrinsics.reshape(3, 3)
    region = message.roi
    width = int(region.width or message.width)
    height = int(region.height or message.height)
    if matrix[0, 0] == 0.0 or not (width and height):
        return None
    matrix = matrix.copy()
    matrix[0, 2] -= region.x_offset
    matrix[1, 2] -= region.y_offset
    binning = np.array([max(1, message.binning_x), max(1, message.binning_y)])
    matrix[:2] /= binning[:, None]
    distorted = bool(distortion.any()) and not rectified
    return Camera(
        name, width // int(binning[0]), height // int(binning[1]), matrix,
        distortion_model=str(message.distortion_model) if distorted else '',
        distortion=distortion if distorted else np.zeros(0),
        rectified=rectified, T_base_optical=T_base_optical)


def camera_info_message(factory: MessageFactory, camera: Camera, *, stamp_ns: int,
                        frame_id: str) -> Any:
    """Make a sensor_msgs/CameraInfo; no distortion is written as plumb_bob with five zeros."""
    distorted = bool(camera.distortion.any())
    return factory.new(
        'sensor_msgs/msg/CameraInfo', header=header(factory, stamp_ns, frame_id),
        height=camera.height, width=camera.width,
        distortion_model=camera.distortion_model if distorted else 'plumb_bob',
        d=factory.floats(camera.distortion if distorted else np.zeros(5)),
        k=factory.floats(camera.matrix.ravel()),
        r=factory.floats(np.eye(3).ravel()),
        p=factory.floats(np.hstack([camera.matrix, np.zeros((3, 1))]).ravel()),
        binning_x=0, binning_y=0,
        roi=factory.new('sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, height=0,
                        width=0, do_rectify=False))


@dataclass(frozen=True, eq=False)
class SatelliteFix:
    """
    A position on the Earth (sensor_msgs/NavSatFix).

    :param valid: False when the receiver says that it had no fix.
    :param covariance: (3, 3) square metres, east north up; None when unknown.
    :param frame: of the antenna, where the message says it.
    """

    stamp_ns: int
    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    valid: bool = True
    covariance: NDArray[np.float64] | None = None
    frame: str = ''


def fix_from_message(message: Any) -> SatelliteFix:
    """Read a sensor_msgs/NavSatFix."""
    covariance = np.array(message.position_covariance, dtype=np.float64).reshape(3, 3)
    return SatelliteFix(
        ns_from_stamp(message.header.stamp), float(message.latitude), float(message.longitude),
        float(message.altitude), valid=int(message.status.status) >= 0,
        covariance=covariance if message.position_covariance_type else None,
        frame=str(message.header.frame_id).lstrip('/'))


def fix_message(factory: MessageFactory, fix: SatelliteFix, *, frame_id: str) -> Any:
    """Make a sensor_msgs/NavSatFix."""
    known = fix.covariance is not None
    covariance = fix.covariance if fix.covariance is not None else np.zeros((3, 3))
    return factory.new(
        'sensor_msgs/msg/NavSatFix', header=header(factory, fix.stamp_ns, frame_id),
        # service 1 is GPS; the covariance types are 0 unknown and 3 known.
        status=factory.new('sensor_msgs/msg/NavSatStatus', status=0 if fix.valid else -1,
                           service=1),
        latitude=fix.latitude_deg, longitude=fix.longitude_deg, altitude=fix.altitude_m,
        position_covariance=factory.floats(np.asarray(covariance).ravel()),
        position_covariance_type=3 if known else 0)
