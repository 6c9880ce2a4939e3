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

"""Chains of transforms against poses that were multiplied by hand."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.runtime.transform_tree import fixed_transform
from vpr_ros.runtime.transform_tree import transform_track
from vpr_ros.types import Pose

SECOND = 10 ** 9
SIDEWAYS = Pose([1.0, 2.0, 3.0], [0.5, -0.5, 0.1, 0.7])


def moved(second, parent, child, pose):
    return StampedPose(round(second * SECOND), parent, child, pose)


def drive(parent, child, poses, *, every=1.0):
    return [moved(n * every, parent, child, pose) for n, pose in enumerate(poses)]


def same(found, wanted):
    return np.allclose(found.matrix(), wanted.matrix(), atol=1e-9)


ODOM = [Pose.from_xy_yaw(float(n), 0.5 * n, 0.1 * n) for n in range(6)]
DRIFT = [Pose.from_xy_yaw(10.0, 0.1 * n, 0.02 * n) for n in range(4)]


def test_each_transform_is_interpolated_by_itself():
    """The two come at other times: map to odom every 1.5 s, odom to base every second."""
    track = transform_track(
        [*drive('odom', 'base', ODOM), *drive('map', 'odom', DRIFT, every=1.5)], [], 'map',
        'base')
    for second in 0.0, 1.0, 1.25, 3.7, 4.5:
        n, m = int(second), int(second / 1.5)
        s, t = second - n, second / 1.5 - m
        odom = Pose.from_xy_yaw(n + s, 0.5 * (n + s), 0.1 * (n + s))
        drift = Pose.from_xy_yaw(10.0, 0.1 * (m + t), 0.02 * (m + t))
        assert same(track.at(round(second * SECOND)), drift @ odom)
    # Known only while both are.
    assert track.at(round(4.9 * SECOND)) is None


def test_static_transforms_hold_at_any_time_and_before_moving_ones():
    still = [moved(0, 'base', 'camera', SIDEWAYS)]
    track = transform_track(
        [*drive('odom', 'base', ODOM), *drive('base', 'camera', ODOM)], still, 'odom', 'camera')
    assert same(track.at(3 * SECOND), ODOM[3] @ SIDEWAYS)


def test_frames_meet_where_their_ways_up_meet():
    """As with robot_localization turned round: odom is above both."""
    moving = [*drive('odom', 'map', DRIFT), *drive('odom', 'base', ODOM)]
    track = transform_track(moving, [], 'map', 'base')
    assert same(track.at(2 * SECOND), DRIFT[2].inverse() @ ODOM[2])
    assert same(transform_track(moving, [], 'map', 'odom').at(SECOND), DRIFT[1].inverse())
    assert same(transform_track([], [], 'map', 'map').at(0), Pose.identity())


def test_what_comes_before_the_chain_is_known_is_kept():
    """A robot drives before it knows where it is in the map."""
    track = transform_track(
        [*drive('odom', 'base', ODOM), *drive('map', 'odom', DRIFT), *drive('wheel', 'cap', ODOM)],
        [], 'map', 'base')
    assert same(track.at(0), DRIFT[0] @ ODOM[0])


def test_the_order_of_recording_does_not_matter():
    moving = [*drive('map', 'odom', DRIFT), *drive('odom', 'base', ODOM)]
    wanted = transform_track(moving, [], 'map', 'base').at(int(1.5 * SECOND))
    assert same(transform_track(moving[::-1], [], 'map', 'base').at(int(1.5 * SECOND)), wanted)


def test_a_gap_is_not_bridged():
    moving = drive('map', 'base', ODOM, every=3.0)
    assert transform_track(moving, [], 'map', 'base').at(int(1.5 * SECOND)) is None
    wide = transform_track(moving, [], 'map', 'base', max_gap_ns=3 * SECOND)
    assert wide.at(int(1.5 * SECOND)).position[0] == pytest.approx(0.5)


@pytest.mark.parametrize('parents', [
    {'base': 'odom', 'map': 'earth'}, {}, {'base': 'a', 'a': 'b', 'b': 'base'}])
def test_what_is_not_joined_is_said(parents):
    moving = [moved(0, above, below, SIDEWAYS) for below, above in parents.items()]
    with pytest.raises(VprError, match="no transforms join 'map' and 'base'; there are: "
                       + (' -> ' if parents else 'none').join(['.*'] * 2)):
        transform_track(moving, [], 'map', 'base')


def test_only_some_of_many_transforms_are_named():
    with pytest.raises(VprError, match=r'and 30 more$'):
        transform_track([moved(0, 'base', f'joint_{n}', SIDEWAYS) for n in range(50)], [], 'map',
                        'base')


def test_fixed_transforms():
    still = [moved(0, 'base', 'mast', SIDEWAYS), moved(0, 'mast', 'camera', ODOM[3]),
             moved(0, 'base', 'gps', ODOM[2])]
    assert same(fixed_transform(still, 'base', 'camera'), SIDEWAYS @ ODOM[3])
    assert same(fixed_transform(still, 'gps', 'mast'), ODOM[2].inverse() @ SIDEWAYS)
    assert fixed_transform(still, 'base', 'lidar') is None
