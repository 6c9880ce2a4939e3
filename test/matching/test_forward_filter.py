# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The forward filter against the textbook: a dense transition matrix."""

import math

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


def matrix(session_of, stamps, transition, elapsed):
    """Return P[i, j], the chance to go from i to j; the last state is nowhere."""
    n = len(session_of)
    t = transition
    p = np.zeros((n + 1, n + 1))
    for i in range(n):
        members = [j for j in range(n) if session_of[j] == session_of[i]]
        gaps = sorted(stamps[b] - stamps[a] for a, b in zip(members, members[1:], strict=False))
        spacing = 1e9
        if gaps:
            spacing = max((gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2, 1.0)
        ahead = t.fastest_speed_ratio * elapsed / spacing
        steps = min(math.ceil(ahead), 100, 10 * len(members))
        weight = {-1: 0.3}
        for offset in range(steps + 1):
            weight[offset] = 1.0
        if steps == math.ceil(ahead) and ahead < steps:
            weight[steps] = max(ahead - (steps - 1), 0.05)
        total = sum(weight.values())
        staying = 1.0 - t.leave_probability - t.jump_probability
        for offset, w in weight.items():
            target = i + offset
            if target < members[0]:
                target = i
            if target > members[-1]:
                target = n
            p[i, target] += staying * w / total
        p[i, n] += t.leave_probability
        p[i, :n] += t.jump_probability / n
    p[n, n] = 1.0 - t.enter_probability
    p[n, :n] = t.enter_probability / n
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
    belief = np.full(n + 1, 0.5 / n)
    belief[n] = 0.5
    for step in range(40):
        elapsed = int(rng.choice([0, 1, 10 ** 7, SECOND // 3, SECOND, 5 * SECOND, 10 ** 12]))
        rows = rng.permutation(n)[:rng.integers(1, n + 1)]
        evidence = rng.uniform(-6, 6, len(rows))
        elsewhere = rng.uniform(-6, 2)
        if step:
            followed.predict(elapsed)
            p = matrix(session_of, stamps, transition, elapsed)
            assert np.abs(p.sum(axis=1) - 1).max() < 1e-12
            belief = belief @ p
            assert np.abs(followed.places - belief[:n]).max() < 1e-12
            assert abs(followed.nowhere - belief[n]) < 1e-12
        followed.update(rows, evidence, elsewhere)
        likelihood = np.exp(np.full(n + 1, elsewhere))
        likelihood[rows] = np.exp(evidence)
        likelihood[n] = 1.0
        belief = belief * likelihood / (belief @ likelihood)
        assert np.abs(followed.places - belief[:n]).max() < 1e-12
        assert abs(followed.nowhere - belief[n]) < 1e-12


@given(st.data())
@hypothesis_settings(deadline=None)
def test_belief_is_a_distribution_whatever_comes(data):
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    seed = data.draw(st.integers(0, 2 ** 32 - 1))
    session_of, stamps = random_traverses(np.random.default_rng(seed), lengths)
    n = len(session_of)
    leave = data.draw(st.floats(1e-9, 0.999))
    followed = ForwardFilter(session_of, stamps, Transition(
        data.draw(st.floats(1e-3, 50)), data.draw(st.floats(1e-9, 0.999)), leave,
        data.draw(st.floats(1e-9, 1.0)) * (1.0 - leave)))
    for _ in range(data.draw(st.integers(1, 6))):
        followed.predict(data.draw(st.integers(0, 2 ** 62)))
        check_distribution(followed)
        rows = data.draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True))
        evidence = data.draw(st.lists(st.floats(-100, 100), min_size=len(rows),
                                      max_size=len(rows)))
        followed.update(np.array(rows), np.array(evidence), data.draw(st.floats(-100, 100)))
        check_distribution(followed)


def check_distribution(followed):
    assert np.isfinite(followed.places).all()
    assert (followed.places >= 0).all()
    assert followed.nowhere >= -1e-15
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
    session_of = np.repeat([0, 1], 10)
    followed = ForwardFilter(session_of, np.tile(np.arange(10), 2) * SECOND, USUAL)
    followed.places[:] = 0.0
    followed.places[9] = 1.0
    followed.nowhere = 0.0
    followed.predict(SECOND)
    # Offsets -1, 0, 1, 2, 3 weigh 0.3, 1, 1, 1, 1.
    assert followed.places[8] == pytest.approx(0.978 * 0.3 / 4.3 + 0.002 / 20)
    assert followed.places[9] == pytest.approx(0.978 * 1.0 / 4.3 + 0.002 / 20)
    assert followed.nowhere == pytest.approx(0.02 + 0.978 * 3.0 / 4.3)
    assert followed.places[10:] == pytest.approx(np.full(10, 0.002 / 20))


def test_reset_forgets():
    followed = ForwardFilter(np.zeros(8, np.int64), np.arange(8) * SECOND, USUAL)
    drive(followed, range(8))
    followed.reset()
    assert followed.places.tolist() == [0.0625] * 8
    assert followed.nowhere == 0.5


def test_chances_that_add_up_to_more_than_one_are_refused():
    with pytest.raises(VprError, match='leave_probability and jump_probability .* 0.6 and 0.5'):
        Transition(3.0, 0.05, 0.6, 0.5)
