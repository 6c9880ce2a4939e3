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

"""Exact search of a map that stands still."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from vpr_ros.maps.index.best_places import best_places
from vpr_ros.maps.index.best_places import checked_query
from vpr_ros.maps.index.best_places import most_views
from vpr_ros.maps.index.exact_search import ExactSearch
from vpr_ros.maps.index.place_index import Neighbours
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['FlatIndex']


class FlatIndex:
    """Compare with every view; exact, and fast enough for a few hundred thousand of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._views = Views.of(snapshot)
        self._search = ExactSearch(self._views)
        self._most_views = most_views(self._views.place_ids)

    def search(self, query: NDArray[Any], k: int) -> Neighbours:
        """Find the k best places of a query (D,), L2-normalised; fewer when the map has fewer."""
        asked = checked_query(query, k, self._views.dimension)
        # A place can hold as many of the best views as it has views.
        similarities, found = self._search.search(asked, k * self._most_views)
        return best_places(self._views.place_ids[found], self._views.cameras[found],
                           similarities, k)
