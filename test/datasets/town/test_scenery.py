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

"""Houses, trees and lamps as they are drawn: every pixel of a wall lies on a wall of the plan."""

from dataclasses import replace

import numpy as np
import pytest
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.drive import Trajectory
from vpr_ros.datasets.town.raster import Canvas
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.scenery import billboard
from vpr_ros.datasets.town.scenery import Scenery
from vpr_ros.datasets.town.surfaces import DIRECTIONS
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.texture import blank
from vpr_ros.datasets.town.texture import Texture
from vpr_ros.types import Camera

WIDE = Camera('wide', 200, 112, np.array([[80.0, 0.0, 99.5], [0.0, 80.0, 55.5], [0.0, 0.0, 1.0]]))
TELE = Camera('tele', 128, 160, np.array([[420.0, 0.0, 60.0], [0.0, 400.0, 90.0],
                                          [0.0, 0.0, 1.0]]))
# Which camera, at which share of the loop, how high, and how it is turned off the road.
LOOKS = [
    ('small', 0.02, 1.5, 0.0, 0.0, 0.0), ('small', 0.21, 1.6, -0.7, -0.2, 0.1),
    ('wide', 0.33, 1.5, 0.0, 0.02, -0.03), ('wide', 0.47, 1.2, 1.5, -0.3, 0.25),
    ('tele', 0.69, 2.5, -0.4, -0.1, 0.4), ('small', 0.8, 1.5, 3.0, 0.1, -0.2),
    ('wide', 0.9, 25.0, 0.3, 0.5, 0.1)]


@pytest.fixture(scope='module')
def houses(plan):
    """Return the scenery without hedges: a low garden wall is a wall, too."""
    return Scenery(replace(plan, hedges=np.zeros((0, 2, 2))), Condition())


@pytest.fixture(scope='module')
def sides(plan):
    """Return the sides of all houses: begin and end (n, 2), outward normal and wall height."""
    begin = np.concatenate([b.corners for b in plan.buildings])
    end = np.concatenate([np.roll(b.corners, -1, axis=0) for b in plan.buildings])
    along = (end - begin) / np.linalg.norm(end - begin, axis=1, keepdims=True)
    high = np.repeat([b.height_m for b in plan.buildings], 4)
    return begin, end, np.stack([along[:, 1], -along[:, 0]], axis=1), high


@pytest.fixture(scope='module')
def shots(plan, camera, look, houses):
    """Return (camera, T_map_optical, canvas) of houses alone, along the loop."""
    cameras = {'small': camera, 'wide': WIDE, 'tele': TELE}
    trajectory = Trajectory(plan, Drive())
    found = []
    for name, share, height, yaw, pitch, roll in LOOKS:
        pose = trajectory.poses(np.array([share * trajectory.duration_s]))[0]
        T = look((*pose.position[:2], height), pose.yaw() + yaw, pitch, roll)
        view = View(cameras[name], T)
        quads = [q for q in houses.seen(view)
                 if q.surface >= Surface.WALL or q.surface == Surface.TOP]
        canvas = Canvas(view.camera.width, view.camera.height)
        canvas.clear()
        canvas.draw(view, quads)
        found.append((cameras[name], T, canvas))
    return found


def walls(canvas):
    return (canvas.surface >= Surface.WALL) & (canvas.surface < Surface.ROOF)


def flat(nearness):
    """Return (H, W): where a pixel and its neighbours lie in one plane."""
    bend = np.full(nearness.shape, np.inf)
    n = nearness.astype(float)
    bend[1:-1, 1:-1] = np.maximum(
        np.abs(n[1:-1, 2:] - 2 * n[1:-1, 1:-1] + n[1:-1, :-2]),
        np.abs(n[2:, 1:-1] - 2 * n[1:-1, 1:-1] + n[:-2, 1:-1]))
    return bend < 1e-6


def test_every_pixel_of_a_wall_lies_on_a_side_of_a_house(shots, sides, rays, uniform):
    begin, end, normals, high = sides
    lengths = np.linalg.norm(end - begin, axis=1)
    seen = 0
    for camera, T, canvas in shots:
        chosen = walls(canvas) & uniform(canvas.surface) & flat(canvas.nearness)
        seen += int(chosen.sum())
        # Inside of walls, that is; but that is most of what is seen of them.
        if camera is not TELE:
            assert chosen.sum() > 0.5 * walls(canvas).sum()
        rows, columns = np.nonzero(chosen)
        some = np.random.default_rng(0).permutation(len(rows))[:500]
        rows, columns = rows[some], columns[some]
        depth = 1.0 / canvas.nearness[rows, columns].astype(float)
        points = T.position + rays(camera, T)[rows, columns] * depth[:, None]
        to = points[:, None, :2] - begin[None]
        off = np.abs(np.einsum('ijk,jk->ij', to, normals))
        at = to[..., 1] * normals[:, 0] - to[..., 0] * normals[:, 1]
        beyond = np.maximum(np.maximum(-at, at - lengths), 0.0)
        # Of walls that face the camera: neighbours turn their backs where they touch.
        back = ((T.position[:2] - begin) * normals).sum(axis=1) <= 0
        distance = np.hypot(off, beyond) + np.where(back, 1e6, 0.0)
        side = distance.argmin(axis=1)
        assert distance.min(axis=1).max() < 0.01
        # The number of the surface says which way this wall faces.
        faces = np.arctan2(normals[side, 1], normals[side, 0])
        said = (canvas.surface[rows, columns].astype(int) - Surface.WALL) * 2 * np.pi / DIRECTIONS
        wrong = np.abs((faces - said + np.pi) % (2 * np.pi) - np.pi) > np.pi / DIRECTIONS + 1e-6
        assert not wrong.any()
        # From the ground to the ridge.
        assert points[:, 2].min() > -0.01
        assert (points[:, 2] < high[side] + 7.0).all()
    assert seen > 20_000


def test_no_wall_is_missing(shots, sides, rays, uniform):
    begin, end, normals, high = sides
    along = end - begin
    compared = 0
    for camera, T, canvas in shots:
        steady = uniform(np.where(canvas.surface == Surface.SKY, 0, 1 + walls(canvas)))
        rows, columns = np.nonzero(steady)
        keep = np.random.default_rng(0).permutation(len(rows))[:600]
        rows, columns = rows[keep], columns[keep]
        ways = rays(camera, T)[rows, columns]
        eye = T.position
        # Where each ray meets the line of each side, seen from above.
        with np.errstate(divide='ignore', invalid='ignore'):
            down = ways[:, None, :2] @ normals[None].transpose(0, 2, 1)
            depth = np.einsum('jk,jk->j', begin - eye[:2], normals) / down[:, 0]
            hit = eye[:2] + depth[..., None] * ways[:, None, :2]
            share = np.einsum('ijk,jk->ij', hit - begin, along) / (along ** 2).sum(axis=1)
            z = eye[2] + depth * ways[:, None, 2]
            meets = (depth > 0.5) & (down[:, 0] < 0) & (share > 0.002) & (share < 0.998) \
                & (z > 0.02) & (z < high - 0.02)
        nearest = np.where(meets, depth, np.inf).min(axis=1)
        shown = canvas.nearness[rows, columns]
        surface = canvas.surface[rows, columns]
        near = nearest < 150.0
        # Nothing farther than the nearest wall is seen, be it a wall, a roof or the sky.
        hidden = shown[near] > (1.0 / nearest[near]) * (1 - 0.01) - 1e-5
        assert hidden.mean() > 0.99
        # And a wall is seen where rays meet it; gables reach above the walls.
        own = near & (surface >= Surface.WALL) & (surface < Surface.ROOF)
        same = np.abs(shown[own] * nearest[own] - 1.0) < 0.01
        assert same.mean() > 0.93
        compared += int(own.sum())
    assert compared > 1000


def test_roofs_are_above_their_walls(shots, rays, uniform):
    for camera, T, canvas in shots:
        roofs = (canvas.surface >= Surface.ROOF) & uniform(canvas.surface)
        depth = 1.0 / canvas.nearness[roofs].astype(float)
        z = T.position[2] + rays(camera, T)[roofs][:, 2] * depth
        assert (z > 2.0).all()
        assert (z < 45.0).all()


def test_a_billboard_stands_on_its_point_and_faces_the_camera(camera, look):
    texture = Texture(blank(8, 8))
    for yaw in (0.0, 1.0, 2.5, -2.0):
        view = View(camera, look((3.0, -2.0, 1.5), yaw))
        ahead = np.array([np.cos(yaw), np.sin(yaw)])
        point = np.array([3.0, -2.0]) + 9.0 * ahead + 2.0 * np.array([ahead[1], -ahead[0]])
        quad = billboard(view, point, 5.0, 0.8, lambda: texture, Surface.LEAVES)
        foot = quad.origin + quad.down + quad.right / 2
        assert foot == pytest.approx([*point, 0.0])
        assert quad.down == pytest.approx([0.0, 0.0, -5.0])
        assert np.linalg.norm(quad.right) == pytest.approx(4.0)
        assert quad.right[2] == 0.0
        assert (point - view.position[:2]) @ quad.right[:2] == pytest.approx(0.0, abs=1e-9)
        canvas = Canvas(camera.width, camera.height)
        canvas.clear()
        canvas.draw(view, [quad])
        assert (canvas.surface == Surface.LEAVES).any()


def test_trees_and_lamps_stand_where_the_plan_has_them(plan, camera, look):
    scenery = Scenery(plan, Condition())
    trees = np.array([[t.x, t.y, t.height_m] for t in plan.trees])
    pose = Trajectory(plan, Drive()).poses(np.array([60.0]))[0]
    view = View(camera, look((*pose.position[:2], 1.5), pose.yaw()))
    feet = {Surface.LEAVES: [], Surface.UPRIGHT: []}
    for quad in scenery.seen(view):
        if quad.surface in feet and np.linalg.norm(quad.down[:2]) == 0 and quad.down[2] < -2:
            feet[Surface(quad.surface)].append(
                [*(quad.origin + quad.right / 2)[:2], -quad.down[2]])
    leafy = np.array(feet[Surface.LEAVES])
    assert len(leafy) > 10
    gaps = np.abs(leafy[:, None] - trees[None]).max(axis=2).min(axis=1)
    assert gaps.max() < 1e-6
    lamps = np.array([f for f in feet[Surface.UPRIGHT] if f[2] > 5.0])[:, :2]
    assert len(lamps) > 5
    assert np.abs(lamps[:, None] - plan.lamps[None, :, :2]).max(axis=2).min(axis=1).max() < 1e-6


def draw_all(scenery, view):
    canvas = Canvas(view.camera.width, view.camera.height)
    canvas.clear()
    canvas.draw(view, list(scenery.seen(view)))
    return canvas


@pytest.mark.parametrize('share', [0.1, 0.5])
def test_without_leaves_only_trees_look_different(plan, camera, look, share):
    trajectory = Trajectory(plan, Drive())
    pose = trajectory.poses(np.array([share * trajectory.duration_s]))[0]
    view = View(camera, look((*pose.position[:2], 1.5), pose.yaw()))
    leafy, bare = (draw_all(Scenery(plan, Condition(leaf_off=off)), view) for off in (False, True))
    differs = (leafy.colour != bare.colour).any(axis=2) | (leafy.surface != bare.surface)
    trees = (leafy.surface == Surface.LEAVES) | (bare.surface == Surface.LEAVES)
    assert differs.sum() > 50
    assert not (differs & ~trees).any()
    # One sees through bare trees.
    assert (bare.surface == Surface.LEAVES).sum() < (leafy.surface == Surface.LEAVES).sum()


def test_another_evening_changes_only_what_shines(plan, camera, look):
    trajectory = Trajectory(plan, Drive())
    pose = trajectory.poses(np.array([0.33 * trajectory.duration_s]))[0]
    view = View(camera, look((*pose.position[:2], 1.5), pose.yaw() + 0.6, -0.1))
    one, other = (draw_all(Scenery(plan, Condition('night'), evening=e), view) for e in (0, 1))
    assert np.array_equal(one.surface, other.surface)
    assert np.array_equal(one.nearness, other.nearness)
    assert np.array_equal(one.colour[..., :3], other.colour[..., :3])
    shine = one.colour[..., 3] != other.colour[..., 3]
    assert 0.002 < shine.mean() < 0.5
    assert walls(one)[shine].all()


def test_years_change_a_part_of_the_walls_alone(plan, camera, look):
    trajectory = Trajectory(plan, Drive())
    changed = 0
    for share in (0.2, 0.33):
        pose = trajectory.poses(np.array([share * trajectory.duration_s]))[0]
        view = View(camera, look((*pose.position[:2], 1.5), pose.yaw() + 0.3))
        then, now = (draw_all(Scenery(plan, Condition(), years=y), view) for y in (0, 4))
        assert np.array_equal(then.surface, now.surface)
        assert np.array_equal(then.nearness, now.nearness)
        differs = (then.colour != now.colour).any(axis=2)
        assert walls(then)[differs].all()
        assert differs.mean() < 0.3
        changed += differs.sum()
    assert changed > 50
