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

"""Robust models of two views: who agrees, and which of the motions they mean is seen."""

import cv2
import numpy as np
import pytest
from vpr_ros.matching.geometry.lens import normalised
from vpr_ros.matching.geometry.two_view import essential
from vpr_ros.matching.geometry.two_view import homography
from vpr_ros.matching.geometry.two_view import in_front
from vpr_ros.matching.geometry.two_view import motions
from vpr_ros.matching.geometry.two_view import motions_of_plane

ROBUST = {'iterations': 500, 'confidence': 0.999}


@pytest.fixture
def seen(rng, make_scene, make_street, make_pose):
    """Return rays of query and match, 40 % wrong, and the motion between the cameras."""
    truth = make_pose((2.0, 1.5, 0.0), 0.0, 0.05, 0.1)
    scene = make_scene(make_street(rng), truth)
    match, query = scene.sights(rng, noise_px=0.3)
    rays = [normalised(s.features.points, s.camera) for s in (query, match)]
    wrong = rng.permutation(len(scene))[:round(0.4 * len(scene))]
    rays[1][wrong] = rng.permutation(rays[1][wrong])
    cameras = scene.cameras
    motion = cameras[0].T_base_optical.inverse() @ truth @ cameras[1].T_base_optical
    return *rays, wrong, motion


def test_an_essential_matrix_means_the_motion_that_puts_the_scene_before_both(seen):
    query, match, wrong, motion = seen

    matrix, agree = essential(query, match, 0.004, **ROBUST)

    right = np.setdiff1d(np.arange(len(query)), wrong)
    assert agree[right].mean() > 0.95
    assert agree[wrong].mean() < 0.2
    counts = [in_front(query[right], match[right], *m).sum() for m in motions(matrix)]
    rotation, direction = motions(matrix)[int(np.argmax(counts))]
    assert max(counts) > 0.95 * len(right)
    assert sorted(counts)[-2] < 0.1 * len(right)
    turn = cv2.Rodrigues(rotation @ motion.rotation().T)[0]
    # A beginning for what refines it: walls of a street leave room.
    assert np.degrees(np.linalg.norm(turn)) < 5.0
    length = np.linalg.norm(motion.position)
    assert direction @ motion.position / length > np.cos(np.radians(30.0))


def test_points_far_away_lie_in_front(rng):
    """A recovered pose is not to fail where the camera moved by a thousandth of the distance."""
    points = np.column_stack([rng.uniform(-300, 300, (50, 2)), np.full(50, 1000.0)])
    match = points[:, :2] / points[:, 2:]
    moved = points - [1.0, 0.0, 0.0]
    query = moved[:, :2] / moved[:, 2:]

    assert in_front(query, match, np.eye(3), np.array([1.0, 0.0, 0.0])).all()
    assert not in_front(query, match, np.eye(3), np.array([-1.0, 0.0, 0.0])).any()


def test_a_homography_of_a_plane(rng):
    truth = np.array([[1.1, 0.05, 12.0], [-0.02, 0.95, -7.0], [1e-4, -5e-5, 1.0]])
    query = rng.uniform(0, 600, (100, 2))
    match = cv2.perspectiveTransform(query[:, None], truth)[:, 0]
    match[:40] = rng.uniform(0, 600, (40, 2))

    found, agree = homography(query, match, 3.0, **ROBUST)

    assert agree[40:].all() and agree[:40].sum() <= 3
    assert np.allclose(found / found[2, 2], truth, rtol=1e-3, atol=1e-3)


def test_a_plane_means_two_motions_and_one_is_right(rng):
    turn, shift = cv2.Rodrigues(np.array([0.02, -0.1, 0.05]))[0], np.array([1.0, 0.2, -0.6])
    wall = np.column_stack([rng.uniform(-5, 5, (80, 2)), np.zeros(80)])
    wall[:, 2] = 8.0 + 0.4 * wall[:, 0] - 0.1 * wall[:, 1]
    moved = wall @ turn.T + shift

    found = motions_of_plane(wall[:, :2] / wall[:, 2:], moved[:, :2] / moved[:, 2:], 0.004,
                             **ROBUST)

    assert len(found) == 2
    off = [np.linalg.norm(cv2.Rodrigues(rotation @ turn.T)[0])
           + np.linalg.norm(np.cross(direction, shift / np.linalg.norm(shift)))
           for rotation, direction in found]
    assert min(off) < 1e-3 < max(off)


@pytest.mark.parametrize('model', [essential, homography])
@pytest.mark.parametrize('points', [np.zeros((0, 2)), np.ones((7, 2)), np.ones((50, 2)),
                                    np.column_stack([np.arange(50.0), np.zeros(50)])])
def test_what_fixes_no_model_is_no_error(model, points):
    found, agree = model(points, points, 0.5, **ROBUST)

    assert agree.shape == (len(points),)
    assert found is not None or not agree.any()
