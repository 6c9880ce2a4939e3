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

"""Files from outside are hostile: whatever is wrong with one, the error names it."""

import json
import os
from pathlib import Path
import sqlite3
import struct
import tempfile

import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps import database
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Pose


def spoil(path, *statements):
    """Change a map as only somebody with bad intentions, or a bad disk, would."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute('PRAGMA foreign_keys = OFF')
    for statement in statements:
        connection.execute(*statement if isinstance(statement, tuple) else (statement,))
    connection.close()


def read_all(path):
    """Do everything that reads a map."""
    with PlaceMap.open(path) as place_map:
        snapshot = place_map.snapshot()
        place_map.sessions()
        place_map.cameras()
        assert len(place_map) == len(snapshot)
        for place_id in snapshot.place_ids.tolist():
            place_map.thumbnail(place_id)
        return snapshot


def test_no_file(tmp_path):
    with pytest.raises(VprError, match=r'no map at .*none\.vprmap: build one with "vpr_ros map'):
        PlaceMap.open(tmp_path / 'none.vprmap')
    with pytest.raises(VprError, match='no map at'):
        PlaceMap.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('content', [b'# a text\n' * 500, b'SQLite format 3\0 but no more', b'x'])
def test_a_file_of_another_kind(path, content):
    path.write_bytes(content)
    for writeable in (False, True):
        with pytest.raises(VprError, match=r'town\.vprmap is no map of vpr_ros'):
            PlaceMap.open(path, writeable=writeable)
    assert path.read_bytes() == content


def test_an_empty_file_or_another_database(path):
    path.touch()
    with pytest.raises(VprError, match=r'town\.vprmap is no map .* is 0x0,'):
        PlaceMap.open(path)
    spoil(path, 'CREATE TABLE messages (id INTEGER)', 'PRAGMA application_id = 0x1234')
    before = path.read_bytes()
    for writeable in (False, True):
        with pytest.raises(VprError, match=r'town\.vprmap is no map .* is 0x1234,'):
            PlaceMap.open(path, writeable=writeable)
    assert path.read_bytes() == before  # nobody else's file is touched


@pytest.mark.parametrize('version', [0, database.SCHEMA_VERSION + 1])
def test_another_schema_version(saved, version):
    spoil(saved, f'PRAGMA user_version = {version}')
    with pytest.raises(VprError, match=rf'town\.vprmap has schema version {version}, .* reads'):
        PlaceMap.open(saved)


@pytest.mark.parametrize('table', ['map', 'session', 'camera', 'place', 'view', 'thumbnail'])
def test_a_missing_table(saved, table):
    spoil(saved, f'DROP TABLE {table}')
    with pytest.raises(VprError, match=rf'town\.vprmap is damaged: tables missing: {table}$'):
        PlaceMap.open(saved)


def test_a_table_that_is_a_view(saved):
    spoil(saved, 'DROP TABLE thumbnail', 'CREATE VIEW thumbnail AS SELECT * FROM view')
    with pytest.raises(VprError, match='tables missing: thumbnail'):
        PlaceMap.open(saved)


@pytest.mark.parametrize('table', ['session', 'camera', 'place', 'view', 'thumbnail'])
def test_a_table_with_other_columns(saved, table):
    spoil(saved, f'DROP TABLE {table}', f'CREATE TABLE {table} (other TEXT)')
    with pytest.raises(VprError, match=r'town\.vprmap cannot be read, it may be damaged'):
        read_all(saved)


def test_a_truncated_file(saved):
    whole = saved.read_bytes()
    assert len(read_all(saved)) == 3
    for size in range(0, len(whole), 1000):
        saved.write_bytes(whole[:size])
        with pytest.raises(VprError, match=r'town\.vprmap'):
            read_all(saved)


def test_flipped_bytes_are_refused_or_harmless(saved):
    """No flipped byte brings anything but the map or an error that names it."""
    whole = saved.read_bytes()
    refused = 0
    for at in range(100, len(whole), 97):
        spoiled = bytearray(whole)
        spoiled[at] ^= 0xff
        saved.write_bytes(spoiled)
        try:
            read_all(saved)
        except VprError as error:
            assert 'town.vprmap' in str(error)
            refused += 1
    assert refused > 10


@pytest.mark.parametrize('key', [
    'uuid', 'network', 'created_ns', 'software', 'descriptor_type', 'revision', 'local_features',
    'calibration'])
def test_a_missing_fact(saved, key):
    spoil(saved, ('DELETE FROM map WHERE key = ?', (key,)))
    with pytest.raises(VprError, match=rf"town\.vprmap is damaged: .*'{key}'"):
        PlaceMap.open(saved)


@pytest.mark.parametrize('key, value', [
    ('created_ns', 'yesterday'), ('revision', 'many'), ('revision', b'\xff'),
    ('descriptor_type', 'int8'), ('descriptor_type', 'O'),
])
def test_a_fact_that_makes_no_sense(saved, key, value):
    spoil(saved, ('UPDATE map SET value = ? WHERE key = ?', (value, key)))
    with pytest.raises(VprError, match=r'town\.vprmap is damaged: its description'):
        PlaceMap.open(saved)


IMAGE = {'height': 32, 'width': 64, 'mean': [0, 0, 0], 'std': [1, 1, 1]}
NETWORK = {'name': 'test', 'weights_hash': 'abc', 'dimension': 8, 'preprocessing': IMAGE}


@pytest.mark.parametrize('text', [
    '', '{', '[]', 'null', '{}', '[' * 100_000, '"gem"',
    json.dumps({**NETWORK, 'preprocessing': []}),
    json.dumps({**NETWORK, 'preprocessing': {**IMAGE, 'mean': [0, 0]}}),
    json.dumps({**NETWORK, 'preprocessing': {**IMAGE, 'std': 'abc'}}),
    json.dumps({**NETWORK, 'preprocessing': {**IMAGE, 'height': None}}),
    json.dumps({**NETWORK, 'surprise': 1}),
    json.dumps({**NETWORK, 'dimension': '8'}),
    json.dumps({**NETWORK, 'dimension': 8.0}),
    json.dumps({**NETWORK, 'dimension': True}),
    json.dumps({**NETWORK, 'dimension': 0}),
    json.dumps({**NETWORK, 'dimension': -8}),
    json.dumps({**NETWORK, 'dimension': 10 ** 12}),
    json.dumps(NETWORK).replace('8', '9' * 5000),
])
def test_a_hostile_network(saved, text):
    spoil(saved, ("UPDATE map SET value = ? WHERE key = 'network'", (text,)))
    with pytest.raises(VprError, match=r'town\.vprmap is damaged: its description'):
        PlaceMap.open(saved)


def test_an_honest_network_of_other_size_does_not_fit_the_descriptors(saved):
    spoil(saved, ("UPDATE map SET value = ? WHERE key = 'network'",
                  (json.dumps({**NETWORK, 'dimension': 9}),)))
    with PlaceMap.open(saved) as place_map:
        with pytest.raises(VprError, match=r'town\.vprmap .* has 16 bytes, not 18'):
            place_map.snapshot()


FLOAT16_NAN = struct.pack('<8e', *[float('nan')] * 8)


@pytest.mark.parametrize('statement', [
    ('UPDATE view SET descriptor = ?', (b'\0' * 15,)),
    ('UPDATE view SET descriptor = ?', (b'',)),
    ('UPDATE view SET descriptor = ?', (b'\0' * 16,)),  # all zero has no direction
    ('UPDATE view SET descriptor = ?', (FLOAT16_NAN,)),
    ('UPDATE view SET descriptor = ?', ('sixteen letters.',)),
    ('UPDATE view SET descriptor = ?', (16,)),
    ('UPDATE view SET camera = 77',),
    ('UPDATE view SET place = place + 1000',),
    ('UPDATE place SET session = 77',),
    ("UPDATE place SET stamp_ns = 'noon'",),
    ('UPDATE place SET id = -id',),
    ('DELETE FROM session',),
    ('DELETE FROM camera',),
    ('UPDATE place SET pose = ?', (b'\0' * 55,)),
    ('UPDATE place SET pose = ?', (b'\0' * 48,)),
    ('UPDATE place SET pose = ?', (b'\0' * 56,)),  # a quaternion of zeros
    ('UPDATE place SET pose = ?', (struct.pack('<7d', *[float('nan')] * 7),)),
    ('UPDATE place SET pose = ?', ('here',)),
    ('UPDATE place SET pose = 5',),
    ('UPDATE place SET pose = ?, covariance = ?', (struct.pack('<7d', 0, 0, 0, 0, 0, 0, 1),
                                                   b'\0' * 280)),
    ('UPDATE thumbnail SET jpeg = 1000000000',),
    ("UPDATE thumbnail SET jpeg = 'text'",),
], ids=lambda s: ' '.join(map(str, s))[:70])
def test_rows_that_make_no_sense(saved, statement):
    spoil(saved, statement)
    with pytest.raises(VprError, match=r'town\.vprmap'):
        read_all(saved)


def test_a_pose_is_read_as_the_schema_says(saved):
    """The pair of the test above: the same statement with honest bytes works."""
    spoil(saved, ('UPDATE place SET pose = ?, covariance = ?',
                  (struct.pack('<7d', 1, 2, 3, 0, 0, 0, 1), struct.pack('<36d', *range(36)))))
    pose = read_all(saved).poses[0]
    assert isinstance(pose, Pose)
    assert pose.position.tolist() == [1, 2, 3]
    assert pose.covariance[1].tolist() == [6, 7, 8, 9, 10, 11]


def test_names_with_special_characters_stay_names(tmp_path, identity):
    path = tmp_path / 'a map?mode=memory#50%.vprmap'
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
    with PlaceMap.open(path) as place_map:
        assert [s.name for s in place_map.sessions()] == ['monday']
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def as_somebody_without_rights(work):
    """Return what ``work`` returns or raises in a process that may not write what is not its."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            if os.getuid() == 0:  # whom no permission stops
                os.setgid(65534)
                os.setuid(65534)
            try:
                answer = str(work())
            except BaseException as error:
                answer = f'{type(error).__name__}: {error}'
            os.write(write_end, answer.encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def read_only(saved):
    """Return a function that puts files into a folder where only reading is allowed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def make(files, mode=0o555):
            for file in files:
                (folder / file.name).write_bytes(file.read_bytes())
                (folder / file.name).chmod(0o444)
            folder.chmod(mode)
            return folder / saved.name

        yield make
        folder.chmod(0o755)


def stamps(path):
    with PlaceMap.open(path) as place_map:
        return place_map.snapshot().stamps_ns.tolist()


def test_a_read_only_folder(saved, read_only):
    path = read_only([saved])
    assert as_somebody_without_rights(lambda: stamps(path)) == '[10, 20, 30]'
    answer = as_somebody_without_rights(lambda: PlaceMap.open(path, writeable=True))
    assert answer == (f'VprError: no permission to change the map {path}: open it to read, or '
                      'copy it')


def test_a_log_in_a_read_only_folder_is_not_skipped(saved, read_only, new_place):
    """As left by a robot that lost power, on a disk that is now only read."""
    with PlaceMap.open(saved, writeable=True) as place_map:
        place_map.append('monday', [new_place(40)])
        files = list(saved.parent.iterdir())
        assert len(files) == 3
        path = read_only(files)
        assert as_somebody_without_rights(lambda: stamps(path)) == '[10, 20, 30, 40]'


def test_a_log_that_cannot_be_read_is_an_error_not_an_older_map(saved, read_only, new_place):
    with PlaceMap.open(saved, writeable=True) as place_map:
        place_map.append('monday', [new_place(40)])
        files = [file for file in saved.parent.iterdir() if not file.name.endswith('-shm')]
        path = read_only(files)
        answer = as_somebody_without_rights(lambda: stamps(path))
        assert answer.startswith('VprError: ')
        assert str(path) in answer


def test_a_folder_that_takes_no_files(saved, read_only, identity):
    path = read_only([saved]).with_name('other.vprmap')
    answer = as_somebody_without_rights(lambda: PlaceMap.create(path, identity))
    assert answer.startswith(f'VprError: cannot make {path}: ')
