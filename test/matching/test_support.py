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

"""What geometry has been worth in a run so far."""

import math

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.support import Support

SECOND = 10 ** 9


def test_what_is_usual_is_a_mean_at_first_and_then_follows():
    rng = np.random.default_rng(0)
    levels = rng.normal(3.0, 0.5, 15)
    support = Support()
    for n, level in enumerate(levels, 1):
        support.learn_usual(level)
        assert support.usual == pytest.approx(levels[:n].mean())
    for _ in range(5):
        support.learn_usual(3.0)
    assert support.looks == 20
    # From the twentieth on, the last have a share of their own: the light changes.
    before = support.usual
    support.learn_usual(before + 1.0)
    assert support.usual == pytest.approx(before + 0.05)
    for _ in range(100):
        support.learn_usual(1.0)
    assert support.usual == pytest.approx(1.0, abs=0.05)


def test_what_stands_out_is_learnt_from_certain_answers():
    support = Support()
    assert support.stands_out(1.0) == 1.0
    found = []
    for _ in range(200):
        support.learn_certain(0.95, 0.1)
        found.append(support.stands_out(1.0))
    # Twenty answers weigh as much as what was learnt before, and fifty at most.
    assert found[19] == pytest.approx((1.0 + 0.1) / 2)
    assert found[49] == found[199] == pytest.approx((20 * 1.0 + 50 * 0.1) / 70)
    assert (np.diff(found[:50]) < 0.0).all()
    # It is believed again when they do.
    for _ in range(200):
        support.learn_certain(0.99, 1.0)
    assert support.stands_out(1.0) > 0.95


def test_what_is_not_certain_teaches_nothing():
    support = Support()
    for _ in range(100):
        support.learn_certain(0.89, -5.0)
    assert (support.certain, support.certain_looks) == (0.0, 0)
    assert support.stands_out(0.4) == 0.4


def test_support_of_the_last_seconds():
    support = Support()
    # The first counts as if three seconds had passed.
    assert support.follow(7 * SECOND, 4.0) == pytest.approx(4.0 * (1.0 - math.exp(-1.0)))
    mean, last = support.mean, 7.0
    for stamp, ratio in [(7.5, 4.0), (9.0, -4.0), (9.1, 1.0), (20.0, 2.0)]:
        share = 1.0 - math.exp(-(stamp - last) / 3.0)
        mean, last = (1.0 - share) * mean + share * ratio, stamp
        assert support.follow(round(stamp * SECOND), ratio) == pytest.approx(mean)
    assert mean == pytest.approx(2.0, abs=0.1)


def test_no_time_is_no_news():
    support = Support(mean=1.5, last_ns=5 * SECOND)
    assert support.follow(5 * SECOND, -4.0) == 1.5
    assert support.follow(4 * SECOND, -4.0) == 1.5


@pytest.mark.parametrize('looks', [0, 30])
def test_it_comes_back_from_a_file_as_it_was(looks):
    support = Support()
    for n in range(looks):
        support.learn_usual(2.0 + 0.1 * n)
        support.learn_certain(0.95, 0.03 * n)
        support.follow(n * SECOND, 1.0)
    again = Support.of(support.array(), support.last_ns)
    assert again == support
    assert (again.usual is None) == (looks == 0)


@pytest.mark.parametrize('numbers', [
    [], [1.0] * 4, [1.0] * 6, [[1.0] * 5], ['a'] * 5, [1, 1, 1, 1, 1],
    [1.0, math.nan, 0.0, 0.0, 0.0], [1.0, 1.0, math.inf, 0.0, 0.0],
    [math.inf, 1.0, 0.0, 0.0, 0.0], [1.0, -1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, -1.0, 0.0],
], ids=str)
def test_a_damaged_state_is_refused(numbers):
    with pytest.raises(VprError, match='remembers of geometry is 5 numbers.*start anew'):
        Support.of(np.array(numbers), None)
