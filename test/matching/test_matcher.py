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

"""Descriptions of one moment become an answer: with geometry, calibration, several cameras."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.calibration import Logistic
from vpr_ros.matching.geometry.covariance import carried
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.matcher import Matcher
from vpr_ros.matching.matcher import robot_pose
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.support import Support
from vpr_ros.types import Camera
from vpr_ros.types import Decision
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose

SECOND = 10 ** 9
FORWARD = Pose.from_matrix(np.array(
    [[0.0, 0.0, 1.0, 1.5], [-1.0, 0.0, 0.0, 0.1], [0.0, -1.0, 0.0, 1.2]]))
PINHOLE = Camera('front', 640, 480, np.array([[400.0, 0.0, 320.0], [0.0, 400.0, 240.0],
                                              [0.0, 0.0, 1.0]]), T_base_optical=FORWARD)


def matcher_of(here, seen=None, calibration=None, **settings):
    return Matcher(here.snapshot, MatchingSettings(**settings), sights=seen,
                   calibration=calibration)


def look(here, seen, row, stamp_ns=0, *, like=None, camera='front', noise=0.0, **options):
    """Describe a place: its descriptor (or that of another one), its points."""
    number = here.snapshot.cameras.index(camera)
    return replace(here.look(row if like is None else like, stamp_ns, noise=noise, camera=number),
                   camera=camera, local_features=seen.seen(row, camera, **options))


def rows(here, answer):
    return [here.row_of(candidate) for candidate in answer.candidates]


@pytest.mark.parametrize('truth', [50, 150])
def test_geometry_tells_apart_what_looks_alike(world, sights, truth):
    here = world()
    here.snapshot.descriptors[150] = here.snapshot.descriptors[50]
    seen = sights(here)
    blind = matcher_of(here).match(look(here, seen, truth))
    assert blind.decision is Decision.UNKNOWN
    assert set(rows(here, blind)[:2]) == {50, 150}
    matcher = matcher_of(here, seen)
    answer = matcher.match(look(here, seen, truth))
    assert answer.known
    assert rows(here, answer)[0] == truth
    best, second = answer.candidates[:2]
    assert best.probability > 0.9
    assert answer.probability == best.probability
    assert second.probability < 0.05
    assert sum(c.probability for c in answer.candidates) <= 1.0 + 1e-9
    assert 'geometry' in answer.stage_times_ns
    # Some of it is believed from then on, without a second look.
    matcher.change_settings(MatchingSettings(verify=0))
    follow = matcher.match(look(here, seen, truth, SECOND // 100))
    assert rows(here, follow)[0] == truth
    assert follow.probability > 1.5 * follow.candidates[1].probability


def test_the_checks_are_of_the_latest_moment(world, sights):
    here = world()
    here.snapshot.descriptors[150] = here.snapshot.descriptors[50]
    seen = sights(here)
    matcher = matcher_of(here, seen)
    assert matcher.checks == ()
    matcher.match(look(here, seen, 50))
    assert {check.hypothesis.row for check in matcher.checks[:2]} == {50, 150}
    right = next(check for check in matcher.checks if check.hypothesis.row == 50)
    assert right.verification.inliers > 25
    assert right.log_ratio > 0.0 > next(
        check for check in matcher.checks if check.hypothesis.row == 150).log_ratio
    matcher.match(here.look(51, SECOND))  # without local features
    assert matcher.checks == ()
    matcher.match(look(here, seen, 52, 2 * SECOND))
    assert matcher.checks[0].hypothesis.row == 52
    matcher.change_settings(MatchingSettings(verify=0))
    matcher.match(look(here, seen, 53, 3 * SECOND))
    assert matcher.checks == ()
    matcher.change_settings(MatchingSettings())
    matcher.match(look(here, seen, 54, 4 * SECOND))
    assert matcher.checks[0].hypothesis.row == 54
    matcher.reset()
    assert matcher.checks == ()
    assert matcher.support.looks == 0


@pytest.mark.parametrize('verify', [0, 3, 8])
def test_how_many_candidates_are_listed_changes_no_answer(world, sights, verify):
    here = world()
    seen = sights(here)
    looks = [look(here, seen, 50 + 7 * n, n * SECOND, noise=2.0) for n in range(8)]
    answers = {}
    for count in (1, 5, 20):
        matcher = matcher_of(here, seen, candidates=count, verify=verify, filter='none',
                             search_depth=200, same_place_m=60.0)
        answers[count] = [matcher.match(look) for look in looks]
    few, some, many = answers[1], answers[5], answers[20]
    for one, five, twenty in zip(few, some, many, strict=True):
        assert len(one.candidates) == 1
        assert len(twenty.candidates) > 5
        assert one.probability == five.probability == twenty.probability
        assert one.decision == five.decision == twenty.decision
        assert one.candidates[0] == five.candidates[0] == twenty.candidates[0]
        likely = [c.probability for c in twenty.candidates]
        assert likely == sorted(likely, reverse=True)
        assert sum(likely) <= 1.0 + 1e-9


def test_what_geometry_was_worth_is_remembered_in_the_state(world, sights):
    here = world()
    seen = sights(here)
    matcher, again = matcher_of(here, seen), matcher_of(here, seen)
    for n in range(5):
        matcher.match(look(here, seen, 50 + n, n * SECOND))
    assert matcher.support.looks == 5
    again.restore(matcher.state())
    assert again.support == matcher.support
    seventh = look(here, seen, 55, 5 * SECOND)
    one, other = matcher.match(seventh), again.match(seventh)
    assert (one.probability, one.candidates) == (other.probability, other.candidates)


def test_inliers_of_another_way_to_compare_are_no_measure(world, sights):
    here = world()
    seen = sights(here)
    matcher = matcher_of(here, seen)
    for n in range(3):
        matcher.match(look(here, seen, 50 + n, n * SECOND))
    matcher.change_settings(MatchingSettings(verify=2))
    assert matcher.support.looks == 3
    plane = MatchingSettings(geometry=GeometrySettings(agreement='homography'))
    matcher.change_settings(plane)
    assert matcher.support == Support()
    matcher.match(look(here, seen, 53, 3 * SECOND))
    matcher.change_settings(plane)
    assert matcher.support.looks == 1


LEARNT = Calibration('map', modes={
    'single': Logistic(-1.0, 0.5), 'images': Logistic(-2.0, 0.5), 'odometry': Logistic(-3.0, 0.5),
    'odometry+geometry': Logistic(-0.5, 0.25, 0.5)})


@pytest.mark.parametrize(('mode', 'odometry', 'settings'), [
    ('single', False, {'filter': 'none'}), ('single', True, {'filter': 'none'}),
    ('images', False, {}), ('odometry', True, {}), ('images', True, {'motion': 'image'}),
    ('odometry+geometry', True, {'verify': 2})])
def test_a_probability_is_that_of_its_way_of_localizing(world, sights, mode, odometry, settings):
    here = world()
    seen = sights(here)
    given = {'verify': 0, **settings}
    plain = matcher_of(here, seen, **given)
    told = matcher_of(here, seen, LEARNT, **given)
    logistic = LEARNT.modes[mode]
    for n in range(4):
        description = look(here, seen, 50 + n, n * SECOND, noise=1.0)
        pose = Pose.from_xy_yaw(10.0 * n, 0.0, 0.0) if odometry else None
        before = plain.match(description, T_odom_base=pose)
        answer = told.match(description, T_odom_base=pose)
        assert (before.probability_source, answer.probability_source) == ('default', 'map')
        support = told.support.mean if told.checks else 0.0
        assert answer.probability == pytest.approx(
            logistic.probability(before.probability, support))
        assert answer.probability == answer.candidates[0].probability
        assert answer.known == (answer.probability >= 0.5)
        # What is left goes to the others in the same parts, and never more than to the best.
        if before.probability < 1.0:
            scale = (1.0 - answer.probability) / (1.0 - before.probability)
            for was, now in zip(before.candidates[1:], answer.candidates[1:], strict=True):
                assert now.place_id == was.place_id
                assert now.probability == pytest.approx(
                    min(was.probability * scale, answer.probability))
        assert sum(c.probability for c in answer.candidates) <= 1.0 + 1e-9


def test_ways_that_nothing_was_learnt_of_say_so(world, sights):
    here = world(lengths=(60,))
    seen = sights(here)
    only = Calibration('map', modes={'single': Logistic(0.0, 2.0)})
    answer = matcher_of(here, seen, only).match(look(here, seen, 20))
    assert answer.probability_source == 'default'
    # Baselines are not calibrated.
    for name in ('sequence_sum', 'seqslam'):
        matcher = matcher_of(here, None, LEARNT, filter=name, sequence_frames=3)
        for n in range(5):
            answer = matcher.match(here.look(20 + n, n * SECOND))
        assert answer.probability_source == 'default'


def test_geometry_that_tells_nothing_leaves_the_answer(world, sights):
    here = world()
    seen = sights(here)
    flat = Calibration(geometry=replace(Calibration().geometry, slope=0.0))
    with_it, without = matcher_of(here, seen, flat), matcher_of(here)
    for n in range(5):
        description = look(here, seen, 50 + n, n * SECOND, noise=1.5)
        one, other = with_it.match(description), without.match(description)
        assert (one.probability, one.candidates) == (other.probability, other.candidates)
    # Of the best place alone, for how the robot stands.
    assert seen.asked == [50, 51, 52, 53, 54]


class Seen:
    """A place of points in space, whose depths the map knows."""

    def __init__(self, snapshot, row, *, depths=True):
        rng = np.random.default_rng(0)
        # In front of the base: x ahead, y left, z up.
        self.points = np.column_stack([rng.uniform(8, 25, 120), rng.uniform(-6, 6, 120),
                                       rng.uniform(-1, 6, 120)])
        self.descriptors = rng.standard_normal((120, 32)).astype(np.float32)
        self.descriptors /= np.linalg.norm(self.descriptors, axis=1, keepdims=True)
        self.place_id = int(snapshot.place_ids[row])
        self.depths = depths

    def from_pose(self, T_place_base, *, depths=False):
        T_optical_place = (T_place_base @ FORWARD).inverse()
        local = self.points @ T_optical_place.rotation().T + T_optical_place.position
        pixels = local @ PINHOLE.matrix.T
        inside = local[:, 2] > 1.0
        return LocalFeatures((pixels[:, :2] / pixels[:, 2:])[inside], self.descriptors[inside],
                             np.ones(int(inside.sum())), local[inside, 2] if depths else None)

    def features(self, place_id, camera):
        seen = self.from_pose(Pose.identity(), depths=self.depths)
        if place_id == self.place_id:
            return seen
        # Elsewhere the same points, which stand otherwise.
        other = np.random.default_rng(place_id % 1000).permutation(len(seen.points))
        return LocalFeatures(seen.points[other], seen.descriptors, seen.scores)

    def calibration(self, session, camera):
        return PINHOLE


@pytest.mark.parametrize('depths', [True, False])
def test_a_metric_pose_to_the_place_is_where_the_robot_is(world, depths):
    here = world()
    T_map_place = Pose([1200.0, 3.0, 0.0], Pose.from_xy_yaw(0.0, 0.0, 0.5).quaternion, np.eye(6))
    poses = [here.snapshot.poses[row] for row in range(200)]
    poses[120] = T_map_place
    here.snapshot = replace(here.snapshot, poses=type(here.snapshot.poses).of(poses))
    seen = Seen(here.snapshot, 120, depths=depths)
    T_place_base = Pose.from_xy_yaw(0.8, -0.4, 0.06)
    asked = replace(here.look(120, 0), local_features=seen.from_pose(T_place_base))
    matcher = matcher_of(here, seen, same_place_m=4.0)
    answer = matcher.match(asked, calibrations={'front': PINHOLE})
    assert answer.known
    relative = answer.relative_pose
    assert relative.rotation_valid
    assert relative.T_match_query.yaw() == pytest.approx(0.06, abs=0.01)
    assert relative.translation_valid == depths
    if depths:
        assert answer.T_map_base.distance_to(T_map_place @ T_place_base) < 0.05
        assert answer.T_map_base.yaw() == pytest.approx(0.56, abs=0.01)
        assert 1.0 < answer.T_map_base.covariance[0, 0] < 2.0
    else:
        # A direction is no position: then it is where the place is, but looks another way.
        assert answer.T_map_base.distance_to(T_map_place) == 0.0
        assert answer.T_map_base.yaw() == pytest.approx(0.56, abs=0.01)
        assert answer.T_map_base.covariance[0, 0] == pytest.approx(1.0 + 16.0)
    # Whose lens is not known is nowhere to the centimetre.
    blind = matcher_of(here, seen).match(asked)
    assert blind.relative_pose is None
    assert blind.T_map_base.distance_to(T_map_place) == 0.0
    assert blind.T_map_base.angle_to(T_map_place) < 1e-12


@pytest.mark.parametrize(('places', 'settings'), [
    (3, {}), (8, {}), (60, {'filter': 'sequence_sum', 'sequence_frames': 1})])
def test_where_nothing_is_known_of_wrong_places_there_are_relative_poses(world, places, settings):
    # All of a small map is near, and baselines do not say what looks alike.
    here = world(lengths=(places,))
    seen = Seen(here.snapshot, 1)
    T_place_base = Pose.from_xy_yaw(0.8, -0.4, 0.06)
    asked = replace(here.look(1, 0), local_features=seen.from_pose(T_place_base))
    matcher = matcher_of(here, seen, known_probability=0.0, **settings)
    answer = matcher.match(asked, calibrations={'front': PINHOLE})
    assert rows(here, answer)[0] == 1
    assert answer.relative_pose.T_match_query.distance_to(T_place_base) < 0.05
    assert [check.log_ratio for check in matcher.checks] == [0.0] * len(matcher.checks)
    blind = matcher_of(here, None, known_probability=0.0, **settings).match(asked)
    assert answer.probability == blind.probability


def test_the_robot_is_as_unsure_as_the_place_and_the_way_to_it():
    rng = np.random.default_rng(3)
    T_map_match = Pose.from_matrix(np.column_stack(
        [cv2.Rodrigues(np.array([0.2, -0.1, 1.2]))[0], [40.0, -7.0, 1.0]]))
    T_match_query = Pose.from_matrix(np.column_stack(
        [cv2.Rodrigues(np.array([0.1, 0.05, -0.4]))[0], [3.0, 1.5, 0.2]]))
    roots = rng.standard_normal((2, 6, 6)) * 0.01
    place, way = (Pose(pose.position, pose.quaternion, root @ root.T)
                  for pose, root in zip((T_map_match, T_match_query), roots, strict=True))

    def moved(pose, error):
        turned = cv2.Rodrigues(error[3:])[0] @ pose.rotation()
        return Pose.from_matrix(np.column_stack([turned, pose.position + error[:3]]))

    found = robot_pose(place, RelativePose(way, True, True), same_place_m=5.0)
    errors = []
    for first, second in rng.standard_normal((4000, 2, 6)):
        pose = moved(place, roots[0] @ first) @ moved(way, roots[1] @ second)
        errors.append(np.concatenate([
            pose.position - found.position,
            cv2.Rodrigues(pose.rotation() @ found.rotation().T)[0].ravel()]))
    truth = np.cov(np.array(errors).T)
    assert np.allclose(found.covariance, truth, atol=0.07 * np.diag(truth).max())
    # A map that does not tell how sure it is of its places is taken at its word.
    exact = robot_pose(T_map_match, RelativePose(way, True, True), same_place_m=5.0)
    alone = carried(T_map_match, way, Pose.identity())
    assert np.allclose(exact.covariance, alone.covariance)
    assert np.allclose(exact.matrix(), (T_map_match @ T_match_query).matrix())
    # How well the way was measured must be known.
    unsure = robot_pose(T_map_match, RelativePose(T_match_query, True, True), same_place_m=5.0)
    assert unsure.covariance is None


NEAR = np.diag([9.0, 9.0, 0.09, 0.0, 0.0, 0.0])


@pytest.mark.parametrize('relative', [
    None, RelativePose(Pose([0.6, 0.8, 0.0], covariance=np.eye(6)), False, False),
    RelativePose(Pose([4.0, 2.0, 0.0], covariance=np.eye(6)), False, True)])
def test_without_a_relative_pose_the_robot_is_somewhere_near_the_place(relative):
    rng = np.random.default_rng(4)
    root = rng.standard_normal((6, 6))
    plain = Pose([40.0, -7.0, 1.0], [0.1, -0.2, 0.3, 0.9])
    place = Pose(plain.position, plain.quaternion, root @ root.T)
    found = robot_pose(place, relative, same_place_m=3.0)
    assert np.array_equal(found.position, place.position)
    assert np.array_equal(found.quaternion, place.quaternion)
    assert np.allclose(found.covariance - place.covariance,
                       NEAR + np.diag([0.0, 0.0, 0.0, 0.01, 0.01, 0.25]))
    assert np.allclose(robot_pose(plain, relative, same_place_m=3.0).covariance,
                       NEAR + np.diag([0.0, 0.0, 0.0, 0.01, 0.01, 0.25]))
    assert robot_pose(None, relative, same_place_m=3.0) is None


def test_a_measured_turn_tells_the_heading_of_who_is_somewhere_near():
    # The place looks to where y of the map is: what is roll there is pitch here.
    place = Pose([40.0, -7.0, 1.0], Pose.from_xy_yaw(0.0, 0.0, np.pi / 2).quaternion, np.eye(6))
    way = Pose([1.0, 0.0, 0.0], Pose.from_xy_yaw(0.0, 0.0, 0.3).quaternion,
               np.diag([1e6, 1e6, 1e6, 0.01, 0.02, 0.03]))
    found = robot_pose(place, RelativePose(way, True, False), same_place_m=3.0)
    assert np.array_equal(found.position, place.position)
    assert found.yaw() == pytest.approx(np.pi / 2 + 0.3)
    turn = np.diag([0.0, 0.0, 0.0, 0.02, 0.01, 0.03])
    assert np.allclose(found.covariance, np.eye(6) + NEAR + turn)
    # How well it was measured is not known: no better than a glance then.
    rough = robot_pose(place, RelativePose(Pose(way.position, way.quaternion), True, False),
                       same_place_m=3.0)
    assert rough.yaw() == pytest.approx(np.pi / 2 + 0.3)
    assert rough.covariance[5, 5] == pytest.approx(1.25)
    known = robot_pose(Pose(place.position, place.quaternion), RelativePose(way, True, False),
                       same_place_m=3.0)
    assert np.allclose(known.covariance, NEAR + turn)
    assert known.yaw() == pytest.approx(np.pi / 2 + 0.3)


def test_what_is_not_known_has_no_pose(world):
    here = world()
    seen = Seen(here.snapshot, 120)
    asked = replace(here.look(120, 0), local_features=seen.from_pose(Pose.identity()))
    doubt = Calibration('map', modes={'images+geometry': Logistic(-20.0, 0.0)})
    answer = matcher_of(here, seen, doubt).match(asked, calibrations={'front': PINHOLE})
    assert answer.decision is Decision.UNKNOWN
    assert answer.probability < 1e-6
    assert (answer.relative_pose, answer.T_map_base) == (None, None)


def drive_back(here, *, cameras, seed):
    """Drive a map of two views backwards, looking where one drives; return the rows answered."""
    rng = np.random.default_rng(seed)
    matcher = matcher_of(here, filter='none')
    found, wanted = [], list(range(180, 20, -2))
    for n, row in enumerate(wanted):
        seen = []
        for camera, view in (('front', 'rear'), ('rear', 'front')):
            clear = here.snapshot.descriptors[
                2 * row + here.snapshot.cameras.index(view)]
            noisy = clear + 2.3 * rng.standard_normal(64) / 8.0
            seen.append(replace(here.look(row, n * SECOND), camera=camera,
                                descriptor=noisy / np.linalg.norm(noisy)))
        answer = matcher.match(*seen[:cameras])
        assert (answer.camera, answer.stamp_ns) == ('front', n * SECOND)
        assert (answer.candidates[0].camera in ('front', 'rear'))
        found.append(here.row(answer))
    return float(np.mean(np.array(found) == wanted))


def test_who_comes_back_the_other_way_finds_more_with_two_cameras(world):
    here = world(cameras=('front', 'rear'))
    one = drive_back(here, cameras=1, seed=0)
    two = drive_back(here, cameras=2, seed=0)
    assert 0.2 < one < 0.8  # hard, but not hopeless
    assert two > one + 0.15


def test_a_candidate_names_the_view_that_looks_most_alike(world):
    here = world(cameras=('front', 'rear'))
    answer = matcher_of(here).match(here.look(77, 0, camera=1))
    best = answer.candidates[0]
    assert (here.row_of(best), best.camera) == (77, 'rear')
    assert best.similarity == pytest.approx(1.0, abs=1e-6)


def test_a_moment_has_something_to_say(world):
    here = world()
    matcher = matcher_of(here)
    with pytest.raises(ValueError, match='at least one description is needed'):
        matcher.match()
    good = here.look(5, 0)
    with pytest.raises(ValueError, match='a descriptor must have 64 numbers'):
        matcher.match(good, replace(good, descriptor=good.descriptor[:32]))
    with pytest.raises(ValueError, match='must be finite'):
        matcher.match(good, replace(good, descriptor=np.full(64, np.nan)))
