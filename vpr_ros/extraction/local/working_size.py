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

"""Points are found in images of a working size, and told in pixels of the image as delivered."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ['in_the_image', 'LONGEST_PX', 'reduced']

# Points found in images of 640 pixels and more tell no more places apart on Gardens Point, and
# take at least twice as long to find.
LONGEST_PX = 480


def reduced(image: NDArray[Any], longest: int = LONGEST_PX) -> NDArray[Any]:
    """
    Return an image (H, W, 3) whose sides have at most ``longest`` pixels, by area averages.

    Sources of local features then take as long for any camera.
    """
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1.0:
        return np.ascontiguousarray(image)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def in_the_image(points: NDArray[Any], reduced_shape: tuple[int, ...],
                 image_shape: tuple[int, ...]) -> NDArray[np.float32]:
    """
    Return points (N, 2) x, y of the reduced image in pixels of the image itself.

    :param reduced_shape: (h, w, ...) and ``image_shape`` (H, W, ...).
    """
    scale = np.array([image_shape[1] / reduced_shape[1], image_shape[0] / reduced_shape[0]])
    # The centre of the first pixel is (0, 0), and its corner (-0.5, -0.5) in both.
    return ((np.asarray(points, np.float64) + 0.5) * scale - 0.5).astype(np.float32)
