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

"""Reading distinct answers off a belief: places next to each other are one answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.belief import Belief

__all__ = ['hypotheses', 'Hypothesis', 'likeliest_first', 'Neighbourhoods']


@dataclass(frozen=True)
class Hypothesis:
    """
    One answer: a place and how likely the robot is at it or next to it.

    :param row: the place's row in the snapshot.
    """

    row: int
    probability: float


class Neighbourhoods:
    """
    Which places are next to which.

    By distance where poses are known (of any traverse), else by order within a traverse.
    """

    def __init__(self, snapshot: Snapshot, *, radius_m: float, frames: int) -> None:
        self._session_of = snapshot.session_of
        self._radius_m = radius_m
        self._frames = frames
        self._positions: NDArray[np.float64] | None = None
        if snapshot.poses.known.all():
            self._positions = snapshot.poses.positions

    def near(self, row: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of each of ``rows`` (n,) whether it is next to a row, or that row itself."""
        if self._positions is not None:
            offsets = self._positions[rows] - self._positions[row]
            return np.asarray(np.einsum('ij,ij->i', offsets, offsets) <= self._radius_m ** 2)
        return np.asarray((np.abs(rows - row) <= self._frames)
                          & (self._session_of[rows] == self._session_of[row]))


def hypotheses(belief: Belief, neighbourhoods: Neighbourhoods, count: int,
               further: int = 0) -> tuple[list[Hypothesis], list[Hypothesis]]:
    """
    Return up to ``count`` distinct answers, likeliest first, and up to ``further`` beside them.

    Each takes the belief of its neighbourhood with it, so probabilities add up to at most one.
    They are found by their likeliest places; one that is found late may have more around it, and
    is still no answer that counts: how many are listed must not change what is answered.
    """
    rows, left = belief.rows, belief.probabilities.copy()
    found: list[Hypothesis] = []
    for _ in range(min(count + further, len(rows))):
        best = int(np.argmax(left))
        if left[best] <= 0.0:
            break
        near = neighbourhoods.near(int(rows[best]), rows)
        # Rounded sums may be above it.
        found.append(Hypothesis(int(rows[best]), min(float(left[near].sum()), 1.0)))
        left[near] = 0.0
    return likeliest_first(found[:count]), likeliest_first(found[count:])


def likeliest_first(found: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Return answers by their probability, as they were where it is the same."""
    return sorted(found, key=lambda h: -h.probability)
