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
"""Which matches move alike from one image to the other."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['off_the_motion']

Array = NDArray[Any]

# Two matches say how an image was shifted, turned and scaled, unless they stand too close to tell.
_LEAST_APART = 1.5
_LARGEST_SCALE = 3.0
# Two points fix the motion; with few beside them, any pair of images has some that agree.
_LEAST_POINTS = 6


def off_the_motion(query: Array, match: Array, *, samples: int) -> Array:
    """
    Return how far each match is off the shift, turn and scale that most of them follow.

    A scene has depth, so no such motion is exact. But it has four numbers alone to fit wrong
    matches with, where a homography has eight, and it binds both coordinates of a point, where an
    essential matrix binds one: wrong pairs of images find fewer matches that agree.

    :param query: (n, 2) points in units of how far one may be off in that image.
    :param match: (n, 2) points of the other image in its units.
    :param samples: how many pairs of matches are tried.
    :returns: (n,) in those units: who follows is off by less than one. All are infinite where no
        motion is found.
    """
    n = len(query)
    if n < _LEAST_POINTS:
        return np.full(n, np.inf)
    # In complex numbers a shift, turn and scale is z -> scale z + shift.
    z_query, z_match = query[:, 0] + 1j * query[:, 1], match[:, 0] + 1j * match[:, 1]
    first, second = (_draws(samples) * n).astype(np.int64)
    apart = z_query[first] - z_query[second]
    told = np.abs(apart) > _LEAST_APART
    first, second, apart = first[told], second[told], apart[told]
    scale = (z_match[first] - z_match[second]) / apart
    size = np.abs(scale)
    possible = (size < _LARGEST_SCALE) & (size > 1.0 / _LARGEST_SCALE)
    if not possible.any():
        return np.full(n, np.inf)
    first, scale, size = first[possible], scale[possible], size[possible]
    shift = z_match[first] - scale * z_query[first]
    off = scale[:, None] * z_query + shift[:, None] - z_match
    # In the image where it is more: a scale that shrinks brings nothing closer.
    squares = (off.real ** 2 + off.imag ** 2) / np.minimum(size, 1.0)[:, None] ** 2
    best = int(np.maximum(1.0 - squares, 0.0).sum(axis=1).argmax())
    return np.asarray(np.sqrt(squares[best]))


@lru_cache(maxsize=4)
def _draws(samples: int) -> Array:
    """Return (2, samples) numbers below one, always the same: an image has one answer."""
    # RandomState, whose numbers never change from one version of NumPy to another.
    draws = np.random.RandomState(0).random_sample((2, samples))
    draws.flags.writeable = False  # they are shared
    return draws
