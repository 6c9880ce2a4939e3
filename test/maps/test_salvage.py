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

"""What can be read of a damaged map is saved, exactly, and the rest is told."""

import sqlite3

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.check import check
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.salvage import salvage

PAGE = 4096


def spoil(path, *statements):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute('PRAGMA foreign_keys = OFF')
    for statement in statements:
        connection.execute(statement)
    connection.close()


def contents(path):
    """Return all places of a map by id, as values that compare."""
    with PlaceMap.open(path) as place_map:
        return {place_id: facts(place_map.place(place_id)) for place_id in place_map.place_ids()}


def facts(place):
    pose = place.T_map_base
    return (place.session, place.stamp_ns,
            None if pose is None else (pose.matrix().tobytes(), pose.covariance.tobytes()),
            tuple((view.camera, np.round(view.descriptor, 2).tobytes(), view.thumbnail,
                   None if view.local_features is None
                   else view.local_features.descriptors.tobytes()) for view in place.views))


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'saved.vprmap'


def test_all_of_a_map_that_is_whole(rich, out):
    told = []
    result = salvage(rich, out, told=lambda done, total: told.append((done, total)))
    assert (result.kept, result.lost) == (40, [])
    assert told[0] == (0, 40)
    assert contents(out) == contents(rich)
    assert list(check(out)) == []
    with PlaceMap.open(rich) as old, PlaceMap.open(out) as new:
        assert old.id != new.id
        assert old.network == new.network
        for mine, theirs in zip(old.sessions(), new.sessions(), strict=True):
            assert mine == theirs
            assert len(new.calibrations(theirs.name)) == 1


def test_every_page_in_turn(rich, out):
    """Whichever page is lost: it is noticed, and what is saved is what was there."""
    whole, before = rich.read_bytes(), contents(rich)
    kept = []
    for page in [*range(20), *range(20, len(whole) // PAGE, 4)]:  # the first are all different
        spoiled = bytearray(whole)
        spoiled[page * PAGE:(page + 1) * PAGE] = bytes([0xa5]) * PAGE
        rich.write_bytes(spoiled)
        assert next(check(rich), None) is not None, page
        try:
            result = salvage(rich, out)
        except VprError as error:
            assert 'nothing of ' in str(error)
            assert not out.exists()
            kept.append(0)
            continue
        # A page of an index costs nothing. Nor is it noticed, without checksums, which bytes of a
        # picture or of local features are not what they were.
        assert result.lost or result.kept == 40, page
        kept.append(result.kept)
        assert list(check(out)) == []
        for place_id, (session, stamp_ns, pose, views) in contents(out).items():
            truth = before[place_id]
            assert stamp_ns == truth[1]
            assert session == truth[0] or session.startswith('salvaged ')
            assert pose in (None, truth[2])
            assert {view[1] for view in views} <= {view[1] for view in truth[3]}
        out.unlink()
    # The header, the tables' descriptions and the facts of the map; all else costs a part.
    assert kept.count(0) <= 6
    assert sum(number == 40 for number in kept) > len(kept) / 3
    assert sorted(kept)[len(kept) // 2] >= 20


def test_a_file_that_was_cut_off(rich, out):
    whole, before = rich.read_bytes(), contents(rich)
    kept = []
    for size in range(len(whole) - PAGE, 20 * PAGE, -3 * PAGE + 100):
        rich.write_bytes(whole[:size])
        assert next(check(rich)).table == 'file'
        result = salvage(rich, out)
        assert result.lost
        kept.append(result.kept)
        assert {n: facts[1] for n, facts in contents(out).items()}.items() <= {
            n: facts[1] for n, facts in before.items()}.items()
        out.unlink()
    assert kept[0] >= 35
    assert kept == sorted(kept, reverse=True) or kept[0] > kept[-1]


def test_rows_that_make_no_sense_are_left_out(rich, out):
    with PlaceMap.open(rich) as place_map:
        ids = place_map.place_ids('monday')
    spoil(rich,
          f'UPDATE view SET descriptor = zeroblob(16) WHERE place = {ids[0]}',
          f'UPDATE view SET descriptor = zeroblob(16) WHERE place = {ids[1]} AND camera = 1',
          f"UPDATE place SET stamp_ns = 'noon' WHERE id = {ids[2]}",
          f'UPDATE place SET pose = zeroblob(3) WHERE id = {ids[3]}',
          f'UPDATE thumbnail SET jpeg = 7 WHERE place = {ids[4]} AND camera = 2',
          f'UPDATE local_features SET count = 3 WHERE place = {ids[5]} AND camera = 1',
          f'DELETE FROM place WHERE id = {ids[6]}',
          'UPDATE calibration SET width = 0 WHERE session = 1')
    result = salvage(rich, out)
    assert result.kept == 37
    assert {(p.table, p.place) for p in result.lost} == {
        ('view', ids[0]), ('place', ids[0]), ('view', ids[1]), ('place', ids[2]),
        ('place', ids[3]), ('thumbnail', ids[4]), ('local_features', ids[5]), ('place', ids[6]),
        ('calibration', None)}
    with PlaceMap.open(out) as place_map:
        assert place_map.place_ids('monday') == [n for n in ids if n not in (
            ids[0], ids[2], ids[6])]
        assert [view.camera for view in place_map.place(ids[1]).views] == ['rear']
        assert place_map.place(ids[3]).T_map_base is None
        assert place_map.thumbnail(ids[4], 'rear') is None
        assert place_map.place(ids[5]).views[0].local_features is None
        assert place_map.calibrations('monday') == []
        assert len(place_map.calibrations('tuesday')) == 1


def test_places_of_a_session_that_is_lost_keep_their_ids(rich, out):
    with PlaceMap.open(rich) as place_map:
        ids = place_map.place_ids('tuesday')
    spoil(rich, "DELETE FROM session WHERE name = 'tuesday'")
    result = salvage(rich, out)
    assert result.kept == 40
    with PlaceMap.open(out) as place_map:
        monday, other = place_map.sessions()
        assert other.name == f'salvaged {ids[0] >> 23:x}'
        assert place_map.place_ids(other.name) == ids


def test_what_is_saved_can_be_merged_back(rich, out):
    from vpr_ros.maps.merge import merge

    backup = rich.with_name('backup.vprmap')
    backup.write_bytes(rich.read_bytes())
    spoil(rich, "UPDATE place SET stamp_ns = 'noon' WHERE stamp_ns > 20")
    assert salvage(rich, out).kept == 36
    with PlaceMap.open(backup, writeable=True) as target, PlaceMap.open(out) as source:
        assert merge(target, source).places == 0
        assert len(target) == 40


def test_a_map_of_version_1_is_saved_too(rich, out):
    spoil(rich, 'DROP TABLE calibration', 'DROP TABLE local_features', 'PRAGMA user_version = 1',
          "DELETE FROM map WHERE key NOT IN ('uuid', 'network', 'created_ns', 'software', "
          "'descriptor_type', 'revision')",
          "UPDATE place SET stamp_ns = 'noon' WHERE stamp_ns = 3")
    result = salvage(rich, out)
    assert result.kept == 38
    assert len(result.lost) == 2
    with PlaceMap.open(out) as place_map:
        assert (place_map.frame, place_map.datum) == ('map', None)


@pytest.mark.parametrize('statement, text', [
    ("UPDATE map SET value = '{' WHERE key = 'network'", 'how its places are described'),
    ("DELETE FROM map WHERE key = 'descriptor_type'", 'descriptors of type None'),
    ('PRAGMA application_id = 7', 'is no map of vpr_ros'),
    ('PRAGMA user_version = 9', 'schema version 9'),
])
def test_what_cannot_be_saved(rich, out, statement, text):
    spoil(rich, statement)
    with pytest.raises(VprError, match=text):
        salvage(rich, out)
    assert not out.exists()


def test_what_made_local_features_is_kept(rich, out):
    with PlaceMap.open(rich, writeable=True) as place_map:
        place_map.set_calibration('{}')
    salvage(rich, out)
    with PlaceMap.open(out) as place_map:
        assert (place_map.local_kind, place_map.calibration) == ('sift', '{}')


@pytest.mark.parametrize('statement', [
    "DELETE FROM map WHERE key = 'local_features'", "UPDATE map SET value = '' WHERE "
    "key = 'local_features'"])
def test_local_features_whose_kind_is_lost(rich, out, statement):
    spoil(rich, statement)
    assert salvage(rich, out).kept == 40
    with PlaceMap.open(out) as place_map:
        assert place_map.local_kind == 'imported'


def test_a_view_in_the_place_of_a_table_is_not_run(rich, out):
    spoil(rich, 'DROP TABLE thumbnail', 'CREATE VIEW thumbnail AS WITH RECURSIVE n (x) AS '
          '(SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS jpeg, x AS place FROM n')
    with pytest.raises(VprError, match='thumbnail is a view, not a table'):
        salvage(rich, out)


def test_no_file_is_replaced(rich, out):
    out.write_bytes(b'mine')
    with pytest.raises(VprError, match='exists already'):
        salvage(rich, out)
    assert out.read_bytes() == b'mine'


def test_cameras_that_lost_their_names_keep_their_views(rich, out):
    spoil(rich, 'DELETE FROM camera WHERE number = 2')
    assert salvage(rich, out).kept == 40
    with PlaceMap.open(out) as place_map:
        assert place_map.cameras() == ['front', 'salvaged 2']
        assert len(place_map.place(place_map.place_ids()[0]).views) == 2
