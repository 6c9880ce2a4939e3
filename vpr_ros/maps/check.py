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

"""Finding all that is wrong with a map."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
import sqlite3
from typing import Any

from vpr_ros.errors import VprError
from vpr_ros.maps import database
from vpr_ros.maps.feature_rows import FEATURE_COLUMNS
from vpr_ros.maps.ids import LARGEST_COUNT
from vpr_ros.maps.ids import PREFIX_BITS
from vpr_ros.maps.ids import split_id
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.rows import CALIBRATION_COLUMNS
from vpr_ros.maps.rows import DescriptorRows
from vpr_ros.maps.soundness import sound_calibration
from vpr_ros.maps.soundness import sound_features
from vpr_ros.maps.soundness import sound_pose
from vpr_ros.maps.soundness import sound_stamp
from vpr_ros.maps.soundness import sound_thumbnail

__all__ = ['check', 'Problem']

Told = Callable[[int, int], None]

# Of SQLite's own: one bad page can make thousands.
_MOST_OF_SQLITE = 100
_ROWS_PER_WORD = 1000


@dataclass(frozen=True)
class Problem:
    """
    Something wrong.

    :param table: of the file, 'file' where it is none of them.
    :param place: id of the place that it is about, if it is about one.
    """

    table: str
    what: str
    place: int | None = None

    def __str__(self) -> str:
        if self.place is None:
            return f'{self.table}: {self.what}'
        table = '' if self.table == 'place' else f', {self.table}'
        return f'place {self.place}{table}: {self.what}'


def check(path: Path, *, told: Told | None = None) -> Iterator[Problem]:
    """
    Yield all problems of a map, row by row: it need not fit into memory.

    :param told: is called now and then with how many rows were checked, and of how many.
    """
    try:
        connection = database.connect(path, writeable=False)
    except VprError as error:
        yield Problem('file', str(error))
        return
    with closing(connection):
        # One state of a map that others change meanwhile: tables of two do not agree.
        connection.execute('BEGIN')
        yield from _pages(connection)
        yield from _links(connection)
        try:
            place_map = PlaceMap(path, connection, writeable=False)
        except VprError as error:
            yield Problem('map', str(error))
            return
        yield from _Rows(place_map, connection, told).problems()


def _pages(connection: sqlite3.Connection) -> Iterator[Problem]:
    try:
        for text, in connection.execute(f'PRAGMA integrity_check({_MOST_OF_SQLITE})'):
            if text != 'ok':
                yield Problem('file', ' '.join(str(text).split()))
    except (sqlite3.Error, UnicodeDecodeError) as error:
        yield Problem('file', f'SQLite cannot check it: {error}')


def _links(connection: sqlite3.Connection) -> Iterator[Problem]:
    try:
        count: dict[tuple[str, str], int] = {}
        for table, _, parent, _ in connection.execute('PRAGMA foreign_key_check'):
            count[table, parent] = count.get((table, parent), 0) + 1
    except sqlite3.Error as error:
        yield Problem('file', f'what rows refer to cannot be checked: {error}')
        return
    for (table, parent), number in count.items():
        yield Problem(table, f'{number} rows refer to a {parent} that is not there')


class _Rows:
    """The rows of all tables, one after the other; a table that breaks off is told once."""

    def __init__(self, place_map: PlaceMap, connection: sqlite3.Connection,
                 told: Told | None) -> None:
        self._connection = connection
        self._descriptors = DescriptorRows(place_map.network.dimension,
                                           place_map.descriptor_type)
        self._local_kind = place_map.local_kind
        self._told = told
        self._done = 0
        self._total = 0
        self._sessions: dict[int, tuple[int, int]] = {}  # number -> prefix, made

    def problems(self) -> Iterator[Problem]:
        tables: tuple[tuple[str, str, Callable[..., object]], ...] = (
            ('session', 'NULL, number, name, source, id_prefix, created_ns, places_made',
             self._session),
            ('camera', 'NULL, name', self._camera),
            ('calibration', f'NULL, {CALIBRATION_COLUMNS}',
             lambda *row: sound_calibration('', row)),
            ('place', 'id, id, session, stamp_ns, pose, covariance', self._place),
            ('view', 'place, descriptor', self._view),
            ('local_features', f'place, {FEATURE_COLUMNS}', lambda *row: sound_features(row)),
            ('thumbnail', 'place, jpeg', sound_thumbnail),
        )
        for table, *_ in tables:
            try:
                self._total += self._connection.execute(
                    f'SELECT count(*) FROM {table}').fetchone()[0]
            except sqlite3.Error:
                pass  # reading it will say so
        for table, columns, examine in tables:
            yield from self._table(table, columns, examine)
        yield from self._lonely_places()
        yield from self._unnamed_features()
        self._say()

    def _table(self, table: str, columns: str,
               examine: Callable[..., object]) -> Iterator[Problem]:
        last = None
        try:
            for last, *values in self._connection.execute(f'SELECT {columns} FROM {table}'):
                try:
                    examine(*values)
                except (TypeError, ValueError, OverflowError) as error:
                    yield Problem(table, str(error), last)
                self._done += 1
                if self._done % _ROWS_PER_WORD == 0:
                    self._say()
        # Text that is not UTF-8 is an error of reading, too.
        except (sqlite3.Error, UnicodeDecodeError) as error:
            where = '' if last is None else f' after place {last}'
            yield Problem(table, f'cannot be read on{where}: {error}')

    def _say(self) -> None:
        if self._told is not None:
            self._told(self._done, max(self._done, self._total))

    def _session(self, number: int, name: Any, source: Any, prefix: Any, created_ns: Any,
                 made: Any) -> None:
        if not isinstance(name, str) or not name or not isinstance(source, str):
            raise ValueError(f'session {number} has no name, or no source')
        if type(created_ns) is not int:
            raise ValueError(f'session {name!r} was made at {created_ns!r}')
        if type(prefix) is not int or not 0 <= prefix < 1 << PREFIX_BITS:
            raise ValueError(f'session {name!r} has ids that begin with {prefix!r}')
        if type(made) is not int or not 0 <= made <= LARGEST_COUNT:
            raise ValueError(f'session {name!r} made {made!r} places')
        self._sessions[number] = prefix, made

    def _camera(self, name: Any) -> None:
        if not isinstance(name, str) or not name:
            raise ValueError(f'a camera is named {name!r}')

    def _place(self, place_id: int, session: Any, stamp_ns: Any, pose: Any,
               covariance: Any) -> None:
        sound_stamp(stamp_ns)
        if session in self._sessions:  # otherwise it was told
            prefix, made = self._sessions[session]
            owner, nth = split_id(place_id)
            if place_id <= 0 or owner != prefix or nth == 0:
                raise ValueError('its id is of another session')
            if nth > made:
                raise ValueError(f'its session says it made {made} places, this is number {nth}')
        sound_pose(pose, covariance)

    def _view(self, descriptor: Any) -> None:
        self._descriptors.decode([descriptor])

    def _unnamed_features(self) -> Iterator[Problem]:
        if self._local_kind:
            return
        try:
            count, = self._connection.execute('SELECT count(*) FROM local_features').fetchone()
        except sqlite3.Error:
            return  # told when they were read
        if count:
            yield Problem('map', f'nothing says what made the local features of {count} views')

    def _lonely_places(self) -> Iterator[Problem]:
        try:
            for place_id, in self._connection.execute(
                    'SELECT id FROM place WHERE NOT EXISTS '
                    '(SELECT 1 FROM view WHERE view.place = place.id)'):
                yield Problem('place', 'no camera saw it', place_id)
        except sqlite3.Error as error:
            yield Problem('view', f'cannot be searched: {error}')
