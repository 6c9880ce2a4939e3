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

"""Two images of one place: which matches agree on a motion between them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['essential', 'homography', 'in_front', 'magsac', 'motions',
           'motions_of_plane']

Array = NDArray[Any]

# An essential matrix has five degrees of freedom and a homography eight: with fewer points beside
# those that fix it, any wrong pair of images agrees.
_LEAST_POINTS = 8


def essential(query: Array, match: Array, threshold: float, *, iterations: int,
              confidence: float) -> tuple[Array | None, Array]:
    """
    Find the essential matrix that most of the matches agree with.

    :param query: (n, 2) rays on the plane at depth one, the best matches first.
    :param match: (n, 2) rays of the other image.
    :param threshold: how far off a ray may lie, on that plane.
    :returns: E with ``match.T @ E @ query == 0``, (3, 3) or None; (n,) bool, who agrees.
    """
    return _robust(query, match, threshold, iterations, confidence, 'essential')


def homography(query: Array, match: Array, threshold_px: float, *, iterations: int,
               confidence: float) -> tuple[Array | None, Array]:
    """
    Find the plane, or turn of the camera, that most of the matches agree with.

    :param query: (n, 2) pixels, the best matches first.
    :param match: (n, 2) pixels of the other image.
    :returns: H that takes query to match, (3, 3) or None; (n,) bool, who agrees.
    """
    return _robust(query, match, threshold_px, iterations, confidence, 'homography')


def motions(matrix: Array) -> list[tuple[Array, Array]]:
    """Return all that an essential matrix can mean: four of rotation and direction."""
    first, second, direction = cv2.decomposeEssentialMat(matrix)
    return [(rotation, sign * direction.ravel())
            for rotation in (first, second) for sign in (1.0, -1.0)]


def motions_of_plane(query: Array, match: Array, threshold: float, *, iterations: int,
                     confidence: float) -> list[tuple[Array, Array]]:
    """
    Return both rotations and directions that the largest plane in sight can mean.

    Directions are told up to their sign, and there are none without a plane, or where the camera
    turned on the spot.

    :param query: (n, 2) rays on the plane at depth one; ``match`` likewise.
    """
    plane, _ = homography(query, match, threshold, iterations=iterations, confidence=confidence)
    if plane is None:
        return []
    _, rotations, shifts, _ = cv2.decomposeHomographyMat(plane, np.eye(3))
    found: list[tuple[Array, Array]] = []
    for rotation, shift in zip(rotations, shifts, strict=True):
        length = float(np.linalg.norm(shift))
        # Each comes twice, with either sign of the direction.
        if np.isfinite(length) and length > 1e-9 and not any(
                np.allclose(rotation, other) for other, _ in found):
            found.append((rotation, shift.ravel() / length))
    return found


def in_front(query: Array, match: Array, rotation: Array, direction: Array) -> Array:
    """
    Return which matches (n,) lie before both cameras.

    No bound on the distance, unlike ``cv2.recoverPose``: of a camera that hardly moved, all is
    far away.
    """
    turned = np.column_stack([query, np.ones(len(query))]) @ rotation.T
    rays = np.column_stack([match, np.ones(len(match))])
    # Where both rays come closest: deep * rays == far * turned + direction, by least squares.
    aa, bb = (rays ** 2).sum(axis=1), (turned ** 2).sum(axis=1)
    ab = (rays * turned).sum(axis=1)
    at, bt = rays @ direction, turned @ direction
    # The determinant aa bb - ab ab is not negative, so signs do not need it.
    deep, far = at * bb - ab * bt, ab * at - aa * bt
    return np.asarray((deep > 0.0) & (far > 0.0))


def _robust(query: Array, match: Array, threshold: float, iterations: int, confidence: float,
            model: str) -> tuple[Array | None, Array]:
    nobody = np.zeros(len(query), bool)
    if len(query) < _LEAST_POINTS:
        return None, nobody
    params = magsac(threshold, iterations, confidence)
    try:
        if model == 'essential':
            found, mask = cv2.findEssentialMat(
                query, match, np.eye(3), np.eye(3), np.zeros(5), np.zeros(5), params)
        else:
            found, mask = cv2.findHomography(query, match, params)
    except cv2.error:  # all points in one
        return None, nobody
    if found is None or found.shape != (3, 3) or not np.isfinite(found).all():
        return None, nobody
    return found, mask.ravel() > 0


def magsac(threshold: float, iterations: int, confidence: float) -> Any:
    """Return MAGSAC++ from a fixed seed on one thread: what is found is found again."""
    params = cv2.UsacParams()
    params.threshold = threshold
    params.maxIterations = iterations
    params.confidence = confidence
    params.score = cv2.SCORE_METHOD_MAGSAC
    params.sampler = cv2.SAMPLING_UNIFORM
    params.loMethod = cv2.LOCAL_OPTIM_SIGMA
    params.isParallel = False
    params.randomGeneratorState = 0
    return params
