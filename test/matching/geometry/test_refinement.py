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

"""Motions are refined to the truth, and are as sure as their covariance says (Monte Carlo)."""

import cv2
import numpy as np
import pytest
from vpr_ros.matching.geometry.lens import normalised
from vpr_ros.matching.geometry.refinement import refine_absolute
from vpr_ros.matching.geometry.refinement import refine_rotation
from vpr_ros.matching.geometry.refinement import refine_two_view

RUNS = 200


def turn_between(rotation, other):
    return cv2.Rodrigues(rotation @ other.T)[0].ravel()


class Truth:
    """A scene, its exact motion between the cameras, and noisy rays of both."""

    def __init__(self, scene, noise_px=0.5):
        self.scene = scene
        match, query = scene.cameras
        motion = match.T_base_optical.inverse() @ scene.T_match_query @ query.T_base_optical
        self.rotation, self.translation = motion.rotation(), motion.position
        self.sigmas = noise_px / query.matrix[0, 0], noise_px / match.matrix[0, 0]
        self.noise_px = noise_px

    def rays(self, rng, match_noise=1.0):
        """Return noisy rays of query and match (n, 2)."""
        match, query = (
            normalised(pixels + share * rng.normal(0.0, self.noise_px, pixels.shape), camera)
            for pixels, camera, share in zip(self.scene.pixels, self.scene.cameras,
                                             (match_noise, 1.0), strict=True))
        return query, match


@pytest.fixture
def truth(rng, make_scene, make_street, make_pose):
    """Return a robot beside and behind where it was, turned."""
    return Truth(make_scene(make_street(rng, 150), make_pose((-1.0, 1.2, 0.0), 0.02, 0.0, -0.1)))


def squared(errors, covariance):
    return float(errors @ np.linalg.solve(covariance, errors))


def test_poses_from_depths_are_as_sure_as_they_say(rng, truth):
    found = []
    for _ in range(RUNS):
        # Points of known places, as the model has it: noise in the query alone.
        query, match = truth.rays(rng, match_noise=0.0)
        points = np.column_stack([match, np.ones(len(match))]) * truth.scene.depths[:, None]
        start = cv2.Rodrigues(rng.normal(0, 0.001, 3))[0] @ truth.rotation
        fit = refine_absolute(points, query, start, truth.translation + 0.01, 5 * truth.sigmas[0])
        errors = np.concatenate([truth.translation - fit.translation,
                                 turn_between(truth.rotation, fit.rotation)])
        found.append(squared(errors, fit.covariance))
        assert np.linalg.norm(errors[:3]) < 0.1

    # The mean of so many chi squares of 6 is 6 within four standard deviations.
    assert abs(np.mean(found) - 6.0) < 4 * np.sqrt(12 / RUNS)


def test_turns_and_directions_are_as_sure_as_they_say(rng, truth):
    length = np.linalg.norm(truth.translation)
    direction = truth.translation / length
    turns, all_five = [], []
    for _ in range(RUNS):
        query, match = truth.rays(rng)
        start = cv2.Rodrigues(rng.normal(0, 0.001, 3))[0] @ truth.rotation
        fit = refine_two_view(query, match, start, direction + rng.normal(0, 0.003, 3),
                              tuple(4 * s for s in truth.sigmas))
        turn = turn_between(truth.rotation, fit.rotation)
        turns.append(squared(turn, fit.covariance[3:, 3:]))
        errors = np.concatenate([direction - fit.translation, turn])
        # Flat along the direction, which has a length of one.
        all_five.append(float(errors @ np.linalg.pinv(fit.covariance, rcond=1e-10) @ errors))

    assert abs(np.mean(turns) - 3.0) < 4 * np.sqrt(6 / RUNS)
    assert abs(np.mean(all_five) - 5.0) < 4 * np.sqrt(10 / RUNS)


def test_turns_on_the_spot_are_as_sure_as_they_say(rng, make_scene, make_street, make_pose):
    match, query = make_scene(make_street(rng, 9), make_pose((0, 0, 0))).cameras
    # The camera turns about itself, whatever the base does.
    pivot = (match.T_base_optical @ make_pose((0, 0, 0), 0.05, -0.1, 0.03)
             @ query.T_base_optical.inverse())
    truth = Truth(make_scene(make_street(rng, 150), pivot))
    assert np.linalg.norm(truth.translation) < 1e-12
    found = []
    for _ in range(RUNS):
        query, match = truth.rays(rng, match_noise=0.0)
        fit = refine_rotation(query, match, truth.rotation, 5 * truth.sigmas[0])
        found.append(squared(turn_between(truth.rotation, fit.rotation), fit.covariance[3:, 3:]))

    assert abs(np.mean(found) - 3.0) < 4 * np.sqrt(6 / RUNS)


def test_slopes_are_those_of_the_errors(rng, truth, monkeypatch):
    """Gauss-Newton stops at the least squares only if they are."""
    from vpr_ros.matching.geometry import refinement

    taken = []
    monkeypatch.setattr(refinement, '_refined', lambda errors, *_, **__: taken.append(errors))
    query, match = truth.rays(rng)
    points = np.column_stack([match, np.ones(len(match))]) * truth.scene.depths[:, None]
    refine_absolute(points, query, truth.rotation, truth.translation, 0.01)
    refine_rotation(query, match, truth.rotation, 0.01)
    refine_two_view(query, match, truth.rotation, truth.translation, (0.01, 0.02))

    for errors in taken:
        slopes = errors(truth.rotation, truth.translation)[1]
        for k, step in enumerate(np.eye(6) * 1e-6):
            ends = [errors(cv2.Rodrigues(sign * step[3:])[0] @ truth.rotation,
                           truth.translation + sign * step[:3])[0] for sign in (1.0, -1.0)]
            assert np.allclose((ends[0] - ends[1]) / 2e-6, slopes[:, :, k],
                               atol=1e-6 * np.abs(slopes).max())


def test_too_few_points_say_nothing(truth, rng):
    query, match = truth.rays(rng)

    assert refine_rotation(query[:1], match[:1], truth.rotation, 0.01) is None
    assert refine_two_view(query[:5], match[:5], truth.rotation, np.array([1.0, 0, 0]),
                           (0.01, 0.01)) is None
    assert refine_absolute(np.zeros((0, 3)), query[:0], truth.rotation, np.zeros(3), 0.1) is None


def test_exact_images_are_not_exactly_known(truth, rng):
    truth.noise_px = 0.0
    query, match = truth.rays(rng)

    fit = refine_two_view(query, match, truth.rotation, truth.translation, truth.sigmas)

    assert np.isfinite(fit.covariance).all()
    assert (np.linalg.eigvalsh(fit.covariance[3:, 3:]) > 0.0).all()
