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

"""What stands still: houses, trees, hedges, lamps and signs, ready to be drawn."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.facades import blind_wall
from vpr_ros.datasets.town.facades import facade
from vpr_ros.datasets.town.facades import hedge
from vpr_ros.datasets.town.facades import roof_tiles
from vpr_ros.datasets.town.plan import Building
from vpr_ros.datasets.town.plan import TownPlan
from vpr_ros.datasets.town.props import bare_tree
from vpr_ros.datasets.town.props import LAMP_HEIGHT_M
from vpr_ros.datasets.town.props import lamp_post
from vpr_ros.datasets.town.props import leafy_tree
from vpr_ros.datasets.town.props import SIGNS
from vpr_ros.datasets.town.props import traffic_sign
from vpr_ros.datasets.town.props import TREES
from vpr_ros.datasets.town.raster import Quad
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.surfaces import roof
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.surfaces import wall
from vpr_ros.datasets.town.texture import Texture

__all__ = ['billboard', 'Scenery']

Array = NDArray[Any]
# Farther away nothing of a kind is drawn.
_WALLS_M, _TREES_M, _LAMPS_M, _SIGNS_M = 300.0, 190.0, 120.0, 70.0
_UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class _Flat:
    """
    Upright things that turn towards the camera.

    :param points: (n, 2).
    :param heights_m: (n,).
    :param texture: of thing i, given where it stands as seen from the camera, (2,).
    :param aspect: its width over its height.
    """

    points: Array
    heights_m: Array
    texture: Callable[[int, Array], Callable[[], Texture]]
    surface: int
    aspect: float
    reach_m: float

    def seen(self, view: View) -> Iterator[Quad]:
        near = view.near(self.points, self.reach_m, behind_m=5.0)
        for i in np.flatnonzero(near).tolist():
            yield billboard(view, self.points[i], float(self.heights_m[i]), self.aspect,
                            self.texture(i, self.points[i] - view.position[:2]), self.surface)


def billboard(view: View, point: Array, height_m: float, aspect: float,
              texture: Callable[[], Texture], surface: int) -> Quad:
    """Return an upright quad that stands at a point (2,) and turns towards the camera."""
    to = point - view.position[:2]
    distance = float(np.hypot(*to)) or 1.0
    right = np.array([to[1], -to[0], 0.0]) / distance * (height_m * aspect)
    foot = np.array([point[0], point[1], 0.0])
    return Quad(foot - right / 2 + height_m * _UP, right, -height_m * _UP, texture, surface)


class Scenery:
    """
    Everything of a plan that stays where it is, as it looks in one condition.

    :param years: how long ago the town was first seen.
    :param evening: which windows are lit.
    """

    def __init__(self, plan: TownPlan, condition: Condition, *, years: int = 0,
                 evening: int = 0) -> None:
        quads = [quad for building in plan.buildings
                 for quad in _building(building, years, evening)]
        quads += [quad for i, ends in enumerate(plan.hedges) for quad in _hedge(ends, i)]
        self._quads = quads
        origins, rights, downs = (np.array([getattr(q, name) for q in quads])
                                  for name in ('origin', 'right', 'down'))
        self._centres = origins + rights / 2 + downs / 2
        self._radii = np.linalg.norm(rights, axis=1) / 2 + np.linalg.norm(downs, axis=1) / 2
        # As seen from the front, right x down points away from the eye.
        self._normals = -np.cross(rights, downs)
        self._flats = _trees(plan, condition), _lamps(plan), _signs(plan)

    def seen(self, view: View) -> Iterator[Quad]:
        """Yield what may be in view; some of it may yet be hidden."""
        to = self._centres - view.position
        distance = np.linalg.norm(to, axis=1)
        ahead = to @ view.forward
        facing = np.einsum('ij,ij->i', self._normals, to) < 0.0
        in_view = facing & (distance < _WALLS_M) & (ahead > -self._radii)
        # Inside the cone of the image's corners, give or take the radius.
        sine, cosine = _cone(view)
        sideways = np.sqrt(np.maximum(distance ** 2 - ahead ** 2, 0.0))
        in_view &= sideways * cosine - ahead * sine < self._radii
        for i in np.flatnonzero(in_view):
            yield self._quads[i]
        for flat in self._flats:
            yield from flat.seen(view)


def _cone(view: View) -> tuple[float, float]:
    camera = view.camera
    corners = np.array([[0.0, 0.0, 1.0], [camera.width, 0.0, 1.0], [0.0, camera.height, 1.0],
                        [camera.width, camera.height, 1.0]])
    rays = corners @ view.to_ray.T
    widest = float(np.arctan(np.hypot(rays[:, 0], rays[:, 1]).max()))
    return float(np.sin(widest)), float(np.cos(widest))


def _building(b: Building, years: int, evening: int) -> Iterator[Quad]:
    corners = np.column_stack([b.corners, np.zeros(4)])
    top = b.height_m * _UP
    for side in range(4):
        begin, end = corners[side], corners[(side + 1) % 4]
        across = end - begin
        width = float(np.linalg.norm(across))
        if width < 0.5:
            continue
        surface = wall(across[1], -across[0])
        texture: Callable[[], Texture]
        if b.windows[side]:
            texture = partial(facade, b.kind, width, b.height_m, style=b.style,
                              number=b.number + side, years=years, evening=evening,
                              front=side == 0)
        else:
            texture = partial(blind_wall, b.kind, width, b.height_m, style=b.style)
        yield Quad(begin + top, across, -top, texture, surface)
    yield from _roof(b, corners + top)


def _roof(b: Building, eaves: Array) -> Iterator[Quad]:
    tiles = partial(roof_tiles, b.style % 5)
    if not b.roof_m:
        right, down = eaves[2] - eaves[3], eaves[0] - eaves[3]
        yield Quad(eaves[3], right, down, tiles, Surface.TOP)
        return
    ridge_begin = (eaves[0] + eaves[3]) / 2 + b.roof_m * _UP
    ridge_end = (eaves[1] + eaves[2]) / 2 + b.roof_m * _UP
    for begin, end, up_begin, up_end in ((eaves[0], eaves[1], ridge_begin, ridge_end),
                                         (eaves[2], eaves[3], ridge_end, ridge_begin)):
        right = end - begin
        # The eaves stand out a little.
        down = ((begin + end) - (up_begin + up_end)) / 2 * 1.06
        origin = (up_begin + up_end) / 2 - right / 2
        shares = [(p - origin) @ right / (right @ right) for p in (up_begin, up_end)]
        shape = np.array([[shares[0], 0.0], [shares[1], 0.0], [1.0, 1.0], [0.0, 1.0]])
        yield Quad(origin, right, down, tiles, roof(right[1], -right[0]), shape)
    gable = np.array([[0.5, 0.0], [1.0, 1.0], [0.0, 1.0]])
    for begin, end in ((eaves[1], eaves[2]), (eaves[3], eaves[0])):
        right = end - begin
        width = float(np.linalg.norm(right))
        texture = partial(blind_wall, b.kind, width, b.roof_m, style=b.style)
        yield Quad(begin + b.roof_m * _UP, right, -b.roof_m * _UP, texture,
                   wall(right[1], -right[0]), gable)


def _hedge(ends: Array, number: int) -> Iterator[Quad]:
    a, b = (np.append(p, 0.0) for p in ends)
    height = (1.1, 1.4, 0.9, 0.7)[number % 4] * _UP
    inward = np.array([a[1] - b[1], b[0] - a[0], 0.0])
    inward = 0.6 * inward / np.linalg.norm(inward)
    texture = partial(hedge, number % 4)
    across = b - a
    surface = Surface.LEAVES if number % 4 != 3 else wall(across[1], -across[0])
    yield Quad(a + height, across, -height, texture, surface)
    yield Quad(b + inward + height, -across, -height, texture, surface)
    yield Quad(a + inward + height, -inward, -height, texture, surface)
    yield Quad(b + height, inward, -height, texture, surface)
    yield Quad(a + inward + height, across, -inward, texture, Surface.TOP)


def _trees(plan: TownPlan, condition: Condition) -> _Flat:
    def texture(i: int, to: Array) -> Callable[[], Texture]:
        number = plan.trees[i].number % TREES
        if condition.bare_trees:
            return partial(bare_tree, number, snow=condition.snow)
        return partial(leafy_tree, number)

    return _Flat(np.array([[tree.x, tree.y] for tree in plan.trees]).reshape(-1, 2),
                 np.array([tree.height_m for tree in plan.trees]), texture, Surface.LEAVES, 0.8,
                 _TREES_M)


def _lamps(plan: TownPlan) -> _Flat:
    arms = np.column_stack([np.cos(plan.lamps[:, 2]), np.sin(plan.lamps[:, 2])])

    def texture(i: int, to: Array) -> Callable[[], Texture]:
        # Arms reach over the street: which side that is depends on where one stands.
        left = bool(to[0] * arms[i, 1] - to[1] * arms[i, 0] > 0)
        return partial(lamp_post, left=left)

    return _Flat(plan.lamps[:, :2], np.full(len(plan.lamps), LAMP_HEIGHT_M), texture,
                 Surface.UPRIGHT, 0.4, _LAMPS_M)


def _signs(plan: TownPlan) -> _Flat:
    points, numbers = [], []
    for block_number, block in enumerate(plan.blocks):
        for side, frontage in enumerate(block.frontages):
            rng = np.random.default_rng([plan.seed, 30, block_number, side])
            for at in (4.5, *rng.uniform(12.0, max(13.0, frontage.length_m - 12.0), 2)):
                points.append(frontage.point(float(at), 0.45))
                numbers.append(int(rng.integers(SIGNS)))
    return _Flat(np.array(points), np.full(len(points), 2.6),
                 lambda i, to: partial(traffic_sign, numbers[i]), Surface.UPRIGHT, 0.3, _SIGNS_M)
