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

"""Numbers of surfaces."""

import numpy as np
import pytest
from vpr_ros.datasets.town.surfaces import DIRECTIONS
from vpr_ros.datasets.town.surfaces import roof
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.surfaces import wall


@pytest.mark.parametrize(('kind', 'first'), [(wall, Surface.WALL), (roof, Surface.ROOF)])
def test_a_direction_has_the_nearest_of_the_numbers(kind, first):
    for angle in np.linspace(-7.0, 7.0, 500):
        number = kind(3.0 * np.cos(angle), 3.0 * np.sin(angle))
        assert first <= number < first + DIRECTIONS
        off = angle - (number - first) * 2 * np.pi / DIRECTIONS
        assert abs((off + np.pi) % (2 * np.pi) - np.pi) <= np.pi / DIRECTIONS + 1e-9


def test_all_numbers_are_apart_and_fit_a_byte():
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    numbers = [k(np.cos(a), np.sin(a)) for k in (wall, roof) for a in angles]
    numbers += [int(s) for s in Surface if s < Surface.WALL]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 256
