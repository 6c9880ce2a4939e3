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

"""Answers that are apart, and how far the best of them is believed."""

import numpy as np
import pytest
from vpr_ros.matching.uniqueness import best_apart
from vpr_ros.matching.uniqueness import unique


def test_answers_are_apart_within_a_traverse():
    costs = np.full(40, 9.0)
    costs[[10, 15, 16, 19, 20, 21]] = [0.0, 1.0, 3.0, 5.0, 4.0, 2.0]
    costs[30:] = np.inf
    session_of = np.repeat([0, 1], [20, 20])
    # 15 is within five places of 10; 20 and 19 are neighbours, but of two traverses.
    assert best_apart(costs, session_of, 3).tolist() == [10, 21, 16]
    assert best_apart(costs, session_of, 100).tolist() == [10, 21, 16, 0, 27]
    assert best_apart(np.full(5, np.inf), np.zeros(5, int), 3).tolist() == []
    assert costs[10] == 0.0


@pytest.mark.parametrize('first, believed', [(0.7, True), (0.79, True), (0.81, False), (1, False)])
def test_the_best_is_believed_when_it_is_unique(first, believed):
    belief = unique(np.array([5, 60, 90]), np.array([first, 1.0, 1.1]), 0.8)
    assert belief.rows.tolist() == [5, 60, 90]
    assert (np.diff(belief.probabilities) <= 0.0).all()
    assert belief.probabilities.sum() + belief.nowhere == pytest.approx(1.0)
    assert (belief.probabilities[0] > belief.nowhere) == believed


def test_no_answer_is_nowhere():
    belief = unique(np.zeros(0, np.int64), np.zeros(0), 0.8)
    assert (len(belief.rows), len(belief.probabilities), belief.nowhere) == (0, 0, 1.0)
