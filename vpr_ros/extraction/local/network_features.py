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
The cells of a network's own feature map as local features: they cost next to nothing.

A network that describes a whole image has described every part of it on the way. Each cell of the
map that it pooled is a feature: a coarse point, and a descriptor that knows day from night as well
as the network does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures

__all__ = ['cell_centres', 'NetworkFeatures', 'projection']

# Numbers of a descriptor: enough to tell cells apart, few enough to keep hundreds for a place.
_DIMENSION = 64


class NetworkFeatures:
    """
    All cells of the map that the network pooled.

    :param count: how many to return of an image, the best by score at most.
    """

    kind = 'network'

    def __init__(self, count: int) -> None:
        self._count = count

    def extract(self, frames: Sequence[Frame], output: EngineOutput) -> list[LocalFeatures]:
        """
        Return the cells of each frame; a score is the cell's attention, or its activation.

        A cell without any activation looks like nothing and is left out.
        """
        if output.features is None:
            raise VprError('the engine returned no feature map: set extraction.local_features to '
                           '"none", or choose a network that has one')
        return [
            self._cells(frame, features,
                        None if output.attention is None else output.attention[row])
            for row, (frame, features) in enumerate(zip(frames, output.features, strict=True))]

    def _cells(self, frame: Frame, features: NDArray[np.float32],
               attention: NDArray[np.float32] | None) -> LocalFeatures:
        channels, h, w = features.shape
        cells = features.reshape(channels, -1).T
        lengths = np.linalg.norm(cells, axis=1)
        # Any activation of a cell is larger than this share of the strongest.
        active = lengths > 1e-6 * max(float(lengths.max()), np.finfo(np.float32).tiny)
        unit = cells[active] / lengths[active, None]
        if channels > _DIMENSION:
            unit = unit @ projection(channels)
            unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        if attention is None:
            scores = lengths
        elif attention.shape == (h, w):
            scores = attention.ravel()
        else:
            scores = cv2.resize(attention, (w, h), interpolation=cv2.INTER_LINEAR).ravel()
        points = cell_centres((h, w), frame.image.shape[:2])
        return LocalFeatures(points[active], unit, scores[active]).best(self._count)


def cell_centres(grid: tuple[int, int], image: tuple[int, ...]) -> NDArray[np.float32]:
    """
    Return the centres (h * w, 2) of the cells of a grid over an image, in its pixels x, y.

    :param grid: (h, w) cells, row by row.
    :param image: (H, W) pixels; the centre of the first one is (0, 0).
    """
    (h, w), (height, width) = grid, image
    x = (np.arange(w) + 0.5) * (width / w) - 0.5
    y = (np.arange(h) + 0.5) * (height / h) - 0.5
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)


@lru_cache(maxsize=4)
def projection(channels: int) -> NDArray[np.float32]:
    """
    Return the orthonormal columns (channels, 64) that descriptors are projected on.

    A random subspace keeps angles (Johnson and Lindenstrauss 1984) and, unlike a learned one,
    needs no file: the one of ``channels`` is the same on every machine.
    """
    # RandomState, whose numbers never change from one version of NumPy to another, and a sign of
    # each column that does not depend on how the factorisation was made.
    gaussian = np.random.RandomState(0).standard_normal((channels, _DIMENSION))
    columns, triangle = np.linalg.qr(gaussian)
    fixed = (columns * np.sign(np.diag(triangle))).astype(np.float32)
    fixed.flags.writeable = False  # it is shared
    return fixed
