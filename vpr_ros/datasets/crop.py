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


"""Parts of images: without a bonnet, or two that overlap."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.traverse import ImageSource
from vpr_ros.types import Camera

__all__ = ['Crop', 'CroppedImages']

Array = NDArray[Any]


@dataclass(frozen=True)
class Crop:
    """
    What is cut off at each side, as shares of the width or height.

    :raises ValueError: when nothing would be left.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    def __post_init__(self) -> None:
        sides = (self.left, self.top, self.right, self.bottom)
        if min(sides) < 0.0 or self.left + self.right >= 1.0 or self.top + self.bottom >= 1.0:
            raise ValueError('what is cut off is a share of at least 0 at each side, and both '
                             f'sides together less than 1, got {sides}')

    def __bool__(self) -> bool:
        """Tell whether anything is cut off."""
        return self != Crop()

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return x and y of the first pixel that is left, and x and y behind the last."""
        x, y = round(self.left * width), round(self.top * height)
        return (x, y, max(x + 1, width - round(self.right * width)),
                max(y + 1, height - round(self.bottom * height)))

    def image(self, image: Array) -> Array:
        """Return what is left of an (H, W, 3) array, as an array of its own."""
        x, y, right, bottom = self.box(image.shape[1], image.shape[0])
        return np.ascontiguousarray(image[y:bottom, x:right])

    def camera(self, camera: Camera) -> Camera:
        """Return the calibration of the part of its images that is left."""
        x, y, right, bottom = self.box(camera.width, camera.height)
        matrix = camera.matrix.copy()
        matrix[:2, 2] -= x, y
        return replace(camera, width=right - x, height=bottom - y, matrix=matrix)


class CroppedImages:
    """An image source of the same part of the images of another."""

    def __init__(self, images: ImageSource, crop: Crop) -> None:
        self._images = images
        self._crop = crop

    @property
    def source(self) -> ImageSource:
        """Return the images that are cropped."""
        return self._images

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def read(self, index: int) -> Array:
        """Return the part of image ``index`` as (H, W, 3) uint8 RGB."""
        return self._crop.image(self._images.read(index))

    def label(self, index: int) -> str:
        """Return what a person would call image ``index``."""
        return self._images.label(index)
