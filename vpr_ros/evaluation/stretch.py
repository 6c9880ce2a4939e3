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

"""For how long a system was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

__all__ = ['longest_stretch', 'Stretch']

Array = NDArray[Any]


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
    found = np.asarray(localized)
    if found.ndim != 1 or (found.dtype != np.bool_ and found.size):
        raise ValueError(f'localized must be bool of shape (queries), got {found.dtype} '
                         f'{found.shape}')
    count = len(found)
    bounded = np.concatenate([[True], found.astype(bool), [True]])
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
