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

"""What goes is near and like what stays, traverses stay whole, and recall is counted right."""

from dataclasses import replace
import itertools

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.frames import between_datums
from vpr_ros.maps.nearness import Nearness
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.place_recall import queries_of_map
from vpr_ros.maps.place_recall import queries_of_places
from vpr_ros.maps.place_recall import recall
from vpr_ros.maps.prune import choose
from vpr_ros.maps.prune import choose_number
from vpr_ros.maps.prune import PruneRule
from vpr_ros.types import Pose
from vpr_ros.types import View

DIMENSION = 32
RULE = PruneRule(similarity=0.9, same_place_m=5.0, same_place_frames=2, max_gap_m=8.0,
                 max_gap_frames=3)


@pytest.fixture
def wide(identity):
    return replace(identity, dimension=DIMENSION)


def looks(positions, *, light=0.0, camera=0):
    """Return descriptors (n, D) that change smoothly with the place, over about three metres."""
    rng = np.random.default_rng(camera)
    waves, phases = rng.standard_normal((2, DIMENSION)) * 0.25, rng.random(DIMENSION) * 7
    noise = np.random.default_rng(99).standard_normal((len(positions), DIMENSION))
    values = np.cos(positions[:, :2] @ waves + phases) + light * noise
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def ring(count):
    """Return positions (n, 3) on a round of 120 metres."""
    angle = np.arange(count) * 2 * np.pi / count
    return np.stack([19.1 * np.cos(angle), 19.1 * np.sin(angle), 0.0 * angle], axis=1)


def drive(place_map, session, positions, *, light=0.0, posed=True, cameras=1):
    place_map.add_session(session, source='')
    views = [looks(positions, light=light, camera=camera) for camera in range(cameras)]
    place_map.append(session, [
        NewPlace(n, tuple(View(f'camera{c}', views[c][n]) for c in range(cameras)),
                 Pose(position) if posed else None) for n, position in enumerate(positions)])


@pytest.fixture
def town(path, wide):
    """Return the snapshot of three traverses of one round: dense, in another light, and sparse."""
    with PlaceMap.create(path, wide) as place_map:
        drive(place_map, 'dense', ring(120))
        drive(place_map, 'dusk', ring(60) + [0.3, 0.3, 0.0], light=0.3)
        drive(place_map, 'sparse', ring(24))
        return place_map.snapshot()


def similarity(snapshot, row, others):
    """Return (n,) how similar places are, of one view each, written out."""
    descriptors = np.empty((len(snapshot), DIMENSION), np.float32)
    descriptors[snapshot.view_rows] = snapshot.descriptors
    return descriptors[others] @ descriptors[row]


@pytest.mark.parametrize('least', [0.5, 0.9, 0.97])
def test_what_goes_has_one_that_stays_near_it_and_like_it(town, least):
    kept = choose(town, replace(RULE, similarity=least))
    positions = town.poses.positions
    staying = np.flatnonzero(kept)
    for row in np.flatnonzero(~kept):
        near = staying[np.linalg.norm(positions[staying] - positions[row], axis=1) <= 5.0]
        assert similarity(town, row, near).max() >= least
    assert 0 < len(staying) < len(town)
    # It does something: a place that stays is not like the ones before it, or ends a gap.
    early = [row for row in staying if similarity(town, row, staying[staying < row]).size and any(
        (np.linalg.norm(positions[staying[staying < row]] - positions[row], axis=1) <= 5.0)
        & (similarity(town, row, staying[staying < row]) >= least))]
    assert all(must_stay(town, kept, row) for row in early)


def must_stay(snapshot, kept, row):
    """Tell whether the gap on its traverse would be too large without a place."""
    rows = np.flatnonzero(snapshot.session_of == snapshot.session_of[row])
    if row in (rows[0], rows[-1]):
        return True
    before = max(r for r in rows if r < row and kept[r])
    steps = np.linalg.norm(np.diff(snapshot.poses.positions[before:row + 2], axis=0), axis=1)
    return steps.sum() > 8.0


def test_traverses_stay_whole(town):
    kept = choose(town, replace(RULE, similarity=-1.0))
    positions = town.poses.positions
    for session in range(3):
        rows = np.flatnonzero(town.session_of == session)
        assert kept[rows[0]]
        assert kept[rows[-1]]
        steps = np.concatenate([[0.0], np.linalg.norm(np.diff(positions[rows], axis=0), axis=1)])
        travelled = np.cumsum(steps)[kept[rows]]
        assert np.diff(travelled).max() <= max(8.0, steps.max())
        assert np.diff(travelled).max() > 4.0  # and no shorter than they need be
    # Every five metres there was one: to leave one out would leave a gap of ten.
    assert kept[town.session_of == 2].all()


def test_nothing_goes_where_nothing_is_alike(path, wide, unit):
    with PlaceMap.create(path, wide) as place_map:
        place_map.add_session('monday', source='')
        place_map.append('monday', [
            NewPlace(n, (View('front', d),), Pose(np.zeros(3)))
            for n, d in enumerate(unit(50, DIMENSION))])
        assert choose(place_map.snapshot(), RULE).all()


def test_places_that_look_alike_but_are_elsewhere_stay(path, wide):
    """A corridor of equal doors is not one door."""
    with PlaceMap.create(path, wide) as place_map:
        place_map.add_session('monday', source='')
        place_map.append('monday', [
            NewPlace(n, (View('front', np.eye(DIMENSION, dtype=np.float32)[0]),),
                     Pose(np.array([6.0 * n, 0.0, 0.0]))) for n in range(20)])
        place_map.append('monday', [
            NewPlace(100 + n, (View('front', np.eye(DIMENSION, dtype=np.float32)[0]),),
                     Pose(np.array([114.0, 0.0, 6.0 * n]))) for n in range(1, 4)])  # upstairs
        assert choose(place_map.snapshot(), replace(RULE, max_gap_m=1000.0)).all()


def test_traverses_without_poses(path, wide):
    with PlaceMap.create(path, wide) as place_map:
        drive(place_map, 'monday', ring(120), posed=False)
        drive(place_map, 'tuesday', ring(120), posed=False)
        snapshot = place_map.snapshot()
    kept = choose(snapshot, replace(RULE, similarity=0.0))
    # Every third stays: two frames to either side are one place, but only of one traverse.
    for session in range(2):
        rows = np.flatnonzero(kept[snapshot.session_of == session])
        assert rows.tolist() == [*range(0, 119, 3), 119]
    kept = choose(snapshot, replace(RULE, similarity=0.0, same_place_frames=50, max_gap_frames=4))
    assert np.diff(np.flatnonzero(kept[:120])).max() == 4


def test_every_camera_counts(path, wide):
    """What was seen to the front of a place that stays does not stand for what was behind."""
    same, other = np.eye(DIMENSION, dtype=np.float32)[:2]
    with PlaceMap.create(path, wide) as place_map:
        place_map.add_session('monday', source='')
        for n, (front, rear) in enumerate([(same, same), (same, other), (same, other),
                                           (other, same), (same, same)]):
            place_map.append('monday', [NewPlace(
                n, (View('front', front), View('rear', rear)), Pose(np.zeros(3)))])
        assert choose(place_map.snapshot(), RULE).tolist() == [True, True, False, False, True]


def test_a_number_chooses_the_similarity(town):
    for number in (150, 100, 70):
        kept, least = choose_number(town, RULE, number)
        assert kept.sum() <= number
        assert (choose(town, replace(RULE, similarity=least)) == kept).all()
        # A little more would be too many.
        assert choose(town, replace(RULE, similarity=least + 0.002)).sum() > number
    with pytest.raises(VprError, match=r'places have to stay .* ask for more than 10, or allow'):
        choose_number(town, RULE, 10)
    assert choose_number(town, RULE, len(town))[0].sum() <= len(town)


def test_an_empty_map_and_a_single_place(path, wide):
    with PlaceMap.create(path, wide) as place_map:
        assert choose(place_map.snapshot(), RULE).tolist() == []
        drive(place_map, 'monday', ring(1))
        assert choose(place_map.snapshot(), RULE).tolist() == [True]


def test_progress_is_told(town):
    told = []
    choose(town, RULE, told.append)
    assert told == list(range(1, len(town) + 1))


@pytest.mark.parametrize('values', [
    {'similarity': 1.1}, {'similarity': float('nan')}, {'same_place_m': 0.0}, {'max_gap_m': -1.0},
    {'max_gap_frames': 0}, {'same_place_frames': -1}])
def test_rules_that_make_no_sense(values):
    with pytest.raises(VprError, match='to prune, a similarity is in -1..1'):
        PruneRule(**values)


# Recall


def counted(snapshot, rows, radius, kept):
    """Return R@1 written out: the most similar other place, and whether it is near."""
    descriptors = np.empty((len(snapshot), DIMENSION), np.float32)
    descriptors[snapshot.view_rows] = snapshot.descriptors
    right = []
    for row in rows:
        cosines = [-2.0 if other == row or not kept[other] else descriptors[other]
                   @ descriptors[row] for other in range(len(snapshot))]
        distance = np.linalg.norm(
            snapshot.poses.positions[int(np.argmax(cosines))] - snapshot.poses.positions[row])
        right.append(distance <= radius)
    return np.mean(right)


def test_recall_is_what_it_says(town):
    kept = choose(town, replace(RULE, similarity=0.5))
    rows = np.flatnonzero(~kept)
    near = Nearness(town, radius_m=0.9, frames=2)  # so small that some are wrong
    queries = queries_of_places(town, rows, near)
    asked = [row for row in rows if len(near.of(row, np.arange(len(town))).nonzero()[0]) > 1]
    assert len(queries) == len(asked) > 50
    before = recall(town, queries)
    after = recall(town, queries, kept)
    assert before == pytest.approx(counted(town, asked, 0.9, np.ones(len(town), bool)))
    assert after == pytest.approx(counted(town, asked, 0.9, kept))
    assert 0.0 < after < before < 1.0


def test_recall_of_another_traverse(tmp_path, wide):
    with PlaceMap.create(tmp_path / 'a', wide) as place_map, \
            PlaceMap.create(tmp_path / 'b', wide) as other:
        drive(place_map, 'monday', ring(120))
        drive(other, 'tuesday', ring(50) + [0.2, 0.0, 0.0], light=0.2)
        drive(other, 'elsewhere', ring(50) + [1000.0, 0.0, 0.0])  # where the map has never been
        snapshot = place_map.snapshot()
        near = Nearness(snapshot, radius_m=3.0, frames=2)
        queries = queries_of_map(snapshot, place_map, other, near)
        assert len(queries) == 50
        assert recall(snapshot, queries) > 0.9
        kept = np.zeros(120, bool)
        kept[:30] = True  # a quarter of the round
        assert 0.15 < recall(snapshot, queries, kept) < 0.4


def test_a_query_is_not_its_own_answer(path, wide):
    """A map that shares places with the queries does not answer with those."""
    with PlaceMap.create(path, wide) as place_map:
        drive(place_map, 'monday', ring(120))
        snapshot = place_map.snapshot()
        near = Nearness(snapshot, radius_m=2.5, frames=2)
        queries = queries_of_map(snapshot, place_map, place_map, near)
        assert [own.tolist() for own in queries.own] == [[row] for row in range(120)]
        assert all(row not in answers for row, answers in enumerate(queries.answers))


def test_recall_between_two_datums(tmp_path, wide):
    zurich, bern = Datum(47.3769, 8.5417), Datum(46.9480, 7.4474)
    T = between_datums(bern, zurich)
    with PlaceMap.create(tmp_path / 'a', wide, datum=zurich) as place_map, \
            PlaceMap.create(tmp_path / 'b', wide, datum=bern) as other:
        drive(place_map, 'monday', ring(120))
        other.add_session('tuesday', source='')
        other.append('tuesday', [
            NewPlace(n, (View('front', descriptor),), T @ Pose(position)) for n, (
                position, descriptor) in enumerate(zip(ring(50), looks(ring(50)), strict=True))])
        snapshot = place_map.snapshot()
        queries = queries_of_map(snapshot, place_map, other,
                                 Nearness(snapshot, radius_m=3.0, frames=2))
        assert len(queries) == 50
        assert recall(snapshot, queries) == 1.0


def test_queries_that_cannot_be_asked(tmp_path, wide, identity):
    maps = [PlaceMap.create(tmp_path / name, network) for name, network in (
        ('a', wide), ('b', wide), ('c', identity))]
    first, unposed, foreign = maps
    drive(first, 'monday', ring(20))
    drive(unposed, 'monday', ring(20), posed=False)
    snapshot = first.snapshot()
    near = Nearness(snapshot, radius_m=3.0, frames=2)
    with pytest.raises(VprError, match='b has no poses'):
        queries_of_map(snapshot, first, unposed, near)
    with pytest.raises(VprError, match='c was described by another network: dimension 32 in'):
        queries_of_map(snapshot, first, foreign, near)
    for place_map in maps:
        place_map.close()


def test_nearness_with_and_without_poses(path, wide):
    with PlaceMap.create(path, wide) as place_map:
        drive(place_map, 'posed', np.array([[0.0, 0, 0], [4, 0, 0], [9, 0, 0]]))
        drive(place_map, 'unposed', ring(3), posed=False)
        snapshot = place_map.snapshot()
    near = Nearness(snapshot, radius_m=5.0, frames=1)
    rows = np.arange(6)
    expected = {(0, 1), (1, 2), (3, 4), (4, 5)}
    expected |= {(b, a) for a, b in expected} | {(row, row) for row in rows}
    for row, other in itertools.product(rows, rows):
        assert near.of(row, rows)[other] == ((row, other) in expected)
