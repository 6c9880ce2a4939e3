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
"""Motions of a camera brought to where their errors are least, and how sure they are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.geometry.covariance import cross

__all__ = ['Fit', 'refine_absolute', 'refine_rotation', 'refine_two_view']

Array = NDArray[Any]
# Of a rotation and a translation: residuals (n, r) and how they follow the motion (n, r, 6).
Errors = Callable[[Array, Array], tuple[Array, Array]]

_ROUNDS = 4
_STEPS = 3
# Before anything is seen: somewhere within a kilometre, turned in any way. What the image does not
# tell stays as uncertain as that, and every covariance is finite.
_FIRST_INFORMATION = np.diag([1e-6] * 3 + [np.pi ** -2] * 3)
# Of the threshold; errors of less are chance.
_LEAST_ERROR = 1e-3


@dataclass(frozen=True, eq=False)
class Fit:
    """
    A motion of the camera: x_match = rotation @ x_query + translation.

    :param rotation: (3, 3).
    :param translation: (3,); metres, or of length one, or zero.
    :param agree: (n,) bool, who was within the threshold in the end.
    :param errors: (n,) how many thresholds each is off; inf where it cannot be seen.
    :param covariance: (6, 6) of translation and rotation (turns about the axes of the match's
        camera); of a direction it is flat along it.
    """

    rotation: Array
    translation: Array
    agree: Array
    errors: Array
    covariance: Array


def refine_absolute(points: Array, seen: Array, rotation: Array, translation: Array,
                    threshold: float) -> Fit | None:
    """
    Refine where a camera stood that saw points of known places.

    :param points: (n, 3) metres in the match's optical frame.
    :param seen: (n, 2) rays of the query on the plane at depth one.
    :param threshold: how far off a ray may lie, on that plane.
    :returns: None where too few agree to say anything.
    """
    def errors(rotation: Array, translation: Array) -> tuple[Array, Array]:
        from_there = points - translation
        local = from_there @ rotation
        jacobian = np.concatenate(
            [np.broadcast_to(-rotation.T, (len(points), 3, 3)), rotation.T @ cross(from_there)],
            axis=2)
        return _projected(local, seen, jacobian)

    return _refined(errors, rotation, translation, threshold, lambda _: np.eye(6))


def refine_rotation(query: Array, match: Array, rotation: Array, threshold: float) -> Fit | None:
    """
    Refine a turn of the camera on the spot.

    :param query: (n, 2) rays on the plane at depth one; ``match`` likewise.
    """
    rays = np.column_stack([match, np.ones(len(match))])

    def errors(rotation: Array, _: Array) -> tuple[Array, Array]:
        jacobian = np.concatenate(
            [np.zeros((len(rays), 3, 3)), rotation.T @ cross(rays)], axis=2)
        return _projected(rays @ rotation, query, jacobian)

    return _refined(errors, rotation, np.zeros(3), threshold,
                    lambda _: np.eye(6)[:, 3:])


def refine_two_view(query: Array, match: Array, rotation: Array, direction: Array,
                    thresholds: tuple[float, float], *, rounds: int = _ROUNDS) -> Fit | None:
    """
    Refine a turn of the camera and the direction it went in.

    :param query: (n, 2) rays on the plane at depth one; ``match`` likewise.
    :param direction: (3,) of length one.
    :param thresholds: how far off a ray of query and of match may lie.
    :param rounds: how often it is asked anew who agrees.
    """
    rays_q = np.column_stack([query, np.ones(len(query))])
    rays_m = np.column_stack([match, np.ones(len(match))])
    weight_q, weight_m = (np.array([t * t, t * t, 0.0]) for t in thresholds)

    def errors(rotation: Array, direction: Array) -> tuple[Array, Array]:
        """Return how far matches are off their lines (Sampson, in thresholds), and the slopes."""
        turned = rays_q @ rotation.T
        normals = _crossed(rays_m, direction)
        in_match = _crossed(direction, turned)  # the lines of the query's rays
        in_query = normals @ rotation
        offset = (rays_m * in_match).sum(axis=1)
        # How much a ray that is off by a threshold, in either image, changes that.
        weights_m, weights_q = in_match * weight_m, in_query * weight_q
        scale = np.sqrt(np.maximum(
            (weights_m * in_match).sum(axis=1) + (weights_q * in_query).sum(axis=1), 1e-24))
        error = offset / scale
        back = weights_q @ rotation.T
        slopes = np.concatenate([_crossed(turned, rays_m), _crossed(turned, normals)], axis=1)
        scale_slopes = np.concatenate([
            _crossed(turned, weights_m) + _crossed(back, rays_m),
            _crossed(turned, _crossed(weights_m, direction)) + _crossed(back, normals)], axis=1)
        slopes -= (error / scale)[:, None] * scale_slopes
        return error[:, None], (slopes / scale[:, None])[:, None, :]

    return _refined(errors, rotation, direction, 1.0, _across, unit=True,
                    rounds=rounds)


def _crossed(a: Array, b: Array) -> Array:
    """Return a x b, (n, 3); ``np.cross`` takes four times as long."""
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    crossed = np.empty(np.broadcast_shapes(a.shape, b.shape))
    crossed[:, 0] = ay * bz - az * by
    crossed[:, 1] = az * bx - ax * bz
    crossed[:, 2] = ax * by - ay * bx
    return crossed


def _across(direction: Array) -> Array:
    """Return how a direction may move (6, 5): across itself alone, and with any turn."""
    free = np.zeros((6, 5))
    free[:3, :2] = np.linalg.svd(direction[None])[2][1:].T
    free[3:, 2:] = np.eye(3)
    return free


def _projected(local: Array, seen: Array, jacobian: Array) -> tuple[Array, Array]:
    """Return errors (n, 2) on the plane at depth one, and how they follow the motion (n, 2, 6)."""
    depth = local[:, 2]
    # What lies behind the camera agrees with nothing.
    safe = np.where(depth > 1e-6, depth, np.nan)
    at = local[:, :2] / safe[:, None]
    change = (jacobian[:, :2] - at[:, :, None] * jacobian[:, 2:]) / safe[:, None, None]
    return at - seen, change


def _refined(errors: Errors, rotation: Array, translation: Array, threshold: float,
             freedom: Callable[[Array], Array], *, unit: bool = False,
             rounds: int = _ROUNDS) -> Fit | None:
    """
    Move to the least squares of those that agree.

    :param freedom: gives the (6, k) directions that a motion can go in, from its translation.
    :param unit: whether the translation is a direction.
    """
    agree = np.zeros(0, bool)
    for _ in range(rounds):
        now = _within(errors(rotation, translation)[0], threshold)[0]
        if np.array_equal(now, agree):
            break
        agree = now
        for _ in range(_STEPS):
            free = freedom(translation)
            offsets, slopes = _equations(*errors(rotation, translation), agree, free)
            if len(slopes) < free.shape[1] or not (
                    np.isfinite(slopes).all() and np.isfinite(offsets).all()):
                return None
            information = slopes.T @ slopes
            # Enough to be solved where nothing tells, too little to be noticed elsewhere.
            information += np.eye(len(information)) * (1e-9 * np.trace(information) + 1e-30)
            step = -free @ np.linalg.solve(information, slopes.T @ offsets)
            rotation = cv2.Rodrigues(step[3:])[0] @ rotation
            translation = translation + step[:3]
            if unit:
                translation = translation / np.linalg.norm(translation)
            if np.abs(step).max() < 1e-7:
                break
    residuals, jacobian = errors(rotation, translation)
    agree, off = _within(residuals, threshold)
    free = freedom(translation)
    offsets, slopes = _equations(residuals, jacobian, agree, free)
    spare = len(slopes) - free.shape[1]
    if spare < 1:
        return None
    variance = max(float(offsets @ offsets) / spare, (_LEAST_ERROR * threshold) ** 2)
    information = slopes.T @ slopes / variance + free.T @ _FIRST_INFORMATION @ free
    return Fit(rotation, translation, agree, off, free @ np.linalg.inv(information) @ free.T)


def _within(residuals: Array, threshold: float) -> tuple[Array, Array]:
    """Return who is within the threshold, and how many thresholds each is off."""
    with np.errstate(invalid='ignore'):
        off = np.sqrt((residuals ** 2).sum(axis=1)) / threshold
    off = np.where(np.isfinite(off), off, np.inf)
    return off < 1.0, off


def _equations(residuals: Array, jacobian: Array, agree: Array,
               free: Array) -> tuple[Array, Array]:
    return residuals[agree].ravel(), (jacobian[agree] @ free).reshape(-1, free.shape[1])
