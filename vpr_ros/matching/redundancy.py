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


"""
How much of the evidence of a frame the frames before it had given already.

A place that is wrong for one image is often wrong for the next, a place further on: trees follow
trees. A map shows it: its own places are asked for in turn, and the evidence for wrong places is
correlated with that for those a few places further on, a few queries later. The sum of errors that
are correlated by rho(1), rho(2), ... is worth that of 1 / (1 + 2 sum rho) as many independent ones
(Bartlett, Journal of the Royal Statistical Society 1946). This is the temperature of the evidence,
and it says in the same breath that a robot that hardly moves learns hardly anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
import math

import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.background import Background
from vpr_ros.matching.evidence import exceedances

__all__ = ['Redundancy']

# Places that correlations reach.
_REACH = 5
# What is taken of a map: so many queries, and so many places, in runs of neighbours.
_QUERIES, _PLACES, _RUN = 256, 4096, 32
# Places so near to the right one show much the same, and are not wrong.
_NEAR_PLACES, _NEAR_M = 15, 25.0
# Fewer pairs than this say nothing; then what was seen in the town is taken.
_LEAST_PAIRS = 2000
_USUAL = 0.25 / np.arange(1, _REACH + 1)
# Of the table, in places.
_FINENESS = 0.05


@dataclass(frozen=True, eq=False)
class Redundancy:
    """
    The correlation of evidence for wrong places along a traverse.

    :param correlations: (n,) rho at 1, 2, ... places, each at least 0.
    """

    correlations: NDArray[np.float64]

    def news(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share in [0, 1] of a frame's evidence that is news, so far further on."""
        return np.interp(places, *self._table)

    @cached_property
    def _table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ways = np.arange(0.0, len(self.correlations) + 2.0, _FINENESS)
        return ways, np.array([self._share(way) for way in ways.tolist()])

    def _share(self, places: float) -> float:
        reach = len(self.correlations)
        known = np.concatenate([[1.0], self.correlations, [0.0]])
        if places <= 0.0:
            return 0.0
        steps = np.arange(1, math.ceil((reach + 1) / places)) * places
        return float(1.0 / (1.0 + 2.0 * np.interp(steps, np.arange(reach + 2), known).sum()))

    @classmethod
    def of(cls, background: Background, views: NDArray[np.int64], session_of: NDArray[np.int64],
           depth: int, positions: NDArray[np.float64] | None = None) -> Redundancy:
        """
        Learn it from a map of N places in driving order.

        :param views: (N,) a view of each.
        :param session_of: (N,).
        :param depth: k, how many places get evidence.
        :param positions: (N, 3) metres where known: what was driven twice is right twice.
        """
        asked, known = _runs(len(views), _QUERIES), _runs(len(views), _PLACES)
        worth = _worth_of(background, views[asked], views[known], depth)
        wrong = _wrong(asked, known, session_of, positions)
        found = []
        for lag in range(1, _REACH + 1):
            both = (_follows(asked, session_of, lag)[:, None]
                    & _follows(known, session_of, lag)[None, :]
                    & wrong[:-lag, :-lag] & wrong[lag:, lag:])
            found.append(_correlation(worth[:-lag, :-lag][both], worth[lag:, lag:][both]))
        measured = np.array(found)
        return cls(np.where(np.isnan(measured), _USUAL, np.maximum(measured, 0.0)))


def _runs(count: int, wanted: int) -> NDArray[np.int64]:
    """Return at most ``wanted`` of ``count`` rows, in evenly spread runs of neighbours."""
    if count <= wanted:
        return np.arange(count)
    begins = np.linspace(0, count - _RUN, wanted // _RUN).round().astype(np.int64)
    return np.unique((begins[:, None] + np.arange(_RUN)).ravel())


def _worth_of(background: Background, asked: NDArray[np.int64], known: NDArray[np.int64],
              depth: int) -> NDArray[np.float32]:
    """Return the exceedances (Q, P) of places that others are asked for; 0 outside the best."""
    descriptors = np.asarray(background.descriptors[known], np.float32)
    depth = min(depth, max(len(known) // 8, 1))
    worth = np.zeros((len(asked), len(known)), np.float32)
    for row, query in enumerate(np.asarray(background.descriptors[asked], np.float32)):
        direction = background.direction(query)
        scores = background.contrasts(direction, known, descriptors @ direction)
        best = np.argpartition(scores, -depth)[-depth:]
        worth[row, best] = exceedances(scores[best])
    return worth


def _wrong(asked: NDArray[np.int64], known: NDArray[np.int64], session_of: NDArray[np.int64],
           positions: NDArray[np.float64] | None) -> NDArray[np.bool_]:
    wrong: NDArray[np.bool_]
    beside = np.abs(asked[:, None] - known[None, :]) <= _NEAR_PLACES
    near = beside & (session_of[asked][:, None] == session_of[known][None, :])
    if positions is not None:
        for row, here in enumerate(positions[asked]):
            near[row] |= ((positions[known] - here) ** 2).sum(axis=1) <= _NEAR_M ** 2
    wrong = ~near
    return wrong


def _follows(rows: NDArray[np.int64], session_of: NDArray[np.int64],
             lag: int) -> NDArray[np.bool_]:
    """Tell of all rows but the last ``lag`` whether the one ``lag`` later is as many places on."""
    here, there = rows[:-lag], rows[lag:]
    follows: NDArray[np.bool_] = ((there - here == lag)
                                  & (session_of[here] == session_of[there]))
    return follows


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if len(a) < _LEAST_PAIRS or not a.any() or not b.any():
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
