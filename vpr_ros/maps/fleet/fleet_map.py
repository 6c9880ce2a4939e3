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

"""A map that many robots append to and search at once, on Milvus."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
import math
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.fleet.collections import FleetFacts
from vpr_ros.maps.fleet.collections import make_collections
from vpr_ros.maps.fleet.collections import read_facts
from vpr_ros.maps.fleet.collections import sessions_of
from vpr_ros.maps.fleet.rows import FleetSession
from vpr_ros.maps.fleet.rows import place_from
from vpr_ros.maps.fleet.rows import pose_columns
from vpr_ros.maps.fleet.rows import Row
from vpr_ros.maps.fleet.rows import session_from
from vpr_ros.maps.fleet.rows import session_row
from vpr_ros.maps.fleet.rows import text_from
from vpr_ros.maps.fleet.rows import whole_from
from vpr_ros.maps.fleet.server import Server
from vpr_ros.maps.ids import LARGEST_COUNT
from vpr_ros.maps.ids import make_id
from vpr_ros.maps.ids import split_id
from vpr_ros.maps.index.place_index import Neighbours
from vpr_ros.types import Place
from vpr_ros.types import Pose

__all__ = ['FleetMap']

# Strong: what one robot was told is accepted is found by every other robot's next search. Session
# promises that to the writer alone, Bounded and Eventually after a while.
_FRESH: Mapping[str, Any] = {'consistency_level': 'Strong'}
_MOST_ROWS = 16384  # of one answer of Milvus
_BATCH_BYTES = 2 * 1024 * 1024
_LARGEST_BATCH = 1000
# What a server may make this process remember.
_MOST_SESSIONS, _MOST_CAMERAS, _MOST_PLACES = 100_000, 1000, 5_000_000


class FleetMap:
    """
    One map shared by a fleet: views of places in a collection of a Milvus server.

    It answers searches as a ``PlaceIndex`` does. Every change may be repeated: places have
    fleet-unique ids, so what is sent twice is there once. Use it in one thread, as a context
    manager, or call :meth:`close`.

    :param facts: its network, and the frame of its poses.
    """

    def __init__(self, server: Server, name: str, facts: FleetFacts) -> None:
        self.name = name
        self.facts = facts
        self._server = server
        self._sessions: dict[int, FleetSession] = {}
        self._cameras: dict[str, int] = {}
        self._views_per_place = 1

    @classmethod
    def open(cls, uri: str, name: str, *, token: str = '',  # noqa: A003
             patience_s: float = 30.0) -> FleetMap:
        """
        Open a shared map; the parameters are those of :class:`Server`.

        :param name: of the map on that server, which may hold many.
        """
        return cls._opened(Server(uri, token=token, patience_s=patience_s), name, None)

    @classmethod
    def create(cls, uri: str, name: str, facts: FleetFacts, *, token: str = '',
               patience_s: float = 30.0) -> FleetMap:
        """Open a shared map; an empty one is made where there is none of that name."""
        return cls._opened(Server(uri, token=token, patience_s=patience_s), name, facts)

    @classmethod
    def _opened(cls, server: Server, name: str, wanted: FleetFacts | None) -> FleetMap:
        try:
            facts = read_facts(server, name)  # refuses what is somebody else's
            if wanted is not None:
                make_collections(server, name, wanted)
                facts = facts or read_facts(server, name)
            if facts is None:
                raise VprError(f'{server.name} has no fleet map {name!r}: "vpr_ros fleet push" '
                               'makes one')
        except BaseException:
            server.close()
            raise
        return cls(server, name, facts)

    @property
    def title(self) -> str:
        """Return what to call it in front of people."""
        return f'the fleet map {self.name!r} at {self._server.name}'

    @property
    def cameras(self) -> tuple[str, ...]:
        """Return the names that ``Neighbours.cameras`` counts in; searches make it longer."""
        return tuple(self._cameras)

    @property
    def batch(self) -> int:
        """Return how many places one request carries: about 2 MB of one camera's views."""
        row_bytes = 4 * self.facts.network.dimension + 1024
        return max(1, min(_LARGEST_BATCH, _BATCH_BYTES // row_bytes))

    def close(self) -> None:
        """Leave the server."""
        self._server.close()

    def __enter__(self) -> FleetMap:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def sessions(self) -> list[FleetSession]:
        """Return the traverses, ordered by when they were made."""
        rows = self._pages(sessions_of(self.name), 'id_prefix', '', ['*'], most=_MOST_SESSIONS)
        with self._distrust():
            sessions = [session_from(row) for row in rows]
        self._sessions = {session.id_prefix: session for session in sessions}
        return sorted(sessions, key=lambda session: (session.created_ns, session.id_prefix))

    def session_of(self, place_id: int) -> FleetSession:
        """Return the traverse that a place belongs to."""
        prefix, _ = split_id(place_id)
        if prefix not in self._sessions:
            self.sessions()
        if prefix not in self._sessions:
            raise VprError(f'{self.title} is damaged: the session of place {place_id} is missing; '
                           'push the map that it came from again')
        return self._sessions[prefix]

    def count_views(self, session: FleetSession | None = None) -> int:
        """Return how many views there are, of all places or of those of a session."""
        rows = self._query(self.name, _in_session(session), ['count(*)'])
        with self._distrust():
            return whole_from(rows[0], 'count(*)')

    def search(self, query: NDArray[Any], k: int) -> Neighbours:
        """Find the k best places of a query (D,), L2-normalised; fewer when the map has fewer."""
        dimension = self.facts.network.dimension
        if query.shape != (dimension,):
            raise ValueError(f'a query must have shape ({dimension},), got {query.shape}')
        if not np.isfinite(query).all():
            raise ValueError('a query must be finite, got NaN or infinity')
        if not 1 <= k <= _MOST_ROWS:
            raise ValueError(f'k must be in 1..{_MOST_ROWS}, got {k}')
        while True:
            wanted = min(k * self._views_per_place, _MOST_ROWS)
            answers = self._server.call(
                'search', self.name, data=[np.asarray(query, np.float32)], limit=wanted,
                output_fields=['place_id', 'camera'], anns_field='descriptor', **_FRESH)
            with self._distrust():
                hits, = answers
                if len(hits) > wanted:
                    raise ValueError(f'{len(hits)} answers instead of {wanted}')
                best = self._best_views(hits)
            # Places that several cameras saw crowd out others: then more views are asked for.
            if len(best) >= k or len(hits) < wanted or wanted == _MOST_ROWS:
                break
            self._views_per_place *= 2
        return Neighbours(
            place_ids=np.array(list(best)[:k], np.int64),
            similarities=np.array([s for s, _ in best.values()][:k], np.float32),
            cameras=np.array([camera for _, camera in best.values()][:k], np.int64))

    def places(self, place_ids: Iterable[int]) -> list[Place]:
        """
        Return places with stamp, session, pose and views, in the order asked for.

        Those that are gone are left out: others remove places while this one searches. Thumbnails
        and local features stay in the map files.
        """
        wanted = list(place_ids)
        found: dict[int, Place] = {}
        for ids in _chunks(list(dict.fromkeys(wanted)), self.batch):
            for place_id, rows in self._views(ids, ['*']).items():
                session = self.session_of(place_id).name
                with self._distrust():
                    found[place_id] = place_from(rows, session, self.facts.network.dimension)
        return [found[place_id] for place_id in wanted if place_id in found]

    def place_ids(self, session: FleetSession | None = None, *,
                  near: tuple[float, float] | None = None,
                  radius_m: float = math.inf) -> list[int]:
        """
        Return the ids of all places, of those of a session, or around a position, in order.

        :param near: x and y in the frame of the map; places without a pose are then left out.
        """
        conditions = [_in_session(session)] if session else []
        if near is not None:
            if not all(map(math.isfinite, (*near, radius_m))) or radius_m < 0.0:
                raise ValueError(f'near and radius must be finite, got {near} and {radius_m}')
            conditions.append('posed')
            for axis, at in zip('xy', map(float, near), strict=True):
                conditions.append(f'{axis} >= {at - radius_m!r} and {axis} <= {at + radius_m!r}')
        rows = self._pages(self.name, 'place_id', ' and '.join(conditions),
                           ['place_id', 'x', 'y'], most=_MOST_PLACES)
        with self._distrust():
            return sorted({whole_from(row, 'place_id') for row in rows if near is None
                           or math.hypot(row['x'] - near[0], row['y'] - near[1]) <= radius_m})

    def remove(self, place_ids: Iterable[int]) -> int:
        """
        Remove places, and return how many of them were there.

        A map file that has them still brings them back when it is uploaded again.
        """
        count = 0
        for ids in _chunks(sorted(set(place_ids)), self.batch):
            held = self._views(ids, ['key', 'place_id'])
            if held:
                keys = [row['key'] for rows in held.values() for row in rows]
                self._server.call('delete', self.name, ids=keys)
            count += len(held)
        return count

    def update_poses(self, poses: Mapping[int, Pose | None]) -> None:
        """
        Move places, as after SLAM has optimised its trajectory; None forgets where one is.

        :param poses: T_map_base by place id; where the map lacks one, none is moved.
        """
        ids = list(poses)
        lacking = set(ids)
        for chunk in _chunks(ids, self.batch):
            lacking -= self._views(chunk, ['key', 'place_id']).keys()
        if lacking:
            raise VprError(f'{self.title} has no place {min(lacking)} to move')
        for chunk in _chunks(ids, self.batch):
            self.write([{**row, **pose_columns(poses[place_id])}
                        for place_id, rows in self._views(chunk, ['*']).items()
                        for row in rows])

    def write_session(self, session: FleetSession) -> None:
        """Announce a session, before its places come; another one with its ids is refused."""
        rows = self._query(sessions_of(self.name), f'id_prefix == {session.id_prefix}', ['*'])
        with self._distrust():
            held = [session_from(row) for row in rows]
        if held and held[0].created_ns != session.created_ns:
            raise VprError(f'session {session.name!r} has the same ids as session '
                           f'{held[0].name!r} of {self.title}, and is another one: record it '
                           'again')
        self._server.call('upsert', sessions_of(self.name), [session_row(session)])
        self._sessions[session.id_prefix] = session

    def held(self, place_ids: Sequence[int]) -> dict[str, tuple[int, str]]:
        """
        Return stamp and pose by key of the views that are there.

        :param place_ids: at most :attr:`batch`.
        """
        views = self._views(place_ids, ['key', 'place_id', 'stamp_ns', 'pose'])
        with self._distrust():
            return {row['key']: (whole_from(row, 'stamp_ns', least=-2 ** 63),
                                 text_from(row, 'pose', empty=True))
                    for rows in views.values() for row in rows}

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write views of places, each once however often it is sent; on return they are found."""
        if not rows:
            return
        answer = self._server.call('upsert', self.name, rows)
        with self._distrust():
            if answer['upsert_count'] != len(rows):
                raise ValueError(f'{answer["upsert_count"]} of {len(rows)} views were accepted')

    def _views(self, place_ids: Sequence[int], columns: list[str]) -> dict[int, list[Row]]:
        """Return the rows of the places that are there, by place."""
        wanted = set(map(int, place_ids))
        rows = self._pages(self.name, 'place_id', f'place_id in {sorted(wanted)}', columns,
                           most=_MOST_ROWS * 8)
        views: dict[int, list[Row]] = {}
        with self._distrust():
            for row in rows:
                if row['place_id'] not in wanted:
                    raise ValueError(f'place {row["place_id"]!r} was not asked for')
                text_from(row, 'key')
                views.setdefault(row['place_id'], []).append(row)
        return views

    def _pages(self, collection: str, column: str, condition: str, columns: list[str], *,
               most: int) -> list[Row]:
        """
        Return all rows that fulfil a condition, in as many answers as it takes.

        No answer has to be in order: one that is full is asked for again in two halves.
        """
        found: list[Row] = []
        ranges = [(0, 2 ** 63 - 1)]
        while ranges:
            low, high = ranges.pop()
            within = '' if high - low == 2 ** 63 - 1 else (
                f'{column} >= {low} and {column} <= {high}')
            rows = self._query(collection, ' and '.join(filter(None, (condition, within))),
                               columns)
            if len(rows) < _MOST_ROWS:
                found += rows
            else:
                with self._distrust():
                    values = sorted(whole_from(row, column) for row in rows)
                    middle = values[len(values) // 2]
                    if not low <= values[0] <= middle < high:
                        raise ValueError(f'{len(rows)} rows with {column} {middle}')
                ranges += [(low, middle), (middle + 1, high)]
            if len(found) + _MOST_ROWS * len(ranges) > most + 64 * _MOST_ROWS:
                raise VprError(f'{self.title} has more than {most} rows of that kind: ask for '
                               'fewer sessions or a smaller part')
        return found

    def _query(self, collection: str, condition: str, columns: list[str]) -> list[Row]:
        rows = self._server.call('query', collection, filter=condition, output_fields=columns,
                                 **({} if 'count(*)' in columns else {'limit': _MOST_ROWS}),
                                 **_FRESH)
        with self._distrust():
            if len(rows) > _MOST_ROWS:
                raise ValueError(f'{len(rows)} rows instead of {_MOST_ROWS}')
            return [dict(row) for row in rows]

    def _best_views(self, hits: Iterable[Any]) -> dict[int, tuple[float, int]]:
        """Return similarity and camera of the best view of each place, best first."""
        best: dict[int, tuple[float, int]] = {}
        for hit in hits:
            similarity, row = float(hit['distance']), hit['entity']
            if not abs(similarity) <= 1.01:
                raise ValueError(f'a similarity of {similarity}')
            camera = self._cameras.setdefault(text_from(row, 'camera'), len(self._cameras))
            if len(self._cameras) > _MOST_CAMERAS:
                raise ValueError(f'more than {_MOST_CAMERAS} cameras')
            best.setdefault(whole_from(row, 'place_id'), (similarity, camera))
        return dict(sorted(best.items(), key=lambda item: -item[1][0]))

    @contextmanager
    def _distrust(self) -> Iterator[None]:
        """Read an answer of a server, which may hold anything."""
        try:
            yield
        except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError,
                ValueError) as error:
            raise VprError(f'{self.title} gave an answer that cannot be: {error!r:.300}; does '
                           'another program write to it?') from error


def _in_session(session: FleetSession | None) -> str:
    if session is None:
        return ''
    first, last = make_id(session.id_prefix, 0), make_id(session.id_prefix, LARGEST_COUNT)
    return f'place_id >= {first} and place_id <= {last}'


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(items), size):
        yield items[start:start + size]
