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

"""Which local features of two images show the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.matching.geometry.grid import find_grid
from vpr_ros.matching.geometry.grid import within_cells
from vpr_ros.types import LocalFeatures

__all__ = ['Correspondences', 'correspondences']

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Correspondences:
    """
    Pairs of features that may show the same, the most alike first.

    :param match_rows: (n,) which features of the match; ``query_rows`` likewise.
    :param match_points: (n, 2) float64 pixels; ``query_points`` likewise. Of features on a grid
        they lie where in the cell both look most alike, elsewhere where the features are.
    """

    match_rows: Array
    query_rows: Array
    match_points: Array
    query_points: Array

    def __len__(self) -> int:
        return len(self.match_rows)

    def __getitem__(self, which: Array) -> Correspondences:
        """Return the pairs that a mask (n,) or indices name."""
        return Correspondences(self.match_rows[which], self.query_rows[which],
                               self.match_points[which], self.query_points[which])


def correspondences(match: LocalFeatures, query: LocalFeatures, *,
                    ratio: float = 1.0) -> Correspondences:
    """
    Find the pairs of features that are each other's nearest by cosine.

    :param ratio: the distance of a pair is at most this share of that of the second best in either
        image; 1 keeps all pairs.
    :raises VprError: when the descriptors are of different lengths.
    """
    if not len(match.points) or not len(query.points):
        nothing, nowhere = np.zeros(0, np.int64), np.zeros((0, 2))
        return Correspondences(nothing, nothing, nowhere, nowhere)
    widths = match.descriptors.shape[1], query.descriptors.shape[1]
    if widths[0] != widths[1]:
        raise VprError(
            'local features are compared with features of the same kind, got descriptors of '
            f'{widths[0]} and of {widths[1]} numbers; extract the kind that the map holds')
    similarities = match.descriptors @ query.descriptors.T
    of_match, of_query = similarities.argmax(axis=1), similarities.argmax(axis=0)
    rows = np.flatnonzero(of_query[of_match] == np.arange(len(of_match)))
    columns = of_match[rows]
    best = similarities[rows, columns]
    if ratio < 1.0:
        others = similarities.copy()
        others[rows, columns] = -1.0
        second = np.maximum(others[rows].max(axis=1), others[:, columns].max(axis=0))
        # A product of equal directions may be rounded to more than one.
        kept = np.sqrt(np.maximum(1.0 - best, 0.0)) <= ratio * np.sqrt(
            np.maximum(1.0 - second, 0.0))
        rows, columns, best = rows[kept], columns[kept], best[kept]
    # Stable: ties are broken alike on every machine.
    order = np.argsort(-best, kind='stable')
    rows, columns = rows[order], columns[order]
    return Correspondences(
        rows, columns, _placed(match.points, rows, similarities[:, columns].T),
        _placed(query.points, columns, similarities[rows]))


def _placed(points: Array, rows: Array, similarities: Array) -> Array:
    """
    Return where the features of some rows are (n, 2), in their cells where they stand on a grid.

    :param similarities: (n, m) of the other ends and all m points.
    """
    placed = points[rows].astype(np.float64)
    grid = find_grid(points)
    # Both ends move by half of what they are apart, for each alone would close the gap.
    return placed if grid is None else placed + 0.5 * grid.step * within_cells(
        similarities, rows, grid)
