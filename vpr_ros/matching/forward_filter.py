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
A forward filter over the places of a map and "nowhere".

The hidden state is the place where the robot is and how fast it drives, or that it is at no place
of the map. Between two frames a robot drives on along its traverse at its speed, which changes
slowly; it may leave the map, come back, or be carried away. Each frame multiplies in its evidence.

Time is counted in places: one is the usual time between two places of the map, as it was driven
then. So the belief does not depend on how often frames come.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError

__all__ = ['ForwardFilter', 'Transition']

# Speeds that are told apart, as parts of the fastest: with 3, half to three times the map's.
_SPEEDS = np.array([0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0])
# Each stands for all speeds within this of it, so that a long gap leaves no place out; but
# standing is standing.
_SPEED_REACH = np.array([0.0, 1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 4])
# In how many parts at most.
_MOST_PARTS = 32
# Chance per place that the robot goes over to a neighbouring speed.
_SPEED_CHANGE = 0.03
# Chance per place of being one place further or one back: the best view lies between places.
_JITTER = 0.1


@dataclass(frozen=True)
class Transition:
    """How a robot moves, see :class:`vpr_ros.matching.settings`; chances are per place."""

    fastest_speed_ratio: float
    enter_probability: float
    leave_probability: float
    jump_probability: float

    def __post_init__(self) -> None:
        if self.leave_probability + self.enter_probability > 1.0:
            raise VprError(
                'enter_probability and leave_probability may add up to at most 1, '
                f'got {self.enter_probability} and {self.leave_probability}')


class ForwardFilter:
    """
    The belief over N places and nowhere.

    :param session_of: (N,) which traverse each place belongs to, places in driving order.
    :param stamps_ns: (N,) when each place was recorded.
    """

    def __init__(self, session_of: NDArray[np.int64], stamps_ns: NDArray[np.int64],
                 transition: Transition) -> None:
        self.transition = transition
        self._segments = _segments(session_of, stamps_ns)
        self._spacing_ns = float(np.median([s.spacing_ns for s in self._segments] or [1e9]))
        self._count = len(session_of)
        self.reset()

    @property
    def places(self) -> NDArray[np.float64]:
        """Return (N,) how likely the robot is at each place, at any speed."""
        belief: NDArray[np.float64] = self._belief.sum(axis=0)
        return belief

    def reset(self) -> None:
        """Forget: half the belief is nowhere, the other half is spread over places and speeds."""
        shape = (len(_SPEEDS), self._count)
        self._belief = np.full(shape, 0.5 / max(len(_SPEEDS) * self._count, 1))
        self.nowhere = 0.5 if self._count else 1.0

    def independence(self, elapsed_ns: int) -> float:
        """
        Return how much of the evidence of a frame is news, in [0, 1].

        Frames that come faster than the places of the map see much the same, errors included.
        """
        return min(1.0, elapsed_ns / self._spacing_ns)

    def predict(self, elapsed_ns: int) -> None:
        """Move the belief on by the time between two frames."""
        t = self.transition
        moved = np.zeros_like(self._belief)
        for segment in self._segments:
            moved[:, segment.rows] = segment.move(
                self._belief[:, segment.rows], elapsed_ns, t.fastest_speed_ratio)
        on_map = float(self._belief.sum())
        # Who drives past the end of a traverse has left the map.
        past_the_end = max(on_map - float(moved.sum()), 0.0)

        # Leaving and entering are a chain of two states, here over any stretch of time.
        places = elapsed_ns / self._spacing_ns
        outside = t.leave_probability / (t.leave_probability + t.enter_probability)
        # (The sum first: what is left of one must not be negative, or its power is complex.)
        mixed = 1.0 - (1.0 - (t.leave_probability + t.enter_probability)) ** places
        leaves, enters = outside * mixed, (1.0 - outside) * mixed
        jumps = 1.0 - (1.0 - t.jump_probability) ** places

        arriving = (on_map - past_the_end) * (1.0 - leaves) * jumps + self.nowhere * enters
        self.nowhere = (self.nowhere * (1.0 - enters) + past_the_end
                        + (on_map - past_the_end) * leaves)
        self._belief = (moved * ((1.0 - leaves) * (1.0 - jumps))
                        + arriving / max(self._belief.size, 1))

    def update(self, rows: NDArray[np.int64], log_evidence: NDArray[np.float64],
               elsewhere: float) -> None:
        """
        Multiply in the evidence of one frame.

        :param rows: the places that have evidence of their own.
        :param log_evidence: log likelihood ratio of each, against nowhere.
        :param elsewhere: that of all other places.
        """
        weights = np.full(self._count, np.exp(elsewhere))
        weights[rows] = np.exp(log_evidence)
        belief = self._belief * weights
        total = float(belief.sum()) + self.nowhere
        self._belief = belief / total
        self.nowhere = self.nowhere / total


@dataclass(frozen=True, eq=False)
class _Segment:
    """One traverse: a run of rows, and the usual time between its places."""

    rows: slice
    spacing_ns: float

    def move(self, belief: NDArray[np.float64], elapsed_ns: int,
             fastest_ratio: float) -> NDArray[np.float64]:
        """Return the belief (speeds, places) after driving on; what passes the end is gone."""
        places = elapsed_ns / self.spacing_ns
        fastest = fastest_ratio * places
        moved = np.stack([_spread(row, speed * fastest, reach * fastest) for row, speed, reach
                          in zip(belief, _SPEEDS, _SPEED_REACH, strict=True)])
        _diffuse(moved.T, 1.0 - (1.0 - _JITTER) ** places)
        _diffuse(moved, 1.0 - (1.0 - _SPEED_CHANGE) ** places)
        return moved


def _spread(belief: NDArray[np.float64], distance: float,
            reach: float) -> NDArray[np.float64]:
    """Move a belief on by all distances within a reach of one, about a place apart."""
    parts = math.ceil(min(max(2.0 * reach, 1.0), _MOST_PARTS))
    offsets = reach * ((2.0 * np.arange(parts) + 1.0) / parts - 1.0)
    moved = _shift(belief, distance + offsets[0])
    for offset in offsets[1:]:
        moved += _shift(belief, distance + offset)
    return moved / parts


def _shift(belief: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """Move a belief on by a distance in places, shared between the two that it falls between."""
    shifted = np.zeros_like(belief)
    whole = int(min(distance, len(belief)))
    part = distance - whole
    stays = len(belief) - whole
    shifted[whole:] = belief[:stays] * (1.0 - min(part, 1.0))
    if 0.0 < part < 1.0 and stays > 1:
        shifted[whole + 1:] += belief[:stays - 1] * part
    return shifted


def _diffuse(belief: NDArray[np.float64], chance: float) -> None:
    """Let a share of each row go to its neighbours, half to each; at the borders it stays."""
    goes = belief * (chance / 2)
    belief[1:] += goes[:-1] - goes[1:]
    belief[:-1] += goes[1:] - goes[:-1]


def _segments(session_of: NDArray[np.int64], stamps_ns: NDArray[np.int64]) -> list[_Segment]:
    if len(session_of) == 0:
        return []
    borders = [0, *(np.flatnonzero(np.diff(session_of)) + 1).tolist(), len(session_of)]
    segments = []
    for begin, end in zip(borders[:-1], borders[1:], strict=True):
        gaps = np.diff(stamps_ns[begin:end])
        spacing = float(np.median(gaps)) if len(gaps) else 1e9
        segments.append(_Segment(slice(begin, end), max(spacing, 1.0)))
    return segments
