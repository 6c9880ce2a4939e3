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

"""A searchable map that changes, and whose fast index is made meanwhile."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import logging
from threading import Event
from threading import Lock
from threading import Thread
from typing import Any
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.index.best_places import best_places
from vpr_ros.maps.index.best_places import checked_query
from vpr_ros.maps.index.best_places import most_views
from vpr_ros.maps.index.kinds import Check
from vpr_ros.maps.index.place_index import Neighbours
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.index.views import ViewSearch

__all__ = ['Build', 'LiveIndex', 'LONGEST_TAIL']

_LOG = logging.getLogger(__name__)
# A longer tail slows every search; places that are gone cost more than they are worth beyond this.
LONGEST_TAIL = 50_000
_MOST_GONE = 0.5

# Makes what searches some views; calls the check between steps of seconds, which ends it.
Build: TypeAlias = Callable[[Views, Check], ViewSearch]


class _ClosedError(Exception):
    """The index was closed while it was being built."""


@dataclass(frozen=True, eq=False)
class _Content:
    """
    What is searched; replaced as a whole, so that a search sees one state.

    :param gone: (V,) whether a view's place was removed.
    :param tail: views since then, compared one by one.
    :param added: (T,) how many views had ever been added when each of the tail was.
    """

    views: Views
    search: ViewSearch
    gone: NDArray[np.bool_]
    tail: Views
    added: NDArray[np.int64]
    most_views: int


class LiveIndex:
    """
    A :class:`~vpr_ros.maps.index.place_index.PlaceIndex` that follows the changes of its map.

    What was added is found by the next search and what was removed is not, whatever the kind of
    index: new views stand in a tail that is searched exactly, views of removed places are passed
    over. A new index is made in a thread, when the tail is long or when that is asked for. If it
    cannot be made, that is logged and searching goes on as before. All methods may be called from
    any thread. Use as a context manager, or call :meth:`close`.

    :param views: what ``search`` searches.
    :param build: makes an index of all there is.
    """

    def __init__(self, views: Views, search: ViewSearch, build: Build) -> None:
        nothing = np.zeros(0, np.int64)
        tail = Views(nothing, nothing, np.zeros((0, views.dimension), np.float32))
        self._content = _Content(views, search, np.zeros(len(views), np.bool_), tail, nothing,
                                 most_views(views.place_ids))
        self._build = build
        self._lock = Lock()
        self._closed = Event()
        self._thread: Thread | None = None
        self._count = 0
        self._removed_while_building: list[NDArray[np.int64]] = []
        self._room = tail

    def __enter__(self) -> LiveIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of views that can be found."""
        now = self._content
        return int((~now.gone).sum()) + len(now.tail)

    @property
    def serving(self) -> ViewSearch:
        """Return what searches all but the tail."""
        return self._content.search

    def search(self, query: NDArray[Any], k: int) -> Neighbours:
        """Find the k best places of a query (D,), L2-normalised; fewer when the map has fewer."""
        now = self._content
        asked = checked_query(query, k, now.views.dimension)
        near = now.tail.descriptors @ asked
        depth = k * now.most_views
        while True:
            similarities, found = now.search.search(asked, depth)
            there = ~now.gone[found]
            kept = found[there]
            ids, cameras = now.views.place_ids[kept], now.views.cameras[kept]
            # All that is as good as the k best of these places is among them and in the tail.
            if len(found) < depth or len(np.unique(ids)) >= k:
                break
            depth *= 4
        if not len(near):
            return best_places(ids, cameras, similarities[there], k)
        merged = np.concatenate([similarities[there], near])
        order = np.argsort(-merged, kind='stable')
        return best_places(np.concatenate([ids, now.tail.place_ids])[order],
                           np.concatenate([cameras, now.tail.cameras])[order], merged[order], k)

    def add(self, place_ids: NDArray[np.int64], cameras: NDArray[np.int64],
            descriptors: NDArray[np.float32]) -> None:
        """
        Add n views.

        :param place_ids: (n,).
        :param cameras: (n,) which camera of the map.
        :param descriptors: (n, D), L2-normalised.
        """
        with self._lock:
            now = self._content
            if descriptors.shape != (len(place_ids), now.views.dimension) or (
                    len(cameras) != len(place_ids)):
                raise ValueError(
                    f'expected {len(place_ids)} places, cameras and descriptors of '
                    f'{now.views.dimension} dimensions, got {len(cameras)} cameras and '
                    f'descriptors {descriptors.shape}')
            if not np.isfinite(descriptors).all():
                raise ValueError('descriptors must be finite, got NaN or infinity')
            numbers = np.arange(self._count, self._count + len(place_ids))
            self._count += len(place_ids)
            tail = self._longer(now.tail, Views(place_ids, cameras, descriptors))
            most = max(now.most_views, most_views(place_ids))
            self._content = replace(now, tail=tail, most_views=most,
                                    added=np.append(now.added, numbers))
            self._build_when_due()

    def remove(self, place_ids: Sequence[int] | NDArray[np.int64]) -> None:
        """Find these places no more; ids that are not there are passed over."""
        ids = np.asarray(place_ids, np.int64)
        with self._lock:
            now = self._content
            stay = ~np.isin(now.tail.place_ids, ids)
            self._content = replace(
                now, gone=now.gone | np.isin(now.views.place_ids, ids),
                tail=_chosen(now.tail, stay), added=now.added[stay])
            if self._thread is not None:
                self._removed_while_building.append(ids)
            self._build_when_due()

    def remove_views(self, gone: NDArray[np.bool_]) -> None:
        """
        Find some of the views that the index began with no more.

        :param gone: (V,).
        """
        with self._lock:
            now = self._content
            self._content = replace(now, gone=now.gone | gone)

    def rebuild(self, views: Views | None = None) -> None:
        """
        Make a new index in a thread, and search with it once it is there.

        :param views: of all places, where they are at hand in one piece; gathered otherwise.
        """
        with self._lock:
            self._begin(views)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the index that is being made, and return whether none is by then."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return thread is None or not thread.is_alive()

    def close(self) -> None:
        """End the thread, at its next step."""
        self._closed.set()
        self.wait()

    def _longer(self, tail: Views, more: Views) -> Views:
        """Return the tail with more behind it; most times nothing of it is copied."""
        count = len(tail) + len(more)
        if tail.descriptors.base is not self._room.descriptors or count > len(self._room):
            shape = 2 * count
            self._room = Views(np.empty(shape, np.int64), np.empty(shape, np.int64),
                               np.empty((shape, more.dimension), np.float32))
            _put(self._room, 0, tail)
        # Behind the end of what a search that is under way looks at.
        _put(self._room, len(tail), more)
        return Views(self._room.place_ids[:count], self._room.cameras[:count],
                     self._room.descriptors[:count])

    def _build_when_due(self) -> None:
        now = self._content
        if len(now.tail) > LONGEST_TAIL or now.gone.sum() > _MOST_GONE * max(len(now.gone), 1):
            self._begin(None)

    def _begin(self, views: Views | None) -> None:
        """Start the thread; the lock is held."""
        if self._thread is not None or self._closed.is_set():
            return
        now = self._content
        self._removed_while_building = []
        self._thread = Thread(target=self._make, args=(views, now, self._count),
                              name='index of a map', daemon=True)
        # It must not be within FAISS when the interpreter ends.
        atexit.register(self.close)
        self._thread.start()

    def _make(self, views: Views | None, content: _Content, count: int) -> None:
        search = None
        try:
            if views is None:
                views = _joined([_chosen(content.views, ~content.gone), content.tail],
                                content.views.descriptors.dtype)
            search = self._build(views, self._check)
        except _ClosedError:
            pass
        except Exception:
            _LOG.exception('no new index of the map: searching goes on without')
        atexit.unregister(self.close)
        with self._lock:
            self._thread = None
            if views is not None and search is not None:
                self._take(views, search, count)

    def _take(self, views: Views, search: ViewSearch, count: int) -> None:
        """Search with a new index of what was there after ``count`` views were added."""
        now = self._content
        gone = np.zeros(len(views), np.bool_)
        for ids in self._removed_while_building:
            gone |= np.isin(views.place_ids, ids)
        new = now.added >= count
        most = max(now.most_views, most_views(views.place_ids))
        self._content = _Content(views, search, gone, _chosen(now.tail, new), now.added[new],
                                 most)

    def _check(self) -> None:
        if self._closed.is_set():
            raise _ClosedError


def _chosen(views: Views, rows: NDArray[np.bool_]) -> Views:
    if rows.all():
        return views
    return Views(views.place_ids[rows], views.cameras[rows], views.descriptors[rows])


def _put(room: Views, at: int, views: Views) -> None:
    rows = slice(at, at + len(views))
    room.place_ids[rows], room.cameras[rows] = views.place_ids, views.cameras
    room.descriptors[rows] = views.descriptors


def _joined(parts: list[Views], kind: Any) -> Views:
    return Views(np.concatenate([part.place_ids for part in parts]),
                 np.concatenate([part.cameras for part in parts]),
                 np.concatenate([np.asarray(part.descriptors, kind) for part in parts]))
