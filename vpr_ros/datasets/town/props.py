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

"""What stands in the streets and is flat enough to be a picture: trees, people, lamps, signs."""

from __future__ import annotations

from functools import lru_cache
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.texture import blank
from vpr_ros.datasets.town.texture import CLEAR
from vpr_ros.datasets.town.texture import letter
from vpr_ros.datasets.town.texture import LIT
from vpr_ros.datasets.town.texture import OPAQUE
from vpr_ros.datasets.town.texture import Texture

__all__ = ['bare_tree', 'lamp_post', 'LAMP_HEIGHT_M', 'leafy_tree', 'PERSON_HEIGHT_M', 'person',
           'PEOPLE', 'SIGNS', 'traffic_sign', 'TREES']

Array = NDArray[Any]
Colour = tuple[int, int, int]

# How many different trees, people and signs there are.
TREES, PEOPLE, SIGNS = 7, 10, 5
LAMP_HEIGHT_M = 6.2
PERSON_HEIGHT_M = 1.76
_BARK: Colour = (82, 70, 58)


def _clear(height: int, width: int, colour: Colour) -> Array:
    # Where there is nothing the colour still counts: it bleeds into the edges of small copies.
    return blank(height, width, colour, CLEAR)


@lru_cache(maxsize=TREES)
def leafy_tree(number: int) -> Texture:
    """Make a tree in leaf, 0.8 as wide as it is high."""
    rng = np.random.default_rng([number, 20])
    height, width = 320, 256
    leaf = ((70, 104, 44), (86, 110, 50), (56, 90, 46), (96, 116, 62))[number % 4]
    pixels = _clear(height, width, _shade(leaf, 0.7))
    _branches(pixels, rng, (width / 2, height - 1.0), -math.pi / 2, 92.0, 11.0, depth=3)
    centre = np.array([width / 2, height * 0.38])
    radii = np.array([width * 0.42, height * 0.34])
    spots = []
    for _ in range(26):  # a crown is made of clumps, a clump of leaves
        angle, r = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random()) * 0.78
        clump = centre + radii * r * np.array([math.cos(angle), math.sin(angle)])
        size = float(rng.uniform(22, 40))
        light = float(rng.uniform(0.8, 1.1))
        for _ in range(150):
            x, y = clump + rng.normal(0.0, 0.45, 2) * size * np.array([1.0, 0.8])
            # Lit from above, clump by clump.
            spots.append((x, y, light * (1.0 - 0.42 * (y - clump[1]) / size)))
    for i in rng.permutation(len(spots)):
        x, y, light = spots[i]
        light *= 1.12 - 0.4 * (y - (centre[1] - radii[1])) / (2 * radii[1])
        colour = _shade(leaf, light * float(rng.uniform(0.66, 1.3)))
        cv2.ellipse(pixels, (int(x), int(y)), (int(rng.integers(2, 7)), int(rng.integers(2, 4))),
                    float(rng.uniform(0, 180)), 0, 360, (*colour, OPAQUE), -1)
    return Texture(pixels)


@lru_cache(maxsize=2 * TREES)
def bare_tree(number: int, *, snow: bool = False) -> Texture:
    """Make the same tree in winter."""
    rng = np.random.default_rng([number, 20])
    height, width = 320, 256
    pixels = _clear(height, width, (120, 112, 104))
    _branches(pixels, rng, (width / 2, height - 1.0), -math.pi / 2, 96.0, 11.0, depth=8,
              snow=snow)
    return Texture(pixels)


def _branches(pixels: Array, rng: np.random.Generator, start: tuple[float, float], angle: float,
              length: float, thick: float, *, depth: int, snow: bool = False) -> None:
    end = (start[0] + length * math.cos(angle), start[1] + length * math.sin(angle))
    a, b = (round(start[0]), round(start[1])), (round(end[0]), round(end[1]))
    shade = _shade(_BARK, float(rng.uniform(0.75, 1.15)))
    cv2.line(pixels, a, b, (*shade, OPAQUE), max(1, round(thick)))
    if snow and thick < 8 and abs(math.cos(angle)) > 0.3:
        lift = max(1, round(thick / 2))
        cv2.line(pixels, (a[0], a[1] - lift), (b[0], b[1] - lift), (236, 238, 242, OPAQUE),
                 max(1, round(thick / 2)))
    if depth == 0:
        return
    for _ in range(2 if depth > 1 or rng.random() < 0.5 else 3):
        turn = float(rng.normal(0.0, 0.22)) + float(rng.choice([-1.0, 1.0])) * 0.42
        _branches(pixels, rng, end, angle + turn + 0.04 * (-math.pi / 2 - angle),
                  length * float(rng.uniform(0.62, 0.84)), thick * 0.66, depth=depth - 1,
                  snow=snow)


def _shade(colour: Colour, factor: float) -> Colour:
    return tuple(int(min(255, max(0, c * factor))) for c in colour)  # type: ignore[return-value]


@lru_cache(maxsize=4 * PEOPLE)
def person(number: int, stride: int) -> Texture:
    """Make somebody walking; ``stride`` 0 or 1, and 2 or 3 the other way."""
    rng = np.random.default_rng([number, 21])
    pixels = _clear(176, 72, (90, 84, 80))
    cloth = [(40, 44, 60), (110, 40, 40), (60, 80, 110), (200, 190, 170), (70, 96, 70),
             (150, 120, 60), (24, 24, 28), (180, 60, 90)]
    coat, trousers = (cloth[int(i)] for i in rng.integers(len(cloth), size=2))
    skin = ((224, 180, 150), (150, 104, 76), (96, 66, 50))[int(rng.integers(3))]
    hair = ((40, 30, 24), (120, 90, 50), (90, 90, 92))[int(rng.integers(3))]
    swing = 15 if stride % 2 else 6
    for foot, dark in ((36 - swing, 0.8), (36 + swing, 1.0)):
        cv2.line(pixels, (36, 92), (foot, 166), (*_shade(trousers, dark), OPAQUE), 12)
        cv2.line(pixels, (foot, 170), (foot + 8, 171), (30, 28, 28, OPAQUE), 7)
    long = int(rng.integers(96, 128))
    shoulders = np.array([[24, 40], [48, 40], [52, long], [20, long]], np.int32)
    cv2.fillPoly(pixels, [shoulders], (*coat, OPAQUE), cv2.LINE_8)
    cv2.line(pixels, (48, 44), (52 - swing // 3, 92), (*_shade(coat, 0.8), OPAQUE), 9)
    cv2.line(pixels, (24, 44), (22 + swing // 2, 92), (*_shade(coat, 0.9), OPAQUE), 9)
    cv2.line(pixels, (36, 32), (36, 42), (*skin, OPAQUE), 8)
    cv2.ellipse(pixels, (36, 20), (10, 13), 0, 0, 360, (*skin, OPAQUE), -1)
    cv2.ellipse(pixels, (35, 15), (11, 9), 0, 160, 380, (*hair, OPAQUE), -1)
    if rng.random() < 0.5:
        bag = cloth[int(rng.integers(len(cloth)))]
        cv2.rectangle(pixels, (14, 84), (26, 108), (*bag, OPAQUE), -1)
    return Texture(pixels[:, ::-1].copy() if stride > 1 else pixels)


@lru_cache(maxsize=2)
def lamp_post(*, left: bool) -> Texture:
    """Make a street lamp with its arm to one side; 0.4 as wide as it is high."""
    pixels = _clear(310, 124, (70, 74, 78))
    steel = (66, 72, 76, OPAQUE)
    cv2.line(pixels, (62, 309), (62, 14), steel, 5)
    cv2.line(pixels, (62, 309), (62, 262), steel, 9)
    cv2.line(pixels, (62, 14), (98, 8), steel, 4)
    cv2.rectangle(pixels, (88, 6), (116, 12), steel, -1)
    cv2.rectangle(pixels, (90, 12), (114, 15), (255, 236, 196, LIT), -1)
    return Texture(pixels[:, ::-1].copy() if left else pixels)


@lru_cache(maxsize=SIGNS)
def traffic_sign(number: int) -> Texture:
    """Make a traffic sign on its post; 0.3 as wide as it is high."""
    pixels = _clear(240, 72, (150, 150, 152))
    cv2.line(pixels, (36, 239), (36, 30), (150, 152, 154, OPAQUE), 5)
    if number == 0:
        cv2.circle(pixels, (36, 36), 33, (200, 30, 36, OPAQUE), -1)
        cv2.circle(pixels, (36, 36), 25, (244, 244, 244, OPAQUE), -1)
        letter(pixels[:72], '30', height=24, colour=(20, 20, 20))
    elif number == 1:
        corners = np.array([[36, 4], [70, 62], [2, 62]], np.int32)
        cv2.fillPoly(pixels, [corners], (200, 30, 36, OPAQUE))
        cv2.fillPoly(pixels, [np.array([[36, 17], [59, 56], [13, 56]], np.int32)],
                     (244, 244, 244, OPAQUE))
    elif number == 2:
        cv2.rectangle(pixels, (5, 5), (67, 67), (24, 80, 170, OPAQUE), -1)
        letter(pixels[:72], 'P', height=42, colour=(250, 250, 250), bold=True)
    elif number == 3:
        cv2.fillPoly(pixels, [np.array([[36, 2], [70, 36], [36, 70], [2, 36]], np.int32)],
                     (244, 244, 240, OPAQUE))
        cv2.fillPoly(pixels, [np.array([[36, 14], [58, 36], [36, 58], [14, 36]], np.int32)],
                     (240, 196, 30, OPAQUE))
    else:
        cv2.circle(pixels, (36, 36), 33, (200, 30, 36, OPAQUE), -1)
        cv2.rectangle(pixels, (12, 29), (60, 43), (246, 246, 246, OPAQUE), -1)
    return Texture(pixels)
