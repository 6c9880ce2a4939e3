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

"""How alike a query and every place of a map are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['LARGEST_MAP', 'Similarities']

# Places: each query is compared with all of them, and what it says of each is kept for many
# frames.
LARGEST_MAP = 200_000


class Similarities:
    """
    Compares queries with all places of a map, by exhaustive search in memory.

    :param snapshot: the map; VprError when it has more than ``LARGEST_MAP`` places.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        if len(snapshot) > LARGEST_MAP:
            raise VprError(
                f'this filter compares each image with every place of the map, of at most '
                f'{LARGEST_MAP} places, and this map has {len(snapshot)}: set the filter to '
                '"forward", which searches the index of the map')
        order = np.argsort(snapshot.view_rows, kind='stable')
        rows = snapshot.view_rows[order]
        sorted_already = bool((order == np.arange(len(order))).all())
        # A mapped file is read once.
        views = snapshot.descriptors if sorted_already else snapshot.descriptors[order]
        self._views: NDArray[np.float32] = np.ascontiguousarray(views, np.float32)
        self._starts = np.searchsorted(rows, np.arange(len(snapshot)))

    def of(self, descriptor: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        Return the cosine similarity (N,) of a query and each place: that of its best view.

        :param descriptor: (D,) L2-normalised.
        """
        products = self._views @ np.asarray(descriptor, np.float32)
        if len(products) == len(self._starts):
            return products
        return np.asarray(np.maximum.reduceat(products, self._starts), np.float32)
