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

"""The metrics against their definitions, written out as naive loops."""

import math

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.evaluation.metrics import auc_pr
from vpr_ros.evaluation.metrics import average_precision
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.metrics import precision_recall_of_right
from vpr_ros.evaluation.metrics import rank
from vpr_ros.evaluation.metrics import Recall
from vpr_ros.evaluation.metrics import recall_at_full_precision
from vpr_ros.evaluation.metrics import recall_at_n
from vpr_ros.evaluation.metrics import recalls_at

# Few distinct values, so that ties are common.
SCORES = [-1.0, -0.5, 0.0, 0.25, 0.5, 0.5000001, 1.0]


@st.composite
def similarity_and_lists(draw):
    queries = draw(st.integers(0, 6))
    references = draw(st.integers(1, 40))
    row = st.lists(st.sampled_from(SCORES), min_size=references, max_size=references)
    similarity = np.array([draw(row) for _ in range(queries)]).reshape(queries, references)
    lists = [draw(st.lists(st.integers(0, references - 1), max_size=4)) for _ in range(queries)]
    return similarity, lists


@given(similarity_and_lists(), st.integers(1, 45))
def test_rank(data, n):
    similarity, _ = data
    ranked = rank(similarity, n)
    for q, row in enumerate(similarity):
        naive = sorted(range(len(row)), key=lambda r: (-row[r], r))[:n]
        assert ranked[q].tolist() == naive
    assert rank(similarity).shape == similarity.shape


@given(similarity_and_lists(), st.integers(1, 45))
def test_recall_at_n(data, n):
    similarity, lists = data
    truth = GroundTruth.from_lists(lists, similarity.shape[1])
    got = recall_at_n(rank(similarity), truth, n)
    hits = counted = 0
    for q, row in enumerate(similarity):
        if not lists[q]:
            continue
        counted += 1
        order = sorted(range(len(row)), key=lambda r: (-row[r], r))
        for r in order[:n]:
            if r in lists[q]:
                hits += 1
                break
    assert (got.n, got.hits, got.queries, got.left_out) == (n, hits, counted, len(lists) - counted)
    if counted:
        assert got.value == hits / counted
    else:
        assert math.isnan(got.value)


def test_rank_of_integers_and_of_nothing_compared():
    assert rank(np.array([[0, 255, 7]], np.uint8)).tolist() == [[1, 2, 0]]
    assert rank(np.array([[-np.inf, 0.0, -np.inf]])).tolist() == [[1, 0, 2]]
    assert rank(np.zeros((2, 0))).shape == (2, 0)


def test_padding_is_never_a_match_and_duplicates_take_their_positions():
    truth = GroundTruth.from_lists([[2], [0], []], 3)
    ranked = [[1, 1, 2], [-1, -1, -1], [0, 1, 2]]
    assert [r.hits for r in recalls_at(ranked, truth, (1, 2, 3))] == [0, 0, 1]
    assert recall_at_n(ranked, truth, 3) == Recall(n=3, hits=1, queries=2, left_out=1)


def test_too_few_candidates_are_refused_unless_they_are_all_there_is():
    truth = GroundTruth.from_frame_tolerance(2, 3, 0)
    with pytest.raises(ValueError, match='recall at 5 needs 5 candidates per query, got 2'):
        recall_at_n([[0, 1], [0, 1]], truth, 5)
    assert recall_at_n([[2, 1, 0], [2, 0, 1]], truth, 5).hits == 2


@pytest.mark.parametrize(('ranked', 'n', 'words'), [
    ([[0.5, 0.1]], 1, 'rank.similarity. makes them'),
    ([[0], [1]], 1, 'ranked has 2 queries, the ground truth 1'),
    ([0, 1], 1, 'shape'),
    ([[0]], 0, 'at least 1, got 0'),
])
def test_wrong_rankings_are_refused(ranked, n, words):
    with pytest.raises(ValueError, match=words):
        recall_at_n(ranked, GroundTruth.from_frame_tolerance(1, 2, 0), n)


def test_unrankable_similarities_are_refused():
    with pytest.raises(ValueError, match='nan'):
        rank(np.array([[np.nan]]))
    with pytest.raises(ValueError, match='shape'):
        rank(np.zeros(3))


answers = st.lists(st.tuples(
    st.sampled_from(SCORES), st.sampled_from([(True, True), (False, True), (False, False)])),
    max_size=30)


def arrays(data):
    scores = np.array([score for score, _ in data], dtype=float)
    correct = np.array([flags[0] for _, flags in data], dtype=bool)
    has_match = np.array([flags[1] for _, flags in data], dtype=bool)
    return scores, correct, has_match


def naive_points(data):
    """Return (threshold, accepted, correct) at every distinct score, highest first."""
    points = []
    for threshold in sorted({score for score, _ in data}, reverse=True):
        accepted = correct = 0
        for score, (right, _) in data:
            if score >= threshold:
                accepted += 1
                correct += right
        points.append((threshold, accepted, correct))
    return points


@given(answers)
def test_precision_recall(data):
    curve = precision_recall(*arrays(data))
    positives = sum(flags[1] for _, flags in data)
    points = naive_points(data)
    assert curve.positives == positives
    assert list(zip(curve.thresholds, curve.accepted, curve.correct, strict=True)) == points
    assert curve.precision.tolist() == [correct / accepted for _, accepted, correct in points]
    if positives:
        assert curve.recall.tolist() == [correct / positives for _, _, correct in points]
        assert (np.diff(curve.recall) >= 0).all()
    else:
        assert np.isnan(curve.recall).all()


@given(answers)
def test_areas(data):
    curve = precision_recall(*arrays(data))
    positives = sum(flags[1] for _, flags in data)
    if not positives:
        assert math.isnan(average_precision(curve))
        assert math.isnan(auc_pr(curve))
        return
    steps = trapezoids = last_recall = 0.0
    points = naive_points(data)
    last_precision = points[0][2] / points[0][1]
    for _, accepted, correct in points:
        recall, precision = correct / positives, correct / accepted
        steps += (recall - last_recall) * precision
        trapezoids += (recall - last_recall) * (precision + last_precision) / 2
        last_recall, last_precision = recall, precision
    assert average_precision(curve) == pytest.approx(steps)
    assert auc_pr(curve) == pytest.approx(trapezoids)
    assert 0 <= average_precision(curve) <= 1 + 1e-12


@given(answers)
def test_recall_at_full_precision(data):
    point = recall_at_full_precision(precision_recall(*arrays(data)))
    positives = sum(flags[1] for _, flags in data)
    best = (None, 0, 0)
    for threshold, accepted, correct in naive_points(data):
        if accepted == correct:
            best = (threshold, accepted, correct)
    assert (point.threshold, point.accepted, point.correct) == best
    if positives:
        assert point.recall == best[2] / positives
    else:
        assert math.isnan(point.recall)


@given(answers, st.randoms())
def test_the_order_of_queries_makes_no_difference(data, random):
    shuffled = list(data)
    random.shuffle(shuffled)
    one, other = precision_recall(*arrays(data)), precision_recall(*arrays(shuffled))
    assert one.thresholds.tolist() == other.thresholds.tolist()
    assert one.correct.tolist() == other.correct.tolist()


def test_a_wrong_answer_tied_with_the_surest_leaves_no_flawless_threshold():
    curve = precision_recall([0.9, 0.9, 0.5], [True, False, True], [True, True, True])
    assert recall_at_full_precision(curve).threshold is None
    assert recall_at_full_precision(curve).recall == 0.0


@settings(deadline=None)  # the first import takes its time
@given(answers)
def test_recall_among_the_right_is_that_of_scikit_learn(data):
    metrics = pytest.importorskip('sklearn.metrics')
    scores, correct, _ = arrays(data)
    curve = precision_recall_of_right(scores, correct)
    if not correct.any():
        assert math.isnan(auc_pr(curve, at_zero=1.0))
        assert math.isnan(average_precision(curve))
        return
    precision, recall, thresholds = metrics.precision_recall_curve(correct, scores)
    # Theirs runs the other way, and ends in a point of its own.
    assert curve.thresholds.tolist() == thresholds[::-1].tolist()
    assert curve.precision.tolist() == pytest.approx(precision[-2::-1].tolist())
    assert curve.recall.tolist() == pytest.approx(recall[-2::-1].tolist())
    assert auc_pr(curve, at_zero=1.0) == pytest.approx(metrics.auc(recall, precision))
    assert average_precision(curve) == pytest.approx(
        metrics.average_precision_score(correct, scores))


def test_the_precision_at_recall_zero_counts_where_the_surest_answer_is_wrong():
    curve = precision_recall([0.9, 0.9], [True, False], [True, True])
    assert auc_pr(curve) == pytest.approx(0.5 * 0.5)
    assert auc_pr(curve, at_zero=1.0) == pytest.approx(0.5 * 0.75)
    assert auc_pr(curve, at_zero=0.0) == pytest.approx(0.5 * 0.25)


def test_known_values():
    curve = precision_recall([0.9, 0.8, 0.7, 0.6], [True, False, True, False],
                             [True, True, True, False])
    assert curve.precision.tolist() == [1.0, 0.5, 2 / 3, 0.5]
    assert curve.recall.tolist() == [1 / 3, 1 / 3, 2 / 3, 2 / 3]
    assert average_precision(curve) == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    assert recall_at_full_precision(curve).recall == pytest.approx(1 / 3)


def test_no_queries_make_an_empty_curve():
    curve = precision_recall([], [], [])
    assert curve.thresholds.shape == curve.precision.shape == curve.recall.shape == (0,)
    assert recall_at_full_precision(curve).threshold is None


@pytest.mark.parametrize(('scores', 'correct', 'has_match', 'words'), [
    ([0.5], [True], [False], 'query 0 is correct but has no match'),
    ([np.nan], [True], [True], 'finite'),
    ([np.inf], [True], [True], 'finite'),
    ([0.5], [True, False], [True, True], 'same shape'),
    ([0.5], [0.7], [True], 'correct must be bool'),
])
def test_impossible_answers_are_refused(scores, correct, has_match, words):
    with pytest.raises(ValueError, match=words):
        precision_recall(scores, correct, has_match)


def test_a_plain_baseline_on_real_images_is_what_it_was_measured_to_be(shared_data):
    dataset = open_dataset(shared_data / 'benchmark' / 'nordland_64x32')

    def describe(name):
        images = np.stack([frame.image[:, :, 0] for frame in dataset.traverse(name)])
        patches = images.astype(np.float32).reshape(-1, 4, 8, 8, 8)
        patches -= patches.mean(axis=(2, 4), keepdims=True)
        patches /= patches.std(axis=(2, 4), keepdims=True) + 1e-3
        flat = patches.reshape(len(images), -1)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    similarity = describe('winter') @ describe('summer').T
    recall = recall_at_n(rank(similarity, 1), dataset.ground_truth('summer', 'winter'), 1)
    assert (recall.queries, recall.left_out) == (3576, 0)
    assert recall.value == pytest.approx(0.132, abs=0.002)
