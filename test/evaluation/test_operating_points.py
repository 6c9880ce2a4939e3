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

"""Operating points against their definitions."""

from dataclasses import replace
import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.metrics import precision_recall_of_right
from vpr_ros.evaluation.metrics import recall_at_full_precision
from vpr_ros.evaluation.operating_points import extended_precision
from vpr_ros.evaluation.operating_points import recall_at_precision

answers = st.lists(st.tuples(
    st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.5000001, 1.0]),
    st.sampled_from([(True, True), (False, True), (False, False)])), max_size=30)


def curve_of(data):
    return precision_recall(
        np.array([score for score, _ in data], float),
        np.array([flags[0] for _, flags in data], bool),
        np.array([flags[1] for _, flags in data], bool))


@given(answers, st.sampled_from([0.01, 0.5, 2 / 3, 0.75, 0.99, 1.0]))
def test_recall_at_precision(data, precision):
    best = (None, 0, 0)
    for threshold in sorted({score for score, _ in data}, reverse=True):
        accepted = [right for score, (right, _) in data if score >= threshold]
        if sum(accepted) / len(accepted) >= precision and sum(accepted) > best[2]:
            best = (threshold, len(accepted), sum(accepted))
    point = recall_at_precision(curve_of(data), precision)
    assert (point.threshold, point.accepted, point.correct) == best
    positives = sum(possible for _, (_, possible) in data)
    assert point.recall == pytest.approx(best[2] / positives if positives else math.nan,
                                         nan_ok=True)


@given(answers)
def test_at_a_precision_of_1_it_is_recall_at_full_precision(data):
    curve = curve_of(data)
    assert recall_at_precision(curve, 1.0) == recall_at_full_precision(curve)


@given(answers)
def test_a_lower_precision_never_gives_less_recall(data):
    curve = curve_of(data)
    found = [recall_at_precision(curve, p).correct for p in (1.0, 0.99, 0.8, 0.5, 0.1)]
    assert found == sorted(found)


def test_99_of_100_are_a_precision_of_99_percent():
    scores = np.arange(300, 0, -1) / 300
    right = np.arange(300) % 100 != 50
    point = recall_at_precision(precision_recall(scores, right, np.ones(300, bool)), 0.99)
    assert (point.accepted, point.correct) == (300, 297)
    assert recall_at_precision(precision_recall(scores, right, np.ones(300, bool)),
                               1.0).correct == 50


@pytest.mark.parametrize('precision', [0.0, -0.1, 1.01, math.nan])
def test_what_is_no_precision_is_refused(precision):
    with pytest.raises(ValueError, match='a precision lies above 0'):
        recall_at_precision(curve_of([]), precision)


@given(answers)
def test_extended_precision(data):
    value = extended_precision(curve_of(data))
    positives = sum(possible for _, (_, possible) in data)
    if not positives:
        assert math.isnan(value)
        return
    surest = max(score for score, _ in data)
    first = [right for score, (right, _) in data if score == surest]
    wrong = [score for score, (right, _) in data if not right]
    before_any_wrong = sum(right and (not wrong or score > max(wrong))
                           for score, (right, _) in data)
    assert value == pytest.approx((sum(first) / len(first) + before_any_wrong / positives) / 2)
    assert (value >= 0.5) == all(first)


def test_extended_precision_by_hand():
    curve = precision_recall([0.9, 0.8, 0.7, 0.6], [True, True, False, True], [True] * 4)
    assert extended_precision(curve) == pytest.approx((1 + 2 / 4) / 2)
    right = precision_recall_of_right([0.9, 0.8, 0.7, 0.6], [True, True, False, True])
    assert extended_precision(right) == pytest.approx((1 + 2 / 3) / 2)


def test_who_answers_nothing_has_no_precision():
    nothing = precision_recall([], [], [])
    assert math.isnan(extended_precision(nothing))
    assert extended_precision(replace(nothing, positives=3)) == 0.0
    assert recall_at_precision(replace(nothing, positives=3), 0.99).recall == 0.0


def test_extended_precision_is_that_of_vpr_bench():
    """Take it of the arrays of scikit-learn: second last precision, best recall at precision 1."""
    metrics = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(2)
    for _ in range(50):
        right = rng.random(30) < 0.7
        scores = np.round(rng.random(30) + right * 0.4, 1)
        precision, recall, _ = metrics.precision_recall_curve(right, scores)
        theirs = (precision[-2] + (recall[precision == 1].max() if precision[-2] == 1 else 0)) / 2
        assert extended_precision(precision_recall_of_right(scores, right)) == pytest.approx(
            theirs)
