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

"""How a camera moved between two images: as much of it as they show."""

from __future__ import annotations

from dataclasses import replace
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.geometry.refinement import Fit
from vpr_ros.matching.geometry.refinement import refine_rotation
from vpr_ros.matching.geometry.refinement import refine_two_view
from vpr_ros.matching.geometry.two_view import essential
from vpr_ros.matching.geometry.two_view import in_front
from vpr_ros.matching.geometry.two_view import motions
from vpr_ros.matching.geometry.two_view import motions_of_plane

__all__ = ['camera_motion']

Array = NDArray[Any]

# A square is twice a negative log likelihood, and of matches that err together a quarter counts.
_LIKELY = 8.0
# Of errors, in thresholds; better matches than these tell no more.
_LEAST_VARIANCE = 0.01


def camera_motion(query: Array, match: Array, thresholds: tuple[float, float], *,
                  coarse: bool, iterations: int, confidence: float) -> tuple[str, Fit] | None:
    """
    Find the motion of the camera that explains the matches best: a turn, or a turn and a shift.

    :param query: (n, 2) rays on the plane at depth one; ``match`` likewise.
    :param thresholds: how far off a ray of query and of match may lie, on that plane.
    :param coarse: whether points are those of a grid: between cells of a degree and more, what a
        camera moved is not seen, and a motion that has to say it turns the camera wrongly too:
        only the turn is sought then.
    :returns: 'essential' with a direction of length one, or 'rotation' with none; None where too
        few agree.
    """
    turned = _turn(query, match, max(thresholds))
    shifted = None if coarse else _shift(
        query, match, thresholds, iterations, confidence, turned)
    if shifted is not None and (turned is None or _cost(shifted, 3, 5) < _cost(turned, 2, 3)):
        return 'essential', shifted
    return None if turned is None else ('rotation', turned)


def _turn(query: Array, match: Array, threshold: float) -> Fit | None:
    rays_q, rays_m = _unit(query), _unit(match)
    agree = np.ones(len(query), bool)
    rotation = np.eye(3)
    for _ in range(3):
        if agree.sum() < 3:
            return None
        left, _, right = np.linalg.svd(rays_m[agree].T @ rays_q[agree])
        rotation = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
        off = np.linalg.norm(rays_q @ rotation.T - rays_m, axis=1)
        # Half of them at least: the first turn is one of all, wrong ones too.
        agree = off <= max(threshold, float(np.median(off)))
    return refine_rotation(query, match, rotation, threshold)


def _shift(query: Array, match: Array, thresholds: tuple[float, float], iterations: int,
           confidence: float, turned: Fit | None) -> Fit | None:
    """
    Return the best turn and direction.

    Where most of what is seen lies in one or two planes, as in a street, another motion explains
    it nearly as well: so the search begins at several, also at both motions that the largest plane
    can mean, and at a turn with a step along each axis.
    """
    starts: list[tuple[Array, Array]] = []
    matrix, agree = essential(query, match, max(thresholds), iterations=iterations,
                              confidence=confidence)
    if matrix is not None and agree.any():
        starts.append(max(motions(matrix), key=lambda m: int(
            in_front(query[agree], match[agree], *m).sum())))
    upright = turned.rotation if turned is not None else starts[0][0] if starts else np.eye(3)
    starts += motions_of_plane(query, match, max(thresholds), iterations=iterations,
                               confidence=confidence)
    starts += [(upright, axis) for axis in np.eye(3)]
    fits = [fit for start in starts if (fit := refine_two_view(
        query, match, *start, thresholds, rounds=2)) is not None]
    if not fits:
        return None
    best = min(fits, key=lambda fit: _cost(fit, 3, 5))
    found = refine_two_view(query, match, best.rotation, best.translation, thresholds)
    if found is None:
        return None
    found = replace(found, covariance=found.covariance + _other_motions(found, fits))
    # The lines are those of both directions; what is seen lies before both cameras.
    seen = query[found.agree], match[found.agree], found.rotation
    backwards = in_front(*seen, -found.translation).sum() > in_front(
        *seen, found.translation).sum()
    return replace(found, translation=-found.translation) if backwards else found


def _other_motions(found: Fit, fits: list[Fit]) -> Array:
    """Return the covariance (6, 6) that comes of other motions being nearly as likely."""
    spread = np.zeros((6, 6))
    variance = max(float((found.errors[found.agree] ** 2).mean()), _LEAST_VARIANCE)
    for fit in fits:
        lead = float((np.minimum(fit.errors, 1.0) ** 2 - np.minimum(found.errors, 1.0) ** 2).sum())
        turn = cv2.Rodrigues(fit.rotation @ found.rotation.T)[0].ravel()
        sign = 1.0 if fit.translation @ found.translation >= 0.0 else -1.0
        apart = np.concatenate([sign * fit.translation - found.translation, turn])
        spread += math.exp(-max(lead, 0.0) / (_LIKELY * variance)) * np.outer(apart, apart)
    return spread


def _cost(fit: Fit, dimensions: int, parameters: int) -> float:
    """
    Return how badly a motion explains the matches, what it assumes counted in.

    GRIC (Torr, "An assessment of information criteria for motion model selection", CVPR 1997), of
    errors with a standard deviation of half a threshold. A turn says where a match must be
    (``dimensions`` 2 of the 4 coordinates are free), a motion only on which line (3 are).
    """
    bound = 2.0 * (4 - dimensions)
    errors = np.minimum((2.0 * fit.errors) ** 2, bound)
    n = max(len(errors), 1)
    return float(errors.sum() + math.log(4.0) * dimensions * n + math.log(4.0 * n) * parameters)


def _unit(rays: Array) -> Array:
    homogeneous = np.column_stack([rays, np.ones(len(rays))])
    return np.asarray(homogeneous / np.linalg.norm(homogeneous, axis=1, keepdims=True))
