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

"""A map of places in one file."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import secrets
import sqlite3
import time
from types import TracebackType
from typing import Literal
import uuid

import numpy as np
from numpy.typing import NDArray
from vpr_ros import __version__
from vpr_ros.errors import VprError
from vpr_ros.maps import database
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.types import Pose
from vpr_ros.types import View

__all__ = ['NewPlace', 'PlaceMap', 'SessionInfo']

# A place id is 40 random bits of its session and a 23-bit counter: positive int64, unique over a
# fleet (100,000 sessions collide with probability 0.5 %, which adding a session then notices).
_COUNTER_BITS = 23
_PREFIX_BITS = 40
# A map that asks for more than this is not honest.
_LARGEST_DIMENSION = 1_000_000


@dataclass(frozen=True)
class NewPlace:
    """A place about to enter a map, which gives it an id."""

    stamp_ns: int
    views: tuple[View, ...]
    T_map_base: Pose | None = None


@dataclass(frozen=True)
class SessionInfo:
    """
    One traverse of a map.

    :param posed: how many of its places have a pose.
    """

    name: str
    source: str
    places: int
    posed: int
    first_ns: int | None
    last_ns: int | None


class PlaceMap:
    """
    Places, what they look like and where they are, in one SQLite file (``.vprmap``).

    The map names the network that described it. Every change is one transaction and raises the
    revision. Use as a context manager, or call :meth:`close`.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writeable: bool) -> None:
        self.path = path
        self._connection = connection
        self._writeable = writeable
        try:
            facts = dict(connection.execute('SELECT key, value FROM map').fetchall())
            self.id = str(facts['uuid'])
            self.network = NetworkIdentity.from_json(str(facts['network']))
            self.created_ns = int(facts['created_ns'])
            self.software = str(facts['software'])
            self.descriptor_type = str(facts['descriptor_type'])
            int(facts['revision'])
            if self.descriptor_type not in ('float16', 'float32'):
                raise ValueError(f'descriptor type {self.descriptor_type!r}')
            dimension: object = self.network.dimension
            if type(dimension) is not int or not 0 < dimension <= _LARGEST_DIMENSION:
                raise ValueError(f'descriptors of {dimension!r} dimensions')
        # Deeply nested JSON is a RecursionError.
        except (KeyError, TypeError, ValueError, RecursionError, sqlite3.Error) as error:
            raise VprError(f'{path} is damaged: its description cannot be read '
                           f'({error})') from error

    @classmethod
    def create(cls, path: Path, network: NetworkIdentity, *,
               descriptor_type: Literal['float16', 'float32'] = 'float16') -> PlaceMap:
        """Make an empty map for descriptors of a network; an existing path is refused."""
        if descriptor_type not in ('float16', 'float32'):
            raise ValueError('descriptor_type must be float16 or float32, got '
                             f'{descriptor_type!r}')
        connection = database.create(path, {
            'uuid': str(uuid.uuid4()), 'network': network.to_json(),
            'created_ns': time.time_ns(), 'software': f'vpr_ros {__version__}',
            'descriptor_type': descriptor_type, 'revision': 0})
        return cls(path, connection, writeable=True)

    @classmethod
    def open(cls, path: Path, *, writeable: bool = False) -> PlaceMap:  # noqa: A003
        """Open a map, to read unless asked otherwise."""
        connection = database.connect(path, writeable=writeable)
        try:
            return cls(path, connection, writeable=writeable)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the file; nothing that was added is lost without it."""
        database.close(self._connection, writeable=self._writeable)

    def __enter__(self) -> PlaceMap:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        with self._reading():
            count: int = self._connection.execute('SELECT count(*) FROM place').fetchone()[0]
        return count

    @property
    def revision(self) -> int:
        """Return the number of changes made to this map."""
        with self._reading():
            value, = self._connection.execute(
                "SELECT value FROM map WHERE key = 'revision'").fetchone()
            return int(value)

    def sessions(self) -> list[SessionInfo]:
        """Return the traverses in the order they were added."""
        with self._reading():
            rows = self._connection.execute(
                'SELECT s.name, s.source, count(p.id), count(p.pose), min(p.stamp_ns), '
                'max(p.stamp_ns) '
                'FROM session s LEFT JOIN place p ON p.session = s.number '
                'GROUP BY s.number ORDER BY s.number')
            return [SessionInfo(*row) for row in rows]

    def cameras(self) -> list[str]:
        """Return the names of the cameras that saw places."""
        with self._reading():
            return [name for name, in self._connection.execute(
                'SELECT name FROM camera ORDER BY number')]

    def add_session(self, name: str, *, source: str) -> None:
        """Begin a traverse; its name must be new to the map."""
        if not name:
            raise VprError('a session needs a name')
        with self._change():
            if self._connection.execute(
                    'SELECT 1 FROM session WHERE name = ?', (name,)).fetchone():
                raise VprError(f'{self.path} has a session {name!r} already: give this one '
                               'another name')
            self._connection.execute(
                'INSERT INTO session (name, source, id_prefix, created_ns) VALUES (?, ?, ?, ?)',
                (name, source, secrets.randbits(_PREFIX_BITS), time.time_ns()))

    def append(self, session: str, places: Iterable[NewPlace]) -> list[int]:
        """
        Add places to a session in one transaction, and return their ids.

        Once this returns, they survive a crash. If any place is refused, none is added.
        """
        places = list(places)  # before the map is locked: they may take long to come
        ids = []
        with self._change():
            row = self._connection.execute(
                'SELECT number, id_prefix, places_made FROM session WHERE name = ?',
                (session,)).fetchone()
            if row is None:
                raise VprError(f'{self.path} has no session {session!r}: add it first')
            number, prefix, made = row
            if type(prefix) is not int or type(made) is not int or made < 0:
                raise VprError(f'the map {self.path} is damaged: session {session!r} cannot tell '
                               'which ids it has given')
            for place in places:
                made += 1
                if made >= 1 << _COUNTER_BITS:
                    raise VprError(f'session {session!r} is full: begin another one')
                ids.append((prefix << _COUNTER_BITS) + made)
                self._insert(ids[-1], number, place)
            self._connection.execute(
                'UPDATE session SET places_made = ? WHERE number = ?', (made, number))
        return ids

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Run one transaction, which raises the revision or leaves the map as it was."""
        self._require_writeable()
        try:
            self._connection.execute('BEGIN IMMEDIATE')
            try:
                yield
                self._connection.execute(
                    "UPDATE map SET value = value + 1 WHERE key = 'revision'")
                self._connection.execute('COMMIT')
            except BaseException:
                # A full disk makes SQLite roll back by itself.
                if self._connection.in_transaction:
                    self._connection.execute('ROLLBACK')
                raise
        except (sqlite3.Error, OverflowError) as error:
            raise VprError(f'cannot change the map {self.path}: {error}') from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, KeyError, TypeError, ValueError, OverflowError) as error:
            raise VprError(f'the map {self.path} cannot be read, it may be damaged: '
                           f'{error!r}') from error

    def _insert(self, place_id: int, session: int, place: NewPlace) -> None:
        if not place.views:
            raise VprError('a place needs at least one view')
        cameras = [view.camera for view in place.views]
        if len(set(cameras)) < len(cameras):
            raise VprError(f'a place has one view of each camera, got views of {cameras}')
        pose = place.T_map_base
        covariance = None if pose is None else pose.covariance
        self._connection.execute(
            'INSERT INTO place VALUES (?, ?, ?, ?, ?)',
            (place_id, session, place.stamp_ns,
             None if pose is None else _blob(np.concatenate([pose.position, pose.quaternion])),
             None if covariance is None else _blob(covariance)))
        for view in place.views:
            camera = self._camera_number(view.camera)
            self._connection.execute('INSERT INTO view VALUES (?, ?, ?)',
                                     (place_id, camera, self._encode(view.descriptor)))
            if view.thumbnail:
                self._connection.execute('INSERT INTO thumbnail VALUES (?, ?, ?)',
                                         (place_id, camera, view.thumbnail))

    def _encode(self, descriptor: NDArray[np.float32]) -> bytes:
        if descriptor.shape != (self.network.dimension,):
            raise VprError(f'this map holds descriptors of {self.network.dimension} dimensions, '
                           f'got shape {descriptor.shape}')
        if not np.isfinite(descriptor).all() or abs(np.linalg.norm(descriptor) - 1.0) > 1e-2:
            raise VprError('a descriptor must be finite and L2-normalised, got norm '
                           f'{np.linalg.norm(descriptor):.3f}')
        return descriptor.astype(f'<{np.dtype(self.descriptor_type).str[1:]}').tobytes()

    def _camera_number(self, name: str) -> int:
        self._connection.execute('INSERT OR IGNORE INTO camera (name) VALUES (?)', (name,))
        number: int = self._connection.execute(
            'SELECT number FROM camera WHERE name = ?', (name,)).fetchone()[0]
        return number

    def _require_writeable(self) -> None:
        if not self._writeable:
            raise VprError(f'{self.path} was opened to read: open it writeable to change it')

    def thumbnail(self, place_id: int, camera: str | None = None) -> bytes | None:
        """Return a small JPEG of a place (of any camera when none is named), or None."""
        with self._reading():
            row = self._connection.execute(
                'SELECT t.jpeg FROM thumbnail t JOIN camera c ON c.number = t.camera '
                'WHERE t.place = ? AND (? IS NULL OR c.name = ?) ORDER BY c.number',
                (place_id, camera, camera)).fetchone()
            if row is None:
                return None
            # bytes(n) of a number makes n zeros.
            if not isinstance(row[0], bytes):
                raise ValueError(f'the thumbnail of place {place_id} is no picture')
            return row[0]

    def snapshot(self) -> Snapshot:
        """Read one revision of the map into memory."""
        with self._reading():
            self._connection.execute('BEGIN')  # one state for all reads, while others append
            try:
                places = self._connection.execute(
                    'SELECT id, session, stamp_ns, pose, covariance FROM place '
                    'ORDER BY session, stamp_ns, id').fetchall()
                sessions = dict(self._connection.execute(
                    'SELECT number, name FROM session ORDER BY number'))
                cameras = dict(self._connection.execute(
                    'SELECT number, name FROM camera ORDER BY number'))
                views = self._connection.execute(
                    'SELECT place, camera, descriptor FROM view ORDER BY place, camera').fetchall()
                revision = self.revision
            finally:
                self._connection.execute('COMMIT')
            row_of = {place[0]: row for row, place in enumerate(places)}
            if any(row[0] <= 0 for row in places):
                raise ValueError('a place id is not positive')
            session_index = {number: n for n, number in enumerate(sessions)}
            camera_index = {number: n for n, number in enumerate(cameras)}
            return Snapshot(
                map_id=self.id, revision=revision, network=self.network,
                sessions=tuple(sessions.values()), cameras=tuple(cameras.values()),
                place_ids=np.array([p[0] for p in places], np.int64),
                stamps_ns=np.array([p[2] for p in places], np.int64),
                session_of=np.array([session_index[p[1]] for p in places], np.int64),
                poses=tuple(_pose(p[3], p[4], self.path) for p in places),
                view_rows=np.array([row_of[v[0]] for v in views], np.int64),
                view_cameras=np.array([camera_index[v[1]] for v in views], np.int64),
                descriptors=self._decode([v[2] for v in views]))

    def _decode(self, blobs: list[bytes]) -> NDArray[np.float32]:
        dimension = self.network.dimension
        kind = np.dtype(self.descriptor_type).newbyteorder('<')
        size = dimension * kind.itemsize
        for blob in blobs:
            if len(blob) != size:
                raise ValueError(f'a descriptor has {len(blob)} bytes, not {size}')
        descriptors = np.frombuffer(b''.join(blobs), kind).astype(np.float32)
        descriptors = descriptors.reshape(len(blobs), dimension)
        norms = np.linalg.norm(descriptors, axis=1)
        if not (np.isfinite(norms) & (norms >= 0.5)).all():
            raise ValueError('a descriptor is not L2-normalised')
        descriptors /= norms[:, None]  # what rounding to float16 took away
        return descriptors


def _blob(values: NDArray[np.float64]) -> bytes:
    return np.ascontiguousarray(values, '<f8').tobytes()


def _pose(pose: bytes | None, covariance: bytes | None, path: Path) -> Pose | None:
    if pose is None:
        return None
    try:
        values = np.frombuffer(pose, '<f8')
        spread = None if covariance is None else np.frombuffer(covariance, '<f8').reshape(6, 6)
        return Pose(values[:3], values[3:], spread)
    except (TypeError, ValueError) as error:
        raise VprError(f'the map {path} is damaged: a pose cannot be read ({error})') from error
