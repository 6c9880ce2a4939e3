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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['Hypothesis', 'Neighbourhoods', 'hypotheses']


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
        if len(snapshot) and snapshot.poses.known.all():
            self._positions = snapshot.poses.positions
            # Sorted along x, so that a large map is not gone through for every question.
            self._by_x = np.argsort(self._positions[:, 0])
            self._xs = self._positions[self._by_x, 0]

    def of(self, row: int) -> NDArray[np.int64]:
        """Return the rows next to a row, itself included."""
        if self._positions is not None:
            centre = self._positions[row]
            begin = np.searchsorted(self._xs, centre[0] - self._radius_m, side='left')
            end = np.searchsorted(self._xs, centre[0] + self._radius_m, side='right')
            rows = np.sort(self._by_x[begin:end])
            offsets = self._positions[rows] - centre
            near = np.einsum('ij,ij->i', offsets, offsets) <= self._radius_m ** 2
            return np.asarray(rows[near], np.int64)
        begin = max(row - self._frames, 0)
        rows = np.arange(begin, min(row + self._frames + 1, len(self._session_of)))
        return np.asarray(rows[self._session_of[rows] == self._session_of[row]], np.int64)


def hypotheses(belief: NDArray[np.float64], neighbourhoods: Neighbourhoods,
               count: int) -> list[Hypothesis]:
    """
    Return up to ``count`` distinct answers, likeliest first.

    Each takes the belief of its neighbourhood with it, so probabilities add up to at most one.
    """
    left = belief.copy()
    found = []
    for _ in range(min(count, len(belief))):
        row = int(np.argmax(left))
        if left[row] <= 0.0:
            break
        near = neighbourhoods.of(row)
        found.append(Hypothesis(row, float(left[near].sum())))
        left[near] = 0.0
    return sorted(found, key=lambda h: -h.probability)
