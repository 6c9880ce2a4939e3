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

"""Maps of version 2 are read as they are, and become of this version where they may be changed."""

import sqlite3

import numpy as np
import pytest
from vpr_ros.maps import database
from vpr_ros.maps.check import check
from vpr_ros.maps.feature_store import FeatureStore
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.salvage import salvage

SCHEMA_2 = """
CREATE TABLE map (
    key TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
CREATE TABLE session (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    id_prefix INTEGER NOT NULL UNIQUE,
    created_ns INTEGER NOT NULL,
    places_made INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE camera (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE calibration (
    session INTEGER NOT NULL REFERENCES session (number) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    matrix BLOB NOT NULL,
    distortion_model TEXT NOT NULL,
    distortion BLOB NOT NULL,
    rectified INTEGER NOT NULL,
    mounting BLOB,
    PRIMARY KEY (session, camera)
) WITHOUT ROWID;
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
);
CREATE TABLE local_features (
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    count INTEGER NOT NULL,
    points BLOB NOT NULL,
    descriptors BLOB NOT NULL,
    scores BLOB NOT NULL,
    PRIMARY KEY (place, camera)
);
CREATE TABLE thumbnail (
    place INTEGER NOT NULL REFERENCES place (id) ON DELETE CASCADE,
    camera INTEGER NOT NULL REFERENCES camera (number),
    jpeg BLOB NOT NULL,
    PRIMARY KEY (place, camera)
);
"""
PREFIX = 77
FIRST = (PREFIX << 23) + 1
HALVES = np.arange(48).reshape(3, 16).astype('<f2') / 64


def make(path, identity, *, features):
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA_2)
    connection.executemany('INSERT INTO map VALUES (?, ?)', {
        'uuid': 'old-map', 'network': identity.to_json(), 'created_ns': 5,
        'software': 'vpr_ros 0.2.0', 'descriptor_type': 'float16', 'frame': 'map', 'datum': '',
        'revision': 3, 'state': 'a state'}.items())
    connection.execute("INSERT INTO session VALUES (1, 'monday', 'a bag', ?, 6, 2)", (PREFIX,))
    connection.execute("INSERT INTO camera VALUES (1, 'front')")
    for n in range(2):
        connection.execute('INSERT INTO place VALUES (?, 1, ?, NULL, NULL)',
                           (FIRST + n, 10 * (n + 1)))
        connection.execute('INSERT INTO view VALUES (?, 1, ?)',
                           (FIRST + n, np.eye(8, dtype='<f2')[n].tobytes()))
        if features:
            connection.execute('INSERT INTO local_features VALUES (?, 1, 3, ?, ?, ?)', (
                FIRST + n, np.ones((3, 2), '<f4').tobytes(), HALVES.tobytes(),
                np.ones(3, '<f2').tobytes()))
    connection.execute(f'PRAGMA application_id = {database.APPLICATION_ID}')
    connection.execute('PRAGMA user_version = 2')
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def old(path, identity):
    return make(path, identity, features=True)


def assert_is_the_old_map(place_map):
    assert (place_map.id, place_map.revision, place_map.state) == ('old-map', 3, 'a state')
    assert (place_map.local_kind, place_map.calibration) == ('imported', '')
    features = place_map.place(FIRST).views[0].local_features
    assert (features.descriptors == HALVES).all()
    assert features.depths is None


def test_version_2_is_read_without_being_touched(old):
    before = old.read_bytes()
    with PlaceMap.open(old) as place_map:
        assert_is_the_old_map(place_map)
    with FeatureStore(old) as store:
        assert (store.features(FIRST, 'front').descriptors == HALVES).all()
    assert list(check(old)) == []
    assert old.read_bytes() == before


def test_version_2_becomes_version_3_where_it_may_be_changed(old):
    with PlaceMap.open(old, writeable=True) as place_map:
        assert_is_the_old_map(place_map)
    with PlaceMap.open(old) as place_map:
        assert_is_the_old_map(place_map)
    connection = sqlite3.connect(old)
    assert connection.execute('PRAGMA user_version').fetchone() == (3,)
    assert connection.execute('SELECT DISTINCT encoding, depths FROM local_features').fetchall(
        ) == [(0, None)]  # no row was written anew
    connection.close()


def test_version_2_without_local_features_may_get_any(path, identity):
    with PlaceMap.open(make(path, identity, features=False), writeable=True) as place_map:
        assert place_map.local_kind == ''
        place_map.set_local_kind('network')
        assert place_map.local_kind == 'network'


def test_version_2_is_salvaged(old):
    out = old.with_name('saved.vprmap')
    result = salvage(old, out)
    assert (result.kept, result.lost) == (2, [])
    with PlaceMap.open(out) as place_map:
        assert place_map.local_kind == 'imported'
        found = place_map.place(FIRST).views[0].local_features.descriptors
    cosines = (found * HALVES).sum(axis=1) / np.linalg.norm(HALVES.astype(np.float32), axis=1)
    assert cosines == pytest.approx(1.0, abs=1e-4)
