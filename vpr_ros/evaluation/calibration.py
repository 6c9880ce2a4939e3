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
Whether a probability means what it says, as pure functions.

Of the answers given with a probability of 0.8, four in five should be right: that is calibration,
and :func:`reliability` and :func:`expected_calibration_error` measure it. It says nothing about
whether right and wrong answers are told apart, which :func:`auroc` measures.

Probabilities are compared in bins that hold equally many answers. Equal probabilities, of which a
calibration by steps gives many, share a bin, so no number depends on the order of ties.

Answers follow each other along a traverse and are right or wrong together; see ``intervals``.
Wherever ``block`` is asked for, so many consecutive answers count as one that is drawn, and their
order must be the one in which they were taken.
"""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.evaluation.intervals import block_resamples
from vpr_ros.evaluation.intervals import Interval
from vpr_ros.evaluation.intervals import percentile_interval
from vpr_ros.evaluation.intervals import wilson_interval

__all__ = [
    'Auroc', 'auroc', 'brier_score', 'CalibrationError', 'expected_calibration_error',
    'Reliability', 'reliability',
]

Array = NDArray[Any]
BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """
    How often answers were right, in bins of rising probability.

    All arrays have one entry per bin; there are fewer bins than asked for when many
    probabilities are equal.

    :param counts: (B,) int64 answers, at least 1.
    :param predicted: (B,) float64 their mean probability.
    :param observed: (B,) float64 the share of them that is right.
    :param low: (B,) float64 lower end of the Wilson interval of that share, for independent
        answers; ``high`` is its upper end.
    """

    counts: Array
    predicted: Array
    observed: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class CalibrationError:
    """
    How far probabilities are from the share of right answers.

    :param value: the expected calibration error: the mean over all answers of the distance
        between the probability and the share that is right in their bin, less what chance adds
        to it. In [0, 1]; 0 is calibrated.
    :param plain: the same with what chance adds, as most papers print it: too large, the more so
        the fewer answers there are.
    :param root_mean_square: the same with squared distances, less chance; never less than
        ``value`` in the long run. 0 where the squares are no larger than chance makes them.
    :param interval: of ``value``, cautious at both ends: it begins at 0 as long as chance alone
        can make the error.
    :param bins: how many were there.
    :param answers: how many were judged.
    """

    value: float
    plain: float
    root_mean_square: float
    interval: Interval
    bins: int
    answers: int


@dataclass(frozen=True)
class Auroc:
    """
    How well a score tells two kinds of queries apart.

    :param value: the probability that a positive scores more than a negative, equal scores
        counting half; 0.5 is chance. nan when one kind is missing.
    :param interval: of the value; None when one kind is missing. Without width where every
        positive is above every negative: nothing shows how the others would vary.
    """

    value: float
    interval: Interval | None
    positives: int
    negatives: int


def reliability(probabilities: ArrayLike, correct: ArrayLike, bins: int = BINS,
                confidence: float = 0.95) -> Reliability:
    """
    Compare probabilities with the share of right answers, bin by bin.

    :param probabilities: (Q,) in [0, 1].
    :param correct: (Q,) bool, whether the answer is right; Q at least 1.
    :param bins: how many, with about Q / bins answers each.
    """
    values, right = _answers(probabilities, correct)
    bin_of = _equal_mass(values, bins)
    counts = np.bincount(bin_of)
    hits = np.bincount(bin_of, right)
    intervals = [wilson_interval(int(h), int(n), confidence)
                 for h, n in zip(hits, counts, strict=True)]
    return Reliability(
        counts=counts.astype(np.int64), predicted=np.bincount(bin_of, values) / counts,
        observed=hits / counts, low=np.array([i.low for i in intervals]),
        high=np.array([i.high for i in intervals]))


def expected_calibration_error(
        probabilities: ArrayLike, correct: ArrayLike, bins: int = BINS, *, block: int = 10,
        resamples: int = 1000, seed: int = 0, confidence: float = 0.95) -> CalibrationError:
    """
    Measure how far probabilities are from the share of right answers.

    Even the shares of a calibrated system are off by chance, and distances only add up. The
    variance of each bin's share is therefore taken off its squared distance (Kumar, Liang and
    Ma, NeurIPS 2019; Broecker, Climate Dynamics 2012), and off the distance itself what a normal
    error of that variance adds to its mean. What is left in the distance lies between half a
    standard error of the bin too much, where the system is calibrated, and a sixth too little.
    The variance is that of whole blocks of answers.

    :param probabilities: (Q,) in [0, 1], in the order the answers were given.
    :param correct: (Q,) bool, whether the answer is right; Q at least 2.
    :param bins: how many, with about Q / bins answers each.
    :param block: how many consecutive answers depend on each other; at most half of them count
        as one.
    :param resamples: how many sets of blocks are drawn for the interval, with ``seed``.
    """
    values, right = _answers(probabilities, correct)
    block = _block(block, len(values))
    bin_of = _equal_mass(values, bins)
    counts = np.bincount(bin_of)
    gaps = values - right
    means = np.bincount(bin_of, gaps) / counts
    shares = counts / len(values)
    variances = _variances(gaps - means[bin_of], bin_of, counts, block)
    plain = float(shares @ np.abs(means))
    without_chance = float(shares @ _less_chance(means, variances))
    drawn = np.empty(resamples)
    for row, chosen in enumerate(block_resamples(len(values), block, resamples, seed)):
        drawn[row] = np.abs(np.bincount(bin_of[chosen], gaps[chosen])).sum() / len(values)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    # Below, chance added all that it can, which it does where a bin is calibrated. In the world
    # that is drawn from, the plain error is the true one: draws are that much above it.
    least = np.maximum(0.0, np.abs(means) - 2.0 * np.sqrt(variances))
    most = float(shares @ (least - _less_chance(least, variances)))
    low, high = plain - most + low - drawn.mean(), without_chance + high - plain
    value = max(0.0, without_chance)
    square = max(0.0, float(shares @ (means ** 2 - variances)))
    return CalibrationError(
        value=value, plain=plain, root_mean_square=math.sqrt(square),
        interval=Interval(float(np.clip(low, 0.0, value)), float(np.clip(high, value, 1.0))),
        bins=len(counts), answers=len(values))


def brier_score(probabilities: ArrayLike, correct: ArrayLike) -> float:
    """
    Return the mean squared distance of probabilities from 1 for right and 0 for wrong answers.

    It falls with calibration and with telling right from wrong alike; 0 is perfect.
    """
    values, right = _answers(probabilities, correct)
    return float(np.mean((values - right) ** 2))


def auroc(scores: ArrayLike, positive: ArrayLike, *, block: int = 10, resamples: int = 1000,
          seed: int = 0, confidence: float = 0.95) -> Auroc:
    """
    Measure how well a score tells positives from negatives (Mann and Whitney 1947).

    :param scores: (Q,) finite, larger for positives, in the order of time.
    :param positive: (Q,) bool.
    :param block: how many consecutive queries depend on each other; at most half of them count
        as one.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f'scores must be finite numbers of shape (queries), got {values.shape}')
    flags = _flags(positive, 'positive', values.shape)
    positives = int(flags.sum())
    negatives = len(values) - positives
    if not positives or not negatives:
        return Auroc(float('nan'), None, positives, negatives)
    _, level = np.unique(values, return_inverse=True)
    value = _wins(level, flags)
    drawn = [_wins(level[chosen], flags[chosen]) for chosen in block_resamples(
        len(values), _block(block, len(values)), resamples, seed)]
    # A draw of one kind alone has no value.
    return Auroc(value, percentile_interval(drawn, value, confidence), positives, negatives)


def _wins(level: Array, positive: Array) -> float:
    """Return the share of pairs that a positive wins; nan without pairs."""
    size = int(level.max()) + 1
    above = np.bincount(level[positive], minlength=size)
    below = np.bincount(level[~positive], minlength=size)
    pairs = int(above.sum()) * int(below.sum())
    beaten = np.cumsum(below) - below / 2.0
    return float(above @ beaten) / pairs if pairs else float('nan')


def _equal_mass(values: Array, bins: int) -> Array:
    """Return (Q,) int64 the bin of each value: about as many in each, equals in one."""
    if bins < 1:
        raise ValueError(f'expected at least 1 bin, got {bins}')
    _, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    # Where a bin can end: after the last of equals.
    ends = np.cumsum(counts)
    wanted = np.arange(1, bins) * len(values) / bins
    after = np.searchsorted(ends, wanted)
    before = np.maximum(after - 1, 0)
    nearest = np.where(wanted - ends[before] < ends[after] - wanted, before, after)
    # A bin begins one level after each cut.
    begins = np.zeros(len(ends) + 1, dtype=np.int64)
    begins[nearest + 1] = 1
    begins[-1] = 0
    return np.asarray(np.cumsum(begins[:-1])[level])


def _variances(errors: Array, bin_of: Array, counts: Array, block: int) -> Array:
    """
    Return (B,) the variance of the mean of each bin, when whole blocks are drawn.

    :param errors: (Q,) distances from the mean of their bin.
    """
    bins = len(counts)
    blocks = -(-len(errors) // block)
    cell = np.arange(len(errors)) // block * bins + bin_of
    sums = np.bincount(cell, errors, blocks * bins).reshape(blocks, bins)
    # A bin filled by one block tells nothing of how blocks vary.
    filled = np.bincount(cell, minlength=blocks * bins).reshape(blocks, bins) > 0
    parts = filled.sum(axis=0)
    return np.asarray((sums ** 2).sum(axis=0) / counts ** 2 * parts / np.maximum(parts - 1, 1))


def _less_chance(means: Array, variances: Array) -> Array:
    """Return the absolute means, less what errors of these variances add to each on average."""
    sigma = np.sqrt(np.maximum(variances, 1e-300))
    z = means / sigma
    erf = np.array([math.erf(v / math.sqrt(2.0)) for v in z])
    folded = sigma * math.sqrt(2.0 / math.pi) * np.exp(-np.minimum(z ** 2, 1e3) / 2) + means * erf
    return np.asarray(2.0 * np.abs(means) - folded)


def _answers(probabilities: ArrayLike, correct: ArrayLike) -> tuple[Array, Array]:
    """Return float64 probabilities and bool flags of one shape, not empty."""
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError('probabilities must have shape (answers) with at least one, got '
                         f'{values.shape}')
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise ValueError('probabilities lie between 0 and 1, got '
                         f'{values[~((values >= 0.0) & (values <= 1.0))][0]}')
    return values, _flags(correct, 'correct', values.shape)


def _flags(value: ArrayLike, name: str, shape: tuple[int, ...]) -> Array:
    flags = np.asarray(value)
    if flags.shape != shape or (flags.dtype != np.bool_ and flags.size):
        raise ValueError(f'{name} must be bool of shape {shape}, got {flags.dtype} {flags.shape}')
    return flags.astype(bool)


def _block(block: int, count: int) -> int:
    """Return how many to draw together: at most half of them."""
    if count < 2 or block < 1:
        raise ValueError('an interval needs at least 2 queries and blocks of at least 1, got '
                         f'{count} and {block}')
    return min(block, count // 2)
