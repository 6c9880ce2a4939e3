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

"""Which frames of a traverse become places."""

import math

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from vpr_ros.maps.keyframes import select_keyframes
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

IMAGE = np.zeros((1, 1, 3), np.uint8)
SECOND = 10 ** 9


def frames(stamps, poses=None):
    return [Frame(stamp, IMAGE, T_map_base=pose) for stamp, pose in zip(
        stamps, poses or [None] * len(stamps), strict=True)]


def chosen(some, **settings):
    return [some.index(frame) for frame in select_keyframes(some, MapSettings(**settings))]


def test_by_distance():
    xs = [0.0, 0.4, 0.9, 1.0, 1.9, 2.1, 5.0, 4.5, 3.9]
    some = frames(range(9), [Pose.from_xy_yaw(x, 0, 0) for x in xs])
    assert chosen(some, keyframe_distance_m=1.0) == [0, 3, 5, 6, 8]
    assert chosen(some, keyframe_distance_m=100.0) == [0]
    assert chosen(some, keyframe_distance_m=0.0) == list(range(9))


def test_by_angle():
    yaws = [0.0, 0.2, 0.4, -0.2, math.pi, -math.pi + 0.1]
    some = frames(range(6), [Pose.from_xy_yaw(0, 0, yaw) for yaw in yaws])
    far = {'keyframe_distance_m': 10.0}
    assert chosen(some, keyframe_angle_rad=0.35, **far) == [0, 2, 3, 4]
    assert chosen(some, keyframe_angle_rad=0.0, **far) == [0]


def test_by_time_without_poses():
    some = frames([int(s * SECOND) for s in (0, 0.3, 0.5, 0.9, 1.0, 1.4, 7.0, 7.49)])
    assert chosen(some, keyframe_interval_s=0.5) == [0, 2, 4, 6]
    assert chosen(some, keyframe_interval_s=0.0) == list(range(8))
    assert chosen(some[:1], keyframe_interval_s=100.0) == [0]
    assert chosen([]) == []


def test_by_time_though_poses_are_known():
    some = frames([n * SECOND // 4 for n in range(9)],
                  [Pose.from_xy_yaw(10.0 * n, 0, n) for n in range(9)])
    assert chosen(some, keyframe_by='time', keyframe_interval_s=1.0) == [0, 4, 8]
    assert chosen(some, keyframe_interval_s=1.0) == list(range(9))


def test_time_that_goes_back_is_a_new_place():
    some = frames([10 * SECOND, 10 * SECOND + 1, 3 * SECOND, 3 * SECOND + 1, 4 * SECOND])
    assert chosen(some, keyframe_interval_s=0.5) == [0, 2, 4]


def test_a_standing_robot_with_poses_is_one_place_for_ever():
    some = frames([n * SECOND for n in range(50)], [Pose.from_xy_yaw(1, 2, 3)] * 50)
    assert chosen(some) == [0]


def test_frames_without_a_pose_are_judged_by_time():
    here = Pose.from_xy_yaw(0, 0, 0)
    some = frames([0, 1, SECOND, SECOND + 1, SECOND + 2], [here, None, None, here, here])
    assert chosen(some, keyframe_distance_m=10.0, keyframe_interval_s=0.5) == [0, 2]


def test_frames_are_taken_one_by_one():
    """A bag is larger than memory."""
    taken = []

    def stream():
        for frame in frames([0, SECOND, 2 * SECOND]):
            taken.append(frame.stamp_ns)
            yield frame

    selected = select_keyframes(stream(), MapSettings())
    assert next(selected).stamp_ns == 0
    assert taken == [0]


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-3, 3), st.booleans(),
                          st.integers(-2 * SECOND, 2 * SECOND)), max_size=30),
       st.floats(0, 3), st.floats(0, 2), st.floats(0, 2))
def test_like_the_rule_in_words(steps, distance, angle, interval):
    some = frames([stamp for *_, stamp in steps], [
        Pose.from_xy_yaw(x, 0, yaw) if posed else None for x, yaw, posed, _ in steps])
    settings = {'keyframe_distance_m': distance, 'keyframe_angle_rad': angle,
                'keyframe_interval_s': interval}
    wanted = []
    for n, frame in enumerate(some):
        if not wanted:
            wanted.append(n)
            continue
        last = some[wanted[-1]]
        a, b = frame.T_map_base, last.T_map_base
        if a is not None and b is not None:
            moved = math.dist(a.position, b.position)
            turned = 2 * math.acos(min(1.0, abs(float(np.dot(a.quaternion, b.quaternion)))))
            if abs(moved - distance) < 1e-9 or abs(turned - angle) < 1e-6:
                return  # on the border rounding decides
            new = moved >= distance or (angle > 0 and turned >= angle)
        else:
            elapsed = frame.stamp_ns - last.stamp_ns
            new = elapsed < 0 or elapsed >= round(interval * SECOND)
        if new:
            wanted.append(n)
    assert chosen(some, **settings) == wanted
