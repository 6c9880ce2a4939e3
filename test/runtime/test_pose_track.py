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

"""Interpolation against what it literally means."""

import numpy as np
import pytest
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.types import Pose

SECOND = 10**9
EPOCH = 1_700_000_000 * SECOND


def track(*samples, **options):
    """Make a track of (seconds after EPOCH, pose)."""
    return PoseTrack((StampedPose(EPOCH + int(s * SECOND), 'map', 'base', pose)
                      for s, pose in samples), **options)


def turn(axis, angle):
    """Make the rotation by an angle about an axis."""
    axis = np.asarray(axis) / np.linalg.norm(axis)
    return Pose(np.zeros(3), [*(np.sin(angle / 2) * axis), np.cos(angle / 2)])


def test_samples_come_back_exactly():
    poses = [Pose([1.1, 2.2, 3.3], [0.1, 0.2, 0.3, 0.9]), Pose.from_xy_yaw(3, 4, 5)]
    found = track((0, poses[0]), (1, poses[1]))
    for second, pose in enumerate(poses):
        assert np.array_equal(found.at(EPOCH + second * SECOND).position, pose.position)
        assert np.allclose(found.at(EPOCH + second * SECOND).quaternion, pose.quaternion,
                           rtol=0, atol=1e-15)


@pytest.mark.parametrize('share', [1e-9, 0.25, 0.5, 0.9, 1 - 1e-9])
def test_position_moves_linearly_and_rotation_at_a_constant_rate(share):
    axis, angle = [1.0, -2.0, 0.5], 2.0
    start = Pose([1, 2, 3], [0.5, 0.1, -0.3, 0.8])
    end = Pose([5, -2, 4]) @ Pose.identity()
    end = Pose(end.position, (start @ turn(axis, angle)).quaternion)
    at = track((0, start), (1, end)).at(EPOCH + round(share * SECOND))
    assert np.allclose(at.position, [1 + 4 * share, 2 - 4 * share, 3 + share], atol=1e-9)
    assert np.allclose(at.rotation(), (start @ turn(axis, share * angle)).rotation(), atol=1e-9)


def test_rotation_takes_the_shorter_way():
    start, end = turn([0, 0, 1], 0.1), turn([0, 0, 1], 0.3)
    flipped = Pose(end.position, -end.quaternion)
    assert track((0, start), (1, flipped)).at(EPOCH + SECOND // 2).yaw() == pytest.approx(0.2)


def test_equal_rotations_do_not_divide_by_zero():
    start = turn([0, 1, 0], 1.0)
    at = track((0, start), (1, start)).at(EPOCH + 3)
    assert np.allclose(at.quaternion, start.quaternion)


def test_order_does_not_matter_and_the_last_of_one_stamp_counts():
    poses = {s: Pose.from_xy_yaw(s, 0, 0) for s in (2, 0, 1)}
    found = track((1, Pose.from_xy_yaw(99, 0, 0)), *poses.items())
    assert len(found) == 3
    assert [found.at(EPOCH + s * SECOND).position[0] for s in (0, 1, 2)] == [0, 1, 2]


def test_outside_a_pose_holds_for_the_tolerance_and_no_longer():
    found = track((0, Pose.from_xy_yaw(1, 0, 0)), (1, Pose.from_xy_yaw(2, 0, 0)),
                  tolerance_ns=50)
    assert found.at(EPOCH - 50).position[0] == 1
    assert found.at(EPOCH - 51) is None
    assert found.at(EPOCH + SECOND + 50).position[0] == 2
    assert found.at(EPOCH + SECOND + 51) is None


def test_a_gap_is_not_bridged():
    found = track((0, Pose.from_xy_yaw(1, 0, 0)), (3, Pose.from_xy_yaw(2, 0, 0)),
                  max_gap_ns=3 * SECOND - 1, tolerance_ns=10)
    assert found.at(EPOCH + SECOND) is None
    assert found.at(EPOCH + 10).position[0] == 1
    assert found.at(EPOCH + 3 * SECOND - 10).position[0] == 2
    bridged = track((0, Pose.from_xy_yaw(1, 0, 0)), (3, Pose.from_xy_yaw(2, 0, 0)),
                    max_gap_ns=3 * SECOND)
    assert bridged.at(EPOCH + 3 * SECOND // 2).position[0] == pytest.approx(1.5)


def test_no_samples_no_pose():
    assert track().at(EPOCH) is None
    assert len(track()) == 0
