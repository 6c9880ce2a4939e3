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

"""Searching as little as a wanted recall allows, measured against exact search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.index.approximate_search import RECALL_DEPTH
from vpr_ros.maps.index.approximate_search import Tuning
from vpr_ros.maps.index.kinds import Check
from vpr_ros.maps.index.kinds import efforts
from vpr_ros.maps.index.kinds import parameters
from vpr_ros.maps.index.views import Views

__all__ = ['exact_best', 'looks_again', 'tune']

_QUERIES = 512
_SEED = 2
# What a place looks like in other weather or at another hour has about this cosine with it.
_REVISIT = 0.65
_RERANKED = (20, 40, 80, 160, 320, 640, 1280)
_ROWS_AT_ONCE = 16_384
_QUERIES_AT_ONCE = 16
# Similarities of equal views differ in the last bits.
_EQUAL = 1e-5
# One-sided 95 %: a sample that just reaches the recall says little about the next one.
_SURE = 1.64


def tune(index: Any, views: Views, recall: float, check: Check) -> Tuning:
    """
    Return the least that reaches a recall at 1 and at 20, surely; all there is where nothing does.

    :param index: a FAISS index of the views, in their order.
    """
    queries = looks_again(views, _QUERIES)
    truth = exact_best(views, queries, RECALL_DEPTH, check)
    depths = [r for r in _RERANKED if r < len(views)] or [len(views)]
    for effort in efforts(index):
        check()
        _, found = index.search(queries, depths[-1], params=parameters(index, effort))
        hits = _hits(views, queries, found, truth, depths, check)
        if _surely(hits[-1], recall) or effort == efforts(index)[-1]:
            break
    best = next((n for n in range(len(depths)) if _surely(hits[n], recall)), len(depths) - 1)
    first, all_ = hits[best].mean(axis=1)
    return Tuning(effort, depths[best], float(first), float(all_), len(queries))


def _surely(hits: NDArray[np.float64], recall: float) -> bool:
    mean, spread = hits.mean(axis=1), hits.std(axis=1) / np.sqrt(hits.shape[1])
    return bool((mean - _SURE * spread >= recall).all())


def looks_again(views: Views, count: int) -> NDArray[np.float32]:
    """
    Return queries (count, D) that are no views: each looks like one as a revisit does.

    A view is moved by the difference between two others, so along directions in which the
    descriptors of this map do differ.
    """
    rng = np.random.default_rng(_SEED)
    here, one, other = (views.read(rng.integers(0, len(views), count)) for _ in range(3))
    away = one - other
    near, far = np.zeros((count, 1), np.float32), np.full((count, 1), 16.0, np.float32)
    for _ in range(24):
        step = (near + far) / 2
        moved = here + step * away
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        too_near = (moved * here).sum(axis=1, keepdims=True) > _REVISIT
        near, far = np.where(too_near, step, near), np.where(too_near, far, step)
    return np.ascontiguousarray(moved, np.float32)


def exact_best(views: Views, queries: NDArray[np.float32], depth: int,
               check: Check) -> NDArray[np.float32]:
    """Return the similarities (n, depth) of the best views of n queries, best first."""
    import faiss

    depth = min(depth, len(views))
    best = np.full((len(queries), depth), -np.inf, np.float32)
    for at in range(0, len(views), _ROWS_AT_ONCE):
        check()
        block = views.read(slice(at, at + _ROWS_AT_ONCE))
        some, _ = faiss.knn(queries, block, min(depth, len(block)),
                            metric=faiss.METRIC_INNER_PRODUCT)
        best = -np.sort(-np.concatenate([best, some], axis=1), axis=1)[:, :depth]
    return best


def _hits(views: Views, queries: NDArray[np.float32], found: NDArray[np.int64],
          truth: NDArray[np.float32], depths: list[int],
          check: Check) -> list[NDArray[np.float64]]:
    """
    Return, for each depth of re-ranking, what was found of the best and of the 20 best.

    :param found: (n, R) numbers of views as the index ranks them, -1 for none.
    :returns: arrays (2, n) of shares.
    """
    similarities = np.empty(found.shape, np.float32)
    for at in range(0, len(queries), _QUERIES_AT_ONCE):
        check()
        some = slice(at, at + _QUERIES_AT_ONCE)
        exact = views.read(found[some].ravel()).reshape(*found[some].shape, -1)
        similarities[some] = np.einsum('nrd,nd->nr', exact, queries[some], optimize=True)
    similarities[found < 0] = -np.inf
    shares = []
    for reranked in depths:
        best = similarities[:, :reranked]
        shares.append(np.stack([
            np.minimum((best >= truth[:, [k - 1]] - _EQUAL).sum(axis=1), k) / k
            for k in (1, truth.shape[1])]))
    return shares
