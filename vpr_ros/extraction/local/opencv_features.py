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

"""
SIFT and ORB, by OpenCV.

SIFT (Lowe 2004) as RootSIFT (Arandjelovic and Zisserman 2012): the cosine of two descriptors is
the Bhattacharyya coefficient of their histograms. ORB (Rublee et al. 2011) as signs: 256 numbers
+-1/16, whose cosine is 1 - 2 h / 256 for h bits that differ, so that one search serves all kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.extraction.local.working_size import in_the_image
from vpr_ros.extraction.local.working_size import reduced
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures

__all__ = ['OrbFeatures', 'SiftFeatures']


class _DetectedFeatures:
    """Features that a detector of OpenCV finds in grey images."""

    def __init__(self, detector: Any, count: int, size: int) -> None:
        self._detector = detector
        self._count = count
        self._size = size

    def extract(self, frames: Sequence[Frame], output: EngineOutput) -> list[LocalFeatures]:
        """Return what is found in each frame; the network is not asked."""
        return [self._of(frame.image) for frame in frames]

    def _of(self, image: NDArray[Any]) -> LocalFeatures:
        grey = cv2.cvtColor(reduced(image), cv2.COLOR_RGB2GRAY)
        points, rows = self._detector.detectAndCompute(grey, None)
        if rows is None:  # nothing was found
            rows = np.zeros((0, self._size), np.uint8)
        found = LocalFeatures(
            in_the_image(np.array([p.pt for p in points]).reshape(-1, 2), grey.shape, image.shape),
            self._unit(rows),
            np.array([p.response for p in points], np.float32))
        return found.best(self._count)

    def _unit(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return descriptors of OpenCV with length 1."""
        raise NotImplementedError


class SiftFeatures(_DetectedFeatures):
    """
    RootSIFT: 128 numbers for a point.

    :param count: how many to return of an image at most, those of the strongest contrast.
    """

    kind = 'sift'

    def __init__(self, count: int) -> None:
        detector = cv2.SIFT_create(nfeatures=count)  # type: ignore[attr-defined]
        super().__init__(detector, count, 128)

    def _unit(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        sums = rows.sum(axis=1, keepdims=True)
        return np.sqrt(rows / np.maximum(sums, 1.0)).astype(np.float32)


class OrbFeatures(_DetectedFeatures):
    """
    ORB: 256 bits for a point, as +-1/16.

    :param count: how many to return of an image at most, those of the sharpest corners.
    """

    kind = 'orb'

    def __init__(self, count: int) -> None:
        detector = cv2.ORB_create(nfeatures=count)  # type: ignore[attr-defined]
        super().__init__(detector, count, 32)

    def _unit(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        return (np.unpackbits(rows, axis=1) / 8.0 - 1.0 / 16.0).astype(np.float32)
