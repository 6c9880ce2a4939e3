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

"""The transform from the map to the frame of the odometry."""

import numpy as np
import pytest
from vpr_ros.live.map_to_odom import MapToOdom
from vpr_ros.types import Pose

# Turned and moved along all axes: no order but the right one gives what a test expects.
T_MAP_BASE = Pose([3.0, -7.0, 0.5], [0.1, -0.4, 0.3, 0.8])
T_ODOM_BASE = Pose([-2.0, 1.0, 4.0], [0.5, 0.2, -0.1, 0.6])


def covariance(xx: float = 0.04, xy: float = 0.0, yy: float = 0.04,
               yaw: float = 0.0004) -> np.ndarray:
    """Return one of a robot that knows nothing of its height, roll and pitch."""
    values = np.diag([xx, yy, 1e6, 9.0, 9.0, yaw])
    values[0, 1] = values[1, 0] = xy
    return values


def certain(pose: Pose = T_MAP_BASE, **values: float) -> Pose:
    return Pose(pose.position, pose.quaternion, covariance(**values))


@pytest.fixture
def drift() -> MapToOdom:
    return MapToOdom(sigma_m=1.0, sigma_rad=0.2)


def test_a_pose_in_both_frames_joins_them(drift):
    assert drift.T_map_odom is None
    assert drift.update(certain(), T_ODOM_BASE) == ''
    wanted = T_MAP_BASE.matrix() @ np.linalg.inv(T_ODOM_BASE.matrix())
    assert np.allclose(drift.T_map_odom.matrix(), wanted, atol=1e-12)
    # What others compute with it: the robot in the map from the robot in odometry.
    assert np.allclose((drift.T_map_odom @ T_ODOM_BASE).matrix(), T_MAP_BASE.matrix(), atol=1e-12)


def test_between_poses_odometry_carries_the_robot(drift):
    drift.update(certain(), T_ODOM_BASE)
    step = Pose([1.0, 0.2, -0.1], [0.05, 0.02, 0.2, 0.97])
    assert np.allclose((drift.T_map_odom @ (T_ODOM_BASE @ step)).matrix(),
                       (T_MAP_BASE @ step).matrix(), atol=1e-12)


def test_the_latest_pose_counts_until_all_is_forgotten(drift):
    drift.update(certain(), T_ODOM_BASE)
    drift.update(certain(Pose([9.0, 9.0, 9.0])), Pose([1.0, 2.0, 3.0]))
    assert np.allclose(drift.T_map_odom.position, [8.0, 7.0, 6.0])
    drift.reset()
    assert drift.T_map_odom is None


@pytest.mark.parametrize(('values', 'why'), [
    ({'xx': 1.01}, 'the position in the map is too uncertain: 1.00 m, and tf_sigma_m is 1'),
    ({'yy': 4.0}, 'the position in the map is too uncertain: 2.00 m, and tf_sigma_m is 1'),
    # 0.8 m along both axes, and 1.1 m across: the ellipse counts, not its shadows.
    ({'xx': 0.64, 'yy': 0.64, 'xy': 0.57},
     'the position in the map is too uncertain: 1.10 m, and tf_sigma_m is 1'),
    ({'xx': 0.64, 'yy': 0.64, 'xy': -0.57},
     'the position in the map is too uncertain: 1.10 m, and tf_sigma_m is 1'),
    ({'yaw': 0.09}, 'the heading in the map is too uncertain: 0.30 rad, and tf_sigma_rad is 0.2')])
def test_an_uncertain_pose_changes_nothing(drift, values, why):
    drift.update(certain(), T_ODOM_BASE)
    before = drift.T_map_odom
    assert drift.update(certain(Pose.identity(), **values), T_ODOM_BASE) == why
    assert drift.T_map_odom is before


@pytest.mark.parametrize('values', [
    {'xx': 0.99}, {'yy': 0.99}, {'xx': 0.64, 'yy': 0.64, 'xy': 0.35}, {'yaw': 0.0399}])
def test_what_is_just_certain_enough_is_taken(drift, values):
    assert drift.update(certain(**values), T_ODOM_BASE) == ''


def test_a_pose_without_covariance_is_refused(drift):
    assert drift.update(T_MAP_BASE, T_ODOM_BASE) == (
        'the pose in the map has no covariance: how certain it is, is not known')
    assert drift.T_map_odom is None


@pytest.mark.parametrize('values', [
    {'xx': 0.0}, {'xx': np.nan}, {'yy': np.inf}, {'xy': 0.05}, {'yaw': 0.0}, {'yaw': -0.01},
    {'yaw': np.nan}, {'yaw': np.inf}])
def test_what_is_no_covariance_is_refused(drift, values):
    assert 'variances are finite and more than zero' in drift.update(
        certain(**values), T_ODOM_BASE)
    assert drift.T_map_odom is None


def test_another_certainty_may_be_asked_for(drift):
    assert drift.update(certain(xx=0.64), T_ODOM_BASE) == ''
    before = drift.T_map_odom
    drift.change(sigma_m=0.5, sigma_rad=0.2)
    assert drift.T_map_odom is before
    assert 'tf_sigma_m is 0.5' in drift.update(certain(xx=0.64), T_ODOM_BASE)
    drift.change(sigma_m=1.0, sigma_rad=0.01)
    assert 'tf_sigma_rad is 0.01' in drift.update(certain(xx=0.64), T_ODOM_BASE)
