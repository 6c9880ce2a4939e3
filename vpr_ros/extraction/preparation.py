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
    :returns: (h, w, 3) uint8 RGB: area averages where the image shrinks, bilinear where it grows.
    """
    height, width = preprocessing.height, preprocessing.width
    if image.shape[:2] == (height, width):
        return np.asarray(image, np.uint8)
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    resized = cv2.resize(image, (width, height),
                         interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)
