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

"""Exact search with FAISS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.index.place_index import Neighbours
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['FlatIndex']


class FlatIndex:
    """Compare with every view; exact, and fast enough for a few hundred thousand of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        import faiss  # heavy, and message code must work without it

        self._snapshot = snapshot
        views_per_place = np.bincount(snapshot.view_rows, minlength=1)
        self._most_views = int(views_per_place.max(initial=1))
        self._index = faiss.IndexFlatIP(snapshot.descriptors.shape[1])
        self._index.add(np.ascontiguousarray(snapshot.descriptors))

    def search(self, query: NDArray[Any], k: int) -> Neighbours:
        """Find the k best places of a query (D,), L2-normalised; fewer when the map has fewer."""
        dimension = self._index.d
        if query.shape != (dimension,):
            raise ValueError(f'a query must have shape ({dimension},), got {query.shape}')
        if not np.isfinite(query).all():
            # FAISS would answer with row -1, which numpy takes for the last view.
            raise ValueError('a query must be finite, got NaN or infinity')
        if k < 1:
            raise ValueError(f'k must be positive, got {k}')
        # A place can hold as many of the best views as it has views.
        wanted = min(k * self._most_views, self._index.ntotal)
        if wanted == 0:
            return Neighbours(np.zeros(0, np.int64), np.zeros(0, np.float32),
                              np.zeros(0, np.int64))
        similarities, views = self._index.search(
            np.ascontiguousarray(query[None], np.float32), wanted)
        rows = self._snapshot.view_rows[views[0]]
        _, first = np.unique(rows, return_index=True)
        best = np.sort(first)[:k]  # the first of a place is its best view, and the order stands
        chosen = views[0][best]
        return Neighbours(
            place_ids=self._snapshot.place_ids[rows[best]], similarities=similarities[0][best],
            cameras=self._snapshot.view_cameras[chosen])
