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

"""The poses of many places as arrays: a million records would take minutes and gigabytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from vpr_ros.types import Pose

__all__ = ['Poses']


class Poses:
    """
    A pose, or None, for each of N places; a record is made when it is first asked for.

    :param values: (N, 7) x, y, z, qx, qy, qz, qw; a line of NaN where there is no pose.
    :param covariances: (M, 6, 6), of those of which it is known.
    :param covered: (M,) int64, which these are, in their order.
    """

    def __init__(self, values: NDArray[np.float64], covariances: NDArray[np.float64],
                 covered: NDArray[np.int64]) -> None:
        self._values = values
        self._covariances = covariances
        self._covered = covered
        self._made: dict[int, Pose] = {}

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return (N,) whether there is a pose."""
        return np.asarray(np.isfinite(self._values[:, 0]))

    @classmethod
    def of(cls, poses: Sequence[Pose | None]) -> Poses:
        """Take what records hold."""
        values = np.full((len(poses), 7), np.nan)
        for row, pose in enumerate(poses):
            if pose is not None:
                values[row] = *pose.position, *pose.quaternion
        known = {row: pose.covariance for row, pose in enumerate(poses)
                 if pose is not None and pose.covariance is not None}
        return cls(values, np.array(list(known.values()), np.float64).reshape(-1, 6, 6),
                   np.array(list(known), np.int64))

    def only(self, kept: NDArray[np.bool_]) -> Poses:
        """Return the poses of some of the places (N,)."""
        rows = np.cumsum(kept) - 1
        covered = kept[self._covered]
        return Poses(self._values[kept], self._covariances[covered],
                     rows[self._covered[covered]])

    @property
    def positions(self) -> NDArray[np.float64]:
        """Return (N, 3) metres, NaN where they are not known."""
        return self._values[:, :3]

    @property
    def quaternions(self) -> NDArray[np.float64]:
        """Return (N, 4) x, y, z, w of unit length, NaN where they are not known."""
        return self._values[:, 3:]

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, row: int) -> Pose | None:
        if row not in self._made and np.isfinite(self._values[row, 0]):
            self._made[row] = Pose(
                self._values[row, :3], self._values[row, 3:], self._covariance(row))
        return self._made.get(row)

    def _covariance(self, row: int) -> NDArray[np.float64] | None:
        at = int(np.searchsorted(self._covered, row))
        there = at < len(self._covered) and self._covered[at] == row
        return self._covariances[at] if there else None
