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

"""How much of the evidence of a frame is news."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.matching.background import Background
from vpr_ros.matching.redundancy import Redundancy


def route_of(places, memory, dimension=48, seed=0):
    """Return descriptors of which each has much of the one before."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((places, dimension))
    for k in range(1, places):
        rows[k] = memory * rows[k - 1] + np.sqrt(1.0 - memory ** 2) * rows[k]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def learnt(descriptors, session_of=None, positions=None):
    n = len(descriptors)
    session_of = np.zeros(n, np.int64) if session_of is None else session_of
    return Redundancy.of(Background.of(descriptors), np.arange(n), session_of, 50, positions)


def naive(correlations, places):
    """Return 1 / (1 + 2 sum rho) by hand, of correlations that fall to 0 after the last."""
    known = [1.0, *correlations, 0.0]
    total, k = 0.0, 1
    while k * places < len(known) - 1:
        low = int(k * places)
        part = k * places - low
        total += (1.0 - part) * known[low] + part * known[low + 1]
        k += 1
    return 1.0 / (1.0 + 2.0 * total)


def test_the_more_a_route_is_alike_the_less_is_news():
    one_place = np.array([1.0])
    news = [float(learnt(route_of(1500, memory)).news(one_place)[0])
            for memory in (0.0, 0.6, 0.8, 0.9)]
    assert news[0] > 0.9
    assert news[0] > news[1] > news[2] > news[3]
    assert news[3] < 0.5


def test_correlations_fall_with_the_distance():
    # Not of places so much alike that the 15 next to the right one are taken for wrong ones.
    found = learnt(route_of(1500, 0.7)).correlations
    assert len(found) == 5
    assert found[0] > 0.1
    assert (np.diff(found) < 0.02).all()
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize('correlations', [[], [0.0], [0.5], [0.4, 0.2, 0.1], [0.9] * 5])
def test_news_like_a_naive_sum(correlations):
    found = Redundancy(np.array(correlations))
    ways = np.arange(1, 140) * 0.05  # the table is exact where it has been made
    wanted = [naive(correlations, way) for way in ways.round(9)]
    assert found.news(ways) == pytest.approx(np.array(wanted), abs=1e-3)


@given(st.lists(st.floats(0.0, 1.0), max_size=6), st.lists(st.floats(0.0, 20.0), min_size=2))
def test_standing_is_no_news_and_further_on_is_never_less(correlations, ways):
    found = Redundancy(np.sort(np.array(correlations))[::-1].copy())
    news = found.news(np.sort(ways))
    assert ((news >= 0) & (news <= 1)).all()
    assert (np.diff(news) >= -1e-9).all()
    assert found.news(np.array([0.0, len(correlations) + 1.0, 1e9])) == (
        pytest.approx([0.0, 1.0, 1.0]))


@pytest.mark.parametrize('hertz', [2, 4, 5, 10])
def test_frames_that_come_fast_are_worth_as_much_together(hertz):
    """Of many frames on the way of a place, about as much is news as of one."""
    found = Redundancy(np.array([0.25, 0.12, 0.08, 0.06, 0.05]))
    once, each = found.news(np.array([1.0, 1.0 / hertz]))
    assert hertz * each == pytest.approx(once, rel=0.3)


def test_a_short_map_takes_what_is_usual():
    usual = 0.25 / np.arange(1, 6)
    assert learnt(route_of(20, 0.0)).correlations == pytest.approx(usual)
    assert learnt(route_of(1, 0.0)).correlations == pytest.approx(usual)
    # And so does one of many short traverses, in which nothing follows anything.
    alone = learnt(route_of(300, 0.9), session_of=np.arange(300))
    assert alone.correlations == pytest.approx(usual)


def test_what_was_driven_twice_is_right_twice():
    """Two traverses of one street: the other view of a place is no error that repeats."""
    street = route_of(300, 0.0)
    rng = np.random.default_rng(1)
    again = street + 0.05 * rng.standard_normal(street.shape)
    again = (again / np.linalg.norm(again, axis=1, keepdims=True)).astype(np.float32)
    descriptors = np.concatenate([street, again])
    session_of = np.repeat([0, 1], 300)
    positions = np.zeros((600, 3))
    positions[:, 0] = np.tile(np.arange(300) * 10.0, 2)
    blind = learnt(descriptors, session_of)
    posed = learnt(descriptors, session_of, positions)
    assert blind.correlations.min() > 0.2
    assert posed.correlations.max() < 0.05


def test_a_large_map_is_looked_at_in_parts_and_always_alike():
    descriptors = route_of(9000, 0.7, dimension=24)
    one, other = learnt(descriptors), learnt(descriptors)
    assert (one.correlations == other.correlations).all()
    part = learnt(descriptors[:3000])
    assert one.correlations[0] == pytest.approx(part.correlations[0], abs=0.1)


def test_sequences_that_share_frames_are_not_news_each_time():
    """
    Each frame of a sequence of three is in three of them, and the map of them shows it.

    Two sequences have four of nine products in common with the next two, then one: the best of
    them, which alone count, are correlated by less than that.
    """
    single = route_of(1500, 0.0)
    sequences = single[:-2] + single[1:-1] + single[2:]
    sequences /= np.linalg.norm(sequences, axis=1, keepdims=True)
    alone, together = (float(learnt(d).news(np.array([1.0]))[0]) for d in (single, sequences))
    assert alone > 0.9
    assert together < 0.85 * alone
