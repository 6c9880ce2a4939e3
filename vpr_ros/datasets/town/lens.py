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

"""From light to a picture: sky, glare, raindrops and snowflakes, and the sensor's noise."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.conditions import Atmosphere
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.texture import seamless

__all__ = ['draw_sky', 'expose']

Array = NDArray[Any]
# The sky is smooth: it is drawn at a quarter of the size.
_SKY_STEP = 4
_NOISE_PX = 1024


def draw_sky(view: View, air: Atmosphere) -> Array:
    """Return (H, W, 3) float32: the sky in every direction of the picture."""
    camera = view.camera
    height, width = -(-camera.height // _SKY_STEP), -(-camera.width // _SKY_STEP)
    rays = view.to_map_ray.astype(np.float32)
    columns = (np.arange(width, dtype=np.float32) + 0.5) * _SKY_STEP - 0.5
    rows = ((np.arange(height, dtype=np.float32) + 0.5) * _SKY_STEP - 0.5)[:, None]
    x, y, z = (rays[i, 0] * columns + rays[i, 1] * rows + rays[i, 2] for i in range(3))
    length = np.sqrt(x * x + y * y + z * z)
    up = np.clip(z / length, 0.0, 1.0)
    share = np.sqrt(up)[..., None]
    horizon, zenith = np.array(air.horizon, np.float32), np.array(air.zenith, np.float32)
    sky = horizon + share * (zenith - horizon)
    towards = np.clip((x * air.to_sun[0] + y * air.to_sun[1] + z * air.to_sun[2]) / length, 0, 1)
    glow = 0.35 * towards ** 8 + 0.5 * towards ** 60 + (towards > 0.9994)
    sky = sky + glow[..., None].astype(np.float32) * np.array(air.sun, np.float32)
    # Clouds lie on a ceiling: they crowd towards the horizon.
    reach = np.float32(260.0) / np.maximum(z / length, np.float32(0.06))
    cloud = cv2.remap(_clouds(), (x / length * reach) % 1023, (y / length * reach) % 1023,
                      cv2.INTER_LINEAR)
    thick = np.clip((cloud - (1.0 - air.clouds)) * 3.0, 0.0, 1.0) * np.clip(up * 5.0, 0.0, 1.0)
    bright = 0.9 * np.mean(air.ambient) + 0.55 * np.array(air.sun, np.float32) + 0.18 * horizon
    sky = sky + (thick * 0.75)[..., None] * (bright.astype(np.float32) - sky)
    return np.asarray(cv2.resize(sky.astype(np.float32), (camera.width, camera.height),
                                 interpolation=cv2.INTER_LINEAR))


@lru_cache(maxsize=1)
def _clouds() -> Array:
    rng = np.random.default_rng(60)
    total = np.zeros((1024, 1024), np.float32)
    for cells, weight in ((6, 0.5), (16, 0.28), (48, 0.14), (128, 0.08)):
        total += weight * seamless(rng.random((cells, cells), dtype=np.float32), 1024)
    low, high = np.percentile(total, [1, 99])
    return np.asarray(np.clip((total - low) / (high - low), 0.0, 1.0), np.float32)


def expose(picture: Array, glow: Array | None, air: Atmosphere, *, rain: bool,
           rng: np.random.Generator) -> Array:
    """
    Turn light into the picture of a camera.

    :param picture: (H, W, 3) float32, 1 is white.
    :param glow: what shines by itself, or None.
    :param rng: of this one picture.
    :returns: (H, W, 3) uint8.
    """
    if glow is not None:
        picture = picture + _glare(glow)
    if air.snow:
        picture = _flakes(picture, rng)
    # Bright light saturates softly, as film and good sensors do.
    softened = np.subtract(picture, np.float32(0.8))
    np.maximum(softened, 0.0, out=softened)
    softened += 1.0
    picture = np.divide(picture, softened, out=softened)
    height, width = picture.shape[:2]
    grey: Array = cv2.GaussianBlur(picture, (3, 3), 0.55)
    grey *= _vignette(height, width)
    y, x = (int(v) for v in rng.integers(0, _NOISE_PX // 2, 2))
    noise = _noise()[y:y + height, x:x + width]
    if noise.shape[:2] == picture.shape[:2]:
        grey += noise * air.noise
    else:
        grey += rng.normal(0.0, air.noise, picture.shape).astype(np.float32)
    image = np.clip(grey, 0, 255, out=grey).astype(np.uint8)
    if rain:
        _drops(image, rng)
    return image


def _glare(glow: Array) -> Array:
    height, width = glow.shape[:2]
    small = cv2.resize(glow, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    halo = cv2.GaussianBlur(small, (0, 0), 2.5) * 0.5 + cv2.GaussianBlur(small, (0, 0), 9.0) * 0.5
    return np.asarray(cv2.resize(halo, (width, height), interpolation=cv2.INTER_LINEAR)) * 0.7


def _flakes(picture: Array, rng: np.random.Generator) -> Array:
    height, width = picture.shape[:2]
    veil = np.zeros((height, width), np.uint8)
    for _ in range(130):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = 1 if rng.random() < 0.8 else int(rng.integers(2, 4))
        to = (x + int(rng.integers(-2, 3)), y + size)
        cv2.line(veil, (x, y), to, int(rng.integers(90, 210)), size, cv2.LINE_AA)
    share = veil.astype(np.float32)[..., None] / 255.0
    light = max(0.12, float(picture.mean()) * 1.5)
    return np.asarray(picture + share * (min(light, 0.97) - picture))


def _drops(image: Array, rng: np.random.Generator) -> None:
    """Put streaks of rain in the air and drops on the lens."""
    height, width = image.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    for _ in range(170):
        x, y, length = (int(rng.integers(n)) for n in (width, height, 22))
        cv2.line(streaks, (x, y), (x + 2, y + 6 + length), int(rng.integers(14, 46)), 1)
    cv2.add(image, cv2.merge([streaks] * 3), dst=image)
    for _ in range(9):
        x, y, r = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(5, 17))
        y0, y1, x0, x1 = max(y - r, 0), min(y + r, height), max(x - r, 0), min(x + r, width)
        part = image[y0:y1, x0:x1]
        if min(part.shape[:2]) < 4:
            continue
        # A drop is a lens of its own: it shows the world upside down, and blurred.
        wide = image[max(y - 3 * r, 0):y + 3 * r, max(x - 3 * r, 0):x + 3 * r]
        inside = cv2.blur(cv2.resize(wide[::-1], part.shape[1::-1]), (5, 5))
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.circle(mask, (x - x0, y - y0), r - 1, 255, -1)
        cv2.copyTo(inside, mask, part)


@lru_cache(maxsize=4)
def _vignette(height: int, width: int) -> Array:
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[:, None]
    return np.asarray(255.0 * (1.0 - 0.14 * (x * x + y * y)), np.float32)


@lru_cache(maxsize=1)
def _noise() -> Array:
    rng = np.random.default_rng(61)
    return rng.normal(0.0, 1.0, (_NOISE_PX, _NOISE_PX + 256, 3)).astype(np.float32)
