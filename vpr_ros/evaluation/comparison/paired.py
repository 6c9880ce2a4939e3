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


"""How far systems are apart on the same queries, and how sure that is."""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Generic
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.evaluation.intervals import percentile_interval
from vpr_ros.evaluation.intervals import resampled_counts
from vpr_ros.evaluation.intervals import usual_block

__all__ = ['Difference', 'PairedRecalls']

Array = NDArray[Any]
Key = TypeVar('Key', bound=Hashable)


@dataclass(frozen=True)
class Difference:
    """
    How much larger the recall of one system is than that of another, as a share.

    :param low: lower end of its interval of 95 %; likewise ``high``.
    """

    value: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Return whether the interval leaves out zero."""
        return self.low > 0.0 or self.high < 0.0


class PairedRecalls(Generic[Key]):
    """
    The recalls of systems on the same queries.

    Systems find the same queries hard, so the interval of a difference is far narrower than two
    intervals side by side tell. Draws are those of the intervals of :mod:`.measures`: blocks of
    consecutive queries, the same for all systems.
    """

    def __init__(self, right: Mapping[Key, ArrayLike], possible: ArrayLike, *,
                 block: int | None = None, resamples: int = 1000, seed: int = 0) -> None:
        """
        Draw the recalls of all systems.

        :param right: of each system (Q,) bool, whether its first reference is right.
        :param possible: (Q,) bool, whether any reference is: the others count nowhere.
        :param block: how many consecutive queries are drawn together, at most half of them; None
            for :func:`~vpr_ros.evaluation.intervals.usual_block`.
        :raises ValueError: for fewer than two queries, or none that counts.
        """
        counts = np.asarray(possible, np.float64)
        queries = len(counts)
        if counts.ndim != 1 or queries < 2 or not counts.any():
            raise ValueError(f'expected two or more queries of shape (queries,), one of which has '
                             f'a place, got {counts.shape}')
        hits = np.zeros((queries, len(right)))
        for k, (key, values) in enumerate(right.items()):
            if np.shape(values) != (queries,):
                raise ValueError(f'{key} has {np.shape(values)} answers to {queries} queries')
            hits[:, k] = np.asarray(values, np.float64) * counts
        block = min(usual_block(queries) if block is None else block, queries // 2)
        drawn = []
        # A resample may have no query that counts; it has no recall, and is left out.
        with np.errstate(invalid='ignore'):
            for times in resampled_counts(queries, block, resamples, seed):
                drawn.append((times @ hits) / (times @ counts)[:, None])
        self._columns = {key: k for k, key in enumerate(right)}
        self._recalls = hits.sum(axis=0) / counts.sum()
        self._drawn = np.concatenate(drawn)

    def __contains__(self, key: object) -> bool:
        """Return whether a system's answers are here."""
        return key in self._columns

    def difference(self, one: Key, other: Key) -> Difference:
        """Return how much larger the recall of one system is than that of the other."""
        a, b = self._columns[one], self._columns[other]
        value = float(self._recalls[a] - self._recalls[b])
        interval = percentile_interval(self._drawn[:, a] - self._drawn[:, b], value)
        return Difference(value, interval.low, interval.high)
