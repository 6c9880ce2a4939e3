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

"""Following a robot: what several cameras say together, and a closer look."""

import dataclasses

import numpy as np
import pytest
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.forward import ForwardFollower
from vpr_ros.matching.settings import MatchingSettings

SECOND = 10 ** 9


def follower_of(snapshot, **settings):
    return ForwardFollower(snapshot, FlatIndex(snapshot), MatchingSettings(**settings))


def uneven(snapshot: Snapshot, rng) -> Snapshot:
    """Return a map of which some places lack one of two views, and whose views are in no order."""
    order = rng.permutation(len(snapshot.view_rows))
    rows = snapshot.view_rows[order]
    kept = (snapshot.view_cameras[order] == 0) | (rows % 3 > 0)
    return dataclasses.replace(
        snapshot, view_rows=rows[kept], view_cameras=snapshot.view_cameras[order][kept],
        descriptors=snapshot.descriptors[order][kept])


@pytest.mark.parametrize('background', [True, False])
@pytest.mark.parametrize('queries', [1, 2, 3])
@pytest.mark.parametrize('cameras', [('front',), ('front', 'rear')])
def test_what_cameras_say_together(world, cameras, queries, background):
    here = world(lengths=(40,), cameras=cameras)
    rng = np.random.default_rng(queries)
    snapshot = uneven(here.snapshot, rng) if len(cameras) > 1 else here.snapshot
    follower = follower_of(snapshot, background=background)
    directions = np.stack([follower._background.direction(
        snapshot.descriptors[rng.integers(len(snapshot.descriptors))]) for _ in range(queries)])
    rows = rng.permutation(40)[:25]
    wanted = []
    for row in rows:
        each = []
        for direction in directions:
            best = -np.inf
            for view in np.flatnonzero(snapshot.view_rows == row):
                product = np.array([snapshot.descriptors[view] @ direction])
                best = max(best, float(follower._background.contrasts(
                    direction, np.array([view]), product)[0]))
            each.append(best)
        pairs = min(queries, int((snapshot.view_rows == row).sum()))
        wanted.append(sum(sorted(each, reverse=True)[:pairs]) / pairs)
    assert follower._together(directions, rows) == pytest.approx(wanted, abs=1e-5)


def first_evidence(here, look, **settings):
    follower = follower_of(here.snapshot, **settings)
    return follower, follower.follow(look, StageTimes())


@pytest.mark.parametrize('swapped', [False, True])
def test_two_cameras_find_a_place_whichever_way_the_robot_faces(world, swapped):
    here = world(cameras=('front', 'rear'))
    # Two places of one view ahead, and two of one view behind.
    descriptors = here.snapshot.descriptors
    descriptors[2 * 150] = descriptors[2 * 50]
    descriptors[2 * 100 + 1] = descriptors[2 * 50 + 1]
    pair = descriptors[[100, 101]][::-1] if swapped else descriptors[[100, 101]]
    follower, belief = first_evidence(here, Look(0, pair[0], others=pair[1:]))
    assert belief.rows[belief.probabilities.argmax()] == 50
    assert belief.alike[0] == 50
    assert set(belief.alike[1:3]) == {100, 150}
    # One of them alone does not know.
    _, alone = first_evidence(here, Look(0, pair[0]))
    at = {int(row): p for row, p in zip(alone.rows, alone.probabilities, strict=True)}
    other = 100 if swapped else 150
    assert at[50] == pytest.approx(at[other])
    together = dict(zip(belief.rows.tolist(), belief.probabilities, strict=True))
    assert at[50] < 0.5 < together[50]


def test_the_evidence_of_two_cameras_that_see_one_thing_is_that_of_one(world):
    here = world()
    one = here.look(70, 0, noise=0.5).descriptor
    _, single = first_evidence(here, Look(0, one))
    _, double = first_evidence(here, Look(0, one, others=one[None]))
    assert double.alike.tolist() == single.alike.tolist()
    assert double.rows.tolist() == single.rows.tolist()
    assert double.probabilities == pytest.approx(single.probabilities, rel=1e-3)


def belief_at(belief, row):
    return float(belief.probabilities[belief.rows == row].sum())


# Of what a closer look says, for the frames to come.
KEPT = 0.25


def only(row):
    """Tell of rows whether each is this one."""
    return lambda rows: rows == row


def test_a_closer_look_decides_between_places_that_look_alike(world):
    here = world()
    here.snapshot.descriptors[150] = here.snapshot.descriptors[50]
    follower, belief = first_evidence(here, Look(0, here.snapshot.descriptors[50]))
    assert belief_at(belief, 50) == pytest.approx(belief_at(belief, 150))
    follower.confirm(150, only(150), 2.0)
    after = follower._filter.belief()
    assert belief_at(after, 150) / belief_at(after, 50) == pytest.approx(np.exp(KEPT * 2.0))
    assert after.probabilities.sum() + follower._filter.cells.spread + after.nowhere == (
        pytest.approx(1.0))


def test_a_closer_look_at_a_place_is_one_at_its_stop(world):
    here = world()
    here.snapshot.poses.positions[101] = here.snapshot.poses.positions[100]
    follower, before = first_evidence(here, Look(0, here.snapshot.descriptors[101]))
    # The mapping robot stood: two places are one stop, and the second looks more like the frame.
    assert follower._route.stop_of[101] == follower._route.stop_of[100]
    assert 101 in before.rows
    follower.confirm(101, only(101), 3.0)
    odds = [sum(belief_at(belief, row) for row in (100, 101)) for belief in (
        before, follower._filter.belief())]
    before, after = (odd / (1.0 - odd) for odd in odds)
    assert after == pytest.approx(np.exp(KEPT * 3.0) * before)


def test_what_is_no_news_is_none_on_a_closer_look(world):
    here = world()
    seen = here.snapshot.descriptors[50]
    follower, _ = first_evidence(here, Look(SECOND, seen))
    for look in (Look(SECOND, seen), Look(2 * SECOND, seen)):  # no time, and no change
        before = follower.follow(look, StageTimes())
        follower.confirm(50, only(50), 4.0)
        assert np.array_equal(follower._filter.belief().probabilities, before.probabilities)
    # A share of news is a share of evidence.
    half = follower_of(here.snapshot, temperature=0.5)
    half.follow(Look(0, seen), StageTimes())
    before = half.follow(Look(SECOND, here.look(51, 0).descriptor), StageTimes())
    news = half._news
    assert 0.0 < news <= 0.5
    half.confirm(51, only(51), 4.0)
    after = half._filter.belief()
    odds = [belief_at(b, 51) / (1.0 - belief_at(b, 51)) for b in (before, after)]
    assert odds[1] / odds[0] == pytest.approx(np.exp(KEPT * 4.0 * news))
