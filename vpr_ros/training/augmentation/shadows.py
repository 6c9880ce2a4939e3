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
"""Shadows of what is not in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.training.augmentation.pixels import Pixels
from vpr_ros.training.augmentation.pixels import sky
from vpr_ros.training.augmentation.pixels import spread

__all__ = ['Shadows']


@dataclass(frozen=True, eq=False)
class Shadows:
    """
    Dark, bluish parts with soft borders, as trees and houses throw them.

    :param shapes: each (n, 2) float64, corners as shares of width and height.
    :param light: what is left of the light in a shadow, of R, G and B.
    :param softness: of the borders as a share of the width.
    """

    shapes: tuple[NDArray[np.float64], ...]
    light: tuple[float, float, float]
    softness: float

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> Shadows:
        """Draw shadows; most fall on the ground."""
        shapes = []
        for _ in range(rng.integers(1, 4)):
            centre = np.array([rng.uniform(0.0, 1.0), rng.uniform(0.4, 1.0)])
            corners = int(rng.integers(3, 8))
            angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, corners))
            reach = rng.uniform(0.4, 1.0, corners)[:, None]
            # Long across the picture, for the sun stands low when shadows are large.
            across = np.array([rng.uniform(0.2, 0.7), rng.uniform(0.08, 0.4)])
            turn = rng.uniform(-0.6, 0.6)
            round_ = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach * across
            rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
            shapes.append(centre + round_ @ rotation)
        dark = rng.uniform(0.35, 0.7) * strength
        blue = rng.uniform(0.0, 0.12) * dark
        return cls(shapes=tuple(shapes), softness=float(rng.uniform(0.004, 0.02)),
                   light=(float(1.0 - dark - blue), float(1.0 - dark), float(1.0 - dark + blue)))

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Throw the shadows on all but the sky."""
        h, w = image.shape[:2]
        mask: Pixels = np.zeros((h, w), np.float32)
        for shape in self.shapes:
            # Sixteenths of a pixel.
            corners = np.round(shape * (w, h) * 16.0).astype(np.int32)
            cv2.fillPoly(mask, [corners], 1.0, cv2.LINE_8, 4)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.5, self.softness * w)))
        mask *= 1.0 - sky(image)
        lost = spread(mask, 1.0 - np.array(self.light))
        return np.asarray(image * (1.0 - lost), np.float32)
