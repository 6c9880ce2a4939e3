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

"""Where the streets and the houses of the town are."""

import numpy as np
import pytest
from vpr_ros.datasets.town.plan import COLUMNS
from vpr_ros.datasets.town.plan import inset
from vpr_ros.datasets.town.plan import make_plan
from vpr_ros.datasets.town.plan import rounded
from vpr_ros.datasets.town.plan import ROWS

SEEDS = (0, 5)


@pytest.fixture(scope='module', params=SEEDS)
def town(request):
    return make_plan(request.param)


def area(polygon):
    x, y = polygon.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def common(polygon, other):
    """Return the area that two convex polygons, both counter-clockwise, share."""
    for a, b in zip(other, np.roll(other, -1, axis=0), strict=True):
        kept = []
        left = (b[0] - a[0]) * (polygon[:, 1] - a[1]) - (b[1] - a[1]) * (polygon[:, 0] - a[0])
        for i in range(len(polygon)):
            j = (i + 1) % len(polygon)
            if left[i] >= 0:
                kept.append(polygon[i])
            if (left[i] >= 0) != (left[j] >= 0):
                share = left[i] / (left[i] - left[j])
                kept.append(polygon[i] + share * (polygon[j] - polygon[i]))
        if len(kept) < 3:
            return 0.0
        polygon = np.array(kept)
    return area(polygon)


def convex(polygon):
    edges = np.roll(polygon, -1, axis=0) - polygon
    after = np.roll(edges, -1, axis=0)
    return bool((edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0] > -1e-6).all())


def owners(town, buildings):
    """Return the blocks on which buildings stand."""
    middles = np.array([b.building_line.mean(axis=0) for b in town.blocks])
    found = []
    for building in buildings:
        to = middles - building.corners.mean(axis=0)
        found.append(town.blocks[int(np.argmin((to ** 2).sum(axis=1)))])
    return found


def overlaps(town, kinds):
    """Return the areas in m2 that two houses of these kinds share."""
    houses = [b for b in town.buildings if b.kind in kinds]
    middles = np.array([b.corners.mean(axis=0) for b in houses])
    found = []
    for i, house in enumerate(houses):
        near = np.flatnonzero(np.linalg.norm(middles - middles[i], axis=1) < 50.0)
        found += [common(house.corners, houses[j].corners) for j in near if j > i]
    return np.array(found)


def test_it_has_the_crossings_and_blocks_of_its_grid(town):
    assert town.crossings.shape == (ROWS, COLUMNS, 2)
    assert len(town.blocks) == (ROWS - 1) * (COLUMNS - 1)
    assert (len(town.streets_ew), len(town.streets_ns)) == (ROWS, COLUMNS)
    # Moved about, but never so far that two streets would meet elsewhere.
    assert (np.diff(town.crossings[..., 0], axis=1) > 50.0).all()
    assert (np.diff(town.crossings[..., 1], axis=0) > 40.0).all()
    assert {b.kind for b in town.blocks} >= {'dense', 'terrace', 'park', 'works', 'detached'}


def test_a_street_joins_crossings_of_one_line(town):
    assert town.street_between((3, 1), (3, 4)) is town.streets_ew[3]
    assert town.street_between((1, 4), (3, 4)) is town.streets_ns[4]
    for street in (*town.streets_ew, *town.streets_ns):
        assert 1.5 < street.lane_m < street.half_width_m - 1.5


def test_polygons_run_counter_clockwise_and_are_convex(town):
    polygons = [b.corners for b in town.buildings] + [b.building_line for b in town.blocks] \
        + [b.kerb for b in town.blocks]
    assert min(area(p) for p in polygons) > 4.0
    assert all(convex(p) for p in polygons)


def test_blocks_keep_out_of_the_carriageways(town):
    for r in range(ROWS):
        for c in range(COLUMNS):
            for to in ((r + 1, c), (r, c + 1)):
                if to[0] == ROWS or to[1] == COLUMNS:
                    continue
                a, b = town.crossings[r, c], town.crossings[to]
                half = town.street_between((r, c), to).half_width_m
                across = np.array([a[1] - b[1], b[0] - a[0]]) / np.linalg.norm(b - a) * half
                lane = np.array([a + across, a - across, b - across, b + across])
                lane = lane if area(lane) > 0 else lane[::-1]
                middle = (a + b) / 2
                for block in town.blocks:
                    if np.linalg.norm(block.kerb.mean(axis=0) - middle) < 90.0:
                        assert common(block.kerb, lane) < 0.01


def test_frontages_have_their_block_on_the_left(town, depth_inside):
    for block in town.blocks:
        for front in block.frontages:
            half = front.length_m / 2
            inside, outside = front.point(half, 1.0), front.point(half, -1.0)
            depths = depth_inside(block.kerb, np.stack([inside, outside]))
            assert depths == pytest.approx([1.0, -1.0], abs=1e-6)
            assert front.yaw == pytest.approx(np.arctan2(front.along[1], front.along[0]))
            assert np.linalg.norm(front.point(front.length_m, 0.0) - front.start) \
                == pytest.approx(front.length_m)


def test_houses_stand_behind_their_pavement(town, depth_inside):
    houses = [b for b in town.buildings if b.kind != 'works']
    for house, block in zip(houses, owners(town, houses), strict=True):
        assert depth_inside(block.building_line, house.corners).min() > -0.01


def test_houses_that_stand_alone_do_not_touch(town):
    assert overlaps(town, ('detached',)).max() < 0.01


def test_the_tower_is_a_part_of_its_hall(town, depth_inside):
    hall, tower = (b for b in town.buildings if b.kind == 'hall')
    assert depth_inside(hall.corners, tower.corners).min() > -1.0
    assert tower.height_m > 2 * hall.height_m


def test_houses_have_sensible_sizes(town):
    for building in town.buildings:
        sides = np.linalg.norm(np.roll(building.corners, -1, axis=0) - building.corners, axis=1)
        assert sides.min() > 2.0
        assert sides.max() < 45.0
        assert 2.5 < building.height_m < 40.0
        assert 0.0 <= building.roof_m < 10.0
        assert building.windows[0]


def test_terraces_are_of_few_styles_and_stand_in_several_streets(town):
    terraces = [b for b in town.buildings if b.kind == 'terrace']
    assert len(terraces) > 100
    assert len({b.style for b in terraces}) <= 3
    assert len({(b.height_m, b.roof_m) for b in terraces}) == 1
    widths = [np.linalg.norm(b.corners[1] - b.corners[0]) for b in terraces]
    assert np.ptp(widths) < 0.01
    assert len({id(block) for block in owners(town, terraces)}) >= 4
    dense = [b for b in town.buildings if b.kind == 'dense']
    assert len({b.style for b in dense}) > 0.9 * len(dense)


def test_trees_lamps_and_hedges_keep_off_the_carriageway(town, depth_inside):
    points = np.concatenate([[[t.x, t.y] for t in town.trees], town.lamps[:, :2],
                             town.hedges.reshape(-1, 2)])
    deepest = np.max([depth_inside(b.kerb, points) for b in town.blocks], axis=0)
    assert deepest.min() > 0.3
    assert all(2.0 < t.height_m < 15.0 for t in town.trees)


def test_lamps_reach_over_the_street(town, depth_inside):
    heads = town.lamps[:, :2] + 1.5 * np.stack([np.cos(town.lamps[:, 2]),
                                                np.sin(town.lamps[:, 2])], axis=1)
    assert max(depth_inside(b.kerb, heads).max() for b in town.blocks) < 0.0


def test_equal_seeds_make_equal_towns_and_others_other_ones(town):
    again, other = make_plan(town.seed), make_plan(town.seed + 1)
    assert np.array_equal(again.crossings, town.crossings)
    assert np.array_equal(again.lamps, town.lamps)
    assert np.array_equal(again.hedges, town.hedges)
    assert again.trees == town.trees
    assert len(again.buildings) == len(town.buildings)
    for a, b in zip(again.buildings, town.buildings, strict=True):
        assert np.array_equal(a.corners, b.corners)
        assert (a.style, a.number, a.height_m) == (b.style, b.number, b.height_m)
    assert not np.array_equal(other.crossings, town.crossings)
    styles = {b.style for b in town.buildings if b.kind == 'dense'}
    assert not styles & {b.style for b in other.buildings if b.kind == 'dense'}


def test_inset_moves_each_side_by_its_own_distance(depth_inside):
    corners = np.array([[0.0, 0.0], [40.0, 3.0], [38.0, 30.0], [-4.0, 26.0]])
    distances = (1.0, 2.0, 3.0, 4.0)
    moved = inset(corners, distances)
    along = np.roll(corners, -1, axis=0) - corners
    inward = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(
        along, axis=1, keepdims=True)
    for i, distance in enumerate(distances):
        for corner in (moved[i], moved[(i + 1) % 4]):
            assert (corner - corners[i]) @ inward[i] == pytest.approx(distance)
    assert inset(moved, tuple(-d for d in distances)) == pytest.approx(corners)


def test_rounding_cuts_corners_alone():
    corners = np.array([[0.0, 0.0], [40.0, 0.0], [40.0, 30.0], [0.0, 30.0]])
    line = rounded(corners, 4.0)
    assert convex(line)
    assert 1200.0 - 4 * 16.0 < area(line) < 1200.0
    assert np.linalg.norm(line[:, None] - corners[None], axis=2).max(axis=1).min() > 20.0
    assert [4.0, 0.0] in line.tolist()
    assert [0.0, 26.0] in line.tolist()


def test_works_stand_behind_their_pavement(depth_inside):
    depths = []
    for town in map(make_plan, SEEDS):
        works = [b for b in town.buildings if b.kind == 'works']
        depths += [depth_inside(block.building_line, b.corners).min()
                   for b, block in zip(works, owners(town, works), strict=True)]
    assert min(depths) > -0.01


@pytest.mark.parametrize('kind', ['dense', 'terrace', 'works'])
def test_no_house_stands_in_another(kind):
    assert max(overlaps(make_plan(seed), (kind,)).max() for seed in SEEDS) < 0.05
