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
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import Pose

POSE = Pose(np.array([1.0, 2.0, 3.0]))
KNOWN = Localization(
    stamp_ns=5_000_000_007, camera='front', map_id='m', map_revision=1, network='compact',
    decision=Decision.KNOWN, reason='it is', probability=0.9, probability_source='default',
    candidates=(Candidate(7, 1_000, 'first', 'front', 0.8, 0.9, POSE),), T_map_base=POSE)
UNKNOWN = replace(KNOWN, decision=Decision.UNKNOWN, T_map_base=None)


@pytest.mark.parametrize('answer, topics', [
    (KNOWN, ['place_match', 'loop_closure', 'pose']),
    (replace(KNOWN, T_map_base=None), ['place_match', 'loop_closure']),
    (UNKNOWN, ['place_match']),
])
def test_what_is_said_and_as_what(answer, topics):
    settings = LocalizeSettings(map_frame='world', base_frame='base')
    said = dict(answer_messages(RosbagsFactory(), answer, session='now', settings=settings))
    assert list(said) == topics
    for topic, message in said.items():
        assert message.__msgtype__ == ANSWER_TYPES[topic]
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (5, 7)
        assert message.header.frame_id == ('base' if topic == 'loop_closure' else 'world')
    if 'loop_closure' in said:
        assert said['loop_closure'].query_session == 'now'
        assert said['loop_closure'].match_place_id == 7
