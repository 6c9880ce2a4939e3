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

import sqlite3

import numpy as np
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.rows import DescriptorRows
from vpr_ros.maps.rows import features_from
from vpr_ros.maps.rows import pose_from
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.types import Place
from vpr_ros.types import View

__all__ = ['read_place', 'read_snapshot']

_POSE_BYTES = 7 * 8


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
        'SELECT camera, count, points, descriptors, scores FROM local_features WHERE place = ?',
        (place_id,))}
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


def read_snapshot(connection: sqlite3.Connection, descriptors: DescriptorRows, *, map_id: str,
                  revision: int, network: NetworkIdentity) -> Snapshot:
    """Return all places of one revision; whoever calls holds a transaction."""
    execute = connection.execute
    places = execute('SELECT id, session, stamp_ns, pose, covariance FROM place '
                     'ORDER BY session, stamp_ns, id').fetchall()
    sessions = dict(execute('SELECT number, name FROM session ORDER BY number'))
    cameras = dict(execute('SELECT number, name FROM camera ORDER BY number'))
    views = execute('SELECT place, camera, descriptor FROM view ORDER BY place, camera').fetchall()
    if any(place[0] <= 0 for place in places):
        raise ValueError('a place id is not positive')
    row_of = {place[0]: row for row, place in enumerate(places)}
    session_index = {number: n for n, number in enumerate(sessions)}
    camera_index = {number: n for n, number in enumerate(cameras)}
    return Snapshot(
        map_id=map_id, revision=revision, network=network,
        sessions=tuple(sessions.values()), cameras=tuple(cameras.values()),
        place_ids=np.array([p[0] for p in places], np.int64),
        stamps_ns=np.array([p[2] for p in places], np.int64),
        session_of=np.array([session_index[p[1]] for p in places], np.int64),
        poses=_poses([p[3] for p in places], [p[4] for p in places]),
        view_rows=np.array([row_of[v[0]] for v in views], np.int64),
        view_cameras=np.array([camera_index[v[1]] for v in views], np.int64),
        descriptors=descriptors.decode([v[2] for v in views]))


def _poses(poses: list[bytes | None], covariances: list[bytes | None]) -> Poses:
    values = np.full((len(poses), 7), np.nan)
    known = [row for row, pose in enumerate(poses) if pose is not None]
    if any(len(pose) != _POSE_BYTES for pose in poses if pose is not None):
        raise ValueError(f'a pose is not made of {_POSE_BYTES} bytes')
    values[known] = np.frombuffer(b''.join(filter(None, poses)), '<f8').reshape(-1, 7)
    if not (np.isfinite(values[known]).all()
            and (np.linalg.norm(values[known, 3:], axis=1) > 1e-9).all()):
        raise ValueError('a pose has a position that is not finite, or a quaternion of zeros')
    return Poses(values, {
        row: np.frombuffer(covariance, '<f8').reshape(6, 6)
        for row, covariance in enumerate(covariances) if covariance is not None})
