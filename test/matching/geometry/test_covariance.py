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

"""Covariances of poses that are inverted and carried from frame to frame."""

import cv2
import numpy as np
import pytest
from vpr_ros.matching.geometry.covariance import carried
from vpr_ros.matching.geometry.covariance import cross
from vpr_ros.matching.geometry.covariance import inverted
from vpr_ros.types import Pose

DRAWS = 5_000


def draw(rng, pose, covariance, n):
    """Return true poses, as the convention of ROS spreads them about an estimate."""
    errors = rng.multivariate_normal(np.zeros(6), covariance, n)
    return [Pose.from_matrix(np.column_stack([
        cv2.Rodrigues(error[3:])[0] @ pose.rotation(), pose.position + error[:3]]))
        for error in errors]


def spread(poses, about):
    """Return the covariance (6, 6) of poses about one."""
    errors = np.array([np.concatenate([
        pose.position - about.position,
        cv2.Rodrigues(pose.rotation() @ about.rotation().T)[0].ravel()]) for pose in poses])
    return errors.T @ errors / len(errors)


@pytest.fixture
def uncertain(rng, make_pose):
    """Return a pose with a covariance that binds all of its numbers together."""
    root = rng.standard_normal((6, 6)) * 0.01
    pose = make_pose((3.0, -2.0, 1.0), 0.4, -0.3, 2.0)
    return Pose(pose.position, pose.quaternion, root @ root.T + np.eye(6) * 1e-5)


def assert_like(covariance, wanted):
    scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
    assert np.abs((covariance - wanted) / scale).max() < 0.08


def test_an_inverse_is_as_uncertain_as_its_draws(rng, uncertain):
    inverse = inverted(uncertain)

    drawn = [p.inverse() for p in draw(rng, uncertain, uncertain.covariance, DRAWS)]
    assert inverse.distance_to(uncertain.inverse()) == 0.0
    assert_like(inverse.covariance, spread(drawn, inverse))
    assert np.allclose(inverted(inverse).covariance, uncertain.covariance, atol=1e-12)


def test_a_pose_between_cameras_is_carried_to_the_bases_with_its_levers(
        rng, uncertain, make_pose):
    left = make_pose((1.5, 0.4, 1.0), 0.3, 0.1, -0.7, optical=True)
    right = make_pose((-2.0, 0.7, 0.3), -0.2, 0.5, 1.2, optical=True).inverse()

    moved = carried(left, uncertain, right)

    drawn = [left @ p @ right for p in draw(rng, uncertain, uncertain.covariance, DRAWS)]
    assert moved.distance_to(left @ uncertain @ right) < 1e-12
    assert_like(moved.covariance, spread(drawn, moved))


def test_what_has_no_covariance_gets_none(make_pose):
    pose = make_pose((1.0, 2.0, 3.0), 0.1, 0.2, 0.3)

    assert inverted(pose).covariance is None
    assert carried(pose, pose, pose).covariance is None


def test_the_matrix_of_a_cross_product(rng):
    a, b = rng.standard_normal((2, 7, 3))

    assert np.allclose(np.einsum('nij,nj->ni', cross(a), b), np.cross(a, b))
    assert np.allclose(cross(a[0]) @ b[0], np.cross(a[0], b[0]))
