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

"""How far odometry can be off."""

import numpy as np
import pytest
from vpr_ros.matching.drift import not_too_far


def test_what_is_near_is_likely_however_far_the_robot_drove():
    assert not_too_far(np.array([0.0, 9.9]), np.array([100.0, 0.0]), 0.05).tolist() == [1.0, 1.0]


def test_a_standard_deviation_beyond_one_place_is_less_likely_by_a_gaussian():
    # 5 % of 400 m are 20 m, beyond the 10 m that one place reaches.
    found = not_too_far(np.array([30.0, 50.0]), np.array([400.0, 400.0]), 0.05)
    assert found == pytest.approx([np.exp(-0.5), np.exp(-2.0)])


def test_a_longer_way_allows_more():
    found = not_too_far(np.full(4, 80.0), np.array([100.0, 500.0, 1000.0, 5000.0]), 0.05)
    assert (np.diff(found) > 0.0).all()


def test_the_impossible_stays_finite():
    found = not_too_far(np.array([1e9, 50.0]), np.array([1.0, 0.0]), 0.05)
    assert np.isfinite(found).all()
    assert (found < 1e-100).all()
