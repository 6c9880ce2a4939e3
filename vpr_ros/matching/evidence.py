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
From similarity to evidence: the one place that says what a score is worth.

A night makes all similarities of a query small and a street of look-alikes makes all large, so a
score is judged by those of its own query: how far it stands above the k-th best (what is not among
the k best has no evidence of its own), in units of the mean exceedance of places that are not the
right one. Nearly all of the k best are such places, whose exceedances are exponentially
distributed as the largest of anything are (Pickands 1975), so their median over ln 2 is that mean,
and not disturbed by a few right ones.

In this unit the log likelihood ratio "taken here" against "taken elsewhere" of one frame grew by
about one per unit for the networks, lights and weathers of the town that were looked at. Frames
one after the other err alike, so their evidence adds up to less than its sum; how much less the
map knows itself, see :class:`vpr_ros.matching.redundancy.Redundancy`.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ['Evidence', 'exceedances', 'weigh']

# Exceedances are not told apart below this share of the best score: rounding makes them.
_LEAST_UNIT = 1e-6
# Settings may ask for more against a place than a float can hold as a ratio.
_MOST_AGAINST = 500.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """
    What one frame says about places, as log likelihood ratios against "nowhere".

    :param rows: (n,) the places that have evidence of their own.
    :param log_ratios: (n,).
    :param elsewhere: that of all other places.
    """

    rows: NDArray[np.int64]
    log_ratios: NDArray[np.float64]
    elsewhere: float

    def tempered(self, share: float) -> Evidence:
        """Return what is left when only a share of it is news."""
        return Evidence(self.rows, share * self.log_ratios, share * self.elsewhere)


def exceedances(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Return how far scores (n,) stand above the least of them, in mean exceedances.

    :param scores: the best of one query, in any order; the least is the floor.
    """
    above = scores - scores.min(initial=np.inf)
    unit = float(np.median(above)) / math.log(2.0) if len(above) else 0.0
    # Equal scores, as of one place or of equal ones, tell nothing.
    least = _LEAST_UNIT * float(np.abs(scores).max(initial=0.0))
    return above / unit if unit > least else np.zeros(len(scores))


def weigh(rows: NDArray[np.int64], scores: NDArray[np.float64], *, slope: float, threshold: float,
          bound: float) -> Evidence:
    """
    Return the evidence of one frame.

    :param rows: (n,) the best places.
    :param scores: (n,) theirs; the least is that of a place without evidence of its own.
    :param slope: log odds per mean exceedance.
    :param threshold: the exceedance that speaks neither for a place nor for "nowhere".
    :param bound: of the log odds between a place and a place without evidence, for no single image
        proves much.
    """
    worth = np.minimum(slope * exceedances(scores), bound)
    against = min(slope * threshold, _MOST_AGAINST)
    return Evidence(rows, worth - against, -against)
