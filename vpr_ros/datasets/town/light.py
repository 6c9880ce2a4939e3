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

"""Light on what was drawn: sun and shadow, street lamps, headlights, haze, snow and wet roads."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.conditions import Atmosphere
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.plan import TownPlan
from vpr_ros.datasets.town.raster import Canvas
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.surfaces import DIRECTIONS
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.texture import LIT
from vpr_ros.datasets.town.texture import OPAQUE

__all__ = ['Lighting']

Array = NDArray[Any]
# Of the maps of shadow and lamplight.
_CELL_M = 0.5
_BORDER_M = 60.0
_WARM = np.array([1.0, 0.80, 0.52], np.float32)
_LAMP = (1.0, 0.74, 0.44)
_HEADLIGHT = (1.0, 0.97, 0.88)
_SNOW = np.array([236, 241, 249], np.uint8)
_COVER = {Surface.ASPHALT: 0.26, Surface.PAVING: 0.66, Surface.GRASS: 0.92, Surface.PAINT: 0.17,
          Surface.TOP: 0.92}


class Lighting:
    """The light of one condition on one town."""

    def __init__(self, plan: TownPlan, condition: Condition, air: Atmosphere) -> None:
        self.air = air
        flat = plan.crossings.reshape(-1, 2)
        self._low = flat.min(axis=0) - _BORDER_M
        cells = np.ceil((flat.max(axis=0) + _BORDER_M - self._low) / _CELL_M).astype(int)
        self._size = (int(cells[0]), int(cells[1]))
        self._shadow = self._shadows(plan, condition) if max(air.sun) > 0.02 else None
        self._lamps = self._lamplight(plan) if air.lamps else None
        self._facing, self._sky_view, self._out_x, self._out_y = _tables(air)
        cover = np.zeros(256, np.float32)
        for surface, share in _COVER.items():
            cover[surface] = share
        cover[Surface.ROOF:Surface.ROOF + DIRECTIONS] = 0.9
        self._cover = cover if air.snow else None
        shine = np.clip((np.arange(256, dtype=np.float32) - OPAQUE) / (LIT - OPAQUE), 0.0, 1.0)
        self._shine = shine * air.lamps
        self._haze: Array | None = None

    def apply(self, canvas: Canvas, view: View, sky: Array) -> tuple[Array, Array | None]:
        """
        Light the canvas.

        :param sky: (H, W, 3) float32, what is seen where nothing stands.
        :returns: the picture and what shines by itself, (H, W, 3) float32; None by day.
        """
        air = self.air
        colour = cv2.cvtColor(canvas.colour, cv2.COLOR_RGBA2RGB)
        if self._cover is not None:
            share = cv2.LUT(canvas.surface, self._cover)
            colour = cv2.blendLinear(colour, np.full_like(colour, _SNOW), 1.0 - share, share)
        depth = 1.0 / np.maximum(canvas.nearness, np.float32(1e-4))
        light = self._light(canvas, view, depth)
        picture = cv2.multiply(colour, light, scale=1 / 255, dtype=cv2.CV_32F)
        glow = None
        if air.lamps:
            shine = cv2.LUT(canvas.colour[..., 3], self._shine)[..., None]
            glow = shine * (0.55 * _WARM + colour * np.float32(0.75 / 255))
            picture += glow
        if air.wet:
            _wet(picture, canvas, sky)
        clear = np.exp(np.float32(-air.haze_per_m) * depth)
        if self._haze is None or self._haze.shape != picture.shape:
            self._haze = np.full_like(picture, np.array(air.horizon, np.float32))
        picture = cv2.blendLinear(picture, self._haze, clear, 1.0 - clear)
        cv2.copyTo(sky, cv2.inRange(canvas.surface, int(Surface.SKY), int(Surface.SKY)), picture)
        return picture, glow

    def _light(self, canvas: Canvas, view: View, depth: Array) -> Array:
        """Return (H, W, 3) float32: how much light of each colour falls on each pixel."""
        air, surface = self.air, canvas.surface
        parts = [cv2.LUT(surface, self._sky_view)]
        colours: list[tuple[float, ...]] = [air.ambient]
        if self._shadow is not None or self._lamps is not None:
            x, y, z = _where(canvas, view, depth)
            # A little off the wall, so that a house does not shade itself.
            column = (x - np.float32(self._low[0])) * np.float32(1 / _CELL_M) \
                + cv2.LUT(surface, self._out_x)
            row = (y - np.float32(self._low[1])) * np.float32(1 / _CELL_M) \
                + cv2.LUT(surface, self._out_y)
        sunlit = cv2.LUT(surface, self._facing)
        if self._shadow is not None:
            roof = cv2.remap(self._shadow, column, row, cv2.INTER_LINEAR)
            sunlit *= np.clip((z - roof) * np.float32(1.5) + np.float32(0.5), 0.0, 1.0)
        parts.append(sunlit)
        colours.append(air.sun)
        if self._lamps is not None:
            pool = cv2.remap(self._lamps, column, row, cv2.INTER_LINEAR)
            parts.append(pool * np.exp(-np.maximum(z - 3.5, 0.0) * np.float32(0.3)))
            colours.append(tuple(air.lamps * c for c in _LAMP))
        if air.headlights:
            parts.append(_beams(canvas, view, depth))
            colours.append(tuple(air.headlights * c for c in _HEADLIGHT))
        return np.asarray(cv2.transform(cv2.merge(parts), np.array(colours, np.float32).T))

    def _cells(self, points: Array) -> Array:
        return np.asarray(np.round((points - self._low) / _CELL_M * 16).astype(np.int32))

    def _shadows(self, plan: TownPlan, condition: Condition) -> Array:
        """Return (rows, columns) float32: below which height the sun does not reach."""
        heights = np.zeros((self._size[1], self._size[0]), np.float32)
        for tree in plan.trees:
            if not condition.bare_trees:
                centre = self._cells(np.array([tree.x, tree.y]))
                cv2.circle(heights, centre.tolist(), int(tree.height_m * 0.3 / _CELL_M * 16),
                           tree.height_m * 0.9, -1, cv2.LINE_8, 4)
        for b in sorted(plan.buildings, key=lambda b: b.height_m):
            cv2.fillConvexPoly(heights, self._cells(b.corners), b.height_m + 0.5 * b.roof_m,
                               cv2.LINE_8, 4)
        to_sun = self.air.to_sun
        flat = to_sun[:2] / np.linalg.norm(to_sun[:2])
        drop = float(to_sun[2] / np.linalg.norm(to_sun[:2])) * _CELL_M
        # What shades a point at most 2 n cells away shades it itself, or shades the point n
        # cells on: so the reach doubles with every step.
        steps, reach = 1, float(heights.max()) / drop
        shadow = heights
        while steps < 2 * reach:
            move = np.array([[1.0, 0.0, -steps * flat[0]], [0.0, 1.0, -steps * flat[1]]])
            moved = cv2.warpAffine(shadow, move, self._size, flags=cv2.INTER_LINEAR)
            shadow = np.maximum(shadow, moved - np.float32(steps * drop))
            steps *= 2
        return shadow

    def _lamplight(self, plan: TownPlan) -> Array:
        """Return (rows, columns) float32: lamplight on the ground, about 1 below a lamp."""
        light = np.zeros((self._size[1], self._size[0]), np.float32)
        reach = int(24 / _CELL_M)
        offsets = np.arange(-reach, reach + 1) * _CELL_M
        square = offsets[:, None] ** 2 + offsets[None, :] ** 2
        pool = (36.0 / (36.0 + square)) ** 1.5 * np.clip(1.0 - square / 24.0 ** 2, 0.0, 1.0)
        for x, y, arm in plan.lamps:
            head = np.array([x + 1.2 * np.cos(arm), y + 1.2 * np.sin(arm)])
            column, row = np.round((head - self._low) / _CELL_M).astype(int)
            light[row - reach:row + reach + 1, column - reach:column + reach + 1] += pool
        return light


def _tables(air: Atmosphere) -> tuple[Array, Array, Array, Array]:
    """Return, by surface: how it faces the sun, the sky, and a step off it in cells (x, y)."""
    facing, sky_view, out_x, out_y = (np.zeros(256, np.float32) for _ in range(4))
    flat = float(air.to_sun[2])
    for surface in (Surface.ASPHALT, Surface.PAVING, Surface.GRASS, Surface.PAINT, Surface.TOP):
        facing[surface], sky_view[surface] = flat, 1.0
    facing[Surface.LEAVES], sky_view[Surface.LEAVES] = 0.62, 0.9
    facing[Surface.UPRIGHT], sky_view[Surface.UPRIGHT] = 0.55, 0.85
    # Leaves are lit when the sun reaches the edge of the crown.
    out_x[Surface.LEAVES], out_y[Surface.LEAVES] = air.to_sun[:2] * 4.0 / _CELL_M
    for i in range(DIRECTIONS):
        angle = 2 * np.pi * i / DIRECTIONS
        normal = np.array([np.cos(angle), np.sin(angle)])
        upright = float(normal @ air.to_sun[:2])
        facing[Surface.WALL + i] = max(upright, 0.0)
        facing[Surface.ROOF + i] = max((upright + flat) * np.sqrt(0.5), 0.0)
        sky_view[Surface.WALL + i], sky_view[Surface.ROOF + i] = 0.78, 0.95
        for first in (Surface.WALL, Surface.ROOF):
            out_x[first + i], out_y[first + i] = normal * 1.2 / _CELL_M
    return facing, sky_view, out_x, out_y


def _where(canvas: Canvas, view: View, depth: Array) -> tuple[Array, Array, Array]:
    """Return where in the map each pixel lies, three times (H, W) float32."""
    rays = view.to_map_ray.astype(np.float32)
    columns = np.arange(canvas.width, dtype=np.float32)
    rows = np.arange(canvas.height, dtype=np.float32)[:, None]
    found = []
    for axis in range(3):
        ray = rays[axis, 0] * columns + (rays[axis, 1] * rows + rays[axis, 2])
        ray *= depth
        ray += np.float32(view.position[axis])
        found.append(ray)
    return found[0], found[1], found[2]


def _beams(canvas: Canvas, view: View, depth: Array) -> Array:
    """Return the light of the car's own headlights, dipped."""
    k = view.matrix
    across = ((np.arange(canvas.width) - k[0, 2]) / k[0, 0]).astype(np.float32)
    down = ((np.arange(canvas.height) - k[1, 2]) / k[1, 1]).astype(np.float32)[:, None]
    spot = np.exp(-(across / 0.42) ** 2) * np.exp(-((down - 0.10) / 0.12) ** 2)
    return np.asarray(np.minimum(spot * 60.0 / (depth ** 2 + 25.0) * 1.6, 1.6), np.float32)


def _wet(picture: Array, canvas: Canvas, sky: Array) -> None:
    """Let the wet ground mirror what stands above it."""
    ground = (canvas.surface == Surface.ASPHALT) | (canvas.surface == Surface.PAVING) \
        | (canvas.surface == Surface.PAINT)
    rows = np.flatnonzero(ground.any(axis=1))
    if not len(rows):
        return
    horizon = int(rows[0])
    height = canvas.height - horizon
    if horizon < 1:
        return  # nothing stands above the ground
    above = np.where((canvas.surface == Surface.SKY)[..., None], sky, picture)
    mirror = above[np.maximum(horizon - 1 - np.arange(height), 0)]
    # Rain roughens the water: mirror images are long and blurred.
    mirror = cv2.blur(np.ascontiguousarray(mirror), (5, 31))
    part = picture[horizon:]
    mask = ground[horizon:, :, None]
    # A grazing ray is mirrored more.
    share = np.linspace(0.62, 0.22, height, dtype=np.float32)[:, None, None] * mask
    part *= 1.0 - 0.45 * mask
    part += share * (mirror - part) * 0.8
