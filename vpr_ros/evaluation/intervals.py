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
How sure a number over the queries of a traverse is.

Queries that follow each other see nearly the same, so they are right or wrong together, and
hundreds of them say less than hundreds of independent ones would. Resampling whole blocks of
consecutive queries keeps that dependence: Kuensch, Annals of Statistics 1989; with blocks that
go on at the beginning when they reach the end, Politis and Romano 1992, so that the first and the
last queries count as much as all others.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

__all__ = [
    'block_bootstrap_interval', 'block_resamples', 'bootstrap_interval', 'Interval',
    'percentile_interval', 'resampled_counts', 'usual_block', 'wilson_interval',
]

Array = NDArray[Any]
# Counts of some resamples are held at once: about 16 MB of them.
_COUNTS_HELD = 2_000_000
# Queries in a block at least, and blocks at least.
_SHORTEST, _FEWEST = 10, 5


@dataclass(frozen=True)
class Interval:
    """An interval of confidence, both ends included."""

    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Return whether a value lies inside."""
        return self.low <= value <= self.high


def usual_block(count: int) -> int:
    """
    Return how many consecutive queries are drawn together where nobody knows better.

    The square root of how many there are, but at least 10 of them, and at least 5 blocks. Longer
    drives afford longer blocks, which cover more of what depends on each other: where hits last
    as long as those of Nordland do, for some 13 queries, intervals by blocks of 10 hold the truth
    in about three of four drives of 3,576 queries, and those by these in nine of ten.

    :param count: how many queries there are.
    """
    return max(1, min(max(_SHORTEST, round(math.sqrt(count))), count // _FEWEST))


def block_bootstrap_interval(values: ArrayLike, block: int = 10, resamples: int = 2000,
                             seed: int = 0, confidence: float = 0.95) -> Interval:
    """
    Return the interval of the mean of values that follow each other, by percentiles.

    The hits of queries give the interval of a recall. The differences of the hits of two networks
    on the same queries give that of the difference of their recalls, which is far narrower than
    two intervals side by side tell, for both find the same queries hard.

    Values that are all equal give an interval without width: nothing shows how the others that
    were not seen would vary.

    :param values: (Q,) numbers or bool in the order they were taken.
    :param block: how many consecutive values are drawn together: at least as many as depend on
        each other. ValueError when there are not two blocks of them.
    :param resamples: how many means are drawn; the same seed draws the same.
    :param confidence: how often, at best, such an interval contains the true mean. Few or short
        blocks make it a little less often.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or not np.isfinite(data).all():
        raise ValueError(f'values must be finite numbers of shape (queries), got {data.shape}')
    if block < 1 or resamples < 1 or not 0.0 < confidence < 1.0:
        raise ValueError('block and resamples are at least 1 and confidence lies between 0 and 1, '
                         f'got {block}, {resamples} and {confidence}')
    if len(data) < 2 * block:
        raise ValueError(f'{len(data)} values do not make two blocks of {block}: take a shorter '
                         'block, or more queries')
    whole, rest = divmod(len(data), block)
    starts = _starts(len(data), block, resamples, seed)
    # Sums of the values before each position, of two rounds: any block is a difference of two.
    before = np.concatenate([[0.0], np.cumsum(np.tile(data, 2))])
    # The last block is cut, so that each resample has as many values as there are.
    lengths = np.array([block] * whole + [rest])
    means = (before[starts + lengths] - before[starts]).sum(axis=1) / len(data)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return Interval(float(low), float(high))


def block_resamples(count: int, block: int, resamples: int, seed: int = 0) -> Iterator[Array]:
    """
    Draw blocks of consecutive queries, for numbers that are no mean.

    The draws are those of :func:`block_bootstrap_interval`.

    :param count: how many queries there are, at least 1; ``block`` is at most as many.
    :returns: ``resamples`` arrays (count,) int64 of query indices.
    """
    if not 1 <= block <= count or resamples < 1:
        raise ValueError(f'expected 1 to {count} queries in a block and at least 1 resample, got '
                         f'{block} and {resamples}')
    within = np.arange(block)
    for row in _starts(count, block, resamples, seed):
        yield ((row[:, None] + within) % count).ravel()[:count]


def resampled_counts(count: int, block: int, resamples: int, seed: int = 0) -> Iterator[Array]:
    """
    Count how often each query is drawn, for numbers that weighted sums give.

    The draws are those of :func:`block_resamples`; a matrix of some hundred at once is far
    faster than one after the other.

    :returns: arrays (r, count) float64, whose rows are ``resamples`` in all; each row adds up to
        ``count``.
    """
    rows = max(1, _COUNTS_HELD // max(1, count))
    drawn = block_resamples(count, block, resamples, seed)
    for first in range(0, resamples, rows):
        here = min(rows, resamples - first)
        yield np.stack([np.bincount(next(drawn), minlength=count)
                        for _ in range(here)]).astype(np.float64)


def bootstrap_interval(statistic: Callable[[Array], float], count: int, block: int = 10,
                       resamples: int = 1000, seed: int = 0,
                       confidence: float = 0.95) -> Interval:
    """
    Return the interval of a number that is no mean, such as an area, by percentiles.

    The number itself is never outside: where draws lie on one side of it, as those of a longest
    or a best do, the interval reaches to it.

    :param statistic: takes (count,) int64 indices of the queries that were drawn, some of them
        more than once, and returns their number; nan where they have none.
    :param count: how many queries there are; other parameters as in
        :func:`block_bootstrap_interval`, but a block is at most all queries.
    :raises ValueError: when the number of all queries is not finite.
    """
    drawn = [statistic(chosen) for chosen in block_resamples(count, block, resamples, seed)]
    return percentile_interval(drawn, statistic(np.arange(count)), confidence)


def percentile_interval(drawn: ArrayLike, value: float, confidence: float = 0.95) -> Interval:
    """
    Return the interval of a number from what resamples gave, with the number inside.

    :param drawn: the number of each resample; those that are nan had none, and do not count.
    :param value: the number of all queries, finite.
    """
    if not math.isfinite(value) or not 0.0 < confidence < 1.0:
        raise ValueError('expected a finite number and a confidence between 0 and 1, got '
                         f'{value} and {confidence}')
    numbers = np.asarray(drawn, dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(numbers, [tail, 1.0 - tail]) if numbers.size else (value, value)
    return Interval(min(float(low), value), max(float(high), value))


def _starts(count: int, block: int, resamples: int, seed: int) -> Array:
    """Return (resamples, blocks) where the blocks of each resample begin; the last is cut."""
    return np.random.default_rng(seed).integers(count, size=(resamples, count // block + 1))


def wilson_interval(hits: int, count: int, confidence: float = 0.95) -> Interval:
    """
    Return the interval of a share of independent queries (Wilson, JASA 1927).

    Unlike a bootstrap it has a width where all or none are hits, and suits small counts.

    :param hits: how many of the ``count`` were; both at least 0.
    :returns: within [0, 1]; all of it when nothing was counted.
    """
    if not 0 <= hits <= count or not 0.0 < confidence < 1.0:
        raise ValueError('expected hits from 0 to count and a confidence between 0 and 1, got '
                         f'{hits} of {count} and {confidence}')
    if count == 0:
        return Interval(0.0, 1.0)
    z2 = NormalDist().inv_cdf((1.0 + confidence) / 2.0) ** 2
    middle = (hits + z2 / 2.0) / (count + z2)
    half = math.sqrt(z2 * (hits * (count - hits) / count + z2 / 4.0)) / (count + z2)
    # Both are exact at the ends but for rounding.
    return Interval(0.0 if hits == 0 else middle - half, 1.0 if hits == count else middle + half)
