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

"""Maps that join, catch up, and cannot."""

from contextlib import suppress
from dataclasses import replace
import sqlite3

import numpy as np
import pymap3d
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.frames import between_datums
from vpr_ros.maps.frames import moved
from vpr_ros.maps.merge import merge
from vpr_ros.maps.merge import Outline
from vpr_ros.maps.merge import plan_merge
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Camera
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose
from vpr_ros.types import View

ZURICH = Datum(47.3769, 8.5417, 408.0)
BERN = Datum(46.9480, 7.4474, 540.0)


@pytest.fixture
def make(tmp_path, identity, new_place):
    """Return a function that makes an open map of sessions, each with places at x = 0, 1, ..."""
    opened = []

    def make(name, sessions, *, datum=None, posed=False, network=identity, frame='map'):
        place_map = PlaceMap.create(tmp_path / f'{name}.vprmap', network, datum=datum, frame=frame)
        opened.append(place_map)
        for session, stamps in sessions.items():
            place_map.add_session(session, source=f'{session}.mcap')
            place_map.append(session, [
                new_place(stamp, thumbnail=b'picture',
                          T_map_base=Pose(np.array([float(n), 0.0, 0.0])) if posed else None)
                for n, stamp in enumerate(stamps)])
        return place_map

    yield make
    for place_map in opened:
        with suppress(sqlite3.ProgrammingError):  # closed already
            place_map.close()


@pytest.fixture
def copied(tmp_path):
    """Return a function that copies a map as users do, file by file, and opens the copy."""
    opened = []

    def copied(place_map, name='copy'):
        path = tmp_path / f'{name}.vprmap'
        with sqlite3.connect(place_map.path) as source, sqlite3.connect(path) as target:
            source.backup(target)
        opened.append(PlaceMap.open(path, writeable=True))
        return opened[-1]

    yield copied
    for place_map in opened:
        place_map.close()


def told(plan):
    return {s.target_name: (len(s.coming), s.known, s.removed) for s in plan.sessions}


def test_sessions_of_another_robot_join(make):
    target, source = make('a', {'monday': [1, 2]}), make('b', {'tuesday': [3], 'monday': [4, 5]})
    camera = Camera('front', 640, 480, np.eye(3), T_base_optical=Pose(np.ones(3)))
    source.calibrate('monday', camera)
    theirs = {s.name: source.place_ids(s.name) for s in source.sessions()}
    mine = target.place_ids()
    revision = target.revision

    assert told(merge(target, source)) == {'tuesday': (1, 0, 0), 'monday (2)': (2, 0, 0)}
    assert target.revision == revision + 1
    assert target.place_ids('monday') == mine
    assert target.place_ids('tuesday') == theirs['tuesday']
    assert target.place_ids('monday (2)') == theirs['monday']
    second, = target.calibrations('monday (2)')
    assert (second.T_base_optical.position == 1.0).all()
    assert target.calibrations('monday') == []
    for place_id in source.place_ids():
        mine, theirs = target.place(place_id), source.place(place_id)
        assert mine.stamp_ns == theirs.stamp_ns
        assert mine.views[0].thumbnail == b'picture'
        assert np.abs(mine.views[0].descriptor - theirs.views[0].descriptor).max() < 1e-3
    infos = {s.id_prefix: s for s in target.sessions()}
    for info in source.sessions():
        here = infos[info.id_prefix]
        assert (here.source, here.created_ns, here.made) == (
            info.source, info.created_ns, info.made)


def test_merging_again_changes_nothing(make):
    target, source = make('a', {'monday': [1, 2]}), make('b', {'monday': [4, 5]})
    merge(target, source)
    ids = target.place_ids()
    assert told(merge(target, source)) == {'monday (2)': (0, 2, 0)}
    assert (target.place_ids(), len(target.sessions())) == (ids, 2)
    # The other way round as well: all come to hold the same.
    assert told(merge(source, target)) == {'monday (2)': (2, 0, 0), 'monday': (0, 2, 0)}
    assert sorted(source.place_ids()) == sorted(ids)


def test_a_map_merges_with_itself(make):
    target = make('a', {'monday': [1, 2]})
    with PlaceMap.open(target.path) as again:
        assert told(merge(target, again)) == {'monday': (0, 2, 0)}
    assert len(target) == 2


def test_a_session_that_went_on_elsewhere_catches_up(make, copied, new_place):
    target = make('a', {'monday': [1, 2]})
    source = copied(target)
    more = source.append('monday', [new_place(3), new_place(4)])
    source.calibrate('monday', Camera('front', 640, 480, np.eye(3)))
    assert told(merge(target, source)) == {'monday': (2, 2, 0)}
    assert target.place_ids() == source.place_ids()
    assert [camera.name for camera in target.calibrations('monday')] == ['front']
    assert target.append('monday', [new_place(5)]) == [more[-1] + 1]


def test_what_was_removed_stays_removed(make, copied, new_place):
    target = make('a', {'monday': [1, 2, 3, 4]})
    source = copied(target)
    ids = target.place_ids()
    target.remove(ids[2:])  # the last ones, too: not even they come back
    source.append('monday', [new_place(5)])
    source.remove(ids[:1])  # the target keeps what it did not remove itself
    assert told(merge(target, source)) == {'monday': (1, 1, 2)}
    assert target.snapshot().stamps_ns.tolist() == [1, 2, 5]


def test_ids_that_the_source_gave_and_removed_come_never_again(make, copied, new_place):
    target = make('a', {'monday': [1, 2]})
    source = copied(target)
    gone = source.append('monday', [new_place(3), new_place(4)])
    source.remove(gone)
    merge(target, source)
    assert target.append('monday', [new_place(9)]) == [gone[-1] + 1]


def test_copies_that_went_on_apart_are_refused(make, copied, new_place):
    target = make('a', {'monday': [1, 2], 'tuesday': [1]})
    source = copied(target)
    place_id, = source.append('monday', [new_place(3)])
    target.append('monday', [new_place(4)])
    source.add_session('wednesday', source='')
    before = target.state
    with pytest.raises(VprError, match=rf"'monday' was continued in .*copy\.vprmap and in .*"
                                       rf'a\.vprmap apart: place {place_id} was seen at 3 ns '
                                       r'there and at 4 ns here'):
        merge(target, source)
    assert target.state == before
    assert [s.name for s in target.sessions()] == ['monday', 'tuesday']


def test_sessions_that_share_ids_by_chance_are_refused(make):
    target, source = make('a', {'monday': [1]}), make('b', {'tuesday': []})
    source.add_session('wednesday', source='', id_prefix=target.sessions()[0].id_prefix)
    with pytest.raises(VprError, match='have the same ids but are not the same session'):
        merge(target, source)


def test_another_network_is_refused(make, identity):
    other = replace(identity, weights_hash='def456', options='{"trunk": "vgg16"}')
    target, source = make('a', {'monday': [1]}), make('b', {'tuesday': [2]}, network=other)
    with pytest.raises(VprError, match=r'weights_hash abc123 in .*a\.vprmap, def456 in .*b\.vprmap'
                                       r'.*option trunk not set in .*a\.vprmap, "vgg16" in'):
        merge(target, source)
    assert len(target) == 1


@pytest.fixture
def seeing(make, unit):
    """Return a function that makes a map of one place with local features."""
    def seeing(name, session, kind):
        place_map = make(name, {session: []})
        if kind:
            place_map.set_local_kind(kind)
        features = LocalFeatures(np.ones((3, 2)), unit(3), np.ones(3), np.ones(3))
        place_map.append(session, [NewPlace(
            1, (View('front', unit(1)[0], b'', features if kind else None),))])
        return place_map

    return seeing


@pytest.mark.parametrize('mine, theirs, kind, counts', [
    ('sift', 'sift', 'sift', [3, 3]), ('', 'sift', 'sift', [0, 3]), ('sift', '', 'sift', [3, 0]),
    ('orb', 'sift', 'orb', [3, 0])])
def test_local_features_come_where_they_can_be_compared(seeing, mine, theirs, kind, counts):
    target, source = seeing('a', 'monday', mine), seeing('b', 'tuesday', theirs)
    outline = Outline.of(target)
    plan = merge(target, source)
    assert (plan.local_kind, plan.drops_features) == (kind, [mine, theirs] == ['orb', 'sift'])
    assert outline.after(plan, source).local_kind == target.local_kind == kind
    features = [target.place(place_id).views[0].local_features for place_id in target.place_ids()]
    assert [0 if f is None else len(f.depths) for f in features] == counts
    assert not merge(target, source).drops_features  # nothing is coming


def test_a_damaged_source_adds_nothing(make):
    target, source = make('a', {'monday': [1]}), make('b', {'tuesday': [2, 3, 4]})
    before = target.state
    source.close()
    with sqlite3.connect(source.path) as connection:
        connection.execute('UPDATE view SET descriptor = zeroblob(16) WHERE place = '
                           '(SELECT max(id) FROM place)')
    with PlaceMap.open(source.path) as source:
        with pytest.raises(VprError, match=r'b\.vprmap cannot be read, it may be damaged'):
            merge(target, source)
    assert target.state == before
    assert [s.name for s in target.sessions()] == ['monday']


@pytest.mark.parametrize('statement, text', [
    ("UPDATE place SET stamp_ns = 'noon'", 'b.vprmap cannot be read'),
    ('UPDATE session SET id_prefix = -1', 'b.vprmap is damaged: place'),
    ('UPDATE session SET places_made = 1 << 40', 'b.vprmap is damaged'),
    ('UPDATE place SET id = -id', 'b.vprmap is damaged: place'),
    ('UPDATE place SET id = id - 1', 'b.vprmap is damaged: place'),  # a counter of 0
], ids=lambda text: text[:40])
def test_a_hostile_source_cannot_spoil_the_target(make, statement, text):
    target, source = make('a', {'monday': [1]}), make('b', {'tuesday': [2]})
    before = target.state
    source.close()
    connection = sqlite3.connect(source.path, isolation_level=None)
    connection.execute(statement)
    if 'place SET id' in statement:  # its view comes along
        connection.execute(statement.replace('place SET id = ', 'view SET place = ').replace(
            'id', 'place') if '-id' in statement else 'UPDATE view SET place = place - 1')
    connection.close()
    with PlaceMap.open(source.path) as source:
        with pytest.raises(VprError, match=text):
            merge(target, source)
    assert target.state == before
    assert len(target.snapshot()) == 1


# Frames


def positions(place_map, session):
    return np.array([place_map.place(n).T_map_base.position for n in place_map.place_ids(session)])


def test_two_datums(make):
    target = make('a', {'monday': [1, 2]}, datum=ZURICH, posed=True)
    source = make('b', {'tuesday': [3, 4]}, datum=BERN, posed=True)
    plan = merge(target, source)
    assert plan.T_target_source is not None
    assert target.datum == ZURICH
    expected = np.stack([
        pymap3d.geodetic2enu(*pymap3d.enu2geodetic(x, 0.0, 0.0, 46.9480, 7.4474, 540.0),
                             47.3769, 8.5417, 408.0) for x in (0.0, 1.0)])
    assert np.abs(positions(target, 'tuesday') - expected).max() < 1e-6
    assert np.abs(expected[0, :2]).max() > 40_000.0  # Bern is elsewhere
    assert (positions(target, 'monday') == positions(target, 'monday') * [1, 0, 0]).all()


def test_a_body_is_turned_with_its_frame():
    """East in Bern points a little to the south and into the ground in Zurich."""
    T = between_datums(ZURICH, BERN)
    pose = moved(T, Pose.from_xy_yaw(10.0, 20.0, 0.3))
    a_metre_ahead = Pose.from_xy_yaw(10.0 + np.cos(0.3), 20.0 + np.sin(0.3), 0.3)
    ahead = moved(T, a_metre_ahead).position - pose.position
    assert np.abs(ahead - pose.rotation()[:, 0]).max() < 1e-9
    assert 0.01 < T.angle_to(Pose.identity()) < 0.03
    assert 0.01 < pose.angle_to(Pose.from_xy_yaw(0.0, 0.0, 0.3)) < 0.03
    assert np.abs((between_datums(BERN, ZURICH) @ T).matrix() - np.eye(4)).max() < 1e-6
    assert np.abs(between_datums(BERN, BERN).matrix() - np.eye(4)).max() < 1e-8


def test_covariances_turn():
    """As many samples about a pose do when the frame turns."""
    rng = np.random.default_rng(8)
    half = rng.standard_normal((6, 6)) * 1e-3
    pose = Pose(np.array([1.0, 2.0, 3.0]), rng.standard_normal(4), half @ half.T)
    T = Pose(np.array([5.0, 6.0, 7.0]), rng.standard_normal(4))
    result = moved(T, pose)
    errors = []
    for error in rng.multivariate_normal(np.zeros(6), pose.covariance, 4000):
        turn = Pose(np.zeros(3), np.array([*error[3:] / 2, 1.0]))  # small, about fixed axes
        sample = T @ Pose(pose.position + error[:3], (turn @ Pose(
            np.zeros(3), pose.quaternion)).quaternion)
        apart = sample.rotation() @ result.rotation().T
        errors.append([*sample.position - result.position, apart[2, 1], apart[0, 2], apart[1, 0]])
    measured = np.cov(np.array(errors).T)
    assert np.abs(measured - result.covariance).max() < 0.1 * np.abs(result.covariance).max()
    assert np.abs(measured - pose.covariance).max() > 0.3 * np.abs(result.covariance).max()


@pytest.mark.parametrize('mine, theirs', [(None, None), (ZURICH, ZURICH)])
def test_frames_that_are_one(make, copied, new_place, mine, theirs):
    """Copies of one map, or one datum: poses come exactly as they are."""
    target = make('a', {'monday': [1]}, datum=mine, posed=True)
    source = make('b', {'monday': [1]}, datum=theirs, posed=True) if mine else copied(target)
    source.append('monday', [new_place(2, T_map_base=Pose(np.array([0.1, 0.2, 0.3])))])
    plan = merge(target, source)
    assert plan.T_target_source is None
    name = plan.sessions[0].target_name
    assert positions(target, name)[-1].tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize('mine, theirs, lacking', [
    (None, None, r'a\.vprmap and .*b\.vprmap have no datum'),
    (ZURICH, None, r'b\.vprmap has no datum'),
    (None, ZURICH, r'a\.vprmap has no datum'),
])
def test_frames_that_nobody_knows_are_refused(make, mine, theirs, lacking):
    target = make('a', {'monday': [1]}, datum=mine, posed=True)
    source = make('b', {'tuesday': [1]}, datum=theirs, posed=True)
    with pytest.raises(VprError, match=f'is not known: .*{lacking}; give --same-frame'):
        merge(target, source)
    assert len(target) == 1
    T = Pose.from_xy_yaw(10.0, 20.0, np.pi / 2)
    merge(target, source, T_target_source=T)
    assert np.abs(positions(target, 'tuesday') - [10.0, 20.0, 0.0]).max() < 1e-12


def test_no_frame_is_asked_for_where_no_pose_comes(make):
    target = make('a', {'monday': [1]}, posed=True)
    source = make('b', {'tuesday': [1]})
    merge(target, source)
    merge(source, target)  # which has no poses yet
    assert source.snapshot().poses.known.tolist() == [False, True]
    merge(source, target)  # nothing comes


def test_a_map_without_poses_takes_the_frame_of_the_first_that_come(make):
    target = make('a', {'monday': [1]})
    source = make('b', {'tuesday': [1]}, datum=BERN, posed=True, frame='city')
    assert merge(target, source).takes_frame
    assert (target.frame, target.datum) == ('city', BERN)
    # But a datum that it was given binds.
    anchored = make('c', {'monday': [1]}, datum=ZURICH)
    with pytest.raises(VprError, match=r'd\.vprmap has no datum'):
        merge(anchored, make('d', {'tuesday': [1]}, posed=True))


def test_a_plan_of_several_sources_is_what_happens(make, copied, new_place):
    """Places that two sources share come once."""
    target = make('a', {'monday': [1, 2]})
    first = make('b', {'monday': [3]})
    second = copied(first)
    second.append('monday', [new_place(4), new_place(5)])
    outline, plans = Outline.of(target), []
    before = target.state
    for source in (first, second):
        plans.append(plan_merge(outline, source))
        outline = outline.after(plans[-1], source)
    assert target.state == before
    done = [merge(target, first), merge(target, second)]
    assert [told(plan) for plan in plans] == [told(plan) for plan in done] == [
        {'monday (2)': (1, 0, 0)}, {'monday (2)': (2, 1, 0)}]
    assert outline == Outline.of(target)
