"""
A forward filter over the places of a map and "nowhere".

The hidden state is the place where the robot is, or that it is at no place of the map. Between
two frames a robot moves on along its traverse, by as much as the time that has passed allows; it
may leave the map, come back, or be carried away. Each frame multiplies in its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError

__all__ = ['ForwardFilter', 'Transition']

# Beyond this many places per frame the kernel costs more than it tells.
_LONGEST_STEP = 100


@dataclass(frozen=True)
class Transition:
    """How a robot moves between two frames, see :class:`vpr_ros.matching.settings`."""

    fastest_speed_ratio: float
    enter_probability: float
    leave_probability: float
    jump_probability: float

    def __post_init__(self) -> None:
        if self.leave_probability + self.jump_probability > 1.0:
            raise VprError(
                'leave_probability and jump_probability exclude each other, so they add up to at '
                f'most 1, got {self.leave_probability} and {self.jump_probability}')


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
        self._count = len(session_of)
        self.reset()

    def reset(self) -> None:
        """Forget: half the belief is nowhere, the other half is spread over all places."""
        self.places = np.full(self._count, 0.5 / max(self._count, 1))
        self.nowhere = 0.5 if self._count else 1.0

    def predict(self, elapsed_ns: int) -> None:
        """Move the belief on by the time between two frames."""
        t = self.transition
        moved = np.zeros_like(self.places)
        for segment in self._segments:
            moved[segment.rows] = segment.move(
                self.places[segment.rows], elapsed_ns, t.fastest_speed_ratio)
        on_map = float(self.places.sum())
        # Who drives past the end of a traverse has left the map.
        past_the_end = on_map - float(moved.sum())
        staying = 1.0 - t.leave_probability - t.jump_probability
        spread = (on_map * t.jump_probability + self.nowhere * t.enter_probability)
        self.nowhere = (self.nowhere * (1.0 - t.enter_probability)
                        + on_map * t.leave_probability + past_the_end * staying)
        self.places = moved * staying + spread / max(self._count, 1)

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
        places = self.places * weights
        total = float(places.sum()) + self.nowhere
        self.places = places / total
        self.nowhere = self.nowhere / total


@dataclass(frozen=True, eq=False)
class _Segment:
    """One traverse: a run of rows, and the usual time between its places."""

    rows: slice
    spacing_ns: float

    def move(self, belief: NDArray[np.float64], elapsed_ns: int,
             fastest_ratio: float) -> NDArray[np.float64]:
        ahead = fastest_ratio * elapsed_ns / self.spacing_ns
        steps = int(min(np.ceil(ahead), _LONGEST_STEP, 10 * len(belief)))
        # Offsets -1 .. steps: standing still and moving on are as likely; one back, for the jitter
        # of the best match between neighbours, less.
        kernel = np.ones(steps + 2)
        kernel[0] = 0.3
        if steps == np.ceil(ahead) and steps > ahead:
            kernel[-1] = max(ahead - (steps - 1), 0.05)
        kernel /= kernel.sum()
        moved = np.convolve(belief, kernel)[1:1 + len(belief)]
        # Nothing lies before the first place: what would step back stays.
        moved[0] += belief[0] * kernel[0]
        return np.asarray(moved, np.float64)


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
