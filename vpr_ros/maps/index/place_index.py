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

"""Finding the views of a map that look most like a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ['Neighbours', 'PlaceIndex']


@dataclass(frozen=True, eq=False)
class Neighbours:
    """
    What a search found for one query: n different places, best first.

    :param place_ids: (n,) int64.
    :param similarities: (n,) float32, cosine; of the best view of each place.
    :param cameras: (n,) int64, which camera of the map that view is of.
    """

    place_ids: NDArray[np.int64]
    similarities: NDArray[np.float32]
    cameras: NDArray[np.int64]


class PlaceIndex(Protocol):
    """A searchable view of one revision of a map."""

    def search(self, query: NDArray[Any], k: int) -> Neighbours:
        """Find the k best places of a query (D,), L2-normalised; fewer when the map has fewer."""
        ...
