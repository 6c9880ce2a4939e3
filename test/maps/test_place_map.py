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

"""What goes into a map comes out of it."""

import sqlite3

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.check import check
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Pose
from vpr_ros.types import View


def beside(path):
    return sorted(file.name for file in path.parent.iterdir())


def test_life_of_a_map(path, identity, new_place):
    with PlaceMap.create(path, identity) as place_map:
        map_id = place_map.id
        assert (len(place_map), place_map.revision, place_map.sessions()) == (0, 0, [])
        place_map.add_session('monday', source='monday.mcap')
        first = place_map.append('monday', [new_place(10), new_place(20)])
    assert beside(path) == ['town.vprmap']

    with PlaceMap.open(path, writeable=True) as place_map:
        second = place_map.append('monday', [new_place(30)])
        place_map.add_session('tuesday', source='tuesday.mcap')
    assert beside(path) == ['town.vprmap']

    with PlaceMap.open(path) as place_map:
        assert place_map.id == map_id
        assert place_map.network == identity
        assert place_map.descriptor_type == 'float16'
        assert place_map.software.startswith('vpr_ros ')
        assert len(place_map) == 3
        monday, tuesday = place_map.sessions()
        assert (monday.name, monday.source, monday.places) == ('monday', 'monday.mcap', 3)
        assert (monday.first_ns, monday.last_ns) == (10, 30)
        assert (tuesday.name, tuesday.places, tuesday.first_ns) == ('tuesday', 0, None)
        assert place_map.cameras() == ['front']
        snapshot = place_map.snapshot()
        assert snapshot.place_ids.tolist() == first + second
        assert snapshot.stamps_ns.tolist() == [10, 20, 30]
        assert (snapshot.map_id, snapshot.revision) == (map_id, place_map.revision)
    assert beside(path) == ['town.vprmap']


def test_every_change_raises_the_revision_and_reading_does_not(path, identity, new_place):
    with PlaceMap.create(path, identity) as place_map:
        seen = [place_map.revision]
        place_map.add_session('monday', source='')
        seen.append(place_map.revision)
        place_map.append('monday', [new_place(1), new_place(2)])
        seen.append(place_map.revision)
        place_map.append('monday', [new_place(3)])
        seen.append(place_map.revision)
        place_map.snapshot()
        place_map.sessions()
        assert seen == [0, 1, 2, 3]
        assert place_map.revision == 3


def test_an_existing_file_or_a_missing_folder_is_refused(saved, identity):
    before = saved.read_bytes()
    with pytest.raises(VprError, match='town.vprmap exists already'):
        PlaceMap.create(saved, identity)
    assert saved.read_bytes() == before
    with pytest.raises(VprError, match='its folder does not exist'):
        PlaceMap.create(saved.parent / 'none' / 'a.vprmap', identity)


def test_an_unknown_descriptor_type_leaves_no_file(path, identity):
    with pytest.raises(ValueError, match="float16 or float32, got 'int8'"):
        PlaceMap.create(path, identity, descriptor_type='int8')
    assert beside(path) == []


def test_ids_are_positive_unique_over_maps_and_no_row_numbers(tmp_path, identity, new_place):
    ids = []
    for name in ('a', 'b'):
        with PlaceMap.create(tmp_path / f'{name}.vprmap', identity) as place_map:
            for session in ('monday', 'tuesday'):
                place_map.add_session(session, source='')
                ids += place_map.append(session, [new_place(n) for n in range(5)])
                ids += place_map.append(session, [new_place(n) for n in range(5)])
    assert len(set(ids)) == len(ids) == 40
    assert all(0 < place_id < 2 ** 63 for place_id in ids)
    # Four sessions below 2^32 have the chance (2^-31)^4.
    assert max(ids) > 2 ** 32


def test_ids_of_a_session_go_on_after_reopening(path, identity, new_place):
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        first = place_map.append('monday', [new_place(1), new_place(2)])
    with PlaceMap.open(path, writeable=True) as place_map:
        second = place_map.append('monday', [new_place(3)])
        assert second == [first[-1] + 1]
        assert place_map.snapshot().place_ids.tolist() == first + second


def test_the_id_of_a_place_that_was_removed_comes_never_again(saved, new_place):
    with PlaceMap.open(saved) as place_map:
        ids = place_map.snapshot().place_ids.tolist()
    connection = sqlite3.connect(saved)
    with connection:
        connection.execute('DELETE FROM view WHERE place = ?', ids[-1:])
        connection.execute('DELETE FROM thumbnail WHERE place = ?', ids[-1:])
        connection.execute('DELETE FROM place WHERE id = ?', ids[-1:])
    connection.close()
    with PlaceMap.open(saved, writeable=True) as place_map:
        more = place_map.append('monday', [new_place(40), new_place(50)])
        assert more == [ids[-1] + 1, ids[-1] + 2]
        assert place_map.snapshot().place_ids.tolist() == ids[:-1] + more


def test_a_refused_place_takes_no_id(saved, new_place):
    with PlaceMap.open(saved, writeable=True) as place_map:
        last = place_map.snapshot().place_ids.tolist()[-1]
        with pytest.raises(VprError, match='at least one view'):
            place_map.append('monday', [new_place(40), NewPlace(50, ())])
        assert place_map.append('monday', [new_place(40)]) == [last + 1]


@pytest.mark.parametrize('made', [-1, 'many', 1.5])
def test_a_count_that_makes_no_sense(saved, new_place, made):
    connection = sqlite3.connect(saved)
    with connection:
        connection.execute('UPDATE session SET places_made = ?', (made,))
    connection.close()
    with PlaceMap.open(saved, writeable=True) as place_map:
        with pytest.raises(VprError, match=r"town\.vprmap is damaged: session 'monday'"):
            place_map.append('monday', [new_place(40)])
        assert len(place_map) == 3


def test_a_full_session_is_said_to_be_full(saved, new_place):
    connection = sqlite3.connect(saved)
    with connection:
        connection.execute('UPDATE session SET places_made = ?', (2 ** 23 - 2,))
    connection.close()
    with PlaceMap.open(saved, writeable=True) as place_map:
        with pytest.raises(VprError, match="session 'monday' is full"):
            place_map.append('monday', [new_place(40), new_place(50)])
        last, = place_map.append('monday', [new_place(40)])
        place_map.add_session('tuesday', source='')
        assert last not in place_map.append('tuesday', [new_place(50)])


def test_sessions_need_a_new_name_and_to_be_there(path, identity, new_place):
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        with pytest.raises(VprError, match="town.vprmap has a session 'monday' already"):
            place_map.add_session('monday', source='')
        with pytest.raises(VprError, match='a session needs a name'):
            place_map.add_session('', source='')
        with pytest.raises(VprError, match="no session 'tuesday': add it first"):
            place_map.append('tuesday', [new_place(1)])
        assert place_map.revision == 1
        assert [s.name for s in place_map.sessions()] == ['monday']


def bad_places(unit):
    one = unit(1)[0]
    with_nan = one.copy()
    with_nan[3] = np.nan
    return {
        'wrong dimension': (View('front', unit(1, 7)[0]),),
        'NaN': (View('front', with_nan),),
        'infinite': (View('front', np.full(8, np.inf, np.float32)),),
        'too long': (View('front', one * 1.5),),
        'zero': (View('front', one * 0),),
        'no view': (),
        'two views of a camera': (View('front', one), View('front', one)),
    }


@pytest.mark.parametrize('what, text', [
    ('wrong dimension', r'8 dimensions, got shape \(7,\)'),
    ('NaN', 'finite and L2-normalised'),
    ('infinite', 'finite and L2-normalised'),
    ('too long', r'L2-normalised, got norm 1\.500'),
    ('zero', r'L2-normalised, got norm 0\.000'),
    ('no view', 'at least one view'),
    ('two views of a camera', r"one view of each camera, got views of \['front', 'front'\]"),
])
def test_if_one_place_is_refused_none_is_added(path, identity, new_place, unit, what, text):
    bad = NewPlace(2, bad_places(unit)[what])
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        kept = place_map.append('monday', [new_place(0)])
        with pytest.raises(VprError, match=text):
            place_map.append('monday', [new_place(1, camera='rear'), bad, new_place(3)])
        assert place_map.revision == 2
        assert place_map.cameras() == ['front']
        assert place_map.snapshot().place_ids.tolist() == kept
        # And the map goes on.
        more = place_map.append('monday', [new_place(4)])
        assert place_map.snapshot().place_ids.tolist() == kept + more


def test_a_stamp_beyond_64_bits_is_refused(path, identity, new_place):
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        with pytest.raises(VprError, match='cannot change the map .*town.vprmap'):
            place_map.append('monday', [new_place(2 ** 63)])
        place_map.append('monday', [new_place(2 ** 63 - 1), new_place(-5)])
        assert place_map.snapshot().stamps_ns.tolist() == [-5, 2 ** 63 - 1]


def test_places_that_fail_to_come_leave_the_map_as_it_was(path, identity, new_place):
    def failing():
        yield new_place(1)
        raise RuntimeError('the camera broke')

    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        with pytest.raises(RuntimeError, match='the camera broke'):
            place_map.append('monday', failing())
        assert len(place_map) == 0


def test_places_may_be_made_from_the_map_itself(saved, new_place):
    with PlaceMap.open(saved, writeable=True) as place_map:
        again = (new_place(stamp + 100) for stamp in [10, 20] if place_map.snapshot())
        place_map.append('monday', again)
        assert place_map.snapshot().stamps_ns.tolist() == [10, 20, 30, 110, 120]


def test_a_map_opened_to_read_refuses_changes(saved, new_place):
    before = saved.read_bytes()
    with PlaceMap.open(saved) as place_map:
        with pytest.raises(VprError, match='opened to read: open it writeable'):
            place_map.add_session('tuesday', source='')
        with pytest.raises(VprError, match='opened to read: open it writeable'):
            place_map.append('monday', [new_place(1)])
        assert len(place_map) == 3
    assert saved.read_bytes() == before


@pytest.mark.parametrize('kind, tolerance', [('float16', 1e-3), ('float32', 1e-7)])
def test_descriptors_survive_storage(path, identity, new_place, unit, kind, tolerance):
    descriptors = unit(50)
    with PlaceMap.create(path, identity, descriptor_type=kind) as place_map:
        place_map.add_session('monday', source='')
        place_map.append('monday', [
            new_place(n, descriptor=d) for n, d in enumerate(descriptors)])
    with PlaceMap.open(path) as place_map:
        assert place_map.descriptor_type == kind
        found = place_map.snapshot().descriptors
    assert found.dtype == np.float32
    error = np.abs(found - descriptors).max()
    assert error <= tolerance
    # Half precision is what was stored, not a promise that was forgotten.
    assert (error > 1e-6) == (kind == 'float16')
    assert np.abs(np.linalg.norm(found, axis=1) - 1.0).max() < 1e-6


def test_poses_survive_exactly(path, identity, new_place):
    rng = np.random.default_rng(1)
    poses = [Pose(rng.standard_normal(3) * 1e5, rng.standard_normal(4),
                  rng.standard_normal((6, 6))) for _ in range(5)]
    poses += [None, Pose(rng.standard_normal(3))]
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        place_map.append('monday', [
            new_place(n, T_map_base=pose) for n, pose in enumerate(poses)])
    with PlaceMap.open(path) as place_map:
        found = place_map.snapshot().poses
    assert len(found) == 7
    for wanted, got in zip(poses[:5], map(found.__getitem__, range(5)), strict=True):
        assert (got.position == wanted.position).all()
        assert (got.quaternion == wanted.quaternion).all()
        assert (got.covariance == wanted.covariance).all()
    assert found[5] is None
    assert found[6].covariance is None
    assert (found[6].position == poses[6].position).all()


def test_thumbnails(path, identity, unit):
    front, rear, side = unit(3)
    views = (View('rear', rear, b'behind'), View('front', front, b'ahead'), View('side', side))
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        place_id, = place_map.append('monday', [NewPlace(1, views)])
    with PlaceMap.open(path) as place_map:
        assert place_map.thumbnail(place_id, 'front') == b'ahead'
        assert place_map.thumbnail(place_id, 'rear') == b'behind'
        assert place_map.thumbnail(place_id) == b'behind'  # the camera that was seen first
        assert place_map.thumbnail(place_id, 'side') is None
        assert place_map.thumbnail(place_id, 'none') is None
        assert place_map.thumbnail(place_id + 1) is None


def test_two_maps_have_two_ids(tmp_path, identity):
    with PlaceMap.create(tmp_path / 'a', identity) as a:
        with PlaceMap.create(tmp_path / 'b', identity) as b:
            assert a.id != b.id


def test_places_without_their_views(path, identity, new_place):
    pose = Pose([1.0, 2.0, 3.0], [0.1, 0.2, 0.3, 0.9], np.eye(6))
    with PlaceMap.create(path, identity) as place_map:
        for session in 'monday', 'tuesday':
            place_map.add_session(session, source='')
        late = place_map.append('tuesday', [new_place(5)])
        early = place_map.append('monday', [new_place(20), new_place(10, T_map_base=pose)])
        found = place_map.places()
        assert [place.id for place in found] == [early[1], early[0], *late]
        assert [(place.stamp_ns, place.session, place.views) for place in found] == [
            (10, 'monday', ()), (20, 'monday', ()), (5, 'tuesday', ())]
        assert np.array_equal(found[0].T_map_base.position, pose.position)
        assert np.array_equal(found[0].T_map_base.covariance, np.eye(6))
        assert found[1].T_map_base is None
        assert [place.id for place in place_map.places('tuesday')] == late
        with pytest.raises(VprError, match='sunday'):
            place_map.places('sunday')


def test_where_a_traverse_ended(path, identity, new_place):
    pose = Pose([1.0, 2.0, 3.0], [0.1, 0.2, 0.3, 0.9], np.eye(6))
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        assert place_map.last_place('monday') is None
        ids = place_map.append('monday', [
            new_place(20), new_place(30, T_map_base=pose), new_place(10)])
        place_map.add_session('tuesday', source='')
        place_map.append('tuesday', [new_place(40)])
        last = place_map.last_place('monday')
        assert (last.id, last.stamp_ns, last.session) == (ids[1], 30, 'monday')
        assert np.array_equal(last.T_map_base.position, pose.position)
        assert np.array_equal(last.T_map_base.covariance, np.eye(6))
        with pytest.raises(VprError, match='sunday'):
            place_map.last_place('sunday')


def test_a_covariance_that_is_not_finite_is_not_known(path, identity, new_place):
    pose = Pose([1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 1.0], np.full((6, 6), np.nan))
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        place_id, = place_map.append('monday', [new_place(1, T_map_base=pose)])
        found = place_map.place(place_id).T_map_base
        assert found.covariance is None
        assert np.array_equal(found.position, pose.position)
        place_map.update_poses({place_id: pose})
    assert list(check(path)) == []
