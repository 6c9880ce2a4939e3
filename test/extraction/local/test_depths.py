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

"""The depth of points."""

import numpy as np
import pytest
from vpr_ros.extraction.local.depths import depths_at
from vpr_ros.extraction.local.depths import with_depths
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures

RNG = np.random.default_rng(0)
DEPTH = RNG.uniform(1.0, 30.0, (20, 30)).astype(np.float32)
DEPTH[RNG.random(DEPTH.shape) < 0.5] = np.nan
DEPTH[:8, :8] = np.nan
DEPTH[0, 0] = 7.0
DEPTH[15:, 25:] = 0.0  # some cameras say 0 where they do not know
DEPTH[14, 20] = np.inf


def median_near(x, y):
    """Return the median of what is known at most two pixels away; NaN for nothing."""
    known = []
    for row in range(round(y) - 2, round(y) + 3):
        for column in range(round(x) - 2, round(x) + 3):
            if 0 <= row < 20 and 0 <= column < 30:
                value = DEPTH[row, column]
                if np.isfinite(value) and value > 0:
                    known.append(value)
    return sorted(known)[(len(known) - 1) // 2] if known else np.nan


def test_the_median_of_what_is_known_near():
    points = np.column_stack([RNG.uniform(-0.45, 29.45, 400), RNG.uniform(-0.45, 19.45, 400)])
    wanted = [median_near(x, y) for x, y in points]
    found = depths_at(points.astype(np.float32), DEPTH)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert 0 < np.isnan(found).sum() < 200


@pytest.mark.parametrize(('point', 'depth'), [
    ((0.0, 0.0), 7.0), ((2.0, 2.0), 7.0), ((3.0, 2.0), np.nan), ((4.0, 4.0), np.nan),
    ((28.0, 18.0), np.nan), ((-5.0, -5.0), 7.0)])
def test_holes_and_borders(point, depth):
    assert depths_at(np.float32([point]), DEPTH) == pytest.approx([depth], nan_ok=True)


def test_no_points():
    assert depths_at(np.zeros((0, 2), np.float32), DEPTH).shape == (0,)


def test_features_of_a_frame():
    image = np.zeros((20, 30, 3), np.uint8)
    features = LocalFeatures([[0, 0], [5, 5]], np.eye(2), [2, 1])
    assert with_depths(features, Frame(0, image)) is features
    seen = with_depths(features, Frame(0, image, depth=DEPTH))
    assert seen.depths == pytest.approx([7.0, np.nan], nan_ok=True)
    assert np.array_equal(seen.points, features.points)
    assert np.array_equal(seen.descriptors, features.descriptors)
    assert np.array_equal(seen.scores, features.scores)
