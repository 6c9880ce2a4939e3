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

"""The filter over places against the textbook: dense, with a transition matrix."""

import dataclasses
import math
import time
import tracemalloc

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching import place_filter
from vpr_ros.matching.evidence import Evidence
from vpr_ros.matching.motion import Step
from vpr_ros.matching.place_filter import PlaceFilter
from vpr_ros.matching.place_filter import Transition
from vpr_ros.matching.route import Route

USUAL = Transition(fastest_speed_ratio=3.0, enter_probability=0.05, leave_probability=0.02,
                   jump_probability=0.002)
# Nobody leaves, comes or is carried.
STILL = Transition(3.0, 1e-12, 1e-12, 1e-12)


def straight(*lengths):
    """Return traverses of stops that are a place apart."""
    session_of = np.repeat(np.arange(len(lengths)), lengths)
    at = np.arange(len(session_of)) + 1e6 * session_of
    ends = np.cumsum(lengths)
    stops = np.arange(len(at))
    return Route(stops, stops, at, at, (ends - np.array(lengths))[session_of],
                 ends[session_of] - 1, 5.0, 1.0)


def tell(followed, rows, log_ratios=4.0, elsewhere=-1.0, news=1.0):
    """Take in evidence of which all, or a share, is news."""
    rows = np.atleast_1d(rows)
    followed.update(Evidence(rows, np.broadcast_to(np.asarray(log_ratios, float), rows.shape),
                             elsewhere),
                    news, np.full(len(followed.speeds), news))


def drive(followed, rows, *, places=1.0, measured=False, **evidence):
    for row in rows:
        followed.predict(Step(places, measured=measured))
        tell(followed, row, **evidence)


def believed(followed, row, within=0):
    """Return how likely the robot is at a place, or that near to it."""
    belief = followed.belief()
    return float(belief.probabilities[np.abs(belief.rows - row) <= within].sum())


def check_distribution(followed):
    cells, belief = followed.cells, followed.belief()
    assert np.isfinite(cells.x).all()
    assert np.isfinite(cells.weight).all()
    assert (cells.weight >= 0).all()
    assert cells.spread >= 0 and cells.nowhere >= 0
    assert math.isfinite(cells.helped)
    assert cells.weight.sum() + cells.spread + cells.nowhere == pytest.approx(1.0, abs=1e-9)
    assert len(set(belief.rows.tolist())) == len(belief.rows)
    assert belief.probabilities.sum() == pytest.approx(cells.weight.sum(), abs=1e-12)
    assert belief.nowhere == cells.nowhere


class Dense:
    """The same filter over every place and speed at once, by matrices."""

    def __init__(self, route, transition):
        forwards = [v for v in (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
                    if v < transition.fastest_speed_ratio] + [transition.fastest_speed_ratio]
        self.speeds = [-v for v in reversed(forwards) if v <= 2.0] + [0.0] + forwards
        self.halt = self.speeds.index(0.0)
        self.usual = min(range(len(self.speeds)), key=lambda k: abs(self.speeds[k] - 1.0))
        shares = np.array([0.1 if v < 0 else 1.0 for v in self.speeds])
        self.prior = shares / shares.sum()
        self.route, self.t = route, transition
        self.p = np.zeros((len(self.speeds), len(route)))
        self.told = np.zeros_like(self.p)
        self.spread = self.nowhere = 0.5
        self.helped = 0.0

    def shift(self, ahead):
        """Return P[i, j], the chance to come from i to j with this way; rows lack what is out."""
        n = len(self.route)
        p = np.zeros((n, n))
        for i in range(n):
            j = i + ahead
            if self.route.first[i] <= j <= self.route.last[i]:
                p[i, j] = 1.0
        return p

    def predict(self, places, measured):
        parts = min(max(math.ceil(abs(places) / 2.0), 1), 16)
        for _ in range(parts):
            self.move(places / parts, measured)
        total = self.p.sum() + self.spread + self.nowhere
        if not measured:
            self.p, self.spread, self.nowhere = (
                self.p / total, self.spread / total, self.nowhere / total)

    def move(self, places, measured):
        t, way, last = self.t, abs(places), len(self.speeds) - 1
        jitter = place_filter._MEASURED_JITTER if measured else place_filter._JITTER
        beside = 1 - (1 - jitter) ** way
        changes = 0.0 if measured else 1 - (1 - place_filter._SPEED_CHANGE) ** way
        before = self.p.sum() + self.spread
        # What was told goes along with the weight that it was told to.
        new = np.zeros((2, *self.p.shape))
        old = np.stack([self.p, self.p * self.told])
        for k, speed in enumerate(self.speeds):
            factor = (-1 if speed < 0 else 1) if measured else speed
            ahead = round(factor * places)
            assert ahead == pytest.approx(factor * places)  # else there would be fractions
            there = old[:, k] @ self.shift(ahead)
            new[:, k] += (1 - changes) * (1 - beside) * there
            for side in (-1, 1):
                new[:, k] += (1 - changes) * beside / 2 * (old[:, k] @ self.shift(ahead + side))
            for other in (min(k + 1, last), max(k - 1, 0), self.halt, self.usual):
                new[:, other] += changes / 4 * there
        self.told = np.divide(new[1], new[0], out=np.zeros_like(self.p), where=new[0] > 0)
        new = new[0]
        inside = new.sum() + self.spread
        out = before - inside
        leave, enter = t.leave_probability, t.enter_probability
        mixed = 1 - (1 - leave - enter) ** way
        leaves, enters = leave / (leave + enter) * mixed, enter / (leave + enter) * mixed
        jump = t.jump_probability
        if t.gate and self.helped < 0:
            jump += max(place_filter._MOST_DOUBT - jump, 0.0) * (1 - math.exp(self.helped))
        jumps = 1 - (1 - jump) ** way
        arrives = self.nowhere * enters
        returning = place_filter._RETURN * arrives / inside
        stay = (1 - leaves) * (1 - jumps) + returning
        self.nowhere = self.nowhere * (1 - enters) + out + inside * leaves
        self.spread = (self.spread * stay + inside * (1 - leaves) * jumps
                       + (1 - place_filter._RETURN) * arrives)
        self.p = new * stay

    def update(self, rows, log_ratios, elsewhere, news, news_at):
        n = len(self.route)
        found = np.full(n, float(elsewhere))
        found[rows] = log_ratios
        told = np.zeros(n, bool)
        told[rows] = True
        echo = ((1 - news_at) / (1 + news_at))[:, None]
        above = found - elsewhere
        self.p *= np.exp(news * elsewhere + (above - echo * self.told) / (1 + echo))
        fresh = np.where(told, self.spread / n * np.exp(news * found), 0.0)
        self.p += fresh * self.prior[:, None]
        self.told = np.tile(above, (len(self.speeds), 1))
        self.spread *= 1 - told.mean()
        before = 1 - self.nowhere
        self.spread *= math.exp(news * elsewhere)
        on_map = self.p.sum() + self.spread
        self.helped = min(0.0, place_filter._MEMORY * self.helped + math.log(
            on_map / before / np.exp(news * found).mean()))
        total = on_map + self.nowhere
        self.p, self.spread, self.nowhere = (
            self.p / total, self.spread / total, self.nowhere / total)


@pytest.mark.parametrize('gate', [True, False])
@pytest.mark.parametrize('fastest, steps', [
    # Sixteen parts of four places, in which a quarter of the usual speed is a place.
    (1.0, [(64.0, False)]), (0.5, [(64.0, False), (128.0, False)]),
    (3.0, [(1.0, True), (2.0, True), (-1.0, True), (0.0, True), (5.0, True)]),
    (1.0, [(64.0, False), (1.0, True), (-3.0, True)])])
@pytest.mark.parametrize('lengths', [(7,), (40, 1, 25)])
def test_like_a_dense_filter(monkeypatch, lengths, fastest, steps, gate):
    monkeypatch.setattr(place_filter, '_LIGHTEST', 0.0)
    rng = np.random.default_rng(0)
    route = straight(*lengths)
    n = len(route)
    transition = Transition(fastest, *rng.uniform([0.01, 0.01, 0.001], [0.2, 0.2, 0.1]),
                            cells=100_000, gate=gate)
    followed, dense = PlaceFilter(route, transition), Dense(route, transition)
    assert followed.speeds.tolist() == dense.speeds
    doubts = 0
    for step in range(25):
        if step:
            places, measured = steps[rng.integers(len(steps))]
            if measured and abs(places) > 2.0:  # three parts and more: whole ones only
                places = math.copysign(2.0 * (abs(places) // 2), places)
            followed.predict(Step(places, measured=measured))
            dense.predict(places, measured)
        rows = rng.permutation(n)[:rng.integers(1, n + 1)]
        log_ratios, elsewhere = rng.uniform(-3, 6, len(rows)), rng.uniform(-3, 1)
        news, news_at = rng.uniform(), rng.uniform(size=len(followed.speeds))
        followed.update(Evidence(rows, log_ratios, elsewhere), news, news_at)
        dense.update(rows, log_ratios, elsewhere, news, news_at)
        belief = followed.belief()
        found = np.zeros(n)
        found[belief.rows] = belief.probabilities
        assert found == pytest.approx(dense.p.sum(axis=0), abs=1e-9)
        assert followed.cells.nowhere == pytest.approx(dense.nowhere, abs=1e-9)
        assert followed.cells.spread == pytest.approx(dense.spread, abs=1e-9)
        assert followed.cells.helped == pytest.approx(dense.helped, abs=1e-6)
        doubts += dense.helped < -0.1
    assert doubts > 0 or n == 7  # so that the gate was open at times


@given(st.data())
@hypothesis_settings(deadline=None, max_examples=60)
def test_belief_is_a_distribution_whatever_comes(data):
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    route = straight(*lengths)
    leave = data.draw(st.floats(1e-9, 0.999))
    enter = data.draw(st.floats(1e-9, 1.0)) * (1.0 - leave)
    followed = PlaceFilter(route, Transition(
        data.draw(st.floats(1e-3, 50)), enter, leave, data.draw(st.floats(1e-9, 0.999)),
        cells=data.draw(st.integers(10, 500))))
    for _ in range(data.draw(st.integers(1, 6))):
        measured = data.draw(st.booleans())
        places = data.draw(st.floats(-1e4 if measured else 0.0, 1e4))
        way = followed.predict(Step(places, measured=measured))
        assert 0.0 <= way <= 50.0 * abs(places) + 1e-9
        check_distribution(followed)
        rows = data.draw(st.lists(st.integers(0, len(route) - 1), min_size=1, unique=True))
        log_ratios = data.draw(st.lists(st.floats(-20, 20), min_size=len(rows),
                                        max_size=len(rows)))
        news = data.draw(st.floats(0.0, 1.0))
        tell(followed, np.array(rows), np.array(log_ratios), data.draw(st.floats(-20, 20)), news)
        check_distribution(followed)


@pytest.mark.parametrize('hertz', [3, 7, 10, 30])
@pytest.mark.parametrize('measured', [True, False])
def test_no_sum_of_small_ways_leads_over_an_end(hertz, measured):
    """In floats, ten tenths are next to one: a cell at the very end stays on its traverse."""
    route = straight(12, 9)
    followed = PlaceFilter(route, STILL)
    for _ in range(3):
        tell(followed, np.array([2]), 20.0, -20.0)
    for step in range(20 * hertz):
        followed.predict(Step(1.0 / hertz, measured=measured))
        assert believed(followed, 16, within=4) < 1e-3 * (step + 1) / hertz  # the other one
        if step % hertz == 0 and step < 8 * hertz:
            tell(followed, np.array([2 + step // hertz]), 1.0, 0.0)
    for back in range(2):  # and at the last end there is nothing at all
        tell(followed, np.array([20]), 20.0, -20.0)
        for _ in range(3 * hertz):
            followed.predict(Step((-1) ** back / hertz, measured=measured))
            check_distribution(followed)


@pytest.mark.parametrize('seed', range(30))
def test_rounding_leads_no_cell_over_the_last_stop(seed):
    """Of x with any weight, w x / w may be the next float: of half a stop, another stop."""
    rng = np.random.default_rng(seed)
    route = straight(int(rng.integers(2, 9)))
    followed = PlaceFilter(route, USUAL)
    for step in range(60):
        followed.predict(Step(float(rng.choice([0.05, 0.1, 0.2, 0.3])), measured=seed % 2 > 0))
        if step % 5 == 0:
            rows = rng.permutation(len(route))[:2]
            tell(followed, rows, rng.uniform(0, 3, len(rows)), news=0.1)
        edges = np.nextafter(rng.integers(1, len(route), 5) + 0.5, 0.0)
        cells = followed.cells
        weight = cells.weight * rng.uniform(0.5, 1.0, len(cells.x))
        x = cells.x.copy()
        x[:5] = edges[:len(x)]
        followed.cells = dataclasses.replace(cells, x=x, weight=weight)
        followed.predict(Step(0.0, measured=True))
        assert (np.floor(followed.cells.x + 0.5) < len(route)).all()
        assert (np.floor(followed.cells.x + 0.5) >= 0).all()


@pytest.mark.parametrize('leave, enter', [(0.9, 0.1), (0.7, 0.3), (0.5, 0.5)])
def test_leaving_and_entering_may_add_up_to_one(leave, enter):
    """In floats, 1 - 0.9 - 0.1 is below zero, and a power of it a complex number."""
    followed = PlaceFilter(straight(5), Transition(3.0, enter, leave, 0.002))
    for places in (0.0, 1 / 3, 1.0, 7.0):
        followed.predict(Step(places))
        check_distribution(followed)


@pytest.mark.parametrize('evidence', [20.0, -20.0])
def test_extreme_evidence_for_ever_leaves_a_belief_that_can_change(evidence):
    followed = PlaceFilter(straight(3000), USUAL)
    rows = np.arange(1000, 1050)
    for _ in range(60):
        followed.predict(Step(0.2))
        tell(followed, rows, evidence, evidence)
        check_distribution(followed)
    assert followed.cells.nowhere == pytest.approx(1.0 if evidence < 0 else 0.0, abs=1e-3)
    for _ in range(5):
        followed.predict(Step(0.2))
        tell(followed, rows, -evidence, -evidence)
        check_distribution(followed)
    assert followed.cells.nowhere == pytest.approx(0.0 if evidence < 0 else 1.0, abs=1e-3)


def test_chances_that_add_up_to_more_than_one_are_refused():
    with pytest.raises(VprError, match='enter_probability and leave_probability .* 0.5 and 0.6'):
        Transition(3.0, 0.5, 0.6, 0.002)


def test_reset_forgets():
    followed = PlaceFilter(straight(50), USUAL)
    drive(followed, range(8))
    assert len(followed.cells.x)
    followed.reset()
    assert len(followed.belief().rows) == 0
    cells = followed.cells
    assert (cells.spread, cells.nowhere, cells.helped) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize('measured', [True, False])
def test_a_kidnapped_robot_is_found_again(measured):
    followed = PlaceFilter(straight(1000), USUAL)
    drive(followed, range(100, 130), measured=measured)
    assert believed(followed, 129) > 0.9
    drive(followed, range(700, 720), measured=measured)
    assert believed(followed, 719) > 0.9


@pytest.mark.parametrize('measured', [True, False])
def test_who_leaves_the_map_is_nowhere_and_is_found_again_when_it_comes_back(measured):
    followed = PlaceFilter(straight(1000), USUAL)
    drive(followed, range(100, 130), measured=measured)
    assert followed.cells.nowhere < 0.1
    rng = np.random.default_rng(0)
    for _ in range(15):
        drive(followed, [rng.integers(0, 1000, 3)], log_ratios=-0.5, measured=measured)
    assert followed.cells.nowhere > 0.9
    drive(followed, range(400, 410), measured=measured)
    assert believed(followed, 409) > 0.8


def test_who_was_gone_for_a_while_is_expected_further_along():
    """A few frames of nothing, and the street goes on: one look is enough, two places on."""
    followed, carried = (PlaceFilter(straight(1000), USUAL) for _ in range(2))
    for one in (followed, carried):
        drive(one, range(100, 130))
        for _ in range(6):
            drive(one, [np.array([5])], log_ratios=-0.5, elsewhere=-0.5)
    drive(followed, [136], log_ratios=3.0)
    drive(carried, [636], log_ratios=3.0)
    assert believed(followed, 136, within=1) > 0.7
    assert believed(carried, 636, within=1) < 0.3


def test_driving_past_the_end_is_leaving_and_does_not_enter_the_next_traverse():
    followed = PlaceFilter(straight(20, 20), STILL)
    tell(followed, 19, 50.0, -50.0)
    assert believed(followed, 19) == pytest.approx(1.0)
    for _ in range(2):
        followed.predict(Step(1.0, measured=True))
        check_distribution(followed)
    assert believed(followed, 30, within=10) < 1e-6
    # Those that drive backwards are still there, and whom the jitter took back.
    backwards = 0.1 * (followed.speeds < 0).sum()
    share = backwards / (backwards + (followed.speeds >= 0).sum())
    assert followed.cells.nowhere == pytest.approx(1.0 - share, abs=0.05)


@pytest.mark.parametrize('speed', [0.25, 0.6, 0.75, 1.0, 1.25, 1.7, 2.0, 2.5])
def test_robots_are_followed_at_other_speeds(speed):
    followed = PlaceFilter(straight(400), USUAL)
    right = 0
    for n in range(80):
        drive(followed, [round(50 + speed * n)])
        right += n >= 10 and believed(followed, round(50 + speed * n), within=1) > 0.8
    assert right >= 66


@pytest.mark.parametrize('measured', [True, False])
def test_a_robot_that_drives_the_other_way_is_followed(measured):
    followed = PlaceFilter(straight(400), USUAL)
    drive(followed, range(300, 250, -1), measured=measured)
    assert believed(followed, 251) > 0.8
    moving = followed.cells.weight[followed.speeds[followed.cells.speed] < 0].sum()
    assert moving > 0.8


def test_a_robot_that_stops_and_goes_on_is_followed():
    followed = PlaceFilter(straight(400), USUAL)
    drive(followed, range(100, 140))
    drive(followed, [139] * 20)
    assert believed(followed, 139) > 0.8
    assert np.average(np.abs(followed.speeds[followed.cells.speed]),
                      weights=followed.cells.weight) < 0.3
    drive(followed, range(140, 160))
    assert believed(followed, 159) > 0.8


def test_odometry_of_zero_moves_nothing():
    followed = PlaceFilter(straight(400), USUAL)
    drive(followed, range(100, 120), measured=True)
    before = followed.belief()
    for _ in range(50):
        assert followed.predict(Step(0.0, measured=True)) == 0.0
    after = followed.belief()
    likely = after.probabilities > 0.0
    assert after.rows[likely].tolist() == before.rows.tolist()
    assert after.probabilities[likely] == pytest.approx(before.probabilities, abs=1e-12)


def test_what_has_been_told_is_told_once():
    """A standing robot sees one place again and again: its evidence does not add up."""
    followed = PlaceFilter(straight(400), USUAL)
    drive(followed, range(100, 120))
    beliefs = []
    for _ in range(100):
        tell(followed, np.array([119, 300]), [1.0, 1.0], 0.0, news=0.0)
        beliefs.append(believed(followed, 300))
    assert beliefs[-1] == pytest.approx(beliefs[1], rel=0.01)
    assert beliefs[-1] < 0.01


def test_where_on_the_way_it_is_is_kept():
    """A tenth of a place at a time, by odometry: the mean moves on evenly."""
    followed = PlaceFilter(straight(400), dataclasses.replace(STILL, fastest_speed_ratio=1.0))
    tell(followed, 100, 50.0, -50.0)
    forwards = followed.speeds[followed.cells.speed] >= 0
    cells = followed.cells
    followed.cells = dataclasses.replace(
        cells, **{name: getattr(cells, name)[forwards] for name in
                  [f.name for f in dataclasses.fields(cells)
                   if isinstance(getattr(cells, f.name), np.ndarray)]})
    means = []
    for _ in range(200):
        followed.predict(Step(0.1, measured=True))
        means.append(np.average(followed.cells.x, weights=followed.cells.weight))
    assert np.diff(means) == pytest.approx(np.full(199, 0.1), abs=1e-6)


def test_several_traverses_of_one_street_share_the_belief():
    followed = PlaceFilter(straight(100, 100, 100), USUAL)
    for n in range(30, 60):
        drive(followed, [np.array([n, 100 + n, 200 + n])])
    each = [believed(followed, 59 + 100 * k) for k in range(3)]
    assert sum(each) > 0.9
    assert each == pytest.approx([sum(each) / 3] * 3, rel=0.01)
    # And on into the only one that goes on looking like it.
    for n in range(60, 75):
        drive(followed, [np.array([100 + n])])
    assert believed(followed, 174) > 0.9


@pytest.mark.parametrize('cells', [10, 30, 100])
def test_few_cells_keep_the_track(cells):
    rng = np.random.default_rng(0)
    followed = PlaceFilter(straight(5000), dataclasses.replace(USUAL, cells=cells))
    right = 0
    for n in range(80):
        others = rng.integers(0, 5000, 49)
        others = np.unique(others[np.abs(others - 1000 - n) > 3])
        rows = np.append(others, 1000 + n)
        drive(followed, [rows], log_ratios=np.append(rng.exponential(0.6, len(others)), 3.0))
        assert len(followed.cells.x) <= cells
        check_distribution(followed)
        right += n >= 40 and believed(followed, 1000 + n, within=1) > 0.5
    assert right >= 36


@pytest.mark.parametrize('gap', [3, 10, 25])
@pytest.mark.parametrize('speed', [0.5, 1.0, 1.25, 2.0])
def test_after_a_gap_a_robot_is_expected_where_it_drives_to(speed, gap):
    followed = PlaceFilter(straight(600), USUAL)
    for n in range(40):
        drive(followed, [round(100 + speed * n)])
    followed.predict(Step(float(gap)))
    check_distribution(followed)
    place = round(100 + speed * (39 + gap))
    # At any place of 600: 0.0017.
    assert believed(followed, place, within=1) > 0.01


def test_after_a_thousand_places_nothing_is_left_of_the_old_answer():
    followed = PlaceFilter(straight(600, 600), USUAL)
    drive(followed, range(100, 130))
    followed.predict(Step(1000.0))
    check_distribution(followed)
    belief = followed.belief()
    assert belief.probabilities.max(initial=0.0) < 0.05
    assert followed.cells.spread > 0.1


@pytest.mark.parametrize('fastest', [0.5, 1.0, 2.0, 2.5, 3.0, 10.0])
def test_another_fastest_speed_keeps_the_belief(fastest):
    followed = PlaceFilter(straight(600), USUAL)
    drive(followed, range(100, 130))
    before = followed.belief()
    followed.change(dataclasses.replace(USUAL, fastest_speed_ratio=fastest))
    after = followed.belief()
    assert followed.speeds.max() == fastest
    assert after.rows.tolist() == before.rows.tolist()
    assert after.probabilities == pytest.approx(before.probabilities, abs=1e-12)
    place = 129.0
    for _ in range(20):  # and it goes on at speeds that are allowed
        place += min(fastest, 1.0)
        drive(followed, [round(place)])
        check_distribution(followed)
    assert believed(followed, round(place), within=1) > 0.8


def test_speeds_keep_their_meaning_when_others_come():
    followed = PlaceFilter(straight(600), USUAL)
    drive(followed, range(100, 130))

    def usual():
        return followed.cells.weight[followed.speeds[followed.cells.speed] == 1.0].sum()

    before = usual()
    assert before > 0.3
    for fastest in (10.0, 1.25, 3.0):
        followed.change(dataclasses.replace(USUAL, fastest_speed_ratio=fastest))
        assert usual() == pytest.approx(before)


def test_repeats_are_the_same_to_the_bit():
    def run():
        rng = np.random.default_rng(0)
        followed = PlaceFilter(straight(500, 300), dataclasses.replace(USUAL, cells=200))
        for n in range(40):
            followed.predict(Step(rng.uniform(0, 3), measured=bool(n % 3 == 0)))
            rows = rng.permutation(800)[:50]
            tell(followed, rows, rng.exponential(0.6, 50), news=rng.uniform())
        cells = followed.cells
        return [getattr(cells, f.name) for f in dataclasses.fields(cells)]

    for one, other in zip(run(), run(), strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_nothing_depends_on_the_size_of_the_map():
    route = straight(400_000, 600_000)
    rng = np.random.default_rng(0)
    tracemalloc.start()
    try:
        followed = PlaceFilter(route, USUAL)
        times = []
        for n in range(40):
            rows = np.append(rng.integers(0, 1_000_000, 49), 500_000 + n)
            began = time.perf_counter()
            followed.predict(Step(1.0))
            tell(followed, np.unique(rows), 3.0)
            times.append(time.perf_counter() - began)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert believed(followed, 500_039, within=1) > 0.9
    assert np.median(times) < 0.02
    assert most < 5e6  # bytes; one number for each place would be more


@pytest.mark.parametrize('log_ratio', [-3.0, 0.0, 4.0])
def test_a_closer_look_is_bayes_rule(log_ratio):
    rng = np.random.default_rng(0)
    followed = PlaceFilter(straight(30, 20), USUAL)
    drive(followed, [[5, 25, 40], [6, 26, 41], [7, 41, 12]], log_ratios=3.0)
    looked_at = rng.random(50) < 0.3
    looked_at[7] = True
    before = followed.cells
    weights = [float(weight) * (math.exp(log_ratio) if looked_at[math.floor(x + 0.5)] else 1.0)
               for x, weight in zip(before.x, before.weight, strict=True)]
    total = sum(weights) + before.spread + before.nowhere
    followed.confirm(7, looked_at.__getitem__, log_ratio)
    after = followed.cells
    assert after.weight == pytest.approx([weight / total for weight in weights], rel=1e-12)
    assert (after.spread, after.nowhere) == pytest.approx(
        (before.spread / total, before.nowhere / total), rel=1e-12)
    assert np.array_equal(after.x, before.x)
    assert np.array_equal(after.told, before.told)
    check_distribution(followed)


def test_a_closer_look_at_what_nobody_believes_changes_nothing():
    followed = PlaceFilter(straight(30), USUAL)
    followed.confirm(7, np.ones(30, bool).__getitem__, 4.0)  # before the first frame
    check_distribution(followed)
    tell(followed, 7)
    before = followed.belief()
    followed.confirm(20, (np.arange(30) == 20).__getitem__, -4.0)
    assert followed.belief().probabilities == pytest.approx(before.probabilities, rel=1e-12)
