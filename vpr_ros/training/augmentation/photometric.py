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
"""The camera and the colour of light: exposure, contrast, colours, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from vpr_ros.training.augmentation.pixels import daylight
from vpr_ros.training.augmentation.pixels import grey
from vpr_ros.training.augmentation.pixels import mixed
from vpr_ros.training.augmentation.pixels import Pixels
from vpr_ros.training.augmentation.pixels import tinted

__all__ = ['Blur', 'Light', 'Noise']


@dataclass(frozen=True)
class Light:
    """
    Other exposure, contrast and colours.

    :param gamma: above 1 darkens the middle tones.
    :param contrast: around the mean of the image.
    :param brightness: added.
    :param colour: a factor for each of R, G, B.
    :param saturation: 0 is grey.
    """

    gamma: float
    contrast: float
    brightness: float
    colour: tuple[float, float, float]
    saturation: float

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> Light:
        """Draw the light of an example."""
        warm = rng.uniform(-0.18, 0.18) * strength  # from the blue of shade to the red of evening
        green = rng.uniform(-0.06, 0.06) * strength
        return cls(
            gamma=float(np.exp(rng.uniform(-0.5, 0.5) * strength)),
            contrast=float(np.exp(rng.uniform(-0.35, 0.3) * strength)),
            brightness=float(rng.uniform(-0.12, 0.12) * strength),
            colour=(1.0 + float(warm), 1.0 + float(green), 1.0 - float(warm)),
            saturation=1.0 + float(rng.uniform(-0.8, 0.3)) * strength)

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Show the image in this light."""
        image = np.asarray(cv2.pow(np.clip(image, 0.0, 1.0), self.gamma), np.float32)
        # Around the mean: around the middle, a dark image would be black.
        kept = (1.0 - self.contrast) * float(image.mean())
        added = kept + self.brightness * daylight(image)
        image = tinted(image, np.array(self.colour) * self.contrast)
        image += np.float32(added)
        return mixed(image, grey(image), 1.0 - self.saturation)


@dataclass(frozen=True)
class Blur:
    """
    Out of focus, or moved while the shutter was open.

    :param width: of the blur as a share of the width of the image.
    :param angle: of the movement in radians; None where there was none.
    """

    width: float
    angle: float | None

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> Blur:
        """Draw the blur of an example."""
        moved = rng.random() < 0.5
        return cls(width=float(rng.uniform(0.002, 0.008)) * strength,
                   angle=float(rng.uniform(0.0, np.pi)) if moved else None)

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Blur the image."""
        sigma = self.width * image.shape[1]
        if self.angle is None:
            blurred = cv2.GaussianBlur(image, (0, 0), max(sigma, 0.1))
        else:
            blurred = cv2.filter2D(image, -1, streak(4.0 * sigma, self.angle))
        return np.asarray(blurred, np.float32)


def streak(length: float, angle: float) -> Pixels:
    """Return a kernel that draws a line of that length in pixels through each point."""
    side = 2 * (int(length) // 2) + 3
    kernel = np.zeros((side, side), np.float32)
    middle, half = (side - 1) / 2.0, max(length - 1.0, 0.0) / 2.0
    ends = [(middle + sign * half * np.cos(angle), middle + sign * half * np.sin(angle))
            for sign in (-1.0, 1.0)]
    # Sixteenths of a pixel.
    first, last = [(round(x * 16), round(y * 16)) for x, y in ends]
    cv2.line(kernel, first, last, 1.0, 1, cv2.LINE_8, 4)
    return np.asarray(kernel / kernel.sum(), np.float32)


@dataclass(frozen=True)
class Noise:
    """
    Noise of the sensor.

    :param deviation: of each value, where 1 is white.
    """

    deviation: float

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> Noise:
        """Draw the noise of an example."""
        return cls(deviation=float(rng.uniform(0.005, 0.05)) * strength)

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Add noise; each image has its own."""
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        noise *= np.float32(self.deviation)
        return np.asarray(image + noise, np.float32)
