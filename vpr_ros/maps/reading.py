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

"""Reading places from the tables of a map."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import sqlite3
from typing import Any
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.feature_rows import FEATURE_COLUMNS
from vpr_ros.maps.feature_rows import features_from
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.rows import DescriptorRows
from vpr_ros.maps.rows import pose_from
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.types import Place
from vpr_ros.types import View

__all__ = ['in_memory', 'Keep', 'read_place', 'read_snapshot', 'StoredViews']

_POSE_BYTES = 7 * 8
# Rows that are in memory at once; a map may have more than fit.
_ROWS_AT_ONCE = 4096


def read_place(connection: sqlite3.Connection, place_id: int,
               descriptors: DescriptorRows) -> Place | None:
    """Return a place with all that its views hold; ValueError or TypeError for a damaged one."""
    row = connection.execute(
        'SELECT p.stamp_ns, s.name, p.pose, p.covariance FROM place p '
        'JOIN session s ON s.number = p.session WHERE p.id = ?', (place_id,)).fetchone()
    if row is None:
        return None
    stamp_ns, session, pose, covariance = row
    if type(stamp_ns) is not int:
        raise ValueError(f'the stamp of place {place_id} is no number')
    features = {camera: features_from(values) for camera, *values in connection.execute(
        f'SELECT camera, {FEATURE_COLUMNS} FROM local_features WHERE place = ?', (place_id,))}
    views = []
    for number, camera, descriptor, jpeg in connection.execute(
            'SELECT c.number, c.name, v.descriptor, t.jpeg FROM view v '
            'JOIN camera c ON c.number = v.camera '
            'LEFT JOIN thumbnail t ON t.place = v.place AND t.camera = v.camera '
            'WHERE v.place = ? ORDER BY c.number', (place_id,)):
        if not isinstance(jpeg, bytes | None):
            raise ValueError(f'the thumbnail of place {place_id} is no picture')
        decoded, = descriptors.decode([descriptor])
        views.append(View(camera, decoded, jpeg or b'', features.get(number)))
    return Place(place_id, stamp_ns, session, pose_from(pose, covariance), tuple(views))


class StoredViews:
    """
    The V views of one state of a map, by place id and camera; valid while it is being read.

    :param camera_names: all cameras of the map.
    :ivar place_ids: (V,) int64.
    :ivar cameras: (V,) int64, index into ``camera_names``.
    """

    def __init__(self, connection: sqlite3.Connection, rows: DescriptorRows, *, map_id: str,
                 state: str, cameras: dict[int, str]) -> None:
        self.map_id = map_id
        self.state = state
        self.camera_names = tuple(cameras.values())
        self._connection = connection
        self._rows = rows
        count, = connection.execute('SELECT count(*) FROM view').fetchone()
        pages, = connection.execute('PRAGMA page_count').fetchone()
        page_size, = connection.execute('PRAGMA page_size').fetchone()
        if count * rows.size > pages * page_size:
            raise ValueError(f'{count} descriptors of {rows.size} bytes do not fit into the file')
        keys = np.empty((count, 2), np.int64)
        # The primary key is an index of these columns, so that no descriptor is touched.
        for at, block in _blocks(connection.execute(
                'SELECT place, camera FROM view ORDER BY place, camera')):
            keys[at:at + len(block)] = block
        self.place_ids, self._numbers = keys.T.copy()
        self.cameras = _positions(np.array(list(cameras), np.int64), self._numbers, 'camera')

    @property
    def shape(self) -> tuple[int, int]:
        """Return (V, D) of all descriptors."""
        return len(self.place_ids), self._rows.dimension

    def descriptors(self) -> Iterator[NDArray[np.float32]]:
        """Yield all descriptors in order, some rows (n, D) at a time."""
        read = 0
        for _, block in _blocks(self._connection.execute(
                'SELECT descriptor FROM view ORDER BY place, camera')):
            read += len(block)
            yield self._rows.decode([blob for blob, in block])
        if read != len(self.place_ids):
            raise ValueError(f'{read} descriptors of {len(self.place_ids)} views')

    def some(self, views: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the descriptors (n, D) of n views."""
        blobs = [self._connection.execute(
            'SELECT descriptor FROM view WHERE place = ? AND camera = ?',
            (int(self.place_ids[view]), int(self._numbers[view]))).fetchone()[0]
            for view in views]
        return self._rows.decode(blobs)


# What becomes of descriptors that are read: returns all of them, (V, D) float32 or float16.
Keep: TypeAlias = Callable[[StoredViews], NDArray[Any]]


def in_memory(views: StoredViews) -> NDArray[np.float32]:
    """Return all descriptors (V, D)."""
    descriptors = np.empty(views.shape, np.float32)
    at = 0
    for block in views.descriptors():
        descriptors[at:at + len(block)] = block
        at += len(block)
    return descriptors


def read_snapshot(connection: sqlite3.Connection, descriptors: DescriptorRows, *, map_id: str,
                  revision: int, state: str, network: NetworkIdentity, keep: Keep) -> Snapshot:
    """Return all places of one revision; whoever calls holds a transaction."""
    execute = connection.execute
    sessions = dict(execute('SELECT number, name FROM session ORDER BY number'))
    cameras = dict(execute('SELECT number, name FROM camera ORDER BY number'))
    count, known = execute('SELECT count(*), count(covariance) FROM place').fetchone()
    places = np.empty((3, count), np.int64)
    values = np.empty((count, 7))
    covariances, covered = np.empty((known, 6, 6)), np.empty(known, np.int64)
    read = known = 0
    for at, rows in _blocks(execute('SELECT id, session, stamp_ns, pose, covariance FROM place '
                                    'ORDER BY session, stamp_ns, id')):
        ids, numbers, stamps, poses, spreads = zip(*rows, strict=True)
        places[:, at:at + len(rows)] = ids, numbers, stamps
        values[at:at + len(rows)] = _pose_values(poses)
        read += len(rows)
        for row, spread in enumerate(spreads, at):
            if spread is not None and known < len(covered):
                covariances[known] = np.frombuffer(spread, '<f8').reshape(6, 6)
                covered[known] = row
                known += 1
    # The order stands in an index, which may be damaged.
    if read != count or known != len(covered):
        raise ValueError(f'{read} places are in order, of {count}')
    if (places[0] <= 0).any():
        raise ValueError('a place id is not positive')
    views = StoredViews(connection, descriptors, map_id=map_id, state=state, cameras=cameras)
    by_id = np.argsort(places[0])
    return Snapshot(
        map_id=map_id, revision=revision, network=network,
        sessions=tuple(sessions.values()), cameras=views.camera_names,
        place_ids=places[0], stamps_ns=places[2],
        session_of=_positions(np.array(list(sessions), np.int64), places[1], 'session'),
        poses=Poses(values, covariances, covered),
        view_rows=by_id[_positions(places[0][by_id], views.place_ids, 'place')],
        view_cameras=views.cameras, descriptors=keep(views))


def _blocks(cursor: sqlite3.Cursor) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows of a query some at a time, with the number of those before."""
    at = 0
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield at, rows
        at += len(rows)


def _positions(known: NDArray[np.int64], wanted: NDArray[np.int64],
               what: str) -> NDArray[np.int64]:
    """Return where each wanted number stands among known, sorted ones."""
    found = np.searchsorted(known, wanted)
    if len(wanted) and (not len(known) or
                        (known[np.minimum(found, len(known) - 1)] != wanted).any()):
        raise ValueError(f'a row names a {what} that is not there')
    return np.asarray(found, np.int64)


def _pose_values(poses: tuple[bytes | None, ...]) -> NDArray[np.float64]:
    """Return (n, 7), a line of NaN where there is no pose."""
    values = np.full((len(poses), 7), np.nan)
    known = [row for row, pose in enumerate(poses) if pose is not None]
    if any(len(pose) != _POSE_BYTES for pose in poses if pose is not None):
        raise ValueError(f'a pose is not made of {_POSE_BYTES} bytes')
    values[known] = np.frombuffer(b''.join(filter(None, poses)), '<f8').reshape(-1, 7)
    if not (np.isfinite(values[known]).all()
            and (np.linalg.norm(values[known, 3:], axis=1) > 1e-9).all()):
        raise ValueError('a pose has a position that is not finite, or a quaternion of zeros')
    return values
