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

"""Loop closures of answers."""

import dataclasses

from vpr_ros.matching.loop_closures import loop_closure_of

SECOND = 10 ** 9


def test_a_known_place_closes_a_loop_at_both_ends(world):
    here = world(lengths=(50, 50))
    answer = here.localizer().match(here.look(70, 123 * SECOND))
    assert answer.known
    closure = loop_closure_of(answer, session='today')
    assert (closure.query_session, closure.query_stamp_ns) == ('today', 123 * SECOND)
    assert closure.query_place_id == 0  # no place of the map
    assert (closure.match_session, closure.match_stamp_ns) == ('s1', 20 * SECOND)
    assert closure.match_place_id == here.snapshot.place_ids[70]
    assert closure.map_id == 'world'
    best = answer.candidates[0]
    assert (closure.similarity, closure.probability) == (best.similarity, best.probability)
    assert closure.probability_source == 'default'
    assert closure.relative_pose is None


def test_an_unknown_place_closes_none(world):
    here = world()
    answer = here.localizer().match(here.look_elsewhere(0))
    assert not answer.known
    assert answer.candidates
    assert loop_closure_of(answer, session='today') is None


def test_a_relative_pose_goes_along(world):
    from vpr_ros.types import Pose
    from vpr_ros.types import RelativePose

    here = world()
    pose = RelativePose(Pose.from_xy_yaw(1, 2, 0.5), rotation_valid=True, translation_valid=False)
    answer = dataclasses.replace(here.localizer().match(here.look(3, 0)), relative_pose=pose)
    assert loop_closure_of(answer, session='today').relative_pose is pose
