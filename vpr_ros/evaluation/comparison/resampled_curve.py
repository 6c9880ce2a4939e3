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
The precision-recall curves of many resamples of queries at once.

A thousand resamples would sort a thousand times. Queries are sorted once here, and each resample
counts them as often as it drew them. The numbers are those of
:mod:`vpr_ros.evaluation.metrics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

__all__ = ['CurveOfResamples', 'ScoredAnswers']

Array = NDArray[Any]


class ScoredAnswers:
    """
    Answers in the order of falling scores, ready to be counted again and again.

    :param scores: (Q,) larger is surer; -inf where there is no answer, which no threshold accepts.
    :param correct: (Q,) bool, whether the answer is right.
    :param has_match: (Q,) bool, whether the query has a right reference at all.
    """

    def __init__(self, scores: ArrayLike, correct: ArrayLike, has_match: ArrayLike) -> None:
        """Sort them; ValueError when there is not one answer."""
        values = np.asarray(scores, dtype=np.float64)
        order = np.argsort(-values, kind='stable')
        self._order = order[:int(np.isfinite(values).sum())]
        if not len(self._order):
            raise ValueError('expected at least one answer with a finite score')
        # The last of each run of equal scores, which are accepted together.
        self._ends = np.flatnonzero(np.append(np.diff(values[self._order]) != 0, True))
        self._right = np.asarray(correct, dtype=bool)[self._order].astype(np.float64)
        self._possible = np.asarray(has_match, dtype=bool).astype(np.float64)

    def curve(self, counts: Array) -> CurveOfResamples:
        """
        Return the curve of each resample.

        :param counts: (r, Q) float64 how often each query was drawn.
        """
        drawn = counts[:, self._order]
        accepted = np.cumsum(drawn, axis=1)[:, self._ends]
        correct = np.cumsum(drawn * self._right, axis=1)[:, self._ends]
        positives = counts @ self._possible
        tried = np.cumsum(drawn * self._possible[self._order], axis=1)[:, self._ends]
        return CurveOfResamples(accepted, correct, positives, positives[:, None] - tried)


@dataclass(frozen=True, eq=False)
class CurveOfResamples:
    """
    Precision and recall at every threshold, one row for each resample.

    :param accepted: (r, T) queries accepted, from the highest threshold on; 0 as long as none of
        those that were drawn is.
    :param correct: (r, T) those whose match is right.
    :param positives: (r,) queries that have a right match at all.
    :param missed: (r, T) those of them that are rejected.
    """

    accepted: Array
    correct: Array
    positives: Array
    missed: Array

    def of_right(self) -> CurveOfResamples:
        """Return the curves in which recall counts among the right matches only."""
        right = self.correct[:, -1]
        return CurveOfResamples(self.accepted, self.correct, right, right[:, None] - self.correct)

    def auc(self, at_zero: float | None = None) -> Array:
        """Return (r,) the areas by trapezoids; nan where no query has a right match."""
        return self._share(_area(self.correct, self._precision(at_zero), at_zero))

    def auc_of_missed(self) -> Array:
        """
        Return (r,) the areas where recall counts among the right and the rejected queries.

        An accepted wrong answer lowers precision alone; recall is 1 once all are accepted, if
        one of them is right. nan where no query has a right match.
        """
        recall = np.divide(self.correct, self.correct + self.missed,
                           out=np.zeros_like(self.correct), where=self.correct > 0)
        areas = _area(recall, self._precision(None), None)
        return np.asarray(np.where(self.positives > 0, areas, np.nan))

    def average_precision(self) -> Array:
        """Return (r,) the areas as steps; nan where no query has a right match."""
        return self._share(
            (np.diff(self.correct, axis=1, prepend=0.0) * self._precision(None)).sum(axis=1))

    def _precision(self, at_zero: float | None) -> Array:
        """Return (r, T); where nothing is accepted yet that of the first answers, or as given."""
        rows = np.arange(len(self.accepted))
        precision = self.correct / np.maximum(self.accepted, 1.0)
        first = precision[rows, np.argmax(self.accepted > 0, axis=1)] if at_zero is None else \
            np.full(len(rows), at_zero)
        return np.asarray(np.where(self.accepted > 0, precision, first[:, None]))

    def _share(self, of_positives: Array) -> Array:
        shares = np.full(len(of_positives), np.nan)
        np.divide(of_positives, self.positives, out=shares, where=self.positives > 0)
        return shares


def _area(recall: Array, precision: Array, at_zero: float | None) -> Array:
    """Return (r,) areas by trapezoids, from recall zero at the first precision or as given."""
    first = precision[:, :1] if at_zero is None else np.full((len(precision), 1), at_zero)
    before = np.concatenate([first, precision[:, :-1]], axis=1)
    gained = np.diff(recall, axis=1, prepend=0.0)
    return np.asarray((gained * (precision + before) / 2.0).sum(axis=1))
