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

"""Fast search with an index that rounds and skips, and exact similarities of what it finds."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.index.exact_search import exact_index
from vpr_ros.maps.index.kinds import efforts
from vpr_ros.maps.index.kinds import parameters
from vpr_ros.maps.index.views import Views

__all__ = ['ApproximateSearch', 'Tuning']

# Depth that recall is measured to; deeper searches go through more in proportion.
RECALL_DEPTH = 20


@dataclass(frozen=True)
class Tuning:
    """
    How thoroughly an index is searched, and what that was measured to find.

    :param effort: nprobe of inverted lists, efSearch of a graph, 1 elsewhere.
    :param reranked: how many of the best hits are compared with exact descriptors.
    :param recall_1: share of queries whose best view was found.
    :param recall_20: share of the 20 best views of queries that was found.
    :param queries: how many queries that was measured with.
    """

    effort: int
    reranked: int
    recall_1: float
    recall_20: float
    queries: int


class ApproximateSearch:
    """
    A FAISS index whose best hits are ranked again by their exact similarity.

    :param index: of all the views, in their order.
    """

    def __init__(self, index: Any, views: Views, tuning: Tuning) -> None:
        import faiss

        self.index = index
        self.tuning = tuning
        self._exact = exact_index(views)
        self._refined = faiss.IndexRefine(index, self._exact)
        self._most = efforts(index)[-1]

    def search(self, query: NDArray[np.float32],
               depth: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return cosines (n,) and numbers (n,) of the n best views of a query (D,)."""
        import faiss

        depth = min(depth, self.index.ntotal)
        deeper = max(1.0, depth / RECALL_DEPTH)
        reranked = min(math.ceil(self.tuning.reranked * deeper), self.index.ntotal)
        effort = self.tuning.effort
        while True:
            similarities, views = self._refined.search(
                query[None], depth, params=faiss.IndexRefineSearchParameters(
                    k_factor=max(reranked, depth) / depth,
                    base_index_params=parameters(self.index, effort)))
            found = int((views[0] >= 0).sum())
            # The lists that were looked at may hold less than was asked for.
            if found == depth or effort >= self._most:
                return similarities[0, :found], views[0, :found]
            effort = min(4 * effort, self._most)
