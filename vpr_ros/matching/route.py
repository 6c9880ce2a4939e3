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
Where the places of a map lie along its traverses.

Motion is counted in *places*: one is the usual way between two neighbours, in metres where poses
are known, else in the time that it took then. A traverse is a line, and a place has a coordinate
on it; where the mapping robot stood still, all that it saw is one *stop*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['Route', 'TURN_RAD']

# Neighbours nearer than this (in places) are one stop.
_ONE_STOP = 0.25
# A gap in time is no way: the mapping robot waited, or its images were lost.
_LONGEST_WAIT = 3.0
# Turning on the spot by this much is a place further on, as when maps are built.
TURN_RAD = 0.35
# Between traverses, so that no motion leads from one into the next.
_APART = 1e6


@dataclass(frozen=True, eq=False)
class Route:
    """
    N places as M stops in driving order.

    :param stop_of: (N,) of each place.
    :param row_of: (M,) the first place of each stop.
    :param driven: (M,) coordinate in places by metres (by time where poses are not known);
        increasing, and far apart between traverses.
    :param timed: (M,) coordinate by the time that it took the mapping robot, which is slow where
        robots are slow; a wait counts as little.
    :param first: (M,) first stop of the same traverse.
    :param last: (M,) its last stop.
    :param metres: of one place; 0 where poses are not known.
    :param seconds: that one place took the mapping robot.
    """

    stop_of: NDArray[np.int64]
    row_of: NDArray[np.int64]
    driven: NDArray[np.float64]
    timed: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    metres: float
    seconds: float

    def __len__(self) -> int:
        return len(self.row_of)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Route:
        """Lay out the places of a map."""
        begins = np.ones(len(snapshot), bool)
        begins[1:] = np.diff(snapshot.session_of) != 0
        seconds = np.diff(snapshot.stamps_ns, prepend=snapshot.stamps_ns[:1]) / 1e9
        usual_s = _usual(seconds[~begins], 1.0)
        timed = np.minimum(seconds / usual_s, _LONGEST_WAIT)
        metres, driven = 0.0, timed
        if snapshot.poses.known.all():
            ways = np.zeros(len(snapshot))
            ways[1:] = np.linalg.norm(np.diff(snapshot.poses.positions, axis=0), axis=1)
            metres = _usual(ways[~begins], 0.0)
        if metres > 0.0:
            driven = ways / metres
            stands = (driven < _ONE_STOP) & ~begins
            turned = _turned(snapshot.poses, np.flatnonzero(stands))
            driven[stands] = np.minimum(turned / TURN_RAD, 1.0)
        starts = begins | (driven >= _ONE_STOP)
        row_of = np.flatnonzero(starts)
        driven = np.where(begins, _APART, driven)
        # Time counts while the robot moves: in a stop it stands.
        timed = np.where(begins, _APART, np.where(starts, np.maximum(timed, _ONE_STOP), 0.0))
        first, last = _ends(begins[row_of])
        return cls(np.cumsum(starts) - 1, row_of, np.cumsum(driven)[row_of],
                   np.cumsum(timed)[row_of], first, last, metres, usual_s)

    def advance(self, x: NDArray[np.float64], stops: NDArray[np.int64],
                places: NDArray[np.float64], *, measured: bool) -> NDArray[np.float64]:
        """
        Move along traverses.

        :param x: (n,) where: a whole number is a stop, a fraction lies between two.
        :param stops: (n,) the nearest of them.
        :param places: (n,) how far; negative goes back.
        :param measured: whether the way is one of metres, else of time.
        :returns: (n,) where that leads; past an end of the traverse by more than half a stop.
        """
        at = self.driven if measured else self.timed
        low, high = self.first[stops], self.last[stops]
        top = np.maximum(high - 1, low)
        below = np.clip(np.floor(x).astype(np.int64), low, top)
        there = at[below] + (x - below) * _gap(at, below, high) + places
        found = np.clip(np.searchsorted(at, there, side='right') - 1, low, top)
        return np.asarray(found + (there - at[found]) / _gap(at, found, high))


def _gap(at: NDArray[np.float64], stops: NDArray[np.int64],
         high: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how far it is from stops to the next; the only one of a traverse is a place long."""
    gap = at[np.minimum(stops + 1, high)] - at[stops]
    return np.asarray(np.where(gap > 0.0, gap, 1.0))


def _usual(gaps: NDArray[np.float64], otherwise: float) -> float:
    """Return the median of what is more than nothing: who stands does not drive."""
    moving = gaps[gaps > 1e-9]
    return float(np.median(moving)) if len(moving) else otherwise


def _turned(poses: Poses, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return by how many radians the robot turned between each place and the one before."""
    q = poses.quaternions
    cosines = np.abs(np.einsum('ij,ij->i', q[rows], q[rows - 1]))
    return np.asarray(2.0 * np.arccos(np.minimum(cosines, 1.0)))


def _ends(begins: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, len(begins)))
    return (np.repeat(starts, lengths).astype(np.int64),
            np.repeat(starts + lengths - 1, lengths).astype(np.int64))
