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

"""Photometric changes and occlusions, so that a network learns what stays."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['change_conditions']

Image = NDArray[np.uint8]


def change_conditions(image: Image, rng: np.random.Generator) -> Image:
    """
    Return the image under other light, blur, noise and with something in the way.

    :param image: (H, W, 3) uint8 RGB; not changed.
    """
    x: NDArray[Any] = image.astype(np.float32) / 255.0
    if rng.random() < 0.25:
        x = _darken(x, rng)
    x = (x - 0.5) * rng.uniform(0.7, 1.4) + 0.5 + rng.uniform(-0.15, 0.15)
    x = x * rng.uniform(0.85, 1.15, size=3).astype(np.float32)
    if rng.random() < 0.2:
        x = x + (x.mean(axis=2, keepdims=True) - x) * rng.uniform(0.5, 1.0)
    if rng.random() < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.5, 2.0))
    if rng.random() < 0.5:
        x = x + rng.normal(0.0, rng.uniform(0.005, 0.05), x.shape).astype(np.float32)
    if rng.random() < 0.4:
        x = _occlude(x, rng)
    changed: Image = np.clip(x * 255.0 + 0.5, 0, 255).astype(np.uint8)
    return changed


def _darken(x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Imitate night: compressed darks, little colour, a few lights."""
    x = np.clip(x, 0.0, 1.0) ** rng.uniform(1.5, 3.0) * rng.uniform(0.4, 0.9)
    x = x + (x.mean(axis=2, keepdims=True) - x) * rng.uniform(0.0, 0.8)
    h, w = x.shape[:2]
    for _ in range(rng.integers(0, 5)):
        centre = (int(rng.integers(0, w)), int(rng.integers(0, h)))
        light = np.zeros_like(x)
        colour = (1.0, float(rng.uniform(0.7, 1.0)), float(rng.uniform(0.4, 0.9)))
        cv2.circle(light, centre, int(rng.integers(2, 8)), colour, -1)
        x = x + cv2.GaussianBlur(light, (0, 0), rng.uniform(2.0, 8.0)) * rng.uniform(0.5, 2.0)
    return x


def _occlude(x: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Put a plain or noisy rectangle (a bus, a wiper, a person) in front."""
    h, w = x.shape[:2]
    rows, columns = int(h * rng.uniform(0.15, 0.5)), int(w * rng.uniform(0.1, 0.4))
    top, left = int(rng.integers(0, h - rows)), int(rng.integers(0, w - columns))
    patch = np.full((rows, columns, 3), rng.uniform(0.0, 1.0, size=3), np.float32)
    x = x.copy()
    x[top:top + rows, left:left + columns] = patch + rng.normal(
        0.0, rng.uniform(0.0, 0.2), patch.shape)
    return x
