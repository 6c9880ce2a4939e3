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

"""How far off points may be, by what kind of features they are."""

import numpy as np
import pytest
from vpr_ros.matching.geometry.precision import looseness_px
from vpr_ros.matching.geometry.precision import spacing_px
from vpr_ros.matching.geometry.precision import threshold_px
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.types import LocalFeatures

SETTINGS = GeometrySettings(looseness=0.01, looseness_cells=0.8, threshold_px=2.0,
                            threshold_cells=0.5)


def at(points):
    return LocalFeatures(points, np.ones((len(points), 1)), np.ones(len(points)))


def test_cells_are_as_precise_as_they_are_small():
    x, y = np.meshgrid(np.arange(20) * 48.0, np.arange(15) * 36.0)
    cells = at(np.stack([x, y], axis=-1).reshape(-1, 2))

    assert spacing_px(cells.points) == pytest.approx(48.0)
    assert threshold_px(cells, SETTINGS) == pytest.approx(24.0)
    assert looseness_px(cells, SETTINGS) == pytest.approx(38.4)


def test_points_of_the_image_are_as_precise_as_is_set(rng):
    corners = np.array([[0.0, 0.0], [600.0, 800.0]])
    points = at(np.concatenate([corners, rng.uniform(0, 600, (200, 2))]))

    assert spacing_px(points.points) == 0.0
    assert threshold_px(points, SETTINGS) == 2.0
    assert looseness_px(points, SETTINGS) == pytest.approx(10.0)


def test_no_points_have_a_precision_all_the_same():
    assert threshold_px(at(np.zeros((0, 2))), SETTINGS) == 2.0
    assert looseness_px(at(np.zeros((0, 2))), SETTINGS) == 2.0
