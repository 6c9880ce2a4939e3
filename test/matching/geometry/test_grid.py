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

"""Points on grids, and where in its cell a match lies."""

import numpy as np
import pytest
from vpr_ros.matching.geometry.correspondences import correspondences
from vpr_ros.matching.geometry.grid import find_grid
from vpr_ros.types import LocalFeatures

STEP = np.array([48.0, 36.0])


def cells(columns=20, rows=15):
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return np.stack([x, y], axis=-1).reshape(-1, 2)


def smooth_features(shift):
    """Return cells of a smooth world, seen from ``shift`` (in cells) further right and down."""
    rng = np.random.default_rng(0)
    waves = rng.normal(0.0, 0.5, (2, 128))
    phases = rng.uniform(0.0, 2.0 * np.pi, 128)
    descriptors = np.sin((cells() + shift) @ waves + phases)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    points = (cells() + 0.5) * STEP - 0.5
    return LocalFeatures(points, descriptors, np.ones(len(points)))


def test_the_grid_of_cells_is_found_whatever_is_missing():
    points = ((cells() + 0.5) * (62.05, 25.07) - 0.5).astype(np.float32)
    kept = np.sort(np.random.default_rng(1).permutation(300)[:200])

    grid = find_grid(points[kept])

    assert np.allclose(grid.step, (62.05, 25.07), atol=1e-3)
    assert (grid.cells == cells()[kept]).all()


@pytest.mark.parametrize('points', [
    np.random.default_rng(2).uniform(0, 480, (256, 2)),
    np.random.default_rng(2).integers(0, 480, (256, 2)),
    np.zeros((0, 2)),
    np.array([[3.0, 5.0]]),
    np.array([[0.0, 0.0], [2.0, 2.0], [1e9, 1e9]]),  # nor on one that no memory would hold
])
def test_points_found_in_an_image_stand_on_no_grid(points):
    assert find_grid(points) is None


def test_neighbours_are_those_beside_and_none_beyond_the_edge():
    grid = find_grid((cells(3, 2) * 10.0)[[4, 0, 1, 2, 3]])  # no cell at the lower right

    left, right, above, below = grid.neighbours()[0]  # of (1, 1)

    assert grid.cells[left].tolist() == [0, 1]
    assert right == -1
    assert grid.cells[above].tolist() == [1, 0]
    assert below == -1


@pytest.mark.parametrize('shift', [(0.0, 0.0), (0.3, -0.2), (-0.45, 0.4), (2.25, 1.6)])
def test_matches_of_cells_lie_where_both_look_most_alike(shift):
    seen = correspondences(smooth_features((0.0, 0.0)), smooth_features(np.array(shift)))

    moved = (seen.match_points - seen.query_points) / STEP
    middle = ((seen.match_points > 3 * STEP) & (seen.match_points < (17, 12) * STEP)).all(axis=1)
    assert middle.sum() > 50
    assert np.abs(moved[middle] - shift).max() < 0.1  # half a cell without
