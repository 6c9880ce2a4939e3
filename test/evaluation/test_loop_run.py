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

"""A search for loop closures as a record."""

import numpy as np
import pytest
from vpr_ros.evaluation.loop_run import choose_loop_examples
from vpr_ros.evaluation.loop_run import LoopExample
from vpr_ros.evaluation.outcomes import Outcome


def test_numbers_are_counted(make_loops):
    report = make_loops()
    assert report.ends.tolist() == [[4, 0], [5, 1], [6, 0]]
    assert report.outcomes == (
        *[Outcome.REJECTED] * 4, Outcome.RIGHT, Outcome.RIGHT, Outcome.WRONG, Outcome.MISSED)
    assert report.right_closures == 2
    assert report.found == (2, 4)
    assert (report.counts.right, report.counts.wrong, report.counts.missed) == (2, 1, 1)


def test_two_closures_of_one_keyframe_find_it_once_and_one_mistake_makes_it_wrong(
        make_loops, closure):
    both = make_loops(closures=(closure(4, 0), closure(4, 1)), correct=np.array([True, True]),
                      pictures=False)
    assert both.found == (1, 4)
    assert both.right_closures == 2
    assert both.outcomes[4] is Outcome.RIGHT
    for correct in ([True, False], [False, True]):
        mixed = make_loops(closures=(closure(4, 0), closure(4, 1)), correct=np.array(correct),
                           pictures=False)
        assert mixed.outcomes[4] is Outcome.WRONG
        assert mixed.found == (1, 4)


def test_without_truth_nothing_is_right_or_wrong(make_loops):
    report = make_loops(correct=None, revisits=None)
    assert report.outcomes == (
        *[Outcome.UNKNOWN] * 4, *[Outcome.KNOWN] * 3, Outcome.UNKNOWN)
    assert report.right_closures is None
    assert report.found is None
    assert not report.path.wrong.any()


def test_the_path_is_what_the_charts_need(make_loops):
    path = make_loops().path
    assert path.seconds.tolist() == [60.0 * k for k in range(8)]
    assert path.wrong.tolist() == [False, False, True]
    assert make_loops(positions=None).path is None
    assert make_loops(positions=np.full((8, 2), np.nan)).path is None


def test_nothing_found_is_a_report_too(make_loops):
    report = make_loops(closures=(), correct=[], pictures=False)
    assert report.ends.shape == (0, 2)
    assert report.found == (0, 4)


def test_what_is_given_is_copied_and_kept(make_loops):
    positions = np.zeros((8, 2))
    report = make_loops(positions=positions)
    positions[:] = 7
    assert not report.positions.any()
    with pytest.raises(ValueError, match='read-only'):
        report.positions[0] = 1


@pytest.mark.parametrize(('changes', 'words'), [
    ({'positions': np.zeros((8, 3))}, r'positions must have shape \(8, 2\), got \(8, 3\)'),
    ({'stamps_ns': np.zeros(7)}, r'stamps_ns must have shape \(8,\)'),
    ({'stamps_ns': -np.arange(8)}, 'driving order, but their stamps fall'),
    ({'correct': np.ones(3)}, 'correct must be bool'),
    ({'correct': np.ones(2, bool)}, r'correct must have shape \(3,\)'),
    ({'revisits': None}, 'give both or none'),
    ({'revisits': np.zeros(8, bool)}, 'closure 0 is right, but its keyframe revisits nothing'),
    ({'place_ids': np.full(8, 100)}, 'its own place id'),
    ({'place_ids': np.arange(8)}, 'an end at place 104, which is none of the 8 keyframes'),
    ({'examples': (LoopExample(3, b'', b''),)}, 'none of the 3 closures'),
])
def test_records_that_contradict_themselves_are_refused(make_loops, changes, words):
    with pytest.raises(ValueError, match=words):
        make_loops(**changes)


def test_examples_are_the_sure_mistakes_and_then_all_along(closure):
    closures = tuple(closure(k, 0, 0.5 + k / 100) for k in range(40))
    correct = np.ones(40, bool)
    correct[[5, 30, 31]] = False
    # 30 is surer than 5, but looks like its neighbour 31.
    assert choose_loop_examples(closures, correct, 6) == [31, 5, 30, 0, 19, 39]
    assert choose_loop_examples(closures, None, 3) == [0, 20, 39]
    assert choose_loop_examples(closures, ~correct, 4)[2:] == [5, 31]
    assert choose_loop_examples((), None, 3) == choose_loop_examples(closures, None, 0) == []
    assert choose_loop_examples(closures[:2], None, 9) == [0, 1]
