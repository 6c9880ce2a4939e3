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

"""What a score is worth."""

import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.matching.evidence import Evidence
from vpr_ros.matching.evidence import exceedances
from vpr_ros.matching.evidence import weigh


def tail(seed, k=50, unit=0.03, floor=0.4):
    """Return scores above a floor, which is the least of them, as exponential tails are."""
    rng = np.random.default_rng(seed)
    return np.append(floor, floor + rng.exponential(unit, k - 1))


@pytest.mark.parametrize('k', [20, 50, 200])
def test_in_units_of_the_mean_exceedance(k):
    # The median of k exponential samples over ln 2 has a relative error of about 1 / (ln 2 √k).
    units = []
    for seed in range(200):
        scores = tail(seed, k)
        units.append(float(np.median((scores - 0.4)[1:] / exceedances(scores)[1:])))
    assert np.mean(units) == pytest.approx(0.03, rel=0.1)
    assert np.std(units) < 1.3 * 0.03 / (math.log(2.0) * math.sqrt(k))


def test_the_mean_exceedance_of_the_best_of_anything_is_one():
    """Normal scores, of which only the best are known, as of a search."""
    rng = np.random.default_rng(0)
    means = []
    for _ in range(100):
        best = np.sort(rng.standard_normal(20_000))[-50:]
        means.append(exceedances(best).mean())
    assert np.mean(means) == pytest.approx(1.0, abs=0.12)


def test_a_few_right_ones_do_not_change_what_the_others_are_worth():
    changes = []
    for seed in range(50):
        scores = tail(seed)
        crowded = scores.copy()
        best = np.argsort(scores)[-4:]
        crowded[best] += 100.0
        others = np.delete(np.arange(50), best)
        assert exceedances(crowded)[others] == pytest.approx(exceedances(scores)[others])
        added = np.concatenate([scores, [100.0] * 4])  # and beside the others
        changes.append(exceedances(added)[:50].sum() / exceedances(scores).sum())
    assert min(changes) > 0.6
    assert np.mean(changes) == pytest.approx(1.0, abs=0.2)


def test_by_hand():
    # Above the least: 0, 1, 2, 3, 10; the median is 2.
    found = exceedances(np.array([5.0, 7.0, 4.0, 14.0, 6.0]))
    unit = 2.0 / math.log(2.0)
    assert found == pytest.approx(np.array([1, 3, 0, 10, 2]) / unit)


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(-1.0, 1.0))
def test_neither_scale_nor_shift_matters(seed, scale, shift):
    scores = tail(seed)
    assert exceedances(scale * (scores + shift)) == pytest.approx(
        exceedances(scores), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize('scores', [
    [], [0.3], [0.3, 0.3], [-0.2] * 50, [0.0] * 3, [0.7, 0.7 + 1e-8, 0.7 + 2e-8]])
def test_equal_scores_tell_nothing(scores):
    assert exceedances(np.array(scores)).tolist() == [0.0] * len(scores)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60))
def test_better_scores_never_count_less(scores):
    found = exceedances(np.sort(scores))
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found) >= 0).all()


def test_evidence_is_linear_up_to_its_bound_and_nought_at_the_threshold():
    rows = np.array([4, 9, 2, 11, 3])
    scores = np.array([5.0, 7.0, 4.0, 104.0, 6.0])
    evidence = weigh(rows, scores, slope=1.5, threshold=2.0, bound=7.0)
    unit = 2.0 / math.log(2.0)
    assert evidence.rows.tolist() == [4, 9, 2, 11, 3]
    assert evidence.log_ratios == pytest.approx(
        [1.5 / unit - 3.0, 4.5 / unit - 3.0, -3.0, 7.0 - 3.0, 3.0 / unit - 3.0])
    assert evidence.elsewhere == -3.0
    at = math.log(2.0)  # 2 above the least, in units of 2 / ln 2
    assert weigh(rows, scores, slope=1.5, threshold=at, bound=7.0).log_ratios[4] == (
        pytest.approx(0.0))


def test_the_least_of_the_best_is_worth_what_all_others_are():
    for seed in range(5):
        evidence = weigh(np.arange(50), tail(seed), slope=0.6, threshold=1.0, bound=8.0)
        assert evidence.log_ratios.min() == evidence.elsewhere == -0.6


@given(st.integers(0, 1000), st.floats(0.01, 100.0), st.floats(0.0, 100.0),
       st.floats(0.01, 100.0))
def test_no_frame_proves_more_than_the_bound(seed, slope, threshold, bound):
    evidence = weigh(np.arange(50), tail(seed), slope=slope, threshold=threshold, bound=bound)
    above = evidence.log_ratios - evidence.elsewhere
    assert (above >= 0.0).all()
    assert above.max() <= bound * (1.0 + 1e-9) + 1e-9 * slope * threshold


def test_the_largest_settings_leave_ratios_that_are_numbers():
    evidence = weigh(np.arange(50), tail(0), slope=100.0, threshold=100.0, bound=100.0)
    assert np.exp(evidence.elsewhere) > 0.0
    assert np.isfinite(np.exp(evidence.log_ratios)).all()
    assert np.ptp(evidence.log_ratios) == pytest.approx(100.0)


def test_a_share_of_it():
    evidence = Evidence(np.array([3, 5]), np.array([2.0, -1.0]), -0.5)
    half = evidence.tempered(0.5)
    assert half.rows.tolist() == [3, 5]
    assert half.log_ratios.tolist() == [1.0, -0.5]
    assert half.elsewhere == -0.25
    assert evidence.tempered(0.0).log_ratios.tolist() == [0.0, 0.0]
