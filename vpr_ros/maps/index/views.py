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

"""What is searched: the descriptors of a map, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['Views', 'ViewSearch']


@dataclass(frozen=True, eq=False)
class Views:
    """
    V views that are searched together; their numbers are their rows here.

    :param place_ids: (V,) int64.
    :param cameras: (V,) int64, which camera of the map.
    :param descriptors: (V, D) float32 in memory, or float16 in a mapped file.
    :param file: that file, which FAISS can map too, or None.
    """

    place_ids: NDArray[np.int64]
    cameras: NDArray[np.int64]
    descriptors: NDArray[Any]
    file: Path | None = None  # noqa: A003

    @classmethod
    def of(cls, snapshot: Snapshot) -> Views:
        """Take the views of a snapshot."""
        return cls(snapshot.place_ids[snapshot.view_rows], snapshot.view_cameras,
                   snapshot.descriptors)

    def __len__(self) -> int:
        return len(self.place_ids)

    @property
    def dimension(self) -> int:
        """Return D."""
        return int(self.descriptors.shape[1])

    def read(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some descriptors (n, D)."""
        return np.ascontiguousarray(self.descriptors[rows], np.float32)


class ViewSearch(Protocol):
    """Finds the views that look most like a query."""

    def search(self, query: NDArray[np.float32],
               depth: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """
        Return cosines (n,) and numbers (n,) of the n best views of a query (D,), best first.

        n is ``depth``, or less where there are no more views to be found.
        """
        ...
