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

"""What matching needs of a map, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.poses import Poses
from vpr_ros.networks.identity import NetworkIdentity

__all__ = ['Snapshot']


@dataclass(frozen=True, eq=False)
class Snapshot:
    """
    One revision of a map: N places in driving order, and V views of them.

    Places are sorted by session, then stamp; a place's row is its number in that order.

    :param network: what described it; queries must be described by the same.
    :param place_ids: (N,) int64.
    :param stamps_ns: (N,) int64.
    :param session_of: (N,) int64, index into ``sessions``.
    :param poses: of the N places, where they are known.
    :param view_rows: (V,) int64, the row of the place that each view belongs to.
    :param view_cameras: (V,) int64, index into ``cameras``.
    :param descriptors: (V, D), L2-normalised: float32 in memory; of a large map float16 in a
        mapped file, of which rows are read when they are asked for.
    """

    map_id: str
    revision: int
    network: NetworkIdentity
    sessions: tuple[str, ...]
    cameras: tuple[str, ...]
    place_ids: NDArray[np.int64]
    stamps_ns: NDArray[np.int64]
    session_of: NDArray[np.int64]
    poses: Poses
    view_rows: NDArray[np.int64]
    view_cameras: NDArray[np.int64]
    descriptors: NDArray[Any]

    def __len__(self) -> int:
        return len(self.place_ids)

    def rows_of(self, place_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of places; KeyError for an id that this revision does not have."""
        order = self._rows_by_id
        found = np.searchsorted(self.place_ids, place_ids, sorter=order)
        rows = order[np.minimum(found, len(order) - 1)] if len(order) else found
        if len(order) == 0 and len(place_ids) or (self.place_ids[rows] != place_ids).any():
            raise KeyError(f'not all of {place_ids.tolist()} are places of this map')
        return np.asarray(rows, np.int64)

    def only(self, kept: NDArray[np.bool_]) -> Snapshot:
        """Return the same map with some of its places alone (N,), in memory."""
        rows = np.cumsum(kept) - 1
        views = kept[self.view_rows]
        return replace(
            self, place_ids=self.place_ids[kept], stamps_ns=self.stamps_ns[kept],
            session_of=self.session_of[kept], poses=self.poses.only(kept),
            view_rows=rows[self.view_rows[views]], view_cameras=self.view_cameras[views],
            descriptors=np.asarray(self.descriptors[views], np.float32))

    def views_of(self, row: int) -> NDArray[np.int64]:
        """Return which views are of a place."""
        order = self._views_by_row
        first, last = np.searchsorted(self.view_rows, (row, row + 1), sorter=order)
        return order[first:last]

    def views_at(self, rows: NDArray[np.int64],
                 cameras: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n,) which view of each place (n,) is of the camera (n,) named beside it."""
        keys, order = self._views_by_camera
        return order[np.searchsorted(keys, rows * len(self.cameras) + cameras)]

    @cached_property
    def first_views(self) -> NDArray[np.int64]:
        """Return (N,) one view of each place."""
        order = self._views_by_row
        return order[np.searchsorted(self.view_rows[order], np.arange(len(self)))]

    @cached_property
    def _views_by_camera(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        keys = self.view_rows * len(self.cameras) + self.view_cameras
        order = np.asarray(np.argsort(keys, kind='stable'), np.int64)
        return keys[order], order

    @cached_property
    def _views_by_row(self) -> NDArray[np.int64]:
        return np.asarray(np.argsort(self.view_rows, kind='stable'), np.int64)

    @cached_property
    def _rows_by_id(self) -> NDArray[np.int64]:
        # Once per map: sorting 100,000 ids takes longer than following one frame.
        return np.asarray(np.argsort(self.place_ids), np.int64)
