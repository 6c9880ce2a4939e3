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

"""The ground: asphalt, markings, kerbs, pavements, lawns, and the tracks in the snow."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.plan import Frontage
from vpr_ros.datasets.town.plan import inset
from vpr_ros.datasets.town.plan import rounded
from vpr_ros.datasets.town.plan import Street
from vpr_ros.datasets.town.plan import TownPlan
from vpr_ros.datasets.town.raster import Canvas
from vpr_ros.datasets.town.raster import NEAR_M
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.texture import seamless

__all__ = ['Ground']

Array = NDArray[Any]
Colour = tuple[int, int, int]

_ASPHALT: Colour = (100, 100, 102)
_MARKING: Colour = (212, 212, 206)
_KERB_M = 0.13
_YARDS: dict[str, tuple[Colour, Surface]] = {
    'dense': ((124, 120, 114), Surface.PAVING), 'square': ((150, 142, 130), Surface.PAVING),
    'terrace': ((92, 110, 66), Surface.GRASS), 'detached': ((88, 112, 60), Surface.GRASS),
    'park': ((84, 114, 58), Surface.GRASS), 'works': ((112, 110, 106), Surface.ASPHALT),
}
# Farther away markings and kerbs are too thin to be seen.
_MARKINGS_M, _KERBS_M, _BLOCKS_M = 75.0, 130.0, 220.0
# The grain of the ground repeats after this.
_TILE_PX, _TILE_M = 1024, 22.0


class Ground:
    """The ground of a plan."""

    def __init__(self, plan: TownPlan, *, snow: bool) -> None:
        self._blocks = [(block, rounded(inset(block.building_line, _kerb_insets(block.frontages)),
                                        3.9)) for block in plan.blocks]
        self._middles = np.array([block.building_line.mean(axis=0) for block in plan.blocks])
        marks = [] if snow else list(_markings(plan))
        self._marks = np.array(marks).reshape(-1, 4, 2)
        self._mark_centres = self._marks.mean(axis=1)
        tracks = list(_tracks(plan)) if snow else []
        self._tracks = np.array(tracks).reshape(-1, 4, 2)

    def draw(self, canvas: Canvas, view: View, shaded: Iterable[Array]) -> None:
        """
        Begin a picture with all of the ground.

        :param shaded: (4, 2) each: what lies under a vehicle.
        """
        canvas.clear(_ASPHALT)
        canvas.ground(view)
        if len(self._marks):
            self._draw_marks(canvas, view)
        near = view.near(self._tracks.mean(axis=1), 120.0, behind_m=90.0)
        for track in self._tracks[near]:
            canvas.paint(view, track, (92, 91, 91), Surface.PAINT)
        near = view.near(self._middles, _BLOCKS_M, behind_m=90.0)
        nearer = view.near(self._middles, _KERBS_M, behind_m=90.0)
        for i in np.flatnonzero(near):
            block, paved = self._blocks[i]
            if nearer[i]:
                canvas.paint(view, block.kerb, (104, 102, 98), Surface.ASPHALT)
                canvas.paint(view, block.kerb, (172, 168, 160), Surface.PAVING, _KERB_M)
            canvas.paint(view, paved, (146, 142, 136), Surface.PAVING, _KERB_M)
            colour, surface = _YARDS[block.kind]
            canvas.paint(view, block.building_line, colour, surface, _KERB_M)
        for polygon in shaded:
            canvas.paint(view, polygon, (38, 38, 40), Surface.PAINT)
        _grain(canvas, view)

    def _draw_marks(self, canvas: Canvas, view: View) -> None:
        marks = self._marks[view.near(self._mark_centres, _MARKINGS_M, behind_m=3.0)]
        if not len(marks):
            return
        corners = view.to_camera(np.concatenate([marks, np.zeros((*marks.shape[:2], 1))], axis=2))
        whole = (corners[..., 2] > NEAR_M).all(axis=1)
        for mark in marks[~whole]:
            canvas.paint(view, mark, _MARKING, Surface.PAINT)
        corners = corners[whole]
        if not len(corners):
            return
        pixels = view.project(corners.reshape(-1, 3)).reshape(-1, 4, 2)
        canvas.fill_pixels(pixels, _MARKING, Surface.PAINT)


def _kerb_insets(frontages: Iterable[Frontage]) -> tuple[float, ...]:
    """Return how far the paving begins from the building line, outwards."""
    return tuple(-(f.street.pavement_m - 0.17) for f in frontages)


def _grain(canvas: Canvas, view: View) -> None:
    """Give the ground its grain: fine near by, nothing but stains far away."""
    rows = np.flatnonzero(canvas.surface.any(axis=1))
    if not len(rows):
        return
    top = int(rows[0])
    surface = canvas.surface[top:]
    scale = np.diag([_TILE_PX / _TILE_M, _TILE_PX / _TILE_M, 1.0])
    shift = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, top], [0.0, 0.0, 1.0]])
    to_tile = scale @ np.linalg.inv(view.ground_homography()) @ shift
    grain = cv2.warpPerspective(
        _grains(), to_tile, (canvas.width, canvas.height - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP)
    chosen = np.where(surface == Surface.PAVING, grain[..., 1], grain[..., 0])
    np.copyto(chosen, grain[..., 2], where=surface == Surface.GRASS)
    # One row is about as far away all along.
    depth = 1.0 / np.maximum(canvas.nearness[top:].max(axis=1), 1e-4)
    fade = np.clip(1.2 - depth / 22.0, 0.0, 1.0).astype(np.float32)[:, None]
    factor = (chosen.astype(np.float32) - 128.0) * (fade / 128.0) + 1.0
    colour = canvas.colour[top:]
    ground = colour[..., :3].astype(np.float32) * factor[..., None]
    colour[..., :3] = np.clip(ground, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _grains() -> Array:
    """Return (1024, 1024, 3) uint8 around 128: the grain of asphalt, paving and grass."""
    rng = np.random.default_rng(50)
    size = _TILE_PX
    fine = rng.normal(0.0, 1.0, (size, size)).astype(np.float32)

    def stains(cells: int) -> Array:
        return seamless(rng.normal(0.0, 1.0, (cells, cells)).astype(np.float32), size)

    asphalt = 128 + 8 * fine + 6 * stains(8) + 4 * stains(64)
    for _ in range(14):  # cracks and mended patches
        x, y = (int(v) for v in rng.integers(0, size, 2))
        if rng.random() < 0.5:
            w, h = (int(v) for v in rng.integers(30, 120, 2))
            asphalt[y:y + h, x:x + w] -= float(rng.uniform(5, 14))
        else:
            points = np.cumsum(rng.integers(-22, 23, (12, 2)), axis=0) + (x, y)
            cv2.polylines(asphalt, [points.astype(np.int32)], False, 112.0, 1)
    paving = 128 + 5 * fine + 6 * stains(16)
    slab = 26
    for i in range(0, size, slab):
        paving[i:i + 2] -= 26
        paving[:, i:i + 2] -= 26
    tint = rng.normal(0, 7, (size // slab + 1, size // slab + 1)).astype(np.float32)
    paving += np.repeat(np.repeat(tint, slab, 0), slab, 1)[:size, :size]
    grass = 128 + 18 * cv2.GaussianBlur(fine, (0, 0), 0.8) * 2 + 12 * stains(32)
    grains = np.stack([asphalt, paving, grass], axis=-1)
    return np.asarray(np.clip(grains, 0, 255), np.uint8)


def _legs(plan: TownPlan) -> Iterator[tuple[Array, Array, Street]]:
    """Yield every stretch of street between two crossings."""
    rows, columns = plan.crossings.shape[:2]
    for r in range(rows):
        for c in range(columns - 1):
            yield plan.crossings[r, c], plan.crossings[r, c + 1], plan.streets_ew[r]
    for c in range(columns):
        for r in range(rows - 1):
            yield plan.crossings[r, c], plan.crossings[r + 1, c], plan.streets_ns[c]


def _markings(plan: TownPlan) -> Iterator[Array]:
    for a, b, street in _legs(plan):
        length = float(np.linalg.norm(b - a))
        margin = 13.0
        if street.parking:
            for at in np.arange(margin + 3.5, length - margin - 6.5, 8.0):
                yield _strip(a, b, at, at + 3.2, 0.07, -0.07)
        for at in (margin, length - margin - 3.0):  # crossings for people
            for left in np.arange(-street.half_width_m + 0.4, street.half_width_m - 0.4, 1.1):
                yield _strip(a, b, at, at + 3.0, left + 0.55, left)


def _tracks(plan: TownPlan) -> Iterator[Array]:
    for a, b, street in _legs(plan):
        length = float(np.linalg.norm(b - a))
        for lane in (-street.lane_m, street.lane_m):
            for wheel in (-0.8, 0.8):
                yield _strip(a, b, 0.0, length, lane + wheel + 0.27, lane + wheel - 0.27)


def _strip(a: Array, b: Array, begin: float, end: float, left: float, right: float) -> Array:
    """Return (4, 2): so far along the way from a to b, and so far to the left of it; metres."""
    along = (b - a) / np.linalg.norm(b - a)
    across = np.array([-along[1], along[0]])
    return np.stack([a + begin * along + left * across, a + end * along + left * across,
                     a + end * along + right * across, a + begin * along + right * across])
