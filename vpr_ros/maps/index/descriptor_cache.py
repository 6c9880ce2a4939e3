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

"""The descriptors of a large map in a mapped file, so that opening it does not read them."""

from __future__ import annotations

from collections.abc import Iterator
import io
import logging
from pathlib import Path
import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.ids import LARGEST_COUNT
from vpr_ros.maps.index.cache_folder import CacheFolder
from vpr_ros.maps.index.cache_folder import Facts
from vpr_ros.maps.index.cache_folder import is_ours
from vpr_ros.maps.index.cache_folder import read_facts
from vpr_ros.maps.index.cache_folder import write_facts
from vpr_ros.maps.index.cache_folder import write_whole
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.reading import in_memory
from vpr_ros.maps.reading import StoredViews

__all__ = ['DescriptorCache', 'same_views']

_LOG = logging.getLogger(__name__)
_VERSION = 1
_FACTS = 'descriptors.json'
_ROWS_AT_ONCE = 8192
# So many are compared with the map's, before a file is taken for its descriptors.
_COMPARED = 256
_ROUNDING = 2e-3
# An index of another state goes on serving while its map changed by less than this share.
_LITTLE = 0.2


class _DescriptorFacts(Facts):
    """
    What lies beside it.

    :param file: V x D float16 little endian, behind the header of a FAISS index of that type.
    :param keys: place ids and cameras, each V int64 little endian.
    """

    map_id: str
    state: str
    cameras: tuple[str, ...]
    views: int
    dimension: int
    header: int
    file: str  # noqa: A003
    keys: str


class DescriptorCache:
    """
    Keeps the descriptors of a map, as :meth:`PlaceMap.snapshot` asks for.

    Descriptors of a small map stay in memory as float32. Those of a large one are mapped: its own
    file if there is one, else one that is written now, which takes from the file of an earlier
    state what has not changed.

    :param at_least: how many views make a map large.
    :ivar views: of a large map, after it was read.
    :ivar before: views of an earlier state and its folder, when they are nearly the same.
    """

    def __init__(self, at_least: int) -> None:
        self.views: Views | None = None
        self.before: tuple[Views, Path] | None = None
        self.folder: CacheFolder | None = None
        self.state = ''
        self._at_least = at_least

    def __call__(self, stored: StoredViews) -> NDArray[Any]:
        """Return (V, D), float32 in memory or mapped float16."""
        if stored.shape[0] < self._at_least:
            return in_memory(stored)
        self.folder, self.state = CacheFolder(stored.map_id), stored.state
        self.views = self._kept(stored) or self._written(stored)
        return self.views.descriptors

    def _kept(self, stored: StoredViews) -> Views | None:
        assert self.folder is not None
        views = _open(self.folder.of(stored.state), stored)
        if views is None or len(views) != stored.shape[0]:
            return None
        same = same_views(views, stored.place_ids, stored.cameras)
        return views if (same >= 0).all() and _agree(views, stored, same) else None

    def _written(self, stored: StoredViews) -> Views:
        assert self.folder is not None
        try:
            views = self._of_earlier_state(stored) or self._write(stored, stored.descriptors())
            if views is not None:
                return views
            _LOG.warning('%s cannot be used as a cache: others than this user can write there',
                         self.folder.of(stored.state))
        except OSError as error:
            _LOG.warning('no cache of the map: %s', error)
        self.folder = self.before = None
        rows = np.concatenate([block.astype(np.float16) for block in stored.descriptors()])
        return Views(stored.place_ids, stored.cameras, rows)

    def _of_earlier_state(self, stored: StoredViews) -> Views | None:
        """Return views made of the newest state that little has changed since, if there is one."""
        assert self.folder is not None
        for folder in self.folder.others(stored.state):
            views = _open(folder, stored)
            if views is None:
                continue
            same = same_views(views, stored.place_ids, stored.cameras)
            changes = len(same) + len(views) - 2 * (same >= 0).sum()
            if changes > _LITTLE * len(views) or not _agree(views, stored, same):
                continue
            if changes == 0:  # places moved; what they look like is the same
                return _open(self.folder.rename(folder, stored.state), stored)
            self.before = views, folder
            return self._write(stored, _changed(stored, views, same))
        return None

    def _write(self, stored: StoredViews, blocks: Iterator[NDArray[Any]]) -> Views | None:
        assert self.folder is not None
        folder = _write(self.folder, stored, blocks)
        # Nobody needs what is not the newest of those that can go on serving.
        serving = None if self.before is None else self.before[1]
        self.folder.forget(other for other in self.folder.others(stored.state)
                           if other != serving)
        return _open(folder, stored)


def _changed(stored: StoredViews, old: Views,
             same: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
    """Yield all descriptors in order, from an earlier file where they are in it."""
    for at in range(0, len(same), _ROWS_AT_ONCE):
        rows = np.arange(at, min(at + _ROWS_AT_ONCE, len(same)))
        known = same[rows] >= 0
        block = np.empty((len(rows), stored.shape[1]), np.float16)
        block[known] = old.descriptors[same[rows][known]]
        if not known.all():
            block[~known] = stored.some(rows[~known])
        yield block


def same_views(old: Views, place_ids: NDArray[np.int64],
               cameras: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each of n views by place and camera, its number in old views, or -1."""
    ids = np.concatenate([old.place_ids, place_ids])
    seen_by = np.concatenate([old.cameras, cameras])
    # The sort is stable: of two alike the old one stands first.
    order = np.lexsort((seen_by, ids))
    here, there = order[:-1], order[1:]
    alike = (ids[here] == ids[there]) & (seen_by[here] == seen_by[there])
    same = np.full(len(place_ids), -1, np.int64)
    same[there[alike] - len(old)] = here[alike]
    return same


def _agree(views: Views, stored: StoredViews, same: NDArray[np.int64]) -> bool:
    """
    Return whether a file holds what the map holds, from a sample.

    Two copies of a map may go on apart and give the same ids. Ids are given in order, so then the
    last place that both have of some session is not the same.
    """
    rows = np.flatnonzero(same >= 0)
    if not len(rows):
        return False
    sessions = stored.place_ids[rows] // (LARGEST_COUNT + 1)
    last = np.flatnonzero(np.append(sessions[1:] != sessions[:-1], True))
    spread = np.linspace(0, len(rows) - 1, min(_COMPARED, len(rows))).round().astype(np.int64)
    rows = rows[np.union1d(last, spread)]
    apart = np.abs(stored.some(rows) - views.read(same[rows])).max()
    return bool(apart <= _ROUNDING)  # NaN is not


def _open(folder: Path, stored: StoredViews) -> Views | None:
    """Return the views of a folder, or None where it is not whole or of another map."""
    facts = read_facts(folder / _FACTS, _DescriptorFacts, _VERSION)
    if facts is None or facts.map_id != stored.map_id:
        return None
    if facts.dimension != stored.shape[1] or not 0 < facts.views or (
            facts.cameras != stored.camera_names[:len(facts.cameras)]):
        return None
    data, keys = folder / Path(facts.file).name, folder / Path(facts.keys).name
    if not is_ours(data, facts.header + 2 * facts.views * facts.dimension) or (
            not is_ours(keys, 16 * facts.views)):
        return None
    try:
        place_ids, cameras = np.fromfile(keys, '<i8').reshape(2, facts.views)
        descriptors = np.memmap(data, '<f2', 'r', offset=facts.header,
                                shape=(facts.views, facts.dimension))
    except (OSError, ValueError):
        return None
    return Views(place_ids, cameras, descriptors, data)


def _write(folder: CacheFolder, stored: StoredViews,
           blocks: Iterator[NDArray[Any]]) -> Path:
    """Write descriptors and keys under new names, then the facts that name them."""
    here, token, header = folder.make(stored.state), secrets.token_hex(4), _header(*stored.shape)
    data, keys = here / f'descriptors-{token}.faiss', here / f'keys-{token}'

    def write(file: io.BufferedWriter | Any) -> None:
        file.write(header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, '<f2').data)

    write_whole(data, write)
    write_whole(keys, lambda file: file.write(
        np.stack([stored.place_ids, stored.cameras]).astype('<i8').tobytes()))
    write_facts(here / _FACTS, _DescriptorFacts(
        version=_VERSION, map_id=stored.map_id, state=stored.state, cameras=stored.camera_names,
        views=stored.shape[0], dimension=stored.shape[1], header=len(header), file=data.name,
        keys=keys.name))
    return here


def _header(views: int, dimension: int) -> bytes:
    """Return what FAISS writes before the descriptors of an index of float16."""
    import faiss

    index = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.ntotal = views
    empty: bytes = faiss.serialize_index(index).tobytes()
    # At its end stands how many bytes of descriptors follow: none.
    return empty[:-8] + (2 * views * dimension).to_bytes(8, 'little')
