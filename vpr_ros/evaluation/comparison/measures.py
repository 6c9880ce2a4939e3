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
What is measured of matches: one function for all of it, and what each number means.

A query that answered nothing is never right, and no threshold accepts it. What cannot be measured
is left out rather than nan: curves where all scores are equal, recall where no query has a right
reference, what a system knows where it does not say.

Intervals are of 95 %, by resamples of blocks of consecutive queries, the same for all numbers; see
:mod:`vpr_ros.evaluation.intervals`. A number that came out the same in all of them has none: that
shows nothing of how it would vary. Neither has one that hangs on a few queries, such as the surest
wrong answer or the longest stretch: one resample of three lacks that query, and none has a worse
one. Such intervals of recall at full precision would hold the truth in two of three drives, and
no oftener in longer ones.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.calibration import auroc
from vpr_ros.evaluation.calibration import expected_calibration_error
from vpr_ros.evaluation.comparison.curve_points import curve_points
from vpr_ros.evaluation.comparison.curve_points import Points
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.matches import NOTHING
from vpr_ros.evaluation.comparison.meanings import Measure
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.meanings import MEASURES
from vpr_ros.evaluation.comparison.meanings import NS
from vpr_ros.evaluation.comparison.resampled_curve import ScoredAnswers
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.intervals import Interval
from vpr_ros.evaluation.intervals import percentile_interval
from vpr_ros.evaluation.intervals import resampled_counts
from vpr_ros.evaluation.intervals import usual_block
from vpr_ros.evaluation.metrics import auc_pr
from vpr_ros.evaluation.metrics import average_precision
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.metrics import precision_recall_of_right
from vpr_ros.evaluation.metrics import PrecisionRecall
from vpr_ros.evaluation.metrics import recall_at_full_precision
from vpr_ros.evaluation.operating_points import extended_precision
from vpr_ros.evaluation.operating_points import recall_at_precision
from vpr_ros.evaluation.ranked_precision import mean_average_precision
from vpr_ros.evaluation.ratio_test import ratio_scores
from vpr_ros.evaluation.stretch import longest_stretch

__all__ = ['curves', 'measure', 'Measure', 'measure_named', 'MEASURES', 'NS']

Array = NDArray[Any]


def measure(matches: Matches, truth: GroundTruth, *, positions: ArrayLike | None = None,
            block: int | None = None, resamples: int = 1000,
            seed: int = 0) -> dict[str, Number]:
    """
    Measure all that can be measured of matches.

    :param matches: what was answered, for queries in the order they were taken.
    :param truth: which references are right.
    :param positions: (Q, 2) or (Q, 3) metres where queries were taken, for the longest way
        without a right answer; None when not known.
    :param block: how many consecutive queries depend on each other, at most half of them; None
        for :func:`~vpr_ros.evaluation.intervals.usual_block`. No intervals with fewer than two
        queries.
    :param resamples: how many are drawn for intervals, with ``seed``.
    :returns: name of a measure -> number, in the order of :data:`MEASURES`; never nan.
    """
    judged = _Judged.of(matches, truth)
    block = usual_block(len(matches)) if block is None else block
    if block < 1 or resamples < 1:
        raise ValueError(f'block and resamples are at least 1, got {block} and {resamples}')
    block = min(block, len(matches) // 2)
    own = (block, resamples, seed)
    parts = [_ranks(matches, truth), *_score_curves(matches, judged), _no_match(judged, own),
             _recognition(matches, judged, positions), _calibration(matches, judged, own)]
    numbers = {name: number for part in parts for name, number in part.numbers.items()}
    numbers.update(_with_intervals(numbers, parts, len(matches), own))
    return {name: numbers[name] for name in MEASURES if name in numbers}


def curves(matches: Matches, truth: GroundTruth) -> dict[str, Points]:
    """
    Return the precision-recall curves, thinned to what a chart can show.

    :returns: ``score`` by the score of the best match, and ``ratio`` by the ratio test where the
        runner-up is known: (recall, precision) from the highest threshold on, at most 300 points;
        none where a curve has no meaning.
    """
    judged = _Judged.of(matches, truth)
    return {name: curve_points(judged.curve(scores))
            for name, scores in _scores_of(matches, judged).items()}


@dataclass(frozen=True, eq=False)
class _Judged:
    """
    The best reference of each query, judged.

    :param answered: (Q,) bool, whether there is one.
    :param right: (Q,) bool, whether it is right.
    :param possible: (Q,) bool, whether any reference is.
    :param scores: (Q,) of the best one, -inf where there is none.
    """

    answered: Array
    right: Array
    possible: Array
    scores: Array

    @classmethod
    def of(cls, matches: Matches, truth: GroundTruth) -> _Judged:
        """Judge; ValueError when the two are not of the same queries."""
        if len(matches) != truth.n_queries:
            raise ValueError(f'there are matches of {len(matches)} queries, but the ground truth '
                             f'of {truth.n_queries}')
        return cls(answered=matches.best != NOTHING,
                   right=truth.are_matches(np.arange(len(matches)), matches.best),
                   possible=truth.has_match(), scores=matches.best_scores)

    @property
    def scored(self) -> bool:
        """Whether scores differ at all: a list from elsewhere may have none."""
        return len(np.unique(self.scores[self.answered])) > 1

    def curve(self, scores: Array) -> PrecisionRecall:
        """Return the curve of the answers, in which queries without one are never accepted."""
        curve = precision_recall(scores[self.answered], self.right[self.answered],
                                 self.possible[self.answered])
        return replace(curve, positives=int(self.possible.sum()))


def _nothing(counts: Array) -> dict[str, Array]:
    return {}


@dataclass(frozen=True, eq=False)
class _Part:
    """
    Some of the numbers.

    :param numbers: those of all queries.
    :param of_draws: takes (r, Q) float64 how often each query was drawn, and returns (r,) of each
        number that gets its interval so; nan where a resample has no such number.
    """

    numbers: dict[str, Number] = field(default_factory=dict)
    of_draws: Callable[[Array], dict[str, Array]] = _nothing


def _with_intervals(numbers: Mapping[str, Number], parts: list[_Part], queries: int,
                    own: tuple[int, int, int]) -> dict[str, Number]:
    """Return the numbers that vary when blocks of queries are drawn anew."""
    block, resamples, seed = own
    if queries < 2:
        return {}
    drawn: dict[str, list[Array]] = {}
    for counts in resampled_counts(queries, block, resamples, seed):
        for part in parts:
            for name, values in part.of_draws(counts).items():
                drawn.setdefault(name, []).append(values)
    return {name: _number(numbers[name].value, numbers[name].count,
                          percentile_interval(np.concatenate(values), numbers[name].value))
            for name, values in drawn.items() if name in numbers}


def _number(value: float, count: int, interval: Interval | None) -> Number:
    """Return a number; an interval without width tells nothing and is left out."""
    if interval is None or interval.low == interval.high:
        return Number(value, count)
    return Number(value, count, interval.low, interval.high)


def _means(rows: Mapping[str, tuple[Array, Array]]) -> _Part:
    """
    Return the means of values over the queries that count.

    :param rows: name -> (Q,) values, and (Q,) bool which of them count; none where none does.
    """
    rows = {name: (np.where(counted, values, 0.0), counted.astype(np.float64))
            for name, (values, counted) in rows.items() if counted.any()}
    if not rows:
        return _Part()
    sums, counted = (np.stack(columns, axis=1) for columns in zip(*rows.values(), strict=True))

    def of_draws(counts: Array) -> dict[str, Array]:
        of = counts @ counted
        shares = np.divide(counts @ sums, of, where=of > 0, out=np.full(of.shape, np.nan))
        return dict(zip(rows, shares.T, strict=True))

    return _Part({name: Number(float(values.sum() / of.sum()), int(of.sum()))
                  for name, (values, of) in rows.items()}, of_draws)


def _ranks(matches: Matches, truth: GroundTruth) -> _Part:
    """Return recall and mAP at the n for which there are candidates enough."""
    listed = matches.references.shape[1]
    ns = [n for n in NS if n <= listed or listed >= truth.n_references]
    rows = {}
    for found in mean_average_precision(matches.references, truth, ns):
        counted = np.isfinite(found.of_query)
        # A right reference among the best n is what makes the average precision positive.
        rows[f'recall@{found.n}'] = found.of_query > 0, counted
        rows[f'map@{found.n}'] = found.of_query, counted
    return _means(rows)


def _scores_of(matches: Matches, judged: _Judged) -> dict[str, Array]:
    """Return the scores by which there is a curve."""
    if not judged.scored or not judged.possible.any():
        return {}
    scores = {'score': judged.scores}
    if matches.runner_up is not None and matches.score_kind == 'similarity':
        ratios = ratio_scores(judged.scores, matches.runner_up)
        scores['ratio'] = np.where(judged.answered, ratios, -np.inf)
    return scores


def _score_curves(matches: Matches, judged: _Judged) -> list[_Part]:
    """Return the numbers of curves over the score of the best match, and over the ratio test."""
    of = {'score': _score_curve, 'ratio': _ratio_curve}
    return [of[name](judged, scores) for name, scores in _scores_of(matches, judged).items()]


def _score_curve(judged: _Judged, scores: Array) -> _Part:
    curve = judged.curve(scores)
    of_right = precision_recall_of_right(scores[judged.answered], judged.right[judged.answered])
    values = {
        'auc': auc_pr(curve),
        'average_precision': average_precision(curve),
        'auc_of_right': auc_pr(of_right, at_zero=1.0),
        'recall_at_100_precision': recall_at_full_precision(curve).recall,
        'recall_at_99_precision': recall_at_precision(curve, 0.99).recall,
        'extended_precision': extended_precision(curve),
    }
    answers = ScoredAnswers(scores, judged.right, judged.possible)

    def of_draws(counts: Array) -> dict[str, Array]:
        drawn = answers.curve(counts)
        return {
            'auc': drawn.auc(),
            'average_precision': drawn.average_precision(),
            'auc_of_right': drawn.of_right().auc(at_zero=1.0),
        }

    return _Part({name: Number(value, len(scores)) for name, value in values.items()
                  if math.isfinite(value)}, of_draws)


def _ratio_curve(judged: _Judged, scores: Array) -> _Part:
    answers = ScoredAnswers(scores, judged.right, judged.possible)

    def of_draws(counts: Array) -> dict[str, Array]:
        drawn = answers.curve(counts)
        return {'auc_ratio': drawn.auc(), 'auc_ratio_missed': drawn.auc_of_missed()}

    each_once = of_draws(np.ones((1, len(scores))))
    return _Part({name: Number(float(value[0]), len(scores))
                  for name, value in each_once.items()}, of_draws)


def _no_match(judged: _Judged, own: tuple[int, int, int]) -> _Part:
    """Return how well scores tell queries with a place from those without."""
    if not judged.scored or judged.possible.all() or not judged.possible.any():
        return _Part()
    # By rank, so that no answer is less than any answer.
    _, level = np.unique(judged.scores, return_inverse=True)
    block, resamples, seed = own
    told = auroc(level, judged.possible, block=block, resamples=resamples, seed=seed)
    return _Part({'no_match_auroc': _number(told.value, len(level), told.interval)})


def _recognition(matches: Matches, judged: _Judged, positions: ArrayLike | None) -> _Part:
    """Return what the system got right that says itself when it knows a place."""
    if matches.known is None or not len(matches):
        return _Part()
    known = np.asarray(matches.known, dtype=bool) & judged.answered
    part = _means({
        'localization_rate': (known & judged.right, judged.possible),
        'known_precision': (judged.right, known),
        'no_match_rejected': (~known, ~judged.possible),
    })
    count = len(known)
    part.numbers['longest_unlocalized'] = Number(
        longest_stretch(known & judged.right).queries, count)
    if positions is not None:
        metres = longest_stretch(known & judged.right, positions).metres
        assert metres is not None
        part.numbers['longest_unlocalized_m'] = Number(metres, count)
    return part


def _calibration(matches: Matches, judged: _Judged, own: tuple[int, int, int]) -> _Part:
    """Return how far the probabilities of answers can be believed."""
    count = int(judged.answered.sum())
    if matches.probabilities is None or count < 2:
        return _Part()
    probabilities = np.asarray(matches.probabilities, np.float64)
    right = judged.right[judged.answered]
    block, resamples, seed = own
    error = expected_calibration_error(probabilities[judged.answered], right, block=block,
                                       resamples=resamples, seed=seed)
    part = _means({'brier': ((probabilities - judged.right) ** 2, judged.answered)})
    part.numbers['calibration_error'] = _number(error.value, count, error.interval)
    return part
