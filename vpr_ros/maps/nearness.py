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

"""Which places of a map are near each other, in space or along a traverse."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['Nearness']


class Nearness:
    """
    Tells which places count as one.

    :param radius_m: of two that have poses.
    :param frames: between two of a traverse, of which one has no pose.
    """

    def __init__(self, snapshot: Snapshot, *, radius_m: float, frames: int) -> None:
        self._radius_m = radius_m
        self._frames = frames
        self._positions = snapshot.poses.positions
        self._posed = snapshot.poses.known
        self._session_of = snapshot.session_of

    def of(self, row: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of the rows (n,) ``others`` are near a row."""
        if self._posed[row]:
            near = self.at(self._positions[row], others)
            # A place without a pose is near by its number.
            alone = ~self._posed[others]
        else:
            near = np.zeros(len(others), bool)
            alone = np.ones(len(others), bool)
        along = (self._session_of[others] == self._session_of[row]) & (
            np.abs(others - row) <= self._frames)
        return np.asarray(near | (alone & along))

    def at(self, position: NDArray[np.float64],
           others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of the rows ``others`` are near a position (3,) in metres."""
        with np.errstate(invalid='ignore'):  # NaN, where there is no pose, is not near
            return np.asarray(np.linalg.norm(self._positions[others] - position, axis=1)
                              <= self._radius_m)
