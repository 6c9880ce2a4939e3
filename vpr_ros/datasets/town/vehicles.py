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

"""Cars, vans and buses: a side view given width."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from functools import partial
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.raster import Quad
from vpr_ros.datasets.town.surfaces import roof
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.surfaces import wall
from vpr_ros.datasets.town.texture import blank
from vpr_ros.datasets.town.texture import CLEAR
from vpr_ros.datasets.town.texture import LIT
from vpr_ros.datasets.town.texture import OPAQUE
from vpr_ros.datasets.town.texture import Texture

__all__ = ['MODELS', 'PAINTS', 'vehicle_quads']

Array = NDArray[Any]
Colour = tuple[int, int, int]
PIXELS_PER_M = 56

PAINTS: tuple[Colour, ...] = (
    (196, 198, 200), (40, 42, 46), (120, 124, 130), (232, 232, 230), (150, 28, 30), (30, 56, 110),
    (70, 80, 74), (24, 24, 26), (90, 110, 140), (200, 180, 140), (170, 84, 30))


@dataclass(frozen=True)
class Model:
    """
    The shape of a vehicle.

    :param outline: x, z in metres from the front bumper over the roof to the rear bumper.
    :param parts: what lies between two points of the outline: (f)ront, (p)aint, (g)lass, (r)ear,
        (t)all rear.
    :param windows: along the side, from x to x, between two heights.
    """

    width_m: float
    outline: tuple[tuple[float, float], ...]
    parts: str
    windows: tuple[tuple[float, float], ...]
    window_z: tuple[float, float]
    wheels: tuple[float, float]
    wheel_m: float = 0.32

    @property
    def length_m(self) -> float:
        """Return the length."""
        return max(x for x, _ in self.outline)


MODELS: dict[str, Model] = {
    'sedan': Model(1.78, ((0.0, 0.28), (0.05, 0.72), (1.15, 0.92), (1.95, 1.42), (3.25, 1.44),
                          (3.95, 1.0), (4.5, 0.94), (4.55, 0.3)), 'fpgpgpr',
                   ((1.55, 2.6), (2.7, 3.6)), (0.96, 1.36), (0.85, 3.65)),
    'hatch': Model(1.72, ((0.0, 0.28), (0.05, 0.74), (0.95, 0.96), (1.6, 1.48), (3.3, 1.48),
                          (3.85, 1.0), (3.9, 0.3)), 'fpgpgr',
                   ((1.25, 2.3), (2.4, 3.5)), (0.98, 1.4), (0.75, 3.15)),
    'van': Model(1.95, ((0.0, 0.3), (0.05, 0.95), (0.55, 1.2), (1.1, 2.05), (4.9, 2.1),
                        (4.95, 0.35)), 'fpgpt', ((0.95, 1.7),), (1.2, 1.8), (0.9, 3.9), 0.35),
    'bus': Model(2.5, ((0.0, 0.35), (0.0, 1.1), (0.1, 2.9), (11.4, 2.95), (11.5, 0.4)), 'fgpt',
                 tuple((0.7 + 1.5 * i, 2.05 + 1.5 * i) for i in range(7)), (1.25, 2.45),
                 (2.6, 8.6), 0.48),
}


@lru_cache(maxsize=1024)
def vehicle_quads(model: str, x: float, y: float, yaw: float, colour: Colour, *,
                  lights: bool) -> tuple[Quad, ...]:
    """
    Return the surfaces of a vehicle on the ground.

    :param x: of the middle of its front bumper, metres.
    :param yaw: where it is headed, radians.
    :param lights: whether they are on, when it is dark.
    """
    m = MODELS[model]
    ahead = np.array([math.cos(yaw), math.sin(yaw), 0.0])
    left = np.array([-math.sin(yaw), math.cos(yaw), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    front = np.array([x, y, 0.0])
    half = left * (m.width_m / 2)
    top = max(z for _, z in m.outline) * up
    back = -m.length_m * ahead
    side = partial(_side, model, colour, flip=False)
    mirrored = partial(_side, model, colour, flip=True)
    quads = [
        # Seen from its left a vehicle drives to the left.
        Quad(front + half + top, back, -top, side, wall(*left[:2])),
        Quad(front - half + top + back, -back, -top, mirrored, wall(*-left[:2]))]
    for (x0, z0), (x1, z1), part in zip(m.outline, m.outline[1:], m.parts, strict=False):
        begin, end = front - x0 * ahead + z0 * up, front - x1 * ahead + z1 * up
        rises = z1 >= z0
        steep = abs(z1 - z0) > abs(x1 - x0) * 2
        facing = ahead if rises else -ahead
        surface = wall(*facing[:2]) if steep else roof(*facing[:2]) if part == 'g' \
            else int(Surface.TOP)
        texture = partial(_panel, part, colour, lights=lights)
        if rises:  # seen from the front: its left is on the right
            quads.append(Quad(end - half, 2 * half, begin - end, texture, surface))
        else:
            quads.append(Quad(begin + half, -2 * half, end - begin, texture, surface))
    return tuple(quads)


@lru_cache(maxsize=128)
def _side(model: str, colour: Colour, *, flip: bool) -> Texture:
    m = MODELS[model]
    top = max(z for _, z in m.outline)
    width, height = round(m.length_m * PIXELS_PER_M), round(top * PIXELS_PER_M)
    pixels = blank(height, width, colour, CLEAR)

    def at(x: float, z: float) -> list[int]:
        return [round(x * PIXELS_PER_M), round((top - z) * PIXELS_PER_M)]

    body = np.array([at(x, z) for x, z in m.outline], np.int32)
    cv2.fillPoly(pixels, [body], (*colour, OPAQUE))
    rows = np.linspace(1.08, 0.72, height, dtype=np.float32)[:, None, None]
    pixels[..., :3] = np.clip(pixels[..., :3] * rows, 0, 255).astype(np.uint8)
    low, high = m.window_z
    for i, (x0, x1) in enumerate(m.windows):
        lean = 0.28 if model in ('sedan', 'hatch') else 0.05
        first, last = i == 0, i == len(m.windows) - 1
        corners = [at(x0 - (lean if first else 0), low), at(x0 + (lean if first else 0), high),
                   at(x1 - (lean if last else 0), high), at(x1 + (lean if last else 0), low)]
        cv2.fillPoly(pixels, [np.array(corners, np.int32)], (38, 44, 52, OPAQUE))
    dark = tuple(c // 2 for c in colour)
    cv2.line(pixels, tuple(at(0.1, 0.62)), tuple(at(m.length_m - 0.1, 0.62)), (*dark, OPAQUE), 1)
    cv2.rectangle(pixels, tuple(at(0.3, 0.34)), tuple(at(m.length_m - 0.3, 0.22)),
                  (28, 28, 30, OPAQUE), -1)
    for wheel in m.wheels:
        centre = tuple(at(wheel, m.wheel_m))
        r = round(m.wheel_m * PIXELS_PER_M)
        cv2.circle(pixels, centre, r + 3, (20, 20, 22, OPAQUE), -1)
        cv2.circle(pixels, centre, r, (34, 34, 36, OPAQUE), -1)
        cv2.circle(pixels, centre, round(r * 0.62), (150, 152, 156, OPAQUE), -1)
        cv2.circle(pixels, centre, round(r * 0.2), (70, 72, 76, OPAQUE), -1)
    return Texture(pixels[:, ::-1].copy() if flip else pixels)


@lru_cache(maxsize=256)
def _panel(part: str, colour: Colour, *, lights: bool) -> Texture:
    if part == 'g':
        pixels = blank(48, 96)
        pixels[:, :, :3] = np.linspace((96, 110, 124), (36, 42, 50), 48)[:, None].astype(np.uint8)
        cv2.rectangle(pixels, (0, 0), (95, 47), (30, 32, 34, OPAQUE), 2)
        return Texture(pixels)
    tall = part == 't'
    pixels = blank(110 if tall else 48, 128, colour)
    low = pixels[-48:]
    dark = tuple(int(c * 0.6) for c in colour)
    if part == 'f':
        cv2.rectangle(low, (34, 10), (94, 24), (26, 26, 28, OPAQUE), -1)
        cv2.rectangle(low, (10, 36), (118, 47), (30, 30, 32, OPAQUE), -1)
        for x in (4, 100):
            cv2.rectangle(low, (x, 8), (x + 24, 20), (250, 246, 226, LIT if lights else OPAQUE),
                          -1)
    elif part in 'rt':
        if tall:
            cv2.rectangle(pixels, (8, 8), (120, 46), (44, 50, 58, OPAQUE), -1)
            cv2.line(pixels, (64, 4), (64, 100), (*dark, OPAQUE), 1)
        for x in (4, 108):
            cv2.rectangle(low, (x, 6), (x + 15, 24),
                          (190, 24, 24, (OPAQUE + LIT) // 2 if lights else OPAQUE), -1)
        cv2.rectangle(low, (6, 36), (122, 47), (*dark, OPAQUE), -1)
    if part != 'p':
        cv2.rectangle(low, (44, 27), (84, 36), (236, 236, 226, OPAQUE), -1)
        cv2.rectangle(low, (44, 27), (84, 36), (50, 50, 60, OPAQUE), 1)
    return Texture(pixels)
