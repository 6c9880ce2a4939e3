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

"""All that is wrong with a map is told, and nothing else."""

import sqlite3
import struct

import cv2
import numpy as np
import pytest
from vpr_ros.maps.check import check
from vpr_ros.maps.jpeg_header import jpeg_size
from vpr_ros.maps.place_map import PlaceMap

FLOAT16_NAN = struct.pack('<8e', *[float('nan')] * 8)
NO_POSE = struct.pack('<7d', *[0.0] * 7)
BAD_SPREAD = struct.pack('<36d', *[float('inf')] * 36)


def spoil(path, *statement):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute('PRAGMA foreign_keys = OFF')
    assert connection.execute(*statement).rowcount != 0
    connection.close()


def test_a_map_that_is_whole(rich):
    told = []
    assert list(check(rich, told=lambda done, total: told.append((done, total)))) == []
    rows = 2 + 2 + 2 + 40 + 3 * 80
    assert told[-1] == (rows, rows)
    assert [file.name for file in rich.parent.iterdir()] == [rich.name]


def test_a_map_without_places(path, identity):
    PlaceMap.create(path, identity).close()
    assert list(check(path)) == []


def test_a_map_that_another_process_changes(rich, new_place, jpeg):
    with PlaceMap.open(rich, writeable=True) as writer:
        writer.append('monday', [new_place(1000, thumbnail=jpeg)])
        assert list(check(rich)) == []


def test_a_map_that_grows_between_two_of_its_tables(rich, new_place, jpeg):
    with PlaceMap.open(rich, writeable=True) as writer:
        with writer.transaction():
            for number in range(997):  # with two sessions and a camera more it is told of 1000
                writer.add_session(f'{number}', source='test')
        grown = []

        def told(done, _):
            if done == 1000:
                grown.extend(writer.append('monday', [new_place(1000, thumbnail=jpeg)]))

        assert list(check(rich, told=told)) == []
        assert len(grown) == 1
        assert list(check(rich)) == []


@pytest.mark.parametrize('table, statement, text', [
    ('view', ('UPDATE view SET descriptor = ?', (FLOAT16_NAN,)), 'not L2-normalised'),
    ('view', ('UPDATE view SET descriptor = zeroblob(16)',), 'not L2-normalised'),
    ('view', ('UPDATE view SET descriptor = zeroblob(15)',), 'has 15 bytes, not 16'),
    ('view', ("UPDATE view SET descriptor = 'sixteen letters.'",), ''),
    ('place', ('UPDATE place SET pose = ?', (NO_POSE,)), 'quaternion'),
    ('place', ('UPDATE place SET pose = zeroblob(55)',), ''),
    ('place', ('UPDATE place SET covariance = zeroblob(280)',), 'reshape'),
    ('place', ('UPDATE place SET covariance = ?', (BAD_SPREAD,)), 'covariance is not finite'),
    ('place', ("UPDATE place SET stamp_ns = 'noon'",), "its stamp is 'noon'"),
    ('place', ('UPDATE place SET stamp_ns = 1.5',), 'its stamp is 1.5'),
    ('local_features', ('UPDATE local_features SET count = 8',), 'reshape'),
    ('local_features', ('UPDATE local_features SET count = -1',), '-1 local features'),
    ('local_features', ('UPDATE local_features SET scores = zeroblob(4)',), 'scores'),
    ('local_features', ('UPDATE local_features SET points = ?', (b'\xff' * 72,)), 'not finite'),
    ('local_features', ('UPDATE local_features SET encoding = 3',), '3 is not a valid'),
    ('local_features', ('UPDATE local_features SET depths = zeroblob(4)',), 'depths'),
    ('local_features', ('UPDATE local_features SET depths = ?', (b'\x00\xbc' * 9,)), 'negative'),
    ('thumbnail', ("UPDATE thumbnail SET jpeg = 'text'",), 'no picture'),
    ('thumbnail', ("UPDATE thumbnail SET jpeg = x'89504e47'",), 'no JPEG'),
    ('thumbnail', ('UPDATE thumbnail SET jpeg = substr(jpeg, 1, 400)',), 'a JPEG'),
], ids=lambda value: str(value)[:50])
def test_one_row(rich, table, statement, text):
    """Exactly the spoiled row is named."""
    key = 'id' if table == 'place' else 'place'
    with PlaceMap.open(rich) as place_map:
        place_id = place_map.place_ids()[7]
    sql, *values = statement
    camera = '' if table == 'place' else ' AND camera = 1'
    spoil(rich, f'{sql} WHERE {key} = {place_id}{camera}', *values)
    problem, = check(rich)
    assert (problem.table, problem.place) == (table, place_id)
    assert text in problem.what
    where = '' if table == 'place' else f', {table}'
    assert str(problem).startswith(f'place {place_id}{where}: ')


@pytest.mark.parametrize('statement, table, text', [
    ("UPDATE session SET name = x'ff' WHERE number = 1", 'session', 'has no name'),
    ("UPDATE session SET name = '' WHERE number = 1", 'session', 'has no name'),
    ('UPDATE session SET places_made = -1 WHERE number = 1', 'session', 'made -1 places'),
    ("UPDATE session SET created_ns = 'now' WHERE number = 1", 'session', "made at 'now'"),
    ("UPDATE camera SET name = '' WHERE number = 1", 'camera', "named ''"),
    ('UPDATE calibration SET width = 0 WHERE session = 1', 'calibration', 'size is positive'),
    ('UPDATE calibration SET matrix = zeroblob(71) WHERE session = 1', 'calibration', ''),
    ('UPDATE calibration SET mounting = zeroblob(56) WHERE session = 1', 'calibration', 'pose'),
    ("UPDATE calibration SET distortion = x'000000000000f87f' WHERE session = 1", 'calibration',
     'not finite'),
    ('DELETE FROM camera WHERE number = 2', 'view', '40 rows refer to a camera'),
    ('DELETE FROM session WHERE number = 2', 'place', '15 rows refer to a session'),
    ("UPDATE map SET value = 'x' WHERE key = 'network'", 'map', 'description cannot be read'),
    ("DELETE FROM map WHERE key = 'uuid'", 'map', "'uuid'"),
    ("UPDATE map SET value = '' WHERE key = 'local_features'", 'map', 'features of 80 views'),
    ('DROP TABLE thumbnail', 'file', 'tables missing: thumbnail'),
    ('PRAGMA user_version = 99', 'file', 'version 99'),
    ('PRAGMA application_id = 7', 'file', 'no map of vpr_ros'),
])
def test_what_all_places_share(rich, statement, table, text):
    spoil(rich, statement)
    problems = list(check(rich))
    assert any(problem.table == table and text in problem.what for problem in problems), problems


def test_counters_and_prefixes(rich):
    with PlaceMap.open(rich) as place_map:
        ids = place_map.place_ids('monday')
    spoil(rich, 'UPDATE session SET places_made = 23 WHERE number = 1')
    assert [(p.table, p.place) for p in check(rich)] == [('place', n) for n in ids[23:]]
    assert 'made 23 places, this is number 24' in next(check(rich)).what
    spoil(rich, 'UPDATE session SET places_made = 25 WHERE number = 1')
    spoil(rich, f'UPDATE place SET session = 2 WHERE id = {ids[3]}')
    problem, = check(rich)
    assert (problem.place, problem.what) == (ids[3], 'its id is of another session')


def test_a_place_that_no_camera_saw(rich):
    with PlaceMap.open(rich) as place_map:
        place_id = place_map.place_ids()[5]
    spoil(rich, f'DELETE FROM view WHERE place = {place_id}')
    assert [(p.table, p.place, p.what) for p in check(rich)] == [
        ('place', place_id, 'no camera saw it')]


def test_several_problems_are_all_told(rich):
    spoil(rich, "UPDATE place SET stamp_ns = 'noon' WHERE stamp_ns < 5")
    spoil(rich, 'UPDATE view SET descriptor = zeroblob(16) WHERE camera = 2')
    problems = list(check(rich))
    assert [problem.table for problem in problems] == ['place'] * 10 + ['view'] * 40
    assert len({problem.place for problem in problems}) == 40


def test_an_index_that_lacks_a_row(rich):
    """What only SQLite itself can know."""
    connection = sqlite3.connect(rich, isolation_level=None)
    connection.execute('PRAGMA writable_schema = ON')
    connection.execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX place_in_order ON place "
                       "(session, id)' WHERE name = 'place_in_order'")
    connection.close()
    assert any('missing from index place_in_order' in problem.what for problem in check(rich))


def test_no_map(tmp_path):
    problem, = check(tmp_path / 'none.vprmap')
    assert problem.table == 'file'


@pytest.mark.parametrize('options', [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
                                     (cv2.IMWRITE_JPEG_RST_INTERVAL, 1)])
def test_jpeg_headers(options):
    image = np.random.default_rng(0).integers(0, 256, (31, 47, 3), np.uint8)
    jpeg = cv2.imencode('.jpg', image, options)[1].tobytes()
    assert jpeg_size(jpeg) == (47, 31)
    assert jpeg_size(b'\xff\xd8\xff\xff' + jpeg[2:]) == (47, 31)  # filling is allowed
    for size in range(len(jpeg) - 1):
        with pytest.raises(ValueError, match='JPEG'):
            jpeg_size(jpeg[:size])


def test_hostile_jpeg_headers_end():
    rng = np.random.default_rng(1)
    for _ in range(2000):
        data = b'\xff\xd8\xff' + rng.integers(0, 256, 60, np.uint8).tobytes()
        try:
            width, height = jpeg_size(data)
        except ValueError:
            continue
        assert width > 0 < height
