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

"""From pixels to rays: what a lens did is undone."""

from __future__ import annotations

from functools import lru_cache
import logging
from typing import Any
from typing import TypeGuard

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.types import Camera

__all__ = ['calibrated', 'focal_px', 'normalised']

Array = NDArray[Any]
_log = logging.getLogger(__name__)

# As sensor_msgs/CameraInfo and Kalibr call them, and how many coefficients each may have.
_RADIAL = ('plumb_bob', 'rational_polynomial', 'radtan')
_RADIAL_COUNTS = (4, 5, 8, 12, 14)
_FISHEYE = ('equidistant', 'fisheye')
# No camera is outside of these, but a map or a bag from a stranger may hold any number.
_LEAST_FOCAL_PX, _LARGEST_FOCAL_PX = 1.0, 1e6
# A ray of 80 degrees; beyond, a pixel is a large part of the plane at depth one.
_LARGEST = 5.67
# How far a point, its distortion undone and done again, may come out from where it was.
_ROUND_TRIP_PX = 0.1
_CLOSE_PX = 1e-3
_STEPS = 30


def calibrated(camera: Camera | None) -> TypeGuard[Camera]:
    """
    Return whether it is known what ray each pixel sees.

    ROS sends zeros where intrinsics are not known. A lens of a model that is not known here is
    told of once, for without rays all else still works.
    """
    if camera is None or not np.isfinite(camera.matrix).all():
        return False
    focals = camera.matrix[0, 0], camera.matrix[1, 1]
    if min(focals) < _LEAST_FOCAL_PX or max(focals) > _LARGEST_FOCAL_PX:
        return False
    if _straight(camera) or _model(camera):
        return True
    _warn_once(_unknown(camera))
    return False


def normalised(points: Array, camera: Camera) -> Array:
    """
    Return points of an image on the plane at depth one, as a lens without distortion sees them.

    :param points: (n, 2) pixels of the image as delivered.
    :returns: (n, 2) float64; NaN where the model of the lens has no ray (far out, where its
        polynomial turns back) or a ray more than 80 degrees off the axis.
    :raises VprError: for a model of distortion that is not known.
    """
    points = np.asarray(points, np.float64).reshape(-1, 1, 2)
    if not len(points):
        return np.zeros((0, 2))
    matrix, coefficients = camera.matrix, camera.distortion
    model = _model(camera)
    if _straight(camera):
        rays = cv2.undistortPoints(points, matrix, None)
        return _near_axis(rays[:, 0])
    if model == 'fisheye':
        rays = cv2.fisheye.undistortPoints(points, matrix, coefficients)
        again = cv2.fisheye.distortPoints(rays, matrix, coefficients)
    elif model == 'radial':
        rays = cv2.undistortPoints(points, matrix, coefficients)
        again = _distorted(rays, matrix, coefficients)
        # OpenCV leaves up to a pixel at the border of wide lenses.
        for _ in range(_STEPS):
            if np.abs(again - points).max() < _CLOSE_PX:
                break
            rays = rays + (points - again) / matrix[[0, 1], [0, 1]]
            again = _distorted(rays, matrix, coefficients)
    else:
        raise VprError(_unknown(camera))
    with np.errstate(invalid='ignore'):
        rays[~(np.linalg.norm(again - points, axis=2) < _ROUND_TRIP_PX)] = np.nan
    return _near_axis(rays[:, 0])


def _straight(camera: Camera) -> bool:
    return camera.rectified or not camera.distortion.any()


def _model(camera: Camera) -> str:
    """Return how a lens bends rays: 'fisheye', 'radial', or '' for a model not known here."""
    name, count = camera.distortion_model, len(camera.distortion)
    if name in _FISHEYE and count == 4:
        return 'fisheye'
    return 'radial' if name in _RADIAL and count in _RADIAL_COUNTS else ''


def _unknown(camera: Camera) -> str:
    return (f'camera {camera.name!r}: the distortion is undone for the models '
            f'{", ".join(_RADIAL)} (4, 5, 8, 12 or 14 coefficients) and {", ".join(_FISHEYE)} '
            f'(4), got {camera.distortion_model!r} with {len(camera.distortion)}; give rectified '
            'images, or their calibration in one of these models')


@lru_cache(maxsize=64)
def _warn_once(problem: str) -> None:
    _log.warning('there is no relative pose: %s', problem)


def _distorted(rays: Array, matrix: Array, coefficients: Array) -> Array:
    points = np.concatenate([rays, np.ones((len(rays), 1, 1))], axis=2)
    return np.asarray(cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix,
                                        coefficients)[0])


def focal_px(camera: Camera) -> float:
    """Return the focal length in pixels, between those of x and y."""
    return float(np.sqrt(camera.matrix[0, 0] * camera.matrix[1, 1]))


def _near_axis(rays: Array) -> Array:
    with np.errstate(invalid='ignore'):
        rays[~(np.linalg.norm(rays, axis=1) < _LARGEST)] = np.nan
    return rays
