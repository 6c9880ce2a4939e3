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

"""The lines that cars follow through the town."""

import numpy as np
import pytest
from vpr_ros.datasets.town.plan import make_plan
from vpr_ros.datasets.town.routes import route_path
from vpr_ros.datasets.town.routes import ROUTES
from vpr_ros.datasets.town.routes import STEP_M
from vpr_ros.errors import VprError

CASES = [*((0, route, reverse) for route in ROUTES for reverse in (False, True)),
         (3, 'loop', False), (3, 'tour', True)]


@pytest.fixture(scope='module')
def towns():
    return {seed: make_plan(seed) for seed in (0, 3)}


@pytest.fixture(params=CASES, ids=lambda c: f'{c[1]}{"_reverse" * c[2]}_{c[0]}')
def case(request, towns):
    seed, route, reverse = request.param
    return towns[seed], route_path(towns[seed], route, reverse=reverse)


def passed(town, path):
    """Return the crossings (row, column) that a line comes by, in order."""
    nodes = town.crossings.reshape(-1, 2)
    distances = np.linalg.norm(path.points[:, None] - nodes[None], axis=2)
    nearest = distances.argmin(axis=1)
    order = []
    for node, distance in zip(nearest.tolist(), distances.min(axis=1), strict=True):
        if distance < 11.0 and (not order or order[-1] != node):
            order.append(node)
    return [divmod(node, town.crossings.shape[1]) for node in order]


def to_the_right_m(legs, town, path):
    """Return how far right of the middle of their street points lie, and its half width."""
    starts, along, lengths, halves = legs(town)
    ahead = np.stack([np.cos(path.yaw), np.sin(path.yaw)], axis=1)
    right, half = [], []
    for point, forward in zip(path.points[::4], ahead[::4], strict=True):
        to = point - starts
        at = (to * along).sum(axis=1)
        aside = to[:, 0] * along[:, 1] - to[:, 1] * along[:, 0]
        on = (at > 18.0) & (at < lengths - 18.0) & (np.abs(aside) < halves)
        if on.any():
            i = int(np.flatnonzero(on)[0])
            right.append(aside[i] * np.sign(along[i] @ forward))
            half.append(halves[i])
    return np.array(right), np.array(half)


def test_a_line_stays_on_the_carriageway(case, depth_inside):
    town, path = case
    deepest = np.max([depth_inside(b.kerb, path.points[::2]) for b in town.blocks], axis=0)
    # Half a car and a hand's breadth from every kerb.
    assert deepest.max() < -1.2
    houses = [depth_inside(b.corners, path.points[::16]).max() for b in town.buildings]
    assert max(houses) < 0.0


def test_a_line_keeps_right(legs, case):
    right, half = to_the_right_m(legs, *case)
    assert len(right) > 100
    assert right.min() > 1.0
    assert (right < half - 1.2).all()


def test_points_are_evenly_spaced_and_yaw_follows_them(case):
    _, path = case
    steps = np.diff(path.points, axis=0)
    # A chord in a bend is a little shorter than the way along it.
    assert np.linalg.norm(steps, axis=1) == pytest.approx(STEP_M, rel=0.02)
    assert path.at_m == pytest.approx(np.arange(len(path.points)) * STEP_M)
    assert 0 <= path.length_m - path.at_m[-1] < STEP_M
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    assert np.cos(heading - path.yaw[:-1]).min() > np.cos(np.radians(4.0))


def test_it_turns_no_tighter_than_a_car_can(case):
    _, path = case
    assert (np.abs(np.diff(path.yaw)) / STEP_M).max() < 1 / 3.5
    curvature = path.curvature()
    assert curvature.shape == path.yaw.shape
    assert curvature.min() >= 0.0
    # All turns together, smoothed or not.
    assert curvature.sum() == pytest.approx(np.abs(np.diff(path.yaw)).sum() / STEP_M, rel=0.02)


def test_crossings_are_where_the_line_passes_them(case):
    town, path = case
    assert (np.diff(path.crossings_m) > 20.0).all()
    points, _ = path.at(path.crossings_m, np.zeros(len(path.crossings_m)))
    nodes = town.crossings.reshape(-1, 2)
    assert np.linalg.norm(points[:, None] - nodes[None], axis=2).min(axis=1).max() < 10.0


@pytest.mark.parametrize('route', ROUTES)
def test_a_route_passes_its_corners_in_order_and_backwards_in_reverse(towns, route):
    town = towns[0]
    way = passed(town, route_path(town, route))
    places = iter(way)
    assert all(corner in places for corner in ROUTES[route])
    assert passed(town, route_path(town, route, reverse=True)) == way[::-1]


@pytest.mark.parametrize('route', ROUTES)
def test_the_way_back_is_in_the_other_lane(towns, route):
    town = towns[0]
    there, back = (route_path(town, route, reverse=r) for r in (False, True))
    gaps = np.linalg.norm(there.points[::32, None] - back.points[None, ::2], axis=2)
    # Lanes may cross where a street is passed in both directions, as at crossings.
    assert np.median(gaps.min(axis=1)) > 2.5
    nearest = gaps.argmin(axis=1)
    assert np.median(np.cos(there.yaw[::32] - back.yaw[::2][nearest])) < -0.95


def test_the_loop_comes_back_to_its_beginning(towns):
    path = route_path(towns[0], 'loop')
    late = path.points[path.at_m > path.length_m - 60.0]
    early = path.points[path.at_m < 300.0]
    assert np.linalg.norm(late[:, None] - early[None], axis=2).min(axis=1).max() < 1.0


def test_the_detour_leaves_the_loop_and_comes_back(towns):
    loop, detour = (route_path(towns[0], name) for name in ('loop', 'detour'))
    step_m = 4 * STEP_M
    gap = np.linalg.norm(detour.points[::4, None] - loop.points[None, ::2], axis=2).min(axis=1)
    away = gap > 5.0
    assert away.sum() * step_m > 100.0
    # Each time for long, and most of the way it is the loop.
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], away, [0]]))))[::2]
    assert runs.max() * step_m > 50.0
    assert (gap < 0.5).mean() > 0.6
    assert gap[0] < 0.5
    assert gap[-1] < 0.5


def test_terraces_pass_between_terraces(towns, depth_inside):
    town = towns[0]
    points = route_path(town, 'terraces').points[::20]
    fronts = np.array([b.corners.mean(axis=0) for b in town.buildings])
    kinds = np.array([b.kind for b in town.buildings])
    nearest = np.linalg.norm(points[:, None] - fronts[None], axis=2).argmin(axis=1)
    assert (kinds[nearest] == 'terrace').mean() > 0.7


def test_at_gives_points_beside_the_line(towns):
    path = route_path(towns[0], 'loop')
    along = np.linspace(10.0, 200.0, 50)
    middle, yaw = path.at(along, np.zeros(50))
    left, same = path.at(along, np.full(50, 1.5))
    assert np.array_equal(yaw, same)
    across = left - middle
    assert across == pytest.approx(1.5 * np.stack([-np.sin(yaw), np.cos(yaw)], axis=1))


def test_unknown_routes_are_refused_with_the_known_ones(plan):
    with pytest.raises(VprError, match="unknown route.*'lop'; did you mean 'loop'"):
        route_path(plan, 'lop')
    with pytest.raises(VprError) as caught:
        route_path(plan, 'xyzzy')
    assert all(route in str(caught.value) for route in ROUTES)
