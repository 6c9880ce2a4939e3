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

"""Cars and people: where they may be, and where never."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.drive import CAMERA
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.drive import Trajectory
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.traffic import Traffic
from vpr_ros.datasets.town.traffic import Vehicle
from vpr_ros.datasets.town.vehicles import MODELS


@pytest.fixture(scope='module')
def traffic(plan):
    return Traffic(plan, Condition(), 0)


@pytest.fixture(scope='module')
def views(plan, camera, look):
    """Return views that show all streets: east and west from every second crossing."""
    nodes = plan.crossings[::2, ::2].reshape(-1, 2)
    return [View(camera, look((*node, 8.0), yaw)) for node in nodes for yaw in (0.0, np.pi)]


@pytest.fixture(scope='module')
def parked(traffic, views):
    """Return (n, 4, 2): footprints of all parked vehicles."""
    found = {vehicle for view in views for vehicle in traffic.parked(view)}
    return np.array([v.footprint() for v in sorted(found, key=lambda v: (v.x, v.y))])


def gap(a, b):
    """Return how far apart two convex footprints are; negative is how deep they overlap."""
    widest = -np.inf
    for polygon in (a, b):
        edges = np.roll(polygon, -1, axis=0) - polygon
        for x, y in edges:
            axis = np.array([y, -x]) / np.hypot(x, y)
            pa, pb = a @ axis, b @ axis
            widest = max(widest, pb.min() - pa.max(), pa.min() - pb.max())
    return widest


def distance(footprint, point):
    return -cv2.pointPolygonTest(footprint.astype(np.float32).reshape(-1, 1, 2),
                                 (float(point[0]), float(point[1])), True)


@pytest.mark.parametrize('model', MODELS)
def test_a_footprint_is_what_a_vehicle_covers(model):
    vehicle = Vehicle(model, 0, 5.0, -3.0, 0.8)
    points = np.concatenate([[q.origin, q.origin + q.right, q.origin + q.down,
                              q.origin + q.right + q.down]
                             for q in vehicle.quads(lights=False)])[:, :2]
    print_ = vehicle.footprint()
    assert max(distance(print_, p) for p in points) < 0.01
    assert max(min(np.linalg.norm(c - p) for p in points) for c in print_) < 0.2
    wide = vehicle.footprint(0.5)
    assert all(distance(wide, c) < -0.45 for c in print_)


def test_parked_vehicles_stand_beside_the_kerb(plan, parked, depth_inside):
    assert len(parked) > 300
    middles = parked.mean(axis=1)
    deepest = np.max([depth_inside(b.kerb, parked.reshape(-1, 2)) for b in plan.blocks], axis=0)
    # A wheel may touch the kerb.
    assert deepest.max() < 0.35
    beside = np.max([depth_inside(b.kerb, middles) for b in plan.blocks], axis=0)
    assert beside.min() > -2.2
    assert beside.max() < -0.5


def test_parked_vehicles_do_not_overlap(parked):
    middles = parked.mean(axis=1)
    gaps = []
    for i, middle in enumerate(middles):
        for j in np.flatnonzero(np.linalg.norm(middles - middle, axis=1) < 8.0):
            if j > i:
                gaps.append(gap(parked[i], parked[j]))
    assert len(gaps) > 100
    assert min(gaps) > 0.0


def test_moving_vehicles_keep_right(legs, plan, traffic, views):
    seen = 0
    starts, along, lengths, halves = legs(plan)
    for time in (0.0, 7.3, 1000.0):
        for view in views[::3]:
            for vehicle in traffic.moving(view, time):
                to = np.array([vehicle.x, vehicle.y]) - starts
                at = (to * along).sum(axis=1)
                right = to[:, 0] * along[:, 1] - to[:, 1] * along[:, 0]
                on = (at > 0) & (at < lengths) & (np.abs(right) < halves)
                i = int(np.argmax(on))
                if on.sum() != 1:
                    continue  # at a crossing
                forward = np.cos(vehicle.yaw) * along[i, 0] + np.sin(vehicle.yaw) * along[i, 1]
                assert abs(forward) > 0.99
                side = right[i] * np.sign(forward)
                width = MODELS[vehicle.model].width_m
                assert 0.5 * width < side < halves[i] - 0.5 * width
                seen += 1
    assert seen > 300


def test_vehicles_move_forward_at_the_speed_of_a_town(traffic, views):
    moved = []
    for view in views[::5]:
        before = {(v.model, v.paint, round(v.yaw, 6)): v for v in traffic.moving(view, 10.0)}
        for v in traffic.moving(view, 10.2):
            was = before.get((v.model, v.paint, round(v.yaw, 6)))
            if was is None:
                continue
            step = np.array([v.x - was.x, v.y - was.y])
            ahead = step @ [np.cos(v.yaw), np.sin(v.yaw)]
            if np.linalg.norm(step) < 5.0:  # not begun anew
                assert np.linalg.norm(step) == pytest.approx(ahead, abs=1e-6)
                moved.append(ahead / 0.2)
    assert len(moved) > 50
    assert 3.0 < min(moved) < max(moved) < 14.0


def test_another_drive_has_other_traffic(plan, traffic, views):
    again, other = Traffic(plan, Condition(), 0), Traffic(plan, Condition(), 1)
    for view in views[4:8]:
        assert again.moving(view, 5.0) == traffic.moving(view, 5.0)
        assert again.parked(view) == traffic.parked(view)
        for one, two in ((traffic.parked(view), other.parked(view)),
                         (traffic.moving(view, 5.0), other.moving(view, 5.0))):
            here, there = (np.array([[v.x, v.y] for v in vs]) for vs in (one, two))
            gaps = np.linalg.norm(here[:, None] - there[None], axis=2).min(axis=1)
            assert (gaps > 0.05).mean() > 0.8


def test_fewer_drive_and_walk_at_night(plan, views):
    def count(condition):
        busy = Traffic(plan, parse_condition(condition), 2)
        people = [q for v in views[::2] for q in busy.people(v, 3.0)]
        return sum(len(busy.moving(v, 3.0)) for v in views[::2]), len(people)

    (day_cars, day_people), (night_cars, night_people) = count('day'), count('night')
    assert 0 < night_cars < 0.7 * day_cars
    assert 0 < night_people < 0.7 * day_people


def test_people_stay_off_the_carriageway(plan, traffic, views, depth_inside):
    feet = []
    for view in views[::3]:
        for quad in traffic.people(view, 12.0):
            assert quad.surface == Surface.UPRIGHT
            assert 1.5 < np.linalg.norm(quad.down) < 2.1
            feet.append((quad.origin + quad.right / 2)[:2])
    feet = np.array(feet)
    assert len(feet) > 50
    # At corners, where the kerb is round, they cut across.
    deepest = np.max([depth_inside(b.kerb, feet) for b in plan.blocks], axis=0)
    assert (deepest > 0.3).mean() > 0.85
    assert deepest.min() > -2.5


def test_people_walk(traffic, views):
    for view in views[2:6]:
        early, late = (np.array([(q.origin + q.right / 2)[:2] for q in traffic.people(view, t)])
                       for t in (5.0, 5.5))
        gaps = np.linalg.norm(early[:, None] - late[None], axis=2).min(axis=1)
        assert 0.3 < np.median(gaps) < 1.0


def met(plan, drive):
    """Return, for each vehicle within 4 m of the camera during a drive, how near it comes."""
    trajectory = Trajectory(plan, replace(drive, rate_hz=4.0))
    traffic = Traffic(plan, drive.condition, drive.seed)
    times = trajectory.frame_times_s()
    found = []
    for time, pose in zip(times, trajectory.poses(times), strict=True):
        view = View(CAMERA, pose @ CAMERA.T_base_optical)
        for vehicle in (*traffic.moving(view, float(time), pose), *traffic.parked(view)):
            if np.hypot(vehicle.x - view.position[0], vehicle.y - view.position[1]) < 16.0:
                ahead = np.cos(vehicle.yaw - pose.yaw())
                found.append((distance(vehicle.footprint(), view.position[:2]), ahead))
    return np.array(found)


def test_nobody_drives_through_the_camera_in_its_own_lane(plan):
    for seed in (0, 3):
        near = met(plan, Drive(seed=seed))
        same_way = near[:, 1] > 0.95
        assert len(near) > 100
        assert near[same_way, 0].min() > 1.0


@pytest.mark.parametrize('drive', [
    Drive(seed=2, lane_offset_m=4.5), Drive(seed=1, lane_offset_m=-0.8), Drive(seed=4),
    Drive(seed=7), Drive(seed=1, camera_yaw_deg=90.0),
], ids=['on_the_left', 'on_the_right', 'turning', 'turning_too', 'looking_aside'])
def test_the_camera_is_never_inside_a_vehicle(plan, drive):
    assert met(plan, drive)[:, 0].min() > 0.3


def test_a_bus_is_seen_until_all_of_it_has_passed(plan, camera, look):
    # Find a bus and stand beside its middle, looking along it: its rear half is ahead.
    traffic = Traffic(plan, Condition(), 0)
    for node in plan.crossings.reshape(-1, 2):
        wide = View(camera, look((*node, 8.0)))
        for bus in traffic.moving(wide, 0.0):
            if bus.model != 'bus':
                continue
            ahead = np.array([np.cos(bus.yaw), np.sin(bus.yaw)])
            left = np.array([-ahead[1], ahead[0]])
            place = np.array([bus.x, bus.y]) - 7.0 * ahead + 3.0 * left
            # Oncoming: the camera looks the other way.
            view = View(camera, look((*place, 1.5), bus.yaw + np.pi))
            assert bus in traffic.moving(view, 0.0)
            return
    pytest.fail('no bus in town')
