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

"""Attention laid over an image, for people to look at."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

__all__ = ['attention_overlay', 'rgb_picture']

Array = NDArray[Any]


def attention_overlay(image: ArrayLike, attention: ArrayLike, *, alpha: float = 0.5) -> Array:
    """
    Lay an attention map over an image: bright and warm where the network looks.

    The map is scaled between its own smallest and largest value; an even map has nothing to
    show and leaves the image as it is. Where attention is low the image is greyer and darker.

    :param image: (H, W, 3) uint8 RGB.
    :param attention: (h, w) at any resolution; finite.
    :param alpha: strength of the heat colours, in [0, 1].
    :returns: (H, W, 3) uint8 RGB.
    """
    picture = rgb_picture(image)
    heat = np.asarray(attention, dtype=np.float32)
    if heat.ndim != 2 or heat.size == 0:
        raise ValueError(f'attention must have shape (h, w), got {heat.shape}')
    if not np.isfinite(heat).all():
        raise ValueError('attention must be finite')
    if not 0 <= alpha <= 1:
        raise ValueError(f'alpha must lie in 0 to 1, got {alpha}')
    low, high = float(heat.min()), float(heat.max())
    if high - low <= 1e-6 * max(abs(high), abs(low), 1e-30):
        return np.array(picture)
    height, width = picture.shape[:2]
    heat = cv2.resize((heat - low) / (high - low), (width, height),
                      interpolation=cv2.INTER_CUBIC).clip(0, 1)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    # Half grey and dimmed away from the heat: the scene stays readable and the heat stands out.
    faded = 0.5 * picture.astype(np.float32) + 0.5 * grey[:, :, None]
    base = picture.astype(np.float32) * np.float32(1 - alpha) + faded * np.float32(alpha)
    base *= (1 - np.float32(0.7 * alpha) * (1 - heat))[:, :, None]
    # Dark violet would look like shade: the heat begins at red.
    colours = _heat_colours()[(96 + heat * 159).round().astype(np.uint8)].astype(np.float32)
    weight = (np.float32(alpha) * heat ** 0.8)[:, :, None]
    mixed = (base * (1 - weight) + colours * weight).round().clip(0, 255)
    return np.asarray(mixed.astype(np.uint8))


@lru_cache(maxsize=1)
def _heat_colours() -> Array:
    """Return (256, 3) uint8 RGB of heat: dark violet, red, yellow, evenly rising in lightness."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return np.array(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[:, 0, ::-1])


def rgb_picture(image: ArrayLike) -> Array:
    """Return an image as it is; ValueError for what is not (H, W, 3) uint8 with pixels."""
    picture = np.asarray(image)
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ValueError(
            f'expected an RGB uint8 image (H, W, 3), got {picture.dtype} {picture.shape}')
    return picture
