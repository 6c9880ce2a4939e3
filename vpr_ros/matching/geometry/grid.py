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

"""Features on a grid, as the cells of a network are: where in its cell a match lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['find_grid', 'Grid', 'within_cells']

Array = NDArray[Any]

# Grids are coarser than this, and points found in an image, pixel by pixel, closer to each other.
_FINEST_PX = 2.0
# Of a step; points are rounded to float32.
_OFF_GRID = 0.02
# A table of all cells is made; maps come from anywhere.
_MOST_CELLS = 1000
_NEIGHBOURS = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])


@dataclass(frozen=True, eq=False)
class Grid:
    """
    The grid that points stand on.

    :param step: (2,) pixels from column to column and from row to row.
    :param cells: (n, 2) int column and row of each point, from zero.
    """

    step: Array
    cells: Array

    def neighbours(self) -> Array:
        """Return (n, 4) the points left, right, above and below each point; -1 for none."""
        size = self.cells.max(axis=0) + 3
        table = np.full(size, -1)
        around = self.cells + 1
        table[around[:, 0], around[:, 1]] = np.arange(len(self.cells))
        at = around[:, None] + _NEIGHBOURS
        return np.asarray(table[at[..., 0], at[..., 1]])


def find_grid(points: Array) -> Grid | None:
    """Return the grid that points (n, 2) stand on, or None where they stand on none."""
    steps, columns = [], []
    for values in np.asarray(points, np.float64).T:
        gaps = np.diff(np.unique(values))
        step = float(gaps.min()) if len(gaps) else 0.0
        if step < _FINEST_PX or np.ptp(values) > _MOST_CELLS * step:
            return None
        numbers = (values - values.min()) / step
        whole = np.round(numbers)
        if np.abs(numbers - whole).max() > _OFF_GRID:
            return None
        steps.append(step)
        columns.append(whole.astype(np.int64))
    return Grid(np.array(steps), np.stack(columns, axis=1)) if steps else None


def within_cells(similarities: Array, best: Array, grid: Grid) -> Array:
    """
    Return where in their cells, by how alike their neighbours are, the best ones lie.

    :param similarities: (n, m) of n features and all m of the grid.
    :param best: (n,) the most alike of the grid, for each.
    :returns: (n, 2) x and y in cells, at most half a cell; the top of the parabola through
        a cell and its two neighbours, zero where one of these is missing.
    """
    rows = np.arange(len(best))[:, None]
    neighbours = grid.neighbours()[best]
    beside = similarities[rows, neighbours].reshape(-1, 2, 2)
    low, high = beside[..., 0], beside[..., 1]
    bend = 2.0 * similarities[rows, best[:, None]] - low - high
    known = (neighbours.reshape(-1, 2, 2) >= 0).all(axis=2) & (bend > 1e-6)
    top = (high - low) / (2.0 * np.where(known, bend, 1.0))
    return np.where(known, np.clip(top, -0.5, 0.5), 0.0).astype(np.float64)
