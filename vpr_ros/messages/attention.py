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

"""Where a network looks, as a picture on a topic."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.images import image_message
from vpr_ros.messages.overlay import attention_overlay

__all__ = ['attention_message']


def attention_message(factory: MessageFactory, image: NDArray[np.uint8], attention: ArrayLike, *,
                      stamp_ns: int, frame_id: str, width_px: int = 640) -> Any:
    """
    Make a sensor_msgs/Image (rgb8) of an image under what a network looks at in it.

    :param image: (H, W, 3) RGB.
    :param attention: (h, w) of that image.
    :param frame_id: the optical frame of its camera.
    :param width_px: wider images are shrunk to this: it is to look at, and travels more lightly.
    """
    height, width = image.shape[:2]
    if width > width_px:
        # Before it is painted on, which costs by the pixel.
        image = np.asarray(cv2.resize(image, (width_px, max(1, round(height * width_px / width))),
                                      interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return image_message(factory, attention_overlay(image, attention), stamp_ns=stamp_ns,
                         frame_id=frame_id)
