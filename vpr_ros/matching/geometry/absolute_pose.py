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
"""Where a camera stood that saw points of known depth."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.geometry.refinement import Fit
from vpr_ros.matching.geometry.refinement import refine_absolute
from vpr_ros.matching.geometry.two_view import magsac

__all__ = ['absolute_pose']

Array = NDArray[Any]

# OpenCV measures errors of this step in pixels; any focal length does.
_FOCAL_PX = 500.0
_LEAST_POINTS = 6


def absolute_pose(points: Array, seen: Array, threshold: float, *, iterations: int,
                  confidence: float) -> Fit | None:
    """
    Find where the query's camera stood, in the optical frame of the match's.

    :param points: (n, 3) metres in that frame.
    :param seen: (n, 2) rays of the query on the plane at depth one.
    :param threshold: how far off a ray may lie, on that plane.
    :returns: None where no pose is found that several agree with.
    """
    if len(points) < _LEAST_POINTS:
        return None
    matrix = np.diag([_FOCAL_PX, _FOCAL_PX, 1.0])
    params = magsac(threshold * _FOCAL_PX, iterations, confidence)
    try:
        found, _, turn, shift, _ = cv2.solvePnPRansac(
            points, seen * _FOCAL_PX, matrix, np.zeros(5), params=params)
    except cv2.error:  # points in one line
        return None
    if not found or not (np.isfinite(turn).all() and np.isfinite(shift).all()):
        return None
    # OpenCV gives the match's frame in the query's.
    rotation = cv2.Rodrigues(turn)[0].T
    return refine_absolute(points, seen, rotation, -rotation @ shift.ravel(), threshold)
