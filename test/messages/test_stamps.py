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
from vpr_ros.messages.geometry import header
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.rosbags_factory import typestore
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.messages.stamps import stamp_from_ns
from vpr_ros.messages.stamps import stamp_of_serialized

_all_stamps = st.integers(-2**31 * 10**9, 2**31 * 10**9 - 1)


@given(_all_stamps)
def test_round_trip_is_exact(through_cdr, stamp_ns):
    assert ns_from_stamp(through_cdr(stamp_from_ns(RosbagsFactory(), stamp_ns))) == stamp_ns


def test_fields(factory):
    stamp = stamp_from_ns(factory, 1_700_000_000_123_456_789)
    assert (stamp.sec, stamp.nanosec) == (1_700_000_000, 123_456_789)


@pytest.mark.parametrize('stamp_ns', [2**31 * 10**9, -2**31 * 10**9 - 1, 2**63])
def test_beyond_32_bit_seconds(factory, stamp_ns):
    with pytest.raises(ValueError, match='32 bit seconds'):
        stamp_from_ns(factory, stamp_ns)


@given(_all_stamps, st.booleans(), st.text(st.characters(codec='ascii', exclude_characters='\0')))
def test_a_header_is_read_off_its_bytes_in_both_orders(stamp_ns, little_endian, frame):
    kind = 'std_msgs/msg/Header'
    data = bytes(typestore().serialize_cdr(
        header(RosbagsFactory(), stamp_ns, frame), kind, little_endian=little_endian))
    assert stamp_of_serialized(data) == stamp_ns
    assert ns_from_stamp(typestore().deserialize_cdr(data, kind).stamp) == stamp_ns


def test_the_bytes_of_a_stamp_are_those_of_dds():
    little = bytes.fromhex('00010000 0100ff7f 0200003b 01000000 00')
    big = bytes.fromhex('00000000 7fff0001 3b000002 00000001 00')
    wanted = 0x7FFF0001 * 10**9 + 0x3B000002
    assert (stamp_of_serialized(little), stamp_of_serialized(big)) == (wanted, wanted)


@pytest.mark.parametrize('data', [b'', b'\0\1\0\0', b'\0\1\0\0' + bytes(7)])
def test_too_few_bytes_for_a_header_are_refused(data):
    with pytest.raises(ValueError, match=f'at least 12 bytes, got {len(data)}'):
        stamp_of_serialized(data)
