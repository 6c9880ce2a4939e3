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

"""Images of any size to the input size of a network."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.networks.identity import Preprocessing

__all__ = ['prepare']


def prepare(image: NDArray[Any], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """
    Return the image at the network's input size.

    :param image: (H, W, 3) uint8 RGB.
    :returns: (h, w, 3) uint8 RGB: area averages along an axis that shrinks, bilinear along one
        that grows.
    """
    height, width = preprocessing.height, preprocessing.width
    if image.shape[:2] == (height, width):
        return np.asarray(image, np.uint8)
    # One axis may shrink where the other grows: each is treated as it needs.
    smaller = (min(width, image.shape[1]), min(height, image.shape[0]))
    if smaller != (image.shape[1], image.shape[0]):
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (width, height):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(image, np.uint8)
