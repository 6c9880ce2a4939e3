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

"""What beliefs are worth, learnt in a small world whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.calibration import auroc
from vpr_ros.evaluation.calibration import expected_calibration_error
from vpr_ros.maps.poses import Poses
from vpr_ros.matching import calibrating
from vpr_ros.matching.calibrating import Answers
from vpr_ros.matching.calibrating import calibrate
from vpr_ros.matching.calibrating import Run
from vpr_ros.matching.calibrating import runs_of_map
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.calibration import GeometryEvidence
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.matcher import Matcher
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

SECOND = 10 ** 9
PLACES = 60
TOLERANCE_M = 12.0  # a place and its neighbours
SETTINGS = MatchingSettings(search_depth=20, filter_cells=200, verify=2,
                            geometry=GeometrySettings(samples=100))


def in_a_light(rng, clear, noise):
    """Return descriptors as they are by another light, each wrong in its own way."""
    seen = clear + noise * rng.standard_normal(clear.shape) / np.sqrt(clear.shape[1])
    return (seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32)


class Drives:
    """A map of drives along one way, and what else is seen along it."""

    def __init__(self, world, *, count=3, noise=1.4, cameras=('front',), seed=0):
        here = world(lengths=(PLACES,) * count, cameras=cameras, seed=seed)
        self.rng = np.random.default_rng(seed)
        self.noise = noise
        self.way = here.snapshot.descriptors[:PLACES * len(cameras)].copy()
        self.snapshot = replace(
            here.snapshot,
            descriptors=np.concatenate([
                in_a_light(self.rng, self.way, noise) for _ in range(count)]),
            poses=Poses.of([Pose.from_xy_yaw(10.0 * place, float(drive), 0.0)
                            for drive in range(count) for place in range(PLACES)]))

    def run(self, *, count=PLACES, features=None):
        """Drive it once more."""
        seen = in_a_light(self.rng, self.way[:count], self.noise)
        positions = self.snapshot.poses.positions
        return Run(
            'tuesday', [(Description(n * SECOND, each),) for n, each in enumerate(seen)],
            [Pose.from_xy_yaw(10.0 * n, 0.5, 0.0) for n in range(count)],
            [np.flatnonzero(np.abs(positions[:, 0] - 10.0 * n) <= TOLERANCE_M)
             for n in range(count)])


class DriveSights:
    """Points along the way: a share of them is there on every drive."""

    def __init__(self, drives, share):
        self._rng = np.random.default_rng(3)
        self._drives = drives
        self._share = share
        self._points = self._rng.uniform(0, (640, 480), (PLACES, 30, 2))
        self._descriptors = self._rng.standard_normal((PLACES, 30, 32))

    def features(self, place_id, camera):
        row = int(self._drives.snapshot.rows_of(np.array([place_id]))[0])
        place = row % PLACES
        rng = np.random.default_rng(row)
        points, descriptors = self._points[place].copy(), self._descriptors[place].copy()
        other = rng.random(30) >= self._share
        points[other] = rng.uniform(0, (640, 480), (int(other.sum()), 2))
        descriptors[other] = rng.standard_normal((int(other.sum()), 32))
        return LocalFeatures(points, descriptors / np.linalg.norm(
            descriptors, axis=1, keepdims=True), np.ones(30))

    def calibration(self, session, camera):
        return Camera(camera, 640, 480, np.eye(3)) if session == 's1' else None


@pytest.fixture(scope='module')
def drives(world):
    """Return a map of three drives."""
    return Drives(world)


@pytest.fixture(scope='module')
def learnt(drives):
    """Return what is learnt from them."""
    runs = list(runs_of_map(drives.snapshot, None, tolerance_m=TOLERANCE_M))
    return calibrate(drives.snapshot, runs, SETTINGS, about={'protocol': 'leave one out'})


def test_each_drive_is_a_run_through_the_others(world):
    drives = Drives(world, cameras=('front', 'rear'))
    snapshot = drives.snapshot
    sights = DriveSights(drives, 0.5)
    runs = list(runs_of_map(snapshot, sights, tolerance_m=TOLERANCE_M))
    assert [run.name for run in runs] == [run.without for run in runs] == ['s0', 's1', 's2']
    positions = snapshot.poses.positions
    for number, run in enumerate(runs):
        rows = range(number * PLACES, (number + 1) * PLACES)
        assert len(run.moments) == len(run.matches) == len(run.odometry) == PLACES
        for row, moment, pose, matches in zip(rows, run.moments, run.odometry, run.matches,
                                              strict=True):
            assert [d.camera for d in moment] == ['front', 'rear']
            for camera, description in enumerate(moment):
                assert description.stamp_ns == snapshot.stamps_ns[row]
                assert np.array_equal(description.descriptor,
                                      snapshot.descriptors[2 * row + camera])
                assert len(description.local_features.points) == 30
            assert pose.position.tolist() == positions[row].tolist()
            wanted = [other for other in range(3 * PLACES) if other // PLACES != number
                      and np.linalg.norm(positions[other] - positions[row]) <= TOLERANCE_M]
            assert matches.tolist() == wanted
        assert set(run.calibrations) == ({'front', 'rear'} if number == 1 else set())
    bare = next(runs_of_map(snapshot, None, tolerance_m=TOLERANCE_M))
    assert bare.moments[0][0].local_features is None


def test_one_drive_teaches_nothing(world):
    here = world(lengths=(50,))
    with pytest.raises(VprError, match='has one traverse, and a calibration takes two: add'):
        next(runs_of_map(here.snapshot, None, tolerance_m=10.0))


def test_without_poses_nobody_knows_what_shows_the_same(drives):
    poses = [drives.snapshot.poses[row] for row in range(3 * PLACES)]
    poses[70] = None
    some = replace(drives.snapshot, poses=Poses.of(poses))
    with pytest.raises(VprError, match='not all places of this map have poses.*--data NAME'):
        next(runs_of_map(some, None, tolerance_m=10.0))


def test_runs_that_are_too_short_are_refused(drives):
    with pytest.raises(VprError, match="run 'tuesday' has 9 moments: .* takes at least 10"):
        calibrate(drives.snapshot, [drives.run(count=9)], SETTINGS)
    assert calibrate(drives.snapshot, [drives.run(count=10)], SETTINGS).calibration.modes


def test_drives_that_never_meet_teach_nothing(world):
    here = world(lengths=(30, 30))  # each traverse of a world has a street of its own
    runs = list(runs_of_map(here.snapshot, None, tolerance_m=5.0))
    assert not any(len(rows) for run in runs for rows in run.matches)
    with pytest.raises(VprError, match='none of these moments was taken at a place of the map'):
        calibrate(here.snapshot, runs, MatchingSettings())


def test_a_map_of_nothing_else_is_refused(world):
    drives = Drives(world, count=1)
    run = replace(drives.run(), without='s0')
    with pytest.raises(VprError, match="nothing of the map is left to localize 'tuesday' in"):
        calibrate(drives.snapshot, [run], SETTINGS)


@pytest.mark.parametrize('count', [10, 57, 200, 1003])
def test_about_a_fifth_of_a_run_is_withheld_in_stretches(count):
    shares = []
    for seed in range(20):
        withheld = calibrating._stretches(count, np.random.default_rng(seed))
        again = calibrating._stretches(count, np.random.default_rng(seed))
        assert np.array_equal(withheld, again)
        begins = np.flatnonzero(np.diff(np.concatenate([[0], withheld, [0]]).astype(int)) == 1)
        ends = np.flatnonzero(np.diff(np.concatenate([[0], withheld, [0]]).astype(int)) == -1)
        assert (ends - begins >= max(round(0.1 * count), 1)).all()
        shares.append(withheld.mean())
    assert 0.14 <= min(shares) <= max(shares) <= 0.26
    assert len({w.tobytes() for w in (calibrating._stretches(
        count, np.random.default_rng(seed)) for seed in range(20))}) > 5


def test_what_is_withheld_is_not_in_the_map(drives):
    run = list(runs_of_map(drives.snapshot, None, tolerance_m=TOLERANCE_M))[1]
    rng = np.random.default_rng([0, 1])
    withheld = calibrating._stretches(PLACES, np.random.default_rng([0, 1]))
    course = calibrating._Course(drives.snapshot, run, None, calibrating._Memory(), rng)
    left = course._map
    assert 1 not in left.session_of
    here = np.array([pose.position for pose in run.odometry])[withheld]
    gaps = np.linalg.norm(left.poses.positions[:, None] - here[None], axis=2)
    assert gaps.min() > TOLERANCE_M
    # All else is there.
    gone = {int(row) for moment in np.flatnonzero(withheld) for row in run.matches[moment]}
    kept = [row for row in range(3 * PLACES) if row // PLACES != 1 and row not in gone]
    assert left.place_ids.tolist() == drives.snapshot.place_ids[kept].tolist()
    answers = course.answers(SETTINGS, GeometryEvidence(), odometry=False)
    assert not answers.in_map[withheld].any()
    assert not answers.right[~answers.in_map].any()
    for number, matches in enumerate(course._matches):
        assert answers.in_map[number] == (len(matches) > 0)
        assert left.place_ids[matches].tolist() == [
            place for place in drives.snapshot.place_ids[run.matches[number]]
            if place in left.place_ids]


def test_what_was_answered_is_what_the_matcher_answers(drives):
    run = list(runs_of_map(drives.snapshot, None, tolerance_m=TOLERANCE_M))[2]
    course = calibrating._Course(drives.snapshot, run, None, calibrating._Memory(),
                                 np.random.default_rng(0))
    answers = course.answers(SETTINGS, GeometryEvidence(), odometry=True)
    matcher = Matcher(course._map, SETTINGS)
    for number, (moment, pose) in enumerate(zip(run.moments, run.odometry, strict=True)):
        answer = matcher.match(*moment, T_odom_base=pose)
        assert answers.belief[number] == answer.probability
        best = answer.candidates[0].T_map_base
        assert answers.right[number] == (best.distance_to(pose) <= TOLERANCE_M)
    assert 0.4 < answers.right.mean() < 0.95


def test_ways_and_counts_are_told(learnt):
    calibration = learnt.calibration
    assert set(calibration.modes) == set(learnt.answers) == {'single', 'images', 'odometry'}
    assert calibration.source == 'map'
    assert dict(calibration.about) == {
        'protocol': 'leave one out', 'runs': ['s0', 's1', 's2'], 'seed': 0,
        'moments': 3 * PLACES, 'geometry_auc': 0.5}
    assert Calibration.from_json(calibration.to_json(), source='map').modes == calibration.modes
    for mode in calibration.modes:
        assert set(learnt.answers[mode]) == set(learnt.honest[mode]) == {'s0', 's1', 's2'}
        for name, honest in learnt.honest[mode].items():
            assert honest.shape == learnt.answers[mode][name].right.shape == (PLACES,)
            assert ((honest >= 0.0) & (honest <= 1.0)).all()


def test_without_odometry_of_all_runs_nothing_is_learnt_of_it(drives):
    run = drives.run()
    blind = replace(run, odometry=[None, *run.odometry[1:]])
    assert set(calibrate(drives.snapshot, [blind], SETTINGS).answers) == {'single', 'images'}


def test_the_same_seed_learns_the_same(drives, learnt):
    runs = list(runs_of_map(drives.snapshot, None, tolerance_m=TOLERANCE_M))
    again = calibrate(drives.snapshot, runs, SETTINGS, about={'protocol': 'leave one out'})
    assert again.calibration.to_json() == learnt.calibration.to_json()
    other = calibrate(drives.snapshot, runs, SETTINGS, seed=1)
    assert other.calibration.modes != learnt.calibration.modes
    assert any((other.answers['single'][name].in_map
                != learnt.answers['single'][name].in_map).any() for name in ('s0', 's1', 's2'))


def flipped(answers, rows):
    right = answers.right.copy()
    right[rows] = ~right[rows]
    return replace(answers, right=right)


def test_honest_probabilities_know_nothing_of_their_run(learnt):
    answers = dict(learnt.answers['images'])
    before = calibrating._honest(answers)
    assert all(np.array_equal(before[name], learnt.honest['images'][name]) for name in before)
    after = calibrating._honest({**answers, 's1': flipped(answers['s1'], slice(None))})
    assert np.array_equal(after['s1'], before['s1'])
    assert np.abs(after['s0'] - before['s0']).max() > 0.01


def test_honest_probabilities_of_one_run_know_nothing_of_their_part(learnt):
    answers = learnt.answers['images']['s1']
    before = calibrating._honest({'s1': answers})['s1']
    for part in np.array_split(np.arange(PLACES), 5):
        after = calibrating._honest({'s1': flipped(answers, part)})['s1']
        rest = np.setdiff1d(np.arange(PLACES), part)
        assert np.array_equal(after[part], before[part])
        assert np.abs(after[rest] - before[rest]).max() > 0.01


def asked(snapshot, run, calibration, settings, *, odometry):
    """Return how likely each answer of a run was said to be, and whether it was right."""
    matcher = Matcher(snapshot, settings, calibration=calibration)
    told, right = [], []
    for moment, pose, matches in zip(run.moments, run.odometry, run.matches, strict=True):
        answer = matcher.match(*moment, T_odom_base=pose if odometry else None)
        row = snapshot.rows_of(np.array([answer.candidates[0].place_id]))[0]
        told.append(answer.probability)
        right.append(row in matches)
    return np.array(told), np.array(right)


@pytest.mark.parametrize(('name', 'mode', 'before', 'after', 'telling'), [
    ('none', 'single', 0.5, 0.2, 0.6), ('forward', 'images', 0.1, 0.08, 0.85)])
def test_another_drive_gets_the_probabilities_that_it_deserves(world, name, mode, before, after,
                                                               telling):
    settings = SETTINGS.model_copy(update={'filter': name})
    found = []
    for seed in range(2):
        drives = Drives(world, noise=1.3, seed=seed)
        calibration = calibrate(drives.snapshot, list(runs_of_map(
            drives.snapshot, None, tolerance_m=TOLERANCE_M)), SETTINGS).calibration
        assert mode in calibration.modes
        # A stretch of the way nobody mapped.
        run = drives.run()
        known = drives.snapshot.only(np.arange(3 * PLACES) % PLACES >= 12)
        run = replace(run, matches=[
            known.rows_of(np.intersect1d(drives.snapshot.place_ids[rows], known.place_ids))
            for rows in run.matches])
        plain, right = asked(known, run, None, settings, odometry=False)
        told, again = asked(known, run, calibration, settings, odometry=False)
        assert np.array_equal(right, again)
        found.append((plain, told, right, [len(rows) > 0 for rows in run.matches]))
    plain, told, right, in_map = (np.concatenate(each) for each in zip(*found, strict=True))
    assert expected_calibration_error(plain, right, bins=5).value > before
    assert expected_calibration_error(told, right, bins=5).value < after
    assert auroc(told, in_map).value > telling


def test_on_what_was_left_out_errors_are_small(learnt):
    for mode, of_runs in learnt.answers.items():
        right = np.concatenate([answers.right for answers in of_runs.values()])
        honest = np.concatenate(list(learnt.honest[mode].values()))
        assert expected_calibration_error(honest, right, bins=8).value < 0.1


def test_inliers_that_tell_are_learnt(drives):
    sights = DriveSights(drives, 0.6)
    runs = list(runs_of_map(drives.snapshot, sights, tolerance_m=5.0))
    learnt = calibrate(drives.snapshot, runs, SETTINGS, sights=sights, local_kind='sift')
    calibration = learnt.calibration
    assert calibration.local_kind == 'sift'
    assert calibration.about['geometry_auc'] > 0.9
    assert calibration.geometry.slope > 1.0
    assert 0.0 < calibration.geometry.midpoint < 2.0
    assert set(calibration.modes) == {way + more for way in ('single', 'images', 'odometry')
                                      for more in ('', '+geometry')}
    right = {mode: np.mean([answers.right[answers.in_map].mean() for answers in of_runs.values()])
             for mode, of_runs in learnt.answers.items()}
    assert right['single+geometry'] > right['single'] + 0.03
    # A map must be able to keep it.
    read = Calibration.from_json(calibration.to_json(), source='map')
    assert read.geometry == calibration.geometry


def test_inliers_that_tell_nothing_are_left_out(drives):
    sights = DriveSights(drives, 0.0)
    runs = list(runs_of_map(drives.snapshot, sights, tolerance_m=5.0))
    learnt = calibrate(drives.snapshot, runs, SETTINGS, sights=sights, local_kind='sift')
    assert learnt.calibration.geometry.slope == 0.0
    assert 0.3 < learnt.calibration.about['geometry_auc'] < 0.65
    assert set(learnt.calibration.modes) == {'single', 'images', 'odometry'}


class Pairs:
    """A course that was driven already."""

    def __init__(self, right, wrong):
        self._pairs = [(above, True) for above in right] + [(above, False) for above in wrong]

    def pairs(self, settings):
        return iter(self._pairs)


def test_a_likelihood_ratio_does_not_know_how_often_each_comes():
    rng = np.random.default_rng(0)
    right, wrong = rng.normal(1.2, 0.4, 60), rng.normal(0.0, 0.4, 60)
    even, told = calibrating._learn_geometry([Pairs(right, wrong)], SETTINGS)
    assert told > 0.9
    assert even.midpoint == pytest.approx(0.6, abs=0.2)
    often, _ = calibrating._learn_geometry([Pairs(np.repeat(right, 9), wrong)], SETTINGS)
    assert often.midpoint == pytest.approx(even.midpoint, abs=0.05)
    assert often.bound == even.bound == GeometryEvidence().bound


def test_too_few_pairs_teach_nothing_of_inliers():
    few, told = calibrating._learn_geometry([Pairs([2.0] * 100, [0.0] * 14)], SETTINGS)
    assert (few, told) == (GeometryEvidence(), 0.5)


def test_a_few_far_off_do_not_make_a_slope_of_nothing():
    # By rank right ones have more; by far the fewest inliers are of right ones too.
    far, told = calibrating._learn_geometry(
        [Pairs([0.2] * 70 + [-50.0] * 30, [0.0] * 100)], SETTINGS)
    assert told == pytest.approx(0.7)
    assert far.slope == 0.0
    assert Calibration.from_json(Calibration(geometry=far).to_json(), source='map')


def test_how_often_one_is_above_the_other():
    rng = np.random.default_rng(0)
    for _ in range(10):
        high, low = rng.integers(0, 6, 23).astype(float), rng.integers(0, 5, 31).astype(float)
        above = sum((h > w) + 0.5 * (h == w) for h in high for w in low)
        assert calibrating._auc(high, low) == pytest.approx(above / (23 * 31))


def test_features_are_the_odds_of_the_belief_and_the_support():
    answers = Answers(np.array([0.5, 0.8]), np.array([1.0, -2.0]), np.array([True, False]),
                      np.array([True, True]))
    assert answers.features() == pytest.approx(np.array([[0.0, 1.0], [np.log(4.0), -2.0]]))
