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

"""Matches that move alike from image to image."""

import numpy as np
import pytest
from vpr_ros.matching.geometry.image_motion import off_the_motion


def moved(points, scale, angle, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ turn.T + shift


@pytest.mark.parametrize('scale', [0.5, 1.0, 2.0])
def test_who_follows_is_told_from_who_does_not(rng, scale):
    query = rng.uniform(0, 40, (80, 2))
    match = moved(query, scale, 0.7, (5.0, -3.0)) + rng.normal(0, 0.1 * min(scale, 1), (80, 2))
    match[:32] = rng.permutation(match[:32])  # 40 % are wrong

    off = off_the_motion(query, match, samples=400)

    assert (off[32:] < 1.0).mean() > 0.9
    assert (off[:32] < 1.0).mean() < 0.1
    assert (off_the_motion(query, match, samples=400) == off).all()


def test_an_image_is_not_shrunk_until_all_is_near(rng):
    query, match = rng.uniform(0, 100, (60, 2)), 50.0 + rng.uniform(0, 0.9, (60, 2))

    assert not (off_the_motion(query, match, samples=400) < 1.0).any()


@pytest.mark.parametrize('n', [0, 3, 5])
def test_a_handful_of_matches_follows_nothing(rng, n):
    points = rng.uniform(0, 40, (n, 2))

    assert np.isinf(off_the_motion(points, points, samples=50)).all()


def test_points_in_one_place_follow_nothing():
    points = np.full((20, 2), 7.0)

    assert np.isinf(off_the_motion(points, points, samples=50)).all()
