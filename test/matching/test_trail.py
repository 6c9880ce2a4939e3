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

"""What the last frames said, along lines."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.trail import Trail


def test_lines_end_where_a_traverse_begins():
    trail = Trail(np.array([0, 0, 0, 1, 1]), frames=2, reach=2, outside=-1.0)
    for n in range(3):
        trail.add(n, np.arange(5, dtype=np.float32) + 10 * n)
    assert len(trail) == 2
    assert trail.of_places(trail.ago(0, 0)).tolist() == [20, 21, 22, 23, 24]
    assert trail.of_places(trail.ago(1, 0)).tolist() == [10, 11, 12, 13, 14]
    assert trail.of_places(trail.ago(1, 1)).tolist() == [-1, 10, 11, -1, 13]
    assert trail.of_places(trail.ago(1, 2)).tolist() == [-1, -1, 10, -1, -1]


def test_the_state_of_another_map_changes_nothing():
    here, other = (Trail(np.zeros(n, np.int64), 3, 2, 0.0) for n in (5, 6))
    here.add(7, np.ones(5, np.float32))
    other.add(8, np.ones(6, np.float32))
    with pytest.raises(VprError, match=r'of 5 places, got an array of shape \(1, 6\)'):
        here.restore(other.state())
    assert here.state()['said'].tolist() == [[1.0] * 5]
    assert not here.is_news(7)
    assert here.is_news(8)


@pytest.mark.parametrize('changes', [
    {'said': None}, {'stamp_ns': None}, {'said': np.full((1, 5), np.nan, np.float32)},
    {'said': np.array([['much'] * 5])}, {'stamp_ns': np.array([0.5])},
    {'stamp_ns': np.array([[7]])}], ids=str)
def test_a_damaged_state_changes_nothing(changes):
    here = Trail(np.zeros(5, np.int64), 3, 2, 0.0)
    here.add(7, np.ones(5, np.float32))
    wrong = {name: value for name, value in (here.state() | changes).items() if value is not None}
    with pytest.raises(VprError, match='damaged'):
        here.restore(wrong)
    assert here.state()['said'].tolist() == [[1.0] * 5]
    assert not here.is_news(7)
