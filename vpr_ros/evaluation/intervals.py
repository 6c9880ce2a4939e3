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
How sure a mean over the queries of a traverse is.

Queries that follow each other see nearly the same, so they are right or wrong together, and
hundreds of them say less than hundreds of independent ones would. Resampling whole blocks of
consecutive queries keeps that dependence: Kuensch, Annals of Statistics 1989; with blocks that
go on at the beginning when they reach the end, Politis and Romano 1992, so that the first and the
last queries count as much as all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['block_bootstrap_interval', 'Interval']


@dataclass(frozen=True)
class Interval:
    """An interval of confidence, both ends included."""

    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Return whether a value lies inside."""
        return self.low <= value <= self.high


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
    starts = np.random.default_rng(seed).integers(len(data), size=(resamples, whole + 1))
    # Sums of the values before each position, of two rounds: any block is a difference of two.
    before = np.concatenate([[0.0], np.cumsum(np.tile(data, 2))])
    # The last block is cut, so that each resample has as many values as there are.
    lengths = np.array([block] * whole + [rest])
    means = (before[starts + lengths] - before[starts]).sum(axis=1) / len(data)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return Interval(float(low), float(high))
