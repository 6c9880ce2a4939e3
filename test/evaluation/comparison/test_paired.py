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


"""Differences of systems on the same queries, against loops written from the definition."""

import numpy as np
import pytest
from vpr_ros.evaluation.comparison.paired import Difference
from vpr_ros.evaluation.comparison.paired import PairedRecalls
from vpr_ros.evaluation.intervals import block_bootstrap_interval
from vpr_ros.evaluation.intervals import block_resamples
from vpr_ros.evaluation.intervals import usual_block


@pytest.fixture
def answers():
    rng = np.random.default_rng(3)
    hard = np.repeat(rng.random(40), 5)
    return {name: rng.random(200) * 0.4 + hard * 0.6 < level
            for name, level in (('a', 0.56), ('b', 0.5), ('c', 0.49))}


def test_a_difference_is_that_of_a_loop_over_the_same_draws(answers):
    possible = np.random.default_rng(4).random(200) < 0.8
    paired = PairedRecalls(answers, possible, block=7, resamples=150, seed=5)
    drawn = []
    for chosen in block_resamples(200, 7, 150, 5):
        counting = [q for q in chosen if possible[q]]
        drawn.append(sum(int(answers['a'][q]) - int(answers['b'][q])
                         for q in counting) / len(counting))
    found = paired.difference('a', 'b')
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]))
    assert found.value == pytest.approx(
        answers['a'][possible].mean() - answers['b'][possible].mean())
    back = paired.difference('b', 'a')
    assert (back.value, back.low, back.high) == pytest.approx(
        (-found.value, -found.high, -found.low))


def test_where_all_queries_count_it_is_the_interval_of_the_differences(answers):
    found = PairedRecalls(answers, np.ones(200, bool)).difference('a', 'c')
    expected = block_bootstrap_interval(
        answers['a'].astype(float) - answers['c'], usual_block(200), 1000, 0)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.shown


def test_it_is_narrower_than_intervals_side_by_side(answers):
    found = PairedRecalls(answers, np.ones(200, bool)).difference('a', 'b')
    single = [block_bootstrap_interval(answers[name], usual_block(200)) for name in 'ab']
    assert single[0].low < single[1].high
    assert found.shown
    assert found.high - found.low < sum(each.high - each.low for each in single) / 2


def test_what_is_close_or_alike_was_not_shown_to_differ(answers):
    paired = PairedRecalls({**answers, 'same': answers['a']}, np.ones(200, bool))
    assert not paired.difference('b', 'c').shown
    assert paired.difference('a', 'same') == Difference(0.0, 0.0, 0.0)
    assert not paired.difference('a', 'same').shown
    assert 'same' in paired
    assert 'other' not in paired
    assert Difference(-0.2, -0.3, -0.1).shown
    assert not Difference(0.2, 0.0, 0.3).shown


def test_resamples_without_a_query_that_counts_are_left_out():
    possible = np.arange(12) == 3
    found = PairedRecalls({'a': possible, 'b': ~possible}, possible, block=2).difference('a', 'b')
    assert found == Difference(1.0, 1.0, 1.0)


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(ValueError, match='has a place'):
        PairedRecalls({'a': [True, True]}, [False, False])
    with pytest.raises(ValueError, match='two or more queries'):
        PairedRecalls({'a': [True]}, [True])
    with pytest.raises(ValueError, match=r'a has \(3,\) answers to 2 queries'):
        PairedRecalls({'a': [True] * 3}, [True, True])


def test_blocks_are_at_most_half_of_the_queries():
    right = {'a': [1, 1, 0, 1, 0, 1, 1, 0], 'b': [0, 1, 0, 0, 1, 0, 1, 0]}
    found = [PairedRecalls(right, [True] * 8, block=block).difference('a', 'b')
             for block in (3, 4, 9)]
    assert found[1] == found[2] != found[0]
