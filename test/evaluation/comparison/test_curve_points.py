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

"""Thinned curves look like the whole ones."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.evaluation.comparison.curve_points import curve_points
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.metrics import recall_at_full_precision


def curve_of(seed, queries, share, skill):
    rng = np.random.default_rng(seed)
    right = rng.random(queries) < share
    return precision_recall(rng.random(queries) + skill * right, right, np.ones(queries, bool))


def test_few_points_are_all_kept():
    curve = curve_of(1, 300, 0.6, 0.5)
    assert curve_points(curve) == tuple(zip(curve.recall, curve.precision, strict=True))


@given(st.integers(0, 1000), st.integers(5, 900), st.sampled_from([0.0, 0.02, 0.5, 0.95, 1.0]),
       st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([4, 5, 30, 300]))
def test_a_thinned_curve_keeps_its_ends_and_steps(seed, queries, share, skill, most):
    curve = curve_of(seed, queries, share, skill)
    points = curve_points(curve, most)
    whole = list(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True))
    assert len(points) <= max(4, most)
    # They are points of the curve, in its order.
    rest = iter(whole)
    assert all(point in rest for point in points)
    assert (points[0], points[-1]) == (whole[0], whole[-1])
    # The best and worst precision of all, and where wrong answers begin.
    kept = [precision for _, precision in points]
    assert (min(kept), max(kept)) == (curve.precision.min(), curve.precision.max())
    flawless = recall_at_full_precision(curve)
    if flawless.threshold is not None:
        assert (flawless.recall, 1.0) in points


def test_no_spike_is_lost():
    # Wrong for the surest 20 queries, then right, and one burst of wrong ones in the middle.
    right = np.ones(3000, bool)
    right[:20] = right[1500:1600] = False
    curve = precision_recall(-np.arange(3000.0), right, np.ones(3000, bool))
    points = np.array(curve_points(curve))
    width = 1 / 149
    for recall, precision in zip(curve.recall, curve.precision, strict=True):
        near = np.abs(points[:, 0] - recall) <= width
        assert points[near, 1].min() <= precision <= points[near, 1].max()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match='of a curve with a recall'):
        curve_points(precision_recall([0.5], [False], [False]))
    with pytest.raises(ValueError, match='at least 4 points'):
        curve_points(curve_of(1, 10, 0.5, 0.5), 3)
    assert curve_points(precision_recall([], [], [])) == ()
