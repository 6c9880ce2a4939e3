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

"""The most similar references of each query, for traverses of any length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.matches import NOTHING

__all__ = ['find_similar', 'LARGEST_PICTURE', 'Similarities']

Array = NDArray[Any]

#: Rows of queries and columns of references of a matrix that is drawn, at most.
LARGEST_PICTURE = (430, 900)
# Similarities in memory at once, with 4 bytes each.
_AT_ONCE = 16_000_000
# Sums of many products in float32 differ by less than this with the order they are added in.
_ROUNDING = 1e-5
# Products that are summed in float64 at once.
_EXACT_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class Similarities:
    """
    What all queries have in common with all references.

    :param picture: (rows, columns) float32 the similarities, thinned as
        :func:`.pictures.shrink_matrix` does: each cell has the largest under it.
    :param low: of the scale that shows it well; likewise ``high``.
    """

    matches: Matches
    picture: Array
    low: float
    high: float


def find_similar(references: Array, queries: Array, k: int, *, apart: int = 0,
                 at_once: int = _AT_ONCE) -> Similarities:
    """
    Compare all queries with all references and keep the best.

    They are those of :func:`.metrics.rank` with the same ties: equal similarities by the number of
    the reference. Similarities of the best are summed again in float64, one by one, so that they
    do not depend on how many are computed together.

    :param references: (R, D) float32, L2-normalised; likewise ``queries`` (Q, D).
    :param k: how many references of each query.
    :param apart: the runner-up is the best reference that is more frames than this from the best
        one; 0 is the second best, whatever it shows.
    :param at_once: how many similarities are in memory at once, but at least those of one query.
    """
    if references.ndim != 2 or queries.ndim != 2 or references.shape[1] != queries.shape[1]:
        raise ValueError('expected descriptors (references, D) and (queries, D), got '
                         f'{references.shape} and {queries.shape}')
    if k < 1 or apart < 0 or not (len(references) and len(queries)):
        raise ValueError(f'expected references, queries, k of at least 1 and apart of at least 0, '
                         f'got {len(references)}, {len(queries)}, {k} and {apart}')
    count, total = len(queries), len(references)
    kept = min(k, total)
    found = np.full((count, kept), NOTHING, np.int64)
    scores = np.full((count, kept), -np.inf)
    runner_up = np.full(count, -np.inf)
    picture = _Picture(count, total)
    rows = max(1, at_once // total)
    for start in range(0, count, rows):
        block = queries[start:start + rows] @ references.T
        picture.add(start, block)
        for row, similar in enumerate(block, start):
            best, exact = _best(similar, references, queries[row], kept, apart)
            found[row], scores[row] = best[:kept], exact[:kept]
            far = np.flatnonzero(np.abs(best - best[0]) > apart)
            if far.size:
                runner_up[row] = exact[far[0]]
    low, high = np.quantile(picture.cells, [0.1, 0.999])
    return Similarities(Matches(found, scores, runner_up), picture.cells, float(low), float(high))


def _best(similar: Array, references: Array, query: Array, k: int,
          apart: int) -> tuple[Array, Array]:
    """Return the best references of a query, so many that a runner-up is there, and how alike."""
    # 2 * apart are near the best one at most.
    asked = min(len(similar), max(k, 2 * apart + 2))
    bound = np.partition(similar, len(similar) - asked)[len(similar) - asked]
    inside = np.flatnonzero(similar >= bound - 2 * _ROUNDING)
    exact = np.concatenate([
        (references[some].astype(np.float64) * query).sum(axis=1)
        for some in np.array_split(inside, 1 + inside.size * len(query) // _EXACT_AT_ONCE)])
    order = np.argsort(-exact, kind='stable')[:asked]
    return inside[order], exact[order]


class _Picture:
    """A matrix that is thinned while its rows come."""

    def __init__(self, queries: int, references: int) -> None:
        rows, columns = (min(size, most) for size, most in
                         zip((queries, references), LARGEST_PICTURE, strict=True))
        self.cells = np.full((rows, columns), -np.inf, np.float32)
        self._row_of = np.searchsorted((np.arange(rows) * queries) // rows,
                                       np.arange(queries), side='right') - 1
        self._columns = (np.arange(columns) * references) // columns

    def add(self, start: int, block: Array) -> None:
        """Take in some rows of the matrix, ``start`` first."""
        thin = np.maximum.reduceat(block, self._columns, axis=1)
        np.maximum.at(self.cells, self._row_of[start:start + len(block)], thin)
