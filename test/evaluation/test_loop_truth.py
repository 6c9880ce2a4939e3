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

"""What is a loop, on a path whose loops are known."""

import numpy as np
import pytest
from vpr_ros.evaluation.loop_truth import LoopTruth


def there_and_round():
    """Ten keyframes along a street, the other way back, and along it once more 3 m beside."""
    x = np.r_[np.arange(10), np.arange(9, -1, -1), np.arange(10)] * 10.0
    y = np.r_[np.zeros(10), np.full(10, 4.0), np.full(10, 3.0)]
    headings = np.r_[np.zeros(10), np.full(10, np.pi), np.full(10, 2.0 * np.pi - 0.1)]
    return np.column_stack([x, y]), headings


def test_the_same_way_is_a_loop_and_the_other_way_is_none():
    positions, headings = there_and_round()
    truth = LoopTruth(positions, headings, np.maximum(np.arange(30) - 5, 0))
    assert not truth.revisits[:20].any()
    assert truth.revisits[20:].all()
    assert truth.right(np.full(3, 20), np.arange(3)).tolist() == [True, False, False]
    assert not truth.right(np.array([20]), np.array([19]))[0]


def test_what_could_not_be_compared_is_no_miss():
    positions, headings = there_and_round()
    truth = LoopTruth(positions, headings, np.minimum(np.arange(30), 4))
    # Of the first four places, and the one 10 m on is out of reach by the 3 m beside.
    assert np.flatnonzero(truth.revisits).tolist() == [1, 2, 3, 4, 20, 21, 22, 23]


def test_it_says_what_it_means_and_what_it_wants():
    positions, headings = there_and_round()
    truth = LoopTruth(positions, headings, np.zeros(30, np.int64))
    assert truth.meaning == 'within 10 m, and facing the same way within 45 degrees'
    assert not truth.revisits.any()
    with pytest.raises(ValueError, match=r'30 keyframes have positions \(30, 2\)'):
        LoopTruth(positions[:5], headings, np.zeros(30, np.int64))
