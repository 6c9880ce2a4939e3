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
"""The same place from elsewhere: a part of the image, seen at an angle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.extraction.preparation import prepare
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.training.augmentation.settings import AugmentationSettings

__all__ = ['resized', 'View']

Image = NDArray[np.uint8]
_WHOLE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def resized(image: NDArray[Any], size: tuple[int, int]) -> Image:
    """Return the image at ``size`` (h, w), as the networks get it."""
    return image if image.shape[:2] == size else prepare(image, Preprocessing(*size))


@dataclass(frozen=True, eq=False)
class View:
    """
    What is seen of an image; it lies inside, so that no border is ever seen.

    :param corners: (4, 2) float64, left top, right top, right bottom, left bottom, as shares of
        width and height.
    :param upright: whether they are a rectangle along the image.
    :param flipped: whether it is mirrored.
    """

    corners: NDArray[np.float64]
    upright: bool
    flipped: bool

    @classmethod
    def whole(cls) -> View:
        """Return the view of all of the image."""
        return cls(corners=_WHOLE, upright=True, flipped=False)

    @classmethod
    def draw(cls, settings: AugmentationSettings, aspect: float,
             rng: np.random.Generator) -> View:
        """
        Draw a view.

        A part of the image is chosen anywhere, turned, made smaller where it would not fit then,
        and its corners move in.

        :param aspect: width over height of the image.
        """
        # The same numbers are drawn whatever the settings are: one of them changes nothing else.
        share, ratio, turn = rng.random(), rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)
        moves, at, mirror = rng.random((4, 2)), rng.random(2), rng.random()
        smallest, largest = (1.0 - settings.strength * (1.0 - limit)
                             for limit in (settings.crop_smallest, settings.crop_largest))
        area = smallest + share * (largest - smallest)
        # No wider than fits at this area.
        most = min(np.log(settings.stretch) * settings.strength, -np.log(area))
        stretch = np.exp(ratio * most)
        angle = np.radians(settings.rotation_deg) * settings.strength * turn
        c, s = np.cos(angle), np.sin(angle)
        moves = moves * 0.5 * settings.perspective * settings.strength
        inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
        # A unit is the height of the image: an angle is no share of width and height.
        sides = np.sqrt(area) * np.array([aspect * np.sqrt(stretch), 1.0 / np.sqrt(stretch)])
        turned = np.array([[c, s], [-s, c]]) / (aspect, 1.0)
        part = (_WHOLE - 0.5) * sides @ turned
        fit = max(1.0, float(np.ptp(part, axis=0).max()))
        extent = np.ptp(part, axis=0) / fit
        middle = extent / 2.0 + at * (1.0 - extent)
        shape = (_WHOLE - 0.5 + inward * moves) * sides @ turned
        corners = np.clip(middle + shape / fit, 0.0, 1.0)
        return cls(corners=corners, upright=not (moves.any() or angle),
                   flipped=bool(mirror < settings.flip * (settings.strength > 0.0)))

    def take(self, image: NDArray[Any], size: tuple[int, int]) -> Image:
        """
        Return what is seen, in one go at the wanted size.

        :param image: (H, W, 3) uint8; not changed, but the result may be the image itself.
        :param size: (h, w) of the result.
        """
        seen = self._cut(image, size) if self.upright else self._warped(image, size)
        return np.asarray(seen[:, ::-1] if self.flipped else seen, np.uint8)

    def _cut(self, image: NDArray[Any], size: tuple[int, int]) -> Image:
        x0, y0, x1, y1 = _around(self.corners, image.shape)
        return resized(image[y0:y1, x0:x1], size)

    def _warped(self, image: NDArray[Any], size: tuple[int, int]) -> Image:
        h, w = size
        pixels = self.corners * (image.shape[1], image.shape[0])
        x0, y0, x1, y1 = _around(self.corners, image.shape, margin=1)
        part = image[y0:y1, x0:x1]
        # A warp takes single points: what shrinks is averaged before.
        edges = np.linalg.norm(pixels - np.roll(pixels, -1, axis=0), axis=1)
        reduced = (max(1, round((y1 - y0) * min(1.0, h / edges[1::2].mean()))),
                   max(1, round((x1 - x0) * min(1.0, w / edges[::2].mean()))))
        part = resized(part, reduced)
        # OpenCV counts from the middle of the first pixel.
        source = (pixels - (x0, y0)) * (reduced[1] / (x1 - x0), reduced[0] / (y1 - y0)) - 0.5
        target = _WHOLE * (w, h) - 0.5
        matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
        warped = cv2.warpPerspective(part, matrix, (w, h), flags=cv2.INTER_LINEAR,
                                     borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(warped, np.uint8)


def _around(corners: NDArray[Any], shape: tuple[int, ...],
            margin: int = 0) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the pixels around corners, at least one."""
    h, w = shape[:2]
    (x0, y0), (x1, y1) = corners.min(axis=0) * (w, h), corners.max(axis=0) * (w, h)
    if margin:
        x0, y0, x1, y1 = np.floor(x0), np.floor(y0), np.ceil(x1), np.ceil(y1)
    left = min(max(0, round(float(x0)) - margin), w - 1)
    top = min(max(0, round(float(y0)) - margin), h - 1)
    right = min(w, max(left + 1, round(float(x1)) + margin))
    bottom = min(h, max(top + 1, round(float(y1)) + margin))
    return left, top, right, bottom
