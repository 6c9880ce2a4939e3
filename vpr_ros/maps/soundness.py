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

"""What rows must hold to be sound: more than reading them asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from vpr_ros.maps.feature_rows import features_from
from vpr_ros.maps.jpeg_header import jpeg_size
from vpr_ros.maps.rows import calibration_from
from vpr_ros.maps.rows import pose_from
from vpr_ros.maps.rows import Row
from vpr_ros.types import Camera
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

__all__ = ['sound_calibration', 'sound_features', 'sound_pose', 'sound_stamp', 'sound_thumbnail']


def sound_stamp(stamp_ns: Any) -> int:
    """Return a stamp; ValueError for what is none, and so below."""
    if type(stamp_ns) is not int:
        raise ValueError(f'its stamp is {stamp_ns!r}')
    return stamp_ns


def sound_pose(pose: bytes | None, covariance: bytes | None) -> Pose | None:
    """Return a pose, which is finite as every pose, with a covariance that is."""
    found = pose_from(pose, covariance)
    if found is not None and found.covariance is not None and not (
            np.isfinite(found.covariance).all()):
        raise ValueError('its covariance is not finite')
    return found


def sound_calibration(name: str, row: Row) -> Camera:
    """Return a calibration that is finite."""
    camera = calibration_from(name, row)
    if not (np.isfinite(camera.matrix).all() and np.isfinite(camera.distortion).all()):
        raise ValueError('a calibration is not finite')
    return camera


def sound_features(row: Row) -> LocalFeatures:
    """Return local features that are finite, with depths in front of the camera."""
    features = features_from(row)
    if not all(np.isfinite(array).all() for array in (
            features.points, features.descriptors, features.scores)):
        raise ValueError('local features are not finite')
    # NaN is a depth that is not known, and compares as false.
    if features.depths is not None and (features.depths < 0.0).any():
        raise ValueError('a depth of local features is negative')
    return features


def sound_thumbnail(jpeg: Any) -> bytes:
    """Return a picture that is a JPEG, and whole."""
    if not isinstance(jpeg, bytes):
        raise ValueError('its thumbnail is no picture')
    jpeg_size(jpeg)
    return jpeg
