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
The metrics of place recognition, as pure functions.

Two questions are asked of a system, and they are not the same:

* Does the right place come first? :func:`recall_at_n`, over the queries that have a right place.
* Does the system know when it is right? :func:`precision_recall`, over all queries, with the
  score of each one's best match as the confidence.

Numbers do not depend on the order of ties: equal scores form one threshold, and equal
similarities are ranked by reference index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.datasets.ground_truth import GroundTruth

__all__ = [
    'auc_pr', 'average_precision', 'OperatingPoint', 'precision_recall',
    'precision_recall_of_right', 'PrecisionRecall', 'rank', 'Recall',
    'recall_at_full_precision', 'recall_at_n', 'recalls_at',
]

Array = NDArray[Any]


@dataclass(frozen=True)
class Recall:
    """
    How often a right place is among the best n.

    :param n: how many of the best references count.
    :param hits: queries with a right place among them.
    :param queries: queries that have a right place at all: the ones that count.
    :param left_out: queries without a right place in the references; they are no part of recall.
    """

    n: int
    hits: int
    queries: int
    left_out: int

    @property
    def value(self) -> float:
        """Return hits / queries; nan when no query counts."""
        return self.hits / self.queries if self.queries else float('nan')


def rank(similarity: ArrayLike, n: int | None = None) -> Array:
    """
    Return the best references of each query, best first.

    :param similarity: (Q, R) larger is more similar; -inf is allowed, nan is not.
    :param n: how many to return; all by default, and all when there are fewer.
    :returns: (Q, min(n, R)) int64 reference indices; equal similarities by index.
    """
    scores = np.asarray(similarity)
    if scores.ndim != 2:
        raise ValueError(f'similarity must have shape (queries, references), got {scores.shape}')
    if np.issubdtype(scores.dtype, np.floating) and np.isnan(scores).any():
        raise ValueError('similarity contains nan, which has no rank; use -inf for "not compared"')
    keep = scores.shape[1] if n is None else min(_count('n', n), scores.shape[1])
    ranked = np.empty((scores.shape[0], keep), dtype=np.int64)
    for query, row in enumerate(scores):
        if 8 * keep < len(row):
            # Only the references that can be among the best are sorted.
            bound = np.partition(row, len(row) - keep)[len(row) - keep]
            inside = np.flatnonzero(row >= bound)
            # The smaller of each pair of equals comes first: the sort is stable.
            ranked[query] = inside[np.argsort(-_signed(row[inside]), kind='stable')[:keep]]
        else:
            ranked[query] = np.argsort(-_signed(row), kind='stable')[:keep]
    return ranked


def _signed(row: Array) -> Array:
    """Return numbers that can be negated without wrapping around."""
    return row if np.issubdtype(row.dtype, np.floating) else row.astype(np.float64)


def recall_at_n(ranked: ArrayLike, truth: GroundTruth, n: int) -> Recall:
    """
    Count the queries with a right place among the best ``n``.

    :param ranked: (Q, K) reference indices, best first, from :func:`rank` or a search; -1 pads
        rows with fewer candidates. K may be less than n only when all references are ranked.
    :param truth: which references are right; queries without one are left out and counted.
    """
    return recalls_at(ranked, truth, [n])[0]


def recalls_at(ranked: ArrayLike, truth: GroundTruth, ns: Sequence[int]) -> tuple[Recall, ...]:
    """Return :func:`recall_at_n` for several n, in their order."""
    indices = np.asarray(ranked)
    if indices.ndim != 2 or not (np.issubdtype(indices.dtype, np.integer) or indices.size == 0):
        raise ValueError(
            'ranked must be reference indices (integers) of shape (queries, candidates), got '
            f'{indices.dtype} {indices.shape}; rank(similarity) makes them')
    if len(indices) != truth.n_queries:
        raise ValueError(
            f'ranked has {len(indices)} queries, the ground truth {truth.n_queries}')
    for n in ns:
        if _count('n', n) > indices.shape[1] < truth.n_references:
            raise ValueError(
                f'recall at {n} needs {n} candidates per query, got {indices.shape[1]}')
    right = truth.are_matches(np.arange(len(indices))[:, None], indices.astype(np.int64))
    counted = truth.has_match()
    total = int(counted.sum())
    return tuple(
        Recall(n=int(n), hits=int(right[:, :n].any(axis=1).sum()), queries=total,
               left_out=len(indices) - total)
        for n in ns)


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """
    Precision and recall at every threshold that makes a difference.

    A query is accepted when its score is at least the threshold. All arrays have one entry per
    distinct score, highest threshold first, so recall never falls.

    :param thresholds: (T,) float64, strictly falling.
    :param accepted: (T,) int64 queries accepted.
    :param correct: (T,) int64 accepted queries whose match is right.
    :param positives: queries that have a right match at all: the denominator of recall.
    """

    thresholds: Array
    accepted: Array
    correct: Array
    positives: int

    @property
    def precision(self) -> Array:
        """Return (T,) correct / accepted (a threshold accepts at least one query)."""
        return np.asarray(self.correct / self.accepted)

    @property
    def recall(self) -> Array:
        """Return (T,) correct / positives; nan when no query has a right match."""
        if self.positives == 0:
            return np.full(len(self.thresholds), np.nan)
        return np.asarray(self.correct / self.positives)


def precision_recall(scores: ArrayLike, correct: ArrayLike,
                     has_match: ArrayLike) -> PrecisionRecall:
    """
    Make the precision-recall curve of a system that gives one scored match per query.

    The thresholds are the sorted distinct scores; queries with equal scores are accepted
    together. Accepting a query that has no right match lowers precision; rejecting it costs
    nothing.

    :param scores: (Q,) confidence in each query's match; finite, larger is surer.
    :param correct: (Q,) bool, whether that match is right.
    :param has_match: (Q,) bool, whether the query has a right match at all.
    :returns: a curve without points when there are no queries.
    """
    values = np.asarray(scores, dtype=np.float64)
    right = np.asarray(correct)
    possible = np.asarray(has_match)
    if values.ndim != 1 or right.shape != values.shape or possible.shape != values.shape:
        raise ValueError(
            'scores, correct and has_match must have the same shape (queries), got '
            f'{values.shape}, {right.shape} and {possible.shape}')
    for name, flags in (('correct', right), ('has_match', possible)):
        if flags.dtype != np.bool_ and flags.size:
            raise ValueError(f'{name} must be bool, got {flags.dtype}')
    right = right.astype(bool)
    possible = possible.astype(bool)
    if not np.isfinite(values).all():
        raise ValueError('scores must be finite')
    if (right & ~possible).any():
        query = int(np.flatnonzero(right & ~possible)[0])
        raise ValueError(f'query {query} is correct but has no match: one of the two is wrong')
    order = np.argsort(-values, kind='stable')
    falling = values[order]
    # The last query of each run of equal scores.
    ends = np.flatnonzero(np.append(np.diff(falling) != 0, True)) if falling.size else \
        np.zeros(0, dtype=np.int64)
    return PrecisionRecall(
        thresholds=falling[ends], accepted=ends.astype(np.int64) + 1,
        correct=np.cumsum(right[order], dtype=np.int64)[ends], positives=int(possible.sum()))


def precision_recall_of_right(scores: ArrayLike, correct: ArrayLike) -> PrecisionRecall:
    """
    Make the curve in which recall counts among the right matches only.

    It judges the scores alone: a system whose first match is right for one query in a hundred
    reaches full recall too. VPR-Bench has it so (Zaffar et al., IJCV 2021, by
    ``precision_recall_curve`` of scikit-learn); our own tables take :func:`precision_recall`.

    :param scores: (Q,) confidence in each query's match; finite, larger is surer.
    :param correct: (Q,) bool, whether that match is right.
    """
    return precision_recall(scores, correct, correct)


def average_precision(curve: PrecisionRecall) -> float:
    """
    Return the mean precision over recall, as steps: sum of (R_k - R_k-1) P_k with R_0 = 0.

    Nothing is interpolated, so it is never too good. Recall that is never reached counts as
    precision zero. nan when no query has a right match.
    """
    if curve.positives == 0:
        return float('nan')
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * curve.precision))


def auc_pr(curve: PrecisionRecall, *, at_zero: float | None = None) -> float:
    """
    Return the area under the curve by trapezoids, as much of the literature does.

    The curve is extended to recall zero at the precision of its first point. Straight lines
    between points flatter a system a little: compare like with like, and prefer
    :func:`average_precision`. nan when no query has a right match, zero without queries accepted.

    :param at_zero: the precision at recall zero instead; scikit-learn takes 1.
    """
    if curve.positives == 0:
        return float('nan')
    if len(curve.thresholds) == 0:
        return 0.0
    recall = np.concatenate([[0.0], curve.recall])
    first = curve.precision[0] if at_zero is None else at_zero
    precision = np.concatenate([[first], curve.precision])
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))


@dataclass(frozen=True)
class OperatingPoint:
    """
    What a system does at one threshold.

    :param threshold: accept scores at least this large; None when no threshold will do.
    :param accepted: queries accepted there.
    :param correct: how many of them are right.
    :param positives: queries that have a right match at all.
    """

    threshold: float | None
    accepted: int
    correct: int
    positives: int

    @property
    def recall(self) -> float:
        """Return correct / positives; nan when no query has a right match."""
        return self.correct / self.positives if self.positives else float('nan')


def recall_at_full_precision(curve: PrecisionRecall) -> OperatingPoint:
    """
    Return the point with the most right answers and not one wrong.

    When the surest answer is wrong (alone or in a tie) there is none: threshold None, recall 0.
    """
    flawless = np.flatnonzero(curve.correct == curve.accepted)
    if flawless.size == 0:
        return OperatingPoint(None, 0, 0, curve.positives)
    last = int(flawless[-1])
    return OperatingPoint(float(curve.thresholds[last]), int(curve.accepted[last]),
                          int(curve.correct[last]), curve.positives)


def _count(name: str, value: int) -> int:
    if value < 1 or value != int(value):
        raise ValueError(f'{name} must be a whole number of at least 1, got {value}')
    return int(value)
