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
"""What the effects work on: colours as numbers, and guesses at what a picture shows."""

from __future__ import annotations

from typing import Any
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['daylight', 'Effect', 'grey', 'mixed', 'Pixels', 'sky', 'smooth_noise',
           'spread', 'tinted', 'to_bytes', 'to_pixels']

Pixels = NDArray[np.float32]
_SKY_SIDE = 40


class Effect(Protocol):
    """Something that happens to all images of an example, as it was drawn for them."""

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """
        Return the changed image; the given one may be overwritten.

        :param image: (H, W, 3) float32, mostly in [0, 1].
        :param rng: for what differs from image to image.
        """
        ...


def to_pixels(image: NDArray[Any]) -> Pixels:
    """Return a uint8 image as float32 in [0, 1]."""
    return np.multiply(image, np.float32(1.0 / 255.0), dtype=np.float32)


def to_bytes(image: Pixels) -> NDArray[np.uint8]:
    """Return an image as uint8; what is too bright or too dark is cut off."""
    rounded = np.multiply(image, np.float32(255.0))
    rounded += np.float32(0.5)
    return np.clip(rounded, 0.0, 255.0, out=rounded).astype(np.uint8)


def grey(image: Pixels) -> Pixels:
    """Return the luminance (H, W)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def daylight(image: Pixels) -> float:
    """Return how much light there is: 1 for a usual day, little for what is a night already."""
    return float(np.clip(image.mean() / 0.35, 0.15, 1.0))


def mixed(image: Pixels, colour: Any, share: Any) -> Pixels:
    """
    Return the image with a share of something else.

    :param colour: an image (H, W, 3), a grey one (H, W), R, G and B, or one number.
    :param share: (H, W), or one number.
    """
    other = np.asarray(colour, np.float32)
    part = np.asarray(share, np.float32)
    if other.ndim == 2:
        other = spread(other)
    if other.ndim < 3 and part.ndim == 2:
        return np.asarray(image * spread(1.0 - part) + spread(part, other), np.float32)
    if part.ndim == 2:
        part = spread(part)
    return np.asarray(image + part * (other - image), np.float32)


def spread(mask: Pixels, colour: Any = 1.0) -> Pixels:
    """
    Return (H, W) times a colour as (H, W, 3).

    It does what broadcasting does, in a fraction of the time where the last axis has three values.
    """
    factors = np.broadcast_to(np.asarray(colour, np.float32), 3)
    return np.asarray(cv2.merge([np.asarray(mask * f, np.float32) for f in factors]), np.float32)


def tinted(image: Pixels, colour: Any) -> Pixels:
    """Return the image with each of R, G and B times a factor."""
    planes = zip(cv2.split(image), np.asarray(colour, np.float32), strict=True)
    return np.asarray(cv2.merge([plane * factor for plane, factor in planes]), np.float32)


def smooth_noise(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> Pixels:
    """Return (H, W) values around [0, 1] that change over the picture about ``cells`` times."""
    coarse = rng.random((cells, cells), dtype=np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def sky(image: Pixels) -> Pixels:
    """
    Guess what is sky: (H, W) in [0, 1].

    Sky is bright and even, and reaches from the upper border down to the first edge.
    """
    h, w = image.shape[:2]
    side = (min(w, _SKY_SIDE), min(h, _SKY_SIDE))
    # Clear or clouded, a sky is never dark in blue.
    light = cv2.addWeighted(grey(image), 0.4, cv2.extractChannel(image, 2), 0.6, 0.0)
    small = cv2.resize(light, side, interpolation=cv2.INTER_AREA)
    # As bright as the brighter parts of this picture, whatever its exposure.
    usual = float(np.quantile(small, 0.7)) + 1e-3
    steps = np.abs(np.diff(small, axis=0, prepend=small[:1]))
    even = np.clip(1.5 - steps * 12.0, 0.0, 1.0)
    bright = np.clip(small / (0.3 * usual) - 2.0, 0.0, 1.0)
    open_above = np.minimum.accumulate((bright * even).astype(np.float32), axis=0)
    # Wider than it is, and then cut along what each pixel shows, for a skyline is sharp.
    wide = cv2.GaussianBlur(cv2.dilate(open_above, np.ones((3, 3), np.uint8)), (0, 0), 0.8)
    found = np.asarray(cv2.resize(wide, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)
    found *= np.clip(light * np.float32(1.0 / (0.3 * usual)) - np.float32(2.0), 0.0, 1.0)
    return found
