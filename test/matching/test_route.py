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

"""Where the places of a map lie along its traverses."""

import math

import numpy as np
import pytest
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.route import Route
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import Pose


def snapshot_of(seconds, positions=None, *, session_of=None, yaws=None):
    """Return a map of places at stamps and, where given, positions (metres along x)."""
    n = len(seconds)
    session_of = [0] * n if session_of is None else session_of
    yaws = [0.0] * n if yaws is None else yaws
    poses = [None] * n if positions is None else [
        None if x is None else Pose.from_xy_yaw(x, 0.0, yaw)
        for x, yaw in zip(positions, yaws, strict=True)]
    return Snapshot(
        map_id='m', revision=1, network=NetworkIdentity('test', '00', 1, Preprocessing(1, 1)),
        sessions=tuple(f's{k}' for k in range(max(session_of) + 1)), cameras=('front',),
        place_ids=np.arange(n), stamps_ns=(np.array(seconds) * 1e9).astype(np.int64),
        session_of=np.array(session_of), poses=Poses.of(poses), view_rows=np.arange(n),
        view_cameras=np.zeros(n, np.int64), descriptors=np.ones((n, 1), np.float32))


def gaps(coordinates):
    return np.diff(coordinates).round(9).tolist()


def test_by_metres_and_by_time():
    route = Route.of(snapshot_of([0, 2, 4, 5, 7, 9], [0, 4, 8, 9, 13, 21]))
    assert (route.metres, route.seconds) == (4.0, 2.0)
    assert gaps(route.driven) == [1, 1, 0.25, 1, 2]
    assert gaps(route.timed) == [1, 1, 0.5, 1, 1]
    assert len(route) == 6
    assert route.stop_of.tolist() == route.row_of.tolist() == list(range(6))
    assert (route.first.tolist(), route.last.tolist()) == ([0] * 6, [5] * 6)


def test_without_all_poses_time_is_all_there_is():
    for positions in (None, [0, 4, 8, None, 13, 21]):
        route = Route.of(snapshot_of([0, 2, 4, 5, 7, 9], positions))
        assert (route.metres, route.seconds) == (0.0, 2.0)
        assert gaps(route.driven) == gaps(route.timed) == [1, 1, 0.5, 1, 1]


def test_a_wait_is_no_way():
    route = Route.of(snapshot_of([0, 1, 2, 1002, 1003]))
    assert gaps(route.timed) == [1, 1, 3, 1]
    route = Route.of(snapshot_of([0, 1, 2, 1002, 1003], [0, 5, 10, 15, 20]))
    assert gaps(route.driven) == [1, 1, 1, 1]
    assert gaps(route.timed) == [1, 1, 3, 1]


def test_all_that_is_seen_while_standing_is_one_stop():
    seconds = [0, 1, 2, 3, 4, 60, 61, 62]
    route = Route.of(snapshot_of(seconds, [0, 5, 10, 10, 10.5, 10.7, 15, 20]))
    assert route.stop_of.tolist() == [0, 1, 2, 2, 2, 2, 3, 4]
    assert route.row_of.tolist() == [0, 1, 2, 6, 7]
    assert route.metres == pytest.approx(5.0, abs=1.0)
    # Nor does it take time to stand.
    assert gaps(route.timed) == [1, 1, 1, 1]


def test_turning_on_the_spot_is_a_way():
    # A right angle in three parts; then a wobble that is none.
    yaws = [0, 0, 0, 0.5, 1.0, 1.57, 1.57, 1.6]
    positions = [0, 5, 10, 10, 10, 10, 15, 15]
    route = Route.of(snapshot_of(range(8), positions, yaws=yaws))
    assert route.stop_of.tolist() == [0, 1, 2, 3, 4, 5, 6, 6]
    assert gaps(route.driven) == [1, 1, 1, 1, 1, 1]  # at most a place each
    small = Route.of(snapshot_of(range(4), [0, 5, 5, 10], yaws=[0, 0, 0.175, 0.175]))
    assert gaps(small.driven) == pytest.approx([1, 0.5, 1])


def test_a_turn_through_the_back_is_as_far_as_it_is():
    yaws = [3.1, 3.1, -3.1, -3.1]  # 0.08 rad, and their quaternions differ in sign
    route = Route.of(snapshot_of(range(4), [0, 5, 5, 10], yaws=yaws))
    assert route.stop_of.tolist() == [0, 1, 1, 2]


def test_traverses_are_far_apart():
    session_of = [0, 0, 0, 1, 2, 2]
    for positions in (None, [0, 5, 10, 10, 10, 15]):
        route = Route.of(snapshot_of([0, 1, 2, 2, 2, 3], positions, session_of=session_of))
        assert len(route) == 6
        assert route.first.tolist() == [0, 0, 0, 3, 4, 4]
        assert route.last.tolist() == [2, 2, 2, 3, 5, 5]
        for at in (route.driven, route.timed):
            assert (np.diff(at)[[0, 1, 4]] == 1).all()
            assert (np.diff(at)[[2, 3]] > 1e5).all()


@pytest.mark.parametrize('seconds, positions', [([7], [3]), ([7, 7, 7], [3, 3, 3]), ([7], None)])
def test_maps_of_one_stop(seconds, positions):
    route = Route.of(snapshot_of(seconds, positions))
    assert len(route) == 1
    assert route.seconds == 1.0
    assert route.metres == 0.0
    moved = route.advance(np.zeros(3), np.zeros(3, np.int64), np.array([-2.0, 0.0, 0.3]),
                          measured=False)
    assert moved == pytest.approx([-2.0, 0.0, 0.3])


def walked(at, first, last, x, places):
    """Walk from x, stop by stop; the first and the last stretch go on for ever."""
    if first == last:
        return x + places
    k = min(max(math.floor(x), first), last - 1)
    left = places
    while True:
        gap = at[k + 1] - at[k]
        to_end = (k + 1 - x) * gap if left >= 0 else (k - x) * gap
        if abs(left) <= abs(to_end) or (left >= 0 and k == last - 1) or (left < 0 and k == first):
            return x + left / gap
        left -= to_end
        x, k = (k + 1, k + 1) if left >= 0 else (k, k - 1)


@pytest.mark.parametrize('measured', [True, False])
@pytest.mark.parametrize('seed', range(5))
def test_advance_like_a_walk(seed, measured):
    rng = np.random.default_rng(seed)
    lengths = [12, 1, 2, 20]
    n = sum(lengths)
    session_of = np.repeat(np.arange(4), lengths)
    positions = np.cumsum(rng.uniform(3, 9, n) * rng.choice([1, 0.1], n, p=[0.9, 0.1]))
    seconds = np.cumsum(rng.uniform(0.5, 4, n))
    route = Route.of(snapshot_of(seconds, positions, session_of=session_of.tolist()))
    stops = rng.integers(0, len(route), 300)
    x = stops + rng.uniform(-0.5, 0.5, 300) * (rng.random(300) < 0.7)
    places = rng.uniform(-6, 6, 300) * (rng.random(300) < 0.9)
    found = route.advance(x, stops, places, measured=measured)
    at = route.driven if measured else route.timed
    wanted = [walked(at, route.first[s], route.last[s], here, way)
              for s, here, way in zip(stops, x, places, strict=True)]
    assert found == pytest.approx(np.array(wanted), abs=1e-6)
    # And back again, unless it passed an end, where other stretches go on.
    within = (found > route.first[stops]) & (found < route.last[stops])
    back = route.advance(found[within], np.floor(found[within] + 0.5).astype(int),
                         -places[within], measured=measured)
    assert back == pytest.approx(x[within], abs=1e-6)


def test_past_an_end_is_told_from_being_at_it():
    route = Route.of(snapshot_of(range(5), [0, 5, 10, 15, 20]))
    stops = np.array([4, 4, 0, 0])
    found = route.advance(stops.astype(float), stops, np.array([0.4, 0.6, -0.4, -0.6]),
                          measured=True)
    assert found == pytest.approx([4.4, 4.6, -0.4, -0.6])
