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

"""Which places are one answer."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.belief import Belief
from vpr_ros.matching.hypotheses import hypotheses
from vpr_ros.matching.hypotheses import Neighbourhoods
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import Pose


def snapshot_of(session_of, positions=None):
    n = len(session_of)
    poses = (None,) * n if positions is None else tuple(
        None if p is None else Pose(np.asarray(p, float)) for p in positions)
    return Snapshot(
        map_id='m', revision=1, network=NetworkIdentity('test', '00', 1, Preprocessing(1, 1)),
        sessions=('a', 'b', 'c'), cameras=('front',),
        place_ids=np.arange(n), stamps_ns=np.arange(n), session_of=np.asarray(session_of),
        poses=Poses.of(poses), view_rows=np.arange(n), view_cameras=np.zeros(n, np.int64),
        descriptors=np.ones((n, 1), np.float32))


def beside(near, row, count):
    """Return which of the first ``count`` rows are next to one."""
    return np.flatnonzero(near.near(row, np.arange(count))).tolist()


def belief_in(probabilities):
    probabilities = np.asarray(probabilities, float)
    return Belief(np.arange(len(probabilities)), probabilities, 1.0 - probabilities.sum())


def test_by_frames_within_a_session():
    near = Neighbourhoods(snapshot_of([0] * 5 + [1] * 3), radius_m=5.0, frames=2)
    assert [beside(near, row, 8) for row in range(8)] == [
        [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4], [1, 2, 3, 4], [2, 3, 4],
        [5, 6, 7], [5, 6, 7], [5, 6, 7]]
    alone = Neighbourhoods(snapshot_of([0] * 3), radius_m=5.0, frames=0)
    assert [beside(alone, row, 3) for row in range(3)] == [[0], [1], [2]]


def test_by_distance_over_sessions():
    positions = [(0, 0, 0), (3, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 5.001), (100, 0, 0)]
    near = Neighbourhoods(snapshot_of([0, 0, 0, 1, 1, 1], positions), radius_m=5.0, frames=2)
    assert beside(near, 0, 6) == [0, 1, 3]
    assert beside(near, 1, 6) == [0, 1, 2]
    assert beside(near, 4, 6) == [4]
    assert beside(near, 5, 6) == [5]


@pytest.mark.parametrize('radius', [0.5, 3.0, 40.0])
def test_by_distance_like_every_pair(radius):
    rng = np.random.default_rng(0)
    # Some on one spot, as after a turn of the robot, and some on one line of equal x.
    positions = rng.uniform(-20, 20, (80, 3)).round(1)
    positions[10:20] = positions[10]
    positions[30:40, 0] = 1.0
    near = Neighbourhoods(snapshot_of([0] * 80, positions), radius_m=radius, frames=1)
    for row in range(80):
        assert beside(near, row, 80) == [
            other for other in range(80)
            if sum((positions[row] - positions[other]) ** 2) <= radius ** 2]


def test_one_place_without_a_pose_leaves_the_order_of_frames():
    positions = [(0, 0, 0), (0, 0, 0), None, (0, 0, 0)]
    near = Neighbourhoods(snapshot_of([0] * 4, positions), radius_m=5.0, frames=1)
    assert beside(near, 0, 4) == [0, 1]


def test_distinct_answers_by_hand():
    near = Neighbourhoods(snapshot_of([0] * 8), radius_m=5.0, frames=1)
    belief = belief_in([0.05, 0.1, 0.05, 0.0, 0.11, 0.0, 0.02, 0.03])
    found, further = hypotheses(belief, near, 3)
    assert further == []
    # The peak of 0.11 comes first, but the three around row 1 are likelier together.
    assert [h.row for h in found] == [1, 4, 7]
    assert [h.probability for h in found] == pytest.approx([0.2, 0.11, 0.05])
    assert belief.probabilities[4] == 0.11  # the belief itself stands
    # In any order, and without those that are not likely.
    order = np.array([4, 7, 0, 2, 6, 1])
    some = Belief(order, belief.probabilities[order], belief.nowhere)
    assert hypotheses(some, near, 3) == (found, [])


def test_what_is_listed_besides_takes_nothing_from_the_answers():
    near = Neighbourhoods(snapshot_of([0] * 8), radius_m=5.0, frames=1)
    belief = belief_in([0.05, 0.1, 0.05, 0.0, 0.11, 0.0, 0.02, 0.03])
    found, further = hypotheses(belief, near, 1, 2)
    # Those around row 1 are likelier together, and are no answer that counts.
    assert [h.row for h in found] == [4]
    assert [h.row for h in further] == [1, 7]


def test_rounding_makes_nothing_likelier_than_certain():
    even = np.full(20, 1.0 / 20.0)
    assert even.sum() > 1.0
    near = Neighbourhoods(snapshot_of([0] * 20), radius_m=5.0, frames=20)
    (found,), _ = hypotheses(Belief(np.arange(20), even, 0.0), near, 3)
    assert found.probability == 1.0


def test_no_answer_where_there_is_no_belief():
    near = Neighbourhoods(snapshot_of([0] * 4), radius_m=5.0, frames=1)
    assert hypotheses(belief_in(np.zeros(4)), near, 3) == ([], [])
    assert hypotheses(Belief(np.zeros(0, np.int64), np.zeros(0), 1.0), near, 3) == (
        [], [])
    assert [h.row for h in hypotheses(belief_in([0, 0, 0, 0.5]), near, 3)[0]] == [3]
    assert len(hypotheses(belief_in(np.full(4, 0.25)), near, 100)[0]) <= 4


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)),
       st.integers(1, 8), st.integers(0, 3), st.booleans(), st.integers(0, 2 ** 32 - 1))
def test_answers_are_distinct_and_add_up_to_at_most_one(belief, count, frames, posed, seed):
    belief = belief / max(belief.sum(), 1.0)
    n = len(belief)
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 20, (n, 3)) if posed else None
    near = Neighbourhoods(snapshot_of(np.sort(rng.integers(0, 3, n)), positions),
                          radius_m=5.0, frames=frames)
    found, further = hypotheses(belief_in(belief), near, count, 3)
    assert hypotheses(belief_in(belief), near, count) == (found, [])
    assert len(further) <= (3 if len(found) == count else 0)
    assert sum(h.probability for h in (*found, *further)) <= 1.0 + 1e-12
    assert not {h.row for h in found} & {h.row for h in further}
    assert len(found) <= count
    assert (len(found) == 0) == (belief.max() == 0)
    probabilities = [h.probability for h in found]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) <= 1.0 + 1e-12
    rows = [h.row for h in found]
    for row in rows:
        assert not set(beside(near, row, n)) & set(rows) - {row}
    if found:
        assert int(belief.argmax()) in rows
        for h in found:
            assert belief[h.row] <= h.probability <= belief[beside(near, h.row, n)].sum() + 1e-12
