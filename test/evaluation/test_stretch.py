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

"""For how long nothing was recognised, by naive loops."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.evaluation.stretch import longest_stretch
from vpr_ros.evaluation.stretch import Stretch


def naive(localized, path):
    """Return (first, queries, metres) of all stretches."""
    found = []
    first = 0
    while first < len(localized):
        last = first
        while last < len(localized) and not localized[last]:
            last += 1
        if last > first:
            begin, end = max(first - 1, 0), min(last, len(localized) - 1)
            metres = sum(abs(path[i + 1] - path[i]) for i in range(begin, end))
            found.append((first, last - first, metres))
        first = last + 1
    return found


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=40))
def test_the_longest_stretch(data):
    localized = [flag for flag, _ in data]
    path = np.array([x for _, x in data], float)
    stretches = naive(localized, path)
    found = longest_stretch(np.array(localized, bool))
    assert found.metres is None
    first, queries, _ = max(stretches, key=lambda s: s[1], default=(0, 0, 0))
    assert (found.first, found.queries) == (first, queries)
    positions = np.stack([path, np.zeros(len(path))], axis=1)
    found = longest_stretch(np.array(localized, bool), positions)
    first, queries, metres = max(stretches, key=lambda s: s[2], default=(0, 0, 0.0))
    assert (found.first, found.queries) == (first, queries)
    assert found.metres == pytest.approx(metres)


def test_stretches_by_hand():
    flags = np.array([0, 1, 0, 0, 1, 0], bool)
    assert longest_stretch(flags) == Stretch(first=2, queries=2)
    # From the last right answer to the next, here at 1 and 7 metres; the end is 30 metres on.
    positions = [[0, 0], [1, 0], [3, 0], [5, 0], [7, 0], [7, 30]]
    assert longest_stretch(flags[:5], positions[:5]) == Stretch(2, 2, 6.0)
    assert longest_stretch(flags, positions) == Stretch(5, 1, 30.0)
    assert longest_stretch(flags, [[x, y, 0] for x, y in positions]).metres == 30.0


def test_never_lost_always_lost_and_no_queries_at_all():
    line = np.stack([np.arange(4.0), np.zeros(4)], axis=1)
    assert longest_stretch(np.ones(4, bool), line) == Stretch(0, 0, 0.0)
    assert longest_stretch(np.zeros(4, bool), line) == Stretch(0, 4, 3.0)
    assert longest_stretch(np.zeros(1, bool), line[:1]) == Stretch(0, 1, 0.0)
    assert longest_stretch([]) == Stretch(0, 0)
    assert longest_stretch([], np.zeros((0, 2))) == Stretch(0, 0, 0.0)


@pytest.mark.parametrize('positions', [
    [[0, 0]], [[0], [1]], [[0, 0], [np.nan, 0]], [0, 1]])
def test_positions_that_do_not_fit_are_refused(positions):
    with pytest.raises(ValueError, match='positions must be finite metres of shape'):
        longest_stretch(np.zeros(2, bool), positions)


@pytest.mark.parametrize('localized', [[0, 1], [0.5], [[True]]])
def test_what_are_no_flags_is_refused(localized):
    with pytest.raises(ValueError, match='localized must be bool of shape'):
        longest_stretch(localized)
