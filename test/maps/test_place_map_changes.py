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

"""Places move, leave and are adopted; sessions are calibrated; old files become new ones."""

from dataclasses import replace
import sqlite3
import struct

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps import database
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Camera
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import View


def rows(path, query):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.fixture
def town(saved):
    """Return the map of ``saved`` open to change, with a second session, yet empty."""
    with PlaceMap.open(saved, writeable=True) as place_map:
        place_map.add_session('tuesday', source='')
        yield place_map


@pytest.fixture
def features():
    """Return a function that makes n local features, with what is kept so in half precision."""
    rng = np.random.default_rng(4)

    def make(n, dimension=16):
        descriptors = rng.standard_normal((n, dimension)).astype(np.float32)
        return LocalFeatures(
            (rng.random((n, 2)) * 500).astype(np.float32),
            descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True),
            rng.random(n).astype(np.float16), rng.uniform(1, 50, n).astype(np.float16))

    return make


# Removing


def test_removing_takes_all_of_a_place_away(saved, features, unit):
    view = View('front', unit(1)[0], b'picture', features(3))
    with PlaceMap.open(saved, writeable=True) as place_map:
        place_map.set_local_kind('sift')
        place_map.append('monday', [NewPlace(40, (view,))])
        first, second, third, fourth = place_map.place_ids()
        assert place_map.remove([second, fourth]) == 2
        assert place_map.place_ids() == [first, third]
        with pytest.raises(VprError, match=f'has no place {second}$'):
            place_map.place(second)
    for table in ('view', 'thumbnail', 'local_features'):
        assert rows(saved, f'SELECT DISTINCT place FROM {table} ORDER BY place') == (
            [] if table == 'local_features' else [(first,), (third,)])


def test_an_unknown_place_stops_a_removal(saved):
    with PlaceMap.open(saved, writeable=True) as place_map:
        before, ids = place_map.state, place_map.place_ids()
        with pytest.raises(VprError, match=r'town\.vprmap has no place 7 to remove'):
            place_map.remove([ids[0], 7])
        # Twice is once too often.
        with pytest.raises(VprError, match=f'has no place {ids[0]} to remove'):
            place_map.remove([ids[0], ids[0]])
        assert (place_map.place_ids(), place_map.state) == (ids, before)


def test_removing_a_session(town, new_place):
    town.append('tuesday', [new_place(50), new_place(60)])
    town.calibrate('tuesday', Camera('front', 640, 480, np.eye(3)))
    assert town.remove_session('tuesday') == 2
    assert [session.name for session in town.sessions()] == ['monday']
    assert town.snapshot().stamps_ns.tolist() == [10, 20, 30]
    assert rows(town.path, 'SELECT count(*) FROM calibration') == [(0,)]
    with pytest.raises(VprError, match="no session 'tuesday'"):
        town.remove_session('tuesday')
    town.add_session('tuesday', source='')  # its name is free again
    assert town.place_ids('tuesday') == []


# Moving


def test_places_move_and_forget_where_they_are(saved):
    rng = np.random.default_rng(5)
    pose = Pose(rng.standard_normal(3), rng.standard_normal(4), rng.standard_normal((6, 6)))
    with PlaceMap.open(saved, writeable=True) as place_map:
        first, second, third = place_map.place_ids()
        place_map.update_poses({second: pose, third: pose})
        place_map.update_poses({third: None})
        moved = place_map.place(second)
        assert (moved.T_map_base.position == pose.position).all()
        assert (moved.T_map_base.quaternion == pose.quaternion).all()
        assert (moved.T_map_base.covariance == pose.covariance).all()
        assert place_map.snapshot().poses.known.tolist() == [False, True, False]
        session, = place_map.sessions()
        assert (session.places, session.posed) == (3, 1)
        # A pose without covariance leaves none of the old one.
        place_map.update_poses({second: Pose(np.ones(3))})
        assert place_map.place(second).T_map_base.covariance is None


def test_an_unknown_place_stops_an_update(saved):
    with PlaceMap.open(saved, writeable=True) as place_map:
        first, *_ = place_map.place_ids()
        with pytest.raises(VprError, match='has no place 7 to move'):
            place_map.update_poses({first: Pose(np.ones(3)), 7: Pose(np.ones(3))})
        assert not place_map.snapshot().poses.known.any()


# Adopting


def test_adopted_places_are_what_they_were(tmp_path, identity, unit, features):
    pose = Pose(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 0.6, 0.8]), np.eye(6))
    views = (View('front', unit(1)[0], b'ahead', features(5)), View('rear', unit(1)[0]))
    with PlaceMap.create(tmp_path / 'a.vprmap', identity) as source, \
            PlaceMap.create(tmp_path / 'b.vprmap', identity) as target:
        source.add_session('monday', source='')
        source.set_local_kind('sift')
        target.set_local_kind('sift')
        ids = source.append('monday', [NewPlace(n, views, pose) for n in (10, 20)])
        info, = source.sessions()
        target.add_session('renamed', source='', id_prefix=info.id_prefix,
                           created_ns=info.created_ns)
        assert target.adopt('renamed', map(source.place, ids)) == 2
        assert target.place_ids() == ids
        for place_id in ids:
            mine, theirs = target.place(place_id), source.place(place_id)
            assert (mine.id, mine.stamp_ns, mine.session) == (
                theirs.id, theirs.stamp_ns, 'renamed')
            assert (mine.T_map_base.matrix() == pose.matrix()).all()
            assert (mine.T_map_base.covariance == np.eye(6)).all()
            for got, wanted in zip(mine.views, theirs.views, strict=True):
                assert (got.camera, got.thumbnail) == (wanted.camera, wanted.thumbnail)
                assert (got.descriptor == wanted.descriptor).all()
            assert (mine.views[0].local_features.points == views[0].local_features.points).all()
            assert mine.views[1].local_features is None
        # The same again is refused, whole.
        before = target.state
        with pytest.raises(VprError, match='cannot change the map .*UNIQUE'):
            target.adopt('renamed', map(source.place, ids))
        assert (target.state, len(target)) == (before, 2)


def test_ids_go_on_after_adopted_ones(town, new_place):
    ids = town.append('tuesday', [new_place(n) for n in (50, 60, 70)])
    places = [town.place(place_id) for place_id in ids]
    prefix = town.sessions()[1].id_prefix
    town.remove_session('tuesday')
    town.add_session('tuesday', source='', id_prefix=prefix)
    town.adopt('tuesday', places[1:2], made=0)  # the count of the ids themselves counts
    assert town.append('tuesday', [new_place(80)]) == [ids[2]]
    assert town.adopt('tuesday', places[:1], made=7) == 1
    assert town.append('tuesday', [new_place(90)]) == [ids[0] + 7]
    assert town.sessions()[1].made == 8


def test_a_place_of_another_session_is_not_adopted(town, new_place, unit):
    stranger = Place(town.place_ids()[0], 1, 'tuesday', None, (View('front', unit(1)[0]),))
    with pytest.raises(ValueError, match="of another session than 'tuesday'"):
        town.adopt('tuesday', [stranger])


def test_two_sessions_have_two_prefixes(town):
    prefix = town.sessions()[0].id_prefix
    with pytest.raises(VprError, match=r'UNIQUE constraint failed: session\.id_prefix'):
        town.add_session('wednesday', source='', id_prefix=prefix)


@pytest.mark.parametrize('prefix', [-1, 1 << 40, 'a', 1.0, True])
def test_a_prefix_that_makes_no_ids(town, prefix):
    with pytest.raises(VprError, match=f"of session 'b' cannot begin with {prefix!r}: .* 40 bits"):
        town.add_session('b', source='', id_prefix=prefix)
    town.add_session('b', source='', id_prefix=(1 << 40) - 1)


# Calibration and local features


def test_calibrations_stay_with_their_session(town):
    rng = np.random.default_rng(6)
    front = Camera('front', 640, 480, rng.random((3, 3)), 'plumb_bob', rng.random(5), True,
                   Pose(rng.random(3), rng.random(4)))
    rear = Camera('rear', 320, 240, rng.random((3, 3)))
    town.calibrate('monday', rear)
    town.calibrate('monday', Camera('front', 1, 1, np.eye(3)))
    town.calibrate('monday', front)  # instead of the earlier one
    town.calibrate('tuesday', rear)
    assert [camera.name for camera in town.calibrations('tuesday')] == ['rear']
    found, other = town.calibrations('monday')
    for got, wanted in ((found, front), (other, rear)):
        assert (got.name, got.width, got.height, got.distortion_model, got.rectified) == (
            wanted.name, wanted.width, wanted.height, wanted.distortion_model, wanted.rectified)
        assert (got.matrix == wanted.matrix).all()
        assert (got.distortion == wanted.distortion).all()
    assert (found.T_base_optical.matrix() == front.T_base_optical.matrix()).all()
    assert other.T_base_optical is None
    with pytest.raises(VprError, match="no session 'friday'"):
        town.calibrate('friday', rear)


@pytest.mark.parametrize('count', [0, 1, 100])
def test_local_features_survive(saved, unit, features, count):
    given = features(count)
    with PlaceMap.open(saved, writeable=True) as place_map:
        place_map.set_local_kind('sift')
        place_id, = place_map.append('monday', [
            NewPlace(40, (View('front', unit(1)[0], local_features=given),))])
    with PlaceMap.open(saved) as place_map:
        found = place_map.place(place_id).views[0].local_features
    assert found.points.shape == (count, 2)
    assert len(found.descriptors) == count
    for name in ('points', 'scores', 'depths'):
        assert getattr(found, name).tobytes() == getattr(given, name).tobytes()
    if count:
        assert (found.descriptors * given.descriptors).sum(axis=1).min() > 0.9999


def test_local_features_are_of_one_kind(saved, unit, features):
    place = NewPlace(40, (View('front', unit(1)[0], local_features=features(2)),))
    with PlaceMap.open(saved, writeable=True) as place_map:
        assert place_map.local_kind == ''
        with pytest.raises(VprError, match='does not say what makes local features'):
            place_map.append('monday', [place])
        place_map.set_local_kind('sift')
        place_map.set_local_kind('orb')  # nothing is there yet
        place_id, = place_map.append('monday', [place])
        before = place_map.state
        place_map.set_local_kind('orb')
        assert place_map.state == before
        for other in ('sift', ''):
            with pytest.raises(VprError, match="holds local features of the kind 'orb'"):
                place_map.set_local_kind(other)
        place_map.remove([place_id])
        place_map.set_local_kind('network')
    with PlaceMap.open(saved) as place_map:
        assert place_map.local_kind == 'network'


def test_a_calibration_of_probabilities_leaves_indexes_as_they_are(saved):
    with PlaceMap.open(saved, writeable=True) as place_map:
        before = place_map.state, place_map.revision
        assert place_map.calibration == ''
        place_map.set_calibration('{"slope": 7}')
        assert (place_map.state, place_map.revision) == before
        with pytest.raises(RuntimeError), place_map.transaction():
            place_map.set_calibration('{}')
            raise RuntimeError
    with PlaceMap.open(saved) as place_map:
        assert place_map.calibration == '{"slope": 7}'
        with pytest.raises(VprError, match='opened to read'):
            place_map.set_calibration('')


# Transactions


def test_several_changes_are_one(town, new_place):
    revision = town.revision
    with town.transaction():
        town.append('tuesday', [new_place(50)])
        town.remove(town.place_ids('monday')[:1])
        with town.transaction():
            town.calibrate('monday', Camera('front', 640, 480, np.eye(3)))
        assert len(town.snapshot()) == 3  # it sees what it did, others do not
        with PlaceMap.open(town.path) as reader:
            assert reader.snapshot().stamps_ns.tolist() == [10, 20, 30]
    assert town.revision == revision + 1
    assert town.snapshot().stamps_ns.tolist() == [20, 30, 50]


def test_an_error_takes_all_of_a_transaction_back(town, new_place):
    before = town.state
    with pytest.raises(RuntimeError, match='the robot fell'), town.transaction():
        town.append('tuesday', [new_place(50)])
        town.remove_session('monday')
        raise RuntimeError('the robot fell')
    assert town.state == before
    assert town.snapshot().stamps_ns.tolist() == [10, 20, 30]


def test_a_refused_part_is_taken_back_and_the_rest_goes_on(town, new_place):
    with town.transaction():
        town.append('tuesday', [new_place(50)])
        with pytest.raises(VprError, match='at least one view'):
            town.append('tuesday', [new_place(60), NewPlace(70, ())])
        with pytest.raises(VprError, match='cannot change the map .*too large'):
            town.append('tuesday', [new_place(60), new_place(2 ** 63)])
        with pytest.raises(VprError, match='no place 7'):
            town.remove([town.place_ids('monday')[0], 7])
        town.append('tuesday', [new_place(80)])
    assert town.snapshot().stamps_ns.tolist() == [10, 20, 30, 50, 80]
    assert town.sessions()[1].made == 2


def test_what_comes_after_a_full_disk_is_not_kept_on_its_own(town, new_place):
    """There SQLite takes the transaction back, and would begin another one silently."""
    before = town.state
    pages, = town._connection.execute('PRAGMA page_count').fetchone()
    with pytest.raises(VprError, match='an earlier part of this change failed'):
        with town.transaction():
            town._connection.execute(f'PRAGMA max_page_count = {pages}')
            with pytest.raises(VprError, match='disk is full'):
                town.append('tuesday', [new_place(n, thumbnail=b'x' * 9000)
                                        for n in range(50, 60)])
            town._connection.execute('PRAGMA max_page_count = 100000')
            town.append('tuesday', [new_place(80)])
    assert town.state == before
    assert town.snapshot().stamps_ns.tolist() == [10, 20, 30]


def test_a_full_disk_that_nobody_minds_is_told_in_the_end(town, new_place):
    before = town.state, town.revision
    pages, = town._connection.execute('PRAGMA page_count').fetchone()
    with pytest.raises(VprError, match='took all of it back .*disk is full'):
        with town.transaction():
            town._connection.execute(f'PRAGMA max_page_count = {pages}')
            with pytest.raises(VprError, match='disk is full'):
                town.append('tuesday', [new_place(n, thumbnail=bytes(50_000)) for n in range(9)])
            assert not town._connection.in_transaction
    assert (town.state, town.revision) == before


def test_several_reads_see_one_state(saved, new_place):
    with PlaceMap.open(saved, writeable=True) as writer, PlaceMap.open(saved) as reader:
        with reader.one_state():
            assert len(reader) == 3
            writer.append('monday', [new_place(40)])
            assert len(reader) == len(reader.snapshot()) == len(reader.stamps('monday')) == 3
        assert list(reader.stamps('monday').values()) == [10, 20, 30, 40]
        assert list(reader.stamps('monday')) == reader.place_ids('monday')


# What tells one content from another


def test_the_state_changes_with_every_change_and_reading_leaves_it(town, new_place):
    first, *_ = town.place_ids()
    changes = [
        lambda: town.append('tuesday', [new_place(50)]),
        lambda: town.calibrate('monday', Camera('front', 640, 480, np.eye(3))),
        lambda: town.update_poses({first: None}),
        lambda: town.remove([first]),
        lambda: town.remove_session('monday'),
        lambda: town.add_session('wednesday', source=''),
    ]
    seen = [town.state]
    for change in changes:
        change()
        town.snapshot()
        town.sessions()
        assert town.state == town.state
        seen.append(town.state)
    assert len(set(seen)) == len(changes) + 1
    assert town.revision == 3 + len(changes)


def test_copies_that_change_apart_differ_in_state(saved, new_place):
    copy = saved.with_name('copy.vprmap')
    copy.write_bytes(saved.read_bytes())
    facts = []
    for path in (saved, copy):
        with PlaceMap.open(path, writeable=True) as place_map:
            before = place_map.state
            place_map.append('monday', [new_place(40)])
            facts.append((place_map.id, place_map.revision, before, place_map.state))
    mine, theirs = facts
    assert mine[:3] == theirs[:3]
    assert mine[3] != theirs[3]


def test_frame_and_datum_are_kept(path, identity):
    datum = Datum(47.3769, 8.5417, 408.25)
    with PlaceMap.create(path, identity, frame='zurich', datum=datum):
        pass
    with PlaceMap.open(path) as place_map:
        assert (place_map.frame, place_map.datum) == ('zurich', datum)


# Files of version 1

SCHEMA_1 = """
CREATE TABLE map (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE session (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    id_prefix INTEGER NOT NULL UNIQUE,
    created_ns INTEGER NOT NULL,
    places_made INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE camera (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE place (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session (number),
    stamp_ns INTEGER NOT NULL,
    pose BLOB,
    covariance BLOB
);
CREATE INDEX place_in_order ON place (session, stamp_ns);
CREATE TABLE view (
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    descriptor BLOB NOT NULL,
    PRIMARY KEY (place, camera)
) WITHOUT ROWID;
CREATE TABLE thumbnail (
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    jpeg BLOB NOT NULL,
    PRIMARY KEY (place, camera)
) WITHOUT ROWID;
"""
PREFIX = 77
FIRST = (PREFIX << 23) + 1


@pytest.fixture
def old(path, identity):
    """Return a map of version 1, as the release before wrote it, with two places."""
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA_1)
    connection.executemany('INSERT INTO map VALUES (?, ?)', {
        'uuid': 'old-map', 'network': identity.to_json(), 'created_ns': 5,
        'software': 'vpr_ros 0.1.0', 'descriptor_type': 'float16', 'revision': 3}.items())
    connection.execute("INSERT INTO session VALUES (1, 'monday', 'a bag', ?, 6, 2)", (PREFIX,))
    connection.execute("INSERT INTO camera VALUES (1, 'front')")
    pose = struct.pack('<7d', 1, 2, 3, 0, 0, 0, 1)
    for n in range(2):
        connection.execute('INSERT INTO place VALUES (?, 1, ?, ?, NULL)',
                           (FIRST + n, 10 * (n + 1), pose if n else None))
        connection.execute('INSERT INTO view VALUES (?, 1, ?)',
                           (FIRST + n, np.eye(8, dtype='<f2')[n].tobytes()))
        connection.execute('INSERT INTO thumbnail VALUES (?, 1, ?)', (FIRST + n, b'picture'))
    connection.execute(f'PRAGMA application_id = {database.APPLICATION_ID}')
    connection.execute('PRAGMA user_version = 1')
    connection.commit()
    connection.close()
    return path


def assert_is_the_old_map(place_map):
    assert (place_map.id, place_map.revision, place_map.created_ns) == ('old-map', 3, 5)
    assert (place_map.frame, place_map.datum) == ('map', None)
    assert len(place_map.state) == 16
    snapshot = place_map.snapshot()
    assert snapshot.place_ids.tolist() == [FIRST, FIRST + 1]
    assert (snapshot.descriptors == np.eye(8)[:2]).all()
    assert snapshot.poses.known.tolist() == [False, True]
    assert place_map.thumbnail(FIRST) == b'picture'
    assert place_map.calibrations('monday') == []
    assert place_map.place(FIRST).views[0].local_features is None


def test_an_old_map_is_read_without_being_touched(old):
    before = old.read_bytes()
    with PlaceMap.open(old) as place_map:
        assert_is_the_old_map(place_map)
        with pytest.raises(VprError, match='opened to read'):
            place_map.remove([FIRST])
    assert old.read_bytes() == before
    assert [file.name for file in old.parent.iterdir()] == [old.name]


def test_an_old_map_becomes_a_new_one_when_it_may_be_changed(old, new_place, features, unit):
    with PlaceMap.open(old, writeable=True) as place_map:
        assert_is_the_old_map(place_map)
        place_map.calibrate('monday', Camera('front', 640, 480, np.eye(3)))
        place_map.set_local_kind('sift')
        view = View('front', unit(1)[0], local_features=features(2))
        assert place_map.append('monday', [NewPlace(30, (view,))]) == [FIRST + 2]
        assert place_map.revision == 6
    assert rows(old, 'PRAGMA user_version') == [(3,)]
    assert rows(old, 'PRAGMA integrity_check') == [('ok',)]
    with PlaceMap.open(old) as place_map:
        assert len(place_map) == 3


def test_an_old_map_has_the_schema_of_a_new_one(old, identity):
    PlaceMap.open(old, writeable=True).close()
    new = old.with_name('new.vprmap')
    PlaceMap.create(new, identity).close()

    def schema(path):
        columns = 'SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_schema m, ' \
                  'pragma_table_xinfo(m.name) c ORDER BY m.name, c.cid'
        links = 'SELECT m.name, f."from", f."table", f."to", f.on_delete FROM sqlite_schema m, ' \
                'pragma_foreign_key_list(m.name) f ORDER BY 1, 2'
        return rows(path, columns), rows(path, links)

    assert schema(old) == schema(new)
    assert len(schema(new)[0]) > 30


@pytest.mark.parametrize('at', range(4))
def test_an_interrupted_migration_leaves_version_1(old, monkeypatch, at):
    """The process is stopped before each statement of the migration in turn."""
    before = rows(old, 'SELECT key, value FROM map'), rows(old, 'SELECT name FROM sqlite_schema')
    genuine, done = database._execute, []

    class Interrupting:

        def __init__(self, connection):
            self._connection = connection

        def execute(self, statement):
            if len(done) == at:
                raise KeyboardInterrupt
            done.append(statement)
            return self._connection.execute(statement)

    with monkeypatch.context() as patch:
        patch.setattr(database, '_execute', lambda connection, script: genuine(
            Interrupting(connection), script))
        with pytest.raises(KeyboardInterrupt):
            PlaceMap.open(old, writeable=True)
    assert len(done) == at
    assert rows(old, 'PRAGMA user_version') == [(1,)]
    assert before == (rows(old, 'SELECT key, value FROM map'),
                      rows(old, 'SELECT name FROM sqlite_schema'))
    with PlaceMap.open(old, writeable=True) as place_map:
        assert_is_the_old_map(place_map)


# Copies


def test_a_copy_is_a_map_of_its_own(saved, new_place):
    out, told = saved.with_name('copy.vprmap'), []
    with PlaceMap.open(saved, writeable=True) as place_map:
        place_map.locate('zurich', Datum(47.0, 8.0))
        place_map.copy(out, told=lambda left, total: told.append((left, total)))
        place_map.append('monday', [new_place(40)])
        with PlaceMap.open(out, writeable=True) as copy:
            assert copy.id != place_map.id
            assert copy.state != place_map.state
            assert (copy.frame, copy.datum) == ('zurich', Datum(47.0, 8.0))
            assert copy.network == place_map.network
            assert copy.snapshot().stamps_ns.tolist() == [10, 20, 30]
            assert copy.thumbnail(copy.place_ids()[0]) == b'picture'
            # Both go on by themselves, with the same next id.
            copy.append('monday', [new_place(50)])
            assert copy.place_ids() == place_map.place_ids()
    assert told[-1][0] == 0 < told[-1][1]
    assert sorted(file.name for file in out.parent.iterdir()) == [out.name, saved.name]


def test_a_copy_of_a_map_that_others_change(saved, new_place):
    """What is in the log of another process comes along."""
    out = saved.with_name('copy.vprmap')
    with PlaceMap.open(saved, writeable=True) as writer, PlaceMap.open(saved) as reader:
        writer.append('monday', [new_place(40)])
        reader.copy(out)
    with PlaceMap.open(out) as copy:
        assert copy.snapshot().stamps_ns.tolist() == [10, 20, 30, 40]


def test_a_copy_replaces_nothing(saved):
    out = saved.with_name('copy.vprmap')
    out.write_bytes(b'mine')
    with PlaceMap.open(saved) as place_map:
        with pytest.raises(VprError, match=r'copy\.vprmap exists already'):
            place_map.copy(out)
        with pytest.raises(VprError, match='cannot copy the map to .*none'):
            place_map.copy(saved.parent / 'none' / 'copy.vprmap')
    assert out.read_bytes() == b'mine'


def test_an_old_map_is_copied_as_a_new_one(old):
    out = old.with_name('copy.vprmap')
    with PlaceMap.open(old) as place_map:
        place_map.copy(out)
    assert rows(old, 'PRAGMA user_version') == [(1,)]
    assert rows(out, 'PRAGMA user_version') == [(3,)]


@pytest.mark.parametrize('kind', ['float16', 'float32'])
def test_what_was_read_can_be_written_again_bit_by_bit(tmp_path, identity, unit, kind):
    wide = replace(identity, dimension=256)
    with PlaceMap.create(tmp_path / 'a', wide, descriptor_type=kind) as first, \
            PlaceMap.create(tmp_path / 'b', wide, descriptor_type=kind) as second:
        descriptors = unit(200, 256)
        for place_map in (first, second):
            place_map.add_session('monday', source='')
            place_map.append('monday', [
                NewPlace(n, (View('front', d),)) for n, d in enumerate(descriptors)])
            descriptors = place_map.snapshot().descriptors
        assert (first.snapshot().descriptors == descriptors).all()


def test_a_rolled_back_frame_is_the_old_one(saved):
    with PlaceMap.open(saved, writeable=True) as place_map:
        with pytest.raises(RuntimeError), place_map.transaction():
            place_map.locate('zurich', Datum(47.0, 8.0))
            assert place_map.frame == 'zurich'
            raise RuntimeError
        assert (place_map.frame, place_map.datum) == ('map', None)
