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

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import secrets
import sqlite3
import time
from types import TracebackType
from typing import Literal
import uuid

from vpr_ros import __version__
from vpr_ros.errors import VprError
from vpr_ros.maps import database
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.feature_rows import features_row
from vpr_ros.maps.ids import LARGEST_COUNT
from vpr_ros.maps.ids import make_id
from vpr_ros.maps.ids import PREFIX_BITS
from vpr_ros.maps.ids import split_id
from vpr_ros.maps.reading import in_memory
from vpr_ros.maps.reading import Keep
from vpr_ros.maps.reading import read_place
from vpr_ros.maps.reading import read_snapshot
from vpr_ros.maps.rows import CALIBRATION_COLUMNS
from vpr_ros.maps.rows import calibration_from
from vpr_ros.maps.rows import calibration_row
from vpr_ros.maps.rows import DescriptorRows
from vpr_ros.maps.rows import pose_from
from vpr_ros.maps.rows import pose_row
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.types import Camera
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import View

__all__ = ['FeatureTotals', 'NewPlace', 'PlaceMap', 'SessionInfo']

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

    :param id_prefix: what ids of its places begin with, in whatever map they are.
    :param made: how many places it was given, removed ones too.
    :param posed: how many of its places have a pose.
    """

    name: str
    source: str
    id_prefix: int
    created_ns: int
    made: int
    places: int
    posed: int
    first_ns: int | None
    last_ns: int | None


@dataclass(frozen=True)
class FeatureTotals:
    """
    The local features of a map.

    :param views: how many have some, of how many ``places``.
    :param count: of the features.
    :param size_bytes: of what is kept of them, without what pages of the file leave empty.
    :param with_depth: how many views know depths of some.
    """

    views: int
    places: int
    count: float
    size_bytes: float
    with_depth: int


class PlaceMap:
    """
    Places, what they look like and where they are, in one SQLite file (``.vprmap``).

    The map names the network that described it. Every change is one transaction (several are
    with :meth:`transaction`), raises the revision and renews the state. Use as a context manager,
    or call :meth:`close`; in the thread that opened it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writeable: bool) -> None:
        self.path = path
        self._connection = connection
        self._writeable = writeable
        self._changing = False
        self._failure = ''
        try:
            facts = dict(connection.execute('SELECT key, value FROM map').fetchall())
            self.id = str(facts['uuid'])
            self.network = NetworkIdentity.from_json(str(facts['network']))
            self.created_ns = int(facts['created_ns'])
            self.software = str(facts['software'])
            self.descriptor_type = str(facts['descriptor_type'])
            Datum.from_text(str(facts['datum']))
            int(facts['revision'])
            str(facts['frame'])
            str(facts['state'])
            str(facts['local_features'])
            str(facts['calibration'])
            if self.descriptor_type not in ('float16', 'float32'):
                raise ValueError(f'descriptor type {self.descriptor_type!r}')
            dimension: object = self.network.dimension
            if type(dimension) is not int or not 0 < dimension <= _LARGEST_DIMENSION:
                raise ValueError(f'descriptors of {dimension!r} dimensions')
        # Deeply nested JSON is a RecursionError.
        except (KeyError, TypeError, ValueError, RecursionError, sqlite3.Error) as error:
            raise VprError(f'{path} is damaged: its description cannot be read '
                           f'({error})') from error
        self._descriptors = DescriptorRows(self.network.dimension, self.descriptor_type)

    @classmethod
    def create(cls, path: Path, network: NetworkIdentity, *,
               descriptor_type: Literal['float16', 'float32'] = 'float16', frame: str = 'map',
               datum: Datum | None = None) -> PlaceMap:
        """
        Make an empty map for descriptors of a network; an existing path is refused.

        :param frame: the name of the frame that poses are given in; x forward or east, z up.
        :param datum: where on earth its origin is, when it is known: x is east then, y north.
        """
        if descriptor_type not in ('float16', 'float32'):
            raise ValueError('descriptor_type must be float16 or float32, got '
                             f'{descriptor_type!r}')
        connection = database.create(path, {
            'uuid': str(uuid.uuid4()), 'network': network.to_json(),
            'created_ns': time.time_ns(), 'software': f'vpr_ros {__version__}',
            'descriptor_type': descriptor_type, 'frame': frame,
            'datum': '' if datum is None else datum.to_text(), 'revision': 0,
            'state': secrets.token_hex(8), 'local_features': '', 'calibration': ''})
        return cls(path, connection, writeable=True)

    @classmethod
    def open(cls, path: Path, *, writeable: bool = False) -> PlaceMap:  # noqa: A003
        """
        Open a map, to read unless asked otherwise.

        A map of an older version is brought to this one: in the file if it may be changed, else
        in memory.
        """
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
        return int(self._fact('revision'))

    @property
    def state(self) -> str:
        """Return what no other content has: copies of a map that change apart differ in it."""
        return str(self._fact('state'))

    @property
    def frame(self) -> str:
        """Return the name of the frame that poses are given in."""
        return str(self._fact('frame'))

    @property
    def datum(self) -> Datum | None:
        """Return where on earth the origin of that frame is, None where it is not known."""
        with self._reading():
            return Datum.from_text(str(self._fact('datum')))

    @property
    def local_kind(self) -> str:
        """Return what made the local features of views, as 'network' or 'sift'; '' for none."""
        return str(self._fact('local_features'))

    @property
    def calibration(self) -> str:
        """Return what :meth:`set_calibration` kept, '' before."""
        return str(self._fact('calibration'))

    def _fact(self, key: str) -> str | int:
        with self._reading():
            value: str | int
            value, = self._connection.execute(
                'SELECT value FROM map WHERE key = ?', (key,)).fetchone()
            return value

    def sessions(self) -> list[SessionInfo]:
        """Return the traverses in the order they were added."""
        with self._reading():
            rows = self._connection.execute(
                'SELECT s.name, s.source, s.id_prefix, s.created_ns, s.places_made, count(p.id), '
                'count(p.pose), min(p.stamp_ns), max(p.stamp_ns) '
                'FROM session s LEFT JOIN place p ON p.session = s.number '
                'GROUP BY s.number ORDER BY s.number')
            return [SessionInfo(*row) for row in rows]

    def cameras(self) -> list[str]:
        """Return the names of the cameras that saw places."""
        with self._reading():
            return [name for name, in self._connection.execute(
                'SELECT name FROM camera ORDER BY number')]

    def calibrations(self, session: str) -> list[Camera]:
        """Return what is known of the cameras of a traverse."""
        with self._reading():
            return [calibration_from(name, row) for name, *row in self._connection.execute(
                f'SELECT c.name, {CALIBRATION_COLUMNS} FROM calibration k '
                'JOIN camera c ON c.number = k.camera '
                'JOIN session s ON s.number = k.session WHERE s.name = ? ORDER BY c.number',
                (session,))]

    def place_ids(self, session: str = '') -> list[int]:
        """Return the ids of all places, or of those of one traverse, in driving order."""
        with self._reading():
            if session:
                self._session(session)
            return [number for number, in self._connection.execute(
                'SELECT p.id FROM place p JOIN session s ON s.number = p.session '
                "WHERE s.name = ? OR ? = '' ORDER BY s.number, p.stamp_ns, p.id",
                (session, session))]

    def stamps(self, session: str) -> dict[int, int]:
        """Return the stamps of the places of a traverse by id, in driving order."""
        with self._reading():
            number, _, _ = self._session(session)
            return dict(self._connection.execute(
                'SELECT id, stamp_ns FROM place WHERE session = ? ORDER BY stamp_ns, id',
                (number,)))

    def places(self, session: str = '') -> list[Place]:
        """Return all places, or those of one traverse, in driving order; without their views."""
        with self._reading():
            if session:
                self._session(session)
            return [Place(number, stamp_ns, name, pose_from(pose, covariance))
                    for number, stamp_ns, name, pose, covariance in self._connection.execute(
                        'SELECT p.id, p.stamp_ns, s.name, p.pose, p.covariance '
                        'FROM place p JOIN session s ON s.number = p.session '
                        "WHERE s.name = ? OR ? = '' ORDER BY s.number, p.stamp_ns, p.id",
                        (session, session))]

    def last_place(self, session: str) -> Place | None:
        """Return where a traverse ended, without views; None where it has no places."""
        with self._reading():
            number, _, _ = self._session(session)
            row = self._connection.execute(
                'SELECT id, stamp_ns, pose, covariance FROM place WHERE session = ? '
                'ORDER BY stamp_ns DESC, id DESC LIMIT 1', (number,)).fetchone()
            return None if row is None else Place(
                row[0], row[1], session, pose_from(row[2], row[3]))

    def view_count(self) -> int:
        """Return how many views all places have together."""
        with self._reading():
            count: int = self._connection.execute('SELECT count(*) FROM view').fetchone()[0]
        return count

    def local_features(self) -> FeatureTotals:
        """Return how many local features all views have together, and what they take."""
        with self._reading():
            return FeatureTotals(*self._connection.execute(
                'SELECT count(*), count(DISTINCT place), total(count), total(length(points) + '
                'length(descriptors) + length(scores) + ifnull(length(depths), 0)), '
                'count(depths) FROM local_features').fetchone())

    def place(self, place_id: int) -> Place:
        """Return all that the map knows of a place; VprError where there is none of that id."""
        with self._reading():
            place = read_place(self._connection, place_id, self._descriptors)
        if place is None:
            raise VprError(f'{self.path} has no place {place_id}')
        return place

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

    def snapshot(self, keep: Keep = in_memory) -> Snapshot:
        """
        Read one revision of the map.

        :param keep: what becomes of the descriptors; all are read into memory otherwise.
        """
        with self._reading():
            with self.one_state():
                return read_snapshot(
                    self._connection, self._descriptors, map_id=self.id, network=self.network,
                    revision=self.revision, state=self.state, keep=keep)

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Read one state of the map in several calls, while others change it."""
        part = self._connection.in_transaction
        if part:
            yield
            return
        self._connection.execute('BEGIN')
        try:
            yield
        finally:
            # A damaged page makes SQLite end it by itself.
            if self._connection.in_transaction:
                self._connection.execute('COMMIT')

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one: all of them, or none where an error leaves the block."""
        with self._change():
            yield

    def add_session(self, name: str, *, source: str, id_prefix: int | None = None,
                    created_ns: int | None = None) -> None:
        """
        Begin a traverse; its name must be new to the map.

        :param id_prefix: of a traverse that another map holds; a new one is drawn otherwise.
        """
        if not name:
            raise VprError('a session needs a name')
        prefix = secrets.randbits(PREFIX_BITS) if id_prefix is None else id_prefix
        if type(prefix) is not int or not 0 <= prefix < 1 << PREFIX_BITS:
            raise VprError(f'the ids of session {name!r} cannot begin with {prefix!r}: they begin '
                           f'with a number of {PREFIX_BITS} bits')
        with self._change():
            if self._connection.execute(
                    'SELECT 1 FROM session WHERE name = ?', (name,)).fetchone():
                raise VprError(f'{self.path} has a session {name!r} already: give this one '
                               'another name')
            self._connection.execute(
                'INSERT INTO session (name, source, id_prefix, created_ns) VALUES (?, ?, ?, ?)',
                (name, source, prefix, time.time_ns() if created_ns is None else created_ns))

    def calibrate(self, session: str, camera: Camera) -> None:
        """Keep the calibration of a camera on a traverse, instead of an earlier one."""
        with self._change():
            number, _, _ = self._session(session)
            self._connection.execute(
                'INSERT OR REPLACE INTO calibration VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
                (number, self._camera_number(camera.name), *calibration_row(camera)))

    def set_local_kind(self, kind: str) -> None:
        """
        Say what makes the local features of views that come; only one kind can be compared.

        VprError where views of the map have those of another kind.
        """
        if kind == self.local_kind:
            return
        with self._change():
            if self._connection.execute('SELECT 1 FROM local_features LIMIT 1').fetchone():
                raise VprError(
                    f'{self.path} holds local features of the kind {self.local_kind!r}, which '
                    f'cannot be compared with those of {kind or "none"!r}: give such ones, or '
                    'build the map again')
            self._connection.execute(
                "UPDATE map SET value = ? WHERE key = 'local_features'", (kind,))

    def set_calibration(self, text: str) -> None:
        """
        Keep how similarities become probabilities here, as JSON; '' forgets it.

        What is searched stays as it is, and so do state and revision.
        """
        with self._change(renews=False):
            self._connection.execute(
                "UPDATE map SET value = ? WHERE key = 'calibration'", (text,))

    def append(self, session: str, places: Iterable[NewPlace]) -> list[int]:
        """
        Add places to a session in one transaction, and return their ids.

        Once this returns, they survive a crash. If any place is refused, none is added.
        """
        places = list(places)  # before the map is locked: they may take long to come
        ids = []
        with self._change():
            number, prefix, made = self._session(session)
            for place in places:
                made += 1
                if made > LARGEST_COUNT:
                    raise VprError(f'session {session!r} is full: begin another one')
                ids.append(make_id(prefix, made))
                self._insert(ids[-1], number, place.stamp_ns, place.T_map_base, place.views)
            self._connection.execute(
                'UPDATE session SET places_made = ? WHERE number = ?', (made, number))
        return ids

    def adopt(self, session: str, places: Iterable[Place], *, made: int = 0) -> int:
        """
        Add places of another map with the ids they have; returns how many.

        The session has the prefix of their ids: it came from the same map (see merging).

        :param made: how many the other map gave the session, removed ones too.
        """
        count = 0
        with self._change():
            number, prefix, before = self._session(session)
            if not 0 <= made <= LARGEST_COUNT:
                raise VprError(f'session {session!r} cannot have made {made} places: at most '
                               f'{LARGEST_COUNT}')
            made = max(before, made)
            for place in places:
                owner, nth = split_id(place.id)
                if owner != prefix or nth == 0:
                    raise ValueError(f'place {place.id} is of another session than {session!r}')
                self._insert(place.id, number, place.stamp_ns, place.T_map_base, place.views)
                made = max(made, nth)
                count += 1
            self._connection.execute(
                'UPDATE session SET places_made = ? WHERE number = ?', (made, number))
        return count

    def remove(self, place_ids: Iterable[int]) -> int:
        """Remove places, and return how many; an id that the map lacks is refused, and all."""
        count = 0
        with self._change():
            for place_id in place_ids:
                if not self._connection.execute(
                        'DELETE FROM place WHERE id = ?', (place_id,)).rowcount:
                    raise VprError(f'{self.path} has no place {place_id} to remove')
                count += 1
        return count

    def remove_session(self, name: str) -> int:
        """Remove a traverse with all of its places, and return how many these were."""
        with self._change():
            number, _, _ = self._session(name)
            count = self._connection.execute(
                'DELETE FROM place WHERE session = ?', (number,)).rowcount
            self._connection.execute('DELETE FROM session WHERE number = ?', (number,))
        return count

    def update_poses(self, poses: Mapping[int, Pose | None]) -> None:
        """
        Move places, as after SLAM has optimised its trajectory; None forgets where one is.

        :param poses: T_map_base by place id; an id that the map lacks is refused, and all.
        """
        with self._change():
            for place_id, pose in poses.items():
                if not self._connection.execute(
                        'UPDATE place SET pose = ?, covariance = ? WHERE id = ?',
                        (*pose_row(pose), place_id)).rowcount:
                    raise VprError(f'{self.path} has no place {place_id} to move')

    def locate(self, frame: str, datum: Datum | None) -> None:
        """Say which frame poses are given in; those that the map holds stay as they are."""
        with self._change():
            for key, value in (('frame', frame),
                               ('datum', '' if datum is None else datum.to_text())):
                self._connection.execute('UPDATE map SET value = ? WHERE key = ?', (value, key))

    def copy(self, path: Path, *, told: Callable[[int, int], None] | None = None) -> None:
        """
        Write what the map holds now to a new file, as a map of its own.

        :param told: is called with how many pages are left, and of how many.
        """
        with self.one_state():
            database.copy(self._connection, path, {
                'uuid': str(uuid.uuid4()), 'created_ns': time.time_ns(),
                'software': f'vpr_ros {__version__}', 'state': secrets.token_hex(8)}, told)

    def fold(self) -> None:
        """Put into the one file what stands beside it, for who copies it; the map stays open."""
        with self._reading():
            # Waits for nobody: what another process still reads of the old pages stays beside.
            self._connection.execute('PRAGMA wal_checkpoint(PASSIVE)')

    def compact(self) -> None:
        """
        Give the disk back what removed places took: the file is written anew, in one transaction.

        VprError where there is no room for that; the map is then what it was.
        """
        if not self._writeable or self._connection.in_transaction:
            raise VprError(f'{self.path} can be made compact when it was opened writeable, and '
                           'after the change that is being made')
        try:
            self._connection.execute('VACUUM')
            self._connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        except sqlite3.Error as error:
            raise VprError(f'{self.path} cannot be made smaller ({error}): it needs about as much '
                           'room on the disk once more while this is done') from error

    @contextmanager
    def _change(self, *, renews: bool = True) -> Iterator[None]:
        """
        Run one transaction, all of it or nothing.

        :param renews: whether it raises the revision and renews the state.
        """
        if self._changing:
            with self._part_of_change():
                yield
            return
        if not self._writeable:
            raise VprError(f'{self.path} was opened to read: open it writeable to change it')
        try:
            self._connection.execute('BEGIN IMMEDIATE')
            self._changing = True
            try:
                yield
                self._refuse_to_go_on()
                if renews:
                    self._connection.execute(
                        "UPDATE map SET value = value + 1 WHERE key = 'revision'")
                    self._connection.execute(
                        "UPDATE map SET value = ? WHERE key = 'state'", (secrets.token_hex(8),))
                self._connection.execute('COMMIT')
            except BaseException:
                # A full disk makes SQLite roll back by itself.
                if self._connection.in_transaction:
                    self._connection.execute('ROLLBACK')
                raise
            finally:
                self._changing = False
        except (sqlite3.Error, OverflowError) as error:
            hint = ''
            if 'locked' in str(error):
                hint = (f': another process has been changing it for {database.LONGEST_WAIT_S} s, '
                        'try again when it is done')
            raise VprError(f'cannot change the map {self.path}: {error}{hint}') from error

    @contextmanager
    def _part_of_change(self) -> Iterator[None]:
        """Run a change inside a larger one, which may go on without it where it is refused."""
        self._refuse_to_go_on()
        try:
            self._connection.execute('SAVEPOINT part')
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute('ROLLBACK TO part')
                    self._connection.execute('RELEASE part')
                raise
            self._connection.execute('RELEASE part')
        except (sqlite3.Error, OverflowError) as error:
            self._failure = str(error)
            raise VprError(f'cannot change the map {self.path}: {error}') from error

    def _refuse_to_go_on(self) -> None:
        """Raise VprError where SQLite has ended the change: what came now would be its own."""
        if not self._connection.in_transaction:
            raise VprError(f'cannot change the map {self.path}: an earlier part of this change '
                           f'failed and took all of it back ({self._failure})')

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, KeyError, TypeError, ValueError, OverflowError) as error:
            raise VprError(f'the map {self.path} cannot be read, it may be damaged: '
                           f'{error!r}') from error

    def _session(self, name: str) -> tuple[int, int, int]:
        """Return number, prefix of ids, and how many ids were given."""
        row = self._connection.execute(
            'SELECT number, id_prefix, places_made FROM session WHERE name = ?',
            (name,)).fetchone()
        if row is None:
            raise VprError(f'{self.path} has no session {name!r}: add it first')
        number, prefix, made = row
        if type(prefix) is not int or type(made) is not int or not 0 <= made <= LARGEST_COUNT:
            raise VprError(f'the map {self.path} is damaged: session {name!r} cannot tell '
                           'which ids it has given')
        return number, prefix, made

    def _insert(self, place_id: int, session: int, stamp_ns: int, pose: Pose | None,
                views: tuple[View, ...]) -> None:
        if not views:
            raise VprError('a place needs at least one view')
        cameras = [view.camera for view in views]
        if len(set(cameras)) < len(cameras):
            raise VprError(f'a place has one view of each camera, got views of {cameras}')
        execute = self._connection.execute
        execute('INSERT INTO place VALUES (?, ?, ?, ?, ?)',
                (place_id, session, stamp_ns, *pose_row(pose)))
        for view in views:
            key = place_id, self._camera_number(view.camera)
            execute('INSERT INTO view VALUES (?, ?, ?)',
                    (*key, self._descriptors.encode(view.descriptor)))
            if view.local_features is not None:
                if not self.local_kind:
                    raise VprError(f'{self.path} does not say what makes local features: see '
                                   'PlaceMap.set_local_kind')
                execute('INSERT INTO local_features VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
                        (*key, *features_row(view.local_features)))
            if view.thumbnail:
                execute('INSERT INTO thumbnail VALUES (?, ?, ?)', (*key, view.thumbnail))

    def _camera_number(self, name: str) -> int:
        self._connection.execute('INSERT OR IGNORE INTO camera (name) VALUES (?)', (name,))
        number: int = self._connection.execute(
            'SELECT number FROM camera WHERE name = ?', (name,)).fetchone()[0]
        return number
