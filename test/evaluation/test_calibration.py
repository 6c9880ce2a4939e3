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

"""Calibration against definitions written as loops, and on systems whose truth is known."""

import math

import numpy as np
import pytest
from vpr_ros.evaluation.calibration import auroc
from vpr_ros.evaluation.calibration import brier_score
from vpr_ros.evaluation.calibration import expected_calibration_error
from vpr_ros.evaluation.calibration import reliability
from vpr_ros.evaluation.intervals import block_bootstrap_interval
from vpr_ros.evaluation.intervals import wilson_interval


def system(rng, queries, too_sure=0.0):
    """Return probabilities and answers that are right less often by so much."""
    probabilities = rng.beta(0.7, 0.5, queries)
    return probabilities, rng.random(queries) < np.clip(probabilities - too_sure, 0.0, 1.0)


def naive_bins(probabilities, bins):
    """Return lists of queries: cut after the run of equals that ends nearest to each share."""
    order = sorted(range(len(probabilities)), key=lambda i: probabilities[i])
    ends = [k for k in range(1, len(order) + 1) if k == len(order)
            or probabilities[order[k - 1]] < probabilities[order[k]]]
    cuts = {0, len(order)}
    for share in range(1, bins):
        wanted = share * len(order) / bins
        cuts.add(min(reversed(ends), key=lambda end: abs(end - wanted)))
    cuts = sorted(cuts)
    return [order[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]


def naive_errors(probabilities, correct, bins, block):
    """Return the plain error, the one less chance, and the root of the mean square."""
    plain = less = square = 0.0
    for members in naive_bins(probabilities, bins):
        n = len(members)
        gap = sum(probabilities[i] - correct[i] for i in members) / n
        sums = {}
        for i in members:
            at = i // block
            sums[at] = sums.get(at, 0.0) + probabilities[i] - correct[i] - gap
        variance = sum(s * s for s in sums.values()) / n ** 2
        variance *= len(sums) / (len(sums) - 1) if len(sums) > 1 else 1.0
        if variance > 0:
            # The mean of |gap + error|, by adding up the normal distribution.
            z = np.linspace(-9, 9, 200_001)
            weight = np.exp(-z * z / 2)
            noisy = (np.abs(gap + math.sqrt(variance) * z) * weight).sum() / weight.sum()
        else:
            noisy = abs(gap)
        share = n / len(probabilities)
        plain += share * abs(gap)
        less += share * (2 * abs(gap) - noisy)
        square += share * (gap * gap - variance)
    return plain, max(0.0, less), math.sqrt(max(0.0, square))


@pytest.mark.parametrize(('queries', 'bins', 'block', 'step'), [
    (7, 3, 1, 0), (50, 15, 1, 0), (200, 15, 10, 0), (200, 15, 1, 0.125), (60, 4, 7, 0.25),
    (33, 50, 2, 0), (40, 1, 5, 0.5)])
def test_the_error_is_what_the_definition_says(queries, bins, block, step):
    probabilities, correct = system(np.random.default_rng(queries), queries, too_sure=0.1)
    if step:
        probabilities = np.round(probabilities / step) * step
    error = expected_calibration_error(probabilities, correct, bins, block=block, resamples=20)
    plain, less, square = naive_errors(probabilities, correct, bins, block)
    assert error.plain == pytest.approx(plain)
    assert error.value == pytest.approx(less, abs=1e-6)
    assert error.root_mean_square == pytest.approx(square)
    assert error.answers == queries
    assert error.bins == len(naive_bins(probabilities, bins))


@pytest.mark.parametrize(('bins', 'step'), [(15, 0), (5, 0), (15, 0.125), (6, 0.3)])
def test_bins_hold_what_the_definition_says(bins, step):
    probabilities, correct = system(np.random.default_rng(3), 157)
    if step:
        probabilities = np.round(probabilities / step) * step
    table = reliability(probabilities, correct, bins)
    members = naive_bins(probabilities, bins)
    assert table.counts.tolist() == [len(m) for m in members]
    assert table.predicted == pytest.approx([np.mean(probabilities[m]) for m in members])
    assert table.observed == pytest.approx([np.mean(correct[m]) for m in members])
    for k, m in enumerate(members):
        interval = wilson_interval(int(correct[m].sum()), len(m))
        assert (table.low[k], table.high[k]) == (interval.low, interval.high)
    if not step:
        assert table.counts.max() - table.counts.min() <= 1


def test_one_half_of_all_at_zero_is_one_bin_and_the_others_keep_their_size():
    probabilities = np.r_[np.zeros(50), np.linspace(0.5, 1.0, 50)]
    assert reliability(probabilities, probabilities > 0, 10).counts.tolist() == [50] + [10] * 5
    assert reliability(np.full(9, 0.3), np.arange(9) < 3, 10).counts.tolist() == [9]


def test_the_order_of_ties_does_not_matter():
    rng = np.random.default_rng(0)
    probabilities, correct = system(rng, 300)
    probabilities = np.round(probabilities, 1)
    mixed = rng.permutation(300)
    one = expected_calibration_error(probabilities, correct, block=1)
    other = expected_calibration_error(probabilities[mixed], correct[mixed], block=1)
    assert one.value == pytest.approx(other.value)
    assert one.root_mean_square == pytest.approx(other.root_mean_square)


@pytest.mark.parametrize('too_sure', [0.0, 0.1, 0.2])
def test_less_chance_is_nearer_to_the_truth_and_the_interval_holds_it(too_sure):
    rng = np.random.default_rng(8)
    # What is clipped at 0 is less too sure.
    large = rng.beta(0.7, 0.5, 100_000)
    truth = np.mean(large - np.clip(large - too_sure, 0, 1))
    errors = [expected_calibration_error(*system(rng, 200, too_sure), block=1, resamples=200,
                                         seed=seed) for seed in range(100)]
    plain = np.mean([e.plain for e in errors]) - truth
    less = np.mean([e.value for e in errors]) - truth
    # A sixth of the standard error of a bin, which is about 0.1 where it is largest.
    assert abs(less) < max(0.65 * plain, 0.015)
    assert too_sure or less < 0.65 * plain
    assert np.mean([e.interval.contains(truth) for e in errors]) > 0.90
    if too_sure == 0.2:
        # Two hundred answers show so much.
        assert np.mean([e.interval.low > 0 for e in errors]) > 0.9
    if too_sure:
        squares = np.mean([e.root_mean_square ** 2 for e in errors])
        expected = np.mean((large - np.clip(large - too_sure, 0, 1)) ** 2)
        assert squares == pytest.approx(expected, rel=0.15)


def test_blocks_take_off_more_where_answers_depend_on_each_other():
    rng = np.random.default_rng(2)
    single, blocks = [], []
    for seed in range(30):
        probabilities, correct = (np.repeat(a, 5) for a in system(rng, 120))
        probabilities = np.clip(probabilities + rng.normal(0, 0.02, 600), 0, 1)
        single.append(expected_calibration_error(probabilities, correct, block=1, resamples=5,
                                                 seed=seed).value)
        blocks.append(expected_calibration_error(probabilities, correct, block=5, resamples=5,
                                                 seed=seed).value)
    # The truth is nearly 0.
    assert np.mean(blocks) < 0.8 * np.mean(single)


def test_a_system_that_is_sure_and_right_has_no_error():
    error = expected_calibration_error(np.ones(40), np.ones(40, bool))
    assert (error.value, error.plain, error.root_mean_square) == (0, 0, 0)
    assert (error.interval.low, error.interval.high) == (0, 0)
    wrong = expected_calibration_error(np.ones(40), np.zeros(40, bool))
    assert (wrong.value, wrong.interval.low, wrong.interval.high) == (1, 1, 1)


def test_the_seed_decides():
    probabilities, correct = system(np.random.default_rng(1), 100)
    one = expected_calibration_error(probabilities, correct, seed=1)
    assert one == expected_calibration_error(probabilities, correct, seed=1)
    assert one.interval != expected_calibration_error(probabilities, correct, seed=2).interval
    kinds = auroc(probabilities, correct, seed=1)
    assert kinds == auroc(probabilities, correct, seed=1)
    assert kinds.interval != auroc(probabilities, correct, seed=2).interval


def test_small_traverses_have_an_error_too():
    error = expected_calibration_error([0.2, 0.9], [False, True])
    assert error.plain == pytest.approx(0.15)
    with pytest.raises(ValueError, match='at least 2 queries'):
        expected_calibration_error([0.2], [False])


def naive_auroc(scores, positive):
    wins = pairs = 0.0
    for a, flag in zip(scores, positive, strict=True):
        for b, other in zip(scores, positive, strict=True):
            if flag and not other:
                pairs += 1
                wins += 1.0 if a > b else 0.5 if a == b else 0.0
    return wins / pairs


@pytest.mark.parametrize('step', [0, 0.05, 0.5, 2])
def test_auroc_is_the_share_of_pairs_that_are_won(step):
    scores, positive = system(np.random.default_rng(4), 90)
    if step:
        scores = np.round(scores / step) * step
    result = auroc(scores, positive)
    assert result.value == pytest.approx(naive_auroc(scores, positive))
    assert auroc(-scores, positive).value == pytest.approx(1 - result.value)
    assert result.interval.contains(result.value)
    assert (result.positives, result.negatives) == (positive.sum(), (~positive).sum())


def test_auroc_is_that_of_scikit_learn():
    metrics = pytest.importorskip('sklearn.metrics')
    scores, positive = system(np.random.default_rng(9), 700)
    for given in scores, np.round(scores, 1):
        assert auroc(given, positive, resamples=1).value == pytest.approx(
            metrics.roc_auc_score(positive, given))
    assert brier_score(scores, positive) == pytest.approx(
        metrics.brier_score_loss(positive, scores))


def test_plain_error_is_that_of_scikit_learn_where_bins_agree():
    calibration = pytest.importorskip('sklearn.calibration')
    probabilities, correct = system(np.random.default_rng(5), 600)
    observed, predicted = calibration.calibration_curve(
        correct, probabilities, n_bins=15, strategy='quantile')
    table = reliability(probabilities, correct)
    assert table.counts.tolist() == [40] * 15
    assert table.observed == pytest.approx(observed)
    assert table.predicted == pytest.approx(predicted)
    assert expected_calibration_error(probabilities, correct).plain == pytest.approx(
        np.mean(np.abs(observed - predicted)))


def test_the_interval_of_auroc_holds_the_truth():
    rng = np.random.default_rng(6)
    truth = 0.5 * (1 + math.erf(1 / 2))  # of normal scores whose means are one sigma apart
    held = []
    for seed in range(150):
        positive = rng.random(150) < 0.4
        scores = rng.normal(size=150) + positive
        held.append(auroc(scores, positive, block=1, resamples=200,
                          seed=seed).interval.contains(truth))
    assert np.mean(held) > 0.89


def test_one_kind_alone_has_no_auroc():
    result = auroc([0.1, 0.2], [True, True])
    assert math.isnan(result.value)
    assert result.interval is None
    assert (result.positives, result.negatives) == (2, 0)
    assert math.isnan(auroc([], []).value)
    perfect = auroc([0.1, 0.1, 0.9, 0.9], [False, False, True, True], block=1)
    assert perfect.value == perfect.interval.low == perfect.interval.high == 1.0


def test_the_brier_score_is_a_mean_of_squares():
    assert brier_score([0.0, 1.0, 0.5, 0.8], [False, True, True, False]) == pytest.approx(
        (0 + 0 + 0.25 + 0.64) / 4)


def test_blocks_of_the_error_are_those_of_the_mean():
    # One bin: the error is the distance of two means, and its interval that of a mean.
    gaps = np.random.default_rng(7).random(80) < 0.9
    error = expected_calibration_error(np.zeros(80), gaps, bins=1, block=8, resamples=300)
    mean = block_bootstrap_interval(gaps, 8, 300)
    assert error.interval.high == pytest.approx(mean.high, abs=1e-6)
    assert 0.5 < error.interval.low < mean.low


@pytest.mark.parametrize(('probabilities', 'correct', 'words'), [
    ([], [], 'at least one'),
    ([[0.1]], [[True]], 'shape'),
    ([0.1, 1.1], [True, True], 'between 0 and 1, got 1.1'),
    ([0.1, np.nan], [True, True], 'between 0 and 1, got nan'),
    ([0.1, 0.2], [True], 'correct must be bool of shape'),
    ([0.1, 0.2], [1, 0], 'correct must be bool'),
])
def test_what_is_no_answer_is_refused(probabilities, correct, words):
    for function in reliability, expected_calibration_error, brier_score:
        with pytest.raises(ValueError, match=words):
            function(probabilities, correct)


def test_bins_blocks_and_scores_that_are_none_are_refused():
    with pytest.raises(ValueError, match='at least 1 bin'):
        reliability([0.1], [True], 0)
    with pytest.raises(ValueError, match='blocks of at least 1'):
        expected_calibration_error([0.1, 0.2], [True, False], block=0)
    with pytest.raises(ValueError, match='at least 1 resample'):
        expected_calibration_error([0.1, 0.2], [True, False], resamples=0)
    with pytest.raises(ValueError, match='finite'):
        auroc([0.1, np.inf], [True, False])
    with pytest.raises(ValueError, match='positive must be bool'):
        auroc([0.1, 0.2], [True])


def test_the_interval_of_auroc_holds_its_value_however_few_draws_there_are():
    for seed in range(300):
        rng = np.random.default_rng(seed)
        positive = np.arange(8) < 1
        found = auroc(rng.integers(0, 3, 8), rng.permutation(positive), block=4, resamples=10,
                      seed=seed)
        assert found.interval is not None
        assert found.interval.contains(found.value)
