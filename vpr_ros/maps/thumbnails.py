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

"""Small pictures of places for people to look at."""

from __future__ import annotations

from typing import Any

import cv2
from numpy.typing import NDArray

__all__ = ['make_thumbnail']


def make_thumbnail(image: NDArray[Any], width: int) -> bytes:
    """
    Return a JPEG at most ``width`` pixels wide, or nothing for a width of 0.

    :param image: (H, W, 3) uint8 RGB.
    """
    if width == 0:
        return b''
    rows, columns = image.shape[:2]
    if columns > width:
        height = max(1, round(rows * width / columns))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
                              [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise RuntimeError(f'cannot encode an image of {columns} x {rows} pixels')
    return jpeg.tobytes()
