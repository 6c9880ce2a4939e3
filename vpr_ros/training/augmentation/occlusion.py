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
"""Something in the way: a bus, a person, a wiper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from vpr_ros.training.augmentation.pixels import mixed
from vpr_ros.training.augmentation.pixels import Pixels
from vpr_ros.training.augmentation.pixels import smooth_noise
from vpr_ros.training.augmentation.pixels import spread

__all__ = ['Occlusion']


@dataclass(frozen=True)
class Occlusion:
    """
    Things in front, elsewhere in each image.

    :param probability: of an image to have one.
    :param largest: how much of width and height it covers at most.
    """

    probability: float
    largest: float

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Put something in front of some images."""
        if rng.random() >= self.probability:
            return image
        h, w = image.shape[:2]
        rows = max(1, int(h * self.largest * rng.uniform(0.3, 1.0)))
        columns = max(1, int(w * self.largest * rng.uniform(0.3, 1.0)))
        top = int(rng.integers(0, h - rows + 1))
        left = int(rng.integers(0, w - columns + 1))
        part = image[top:top + rows, left:left + columns]
        # A dark, bright or coloured thing with some structure.
        colour = rng.uniform(0.0, 0.9, 3) * rng.uniform(0.3, 1.0)
        surface = (smooth_noise((rows, columns), 5, rng) - 0.5) * rng.uniform(0.0, 0.5)
        thing = colour.astype(np.float32) + spread(surface)
        shape: Pixels = np.ones((rows, columns), np.float32)
        if rng.random() < 0.5:
            shape[:] = 0.0
            cv2.ellipse(shape, (columns // 2, rows // 2), (columns // 2, rows // 2), 0.0, 0.0,
                        360.0, 1.0, -1, cv2.LINE_8)
            shape = np.asarray(cv2.GaussianBlur(shape, (0, 0), 0.8))
        covered = image.copy()
        covered[top:top + rows, left:left + columns] = mixed(part, thing, shape)
        return covered
