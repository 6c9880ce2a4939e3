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

"""Values of the last ten seconds."""

import math

import numpy as np
import pytest
from vpr_ros.runtime.recent_values import RecentValues


def test_mean_largest_and_rate():
    values = RecentValues(100.0)
    for n in range(40):
        values.add(100.0 + n / 8, float(n % 4))
    found = values.summary(105.0)
    assert (found.count, found.mean, found.largest) == (40, 1.5, 3.0)
    assert found.rate_hz == pytest.approx(8.0)


def test_nothing_has_no_mean():
    found = RecentValues(0.0).summary(50.0)
    assert (found.count, found.rate_hz) == (0, 0.0)
    assert math.isnan(found.mean) and math.isnan(found.largest)


def test_the_largest_of_what_is_below_zero():
    values = RecentValues(0.0)
    values.add(1.0, -5.0)
    values.add(2.0, -3.0)
    assert values.summary(2.0).largest == -3.0


@pytest.mark.parametrize('now_s', [30.0, 30.5, 30.999])
def test_what_is_older_than_ten_seconds_is_forgotten(now_s):
    values = RecentValues(0.0)
    rng = np.random.default_rng(3)
    came = np.sort(rng.uniform(0.0, now_s, 500))
    for at_s in came:
        values.add(at_s, at_s)
    found = values.summary(now_s)
    began = math.floor(now_s) - 9
    recent = came[came >= began]
    assert found.count == len(recent)
    assert found.mean == pytest.approx(recent.mean())
    assert found.rate_hz == pytest.approx(len(recent) / (now_s - began))
    assert values.summary(now_s + 11.0).count == 0


def test_a_pause_is_no_matter():
    values = RecentValues(0.0)
    values.add(1.0, 9.0)
    values.add(500.0, 2.0)
    found = values.summary(500.0)
    assert (found.count, found.largest) == (1, 2.0)
    assert found.rate_hz == pytest.approx(1 / 9)
