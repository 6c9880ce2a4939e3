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

"""How many of the best references are right, and how far up: mean average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.metrics import recalls_at

__all__ = ['mean_average_precision', 'MeanAveragePrecision']

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class MeanAveragePrecision:
    """
    How much of the best n is right, the upper ranks counting more.

    :param n: how many of the best references count.
    :param of_query: (Q,) float64 the average precision at n of each query; nan for queries
        without a right reference, which are no part of the mean.
    """

    n: int
    of_query: Array

    @property
    def queries(self) -> int:
        """Return how many queries count."""
        return int(np.isfinite(self.of_query).sum())

    @property
    def left_out(self) -> int:
        """Return how many queries have no right reference."""
        return len(self.of_query) - self.queries

    @property
    def value(self) -> float:
        """Return the mean over the queries that count; nan when none does."""
        counted = self.of_query[np.isfinite(self.of_query)]
        return float(counted.mean()) if counted.size else float('nan')


def mean_average_precision(ranked: ArrayLike, truth: GroundTruth,
                           ns: Sequence[int]) -> tuple[MeanAveragePrecision, ...]:
    """
    Measure mAP@n for several n, as Mapillary Street-Level Sequences does.

    AP@n of a query is the sum of the precisions at each right reference among the best n, divided
    by the number of its right references or by n, whichever is less: what the best possible order
    would sum to (Warburg et al., CVPR 2020; ``apk`` of their code). AP@1 is recall at 1. A
    reference that is listed twice counts where it stands first.

    :param ranked: (Q, K) as for :func:`~vpr_ros.evaluation.metrics.recall_at_n`.
    :param truth: which references are right; queries without one are left out.
    :returns: in the order of ``ns``.
    """
    # Refuses what is no ranking, and too few candidates.
    recalls_at(ranked, truth, ns)
    indices = np.asarray(ranked, dtype=np.int64)
    right = truth.are_matches(np.arange(len(indices))[:, None], indices) & ~_seen(indices)
    precision = np.cumsum(right, axis=1) / np.arange(1, indices.shape[1] + 1)
    gained = np.cumsum(np.where(right, precision, 0.0), axis=1)
    possible = truth.match_counts()
    found = []
    for n in ns:
        sums = gained[:, min(n, indices.shape[1]) - 1] if indices.shape[1] else np.zeros(
            len(indices))
        found.append(MeanAveragePrecision(int(n), np.where(
            possible > 0, sums / np.maximum(np.minimum(possible, n), 1), np.nan)))
    return tuple(found)


def _seen(indices: Array) -> Array:
    """Return (Q, K) bool whether a reference stands further up in its row already."""
    order = np.argsort(indices, axis=1, kind='stable')
    ordered = np.take_along_axis(indices, order, axis=1)
    again = np.zeros(indices.shape, dtype=bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    seen = np.empty_like(again)
    np.put_along_axis(seen, order, again, axis=1)
    return seen
