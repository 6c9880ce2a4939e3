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
What a map looks like as a whole, and what stands out of it.

All places of a map have much in common: a horizon, a road, the way this network sees the world.
What two images share of that says nothing about where they were taken, and where a place has more
of it than others it is found again and again, wrongly, along a whole street. So a query is not
compared with a place but with what sets the place apart: with m the mean and C the covariance of
the map's descriptors,

    s(q, d) = (q - m)' A (d - m) / |d - m|_A,    A = (C + r c I)^-1,    |x|_A = (x' A x)^1/2,

c being the mean of the eigenvalues of C that a map of its size can show. It is the matched filter,
the linear detector with the best ratio of signal to clutter (Turin: An introduction to matched
filters, 1960), here with the clutter of the map alone: no other query is needed to judge one. The
numerator is a scalar product of d with one vector, so any index of descriptors can be searched for
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['Background', 'sample_rows']

Array = NDArray[np.float32]

# r: how much of an even clutter is assumed beside the map's. Chosen on the town.
_EVEN_SHARE = 1.0
# Enough for the largest directions of clutter, whatever the size of the map.
_SAMPLES = 1024
_MOST_DIRECTIONS = 128


def sample_rows(count: int, wanted: int = _SAMPLES) -> NDArray[np.int64]:
    """Return at most ``wanted`` of ``count`` rows, evenly spread, the same each time."""
    rows = np.linspace(0, count - 1, min(count, wanted)).round()
    return np.unique(rows.astype(np.int64))


@dataclass(frozen=True, eq=False)
class Background:
    """
    The mean and the largest directions of clutter of V views.

    :param descriptors: (V, D) of the map; rows are read when they are asked for.
    :param mean: (D,).
    :param directions: (n, D), orthonormal.
    :param shrinkage: (n,) how much of each direction is taken away, in [0, 1).
    """

    descriptors: NDArray[Any]
    mean: Array
    directions: Array
    shrinkage: Array
    _norms: Array = field(init=False)

    def __post_init__(self) -> None:
        # Of each view once, when it is first found: a large map is not read for it.
        object.__setattr__(self, '_norms', np.full(len(self.descriptors), np.nan, np.float32))

    @classmethod
    def of(cls, descriptors: NDArray[Any]) -> Background:
        """Learn it from an even sample of a map's descriptors (V, D)."""
        sample = np.asarray(descriptors[sample_rows(len(descriptors))], np.float32)
        mean = sample.mean(axis=0)
        centred = sample - mean
        # The eigenvectors of the covariance by those of the smaller matrix of scalar products.
        values, vectors = np.linalg.eigh(centred @ centred.T)
        kept = slice(None, -_MOST_DIRECTIONS - 1, -1)
        largest, vectors = np.maximum(values[kept], 0.0), vectors[:, kept]
        even = _EVEN_SHARE * float(np.maximum(values, 0.0).sum()) / min(sample.shape)
        distinct = largest > 1e-6 * max(float(largest[0]), 1e-12)
        directions = (vectors[:, distinct] / np.sqrt(largest[distinct])).T @ centred
        shrinkage = largest[distinct] / (largest[distinct] + even)
        return cls(descriptors, mean, np.ascontiguousarray(directions, np.float32),
                   shrinkage.astype(np.float32))

    @classmethod
    def none(cls, descriptors: NDArray[Any]) -> Background:
        """Leave similarities as they are: s is the cosine."""
        dimension = descriptors.shape[1]
        return cls(descriptors, np.zeros(dimension, np.float32),
                   np.zeros((0, dimension), np.float32), np.zeros(0, np.float32))

    def direction(self, query: NDArray[Any]) -> Array:
        """Return the unit vector (D,) to search for: A (q - m) for a query (D,), normalised."""
        wanted = self._without_clutter(np.asarray(query, np.float32) - self.mean)
        length = float(np.linalg.norm(wanted))
        # What is the mean of the map itself stands out nowhere.
        return wanted / length if length > 1e-6 else np.asarray(query, np.float32)

    def contrasts(self, direction: Array, views: NDArray[np.int64],
                  products: Array) -> NDArray[np.float64]:
        """
        Return s (n,) of views, up to a factor that they share.

        :param direction: (D,) of the query.
        :param products: (n,) scalar products of the views' descriptors with it.
        """
        above = products.astype(np.float64) - float(direction @ self.mean)
        return np.asarray(above / self._norms_of(views))

    def _norms_of(self, views: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return |d - m|_A of views; the norms of a view that is the mean itself count as one."""
        unread = views[np.isnan(self._norms[views])]
        if len(unread):
            apart = np.asarray(self.descriptors[unread], np.float32) - self.mean
            squares = np.einsum('ij,ij->i', apart, self._without_clutter(apart))
            self._norms[unread] = np.where(squares > 1e-9, np.sqrt(np.abs(squares)), 1.0)
        return self._norms[views].astype(np.float64)

    def _without_clutter(self, centred: Array) -> Array:
        """Return A x of (..., D), up to a factor."""
        along = centred @ self.directions.T
        without: Array = centred - (along * self.shrinkage) @ self.directions
        return without
