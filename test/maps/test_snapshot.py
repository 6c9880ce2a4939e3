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

"""A map in memory: order, rows and cameras."""

import sqlite3

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import Pose
from vpr_ros.types import View


def test_places_stand_in_driving_order_whatever_the_order_they_came_in(path, identity, new_place):
    with PlaceMap.create(path, identity, descriptor_type='float32') as place_map:
        place_map.add_session('monday', source='')
        place_map.add_session('tuesday', source='')
        wanted = {}
        for session, stamp in [('tuesday', 7), ('monday', 30), ('monday', 10), ('tuesday', 5),
                               ('monday', 20), ('monday', 10)]:
            place = new_place(stamp)
            place_id, = place_map.append(session, [place])
            wanted[place_id] = (session, stamp, place.views[0].descriptor)
        snapshot = place_map.snapshot()
    assert snapshot.sessions == ('monday', 'tuesday')
    assert snapshot.session_of.tolist() == [0, 0, 0, 0, 1, 1]
    assert snapshot.stamps_ns.tolist() == [10, 10, 20, 30, 5, 7]
    # Rows of views keep their place although places moved.
    for view, row in enumerate(snapshot.view_rows):
        session, stamp, descriptor = wanted[int(snapshot.place_ids[row])]
        assert snapshot.sessions[snapshot.session_of[row]] == session
        assert snapshot.stamps_ns[row] == stamp
        assert np.abs(snapshot.descriptors[view] - descriptor).max() < 1e-6
    assert sorted(snapshot.view_rows.tolist()) == list(range(6))


def test_several_cameras_of_a_place(path, identity, unit):
    front, rear, front2 = unit(3)
    with PlaceMap.create(path, identity, descriptor_type='float32') as place_map:
        place_map.add_session('monday', source='')
        ids = place_map.append('monday', [
            NewPlace(2, (View('rear', rear), View('front', front))),
            NewPlace(1, (View('front', front2),))])
        snapshot = place_map.snapshot()
    assert snapshot.place_ids.tolist() == ids[::-1]
    found = {(int(row), snapshot.cameras[camera]): descriptor for row, camera, descriptor in zip(
        snapshot.view_rows, snapshot.view_cameras, snapshot.descriptors, strict=True)}
    assert found.keys() == {(0, 'front'), (1, 'front'), (1, 'rear')}
    for key, wanted in {(0, 'front'): front2, (1, 'front'): front, (1, 'rear'): rear}.items():
        assert np.abs(found[key] - wanted).max() < 1e-6


def test_rows_of_places(path, identity, new_place):
    with PlaceMap.create(path, identity) as place_map:
        for session in 'abcdef':  # random prefixes: ids in no order
            place_map.add_session(session, source='')
            place_map.append(session, [new_place(n) for n in (3, 1, 2)])
        snapshot = place_map.snapshot()
    rows = np.random.default_rng(0).integers(0, 18, 50)
    assert snapshot.rows_of(snapshot.place_ids[rows]).tolist() == rows.tolist()
    assert snapshot.rows_of(np.zeros(0, np.int64)).tolist() == []
    known = int(snapshot.place_ids[4])
    unknown = [0, -1, 2 ** 63 - 1, int(snapshot.place_ids.max()) + 1]
    for place_id in unknown:
        with pytest.raises(KeyError, match='not all of .* are places of this map'):
            snapshot.rows_of(np.array([known, place_id]))


def test_an_empty_map(path, identity):
    with PlaceMap.create(path, identity) as place_map:
        snapshot = place_map.snapshot()
    assert len(snapshot) == 0
    assert snapshot.network == identity
    assert snapshot.descriptors.shape == (0, identity.dimension)
    assert len(snapshot.poses) == 0
    assert snapshot.rows_of(np.zeros(0, np.int64)).tolist() == []
    with pytest.raises(KeyError):
        snapshot.rows_of(np.array([1]))


def test_a_snapshot_does_not_follow_its_map(saved, new_place):
    with PlaceMap.open(saved, writeable=True) as place_map:
        before = place_map.snapshot()
        place_map.append('monday', [new_place(40)])
        after = place_map.snapshot()
    assert (len(before), len(after)) == (3, 4)
    assert after.revision == before.revision + 1


def test_views_of_a_place(path, identity, new_place, unit):
    with PlaceMap.create(path, identity) as place_map:
        for session in 'abc':
            place_map.add_session(session, source='')
            place_map.append(session, [
                NewPlace(n, tuple(View(camera, unit(1)[0]) for camera in cameras))
                for n, cameras in (
                    (3, ('front',)), (1, ('front', 'rear', 'left')), (2, ('rear',)))])
        snapshot = place_map.snapshot()
    for row in range(9):
        views = snapshot.views_of(row)
        assert views.tolist() == np.flatnonzero(snapshot.view_rows == row).tolist()
        assert len(views) == (3, 1, 1)[row % 3]  # by stamp


def test_what_is_to_become_of_descriptors_is_for_the_reader_to_say(saved):
    seen = []

    def keep(views):
        blocks = list(views.descriptors())
        seen.append((views.shape, views.place_ids.tolist(), views.cameras.tolist(),
                     views.camera_names))
        some = views.some(np.array([2, 0]))
        assert np.array_equal(some, np.concatenate(blocks)[[2, 0]])
        return np.concatenate(blocks).astype(np.float16)

    with PlaceMap.open(saved) as place_map:
        plain, kept = place_map.snapshot(), place_map.snapshot(keep)
    assert seen == [((3, 8), plain.place_ids.tolist(), [0, 0, 0], ('front',))]
    assert kept.descriptors.dtype == np.float16
    assert np.array_equal(kept.descriptors, plain.descriptors.astype(np.float16))


def test_more_descriptors_than_the_file_can_hold_are_refused_before_they_are_made_room_for(
        path, unit):
    wide = NetworkIdentity('test', '00', 900_000, Preprocessing(1, 1))
    with PlaceMap.create(path, wide) as place_map:
        place_map.add_session('monday', source='')
        connection = place_map._connection
        session, = connection.execute('SELECT number FROM session').fetchone()
        connection.execute("INSERT INTO camera (name) VALUES ('front')")
        connection.executemany('INSERT INTO place VALUES (?, ?, 0, NULL, NULL)',
                               [(n, session) for n in range(1, 5000)])
        connection.executemany("INSERT INTO view VALUES (?, 1, x'00')",
                               [(n,) for n in range(1, 5000)])
        with pytest.raises(VprError, match='4999 descriptors of 1800000 bytes do not fit'):
            place_map.snapshot()


def test_covariances_are_of_their_places(path, identity, new_place):
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        for stamp in 30, 10, 40, 20:
            spread = None if stamp in (20, 40) else stamp * np.eye(6)
            pose = None if stamp == 40 else Pose([stamp, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], spread)
            place_map.append('monday', [new_place(stamp, T_map_base=pose)])
        poses = place_map.snapshot().poses
    assert poses[3] is None
    assert [poses[row].position[0] for row in range(3)] == [10.0, 20.0, 30.0]
    assert poses[1].covariance is None
    assert np.array_equal(poses[0].covariance, 10 * np.eye(6))
    assert np.array_equal(poses[2].covariance, 30 * np.eye(6))


def test_places_that_the_order_lacks_are_no_noise(saved):
    """An index of SQLite without some of its rows."""
    connection = sqlite3.connect(saved, isolation_level=None)
    connection.execute('DROP INDEX place_in_order')
    connection.execute(
        'CREATE INDEX place_in_order ON place (session, stamp_ns) WHERE stamp_ns > 15')
    connection.execute('PRAGMA writable_schema = ON')
    connection.execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX place_in_order ON place "
                       "(session, stamp_ns)' WHERE name = 'place_in_order'")
    connection.close()
    with PlaceMap.open(saved) as place_map:
        with pytest.raises(VprError, match='2 places are in order, of 3'):
            place_map.snapshot()


def test_some_places_of_a_map_are_a_map(path, identity, unit):
    rng = np.random.default_rng(0)
    with PlaceMap.create(path, identity, descriptor_type='float16') as place_map:
        for session in ('monday', 'tuesday'):
            place_map.add_session(session, source='')
            place_map.append(session, [
                NewPlace(n, tuple(View(camera, unit(1)[0]) for camera in
                                  (['front', 'rear'] if n % 3 else ['rear'])),
                         Pose.from_xy_yaw(float(n), 0.0, 0.0) if n % 4 else None)
                for n in range(10)])
        whole = place_map.snapshot()
    for kept in rng.random((10, 20)) < 0.5:
        part = whole.only(kept)
        assert (part.map_id, part.revision, part.network, part.sessions, part.cameras) == (
            whole.map_id, whole.revision, whole.network, whole.sessions, whole.cameras)
        rows = np.flatnonzero(kept)
        assert len(part) == len(rows)
        assert len(part.descriptors) == sum(len(whole.views_of(row)) for row in rows)
        assert part.descriptors.dtype == np.float32
        for place, row in enumerate(rows):
            assert part.place_ids[place] == whole.place_ids[row]
            assert part.rows_of(whole.place_ids[[row]]).tolist() == [place]
            assert part.stamps_ns[place] == whole.stamps_ns[row]
            assert part.session_of[place] == whole.session_of[row]
            assert (part.poses[place] is None) == (whole.poses[row] is None)
            mine, its = part.views_of(place), whole.views_of(row)
            assert part.view_cameras[mine].tolist() == whole.view_cameras[its].tolist()
            assert np.array_equal(part.descriptors[mine],
                                  whole.descriptors[its].astype(np.float32))
    # The whole is what it was.
    assert whole.rows_of(whole.place_ids).tolist() == list(range(20))


def test_no_place_of_a_map_is_a_map_without_places(path, identity, new_place):
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        place_map.append('monday', [new_place(n) for n in range(3)])
        none = place_map.snapshot().only(np.zeros(3, bool))
    assert (len(none), none.descriptors.shape) == (0, (0, identity.dimension))
