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

"""Stamps survive exactly."""

from hypothesis import given
from hypothesis import strategies as st
import pytest
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.messages.stamps import stamp_from_ns


@given(st.integers(-2**31 * 10**9, 2**31 * 10**9 - 1))
def test_round_trip_is_exact(through_cdr, stamp_ns):
    assert ns_from_stamp(through_cdr(stamp_from_ns(RosbagsFactory(), stamp_ns))) == stamp_ns


def test_fields(factory):
    stamp = stamp_from_ns(factory, 1_700_000_000_123_456_789)
    assert (stamp.sec, stamp.nanosec) == (1_700_000_000, 123_456_789)


@pytest.mark.parametrize('stamp_ns', [2**31 * 10**9, -2**31 * 10**9 - 1, 2**63])
def test_beyond_32_bit_seconds(factory, stamp_ns):
    with pytest.raises(ValueError, match='32 bit seconds'):
        stamp_from_ns(factory, stamp_ns)
