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

"""The ground: every pixel lies where the plan has its asphalt, its pavements and its lawns."""

import numpy as np
import pytest
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.drive import Trajectory
from vpr_ros.datasets.town.ground import Ground
from vpr_ros.datasets.town.raster import Canvas
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.types import Camera

WIDE = Camera('wide', 200, 112, np.array([[90.0, 0.0, 99.5], [0.0, 85.0, 50.0], [0.0, 0.0, 1.0]]))
# Which camera, at which share of the loop, how high, and how it is turned off the road.
LOOKS = [('small', 0.03, 1.5, 0.0, 0.05, 0.0), ('small', 0.2, 1.5, 0.6, 0.1, 0.1),
         ('wide', 0.35, 1.5, -0.8, 0.15, -0.2), ('wide', 0.5, 1.5, 0.0, 0.0, 0.0),
         ('small', 0.62, 12.0, 2.6, 1.0, 0.3), ('wide', 0.77, 15.0, 0.2, 1.4, 0.0),
         ('small', 0.92, 20.0, -1.3, 0.8, 0.1)]
# The kerb is that high, about.
KERB_M = 0.13


@pytest.fixture(scope='module')
def grounds(plan):
    return {snow: Ground(plan, snow=snow) for snow in (False, True)}


@pytest.fixture(scope='module')
def shoot(plan, camera, look, grounds):
    """Return a function that draws the ground at a place of LOOKS."""
    trajectory = Trajectory(plan, Drive())

    def shoot(which, *, snow=False, shaded=()):
        name, share, height, yaw, pitch, roll = LOOKS[which]
        pose = trajectory.poses(np.array([share * trajectory.duration_s]))[0]
        T = look((*pose.position[:2], height), pose.yaw() + yaw, pitch, roll)
        view = View(camera if name == 'small' else WIDE, T)
        canvas = Canvas(view.camera.width, view.camera.height)
        canvas.clear()
        grounds[snow].draw(canvas, view, shaded)
        return view.camera, T, canvas

    return shoot


@pytest.fixture(scope='module')
def where(rays):
    """Return a function: where the rays of pixels meet a height, (H, W, 2), and which do near."""
    def where(camera, T, height_m):
        ways = rays(camera, T)
        with np.errstate(divide='ignore', invalid='ignore'):
            depth = (height_m - T.position[2]) / ways[..., 2]
        points = (T.position + ways * depth[..., None])[..., :2]
        # Where a pixel is not longer than half a metre of ground.
        length = depth ** 2 / (T.position[2] - height_m) / camera.matrix[1, 1]
        near = (depth > 0) & (length < 0.5)
        return np.where(near[..., None], points, 1e6), near

    return where


@pytest.fixture(scope='module')
def in_blocks(plan, depth_inside):
    """Return a function: how deep points (n, 2) lie inside the kerbs, without that of works."""
    def in_blocks(points, *, works):
        kerbs = [b.kerb for b in plan.blocks if works or b.kind != 'works']
        middles = np.array([k.mean(axis=0) for k in kerbs])
        close = [k for k, m in zip(kerbs, middles, strict=True)
                 if np.linalg.norm(points - m, axis=1).min() < 70.0]
        return np.max([depth_inside(k, points) for k in close], axis=0)

    return in_blocks


@pytest.mark.parametrize('which', range(len(LOOKS)))
def test_depth_is_that_of_the_flat_ground(shoot, rays, which):
    camera, T, canvas = shoot(which)
    ways = rays(camera, T)
    assert canvas.nearness == pytest.approx(np.maximum(-ways[..., 2] / T.position[2], 0.0),
                                            abs=1e-5)
    # Up to a pixel about the horizon.
    assert ((canvas.surface > 0) != (canvas.nearness > 0)).sum() <= canvas.width
    assert not canvas.surface[-ways[..., 2] < -0.02].any()


@pytest.mark.parametrize('which', range(len(LOOKS)))
def test_asphalt_is_outside_of_the_kerbs_and_paving_inside(shoot, where, in_blocks, uniform,
                                                           which):
    camera, T, canvas = shoot(which)
    top, near = where(camera, T, KERB_M)
    sure = uniform(canvas.surface) & near
    asphalt = sure & (canvas.surface == Surface.ASPHALT)
    assert asphalt.sum() > 500
    # Kerbs are a step: what is seen at their foot is at the height of the street.
    assert in_blocks(top[asphalt], works=False).max() < 0.05
    raised = sure & np.isin(canvas.surface, (Surface.PAVING, Surface.GRASS))
    if raised.any():
        assert in_blocks(top[raised], works=True).min() > -0.05


@pytest.mark.parametrize('which', range(len(LOOKS)))
def test_where_the_plan_has_street_and_block_the_picture_has_them_too(shoot, where, in_blocks,
                                                                      which):
    camera, T, canvas = shoot(which)
    foot, near = where(camera, T, 0.0)
    top, _ = where(camera, T, KERB_M)
    street = np.zeros(near.shape, bool)
    block = np.zeros(near.shape, bool)
    street[near] = (in_blocks(foot[near], works=True) < -0.3) \
        & (in_blocks(top[near], works=True) < -0.3)
    block[near] = (in_blocks(top[near], works=True) > 0.6)
    assert street.sum() > 300
    ground = canvas.surface[street]
    assert np.isin(ground, (Surface.ASPHALT, Surface.PAINT)).mean() > 0.99
    if block.any():
        assert np.isin(canvas.surface[block], (Surface.PAVING, Surface.GRASS,
                                               Surface.ASPHALT)).mean() > 0.99


@pytest.mark.parametrize('snow', [False, True])
def test_markings_and_tracks_lie_on_the_carriageway(shoot, where, in_blocks, uniform, snow):
    painted = 0
    for which in range(len(LOOKS)):
        camera, T, canvas = shoot(which, snow=snow)
        foot, near = where(camera, T, 0.0)
        paint = near & (canvas.surface == Surface.PAINT) & uniform(canvas.surface)
        painted += paint.sum()
        if paint.any():
            assert in_blocks(foot[paint], works=True).max() < 0.0
    assert painted > 200


def test_snow_hides_the_markings(shoot):
    _, _, clear = shoot(3)
    _, _, white = shoot(3, snow=True)
    assert not np.array_equal(clear.surface, white.surface)
    assert np.array_equal(clear.nearness, white.nearness)


def test_markings_are_lighter_than_the_street(shoot):
    _, _, canvas = shoot(3)
    light = canvas.colour[..., :3].mean(axis=2)
    assert light[canvas.surface == Surface.PAINT].mean() \
        > 30 + light[canvas.surface == Surface.ASPHALT].mean()


def test_what_is_under_a_vehicle_is_dark(plan, shoot, where, depth_inside, uniform):
    camera, T, before = shoot(0)
    ahead = T.rotation()[:2, 2] / np.linalg.norm(T.rotation()[:2, 2])
    left = np.array([-ahead[1], ahead[0]])
    front = T.position[:2] + 4.0 * ahead
    under = np.stack([front - left, front + 4 * ahead - left, front + 4 * ahead + left,
                      front + left])
    _, _, canvas = shoot(0, shaded=[under])
    foot, near = where(camera, T, 0.0)
    inside = np.zeros(near.shape, bool)
    inside[near] = depth_inside(under, foot[near]) > 0
    sure = uniform(inside)
    assert (inside & sure).sum() > 100
    assert (canvas.surface[inside & sure] == Surface.PAINT).all()
    assert (canvas.colour[inside & sure][:, :3].mean()
            < 0.7 * before.colour[inside & sure][:, :3].mean())
    # Its border is smooth, a pixel or two wide.
    outside = ~inside & sure
    outside &= uniform(outside)
    assert np.array_equal(canvas.colour[outside], before.colour[outside])


def test_the_grain_of_the_ground_stays_where_it_is(plan, grounds, look):
    # The same spot of a street, seen straight from above by two cameras.
    above = Camera('above', 120, 120, np.array([[120.0, 0.0, 59.5], [0.0, 120.0, 59.5],
                                                [0.0, 0.0, 1.0]]))
    middle = (plan.crossings[3, 2] + plan.crossings[3, 3]) / 2
    pictures = []
    for turn in (0.0, np.pi / 2):
        view = View(above, look((*middle, 6.0), turn, np.pi / 2))
        canvas = Canvas(120, 120)
        canvas.clear()
        grounds[False].draw(canvas, view, [])
        pictures.append(canvas.colour[..., :3].astype(float).mean(axis=2))
    assert pictures[0].std() > 2.0
    turned = [np.rot90(pictures[1], k) for k in range(4)]
    differences = [np.abs(pictures[0] - t)[4:-4, 4:-4].mean() for t in turned]
    assert min(differences[1], differences[3]) < 0.3 * differences[0]


def test_a_marking_stays_until_it_has_left_the_picture(plan, grounds, look, camera):
    # Along a street, by steps of 3 cm: paint leaves the picture a little at a time.
    begin, end = plan.crossings[3, 2], plan.crossings[3, 3]
    along = (end - begin) / np.linalg.norm(end - begin)
    painted = []
    for way in np.arange(34.0, 42.0, 0.03):
        view = View(camera, look((*(begin + way * along), 1.5), np.arctan2(along[1], along[0])))
        canvas = Canvas(camera.width, camera.height)
        canvas.clear()
        grounds[False].draw(canvas, view, [])
        painted.append((canvas.surface == Surface.PAINT).sum())
    assert max(painted) > 100
    assert np.abs(np.diff(painted)).max() < 60
