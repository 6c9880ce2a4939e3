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

"""An answer as RViz shows it."""

from dataclasses import replace
import math

import pytest
from vpr_ros.messages.markers import markers_message
from vpr_ros.messages.rosbags_factory import typestore
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import Pose

ROBOT = Pose([10.0, 20.0, 1.0], [0.0, 0.0, 0.6, 0.8])
PLACES = (Pose.from_xy_yaw(9.0, 21.0, 1.0), None, Pose([-5.0, 6.0, 7.0]))
CANDIDATES = tuple(
    Candidate(number + 5, 1_000, f'day {number}', 'front', 0.8, probability, place)
    for number, (probability, place) in enumerate(zip((0.9, 0.06, 0.0), PLACES, strict=True)))
KNOWN = Localization(
    stamp_ns=5_000_000_007, camera='front', map_id='m', map_revision=1, network='compact',
    decision=Decision.KNOWN, reason='it is', probability=0.93, probability_source='default',
    candidates=CANDIDATES, T_map_base=ROBOT)
UNKNOWN = replace(KNOWN, decision=Decision.UNKNOWN, T_map_base=None, probability=0.31)
POSELESS = replace(KNOWN, T_map_base=None,
                   candidates=tuple(replace(c, T_map_base=None) for c in CANDIDATES))
MARKER = typestore().types['visualization_msgs/msg/Marker']


@pytest.fixture
def shown(factory, through_cdr):
    """Return a function that gives the markers of an answer but the first, by what they are."""
    def show(answer, **options):
        message = through_cdr(markers_message(factory, answer, map_frame='town', **options))
        first, *others = message.markers
        assert (first.action, first.ns) == (MARKER.DELETEALL, '')
        assert {marker.action for marker in others} <= {MARKER.ADD}
        found = {(marker.ns, marker.id): marker for marker in others}
        assert len(found) == len(others)
        return found
    return show


def at(message):
    return [message.x, message.y, message.z]


def test_a_known_robot_is_an_arrow_tied_to_its_match(shown):
    found = shown(KNOWN)
    assert set(found) == {('candidates', 0), ('candidates', 1), ('robot', 0), ('match', 0),
                          ('decision', 0)}
    robot, match = found['robot', 0], found['match', 0]
    assert robot.type == MARKER.ARROW
    assert at(robot.pose.position) == [10.0, 20.0, 1.0]
    turn = robot.pose.orientation
    assert (turn.x, turn.y, turn.z, turn.w) == pytest.approx((0.0, 0.0, 0.6, 0.8))
    assert robot.scale.x > 2 * robot.scale.y
    assert match.type == MARKER.LINE_STRIP
    assert [at(point) for point in match.points] == [[10.0, 20.0, 1.0], [9.0, 21.0, 0.0]]
    # Points lie where they say: the marker itself neither moves nor turns them.
    assert at(match.pose.position) == [0.0, 0.0, 0.0] and match.pose.orientation.w == 1.0


def test_places_are_green_and_large_where_they_are_likely(shown):
    found = shown(KNOWN)
    likely, unlikely = found['candidates', 0], found['candidates', 1]
    assert likely.type == unlikely.type == MARKER.SPHERE
    assert at(likely.pose.position) == [9.0, 21.0, 0.0]
    assert at(unlikely.pose.position) == [-5.0, 6.0, 7.0]  # the second has no pose
    assert likely.color.g > 0.9 > 0.3 > likely.color.r
    assert unlikely.color.r > 0.9 > 0.1 > unlikely.color.g
    assert 1.0 >= likely.color.a > unlikely.color.a > 0.3
    assert 1.0 >= likely.scale.x > unlikely.scale.x >= 0.5
    for sphere in likely, unlikely:
        assert sphere.scale.x == sphere.scale.y == sphere.scale.z


def test_a_text_above_the_robot_says_what_was_decided(shown):
    text = shown(KNOWN)['decision', 0]
    assert text.type == MARKER.TEXT_VIEW_FACING
    assert text.text == 'known, 93%\nday 0'
    assert at(text.pose.position) == [10.0, 20.0, 3.0]
    assert 0.5 <= text.scale.z <= 1.0
    assert text.color.a == 1.0 and min(text.color.r, text.color.g, text.color.b) > 0.9


def test_an_unknown_place_is_a_grey_text_at_the_best_guess(shown):
    found = shown(UNKNOWN)
    assert set(found) == {('candidates', 0), ('candidates', 1), ('decision', 0)}
    text = found['decision', 0]
    assert text.text == 'unknown place, 31%'
    assert at(text.pose.position) == [9.0, 21.0, 2.0]
    assert text.color.r == text.color.g == text.color.b
    assert text.color.r == pytest.approx(0.6) and text.color.a == 1.0
    # A pose that an unknown place should not have is not shown either.
    assert set(shown(replace(UNKNOWN, T_map_base=ROBOT))) == set(found)
    without_the_best = replace(UNKNOWN, candidates=CANDIDATES[1:])
    assert at(shown(without_the_best)['decision', 0].pose.position) == [-5.0, 6.0, 9.0]


@pytest.mark.parametrize('answer', [
    POSELESS, replace(UNKNOWN, candidates=()), replace(POSELESS, decision=Decision.UNKNOWN)])
def test_without_poses_nothing_is_shown_and_what_was_is_gone(shown, answer):
    assert shown(answer) == {}


def test_a_robot_whose_match_has_no_pose_is_tied_to_nothing(shown):
    found = shown(replace(KNOWN, candidates=CANDIDATES[1:]))
    assert set(found) == {('candidates', 0), ('robot', 0), ('decision', 0)}


@pytest.mark.parametrize('answer', [
    KNOWN, UNKNOWN, replace(KNOWN, probability=math.nan, candidates=tuple(
        replace(c, probability=math.nan) for c in CANDIDATES))])
def test_what_rviz_would_refuse_or_not_show_is_not_sent(shown, answer):
    for (_, _), marker in shown(answer).items():
        assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (5, 7)
        assert marker.header.frame_id == 'town'
        turn = marker.pose.orientation
        assert math.hypot(turn.x, turn.y, turn.z, turn.w) == pytest.approx(1.0)
        colour = [marker.color.r, marker.color.g, marker.color.b, marker.color.a]
        assert all(0.0 <= value <= 1.0 for value in colour) and marker.color.a > 0.0
        needed = {MARKER.ARROW: 'xyz', MARKER.SPHERE: 'xyz', MARKER.LINE_STRIP: 'x',
                  MARKER.TEXT_VIEW_FACING: 'z'}[marker.type]
        assert all(getattr(marker.scale, axis) > 0.0 for axis in needed)
        assert bool(marker.text) == (marker.type == MARKER.TEXT_VIEW_FACING)
        assert bool(marker.points) == (marker.type == MARKER.LINE_STRIP)


@pytest.mark.parametrize(('lifetime_s', 'wanted'), [
    (0.0, (0, 0)), (2.5, (2, 500_000_000)), (60.0, (60, 0))])
def test_how_long_markers_stay(shown, lifetime_s, wanted):
    for marker in shown(KNOWN, lifetime_s=lifetime_s).values():
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == wanted


def test_markers_do_not_stay_for_ever_unless_asked_to(shown):
    assert all(1 <= marker.lifetime.sec <= 10 for marker in shown(KNOWN).values())
