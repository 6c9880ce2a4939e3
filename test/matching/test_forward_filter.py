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

"""The forward filter against the textbook: a dense transition matrix."""

import itertools
import math
import statistics

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.forward_filter import ForwardFilter
from vpr_ros.matching.forward_filter import Transition

SECOND = 10 ** 9
USUAL = Transition(fastest_speed_ratio=3.0, enter_probability=0.05, leave_probability=0.02,
                   jump_probability=0.002)


SPEEDS = [0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1]
REACHES = [0, 1 / 12, 1 / 12, 1 / 12, 1 / 12, 1 / 4]


def spacing_of(stamps):
    """Return the median time between neighbours; a second where there are none."""
    gaps = [b - a for a, b in zip(stamps, stamps[1:], strict=False)]
    return max(statistics.median(gaps), 1.0) if gaps else 1e9


def either_side(k, n, chance):
    """Return [(state, chance)]: half to each neighbour, at the borders it stays."""
    return [(max(k - 1, 0), chance / 2), (k, 1 - chance), (min(k + 1, n - 1), chance / 2)]


def driven(speed, fastest):
    """Return [(whole places ahead, chance)] for one of the speeds."""
    parts = math.ceil(min(max(2 * REACHES[speed] * fastest, 1), 32))
    ahead = []
    for part in range(parts):
        offset = REACHES[speed] * ((2 * part + 1) / parts - 1)
        distance = (SPEEDS[speed] + offset) * fastest
        whole = math.floor(distance)
        ahead.append((whole, (1 - (distance - whole)) / parts))
        ahead.append((whole + 1, (distance - whole) / parts))
    return ahead


def matrix(session_of, stamps, transition, elapsed):
    """Return P[i, j], the chance to go from i to j: (speed, place) in order, last nowhere."""
    n, t = len(session_of), transition
    traverses = [[i for i in range(n) if session_of[i] == k] for k in sorted(set(session_of))]
    spacings = [spacing_of([int(stamps[i]) for i in members]) for members in traverses]
    usual = elapsed / statistics.median(spacings)
    leave, enter = t.leave_probability, t.enter_probability
    mixed = 1 - (1 - (leave + enter)) ** usual
    leaves, enters = mixed * leave / (leave + enter), mixed * enter / (leave + enter)
    jumps = 1 - (1 - t.jump_probability) ** usual

    nowhere = 6 * n
    p = np.zeros((6 * n + 1, 6 * n + 1))
    for members, spacing in zip(traverses, spacings, strict=True):
        first, length, places = members[0], len(members), elapsed / spacing
        for speed, start in itertools.product(range(6), range(length)):
            source = speed * n + first + start
            for ahead, chance in driven(speed, t.fastest_speed_ratio * places):
                if start + ahead >= length:
                    p[source, nowhere] += chance
                    continue
                beside = either_side(start + ahead, length, 1 - 0.9 ** places)
                faster = either_side(speed, 6, 1 - 0.97 ** places)
                for (place, c), (new, d) in itertools.product(beside, faster):
                    follows = chance * c * d * (1 - leaves)
                    p[source, new * n + first + place] += follows * (1 - jumps)
                    p[source, :nowhere] += follows * jumps / (6 * n)
                p[source, nowhere] += chance * leaves
    p[nowhere, :nowhere] = enters / (6 * n)
    p[nowhere, nowhere] = 1 - enters
    return p


def random_traverses(rng, lengths):
    session_of = np.repeat(np.arange(len(lengths)), lengths)
    stamps = [np.sort(rng.integers(0, 20 * SECOND, length)) + 1000 * SECOND * k
              for k, length in enumerate(lengths)]
    return session_of.astype(np.int64), np.concatenate(stamps).astype(np.int64)


@pytest.mark.parametrize('lengths', [(1,), (2,), (15,), (1, 1), (12, 1, 20), (30, 2, 5, 1)])
@pytest.mark.parametrize('seed', [0, 1])
def test_like_a_dense_forward_pass(lengths, seed):
    rng = np.random.default_rng(seed)
    session_of, stamps = random_traverses(rng, lengths)
    n = len(session_of)
    transition = Transition(*rng.uniform([0.5, 0.01, 0.01, 0.001], [6.0, 0.5, 0.5, 0.4]))
    followed = ForwardFilter(session_of, stamps, transition)
    belief = np.full(6 * n + 1, 0.5 / (6 * n))
    belief[-1] = 0.5
    times = [0, 1, 10 ** 7, SECOND // 3, SECOND, 5 * SECOND, 60 * SECOND, 1000 * SECOND]
    matrices = {elapsed: matrix(session_of, stamps, transition, elapsed) for elapsed in times}
    for step in range(40):
        rows = rng.permutation(n)[:rng.integers(1, n + 1)]
        evidence = rng.uniform(-6, 6, len(rows))
        elsewhere = rng.uniform(-6, 2)
        if step:
            elapsed = int(rng.choice(times))
            followed.predict(elapsed)
            p = matrices[elapsed]
            assert np.abs(p.sum(axis=1) - 1).max() < 1e-12
            belief = belief @ p
            assert np.abs(followed.places - belief[:-1].reshape(6, n).sum(axis=0)).max() < 1e-12
            assert abs(followed.nowhere - belief[-1]) < 1e-12
        followed.update(rows, evidence, elsewhere)
        weights = np.exp(np.full(n, elsewhere))
        weights[rows] = np.exp(evidence)
        likelihood = np.append(np.tile(weights, 6), 1.0)
        belief = belief * likelihood / (belief @ likelihood)
        assert np.abs(followed.places - belief[:-1].reshape(6, n).sum(axis=0)).max() < 1e-12
        assert abs(followed.nowhere - belief[-1]) < 1e-12


@given(st.data())
@hypothesis_settings(deadline=None)
def test_belief_is_a_distribution_whatever_comes(data):
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    seed = data.draw(st.integers(0, 2 ** 32 - 1))
    session_of, stamps = random_traverses(np.random.default_rng(seed), lengths)
    n = len(session_of)
    leave = data.draw(st.floats(1e-9, 0.999))
    enter = data.draw(st.floats(1e-9, 1.0)) * (1.0 - leave)
    followed = ForwardFilter(session_of, stamps, Transition(
        data.draw(st.floats(1e-3, 50)), enter, leave, data.draw(st.floats(1e-9, 0.999))))
    for _ in range(data.draw(st.integers(1, 6))):
        followed.predict(data.draw(st.integers(0, 2 ** 62)))
        check_distribution(followed)
        rows = data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True))
        evidence = data.draw(st.lists(st.floats(-100, 100), min_size=len(rows),
                                      max_size=len(rows)))
        followed.update(np.array(rows), np.array(evidence), data.draw(st.floats(-100, 100)))
        check_distribution(followed)


@pytest.mark.parametrize('leave, enter', [(0.9, 0.1), (0.7, 0.3), (0.5, 0.5)])
def test_leaving_and_entering_may_add_up_to_one(leave, enter):
    """In floats, 1 - 0.9 - 0.1 is below zero, and a power of it a complex number."""
    followed = ForwardFilter(np.zeros(5, np.int64), np.arange(5) * SECOND,
                             Transition(3.0, enter, leave, 0.002))
    for elapsed in (0, SECOND // 3, SECOND, 7 * SECOND):
        followed.predict(elapsed)
        check_distribution(followed)


@pytest.mark.parametrize('seed', range(20))
def test_rounding_makes_nothing_negative(seed):
    """All but certain to be on the map, next to no time, next to no chance to leave."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    followed = ForwardFilter(
        np.zeros(n, np.int64), np.arange(n) * SECOND,
        Transition(3.0, *(10 ** rng.uniform(-9, -0.4, 2)).tolist(), 0.002))
    for _ in range(30):
        followed.predict(int(10 ** rng.uniform(0, 7)))
        check_distribution(followed)
        followed.update(np.arange(n), rng.uniform(20, 100, n), -1.0)
        check_distribution(followed)


def check_distribution(followed):
    assert np.isfinite(followed.places).all()
    assert followed.places.dtype == np.float64
    assert (followed.places >= 0).all()
    assert 0 <= followed.nowhere <= 1 + 1e-12
    assert followed.places.sum() + followed.nowhere == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize('evidence', [100.0, -100.0])
@pytest.mark.parametrize('between', ['predicted', 'repeated'])
def test_extreme_evidence_for_ever_leaves_a_belief_that_can_change(evidence, between):
    n = 10_000
    followed = ForwardFilter(np.zeros(n, np.int64), np.arange(n) * SECOND, USUAL)
    rows = np.arange(n)
    for _ in range(200):
        if between == 'predicted':
            followed.predict(SECOND)
        followed.update(rows, np.full(n, evidence), evidence)
        check_distribution(followed)
    assert followed.nowhere == pytest.approx(1.0 if evidence < 0 else 0.0, abs=1e-9)
    # The other way round it goes within a few frames.
    for _ in range(5):
        followed.predict(SECOND)
        followed.update(rows, np.full(n, -evidence), -evidence)
        check_distribution(followed)
    assert followed.nowhere == pytest.approx(0.0 if evidence < 0 else 1.0, abs=1e-9)


def drive(followed, rows, evidence=4.0, elapsed=SECOND):
    for row in rows:
        followed.predict(elapsed)
        followed.update(np.array([row]), np.array([evidence]), -2.0)


def test_a_kidnapped_robot_is_found_again():
    followed = ForwardFilter(np.zeros(1000, np.int64), np.arange(1000) * SECOND, USUAL)
    drive(followed, range(100, 130))
    assert followed.places[129] > 0.9
    drive(followed, range(700, 720))
    assert followed.places[719] > 0.9


def test_a_robot_is_followed_into_another_session_and_at_other_speeds():
    session_of = np.repeat([0, 1], 200)
    followed = ForwardFilter(session_of, np.tile(np.arange(200), 2) * SECOND, USUAL)
    drive(followed, range(150, 200))
    assert followed.places[199] > 0.8
    drive(followed, range(200, 290, 3))  # three times as fast
    assert followed.places[287] > 0.8
    drive(followed, [287] * 20)  # standing
    assert followed.places[287] > 0.8


def test_who_leaves_the_map_is_nowhere():
    followed = ForwardFilter(np.zeros(1000, np.int64), np.arange(1000) * SECOND, USUAL)
    drive(followed, range(100, 130))
    assert followed.nowhere < 0.1
    for _ in range(10):
        followed.predict(SECOND)
        followed.update(np.array([3, 4]), np.array([-1.0, -1.0]), -2.0)
    assert followed.nowhere > 0.9


def test_driving_past_the_end_is_leaving_and_does_not_enter_the_next_session():
    session_of = np.repeat([0, 1], 20)
    still = Transition(3.0, 1e-12, 1e-12, 1e-12)
    followed = ForwardFilter(session_of, np.tile(np.arange(20), 2) * SECOND, still)
    for _ in range(30):  # there is nothing but the last place of the first session
        followed.update(np.array([19]), np.array([50.0]), -50.0)
    before = followed.places.copy()
    assert before[19] == pytest.approx(1.0)
    followed.predict(SECOND)
    assert followed.places[20:].max() < 1e-9
    # All six speeds are as likely: standing stays, half a place leaves half the time, all else
    # leaves. A tenth of what stays then moves by one place, at the end only back.
    stays = (1 + 0.5) / 6
    assert followed.nowhere == pytest.approx(1 - stays, abs=1e-9)
    assert followed.places[18] == pytest.approx(stays * 0.05, abs=1e-9)
    assert followed.places[19] == pytest.approx(stays * 0.95, abs=1e-9)


def test_after_a_thousand_seconds_anything_is_as_likely_as_at_rest():
    """No answer is left of the old one: neither the old place nor one at its other end."""
    session_of = np.repeat([0, 1], 200)
    followed = ForwardFilter(session_of, np.tile(np.arange(200), 2) * SECOND, USUAL)
    drive(followed, range(100, 130))
    assert followed.places[129] > 0.9
    followed.predict(1000 * SECOND)
    assert followed.nowhere > 0.2
    # At rest, five of seven are on the map and spread over it.
    assert followed.places.max() < 1.5 / 400
    for begin in range(0, 400, 50):
        assert followed.places[begin:begin + 50].sum() < 0.15


def moments(followed):
    rows = np.arange(len(followed.places))
    on_map = followed.places.sum()
    mean = (followed.places * rows).sum() / on_map
    return mean, math.sqrt((followed.places * (rows - mean) ** 2).sum() / on_map)


@pytest.mark.parametrize('hertz', [1, 5, 10, 30])
def test_the_belief_moves_by_time_and_not_by_frames(hertz):
    """
    A robot of unknown speed is 8/6 of a place per second further on.

    That is the mean of the speeds, and a change of speed is as likely up as down.
    """
    still = Transition(3.0, 1e-12, 1e-12, 1e-12)
    followed = ForwardFilter(np.zeros(400, np.int64), np.arange(400) * SECOND, still)
    followed.update(np.array([100]), np.array([50.0]), -50.0)
    means = [moments(followed)[0]]
    assert means[0] == pytest.approx(100, abs=1e-6)
    for _ in range(30 * hertz):
        followed.predict(SECOND // hertz)
        means.append(moments(followed)[0])
    assert (np.diff(means) > 0).all()
    assert means[-1] == pytest.approx(140, abs=1e-5)
    # How far it spreads depends on the rate by a little: between places is not on the grid.
    assert moments(followed)[1] == pytest.approx(29.2, abs=0.5)


@pytest.mark.parametrize('hertz', [1, 5, 10, 30])
def test_leaving_takes_time_and_not_frames(hertz):
    followed = ForwardFilter(np.zeros(4000, np.int64), np.arange(4000) * SECOND, USUAL)
    followed.update(np.array([100]), np.array([50.0]), -50.0)
    for _ in range(20 * hertz):
        followed.predict(SECOND // hertz)
    # Two states: of 2/7 outside at rest, 1 - 0.93^20 after twenty places. (Who is carried near to
    # the end of the traverse drives out of it.)
    assert followed.nowhere == pytest.approx(2 / 7 * (1 - 0.93 ** 20), abs=1e-3)


@pytest.mark.parametrize('gap', [3, 10])
@pytest.mark.parametrize('speed', [0.3, 0.75, 1.25, 1.7, 2.5])
def test_a_gap_of_several_places_leaves_none_out(speed, gap):
    """A robot that has been followed at a steady speed is expected where it drives to."""
    followed = ForwardFilter(np.zeros(600, np.int64), np.arange(600) * SECOND, USUAL)
    for n in range(40):
        drive(followed, [round(100 + speed * n)])
    expected = []
    for offset in range(10):  # wherever between two speeds it falls
        followed.predict(gap * SECOND)
        place = round(100 + speed * (39 + gap * (offset + 1)))
        expected.append(followed.places[place])
        followed.update(np.array([place]), np.array([4.0]), -2.0)
    # At any place of 600: 0.0017.
    assert min(expected) > 0.01


def test_independence_is_the_share_of_a_place():
    stamps = np.concatenate([np.arange(9) * SECOND // 2, np.arange(9) * SECOND // 2])
    followed = ForwardFilter(np.repeat([0, 1], 9), stamps, USUAL)
    times = [0, SECOND // 20, SECOND // 4, SECOND // 2, SECOND, 1000 * SECOND]
    assert [followed.independence(t) for t in times] == pytest.approx([0, 0.1, 0.5, 1, 1, 1])


@pytest.mark.parametrize('evidence', [3.0, -3.0])
def test_one_look_thirty_times_counts_once(evidence):
    """Of twenty places that all look alike, so that it matters little how far the robot gets."""
    rows = np.arange(20, 40)

    def odds_after(hertz):
        followed = ForwardFilter(np.zeros(60, np.int64), np.arange(60) * SECOND, USUAL)
        for _ in range(hertz):
            followed.predict(SECOND // hertz)
            news = followed.independence(SECOND // hertz)
            followed.update(rows, news * np.full(20, evidence), news * -0.5)
        return math.log(followed.places[rows].sum() / followed.nowhere)

    # Not all of it: within the second some comes in and goes out. Unweighted it would be 30 times.
    assert odds_after(30) == pytest.approx(odds_after(1), abs=0.2 * abs(evidence))


def test_reset_forgets():
    followed = ForwardFilter(np.zeros(8, np.int64), np.arange(8) * SECOND, USUAL)
    drive(followed, range(8))
    followed.reset()
    assert followed.places == pytest.approx(np.full(8, 0.0625))
    assert followed.nowhere == 0.5


def test_chances_that_add_up_to_more_than_one_are_refused():
    with pytest.raises(VprError, match='enter_probability and leave_probability .* 0.5 and 0.6'):
        Transition(3.0, 0.5, 0.6, 0.002)
