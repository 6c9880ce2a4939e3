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

"""What a system that says when it knows a place got right, and how long it was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.evaluation.outcomes import OutcomeCounts

__all__ = ['count_recognitions', 'longest_stretch', 'Stretch']

Array = NDArray[Any]


def count_recognitions(known: ArrayLike, correct: ArrayLike,
                       has_match: ArrayLike) -> OutcomeCounts:
    """
    Count what became of all queries of a run with ground truth.

    :param known: (Q,) bool, whether the system said that it knows the place.
    :param correct: (Q,) bool, whether its best reference is right.
    :param has_match: (Q,) bool, whether the place is in the map at all.
    """
    said, right, possible = _flags(known=known, correct=correct, has_match=has_match)
    if (right & ~possible).any():
        query = int(np.flatnonzero(right & ~possible)[0])
        raise ValueError(f'query {query} is correct but has no match: one of the two is wrong')
    return OutcomeCounts(
        right=int((said & right).sum()), wrong=int((said & ~right).sum()),
        missed=int((~said & possible).sum()), rejected=int((~said & ~possible).sum()))


@dataclass(frozen=True)
class Stretch:
    """
    Queries that follow each other.

    :param first: index of the first one; 0 when there are none.
    :param queries: how many.
    :param metres: how far the camera went from the query before the first to that after the last,
        or from the beginning or to the end of the traverse; None without positions.
    """

    first: int
    queries: int
    metres: float | None = None


def longest_stretch(localized: ArrayLike, positions: ArrayLike | None = None) -> Stretch:
    """
    Find how long a robot was lost at most: the longest stretch without a right answer.

    Queries whose place is not in the map belong to it, since the robot is lost there too; so it
    is fair between systems on the same queries, and only there. A wrong answer ends no stretch.

    :param localized: (Q,) bool in the order of time, whether a query was recognised at its place.
    :param positions: (Q, 2) or (Q, 3) metres; then the stretch is the longest in metres along the
        path, which need not be the one with the most queries.
    """
    found, = _flags(localized=localized)
    count = len(found)
    bounded = np.concatenate([[True], found, [True]])
    ends = np.flatnonzero(bounded)
    # Between two right answers (or the ends of the traverse) lie so many queries.
    firsts, lengths = ends[:-1], np.diff(ends) - 1
    if positions is None or count == 0:
        longest = int(np.argmax(lengths))
        queries = int(lengths[longest])
        return Stretch(int(firsts[longest]) if queries else 0, queries,
                       None if positions is None else 0.0)
    path = np.asarray(positions, dtype=np.float64)
    if path.ndim != 2 or len(path) != count or path.shape[1] not in (2, 3) or \
            not np.isfinite(path).all():
        raise ValueError(f'positions must be finite metres of shape ({count}, 2 or 3), got '
                         f'{path.shape}')
    gone = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    # The query before the first and that after the last, which a traverse may not have.
    before, after = np.maximum(ends[:-1] - 1, 0), np.minimum(ends[1:] - 1, count - 1)
    metres = np.where(lengths > 0, gone[after] - gone[before], -1.0)
    longest = int(np.argmax(metres))
    if lengths[longest] == 0:
        return Stretch(0, 0, 0.0)
    return Stretch(int(firsts[longest]), int(lengths[longest]), float(metres[longest]))


def _flags(**given: ArrayLike) -> tuple[Array, ...]:
    """Return bool arrays of one shape (queries)."""
    arrays = {name: np.asarray(value) for name, value in given.items()}
    shape = next(iter(arrays.values())).shape
    for name, flags in arrays.items():
        if flags.ndim != 1 or flags.shape != shape or (flags.dtype != np.bool_ and flags.size):
            raise ValueError(f'{name} must be bool of shape (queries), got {flags.dtype} '
                             f'{flags.shape}')
    return tuple(flags.astype(bool) for flags in arrays.values())
