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

"""Localizations and loop closures survive the way through vpr_msgs."""

import math

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.messages import results
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose

COVARIANCE = np.diag([0.5, 0.25, 0.125, 1.0, 2.0, 4.0]) + 0.0625
POSE = Pose([1.0, -2.0, 3.5], [0.1, 0.2, 0.3, 0.9], COVARIANCE)

_text = st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=12)
_stamp = st.integers(0, 2**31 * 10**9 - 1)
_single = st.floats(width=32, allow_infinity=False)
_id = st.integers(1, 2**63 - 1)
_pose = st.sampled_from([None, POSE, Pose.from_xy_yaw(4.0, 5.0, -1.0)])
_relative = st.one_of(st.none(), st.builds(
    RelativePose, st.just(POSE), rotation_valid=st.booleans(), translation_valid=st.booleans(),
    inliers=st.integers(1, 2**32 - 1)))
_candidate = st.builds(
    Candidate, place_id=_id, stamp_ns=_stamp, session=_text, camera=_text, similarity=_single,
    probability=_single, T_map_base=_pose)
_localization = st.builds(
    Localization, stamp_ns=_stamp, camera=_text, map_id=_text,
    map_revision=st.integers(0, 2**63 - 1), network=_text, decision=st.sampled_from(Decision),
    reason=_text, probability=_single, probability_source=_text,
    candidates=st.lists(_candidate, max_size=3).map(tuple), relative_pose=_relative,
    T_map_base=_pose, stage_times_ns=st.dictionaries(_text, st.integers(0, 2**64 - 1), max_size=3))
_closure = st.builds(
    LoopClosure, query_session=_text, query_place_id=st.integers(0, 2**63 - 1),
    query_stamp_ns=_stamp, match_session=_text, match_place_id=_id, match_stamp_ns=_stamp,
    map_id=_text, similarity=_single, probability=_single, probability_source=_text,
    relative_pose=_relative)

_place = st.builds(Place, _id, _stamp, _text, _pose)


def assert_same(a, b):
    """Compare records field by field; NaN equals NaN, an unknown covariance the default."""
    assert type(a) is type(b)
    if isinstance(a, Pose):
        assert np.array_equal(a.position, b.position)
        assert np.allclose(a.quaternion, b.quaternion, rtol=0, atol=1e-15)
        if a.covariance is not None and b.covariance is not None:
            assert np.array_equal(a.covariance, b.covariance)
    elif isinstance(a, float):
        assert a == b or (math.isnan(a) and math.isnan(b))
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    elif hasattr(a, '__dataclass_fields__'):
        for name in a.__dataclass_fields__:
            assert_same(getattr(a, name), getattr(b, name))
    else:
        assert a == b


@given(_localization)
@settings(max_examples=60, deadline=None)
def test_localization_round_trip(through_cdr, localization):
    message = results.place_match_message(RosbagsFactory(), localization, map_frame='map')
    back = results.localization_from_message(through_cdr(message))
    assert_same(back, localization)
    assert list(back.stage_times_ns) == list(localization.stage_times_ns)


@given(_closure)
@settings(max_examples=60, deadline=None)
def test_loop_closure_round_trip(through_cdr, closure):
    message = results.loop_closure_message(RosbagsFactory(), closure, frame_id='base_link')
    assert_same(results.loop_closure_from_message(through_cdr(message)), closure)


@given(_place, _text)
@settings(max_examples=60, deadline=None)
def test_new_place_round_trip(through_cdr, place, map_id):
    message = through_cdr(results.new_place_message(
        RosbagsFactory(), place, map_id=map_id, map_frame='town'))
    assert (message.map_id, message.header.frame_id) == (map_id, 'town')
    assert_same(results.new_place_from_message(message), place)


def localization(**changes):
    """Make a localization that knows its pose."""
    values = {
        'stamp_ns': 12_000_000_345, 'camera': 'front', 'map_id': 'm', 'map_revision': 7,
        'network': 'compact', 'decision': Decision.KNOWN, 'reason': 'it fits',
        'probability': 0.75, 'probability_source': 'map', 'T_map_base': POSE, **changes}
    return Localization(**values)


def test_place_match_fields(factory):
    message = results.place_match_message(factory, localization(), map_frame='town')
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (12, 345)
    assert message.header.frame_id == 'town'
    assert message.decision == message.KNOWN_PLACE
    assert message.pose_valid
    assert not (message.rotation_valid or message.translation_valid)
    unknown = results.place_match_message(
        factory, localization(decision=Decision.UNKNOWN, T_map_base=None), map_frame='town')
    assert unknown.decision == unknown.UNKNOWN_PLACE and not unknown.pose_valid


def test_no_covariance_is_zero_even_where_no_pose_is_valid(factory):
    message = results.place_match_message(factory, localization(T_map_base=None), map_frame='map')
    for part in (message.pose, message.relative_pose):
        assert (part.covariance.reshape(6, 6).diagonal() > 0).all()


def test_pose_message(factory, through_cdr):
    message = through_cdr(results.pose_message(factory, localization(), map_frame='map'))
    assert message.__msgtype__ == 'geometry_msgs/msg/PoseWithCovarianceStamped'
    assert message.header.frame_id == 'map' and message.header.stamp.nanosec == 345
    assert message.pose.pose.position.y == -2.0
    assert np.array_equal(message.pose.covariance.reshape(6, 6), COVARIANCE)


def test_pose_message_refuses_without_a_pose(factory):
    with pytest.raises(ValueError, match='no pose to publish'):
        results.pose_message(factory, localization(T_map_base=None), map_frame='map')


def test_unknown_decision_is_refused(factory):
    message = results.place_match_message(factory, localization(), map_frame='map')
    message.decision = 9
    with pytest.raises(ValueError, match='got 9'):
        results.localization_from_message(message)
