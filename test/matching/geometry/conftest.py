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

"""Scenes whose geometry is known exactly, seen by two cameras."""

import cv2
import numpy as np
import pytest
from vpr_ros.matching.geometry.sight import Sight
from vpr_ros.types import Camera
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

BODY_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def turned(axis, angle):
    return cv2.Rodrigues(np.asarray(axis, float) * angle)[0]


def pose(position, roll=0.0, pitch=0.0, yaw=0.0, optical=False):
    rotation = turned((0, 0, 1), yaw) @ turned((0, 1, 0), pitch) @ turned((1, 0, 0), roll)
    rotation = rotation @ BODY_OPTICAL if optical else rotation
    return Pose.from_matrix(np.column_stack([rotation, np.asarray(position, float)]))


#: Two cameras that differ in all, mounted askew: one of the map, one of the robot.
OF_THE_MAP = Camera(
    'mapper', 640, 480, np.array([[410.0, 0.0, 330.0], [0.0, 400.0, 236.0], [0.0, 0.0, 1.0]]),
    T_base_optical=pose((1.6, 0.3, 1.5), 0.02, 0.05, 0.1, optical=True))
OF_THE_ROBOT = Camera(
    'robot', 1280, 720, np.array([[900.0, 0.0, 620.0], [0.0, 905.0, 377.0], [0.0, 0.0, 1.0]]),
    'plumb_bob', np.array([-0.2, 0.06, 0.001, -0.002, 0.0]),
    T_base_optical=pose((-0.4, -0.2, 0.7), -0.03, -0.08, -0.15, optical=True))


def street(rng, n=400):
    """Return (n, 3) points on the walls of a street and across its end, base axes."""
    walls = np.column_stack([rng.uniform(6, 40, n), rng.choice([-5.0, 6.0], n),
                             rng.uniform(0, 8, n)])
    end = np.column_stack([rng.normal(40, 2, n), rng.uniform(-5, 6, n), rng.uniform(0, 10, n)])
    return np.where(rng.random(n)[:, None] < 0.7, walls, end)


def project(camera, T_map_base, points):
    """Return pixels (n, 2), depths (n,) and who is in the image."""
    local = (T_map_base @ camera.T_base_optical).inverse()
    local = points @ local.rotation().T + local.position
    if camera.distortion_model in ('equidistant', 'fisheye'):
        pixels = cv2.fisheye.projectPoints(
            local[:, None], np.zeros(3), np.zeros(3), camera.matrix, camera.distortion)[0]
    else:
        pixels = cv2.projectPoints(local, np.zeros(3), np.zeros(3), camera.matrix,
                                   camera.distortion if len(camera.distortion) else None)[0]
    pixels = pixels.reshape(-1, 2)
    inside = (local[:, 2] > 0.5) & (pixels > 0).all(axis=1) & (
        pixels < (camera.width - 1, camera.height - 1)).all(axis=1)
    # Only what is near the axis: where a polynomial turns back, it projects into the image too.
    inside &= np.linalg.norm(local[:, :2], axis=1) < 1.2 * local[:, 2]
    return pixels, local[:, 2], inside


class Scene:
    """Points that two robots see, from where."""

    def __init__(self, points, T_match_query, *, match_camera=OF_THE_MAP,
                 query_camera=OF_THE_ROBOT):
        self.T_match_query = T_match_query
        self.cameras = match_camera, query_camera
        match = project(match_camera, Pose.identity(), points)
        query = project(query_camera, T_match_query, points)
        both = match[2] & query[2]
        self.pixels = match[0][both], query[0][both]
        self.depths = match[1][both]

    def __len__(self):
        return len(self.depths)

    def sights(self, rng, *, noise_px=0.5, wrong=0.0, depths=False, cameras=None):
        """Return what both see; of ``wrong`` of the points another one looks alike."""
        n = len(self)
        descriptors = rng.standard_normal((n, 64)).astype(np.float32)
        descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
        shown = np.arange(n)
        mixed = rng.permutation(n)[:round(wrong * n)]
        shown[mixed] = np.roll(mixed, 1)
        cameras = cameras or self.cameras
        match, query = (p + rng.normal(0.0, noise_px, (n, 2)) for p in self.pixels)
        return (Sight(LocalFeatures(match, descriptors, np.ones(n),
                                    self.depths if depths else None), cameras[0]),
                Sight(LocalFeatures(query, descriptors[shown], np.ones(n)), cameras[1]))


@pytest.fixture
def rng():
    """Return the numbers that a test draws from."""
    return np.random.default_rng(5)


@pytest.fixture
def make_pose():
    """Return the function that makes poses of position, roll, pitch and yaw."""
    return pose


@pytest.fixture
def make_scene():
    """Return the class of scenes."""
    return Scene


@pytest.fixture
def make_street():
    """Return the function that draws the points of a street."""
    return street
