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

"""From the scores of all places to a belief, by how much better the best is than the second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.belief import Belief

__all__ = ['WINDOW_PLACES', 'best_apart', 'unique']

# Places of a traverse this near to each other are one answer (OpenSeqSLAM: R_window = 10, half of
# it on each side).
WINDOW_PLACES = 5
# Our choice: log odds of one unit of the ratio.
_STEEPNESS = 50.0


def best_apart(costs: NDArray[np.float64], session_of: NDArray[np.int64],
               count: int) -> NDArray[np.int64]:
    """
    Return up to ``count`` rows, least cost first, each outside the windows of those before it.

    :param costs: (N,); an infinite one is no answer.
    """
    left = costs.copy()
    found: list[int] = []
    while len(found) < count:
        best = int(np.argmin(left))
        if not np.isfinite(left[best]):
            break
        found.append(best)
        window = slice(max(0, best - WINDOW_PLACES), best + WINDOW_PLACES + 1)
        left[window][session_of[window] == session_of[best]] = np.inf
    return np.array(found, np.int64)


def unique(rows: NDArray[np.int64], ratios: NDArray[np.float64], wanted: float) -> Belief:
    """
    Make a belief of how bad places are compared with one of them.

    A softmax over the negative ratios, in which "nowhere" stands for one place of the ratio
    ``wanted``: the best place is likelier than "nowhere" just when it passes the test of
    uniqueness. The order is that of the ratios; the probabilities are not calibrated.

    :param rows: (n,) places, best first, each outside of the windows of those before it.
    :param ratios: (n,) increasing.
    :param wanted: the largest ratio of a place that is believed; depends on that of the second.
    """
    if len(rows) == 0:
        return Belief(rows, np.zeros(0), 1.0)
    logs = -_STEEPNESS * np.append(ratios, wanted)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    return Belief(rows, weights[:-1], float(weights[-1]))
