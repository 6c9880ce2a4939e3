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

"""Intervals of confidence on simulated traverses whose truth is known."""

import math

import numpy as np
import pytest
from vpr_ros.evaluation.calibration import auroc
from vpr_ros.evaluation.intervals import block_bootstrap_interval
from vpr_ros.evaluation.intervals import block_resamples
from vpr_ros.evaluation.intervals import bootstrap_interval
from vpr_ros.evaluation.intervals import Interval
from vpr_ros.evaluation.intervals import percentile_interval
from vpr_ros.evaluation.intervals import resampled_counts
from vpr_ros.evaluation.intervals import usual_block
from vpr_ros.evaluation.intervals import wilson_interval

RIGHT = 0.7  # how many queries of a simulated traverse are right, in the long run


def traverse(rng, queries, lasting):
    """Return hits that last for so many queries on average, until they are drawn anew."""
    anew = rng.random(queries) < 1.0 / lasting
    anew[0] = True
    drawn = rng.random(queries) < RIGHT
    return drawn[np.maximum.accumulate(np.where(anew, np.arange(queries), 0))]


def coverage(block, lasting, queries=600):
    rng = np.random.default_rng(5)
    intervals = [block_bootstrap_interval(traverse(rng, queries, lasting), block, 400, seed)
                 for seed in range(300)]
    return np.mean([interval.contains(RIGHT) for interval in intervals])


def test_blocks_cover_the_truth_where_queries_depend_on_each_other_and_single_queries_do_not():
    assert coverage(20, lasting=4) > 0.89
    assert coverage(1, lasting=4) < 0.70


def test_usual_blocks_are_longer_on_longer_drives_and_cover_what_lasts_as_long_as_on_nordland():
    assert [usual_block(count) for count in (1, 4, 9, 20, 49, 50, 100, 200, 3576)] == [
        1, 1, 1, 4, 9, 10, 10, 14, 60]
    # Hits that last for 7 queries on average depend on each other over 13.
    assert coverage(usual_block(3576), 7, 3576) > 0.88
    assert coverage(10, 7, 3576) < 0.85
    assert coverage(usual_block(20), 1, 20) > coverage(10, 1, 20) + 0.05


def test_independent_queries_are_covered_with_and_without_blocks():
    assert 0.92 < coverage(1, lasting=1) < 0.98
    assert 0.90 < coverage(10, lasting=1) < 0.98


def test_blocks_of_one_give_the_interval_of_independent_queries():
    hits = np.arange(1000) % 10 < 7
    interval = block_bootstrap_interval(hits, block=1, resamples=20_000)
    error = 1.96 * np.sqrt(0.7 * 0.3 / 1000)
    assert interval.low == pytest.approx(0.7 - error, abs=0.002)
    assert interval.high == pytest.approx(0.7 + error, abs=0.002)


@pytest.mark.parametrize(('queries', 'block'), [(20, 7), (21, 7), (20, 10), (9, 1)])
def test_the_definition(queries, block):
    values = np.random.default_rng(2).normal(size=queries)
    starts = np.random.default_rng(3).integers(queries, size=(50, queries // block + 1))
    means = []
    for row in starts:
        drawn = [values[(start + i) % queries] for start in row for i in range(block)]
        means.append(np.mean(drawn[:queries]))
    interval = block_bootstrap_interval(values, block, resamples=50, seed=3, confidence=0.8)
    assert [interval.low, interval.high] == pytest.approx(np.quantile(means, [0.1, 0.9]))


def test_pairs_show_a_difference_that_two_intervals_side_by_side_hide():
    rng = np.random.default_rng(1)
    better = traverse(rng, 400, 6)
    worse = better & (rng.random(400) > 0.06)
    one, other = block_bootstrap_interval(better), block_bootstrap_interval(worse)
    assert other.high > one.low
    paired = block_bootstrap_interval(better.astype(int) - worse)
    assert paired.low > 0.0
    assert not paired.contains(0.0)
    assert paired.contains(better.mean() - worse.mean())


def test_the_seed_decides():
    hits = traverse(np.random.default_rng(4), 200, 5)
    assert block_bootstrap_interval(hits, seed=1) == block_bootstrap_interval(hits, seed=1)
    assert block_bootstrap_interval(hits, seed=1, resamples=100) != block_bootstrap_interval(
        hits, seed=2, resamples=100)


def test_equal_values_have_no_width():
    assert block_bootstrap_interval(np.ones(50, bool)) == Interval(1.0, 1.0)
    assert block_bootstrap_interval(np.zeros(50, int)) == Interval(0.0, 0.0)


@pytest.mark.parametrize(('values', 'given', 'words'), [
    ([], {}, '0 values do not make two blocks of 10'),
    ([True] * 19, {}, 'shorter block, or more queries'),
    ([0.0, np.nan] * 20, {}, 'finite'),
    ([[0.0, 1.0]] * 20, {}, 'shape'),
    ([0.0] * 20, {'block': 0}, 'at least 1'),
    ([0.0] * 20, {'resamples': 0}, 'at least 1'),
    ([0.0] * 20, {'confidence': 1.0}, 'between 0 and 1'),
])
def test_what_has_no_interval_is_refused(values, given, words):
    with pytest.raises(ValueError, match=words):
        block_bootstrap_interval(values, **given)


@pytest.mark.parametrize(('count', 'block'), [(21, 7), (23, 7), (20, 20), (5, 1)])
def test_resamples_are_whole_blocks_that_go_on_at_the_beginning(count, block):
    drawn = list(block_resamples(count, block, 30, seed=3))
    assert len(drawn) == 30
    for indices in drawn:
        assert indices.shape == (count,)
        steps = np.diff(indices) % count
        inside = np.arange(1, count) % block > 0
        assert (steps[inside] == 1 % count).all()
    if count >= 2 * block:
        values = np.random.default_rng(1).normal(size=count)
        interval = block_bootstrap_interval(values, block, resamples=30, seed=3)
        means = [values[indices].mean() for indices in drawn]
        assert [interval.low, interval.high] == pytest.approx(np.quantile(means, [0.025, 0.975]))


def test_resamples_of_nothing_are_refused():
    for count, block, resamples in (0, 1, 5), (5, 6, 5), (5, 0, 5), (5, 1, 0):
        with pytest.raises(ValueError, match='in a block and at least 1 resample'):
            list(block_resamples(count, block, resamples))


@pytest.mark.parametrize('held', [2_000_000, 100, 1])
def test_counts_are_those_of_the_resamples_however_many_are_held(held, monkeypatch):
    monkeypatch.setattr('vpr_ros.evaluation.intervals._COUNTS_HELD', held)
    counts = np.concatenate(list(resampled_counts(23, 7, 30, seed=3)))
    assert counts.shape == (30, 23)
    for row, indices in zip(counts, block_resamples(23, 7, 30, seed=3), strict=True):
        assert row.tolist() == [list(indices).count(query) for query in range(23)]


def test_of_a_mean_it_is_the_interval_of_a_mean():
    values = np.random.default_rng(1).normal(size=60)
    assert bootstrap_interval(lambda chosen: values[chosen].mean(), 60, 5, 200, seed=4) == \
        about(block_bootstrap_interval(values, 5, 200, seed=4))


def about(interval):
    return Interval(pytest.approx(interval.low), pytest.approx(interval.high))


def test_an_area_varies_as_much_as_in_new_traverses():
    rng = np.random.default_rng(8)

    def drive():
        """Return scores of 200 queries with a place and 200 without; a quarter of pairs fail."""
        return np.concatenate([rng.normal(0.9538, size=200), rng.normal(size=200)])

    positive = np.arange(400) < 200
    covered = 0
    for seed in range(60):
        scores = drive()
        interval = bootstrap_interval(
            lambda chosen, s=scores: auroc(s[chosen], positive[chosen], resamples=1).value,
            400, block=1, resamples=100, seed=seed)
        covered += interval.contains(0.75)
    assert covered > 0.88 * 60


def test_the_number_is_never_outside():
    # Less than two thirds of the queries are in a resample, so its most is seldom the most of all.
    values = np.arange(100.0)
    interval = bootstrap_interval(lambda chosen: values[chosen].max(), 100, 1, 20, seed=1)
    assert interval.high == 99.0
    assert interval.low < 99.0
    assert percentile_interval([0.2, 0.3], 0.5) == Interval(pytest.approx(0.2, abs=0.01), 0.5)
    assert percentile_interval([0.6, 0.7], 0.5).low == 0.5


def test_resamples_without_a_number_do_not_count():
    assert percentile_interval([math.nan, 0.4, math.nan], 0.4) == Interval(0.4, 0.4)
    assert percentile_interval([math.nan], 0.4) == Interval(0.4, 0.4)
    assert percentile_interval([], 0.4) == Interval(0.4, 0.4)
    for value, confidence in (math.nan, 0.95), (math.inf, 0.95), (0.5, 1.0):
        with pytest.raises(ValueError, match='expected a finite number and a confidence'):
            percentile_interval([0.1], value, confidence)


@pytest.mark.parametrize(('hits', 'count'), [(0, 1), (1, 1), (3, 17), (50, 50), (0, 1000)])
def test_wilson_is_where_the_share_is_just_not_refuted(hits, count):
    interval = wilson_interval(hits, count)
    for end, extreme in (interval.low, hits == 0), (interval.high, hits == count):
        if extreme:
            assert end == hits / count
        else:
            z = (hits / count - end) / np.sqrt(end * (1 - end) / count)
            assert abs(z) == pytest.approx(1.959964)
    assert interval.contains(hits / count)


def test_wilson_of_ten_of_twenty_is_that_of_the_books():
    interval = wilson_interval(10, 20)
    assert [interval.low, interval.high] == pytest.approx([0.2993, 0.7007], abs=1e-4)
    assert wilson_interval(0, 0) == Interval(0.0, 1.0)
    assert wilson_interval(10, 20, 0.5).high < 0.6
    for wrong in (3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0):
        with pytest.raises(ValueError, match='expected hits from 0 to count'):
            wilson_interval(*wrong)
