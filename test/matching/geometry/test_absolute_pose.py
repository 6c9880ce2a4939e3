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

"""Poses from points of known depth."""

import cv2
import numpy as np
from vpr_ros.matching.geometry.absolute_pose import absolute_pose
from vpr_ros.matching.geometry.lens import normalised

ROBUST = {'iterations': 500, 'confidence': 0.999}


def test_a_camera_is_found_among_wrong_points(rng, make_scene, make_street, make_pose):
    truth = make_pose((2.0, 1.5, 0.0), 0.0, 0.05, 0.1)
    scene = make_scene(make_street(rng), truth)
    match, query = scene.sights(rng, noise_px=0.3)
    cameras = scene.cameras
    rays = normalised(match.features.points, cameras[0])
    points = np.column_stack([rays, np.ones(len(rays))]) * scene.depths[:, None]
    points[:len(points) // 2] = rng.permutation(points[:len(points) // 2])

    fit = absolute_pose(points, normalised(query.features.points, cameras[1]), 0.004, **ROBUST)

    motion = cameras[0].T_base_optical.inverse() @ truth @ cameras[1].T_base_optical
    assert fit.agree[len(points) // 2:].mean() > 0.95
    assert fit.agree[:len(points) // 2].mean() < 0.1
    assert np.linalg.norm(fit.translation - motion.position) < 0.05
    assert np.linalg.norm(cv2.Rodrigues(fit.rotation @ motion.rotation().T)[0]) < 0.003


def test_points_that_fix_no_pose_give_none(rng):
    line = np.column_stack([np.zeros((40, 2)), np.linspace(1, 9, 40)])

    assert absolute_pose(line[:3], np.zeros((3, 2)), 0.01, **ROBUST) is None
    # Noise about nothing at all: no pose has them agree.
    assert absolute_pose(rng.uniform(1, 9, (40, 3)), rng.uniform(-90, 90, (40, 2)), 1e-6,
                         **ROBUST) is None
