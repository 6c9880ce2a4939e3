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

"""Every host says the same about a frame, under the same names."""

from dataclasses import replace

import numpy as np
import pytest
from vpr_ros.answers import answer_messages
from vpr_ros.answers import ANSWER_TYPES
from vpr_ros.maps.datum import Datum
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure
from vpr_ros.types import Pose

POSE = Pose(np.array([1.0, 2.0, 3.0]))
KNOWN = Localization(
    stamp_ns=5_000_000_007, camera='front', map_id='m', map_revision=1, network='compact',
    decision=Decision.KNOWN, reason='it is', probability=0.9, probability_source='default',
    candidates=(Candidate(7, 1_000, 'first', 'front', 0.8, 0.9, POSE),), T_map_base=POSE)
UNKNOWN = replace(KNOWN, decision=Decision.UNKNOWN, T_map_base=None)
EARTH = Datum(50.0, 8.0, 100.0)
FRAMES = {'place_match': 'world', 'loop_closure': 'base', 'pose': 'world', 'fix': 'base'}


def said_of(answer, **options):
    return dict(answer_messages(
        RosbagsFactory(), answer, session='now',
        settings=LocalizeSettings(map_frame='world', base_frame='base'), **options))


@pytest.mark.parametrize('answer, datum, topics', [
    (KNOWN, None, ['place_match', 'loop_closure', 'pose']),
    (KNOWN, EARTH, ['place_match', 'loop_closure', 'pose', 'fix']),
    (replace(KNOWN, T_map_base=None), EARTH, ['place_match', 'loop_closure']),
    (UNKNOWN, EARTH, ['place_match']),
    (replace(UNKNOWN, T_map_base=POSE), EARTH, ['place_match']),
])
def test_what_is_said_and_as_what(answer, datum, topics):
    said = said_of(answer, datum=datum)
    assert list(said) == topics
    for topic, message in said.items():
        assert message.__msgtype__ == ANSWER_TYPES[topic]
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (5, 7)
        assert message.header.frame_id == FRAMES[topic]
    if 'loop_closure' in said:
        assert said['loop_closure'].query_session == 'now'
        assert said['loop_closure'].match_place_id == 7


def test_a_loop_is_what_the_detector_says():
    loop = LoopClosure('drive', 12, 5_000_000_007, 'drive', 3, 1_000, 'm', 0.5, 0.75, 'default')
    message = said_of(KNOWN, closure=loop)['loop_closure']
    assert (message.query_place_id, message.match_place_id) == (12, 3)
    assert list(said_of(KNOWN, closure=None)) == ['place_match', 'pose']
    assert list(said_of(UNKNOWN, closure=loop)) == ['place_match', 'loop_closure']


def test_a_fix_says_where_on_earth_and_how_sure():
    covariance = np.diag([1.0, 4.0, 9.0, 1.0, 1.0, 1.0])
    covariance[0, 1] = covariance[1, 0] = 0.5
    pose = Pose([0.0, 111_229.0 / 100, -20.0], covariance=covariance)
    fix = said_of(replace(KNOWN, T_map_base=pose), datum=EARTH)['fix']
    assert (fix.latitude, fix.longitude) == pytest.approx((50.01, 8.0), abs=2e-6)
    assert fix.altitude == pytest.approx(80.1, abs=0.02)
    assert fix.status.status == fix.status.STATUS_FIX
    assert fix.position_covariance_type == fix.COVARIANCE_TYPE_KNOWN
    assert fix.position_covariance.tolist() == [1.0, 0.5, 0.0, 0.5, 4.0, 0.0, 0.0, 0.0, 9.0]
    unsure = said_of(KNOWN, datum=EARTH)['fix']
    assert unsure.position_covariance_type == unsure.COVARIANCE_TYPE_UNKNOWN
