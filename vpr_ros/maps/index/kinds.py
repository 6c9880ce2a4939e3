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

"""The FAISS indexes that can be chosen, and how each is made."""

from __future__ import annotations

from collections.abc import Callable
import math
from pathlib import Path
from typing import Any
from typing import Literal
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.index.views import Views

__all__ = ['build_index', 'can_be_fast', 'Check', 'efforts', 'Kind', 'most_reranked',
           'parameters', 'read_index']

Kind: TypeAlias = Literal['int8', 'ivf', 'hnsw', 'pq']

# Called between steps of seconds; raises to end them.
Check: TypeAlias = Callable[[], None]

_SEED = 1
_ROWS_AT_ONCE = 8192
# k-means: enough of both, after which lists hardly become more even.
_VIEWS_PER_LIST = 40
_ITERATIONS = 10
_MOST_LISTS = 65_536
# To learn the rounding of int8 and the codes of residuals from.
_VIEWS_TO_LEARN_FROM = 65_536
# A list of neighbours of twice that on the ground floor: 128 bytes a view.
_HNSW_NEIGHBOURS = 16
_HNSW_EFFORT = 80


def build_index(kind: Kind, views: Views, check: Check) -> Any:
    """Train a FAISS index and fill it with all views, in their order."""
    rng = np.random.default_rng(_SEED)
    index = _empty(kind, views, rng, check)
    if not index.is_trained:
        index.train(_sample(views, _VIEWS_TO_LEARN_FROM, rng))
    for at in range(0, len(views), _ROWS_AT_ONCE):
        check()
        index.add(views.read(slice(at, at + _ROWS_AT_ONCE)))
    return index


def _empty(kind: Kind, views: Views, rng: np.random.Generator, check: Check) -> Any:
    import faiss

    d, inner, types = views.dimension, faiss.METRIC_INNER_PRODUCT, faiss.ScalarQuantizer
    if kind == 'int8':
        return faiss.IndexScalarQuantizer(d, types.QT_8bit, inner)
    if kind == 'hnsw':
        index = faiss.IndexHNSWSQ(d, types.QT_8bit, _HNSW_NEIGHBOURS, inner)
        index.hnsw.efConstruction = _HNSW_EFFORT
        return index
    lists = _list_count(len(views))
    middles = faiss.IndexFlatIP(d)
    middles.add(_middles(views, lists, rng, check))
    if kind == 'ivf':
        index = faiss.IndexIVFScalarQuantizer(middles, d, lists, types.QT_8bit, inner, True)
    else:
        # Four bits for two numbers: compared in registers, and learnt in seconds.
        index = faiss.IndexIVFPQFastScan(middles, d, lists, _parts(d), 4, inner)
    index.own_fields = True
    middles.this.disown()
    return index


def _list_count(views: int) -> int:
    """Return a power of two, near four times the root of the number of views."""
    wanted: int = 2 ** round(math.log2(4.0 * math.sqrt(max(views, 1))))
    return max(1, min(wanted, _MOST_LISTS, views // _VIEWS_PER_LIST))


def _parts(dimension: int) -> int:
    """Return into how many equal parts a descriptor is split, each of two numbers if it can be."""
    return max(m for m in range(1, max(dimension // 2, 1) + 1) if dimension % m == 0)


def _middles(views: Views, lists: int, rng: np.random.Generator,
             check: Check) -> NDArray[np.float32]:
    """Return the middles (lists, D) of clusters of views."""
    import faiss

    sample = _sample(views, lists * _VIEWS_PER_LIST, rng)
    middles: NDArray[np.float32] = sample[:lists]
    for _ in range(_ITERATIONS):
        check()
        once = faiss.Kmeans(views.dimension, lists, niter=1, spherical=True, seed=_SEED,
                            min_points_per_centroid=1, max_points_per_centroid=len(sample))
        once.train(sample, init_centroids=middles)
        middles = once.centroids
    return middles


def _sample(views: Views, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return descriptors of some views, in a random order."""
    rows = rng.choice(len(views), min(count, len(views)), replace=False)
    # A mapped file is read in its order.
    order = np.argsort(rows)
    sample = np.empty((len(rows), views.dimension), np.float32)
    sample[order] = views.read(rows[order])
    return sample


def efforts(index: Any) -> list[int]:
    """Return how thoroughly an index can be searched, from hardly to fully."""
    import faiss

    if isinstance(index, faiss.IndexIVF):
        most = int(index.nlist)
        return [2 ** n for n in range(most.bit_length()) if 2 ** n < most] + [most]
    if isinstance(index, faiss.IndexHNSW):
        return [2 ** n for n in range(5, 13)]
    return [1]


def most_reranked(index: Any, effort: int) -> int:
    """Return how many hits of a search may be compared exactly without more effort."""
    import faiss

    # A walk along a graph is as wide as the number of its results, if that is more.
    return effort if isinstance(index, faiss.IndexHNSW) else int(index.ntotal)


def parameters(index: Any, effort: int) -> Any:
    """Return what tells FAISS how thoroughly to search."""
    import faiss

    if isinstance(index, faiss.IndexIVF):
        return faiss.SearchParametersIVF(nprobe=effort)
    if isinstance(index, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(efSearch=effort)
    return None


def can_be_fast() -> bool:
    """Return whether this FAISS knows all that is asked of it here; those of Debian 12 do not."""
    import faiss

    return hasattr(faiss, 'IO_FLAG_MMAP_IFC')


def read_index(path: Path, kind: Kind) -> Any:
    """
    Map the file of an index, but for the compressed kind; RuntimeError for what is none.

    FAISS reads that one into memory: it is small.
    """
    import faiss

    if kind in ('ivf', 'pq'):
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    else:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    wanted = {'int8': faiss.IndexScalarQuantizer, 'ivf': faiss.IndexIVFScalarQuantizer,
              'hnsw': faiss.IndexHNSWSQ, 'pq': faiss.IndexIVFPQFastScan}[kind]
    if not isinstance(index, wanted) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise RuntimeError(f'it is {type(index).__name__}, not {wanted.__name__}')
    return index
