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

"""
Between a robot's own map and the one it shares.

The robot's file is the truth of what it drove, and the outbox at the same time: a place is
accepted once it is committed there, and an upload sends what the server lacks of it, as often as
it takes. Nothing has to be remembered of uploads that broke off.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.maps.fleet.collections import FleetFacts
from vpr_ros.maps.fleet.fleet_map import FleetMap
from vpr_ros.maps.fleet.rows import FleetSession
from vpr_ros.maps.fleet.rows import pose_columns
from vpr_ros.maps.fleet.rows import view_key
from vpr_ros.maps.fleet.rows import view_row
from vpr_ros.maps.frames import between_datums
from vpr_ros.maps.frames import moved
from vpr_ros.maps.ids import split_id
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.types import Place
from vpr_ros.types import Pose

__all__ = ['download', 'facts_of', 'remove_dropped', 'upload']


def facts_of(place_map: PlaceMap) -> FleetFacts:
    """Return what a shared map is that begins with this map."""
    return FleetFacts(place_map.network, place_map.id, place_map.frame, place_map.datum)


def upload(place_map: PlaceMap, fleet: FleetMap, *, sessions: Sequence[str] = (),
           same_frame: bool = False) -> Iterator[tuple[int, int]]:
    """
    Send what the shared map lacks of a map, and places that have moved since.

    Yields how many places were compared and how many of them were sent since the last time; these
    are found by every search from then on. Where the server goes away for good, or this process
    is killed, the next upload goes on.

    :param sessions: names of traverses; all of them where none is given.
    :param same_frame: whether poses are in the frame of the shared map although no datum says so.
    """
    if place_map.network != fleet.facts.network:
        differences = fleet.facts.network.differences(
            place_map.network, 'in the fleet map', f'in {place_map.path}')
        raise VprError(f'{place_map.path} and {fleet.title} were described by different networks, '
                       f'their places cannot be compared: {differences}')
    with place_map.one_state():
        snapshot = place_map.snapshot()
        chosen = _chosen(place_map, sessions)
    T_fleet_map = None if same_frame else _frame_change(place_map, fleet, snapshot)
    views = np.split(np.argsort(snapshot.view_rows, kind='stable'),
                     np.searchsorted(np.sort(snapshot.view_rows), np.arange(1, len(snapshot))))
    number_of = {name: number for number, name in enumerate(snapshot.sessions)}
    for session in chosen:
        fleet.write_session(session)
        rows = np.flatnonzero(snapshot.session_of == number_of[session.name])
        for start in range(0, len(rows), fleet.batch):
            part = rows[start:start + fleet.batch]
            held = fleet.held(snapshot.place_ids[part].tolist())
            lacking = [row for at in part for row in _lacking(
                snapshot, int(at), views[at], held, T_fleet_map, place_map, fleet)]
            fleet.write(lacking)
            yield len(part), len({row['place_id'] for row in lacking})


def remove_dropped(place_map: PlaceMap, fleet: FleetMap, *, sessions: Sequence[str] = ()) -> int:
    """Remove what a map does without now of its sessions, and return how many places."""
    count = 0
    for session in _chosen(place_map, sessions):
        kept = set(place_map.place_ids(session.name))
        count += fleet.remove(set(fleet.place_ids(session)) - kept)
    return count


def download(fleet: FleetMap, place_map: PlaceMap, place_ids: Sequence[int]) -> Iterator[int]:
    """
    Add places of the shared map to a map, which keep their ids; yields how many were dealt with.

    What the map has already stays as it is there.

    :param place_map: of the same network, with its poses in the frame of the shared map.
    """
    if place_map.network != fleet.facts.network:
        raise VprError(f'{place_map.path} was described by another network than {fleet.title}: '
                       'pull into a new file')
    names = {info.id_prefix: info.name for info in place_map.sessions()}
    held = set(place_map.place_ids())
    for start in range(0, len(place_ids), fleet.batch):
        part = place_ids[start:start + fleet.batch]
        coming: dict[int, list[Place]] = {}
        for place in fleet.places([place_id for place_id in part if place_id not in held]):
            coming.setdefault(split_id(place.id)[0], []).append(place)
        with place_map.transaction():
            for prefix, places in coming.items():
                session = fleet.session_of(places[0].id)
                if prefix not in names:
                    names[prefix] = _join(session, place_map, set(names.values()))
                place_map.adopt(names[prefix], places, made=session.made)
        yield len(part)


def _join(session: FleetSession, place_map: PlaceMap, taken: set[str]) -> str:
    """Add a session, and return its name: sessions of several robots may share one."""
    name, number = session.name, 1
    while name in taken:
        number += 1
        name = f'{session.name} ({number})'
    place_map.add_session(name, source=session.source, id_prefix=session.id_prefix,
                          created_ns=session.created_ns)
    for camera in session.calibrations:
        place_map.calibrate(name, camera)
    return name


def _chosen(place_map: PlaceMap, names: Sequence[str]) -> list[FleetSession]:
    infos = {info.name: info for info in place_map.sessions()}
    for name in names:
        if name not in infos:
            raise unknown_name('session', name, infos)
    return [FleetSession(info.id_prefix, info.name, info.source, info.created_ns, info.made,
                         tuple(place_map.calibrations(info.name)))
            for info in infos.values() if not names or info.name in names]


def _frame_change(place_map: PlaceMap, fleet: FleetMap, snapshot: Snapshot) -> Pose | None:
    """Return T_fleet_map, None where both are one frame; VprError where nobody knows."""
    mine, theirs = place_map.datum, fleet.facts.datum
    if mine == theirs and (mine is not None or place_map.id == fleet.facts.map_id):
        return None
    if not snapshot.poses.known.any():
        return None
    if mine is not None and theirs is not None:
        return between_datums(theirs, mine)
    raise VprError(f'where the poses of {place_map.path} are in {fleet.title} is not known, for '
                   'one of them has no datum: give --same-frame where both use one frame')


def _lacking(snapshot: Snapshot, at: int, views: Iterable[int],
             held: dict[str, tuple[int, str]], T_fleet_map: Pose | None, place_map: PlaceMap,
             fleet: FleetMap) -> Iterator[dict[str, Any]]:
    """Yield the rows that the shared map lacks, or has elsewhere, of a place."""
    place_id, stamp_ns = int(snapshot.place_ids[at]), int(snapshot.stamps_ns[at])
    pose = snapshot.poses[at]
    if pose is not None and T_fleet_map is not None:
        pose = moved(T_fleet_map, pose)
    where = pose_columns(pose)
    for view in views:
        camera = snapshot.cameras[snapshot.view_cameras[view]]
        there = held.get(view_key(place_id, camera))
        if there is not None and there[0] != stamp_ns:
            session = snapshot.sessions[snapshot.session_of[at]]
            raise VprError(
                f'session {session!r} was continued in {place_map.path} and in another copy of '
                f'it: place {place_id} was seen at {stamp_ns} ns here and at {there[0]} ns in '
                f'{fleet.title}; remove the session from one of them')
        if there is None or there[1] != where['pose']:
            yield view_row(place_id, stamp_ns, camera, snapshot.descriptors[view], where)
