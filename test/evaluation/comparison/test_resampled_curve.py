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

"""Curves of many resamples at once against the metrics of each resample."""

import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.evaluation.comparison.resampled_curve import ScoredAnswers
from vpr_ros.evaluation.metrics import auc_pr
from vpr_ros.evaluation.metrics import average_precision
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.metrics import precision_recall_of_right

answered = st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 0.75, 1.0]), st.sampled_from(
    [(True, True), (False, True), (False, False)]))
queries = st.lists(answered, min_size=1, max_size=15)


def naive_area_of_missed(scores, correct, possible):
    """Return the area of which recall is right / (right + rejected that have a place)."""
    if not possible.any():
        return math.nan
    area = last_recall = 0.0
    last_precision = None
    for threshold in sorted(set(scores[np.isfinite(scores)]), reverse=True):
        accepted = scores >= threshold
        right = (accepted & correct).sum()
        rejected = (~accepted & possible).sum()
        precision = right / accepted.sum()
        recall = right / (right + rejected) if right else 0.0
        last_precision = precision if last_precision is None else last_precision
        area += (recall - last_recall) * (precision + last_precision) / 2
        last_recall, last_precision = recall, precision
    return area


@given(queries, st.data())
def test_each_resample_has_the_numbers_of_the_queries_that_it_drew(data, more):
    scores = np.array([score for score, _ in data])
    correct = np.array([flags[0] for _, flags in data])
    possible = np.array([flags[1] for _, flags in data])
    index = st.integers(0, len(data) - 1)
    drawn = more.draw(st.lists(
        st.lists(index, min_size=len(data), max_size=len(data)), min_size=1, max_size=5))
    counts = np.array([np.bincount(row, minlength=len(data)) for row in drawn], float)
    curves = ScoredAnswers(scores, correct, possible).curve(counts)
    found = np.stack([
        curves.auc(), curves.auc(at_zero=1.0), curves.average_precision(),
        curves.auc_of_missed(), curves.of_right().auc(at_zero=1.0),
        curves.of_right().auc_of_missed()], axis=1)
    for row, numbers in zip(drawn, found.tolist(), strict=True):
        curve = precision_recall(scores[row], correct[row], possible[row])
        right = precision_recall_of_right(scores[row], correct[row])
        assert numbers == pytest.approx([
            auc_pr(curve), auc_pr(curve, at_zero=1.0), average_precision(curve),
            naive_area_of_missed(scores[row], correct[row], possible[row]),
            auc_pr(right, at_zero=1.0),
            naive_area_of_missed(scores[row], correct[row], correct[row])], nan_ok=True)


def test_a_query_without_an_answer_is_never_accepted_but_counts_in_recall():
    answers = ScoredAnswers([0.9, -np.inf, 0.5], [True, False, True], [True, True, True])
    all_of_them, first, none = answers.curve(
        np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [0.0, 3.0, 0.0]])).auc()
    assert all_of_them == pytest.approx(2 / 3)
    assert first == 1.0
    assert none == 0.0


def test_an_accepted_wrong_answer_is_not_missed():
    # Right, wrong, right, and one without an answer: recalls of 1 / 4, 1 / 3 and 2 / 3.
    answers = ScoredAnswers([0.9, 0.8, 0.7, -np.inf], [True, False, True, False], [True] * 4)
    area = answers.curve(np.ones((1, 4))).auc_of_missed()
    assert area == pytest.approx(
        1 / 4 + (1 / 3 - 1 / 4) * (1 + 1 / 2) / 2 + (2 / 3 - 1 / 3) * (1 / 2 + 2 / 3) / 2)
    # What cannot be found is not missed by rejecting it.
    more = ScoredAnswers([0.9, 0.8, 0.7, -np.inf, 0.1], [True, False, True, False, False],
                         [True] * 4 + [False])
    assert more.curve(np.array([[1.0, 1.0, 1.0, 1.0, 0.0]])).auc_of_missed() == area


def test_a_resample_without_places_has_no_numbers():
    answers = ScoredAnswers([0.9, 0.5], [True, False], [True, False])
    curve = answers.curve(np.array([[0.0, 2.0], [1.0, 1.0]]))
    for numbers in (curve.auc(), curve.average_precision(), curve.auc_of_missed(),
                    curve.of_right().auc()):
        assert math.isnan(numbers[0])
        assert numbers[1] == 1.0


def test_without_one_answer_there_is_no_curve():
    with pytest.raises(ValueError, match='at least one answer'):
        ScoredAnswers([-np.inf], [False], [True])
