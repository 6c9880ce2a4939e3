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

"""What a system answered: the best references of each query, from whatever system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['Matches', 'NOTHING']

Array = NDArray[Any]

#: In place of a reference where there is none.
NOTHING = -1


@dataclass(frozen=True, eq=False)
class Matches:
    """
    The best references of each query, best first.

    A network makes them by similarity, a localizer by probability over time, somebody else's
    program by what it calls a score; all of them are judged alike.

    :param references: (Q, K) int64; :data:`NOTHING` fills rows with fewer.
    :param scores: (Q, K) float64, larger is surer, never rising along a row; -inf where there is
        no reference.
    :param runner_up: (Q,) float64 the largest score of a reference that is not near the best one,
        for the ratio test; -inf where there is none; None when nobody asked.
    :param known: (Q,) bool whether the system said that it knows the place; None when it does not
        say.
    :param probabilities: (Q,) that the best reference is right; None when it does not say.
    :param score_kind: what scores are: ``similarity`` (cosine), ``probability``, or ``score``.
    :raises ValueError: for shapes that do not fit.
    """

    references: Array
    scores: Array
    runner_up: Array | None = None
    known: Array | None = None
    probabilities: Array | None = None
    score_kind: str = 'similarity'

    def __post_init__(self) -> None:
        references = np.asarray(self.references, np.int64)
        scores = np.asarray(self.scores, np.float64)
        if references.ndim != 2 or scores.shape != references.shape:
            raise ValueError('references and scores must have the same shape (queries, '
                             f'candidates), got {references.shape} and {scores.shape}')
        there = references != NOTHING
        if (references < NOTHING).any() or np.isnan(scores).any() or (
                np.isposinf(scores) | np.isneginf(scores) & there).any():
            raise ValueError(f'references are counted from 0 ({NOTHING} for none) and have finite '
                             'scores')
        if (there[:, 1:] > there[:, :-1]).any() or (scores[:, 1:] > scores[:, :-1]).any():
            raise ValueError('the references of a query are listed best first, without gaps')
        for name in ('runner_up', 'known', 'probabilities'):
            value = getattr(self, name)
            if value is not None and np.shape(value) != (len(references),):
                raise ValueError(f'{name} must have shape ({len(references)},), got '
                                 f'{np.shape(value)}')
        object.__setattr__(self, 'references', references)
        object.__setattr__(self, 'scores', np.where(there, scores, -np.inf))

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.references)

    @property
    def best(self) -> Array:
        """Return (Q,) int64 the first reference of each query, or :data:`NOTHING`."""
        return self.references[:, 0] if self.references.shape[1] else np.full(
            len(self), NOTHING, np.int64)

    @property
    def best_scores(self) -> Array:
        """Return (Q,) float64 how sure the first one is, -inf where there is none."""
        return self.scores[:, 0] if self.scores.shape[1] else np.full(len(self), -np.inf)
