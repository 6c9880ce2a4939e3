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

"""All that is measured of matches, against the definitions written out as naive loops."""

import math
import time

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.matches import NOTHING
from vpr_ros.evaluation.comparison.measures import curves
from vpr_ros.evaluation.comparison.measures import measure
from vpr_ros.evaluation.comparison.measures import MEASURES
from vpr_ros.evaluation.intervals import block_bootstrap_interval
from vpr_ros.evaluation.intervals import block_resamples
from vpr_ros.evaluation.intervals import usual_block
from vpr_ros.evaluation.metrics import rank

SCORES = [-1.0, -0.25, 0.0, 0.5, 0.75, 1.0]
REFERENCES = 6


@st.composite
def answered(draw):
    """Return matches of some queries, in which much is equal or not there, and their truth."""
    queries, listed = draw(st.integers(0, 8)), draw(st.integers(1, 7))
    references = np.full((queries, listed), NOTHING)
    scores = np.full((queries, listed), -np.inf)
    runner_up = np.full(queries, -np.inf)
    for q in range(queries):
        row = draw(st.lists(st.integers(0, REFERENCES - 1), max_size=min(listed, REFERENCES),
                            unique=True))
        references[q, :len(row)] = row
        scores[q, :len(row)] = sorted(
            [draw(st.sampled_from(SCORES)) for _ in row], reverse=True)
        runner_up[q] = draw(st.sampled_from([*scores[q], -np.inf]))
    flags = st.lists(st.booleans(), min_size=queries, max_size=queries)
    shares = st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=queries, max_size=queries)
    known, probabilities = draw(st.none() | flags), draw(st.none() | shares)
    matches = Matches(
        references, scores, runner_up=draw(st.sampled_from([None, runner_up])),
        known=None if known is None else np.array(known, bool),
        probabilities=None if probabilities is None else np.array(probabilities))
    right = st.lists(st.integers(0, REFERENCES - 1), max_size=3)
    return matches, GroundTruth.from_lists([draw(right) for _ in range(queries)], REFERENCES)


def naive_area(judged):
    """Return the area by trapezoids, as steps, and the best recall at precisions of 1 and 0.99."""
    places = sum(possible for _, _, possible in judged)
    area = steps = last_recall = full = nearly = 0.0
    first = last_precision = None
    for threshold in sorted({s for s, _, _ in judged if s > -math.inf}, reverse=True):
        accepted = [right for s, right, _ in judged if s >= threshold]
        precision, recall = sum(accepted) / len(accepted), sum(accepted) / places
        if first is None:
            first = last_precision = precision
        area += (recall - last_recall) * (precision + last_precision) / 2
        steps += (recall - last_recall) * precision
        last_recall, last_precision = recall, precision
        full = recall if precision == 1.0 else full
        nearly = max(nearly, recall) if precision >= 0.99 else nearly
    return area, steps, full, nearly, (first + full) / 2


def naive_area_of_missed(judged):
    """Return the area whose recall counts among the right and the rejected queries."""
    area = last_recall = 0.0
    last_precision = None
    for threshold in sorted({s for s, _, _ in judged if s > -math.inf}, reverse=True):
        accepted = [right for s, right, _ in judged if s >= threshold]
        missed = sum(possible for s, _, possible in judged if s < threshold)
        precision = sum(accepted) / len(accepted)
        recall = sum(accepted) / (sum(accepted) + missed) if any(accepted) else 0.0
        last_precision = precision if last_precision is None else last_precision
        area += (recall - last_recall) * (precision + last_precision) / 2
        last_recall, last_precision = recall, precision
    return area


def naive(matches, truth):
    """Return the numbers, written from their definitions."""
    found = {}
    queries = range(len(matches))
    places = [q for q in queries if len(truth.matches(q))]
    best = [matches.references[q][0] for q in queries]
    right = [best[q] in truth.matches(q) for q in queries]
    listed = matches.references.shape[1]
    for n in (1, 5, 10, 20):
        if places and (n <= listed or listed >= REFERENCES):
            hits = precisions = 0.0
            for q in places:
                rights = [r in truth.matches(q) for r in matches.references[q][:n]]
                hits += any(rights)
                precisions += sum(
                    sum(rights[:i + 1]) / (i + 1) for i, hit in enumerate(rights) if hit) / min(
                        n, len(truth.matches(q)))
            found[f'recall@{n}'] = hits / len(places), len(places)
            found[f'map@{n}'] = precisions / len(places), len(places)
    answers = [q for q in queries if best[q] != NOTHING]
    score = [matches.scores[q][0] for q in queries]
    possible = [q in places for q in queries]
    scored = len({score[q] for q in answers}) > 1
    if scored and places:
        area, steps, full, nearly, extended = naive_area(
            list(zip(score, right, possible, strict=True)))
        for name, value in (('auc', area), ('average_precision', steps),
                            ('recall_at_100_precision', full), ('recall_at_99_precision', nearly),
                            ('extended_precision', extended)):
            found[name] = value, len(queries)
        if matches.runner_up is not None:
            ratio = [-math.inf if best[q] == NOTHING else -1.0 if matches.runner_up[q] in (
                -math.inf, score[q]) else -math.sqrt((1 - score[q]) / (1 - matches.runner_up[q]))
                     for q in queries]
            judged = list(zip(ratio, right, possible, strict=True))
            found['auc_ratio'] = naive_area(judged)[0], len(queries)
            found['auc_ratio_missed'] = naive_area_of_missed(judged), len(queries)
        if len(places) < len(queries):
            pairs = [(score[a], score[b]) for a in places for b in queries if b not in places]
            found['no_match_auroc'] = sum(
                (a > b) + (a == b) / 2 for a, b in pairs) / len(pairs), len(queries)
    if matches.known is not None and len(queries):
        known = [q for q in answers if matches.known[q]]
        if places:
            found['localization_rate'] = sum(
                right[q] for q in known) / len(places), len(places)
        if known:
            found['known_precision'] = sum(right[q] for q in known) / len(known), len(known)
        rest = [q for q in queries if q not in places]
        if rest:
            found['no_match_rejected'] = sum(q not in known for q in rest) / len(rest), len(rest)
        lost = longest = 0
        for q in queries:
            lost = 0 if q in known and right[q] else lost + 1
            longest = max(longest, lost)
        found['longest_unlocalized'] = longest, len(queries)
    if matches.probabilities is not None and len(answers) > 1:
        found['brier'] = np.mean([
            (matches.probabilities[q] - right[q]) ** 2 for q in answers]), len(answers)
    return found


@settings(max_examples=300, deadline=None)
@given(answered())
def test_the_definitions(data):
    matches, truth = data
    numbers = measure(matches, truth, resamples=3)
    expected = naive(matches, truth)
    # These two are compared with scikit-learn and tested on their own, see below.
    apart = {'auc_of_right', 'calibration_error'}
    assert set(numbers) - apart == set(expected)
    for name, (value, count) in expected.items():
        assert numbers[name].value == pytest.approx(value), name
        assert numbers[name].count == count, name


@settings(deadline=None)
@given(answered())
def test_numbers_are_never_nan_lie_in_their_intervals_and_are_all_explained(data):
    numbers = measure(*data, resamples=10)
    assert list(numbers) == [name for name in MEASURES if name in numbers]
    for name, number in numbers.items():
        assert math.isfinite(number.value)
        assert (number.low is None) == (number.high is None)
        if number.low is not None:
            assert number.low <= number.value <= number.high
            assert number.low < number.high
        if MEASURES[name].kind == 'share':
            assert -1e-12 <= number.value <= 1 + 1e-12
            assert number.low is None or -1e-12 <= number.low < number.high <= 1 + 1e-12


@settings(deadline=None)
@given(answered(), st.randoms())
def test_the_order_of_queries_changes_intervals_alone(data, random):
    matches, truth = data
    order = list(range(len(matches)))
    random.shuffle(order)

    def taken(values):
        return None if values is None else values[order]

    shuffled = Matches(matches.references[order], matches.scores[order],
                       taken(matches.runner_up), taken(matches.known),
                       taken(matches.probabilities))
    other = measure(shuffled, truth.select(order, np.arange(REFERENCES)), resamples=1)
    for name, number in measure(matches, truth, resamples=1).items():
        # What comes after what is a question of its own here.
        if name not in ('longest_unlocalized', 'calibration_error'):
            assert other[name].value == pytest.approx(number.value)
            assert other[name].count == number.count


@settings(deadline=None)
@given(answered())
def test_a_query_without_an_answer_adds_nothing_but_itself_to_recall(data):
    matches, truth = data
    empty = np.full((1, matches.references.shape[1]), NOTHING)
    more = Matches(np.concatenate([matches.references, empty]),
                   np.concatenate([matches.scores, np.full(empty.shape, -np.inf)]))
    lists = [truth.matches(q) for q in range(len(matches))]
    plain = measure(Matches(matches.references, matches.scores), truth, resamples=1)
    with_place = measure(more, GroundTruth.from_lists([*lists, [0]], REFERENCES), resamples=1)
    without = measure(more, GroundTruth.from_lists([*lists, []], REFERENCES), resamples=1)
    for name in ('auc', 'recall_at_100_precision', 'recall_at_99_precision', 'recall@1'):
        if name in plain:
            places = plain['recall@1'].count
            assert without[name].value == pytest.approx(plain[name].value)
            assert with_place[name].value == pytest.approx(
                plain[name].value * places / (places + 1))


def drive(queries=400, references=400, seed=0, listed=20):
    """Return matches and truth of a drive, a fifth of it where nothing is in the map."""
    rng = np.random.default_rng(seed)
    truth = GroundTruth.from_lists(
        [[] if (q // 20) % 5 == 4 else range(max(0, q - 2), min(references, q + 3))
         for q in range(queries)], references)
    similarity = rng.normal(0.3, 0.1, (queries, references))
    seen = rng.random(queries) < 0.7
    at = np.arange(queries)
    similarity[at[seen], at[seen] % references] += rng.normal(0.3, 0.2, seen.sum())
    similarity = similarity.clip(-1, 1)
    ranked = rank(similarity, listed)
    scores = np.take_along_axis(similarity, ranked, axis=1)
    return Matches(ranked, scores, runner_up=scores[:, 1], known=scores[:, 0] > 0.6,
                   probabilities=scores[:, 0].clip(0, 1)), truth


def test_scikit_learn_has_the_same_numbers():
    metrics = pytest.importorskip('sklearn.metrics')
    matches, truth = drive()
    numbers = measure(matches, truth, resamples=1)
    right = truth.are_matches(np.arange(400), matches.best)
    precision, recall, _ = metrics.precision_recall_curve(right, matches.best_scores)
    assert numbers['auc_of_right'].value == pytest.approx(metrics.auc(recall, precision))
    assert numbers['average_precision'].value == pytest.approx(
        metrics.average_precision_score(right, matches.best_scores)
        * right.sum() / truth.has_match().sum())
    assert numbers['no_match_auroc'].value == pytest.approx(
        metrics.roc_auc_score(truth.has_match(), matches.best_scores))
    assert numbers['brier'].value == pytest.approx(
        metrics.brier_score_loss(right, matches.probabilities))
    assert numbers['known_precision'].value == pytest.approx(
        metrics.precision_score(right, matches.known))
    assert numbers['recall@1'].value == pytest.approx(
        metrics.recall_score(truth.has_match(), right))


def test_intervals_are_those_of_resampled_queries():
    matches, truth = drive(120)
    silent = np.arange(120) % 7 == 3
    references, scores = matches.references.copy(), matches.scores.copy()
    references[silent], scores[silent] = NOTHING, -np.inf
    matches = Matches(references, scores, np.where(silent, -np.inf, matches.runner_up),
                      matches.known, matches.probabilities)
    numbers = measure(matches, truth, block=6, resamples=40, seed=5)
    lists = [truth.matches(q) for q in range(120)]
    drawn = []
    for chosen in block_resamples(120, 6, 40, seed=5):
        again = Matches(matches.references[chosen], matches.scores[chosen],
                        matches.runner_up[chosen], matches.known[chosen],
                        matches.probabilities[chosen])
        drawn.append(measure(again, GroundTruth.from_lists(
            [lists[q] for q in chosen], truth.n_references), resamples=1))
    varied = [name for name, number in numbers.items() if number.low is not None]
    assert {'recall@1', 'map@5', 'auc', 'average_precision', 'auc_of_right', 'auc_ratio',
            'auc_ratio_missed', 'localization_rate', 'known_precision', 'no_match_rejected',
            'brier'} <= set(varied)
    for name in varied:
        # The error of calibration takes off what chance adds to each resample.
        if name != 'calibration_error':
            low, high = np.quantile([d[name].value for d in drawn], [0.025, 0.975])
            value = numbers[name].value
            # That of AUROC is one resample more, the one that was driven.
            close = 0.01 if name == 'no_match_auroc' else 1e-9
            assert numbers[name].low == pytest.approx(min(low, value), abs=close), name
            assert numbers[name].high == pytest.approx(max(high, value), abs=close), name


def test_what_hangs_on_a_few_queries_has_no_interval():
    numbers = measure(*drive(), positions=np.arange(800.0).reshape(400, 2))
    for name in ('recall_at_100_precision', 'recall_at_99_precision', 'extended_precision',
                 'longest_unlocalized', 'longest_unlocalized_m'):
        assert numbers[name].low is None and numbers[name].high is None, name
    assert numbers['auc'].low is not None


def test_blocks_are_the_usual_ones_unless_others_are_given():
    matches, truth = drive()
    assert usual_block(400) == 20
    assert measure(matches, truth) == measure(matches, truth, block=20)
    assert measure(matches, truth) != measure(matches, truth, block=10)


def test_recall_has_the_interval_of_a_mean_where_all_queries_have_a_place():
    matches, _ = drive()
    truth = GroundTruth.from_frame_tolerance(400, 400, 2)
    number = measure(matches, truth, block=10, resamples=500)['recall@1']
    interval = block_bootstrap_interval(
        truth.are_matches(np.arange(400), matches.best), 10, 500)
    assert (number.low, number.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_longer_blocks_give_wider_intervals_where_neighbours_fail_together():
    truth = GroundTruth.from_frame_tolerance(400, 400, 0)
    best = np.arange(400)
    best[(best // 25) % 2 == 1] = 399 - best[(best // 25) % 2 == 1]
    matches = Matches(best[:, None], np.linspace(0.0, 1.0, 400)[:, None])

    def width(block):
        number = measure(matches, truth, block=block)['recall@1']
        return number.high - number.low

    assert width(25) > 2 * width(1)


def test_a_list_without_scores_has_ranks_alone():
    truth = GroundTruth.from_frame_tolerance(4, 10, 0)
    plain = Matches([[0, 5], [1, 6], [7, 2], [8, 9]], np.zeros((4, 2)), runner_up=np.zeros(4))
    assert list(measure(plain, truth)) == ['recall@1', 'map@1']
    assert curves(plain, truth) == {}


def test_a_list_of_one_answer_each_has_recall_at_1_alone_unless_all_references_are_ranked():
    truth = GroundTruth.from_frame_tolerance(3, 30, 0)
    ranks = {name for name in measure(Matches([[0], [1], [5]], [[0.9], [0.8], [0.7]]), truth)
             if '@' in name}
    assert ranks == {'recall@1', 'map@1'}
    few = GroundTruth.from_frame_tolerance(2, 2, 0)
    numbers = measure(Matches([[0, 1], [0, 1]], [[0.9, 0.8], [0.7, 0.6]]), few)
    assert [numbers[f'recall@{n}'].value for n in (1, 5, 10, 20)] == [0.5, 1.0, 1.0, 1.0]


def test_without_a_place_nothing_is_recalled_but_all_can_be_rejected():
    truth = GroundTruth.from_lists([[], [], [], []], 9)
    matches = Matches([[0], [1], [5], [NOTHING]], [[0.9], [0.8], [0.7], [-np.inf]],
                      known=np.array([True, False, False, True]))
    numbers = measure(matches, truth)
    assert list(numbers) == ['known_precision', 'no_match_rejected', 'longest_unlocalized']
    assert numbers['no_match_rejected'].value == 0.75
    assert (numbers['known_precision'].value, numbers['known_precision'].count) == (0.0, 1)
    assert curves(matches, truth) == {}


def test_no_queries_and_one_query():
    nobody = Matches(np.zeros((0, 5), int), np.zeros((0, 5)), known=np.zeros(0, bool),
                     probabilities=np.zeros(0))
    assert measure(nobody, GroundTruth.from_lists([], 5)) == {}
    one = Matches([[2, 1]], [[0.9, 0.8]], known=np.array([True]), probabilities=np.array([0.5]))
    numbers = measure(one, GroundTruth.from_lists([[2]], 9), positions=[[0.0, 0.0]])
    assert set(numbers) == {'recall@1', 'map@1', 'localization_rate', 'known_precision',
                            'longest_unlocalized', 'longest_unlocalized_m'}
    assert all(number.low is None for number in numbers.values())


def test_the_ratio_test_is_for_similarities_alone():
    matches, truth = drive(40)
    assert {'score', 'ratio'} == set(curves(matches, truth))
    for kind in ('probability', 'score'):
        other = Matches(matches.references, matches.scores, matches.runner_up, score_kind=kind)
        assert 'auc_ratio' not in measure(other, truth, resamples=1)
        assert set(curves(other, truth)) == {'score'}


def test_the_way_without_a_right_answer_is_measured_where_positions_are_known():
    truth = GroundTruth.from_frame_tolerance(5, 5, 0)
    matches = Matches([[0], [1], [4], [3], [4]], [[1.0], [0.9], [0.8], [0.7], [0.6]],
                      known=np.array([True, False, True, True, False]))
    positions = np.array([[0, 0], [10, 0], [20, 0], [30, 0], [70, 0]])
    numbers = measure(matches, truth, positions=positions)
    assert numbers['longest_unlocalized'].value == 2
    assert numbers['longest_unlocalized_m'].value == 40.0
    assert 'longest_unlocalized_m' not in measure(matches, truth)


def test_a_number_that_never_varied_has_no_interval():
    truth = GroundTruth.from_frame_tolerance(50, 50, 0)
    perfect = Matches(np.arange(50)[:, None], np.linspace(0.5, 1.0, 50)[:, None])
    number = measure(perfect, truth)['recall@1']
    assert (number.value, number.count, number.low, number.high) == (1.0, 50, None, None)


def test_curves_are_points_of_recall_and_precision():
    truth = GroundTruth.from_frame_tolerance(4, 9, 0)
    matches = Matches([[0], [5], [2], [NOTHING]], [[0.9], [0.8], [0.7], [-np.inf]],
                      runner_up=np.array([0.0, 0.7, 0.7, -np.inf]))
    found = curves(matches, truth)
    assert found['score'] == ((0.25, 1.0), (0.25, 0.5), (0.5, 2 / 3))
    # By ratio the second answer is surer than the third, which is as near as its runner-up.
    assert found['ratio'] == ((0.25, 1.0), (0.25, 0.5), (0.5, 2 / 3))
    long, place = drive(2000, 2000)
    assert all(len(points) <= 300 for points in curves(long, place).values())


def test_the_seed_decides_and_other_draws_are_near():
    matches, truth = drive()
    assert measure(matches, truth, seed=1) == measure(matches, truth, seed=1)
    one, other = (measure(matches, truth, seed=seed)['auc'] for seed in (1, 2))
    assert one.low != other.low
    assert one.low == pytest.approx(other.low, abs=0.02)


@pytest.mark.parametrize(('given_', 'words'), [
    ({'block': 0}, 'at least 1'), ({'resamples': 0}, 'at least 1'),
    ({'positions': [[0.0, 0.0]]}, 'positions must be finite metres of shape')])
def test_what_cannot_be_is_refused(given_, words):
    with pytest.raises(ValueError, match=words):
        measure(*drive(30), **given_)


def test_matches_of_other_queries_are_refused():
    matches, _ = drive(30)
    for judge in measure, curves:
        with pytest.raises(ValueError, match='matches of 30 queries, but the ground truth of 29'):
            judge(matches, GroundTruth.from_frame_tolerance(29, 400, 0))


def test_a_long_drive_is_measured_in_seconds():
    matches, truth = drive(3576, 3576)
    began = time.process_time()
    measure(matches, truth)
    assert time.process_time() - began < 10.0
