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

"""Shares of several sources: what is said must fit what there is."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.objectives.shares import read_shares

_PARTS = np.array([0, 0, 1, 2, 2])


def test_a_number_for_each_source():
    shares = read_shares('12+10+4', data='a, b?windows=3,town', parts=_PARTS, places=26)
    assert shares == (12, 10, 4)
    assert read_shares(' 1 + 2 ', data='a,b', parts=_PARTS, places=3) == (1, 2)
    assert read_shares('', data='a,b', parts=_PARTS, places=3) == ()


@pytest.mark.parametrize(('text', 'data', 'message'), [
    ('12+x', 'a,b', r'shares=12\+x is no list of shares: expected whole numbers'),
    ('12+', 'a,b', 'no list of shares'), ('16+0', 'a,b', 'from 1 on'),
    ('16.0+0', 'a,b', 'no list'), ('18+-2', 'a,b', 'no list'), ('12,4', 'a,b', 'joined by'),
    ('12+4', 'a,b,c', 'each of the 3 sources of data, in their order, got 2'),
    ('12+2+2', 'a,b', 'each of the 2 sources of data, in their order, got 3'),
    ('12+5', 'a,b', 'come to the 16 places of a step, got 17'),
    ('12+3+1', 'a,packed,town', None),
    ('4+4+4+4', 'a,b,c, town?seed=2', r'takes 4 places .* from town\?seed=2, but nothing of it')])
def test_shares_that_do_not_fit(text, data, message):
    if message is None:
        assert sum(read_shares(text, data=data, parts=_PARTS, places=16)) == 16
        return
    with pytest.raises(VprError, match=message):
        read_shares(text, data=data, parts=_PARTS, places=16)


def test_a_source_in_the_middle_that_is_held_out():
    with pytest.raises(VprError, match=r'from b, .*hold out less .*places\.held_out_regions'):
        read_shares('8+4+4', data='a,b,c', parts=_PARTS[_PARTS != 1], places=16)
