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

"""Mean average precision against its definition, and against scikit-learn."""

import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.metrics import rank
from vpr_ros.evaluation.metrics import recalls_at
from vpr_ros.evaluation.ranked_precision import mean_average_precision


@st.composite
def rankings(draw):
    """Return rankings of 6 references, some listed twice or not at all, and which are right."""
    references, queries, listed = 6, draw(st.integers(0, 5)), draw(st.integers(0, 8))
    row = st.lists(st.integers(-1, references - 1), min_size=listed, max_size=listed)
    # What is not there comes last.
    ranked = [sorted(draw(row), key=lambda r: r < 0) for _ in range(queries)]
    right = st.lists(st.integers(0, references - 1), max_size=4)
    truth = GroundTruth.from_lists([draw(right) for _ in range(queries)], references)
    return np.array(ranked, np.int64).reshape(queries, listed), truth


def naive(ranked, right, n):
    """Return the average precision at n, written out."""
    hits, total = 0, 0.0
    for place in range(min(n, len(ranked))):
        if ranked[place] in right and ranked[place] not in ranked[:place]:
            hits += 1
            total += hits / (place + 1)
    return total / min(len(right), n)


@given(rankings(), st.integers(1, 8))
def test_the_definition(data, n):
    ranked, truth = data
    if n > ranked.shape[1] < truth.n_references:
        with pytest.raises(ValueError, match=f'needs {n} candidates'):
            mean_average_precision(ranked, truth, [n])
        return
    found, = mean_average_precision(ranked, truth, [n])
    each = [naive(row, set(truth.matches(q)), n) if len(truth.matches(q)) else math.nan
            for q, row in enumerate(ranked.tolist())]
    counted = [value for value in each if not math.isnan(value)]
    assert found.of_query.tolist() == pytest.approx(each, nan_ok=True)
    assert (found.n, found.queries, found.left_out) == (n, len(counted), len(each) - len(counted))
    assert found.value == pytest.approx(np.mean(counted) if counted else math.nan, nan_ok=True)


@given(rankings())
def test_at_1_it_is_recall_and_at_any_n_only_right_references_give_precision(data):
    ranked, truth = data
    ns = [n for n in (1, 3, 8) if n <= ranked.shape[1]]
    for precision, recall in zip(mean_average_precision(ranked, truth, ns),
                                 recalls_at(ranked, truth, ns), strict=True):
        assert (precision.of_query > 0).sum() == recall.hits
        if precision.n == 1 and recall.queries:
            assert precision.value == recall.value
        if recall.queries:
            assert 0 <= precision.value <= recall.value + 1e-12


def test_of_all_references_it_is_the_average_precision_of_scikit_learn():
    metrics = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(3)
    similarity = rng.normal(size=(40, 30))
    right = rng.random((40, 30)) < 0.15
    right[5] = False
    truth = GroundTruth.from_lists([np.flatnonzero(row) for row in right], 30)
    found, = mean_average_precision(rank(similarity), truth, [30])
    theirs = [metrics.average_precision_score(row, scores) if row.any() else math.nan
              for row, scores in zip(right, similarity, strict=True)]
    assert found.of_query == pytest.approx(theirs, nan_ok=True)


def test_the_example_of_street_level_sequences():
    # By hand: hits at places 2 and 3 give 1/2 and 2/3; of two right references, or of n.
    truth = GroundTruth.from_lists([[4, 5]], 6)
    one, two, three = mean_average_precision([[1, 4, 5, 0]], truth, [1, 2, 3])
    assert [one.value, two.value, three.value] == pytest.approx(
        [0.0, 1 / 2 / 2, (1 / 2 + 2 / 3) / 2])


def test_a_perfect_order_is_1_and_a_reference_counts_once():
    truth = GroundTruth.from_lists([[0, 1]], 4)
    assert mean_average_precision([[1, 0, 2]], truth, [3])[0].value == 1.0
    assert mean_average_precision([[1, 1, 1]], truth, [3])[0].value == 0.5


def test_without_queries_or_places_there_is_no_mean():
    nobody = GroundTruth.from_lists([], 3)
    assert math.isnan(mean_average_precision(np.zeros((0, 3), int), nobody, [1])[0].value)
    found, = mean_average_precision([[0, 1, 2]], GroundTruth.from_lists([[]], 3), [2])
    assert math.isnan(found.value)
    assert (found.queries, found.left_out) == (0, 1)
