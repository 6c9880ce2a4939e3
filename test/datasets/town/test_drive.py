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

"""When the car is where, and what its sensors say."""

from dataclasses import replace
import re

import numpy as np
import pytest
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.drive import CAMERA
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.drive import geodetic
from vpr_ros.datasets.town.drive import mounted_camera
from vpr_ros.datasets.town.drive import ORIGIN_DEG
from vpr_ros.datasets.town.drive import T_BASE_GPS
from vpr_ros.datasets.town.drive import Trajectory
from vpr_ros.errors import VprError

SEEDS = range(8)
DT = 0.1


@pytest.fixture(scope='module')
def drives(plan):
    """Return the trajectories of several drives round the loop."""
    return [Trajectory(plan, Drive(seed=seed)) for seed in SEEDS]


@pytest.fixture(scope='module')
def moves(drives):
    """Return, for each drive, times, positions (n, 2) and yaws (n,) every tenth of a second."""
    found = []
    for trajectory in drives:
        times = np.arange(0.0, trajectory.duration_s, DT)
        poses = trajectory.poses(times)
        found.append((times, np.array([p.position[:2] for p in poses]),
                      np.unwrap([p.yaw() for p in poses])))
    return found


def ecef(latitude_deg, longitude_deg, altitude_m):
    """Return (3,) where a point of WGS 84 is, from the centre of the Earth."""
    a, f = 6378137.0, 1 / 298.257223563
    e2 = f * (2 - f)
    latitude, longitude = np.radians([latitude_deg, longitude_deg])
    normal = a / np.sqrt(1 - e2 * np.sin(latitude) ** 2)
    return np.array([(normal + altitude_m) * np.cos(latitude) * np.cos(longitude),
                     (normal + altitude_m) * np.cos(latitude) * np.sin(longitude),
                     (normal * (1 - e2) + altitude_m) * np.sin(latitude)])


def enu(latitude_deg, longitude_deg, altitude_m):
    """Return (3,) east, north and up of the origin of the map."""
    latitude, longitude = np.radians(ORIGIN_DEG[:2])
    sa, ca, so, co = np.sin(latitude), np.cos(latitude), np.sin(longitude), np.cos(longitude)
    turn = np.array([[-so, co, 0.0], [-sa * co, -sa * so, ca], [ca * co, ca * so, sa]])
    return turn @ (ecef(latitude_deg, longitude_deg, altitude_m) - ecef(*ORIGIN_DEG))


@pytest.mark.parametrize('rate_hz', [0.5, 2.0, 3.0, 7.5, 10.0, 30.0])
def test_frames_come_at_exactly_their_rate(plan, rate_hz):
    trajectory = Trajectory(plan, Drive(route='terraces', rate_hz=rate_hz))
    times = trajectory.frame_times_s()
    stamps = trajectory.stamps_ns(times)
    assert times[0] == 0.0
    assert times[-1] <= trajectory.duration_s < times[-1] + 1 / rate_hz
    assert stamps.dtype == np.int64
    assert stamps[0] == trajectory.first_ns
    # Rounded to nanoseconds one by one: nothing adds up.
    exact = np.arange(len(times)) * 1e9 / rate_hz
    assert np.abs(stamps - stamps[0] - exact).max() <= 1.0
    assert (np.diff(stamps) > 0).all()


def test_each_seed_drives_on_a_day_of_its_own_at_the_hour_of_its_light(plan):
    day = 86_400 * 10**9
    noon = Trajectory(plan, Drive(route='terraces')).first_ns
    assert Trajectory(plan, Drive(route='terraces', seed=3)).first_ns - noon == 3 * day
    hours = [((Trajectory(plan, Drive(route='terraces', condition=parse_condition(c))).first_ns)
              % day) / 3.6e12 for c in ('day', 'low_sun', 'dusk', 'night')]
    assert hours == sorted(hours)
    assert hours[0] == 12.0
    assert hours[3] > 22.0


def test_speed_is_bounded_and_varies(moves):
    for _, points, _ in moves:
        speed = np.linalg.norm(np.diff(points, axis=0), axis=1) / DT
        assert speed.max() < 1.4 * Drive().speed_mps
        moving = speed[speed > 0.5]
        assert np.std(moving) > 0.5
        assert 0.5 * Drive().speed_mps < moving.mean() < Drive().speed_mps


def test_cars_brake_speed_up_and_turn_as_cars_do(moves):
    for _, points, yaw in moves:
        speed = np.linalg.norm(np.diff(points, axis=0), axis=1) / DT
        # Over a second: the timetable is made of short stretches of constant speed.
        change = np.abs(speed[10:] - speed[:-10])
        assert 0.5 < change.max() < 3.0
        turn = np.abs(yaw[5:] - yaw[:-5]) / (5 * DT)
        assert turn.max() < 1.2
        assert (turn[:len(speed) - 4] * speed[:len(turn)]).max() < 5.5


def test_cars_stand_still_at_some_crossings(moves, plan):
    stood = []
    for _, points, _ in moves:
        still = np.linalg.norm(np.diff(points, axis=0), axis=1) < 1e-9
        stood.append(still.sum() * DT)
        assert still.mean() < 0.4
        if still.any():
            where = points[:-1][still]
            nodes = plan.crossings.reshape(-1, 2)
            gaps = np.linalg.norm(where[:, None] - nodes[None], axis=2).min(axis=1)
            assert gaps.max() < 25.0
    assert max(stood) > 5.0
    assert len({round(s, 1) for s in stood}) > 3


def test_the_car_looks_where_it_goes_and_stays_on_the_ground(drives, moves):
    for trajectory, (times, points, yaw) in zip(drives, moves, strict=True):
        steps = np.diff(points, axis=0)
        moving = np.linalg.norm(steps, axis=1) > 0.1
        course = np.arctan2(steps[:, 1], steps[:, 0])[moving]
        off = (course - yaw[:-1][moving] + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(off).max() < np.radians(8.0)
        assert np.abs(off).mean() < np.radians(1.5)
        poses = trajectory.poses(times[::50])
        assert all(p.position[2] == 0.0 for p in poses)
        # Bumps tilt it, a little.
        tilts = [np.arccos(p.rotation()[2, 2]) for p in poses]
        assert 1e-4 < max(tilts) < 0.05


def test_poses_do_not_depend_on_when_else_one_asks(drives):
    trajectory = drives[0]
    frames = trajectory.frame_times_s()[::40]
    poses = trajectory.poses(frames)
    for time, pose in zip(frames, poses, strict=True):
        alone = trajectory.poses(np.array([time]))[0]
        assert np.array_equal(alone.matrix(), pose.matrix())
    # Nor are they far from poses just before and after: the car moves without jumps.
    later = trajectory.poses(frames + 0.01)
    assert max(a.distance_to(b) for a, b in zip(poses, later, strict=True)) < 0.12
    assert max(a.angle_to(b) for a, b in zip(poses, later, strict=True)) < 0.03


def test_no_frame_jumps(drives):
    times = np.arange(0.0, drives[1].duration_s, 0.02)
    poses = drives[1].poses(times)
    moved = [a.distance_to(b) for a, b in zip(poses, poses[1:], strict=False)]
    turned = [a.angle_to(b) for a, b in zip(poses, poses[1:], strict=False)]
    assert max(moved) < 0.02 * 1.4 * Drive().speed_mps
    assert max(turned) < 0.05


def test_equal_drives_are_equal_and_seeds_drive_differently(plan, drives):
    times = np.linspace(0.0, 200.0, 50)
    again = Trajectory(plan, Drive(seed=1))
    for a, b in zip(again.poses(times), drives[1].poses(times), strict=True):
        assert np.array_equal(a.matrix(), b.matrix())
    assert [f.latitude_deg for f in again.fixes()] == [f.latitude_deg for f in drives[1].fixes()]
    assert again.duration_s == drives[1].duration_s
    assert len({t.duration_s for t in drives}) == len(drives)


def test_the_weather_changes_nothing_of_the_way(plan, drives):
    times = np.linspace(0.0, 200.0, 20)
    night = Trajectory(plan, Drive(condition=parse_condition('night+snow'), years=3))
    for a, b in zip(night.poses(times), drives[0].poses(times), strict=True):
        assert np.array_equal(a.matrix(), b.matrix())


def test_an_offset_is_to_the_left_of_the_lane(plan):
    usual, left = (Trajectory(plan, Drive(route='terraces', lane_offset_m=offset))
                   for offset in (0.0, 1.5))
    times = np.linspace(0.0, usual.duration_s, 60)
    aside = [(a.inverse() @ b).position for a, b in zip(usual.poses(times), left.poses(times),
                                                        strict=True)]
    assert np.array(aside)[:, 1] == pytest.approx(1.5, abs=0.05)


def test_reverse_comes_the_other_way(plan):
    there, back = (Trajectory(plan, Drive(reverse=r)) for r in (False, True))
    forward, backward = (t.poses(np.linspace(0.0, t.duration_s, 400)) for t in (there, back))
    apart = np.array([[a.distance_to(b) for b in backward] for a in forward[::10]])
    nearest = apart.argmin(axis=1)
    turned = [forward[10 * i].angle_to(backward[j]) for i, j in enumerate(nearest.tolist())]
    assert np.median(turned) > np.radians(150.0)
    assert np.median(apart.min(axis=1)) < 12.0


def test_odometry_begins_at_identity_and_comes_twenty_times_a_second(drives):
    for trajectory in drives[:2]:
        odometry = trajectory.odometry()
        assert odometry[0].pose.matrix() == pytest.approx(np.eye(4))
        assert {(s.parent, s.child) for s in odometry} == {('odom', 'base_link')}
        stamps = np.array([s.stamp_ns for s in odometry])
        assert stamps[0] == trajectory.first_ns
        assert np.abs(np.diff(stamps) - 50_000_000).max() <= 1
        assert stamps[-1] <= trajectory.first_ns + trajectory.duration_s * 1e9 < stamps[-1] + 5e7


def test_odometry_is_right_for_a_while_and_drifts(drives):
    ends = []
    for trajectory in drives[:5]:
        odometry = trajectory.odometry()
        times = np.array([s.stamp_ns - trajectory.first_ns for s in odometry]) / 1e9
        true = trajectory.poses(times)
        # Along true and measured ways, half a second at a time, in the frame of the car.
        for i in range(0, len(true) - 10, 97):
            was = true[i].inverse() @ true[i + 10]
            said = odometry[i].pose.inverse() @ odometry[i + 10].pose
            assert said.distance_to(was) < 0.03 + 0.08 * np.linalg.norm(was.position)
        positions = np.array([p.position for p in true])
        begun = (positions - positions[0]) @ true[0].rotation()
        error = np.linalg.norm(begun - [s.pose.position for s in odometry], axis=1)
        way = float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum())
        assert error[:100].max() < 2.0
        assert error.max() > 0.3
        assert error.max() < 0.05 * way
        ends.append(error[-1] / way)
    assert np.median(ends) > 0.001


def test_nothing_drifts_while_the_wheels_stand(drives, moves):
    standing = 0
    for trajectory, (_, points, _) in zip(drives, moves, strict=True):
        still = np.linalg.norm(np.diff(points, axis=0), axis=1) < 1e-9
        odometry = trajectory.odometry()
        stamps = np.array([s.stamp_ns - trajectory.first_ns for s in odometry]) / 1e9
        for i in range(len(odometry) - 1):
            bin_ = int(stamps[i] / DT + 1e-6)
            if bin_ < len(still) and still[bin_]:
                standing += 1
                assert odometry[i].pose.distance_to(odometry[i + 1].pose) < 1e-12
                assert odometry[i].pose.angle_to(odometry[i + 1].pose) < 1e-9
    assert standing > 100


def test_fixes_are_as_good_as_their_covariance_says(plan, drives):
    errors = []
    for trajectory in drives:
        fixes = trajectory.fixes()
        stamps = np.array([f.stamp_ns for f in fixes])
        assert np.abs(np.diff(stamps) - 10**9).max() <= 1
        poses = trajectory.poses((stamps - trajectory.first_ns) / 1e9)
        for fix, pose in zip(fixes, poses, strict=True):
            antenna = (pose @ T_BASE_GPS).position
            errors.append(enu(fix.latitude_deg, fix.longitude_deg, fix.altitude_m) - antenna)
    errors = np.array(errors)
    covariance = drives[0].fixes()[0].covariance
    assert covariance.shape == (3, 3)
    # About 60 independent draws: the error wanders slowly.
    spread = errors.var(axis=0) / np.diag(covariance)
    assert (spread > 0.5).all()
    assert (spread < 1.8).all()
    assert (np.abs(errors.mean(axis=0)) < 0.6 * np.sqrt(np.diag(covariance))).all()
    # It wanders: one second later the error is much the same.
    step = np.diff(errors[:100], axis=0)
    assert (step.var(axis=0) < np.diag(covariance)).all()


def test_the_origin_is_the_origin():
    assert geodetic(np.zeros(3)) == pytest.approx(ORIGIN_DEG, abs=1e-8)


@pytest.mark.parametrize('position', [(100.0, 0.0, 0.0), (0.0, -100.0, 1.6), (70.0, 70.0, 2.0)])
def test_near_the_origin_the_earth_is_flat(position):
    assert enu(*geodetic(np.array(position))) == pytest.approx(position, abs=0.005)


@pytest.mark.parametrize('position', [
    (600.0, 0.0, 0.0), (0.0, 600.0, 0.0), (424.0, 424.0, 1.6), (704.0, 532.0, 1.6)])
def test_geodetic_positions_are_good_to_two_centimetres_in_all_the_town(position):
    assert enu(*geodetic(np.array(position))) == pytest.approx(position, abs=0.02)


def test_a_camera_is_mounted_a_little_differently_each_time():
    mountings = []
    for seed in SEEDS:
        camera = mounted_camera(Drive(seed=seed))
        assert np.array_equal(camera.matrix, CAMERA.matrix)
        assert (camera.width, camera.height) == (CAMERA.width, CAMERA.height)
        assert camera.T_base_optical.distance_to(CAMERA.T_base_optical) < 0.15
        assert camera.T_base_optical.angle_to(CAMERA.T_base_optical) < np.radians(8.0)
        mountings.append(camera.T_base_optical.matrix())
    assert not any(np.allclose(a, mountings[0]) for a in mountings[1:])
    again = mounted_camera(Drive(seed=0, years=2, route='tour'))
    assert np.array_equal(again.T_base_optical.matrix(), mountings[0])


def test_a_turned_camera_looks_to_the_left():
    ahead, left = (mounted_camera(Drive(seed=5, camera_yaw_deg=d)) for d in (0.0, 90.0))
    assert left.T_base_optical.angle_to(ahead.T_base_optical) == pytest.approx(np.pi / 2, abs=0.02)
    # The optical axis is the third column: now it points along y of the base.
    assert ahead.T_base_optical.rotation()[0, 2] > 0.99
    assert left.T_base_optical.rotation()[1, 2] > 0.99


@pytest.mark.parametrize(('name', 'value'), [
    ('rate_hz', 0.0), ('rate_hz', 61.0), ('rate_hz', float('nan')), ('speed_mps', 0.0),
    ('speed_mps', 21.0), ('lane_offset_m', 7.0), ('lane_offset_m', -4.0), ('years', -1),
    ('seed', -1), ('camera_yaw_deg', 181.0)])
def test_values_out_of_range_are_refused(name, value):
    word = name.split('_')[0]
    said = f'the {word}.* of a drive.* must lie between .* and .*, got {re.escape(str(value))}'
    with pytest.raises(VprError, match=said):
        Drive(**{name: value})


def test_an_unknown_route_is_refused(plan):
    with pytest.raises(VprError, match='route through the town'):
        Trajectory(plan, Drive(route='lop'))


@pytest.mark.parametrize('values', [
    {'speed_mps': 0.5, 'route': 'terraces'}, {'speed_mps': 20.0}, {'lane_offset_m': 4.5},
    {'lane_offset_m': -0.8}, {'rate_hz': 0.1}], ids=str)
def test_the_ends_of_the_ranges_can_be_driven(plan, values):
    trajectory = Trajectory(plan, Drive(**values))
    times = np.linspace(0.0, trajectory.duration_s, 300)
    assert np.isfinite([p.matrix() for p in trajectory.poses(times)]).all()
    assert len(trajectory.frame_times_s()) > 5
    assert len(trajectory.odometry()) > 100


@pytest.mark.parametrize('seed', [5_000, 100_000, 2**31])
def test_every_seed_that_is_taken_has_stamps_that_ros_can_carry(plan, seed):
    trajectory = Trajectory(plan, replace(Drive(route='terraces'), seed=seed))
    assert int(trajectory.stamps_ns(trajectory.frame_times_s())[-1]) < 2**31 * 10**9
