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

"""The town that its tests share, and geometry of their own to check it with."""

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.town.plan import make_plan
from vpr_ros.types import Camera
from vpr_ros.types import Pose


@pytest.fixture(scope='session')
def plan():
    """Return the town of seed 0."""
    return make_plan(0)


@pytest.fixture(scope='session')
def camera():
    """Return a small camera with pixels that are not square and a centre that is off."""
    return Camera('small', 160, 120, np.array([[100.0, 0.0, 84.0], [0.0, 110.0, 57.5],
                                               [0.0, 0.0, 1.0]]))


def _look(position, yaw=0.0, pitch=0.0, roll=0.0):
    """Return T_map_optical of a camera that looks along ``yaw``; pitch is down, radians."""
    turns = [cv2.Rodrigues(np.array(axis) * angle)[0] for axis, angle in (
        ((0.0, 0.0, 1.0), yaw), ((0.0, 1.0, 0.0), pitch), ((1.0, 0.0, 0.0), roll))]
    body_optical = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    rotation = turns[0] @ turns[1] @ turns[2] @ body_optical
    return Pose.from_matrix(np.column_stack([rotation, np.asarray(position, float)]))


def _depth_inside(polygon, points):
    """Return (n,): how deep points (n, 2) are inside a convex polygon; negative is outside."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    lengths = np.linalg.norm(edges, axis=1)
    keep = lengths > 1e-9
    inward = np.stack([-edges[:, 1], edges[:, 0]], axis=1)[keep] / lengths[keep, None]
    return np.einsum('ij,kij->ki', inward, points[:, None] - polygon[None, keep]).min(axis=1)


def _rays(camera, T_map_optical, du=0.0, dv=0.0):
    """Return (H, W, 3): the ray of each pixel in the map, one metre deep."""
    u, v = np.meshgrid(np.arange(camera.width) + du, np.arange(camera.height) + dv)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.matrix).T
    return rays @ T_map_optical.matrix()[:3, :3].T


def _uniform(values):
    """Return (H, W): where a pixel and its eight neighbours have one value."""
    values = values.astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    return (cv2.dilate(values, kernel) == values) & (cv2.erode(values, kernel) == values)


@pytest.fixture(scope='session')
def look():
    """Return the function that makes T_map_optical."""
    return _look


@pytest.fixture(scope='session')
def depth_inside():
    """Return the function that tells how deep points lie inside a convex polygon."""
    return _depth_inside


@pytest.fixture(scope='session')
def rays():
    """Return the function that makes the rays of a camera."""
    return _rays


@pytest.fixture(scope='session')
def uniform():
    """Return the function that finds pixels like their neighbours."""
    return _uniform


@pytest.fixture(scope='session')
def legs():
    """
    Return what lists every stretch of street between two crossings of a plan.

    Starts and directions (n, 2), lengths and half widths (n,).
    """
    def stretches(plan):
        rows, columns = plan.crossings.shape[:2]
        legs = [((r, c), to) for r in range(rows) for c in range(columns)
                for to in ((r + 1, c), (r, c + 1)) if to[0] < rows and to[1] < columns]
        starts = np.array([plan.crossings[a] for a, _ in legs])
        ends = np.array([plan.crossings[b] for _, b in legs])
        lengths = np.linalg.norm(ends - starts, axis=1)
        along = (ends - starts) / lengths[:, None]
        halves = np.array([plan.street_between(a, b).half_width_m for a, b in legs])
        return starts, along, lengths, halves

    return stretches
