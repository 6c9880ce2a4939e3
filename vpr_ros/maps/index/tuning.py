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
from vpr_ros.maps.index.kinds import most_reranked
from vpr_ros.maps.index.kinds import parameters
from vpr_ros.maps.index.views import Views

__all__ = ['exact_best', 'looks_again', 'tune']

_QUERIES = 512
_SEED = 2
# What a place looks like in other weather or at another hour has such a cosine with it.
_REVISIT = 0.5, 0.8
_RERANKED = (20, 40, 80, 160, 320, 640, 1280)
_ROWS_AT_ONCE = 16_384
# Similarities of equal views differ in the last bits; a robot that stood still made several.
_EQUAL = 1e-5
_EQUALS = 60
# One-sided 95 %: a sample that just reaches the recall says little about the next one.
_SURE = 1.64


def tune(index: Any, views: Views, recall: float, check: Check) -> Tuning:
    """
    Return the least that reaches a recall at 1 and at 20, surely; all there is where nothing does.

    :param index: a FAISS index of the views, in their order.
    """
    queries = looks_again(views, _QUERIES)
    similarities, best = exact_best(views, queries, _EQUALS + RECALL_DEPTH, check)
    for effort in efforts(index):
        check()
        most = min(most_reranked(index, effort), len(views))
        depths = [r for r in _RERANKED if r <= most] or [len(views)]
        _, found = index.search(queries, depths[-1], params=parameters(index, effort))
        hits = _hits(found, similarities, best, depths)
        if _surely(hits[-1], recall) or effort == efforts(index)[-1]:
            break
    least = next((n for n in range(len(depths)) if _surely(hits[n], recall)), len(depths) - 1)
    first, all_ = hits[least].mean(axis=1)
    return Tuning(effort, depths[least], float(first), float(all_), len(queries))


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
    wanted = np.linspace(*_REVISIT, count, dtype=np.float32)[:, None]
    near, far = np.zeros((count, 1), np.float32), np.full((count, 1), 16.0, np.float32)
    for _ in range(24):
        step = (near + far) / 2
        moved = here + step * away
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        too_near = (moved * here).sum(axis=1, keepdims=True) > wanted
        near, far = np.where(too_near, step, near), np.where(too_near, far, step)
    return np.ascontiguousarray(moved, np.float32)


def exact_best(views: Views, queries: NDArray[np.float32], depth: int,
               check: Check) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return similarities and numbers (n, depth) of the best views of n queries, best first."""
    import faiss

    depth = min(depth, len(views))
    best = np.full((len(queries), depth), -np.inf, np.float32)
    numbers = np.full((len(queries), depth), -1, np.int64)
    for at in range(0, len(views), _ROWS_AT_ONCE):
        check()
        block = views.read(slice(at, at + _ROWS_AT_ONCE))
        some, rows = faiss.knn(queries, block, min(depth, len(block)),
                               metric=faiss.METRIC_INNER_PRODUCT)
        both = np.concatenate([best, some], axis=1)
        order = np.argsort(-both, axis=1, kind='stable')[:, :depth]
        best = np.take_along_axis(both, order, axis=1)
        numbers = np.take_along_axis(np.concatenate([numbers, at + rows], axis=1), order, axis=1)
    return best, numbers


def _hits(found: NDArray[np.int64], similarities: NDArray[np.float32],
          best: NDArray[np.int64], depths: list[int]) -> list[NDArray[np.float64]]:
    """
    Return, for each depth of re-ranking, what was found of the best and of the 20 best.

    :param found: (n, R) numbers of views as the index ranks them, -1 for none.
    :param best: (n, T) numbers of the best views, with their similarities.
    :returns: arrays (2, n) of shares.
    """
    shares = []
    for k in (1, min(RECALL_DEPTH, best.shape[1])):
        # Where several views look the same, any of them will do.
        right = [np.isin(of_query, answers[near >= near[k - 1] - _EQUAL]) for
                 of_query, answers, near in zip(found, best, similarities, strict=True)]
        counts = np.cumsum(right, axis=1)[:, np.array(depths) - 1]
        shares.append(np.minimum(counts, k) / k)
    return list(np.stack(shares).transpose(2, 0, 1))
