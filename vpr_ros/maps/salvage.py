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

"""Copying what can still be read of a damaged map."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field
from itertools import chain
from pathlib import Path
import sqlite3
from typing import Any
from typing import cast
from typing import Literal

from vpr_ros.errors import VprError
from vpr_ros.maps import database
from vpr_ros.maps.check import Problem
from vpr_ros.maps.check import Told
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.feature_rows import FEATURE_COLUMNS
from vpr_ros.maps.feature_rows import IMPORTED
from vpr_ros.maps.ids import LARGEST_COUNT
from vpr_ros.maps.ids import make_id
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
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import View

__all__ = ['salvage', 'Salvage']

# What reading a damaged file, or making sense of it, can raise.
_Unreadable = (sqlite3.Error, TypeError, ValueError, OverflowError, RecursionError)
_PLACES_PER_WORD = 100
# Where places may be found: a damaged page breaks a scan off, from the other end there is more.
_SCANS = tuple(
    f'SELECT {column} FROM {source} ORDER BY {order}'
    for column, source, forward, backward in (
        ('id', 'place', 'id', 'id DESC'),
        ('id', 'place INDEXED BY place_in_order', 'session, stamp_ns',
         'session DESC, stamp_ns DESC'),
        ('place', 'view', 'place, camera', 'place DESC, camera DESC'))
    for order in (forward, backward))


@dataclass
class Salvage:
    """
    What became of a damaged map.

    :param kept: how many places were copied.
    :param lost: all that was not.
    """

    kept: int = 0
    lost: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class _Session:
    number: int
    name: str
    source: str
    prefix: int
    created_ns: int
    made: int


def salvage(path: Path, out: Path, *, told: Told | None = None) -> Salvage:
    """
    Make a new map of every place that can be read; VprError where not even its network can.

    Places keep their ids. One whose pose, picture or local features are lost goes without.

    :param told: is called now and then with how many places were looked for, and of how many.
    """
    with closing(database.connect_damaged(path)) as connection:
        reader = _Reader(path, connection)
        with PlaceMap.create(out, reader.network, descriptor_type=reader.descriptor_type,
                             frame=reader.frame, datum=reader.datum) as target:
            with target.transaction():
                target.set_local_kind(reader.local_kind)
                target.set_calibration(reader.calibration)
                reader.copy(target, told)
        return reader.result


class _Reader:
    """Reads a damaged map row by row, and notes what cannot be read."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # Version 1 had neither calibrations nor local features, version 2 fewer columns of them.
        self._version = connection.execute('PRAGMA user_version').fetchone()[0]
        self._new = self._version > 1
        self._feature_columns = (FEATURE_COLUMNS if self._version > 2 else
                                 'count, points, descriptors, scores, 0, NULL')
        self._found: set[int] = set()
        self.result = Salvage()
        try:
            self.network = NetworkIdentity.from_json(str(self._fact('network')))
            kind = self._fact('descriptor_type')
            if kind not in ('float16', 'float32'):
                raise ValueError(f'descriptors of type {kind!r}')
        except _Unreadable as error:
            raise VprError(f'nothing of {path} can be salvaged: how its places are described '
                           f'cannot be read ({error})') from error
        self.descriptor_type = cast(Literal['float16', 'float32'], kind)
        self._descriptors = DescriptorRows(self.network.dimension, self.descriptor_type)
        self.frame = str(self._optional('map', None, lambda: self._fact('frame')) or 'map')
        self.datum = self._optional(
            'map', None, lambda: Datum.from_text(str(self._fact('datum') or '')))
        self.local_kind = str(self._optional(
            'map', None, lambda: self._fact('local_features')) or '')
        self.calibration = str(self._optional(
            'map', None, lambda: self._fact('calibration')) or '')
        self._cameras = self._readable('camera', 'number, name')
        for number in self._optional('view', None, self._seeing) or ():
            self._cameras.setdefault(number, (number, f'salvaged {number}'))
        self._sessions = [_Session(*row) for row in self._readable(
            'session', 'number, name, source, id_prefix, created_ns, places_made').values()]

    def copy(self, target: PlaceMap, told: Told | None) -> None:
        names = {}
        for session in self._sessions:
            try:
                target.add_session(session.name, source=str(session.source),
                                   id_prefix=session.prefix, created_ns=session.created_ns)
                made = session.made if type(session.made) is int else 0
                target.adopt(session.name, (), made=min(max(made, 0), LARGEST_COUNT))
            except (*_Unreadable, VprError) as error:
                self._lose('session', f'{session.name!r}: {error}')
                continue
            names[session.prefix] = session.name
            self._calibrations(session, target)
        total, ids = self._candidates()
        for number, place_id in enumerate(ids):
            if told is not None and number % _PLACES_PER_WORD == 0:
                told(number, max(total, number))
            place = self._place(place_id)
            if place is None:
                continue
            try:
                prefix, _ = split_id(place.id)
                if prefix not in names:
                    name = f'salvaged {prefix:x}'
                    target.add_session(name, source='salvaged', id_prefix=prefix)
                    names[prefix] = name
                if not target.local_kind and any(
                        view.local_features is not None for view in place.views):
                    target.set_local_kind(IMPORTED)  # version 2 did not say, or it is lost
                target.adopt(names[prefix], [place])
                self.result.kept += 1
            except (*_Unreadable, VprError) as error:
                self._lose('place', str(error), place_id)

    def _candidates(self) -> tuple[int, Iterator[int]]:
        """Return about how many places there may be, and their ids."""
        found = self._found
        broken = False
        for scan in _SCANS:
            try:
                found.update(place for place, in self._connection.execute(scan)
                             if type(place) is int)
            except sqlite3.Error:
                broken = True
        if not broken:
            return len(found), iter(sorted(found))
        # What no scan reaches is looked for by name: ids are counted.
        ranges = [range(make_id(s.prefix, 1), make_id(s.prefix, s.made) + 1)
                  for s in self._sessions
                  if type(s.prefix) is int and 0 <= s.prefix < 1 << PREFIX_BITS
                  and type(s.made) is int and 0 <= s.made <= LARGEST_COUNT]
        others = sorted(n for n in found if not any(n in numbers for numbers in ranges))
        return sum(map(len, ranges)) + len(others), chain(*ranges, others)

    def _place(self, place_id: int) -> Place | None:
        """Return a place as far as it can be read, or None where there is none, or it is lost."""
        try:
            row = self._connection.execute(
                'SELECT stamp_ns, pose, covariance FROM place WHERE id = ?',
                (place_id,)).fetchone()
            if row is None:
                if place_id in self._found:
                    self._lose('place', 'only views of it are left', place_id)
                return None
            stamp_ns, pose, covariance = row
            sound_stamp(stamp_ns)
            views = tuple(filter(None, (
                self._view(place_id, number, name) for number, name in self._cameras.values())))
            if not views:
                raise ValueError('no view of it can be read')
        except _Unreadable as error:
            self._lose('place', str(error), place_id)
            return None
        found: Pose | None = self._optional(
            'place', place_id, lambda: sound_pose(pose, covariance), 'its pose')
        return Place(place_id, stamp_ns, '', found, views)

    def _view(self, place_id: int, camera: int, name: str) -> View | None:
        key = place_id, camera

        def row(columns: str, table: str) -> Any:
            return self._connection.execute(
                f'SELECT {columns} FROM {table} WHERE place = ? AND camera = ?', key).fetchone()

        try:
            found = row('descriptor', 'view')
            if found is None:
                return None
            descriptor, = self._descriptors.decode(found)
        except _Unreadable as error:
            self._lose('view', f'camera {name!r}: {error}', place_id)
            return None

        def features() -> LocalFeatures | None:
            found = row(self._feature_columns, 'local_features')
            return None if found is None else sound_features(found)

        def thumbnail() -> bytes:
            found = row('jpeg', 'thumbnail')
            return b'' if found is None else sound_thumbnail(found[0])

        return View(name, descriptor, self._optional('thumbnail', place_id, thumbnail) or b'',
                    self._optional('local_features', place_id, features) if self._new else None)

    def _calibrations(self, session: _Session, target: PlaceMap) -> None:
        if not self._new:
            return
        for number, name in self._cameras.values():
            def calibration(number: int = number, name: str = name) -> None:
                row = self._connection.execute(
                    f'SELECT {CALIBRATION_COLUMNS} FROM calibration '
                    'WHERE session = ? AND camera = ?', (session.number, number)).fetchone()
                if row is not None:
                    target.calibrate(session.name, sound_calibration(name, row))

            self._optional('calibration', None, calibration,
                           f'camera {name!r} on {session.name!r}')

    def _seeing(self) -> list[int]:
        """Return the numbers of the cameras that saw something, by an index of theirs alone."""
        return [number for number, in self._connection.execute(
            'SELECT DISTINCT camera FROM view') if type(number) is int]

    def _fact(self, key: str) -> Any:
        row = self._connection.execute('SELECT value FROM map WHERE key = ?', (key,)).fetchone()
        return None if row is None else row[0]

    def _readable(self, table: str, columns: str) -> dict[int, tuple[Any, ...]]:
        """Return the rows of a small table by their number, from both of its ends."""
        rows: dict[int, tuple[Any, ...]] = {}
        problem = None
        for order in ('number', 'number DESC'):
            try:
                for row in self._connection.execute(
                        f'SELECT {columns} FROM {table} ORDER BY {order}'):
                    rows[row[0]] = row
            except _Unreadable as error:
                problem = Problem(table, f'cannot be read whole: {error}')
        if problem is not None:
            self.result.lost.append(problem)
        return dict(sorted(rows.items()))

    def _optional(self, table: str, place_id: int | None, read: Callable[[], Any],
                  what: str = '') -> Any:
        """Return what is read, or None and a note where it cannot be."""
        try:
            return read()
        except (*_Unreadable, VprError) as error:
            self._lose(table, f'{what}: {error}' if what else str(error), place_id)
            return None

    def _lose(self, table: str, what: str, place_id: int | None = None) -> None:
        self.result.lost.append(Problem(table, what, place_id))
