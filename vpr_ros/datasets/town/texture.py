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

"""Textures that stay free of flicker when they are seen small."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['blank', 'CLEAR', 'letter', 'LIT', 'OPAQUE', 'seamless', 'Texture']

Array = NDArray[Any]

# The fourth channel says both whether there is something and how much it shines: below half
# of OPAQUE nothing, OPAQUE a thing that does not shine, LIT one that shines fully.
CLEAR, OPAQUE, LIT = 0, 96, 255


class Texture:
    """
    An image to be put on a rectangle in the world.

    :param pixels: (H, W, 4) uint8: red, green, blue and how much it shines (see ``OPAQUE``).
    """

    def __init__(self, pixels: Array) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 4:
            raise ValueError(f'a texture is (H, W, 4) uint8, got {pixels.dtype} {pixels.shape}')
        self.pixels = pixels
        self.has_holes = bool((pixels[..., 3] < OPAQUE).any())
        self._levels: dict[tuple[int, int], Array] = {(0, 0): pixels}

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return int(self.pixels.shape[0])

    def level(self, across: int, down: int) -> Array:
        """Return the image shrunk by 2 to the power of ``across`` and of ``down``."""
        key = (across, down)
        found = self._levels.get(key)
        if found is None:
            size = (max(1, self.width >> across), max(1, self.height >> down))
            found = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA)
            if self.has_holes:
                # Twigs that cover a part of a pixel would vanish: they thicken instead.
                alpha = found[..., 3]
                np.copyto(alpha, np.minimum(2 * alpha, OPAQUE), where=alpha < OPAQUE)
            self._levels[key] = found
        return found


def blank(height: int, width: int, colour: tuple[int, int, int] = (0, 0, 0),
          alpha: int = OPAQUE) -> Array:
    """Return (height, width, 4) uint8 of one colour."""
    pixels = np.empty((max(1, height), max(1, width), 4), np.uint8)
    pixels[:] = (*colour, alpha)
    return pixels


def seamless(small: Array, size: int) -> Array:
    """Enlarge (n, n) values to (size, size) so that copies side by side meet without a seam."""
    cells = len(small)
    large = cv2.resize(np.pad(small, 1, mode='wrap'), None, fx=size / cells, fy=size / cells,
                       interpolation=cv2.INTER_CUBIC)
    margin = size // cells
    return np.asarray(large[margin:margin + size, margin:margin + size])


def letter(pixels: Array, text: str, *, height: float, colour: tuple[int, int, int],
           bold: bool = False) -> None:
    """Write a text into the middle of (H, W, 4) pixels, as large as fits; none where none does."""
    font = cv2.FONT_HERSHEY_DUPLEX if bold else cv2.FONT_HERSHEY_SIMPLEX
    scale = height / 22.0
    (width, high), _ = cv2.getTextSize(text, font, scale, 2)
    room = pixels.shape[1] - 8
    if room < 8 or pixels.shape[0] < 8:
        return
    if width > room:
        scale *= room / width
        (width, high), _ = cv2.getTextSize(text, font, scale, 2)
    # On three channels: OpenCV 5 writes what it likes into a fourth.
    picture = np.ascontiguousarray(pixels[..., :3])
    cv2.putText(picture, text, ((pixels.shape[1] - width) // 2, (pixels.shape[0] + high) // 2),
                font, scale, colour, 2, cv2.LINE_AA)
    pixels[..., :3] = picture
