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

"""Times of stages as numbers."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.stage_times import latency_numbers
from vpr_ros.evaluation.comparison.stage_times import mean_number


def naive_percentile(times, percent):
    """Return it linear between the two nearest of the sorted times."""
    ordered = sorted(times)
    at = (len(ordered) - 1) * percent / 100
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


@given(st.lists(st.floats(0.0, 1e4), min_size=1, max_size=60))
def test_percentiles_and_the_longest(times):
    numbers = latency_numbers({'match': times})
    assert list(numbers) == ['match_ms@50', 'match_ms@95', 'match_ms@99', 'match_ms@max']
    for percent in (50, 95, 99):
        found = numbers[f'match_ms@{percent}']
        assert found == Number(pytest.approx(naive_percentile(times, percent)), len(times))
    assert numbers['match_ms@max'].value == max(times)


def test_each_stage_has_its_own_images_and_every_name_is_that_of_a_measure():
    numbers = latency_numbers({'describe': np.array([3.0, 4.0]), 'motion': [], 'match': [1.0]})
    assert {name.split('_ms')[0]: number.count for name, number in numbers.items()} == {
        'describe': 2, 'match': 1}
    assert all(measure_named(name).kind == 'ms' for name in numbers)
    assert latency_numbers({}) == {}


@pytest.mark.parametrize('times', [[[1.0]], [1.0, np.nan], [np.inf]])
def test_what_are_no_times_is_refused(times):
    with pytest.raises(ValueError, match="times of 'match' must be finite"):
        latency_numbers({'match': times})


def test_a_stage_of_batches_has_a_mean_alone() -> None:
    numbers = mean_number('describe', [2.0, 2.0, 5.0])
    assert numbers == {'describe_ms@mean': Number(3.0, 3)}
    assert measure_named('describe_ms@mean').kind == 'ms'
    assert mean_number('describe', []) == {}
    with pytest.raises(ValueError, match="times of 'describe'"):
        mean_number('describe', [[1.0]])
