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

"""Places found again on drives whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.ids import split_id
from vpr_ros.matching.loop_detector import LoopDetection
from vpr_ros.matching.loop_detector import LoopDetector
from vpr_ros.matching.loop_settings import LoopSettings
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Camera
from vpr_ros.types import Decision
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

SECOND = 10 ** 9
DIMENSION = 64
PLACES = 120  # around a circle, 3 m apart
CAMERA = Camera('front', 640, 480,
                np.array([[400.0, 0.0, 319.5], [0.0, 400.0, 239.5], [0.0, 0.0, 1.0]]),
                T_base_optical=Pose.from_matrix([[0.0, 0.0, 1.0, 1.0], [-1.0, 0.0, 0.0, 0.0],
                                                 [0.0, -1.0, 0.0, 1.5], [0.0, 0.0, 0.0, 1.0]]))


def pose_at(place):
    angle = 2.0 * np.pi * place / PLACES
    radius = 3.0 * PLACES / (2.0 * np.pi)
    return Pose.from_xy_yaw(radius * np.sin(angle), radius * (1.0 - np.cos(angle)), angle)


class Circle:
    """A drive around a circle, a place a second."""

    def __init__(self, detector, seed=0):
        self.detector = detector
        self.rng = np.random.default_rng(seed)
        self.looks = self.directions(PLACES)
        self.seconds = 0
        self.found = []

    def directions(self, n):
        vectors = self.rng.standard_normal((n, DIMENSION))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def describe(self, place, *, noise=0.5, camera='front', **values):
        look = self.looks[place % PLACES] + noise * self.directions(1)[0]
        return Description(self.seconds * SECOND, look / np.linalg.norm(look), camera, **values)

    def drive(self, places, *, odometry=True):
        """Return what was found at each of the places."""
        found = []
        for place in places:
            self.seconds += 1
            found.append(self.detector.match(
                self.describe(place), T_odom_base=pose_at(place) if odometry else None))
        self.found += found
        return found


@pytest.fixture
def circle(extractor):
    def make(*, matching=None, seed=0, **settings):
        return Circle(LoopDetector(extractor, LoopSettings(**settings),
                                   MatchingSettings(**(matching or {})), session='run'), seed)
    return make


def closed(found):
    return [d.closure for d in found if d.closure is not None]


def row_of(place_id):
    return split_id(place_id)[1] - 1


def test_the_second_time_round_every_place_is_found_again(circle):
    here = circle()
    first = here.drive(range(PLACES))
    second = here.drive(range(PLACES, 2 * PLACES))
    assert closed(first) == []
    assert all(d.place_id is not None for d in first + second)
    closures = closed(second)
    # The filter wants to see the beginning first.
    assert len(closures) > 0.9 * PLACES
    for closure in closures:
        query, match = row_of(closure.query_place_id), row_of(closure.match_place_id)
        assert query - match == PLACES
        assert (closure.query_session, closure.match_session) == ('run', 'run')
        assert closure.query_stamp_ns == (query + 1) * SECOND
        assert closure.match_stamp_ns == (match + 1) * SECOND
        assert closure.map_id == here.detector.map.map_id
        assert 0.5 <= closure.probability <= 1.0
        assert closure.probability_source == 'default'
        assert closure.relative_pose is None  # nothing measured one
        assert -1.0 <= closure.similarity <= 1.0


def test_a_detection_says_what_was_made_of_a_keyframe(circle):
    here = circle()
    found = here.drive(range(PLACES + 10))
    assert found[0].localization is None  # there is nothing to search yet
    last = found[-1]
    assert last.place_id == here.detector.map.place_id(PLACES + 9)
    assert [d.camera for d in last.descriptions] == ['front']
    answer = last.localization
    assert answer.decision is Decision.KNOWN
    assert answer.candidates[0].place_id == last.closure.match_place_id
    assert answer.candidates[0].T_map_base.distance_to(pose_at(9)) < 1e-9
    assert answer.probability == last.closure.probability
    assert {'map', 'search', 'filter', 'answer'} <= set(answer.stage_times_ns)


def test_between_keyframes_nothing_is_looked_at(circle):
    here = circle()
    here.drive(range(PLACES))
    here.seconds += 1
    nothing = here.detector.match(here.describe(0), T_odom_base=pose_at(PLACES - 1 + 0.3))
    assert nothing == LoopDetection()
    assert len(here.detector.map) == PLACES


def test_the_recent_past_is_no_loop(circle):
    here = circle()
    # To and fro over 45 m: always where it was within the last 50 m of its way, or 30 s.
    there = list(range(15)) + list(range(14, -1, -1))
    found = here.drive(there + there)
    for number, detection in enumerate(found):
        if detection.localization is not None:
            assert all(row_of(c.place_id) < number - 16 for c in detection.localization.candidates)
    short = circle(exclude_s=5.0, exclude_m=10.0)
    assert closed(short.drive(range(40))) == []
    assert len(closed(short.drive(range(20)))) > 10


def test_where_the_robot_cannot_be_is_no_loop(circle):
    for drift, expected in ((0.05, 0), (0.0, 20)):
        here = circle(odometry_drift=drift)
        here.looks[70:100] = here.looks[10:40]  # a street of the same houses, 100 m away
        closures = closed(here.drive(range(110)))
        assert len(closures) >= expected
        assert not closures or expected
    unlikely = circle()
    unlikely.looks[70:100] = unlikely.looks[10:40]
    answer = unlikely.drive(range(90))[-1].localization
    assert answer.decision is Decision.UNKNOWN
    assert 'm away by odometry' in answer.reason
    assert answer.T_map_base is None


def test_belief_outlasts_the_growth_of_the_map(circle):
    here = circle()
    here.drive(range(PLACES))
    sizes, second = set(), []
    for place in range(PLACES, 2 * PLACES):
        second += here.drive([place])
        sizes.add(second[-1].localization.map_revision)
    assert len(sizes) > 5  # the searched map was made anew several times
    assert min(d.localization.probability for d in second[10:]) > 0.9


def test_stops_may_be_laid_out_anew_as_the_map_grows(circle):
    # Dense keyframes at first: several become one stop once the usual distance is larger.
    here = circle(keyframe_distance_m=0.3)
    for place in np.arange(0.0, 12.0, 0.2):
        here.seconds += 1
        here.detector.match(here.describe(int(place), noise=0.1), T_odom_base=pose_at(place))
    here.drive(range(12, PLACES))
    second = here.drive(range(PLACES, 2 * PLACES))
    right = [row_of(d.closure.match_place_id) for d in second[20:] if d.closure]
    expected = [60 + place - 12 for place in range(20, PLACES)]
    assert right == expected


def test_two_runs_give_the_same(circle):
    def told(detections):
        return [(d.place_id, d.closure, None if d.localization is None else
                 (d.localization.probability, d.localization.candidates)) for d in detections]

    way = [*range(PLACES), *range(60)]
    first, second = told(circle().drive(way)), told(circle().drive(way))
    assert [a[0] for a in first] == [b[0] for b in second]
    for a, b in zip(first, second, strict=True):
        if a[2] is not None:
            assert a[2][0] == b[2][0]
            assert [c.place_id for c in a[2][1]] == [c.place_id for c in b[2][1]]
        assert (a[1] is None) == (b[1] is None)


def test_without_odometry_time_makes_keyframes_and_loops(circle):
    here = circle()
    assert closed(here.drive(range(PLACES), odometry=False)) == []
    closures = closed(here.drive(range(PLACES, 2 * PLACES), odometry=False))
    assert len(closures) > 0.9 * PLACES
    assert {row_of(c.query_place_id) - row_of(c.match_place_id) for c in closures} == {PLACES}
    assert here.detector.map.pose(here.detector.map.place_id(0)) is None


def test_time_that_goes_back_begins_anew(circle, caplog):
    here = circle()
    here.drive(range(PLACES))
    before = here.detector.map
    here.seconds = 0
    here.drive(range(3))
    assert 'time went back by 119.0 s' in caplog.text
    assert here.detector.map is not before
    assert len(here.detector.map) == 3


def test_a_stamp_that_is_a_little_older_is_passed_over(circle):
    here = circle()
    here.drive(range(3))
    late = replace(here.describe(5), stamp_ns=3 * SECOND - 10 ** 8)
    assert here.detector.match(late, T_odom_base=pose_at(5)) == LoopDetection()
    assert len(here.detector.map) == 3


def test_odometry_that_comes_up_late_begins_anew(circle, caplog):
    here = circle()
    here.drive(range(3), odometry=False)
    here.drive(range(3, 6))
    assert 'odometry begins: the 3 keyframes without it are forgotten' in caplog.text
    assert len(here.detector.map) == 3
    assert here.drive([7], odometry=False) == [LoopDetection()]  # where would it lie?
    assert len(here.detector.map) == 3


def test_reset_forgets_everything(circle):
    here = circle()
    here.drive(range(PLACES))
    here.detector.reset()
    assert here.detector.map is None
    assert closed(here.drive(range(PLACES))) == []
    with pytest.raises(VprError, match='no keyframes yet'):
        circle().detector.update_poses({})


def test_slam_moves_what_is_searched(circle):
    here = circle()
    here.drive(range(PLACES))
    before = here.drive(range(PLACES, PLACES + 20))[-1]
    known = here.detector.map
    shift = Pose.from_xy_yaw(100.0, 0.0, 0.0)
    here.detector.update_poses({known.place_id(row): shift @ pose_at(row)
                                for row in range(len(known))})
    after = here.drive([PLACES + 20])[-1]
    assert row_of(after.closure.match_place_id) == row_of(before.closure.match_place_id) + 1
    assert after.localization.candidates[0].T_map_base.distance_to(shift @ pose_at(20)) < 1e-6
    # What moves a little is told at once, though nothing is made anew for it.
    nearby = Pose.from_xy_yaw(100.5, 0.0, 0.0)
    here.detector.update_poses({known.place_id(row): nearby @ pose_at(row)
                                for row in range(len(known))})
    last = here.drive([PLACES + 21])[-1]
    assert last.localization.map_revision == after.localization.map_revision
    assert row_of(last.closure.match_place_id) == 21
    assert last.localization.candidates[0].T_map_base.distance_to(nearby @ pose_at(21)) < 1e-6


def features_at(circle, place, seen_from, rng):
    """Return what a camera sees of a cloud of points that belongs to a place."""
    cloud = np.random.default_rng(place % PLACES).uniform(
        (4.0, -8.0, -1.0), (25.0, 8.0, 6.0), (120, 3))
    T_optical_base = (seen_from @ CAMERA.T_base_optical).inverse()
    points = cloud @ T_optical_base.rotation().T + T_optical_base.position
    pixels = points[:, :2] / points[:, 2:] * 400.0 + (319.5, 239.5) + rng.normal(0, 0.3, (120, 2))
    inside = (pixels >= 0).all(axis=1) & (pixels <= (639, 479)).all(axis=1)
    kinds = np.random.default_rng(place % PLACES + 1000).standard_normal((120, 32))
    kinds /= np.linalg.norm(kinds, axis=1, keepdims=True)
    return LocalFeatures(pixels[inside], kinds[inside], np.ones(inside.sum()))


@pytest.mark.parametrize('same_scene', [True, False])
def test_geometry_is_asked_before_a_loop_is_closed(circle, same_scene):
    here = circle(matching={'verify': 2})
    rng = np.random.default_rng(5)
    offset = Pose.from_xy_yaw(0.6, 0.3, 0.05)
    found = []
    for n in range(PLACES + 40):
        here.seconds += 1
        again = n >= PLACES
        scene = n if same_scene or not again else n + 7000
        if not same_scene and again:  # another cloud, though the image looks alike
            features = LocalFeatures(rng.uniform(0, 470, (100, 2)),
                                     here.rng.standard_normal((100, 32)), np.ones(100))
            norms = np.linalg.norm(features.descriptors, axis=1, keepdims=True)
            features = replace(features, descriptors=features.descriptors / norms)
        else:
            features = features_at(here, scene, offset if again else Pose.identity(), rng)
        found.append(here.detector.match(
            here.describe(n, local_features=features), T_odom_base=pose_at(n),
            calibrations={'front': CAMERA}))
    closures = closed(found[PLACES + 10:])
    if not same_scene:
        assert closures == []
        assert sum(d.localization.known for d in found[PLACES + 10:]) > 10
        return
    assert len(closures) >= 28
    for closure in closures:
        relative = closure.relative_pose
        assert relative.inliers >= 12
        assert relative.rotation_valid
        assert abs(relative.T_match_query.yaw() - 0.05) < 0.02


def test_the_pose_of_a_place_that_odometry_rules_out_is_not_told_of_another(circle):
    # What is seen again is known from two places, and odometry rules out the likelier one.
    here = circle(matching={'verify': 3, 'known_probability': 0.05, 'filter': 'none'},
                  odometry_drift=0.01)
    here.looks[70] = here.looks[10]
    rng = np.random.default_rng(5)
    offset = Pose.from_xy_yaw(0.6, 0.3, 0.05)
    for n in range(PLACES + 11):
        here.seconds += 1
        again = n == PLACES + 10
        features = features_at(here, 70 if again else n, offset if again else Pose.identity(), rng)
        found = here.detector.match(
            here.describe(n, noise=0.05, local_features=features), T_odom_base=pose_at(n),
            calibrations={'front': CAMERA})
    answer, known = found.localization, here.detector.map
    searched = here.detector._searched
    assert {row_of(int(searched.snapshot.place_ids[check.hypothesis.row]))
            for check in searched.checks} == {10, 70}
    assert row_of(answer.candidates[0].place_id) == 10
    assert answer.known
    # The pose was of place 70.
    assert answer.relative_pose is None
    assert answer.T_map_base.distance_to(known.pose(known.place_id(10))) < 1e-9


def test_several_cameras_make_one_keyframe(circle):
    here = circle()
    behind = here.directions(PLACES)
    for n in range(PLACES + 30):
        here.seconds += 1
        moment = [here.describe(n), Description(here.seconds * SECOND, behind[n % PLACES], 'rear')]
        found = here.detector.match(*moment, T_odom_base=pose_at(n))
    assert here.detector.map.cameras == ('front', 'rear')
    assert len(here.detector.map) == PLACES + 30
    assert row_of(found.closure.match_place_id) == 29
    assert [d.camera for d in found.descriptions] == ['front', 'rear']


def test_frames_are_described_once_they_are_keyframes(extractor):
    detector = LoopDetector(extractor, LoopSettings(exclude_s=20.0), MatchingSettings(),
                            session='run')
    images = np.random.default_rng(0).integers(0, 256, (40, 60, 80, 3), np.uint8)

    def frame(n, place):
        return Frame(n * SECOND, images[place % 40], calibration=CAMERA,
                     T_odom_base=Pose.from_xy_yaw(4.0 * place, 0.0, 0.0))

    for n in range(40):
        assert detector.detect([frame(n, n)]).place_id is not None
    assert detector.detect([frame(40, 39)]) == LoopDetection()
    assert detector.map.calibration('run', 'front') is CAMERA
    found = [detector.detect([replace(frame(41 + n, n), T_odom_base=Pose.from_xy_yaw(
        4.0 * n, 3.0, 0.0))]) for n in range(20)]
    assert [row_of(d.closure.match_place_id) for d in found[5:]] == list(range(5, 20))
    assert 'describe' in found[-1].localization.stage_times_ns


def test_filters_that_need_a_whole_map_are_refused(extractor):
    with pytest.raises(VprError, match='"forward" or "none", not with \'seqslam\''):
        LoopDetector(extractor, LoopSettings(), MatchingSettings(filter='seqslam'), session='run')


def test_every_frame_can_be_judged_alone(circle):
    here = circle(matching={'filter': 'none'})
    here.drive(range(PLACES))
    closures = closed(here.drive(range(PLACES, 2 * PLACES)))
    assert {row_of(c.query_place_id) - row_of(c.match_place_id) for c in closures} == {PLACES}
    assert len(closures) > 0.2 * PLACES  # one image is rarely enough
