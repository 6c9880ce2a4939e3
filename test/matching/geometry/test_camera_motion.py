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

"""Motions of a camera from images alone: as much of them as is seen."""

import cv2
import numpy as np
import pytest
from vpr_ros.matching.geometry.camera_motion import camera_motion

ROBUST = {'iterations': 200, 'confidence': 0.999}
NOISE = 0.001
THRESHOLDS = (0.004, 0.004)
TURN = cv2.Rodrigues(np.array([0.02, -0.12, 0.03]))[0]


def look(rng, shift, n=120, wrong=0.3):
    """Return rays of query and match (n, 2) of a scene in depth, for a camera that moved."""
    query = np.column_stack([rng.uniform(-0.7, 0.7, n), rng.uniform(-0.5, 0.5, n), np.ones(n)])
    points = query * rng.uniform(4.0, 30.0, n)[:, None]
    match = points @ TURN.T + shift
    rays = [p[:, :2] / p[:, 2:] + rng.normal(0.0, NOISE, (n, 2)) for p in (query, match)]
    lost = rng.permutation(n)[:round(wrong * n)]
    rays[1][lost] = rng.permutation(rays[1][lost])
    return rays


def off_deg(fit):
    return float(np.degrees(np.linalg.norm(cv2.Rodrigues(fit.rotation @ TURN.T)[0])))


@pytest.mark.parametrize('shift', [(1.0, 0.0, 0.0), (0.3, 0.1, 2.0), (-1.0, 0.2, -1.0)])
def test_a_camera_that_moved_has_a_direction(rng, shift):
    model, fit = camera_motion(*look(rng, shift), THRESHOLDS, coarse=False, **ROBUST)

    assert model == 'essential'
    assert off_deg(fit) < 0.3
    direction = np.array(shift) / np.linalg.norm(shift)
    assert fit.translation @ direction > np.cos(np.radians(4.0))


@pytest.mark.parametrize('shift', [(0.0, 0.0, 0.0), (0.002, 0.0, 0.0)])
def test_a_camera_that_turned_has_none(rng, shift):
    model, fit = camera_motion(*look(rng, shift), THRESHOLDS, coarse=False, **ROBUST)

    assert model == 'rotation'
    assert off_deg(fit) < 0.1
    assert (fit.translation == 0.0).all()


def test_of_coarse_points_only_the_turn_is_asked(rng):
    query, match = look(rng, (0.3, 0.0, 0.3))

    model, fit = camera_motion(query, match, (0.08, 0.08), coarse=True, **ROBUST)

    assert model == 'rotation'
    assert off_deg(fit) < 3.0


def test_a_step_that_fits_as_well_is_part_of_the_doubt(rng):
    """Of a wall, two motions are right: whichever is found, the truth is within its doubt."""
    n = 120
    query = np.column_stack([rng.uniform(-0.7, 0.7, n), rng.uniform(-0.5, 0.5, n), np.ones(n)])
    wall = query * (9.0 / (1.0 + 0.3 * query[:, 0]))[:, None]  # on a plane askew
    match = wall @ TURN.T + [1.5, 0.0, 1.0]
    rays = [p[:, :2] / p[:, 2:] + rng.normal(0.0, NOISE, (n, 2)) for p in (query, match)]

    _, fit = camera_motion(*rays, THRESHOLDS, coarse=False, **ROBUST)

    turn = cv2.Rodrigues(TURN @ fit.rotation.T)[0].ravel()
    assert turn @ np.linalg.solve(fit.covariance[3:, 3:], turn) < 16.0  # 1 in 1,000 of chi square


def test_too_few_rays_have_no_motion():
    assert camera_motion(np.zeros((2, 2)), np.zeros((2, 2)), THRESHOLDS, coarse=False,
                         **ROBUST) is None
