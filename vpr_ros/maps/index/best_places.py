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

"""From the best views to the best places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.index.place_index import Neighbours

__all__ = ['best_places', 'checked_query', 'most_views']


def checked_query(query: NDArray[Any], k: int, dimension: int) -> NDArray[np.float32]:
    """Return a query (D,) as float32; ValueError for what is none, or for a k below 1."""
    if query.shape != (dimension,):
        raise ValueError(f'a query must have shape ({dimension},), got {query.shape}')
    if not np.isfinite(query).all():
        # FAISS would answer with row -1, which numpy takes for the last view.
        raise ValueError('a query must be finite, got NaN or infinity')
    if k < 1:
        raise ValueError(f'k must be positive, got {k}')
    return np.ascontiguousarray(query, np.float32)


def best_places(place_ids: NDArray[np.int64], cameras: NDArray[np.int64],
                similarities: NDArray[np.float32], k: int) -> Neighbours:
    """
    Return the k best of the places that views (n,) belong to, each once, with its best view.

    :param similarities: (n,), best first.
    """
    _, first = np.unique(place_ids, return_index=True)
    best = np.sort(first)[:k]  # the first of a place is its best view, and the order stands
    return Neighbours(place_ids[best], similarities[best], cameras[best])


def most_views(place_ids: NDArray[np.int64]) -> int:
    """Return how many views the place with the most of them has; 1 where there is none."""
    if not len(place_ids):
        return 1
    return int(np.unique(place_ids, return_counts=True)[1].max())
