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

"""The depth of points from a depth image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures

__all__ = ['depths_at', 'with_depths']

# Pixels to each side: depth images have holes, and single pixels of theirs are noisy.
_REACH = 2


def with_depths(features: LocalFeatures, frame: Frame) -> LocalFeatures:
    """Return the features with the depths that the frame knows; as they are if it knows none."""
    if frame.depth is None:
        return features
    return replace(features, depths=depths_at(features.points, frame.depth))


def depths_at(points: NDArray[np.float32], depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Return the depths (N,) of points, in metres: NaN where none is known.

    Each is the median of what is known in the 5 x 5 pixels around the point; of an even number
    the nearer of the two, for between a thing and what is behind it there is nothing.

    :param points: (N, 2) x, y in pixels.
    :param depth: (H, W) metres; what is not finite or not positive is not known.
    """
    height, width = depth.shape
    known = np.where(np.isfinite(depth) & (depth > 0.0), depth, np.nan)
    padded = np.pad(known, _REACH, constant_values=np.nan)
    # A point on the border of the image belongs to its last pixel.
    x = np.clip(np.rint(points[:, 0]).astype(np.int64), 0, width - 1)
    y = np.clip(np.rint(points[:, 1]).astype(np.int64), 0, height - 1)
    near = np.arange(2 * _REACH + 1)
    windows = padded[y[:, None, None] + near[None, :, None], x[:, None, None] + near[None, None]]
    ordered = np.sort(windows.reshape(len(points), len(near) ** 2), axis=1)  # NaN comes last
    # Of none it is -1: the last, which is NaN.
    middle = (np.isfinite(ordered).sum(axis=1) - 1) // 2
    return np.asarray(ordered[np.arange(len(points)), middle], np.float32)
