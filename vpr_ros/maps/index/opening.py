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

"""Opening a map to search it: what is kept of it is used, what is not is made meanwhile."""

from __future__ import annotations

from collections.abc import Callable
import logging
import os
from pathlib import Path
import time

import numpy as np
from vpr_ros.errors import VprError
from vpr_ros.maps.index.approximate_search import ApproximateSearch
from vpr_ros.maps.index.approximate_search import Tuning
from vpr_ros.maps.index.cache_folder import CacheFolder
from vpr_ros.maps.index.descriptor_cache import DescriptorCache
from vpr_ros.maps.index.descriptor_cache import same_views
from vpr_ros.maps.index.exact_search import ExactSearch
from vpr_ros.maps.index.exact_search import TorchSearch
from vpr_ros.maps.index.index_cache import read_search
from vpr_ros.maps.index.index_cache import write_search
from vpr_ros.maps.index.kinds import build_index
from vpr_ros.maps.index.kinds import can_be_fast
from vpr_ros.maps.index.kinds import Check
from vpr_ros.maps.index.kinds import Kind
from vpr_ros.maps.index.live_index import LiveIndex
from vpr_ros.maps.index.live_index import LONGEST_TAIL
from vpr_ros.maps.index.tuning import tune
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.index.views import ViewSearch
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['gpu_for', 'make_search', 'open_index']

_LOG = logging.getLogger(__name__)
# Fewer views are too few to learn a compression from.
_FEWEST = 1000
# Descriptors may take this share of the free memory of a GPU: networks run there too.
_GPU_SHARE = 0.5
_BY_NAME: dict[str, tuple[Kind, ...]] = {
    'int8': ('int8',), 'ivf': ('ivf',), 'hnsw': ('hnsw',), 'pq': ('pq',),
    # In the order of what they cost; the next one where a recall is not reached.
    'auto': ('pq', 'ivf')}


def open_index(path: Path, settings: IndexSettings) -> tuple[Snapshot, LiveIndex]:
    """
    Read a map, and return an index of it that answers at once.

    A small map is held in memory and searched exactly. The descriptors of a large one are mapped,
    and its index is read from the user's cache; where that has none, one is made in a thread, and
    until then an index of an earlier state, or exact search, answers.
    """
    cache = DescriptorCache(_mapped_from(settings))
    with PlaceMap.open(path) as place_map:
        snapshot = place_map.snapshot(cache)
    views = cache.views or Views.of(snapshot)
    device = gpu_for(views, settings)
    if cache.views is None or device or settings.kind == 'fp16':
        search = TorchSearch(views, device) if device else ExactSearch(views)
        if device:
            return snapshot, LiveIndex(views, search, lambda more, _: TorchSearch(more, device))
        return snapshot, LiveIndex(views, search, _maker(settings, None, ''))
    build = _maker(settings, cache.folder, cache.state)
    folder = None if cache.folder is None else cache.folder.of(cache.state)
    kept = None if folder is None else read_search(folder, settings, views)
    if kept is not None:
        _tell(kept, views)
        return snapshot, LiveIndex(views, kept, build)
    index = _earlier(cache, views, settings, build) or LiveIndex(views, ExactSearch(views), build)
    index.rebuild(views)
    return snapshot, index


def _mapped_from(settings: IndexSettings) -> int:
    """Return from how many views on the descriptors of a map are mapped."""
    if settings.kind == 'exact':
        return np.iinfo(np.int64).max
    return max(settings.exact_views + 1 if settings.kind == 'auto' else 0, _FEWEST)


def gpu_for(views: Views, settings: IndexSettings) -> str:
    """Return the GPU that searches these views, as PyTorch names it; '' for none."""
    wanted = settings.device
    if wanted == 'cpu' or settings.kind not in ('auto', 'exact'):
        return ''
    if wanted == 'auto' and len(views) <= settings.exact_views:
        return ''
    import torch

    if not torch.cuda.is_available():
        if wanted == 'auto':
            return ''
        raise VprError(f'index.device is {wanted!r}, and PyTorch finds no such GPU: set it to '
                       '"cpu" or "auto"')
    name = 'cuda' if wanted == 'auto' else wanted
    try:
        free, _ = torch.cuda.mem_get_info(torch.device(name))
    except (RuntimeError, ValueError) as error:
        raise VprError(f'index.device is {wanted!r}, which cannot be used: {error}') from error
    needed = 2 * len(views) * views.dimension
    if needed <= _GPU_SHARE * free:
        return name
    if wanted == 'auto':
        return ''
    raise VprError(f'{len(views)} descriptors take {needed >> 20} MiB, and {name} has '
                   f'{free >> 20} MiB free, half of it for them: set index.device to "cpu"')


def _earlier(cache: DescriptorCache, views: Views, settings: IndexSettings,
             build: Callable[[Views, Check], ViewSearch]) -> LiveIndex | None:
    """Return an index of an earlier state, brought to this one."""
    if cache.before is None:
        return None
    old, folder = cache.before
    search = read_search(folder, settings, old)
    if search is None:
        return None
    same = same_views(old, views.place_ids, views.cameras)
    new = np.flatnonzero(same < 0)
    if len(new) > LONGEST_TAIL:
        return None
    index = LiveIndex(old, search, build)
    stay = np.zeros(len(old), np.bool_)
    stay[same[same >= 0]] = True
    index.remove_views(~stay)
    index.add(views.place_ids[new], views.cameras[new], views.read(new))
    return index


def _maker(settings: IndexSettings, folder: CacheFolder | None,
           state: str) -> Callable[[Views, Check], ViewSearch]:
    """Return what makes an index in a thread, and keeps that of the map as it was opened."""
    def make(views: Views, check: Check) -> ViewSearch:
        import faiss

        faiss.omp_set_num_threads(settings.threads or max((os.cpu_count() or 1) - 1, 1))
        kept = folder if folder is not None and views.file is not None else None
        search = make_search(views, settings, check, None if kept is None else kept.of(state))
        if kept is not None:
            kept.forget(kept.others(state))
        return search

    return make


def make_search(views: Views, settings: IndexSettings, check: Check,
                folder: Path | None = None) -> ViewSearch:
    """
    Make what the settings ask for, and keep it in a folder, if one is given.

    Where "auto" does not reach the recall with one kind it takes the next, at last exact search.
    """
    kinds = _BY_NAME.get(settings.kind, ())
    if len(views) < _FEWEST or (settings.kind == 'auto' and len(views) <= settings.exact_views):
        kinds = ()
    if kinds and not can_be_fast():
        _LOG.warning('the FAISS that is installed can only search exactly here: install faiss-cpu '
                     '1.11 or newer')
        kinds = ()
    for kind in kinds:
        began = time.monotonic()
        index = build_index(kind, views, check)
        tuning = tune(index, views, settings.recall, check)
        _LOG.info('%s of %d views made in %.0f s', kind, len(views), time.monotonic() - began)
        if min(tuning.recall_1, tuning.recall_20) < settings.recall:
            _LOG.warning('%s finds the best view of %.1f %% of queries and %.1f %% of the 20 best '
                         'at most; index.recall is %g', kind, 100 * tuning.recall_1,
                         100 * tuning.recall_20, settings.recall)
            if settings.kind == 'auto':
                continue
        search = ApproximateSearch(index, views, tuning)
        if folder is not None:
            search = _kept(folder, settings, kind, search, views)
        _tell(search, views)
        return search
    return ExactSearch(views)


def _kept(folder: Path, settings: IndexSettings, kind: Kind, search: ApproximateSearch,
          views: Views) -> ApproximateSearch:
    """Write an index to the cache and return it as it is mapped from there, to free memory."""
    try:
        write_search(folder, settings, kind, search.index, search.tuning)
    except (OSError, RuntimeError) as error:
        _LOG.warning('the index of the map is not kept: %s', error)
        return search
    return read_search(folder, settings, views) or search


def _tell(search: ApproximateSearch, views: Views) -> None:
    tuning: Tuning = search.tuning
    _LOG.info('searching %d views by %s: recall@1 %.3f, recall@20 %.3f (measured with %d '
              'queries; effort %d, %d compared exactly)', len(views), type(search.index).__name__,
              tuning.recall_1, tuning.recall_20, tuning.queries, tuning.effort, tuning.reranked)
