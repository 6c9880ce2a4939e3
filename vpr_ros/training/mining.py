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
Which positives and negatives a query learns from, by descriptors computed before.

Two index spaces meet here. *Examples* are rows of the table of training images; *rows* are those
of the cached descriptors. ``pool`` holds the example of each row, and all functions take and
return examples, except for masks over the pool. The order of the pool never matters: the same
examples in another order give the same result, also where chance decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError

__all__ = ['hardest_negatives', 'nearest_positives', 'random_pool']

Array = NDArray[Any]


def random_pool(rng: np.random.Generator, n: int, count: int) -> Array:
    """
    Return ``count`` different numbers of 0 to n - 1 in order, all n where there are no more.

    Partial mining (Zhao et al. 2023) looks for negatives among such a part of the examples,
    drawn anew for each cycle.
    """
    return np.sort(rng.choice(n, size=min(n, count), replace=False)).astype(np.int64)


def nearest_positives(query: Array, descriptors: Array, pool: Array, positives: Array, *,
                      count: int = 1) -> Array:
    """
    Return the positives most similar to a query, the nearest first.

    :param query: (D,) descriptor.
    :param descriptors: (n, D) of the pool.
    :param pool: (n,) int64, the example of each descriptor, each once.
    :param positives: (k,) int64, examples that may show the place of the query.
    :returns: (count,) int64 examples in the order of their Euclidean distances, less where the
        pool has less of them, down to none.
    """
    rows = _rows_in_order(descriptors, pool)
    return _nearest(query, descriptors, pool, rows[np.isin(pool[rows], positives)], count)


def hardest_negatives(query: Array, descriptors: Array, pool: Array, allowed: Array, *,
                      rng: np.random.Generator, sampled: int = 1000,
                      hardest: int = 10) -> Array:
    """
    Return the nearest of some negatives drawn at random, the nearest first.

    Not the nearest of all: those are often images of the same place that positions do not tell
    (Arandjelovic et al. 2016).

    :param query: (D,) descriptor.
    :param descriptors: (n, D) of the pool.
    :param pool: (n,) int64, the example of each descriptor, each once.
    :param allowed: (n,) bool, which of the pool surely show another place.
    :param sampled: how many are drawn, uniformly; all where there are fewer.
    :param hardest: how many of them are returned.
    :returns: (hardest,) int64 examples, in the order of their Euclidean distances (equal ones in
        the order of examples).
    """
    if allowed.shape != pool.shape or allowed.dtype != np.bool_:
        raise ValueError(f'allowed is bool of shape {pool.shape}, got {allowed.dtype} '
                         f'{allowed.shape}')
    rows = _rows_in_order(descriptors, pool)
    rows = rows[allowed[rows]]
    if min(len(rows), sampled) < hardest:
        raise VprError(f'{hardest} hard negatives were asked for of {sampled} drawn, and '
                       f'{len(rows)} of {len(pool)} cached images show another place for sure: '
                       'ask for fewer, cache more images or lower the radius of negatives')
    if len(rows) > sampled:
        rows = rows[np.sort(rng.choice(len(rows), size=sampled, replace=False))]
    return _nearest(query, descriptors, pool, rows, hardest)


def _rows_in_order(descriptors: Array, pool: Array) -> Array:
    """Return the rows of the pool in the order of their examples."""
    if pool.shape != (len(descriptors),):
        raise ValueError(f'the pool has one example for each descriptor, got {pool.shape} for '
                         f'{descriptors.shape}')
    rows = np.argsort(pool, kind='stable')
    if (np.diff(pool[rows]) == 0).any():
        raise ValueError('an example is in the pool twice')
    return rows


def _nearest(query: Array, descriptors: Array, pool: Array, rows: Array, count: int) -> Array:
    """Return the examples of those rows that are nearest, of equally near ones the first."""
    candidates = descriptors[rows]
    # Squared, and less the squared norm of the query, which orders nothing.
    distances = np.einsum('nd,nd->n', candidates, candidates) - 2.0 * (candidates @ query)
    nearest = np.argsort(distances, kind='stable')[:count]
    return np.asarray(pool[rows[nearest]], np.int64)
