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


"""Calls are repeated in step with when they began."""

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from vpr_ros.dds.repeated import Repeated


@settings(deadline=None)
@given(st.integers(1, 10**10), st.integers(0, 10**18),
       st.lists(st.integers(0, 10**11), min_size=1, max_size=20))
def test_a_call_is_due_once_for_each_look_after_its_time(period_ns, begun_ns, steps_ns):
    repeated = Repeated(period_ns, print, print, now_ns=begun_ns)
    now_ns = begun_ns
    counted = 0
    for step_ns in steps_ns:
        now_ns += step_ns
        due = repeated.is_due(now_ns)
        assert due == ((now_ns - begun_ns) // period_ns > counted)
        counted = (now_ns - begun_ns) // period_ns
        assert now_ns < repeated.due_ns <= now_ns + period_ns
        assert (repeated.due_ns - begun_ns) % period_ns == 0
        assert not repeated.is_due(now_ns)


def test_what_begins_anew_is_due_one_period_later():
    repeated = Repeated(100, print, print, now_ns=10_000)
    repeated.begin_anew(500)
    assert not repeated.is_due(599)
    assert repeated.is_due(600)


def test_what_is_closed_is_never_due_and_tells_so_once():
    told = []
    repeated = Repeated(100, print, told.append, now_ns=0)
    repeated.close()
    repeated.close()
    assert told == [repeated]
    assert not repeated.is_due(10_000)
