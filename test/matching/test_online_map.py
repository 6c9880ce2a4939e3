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

"""A map that grows while the robot drives."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.ids import split_id
from vpr_ros.matching.online_map import OnlineMap
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

SECOND = 10 ** 9


def unit(rng, n, d):
    vectors = rng.standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def empty(extractor):
    return OnlineMap(extractor.identity, session='run', first_ns=SECOND)


def fill(online, count, *, step_m=2.0, odometry=True, cameras=('front',), seed=0):
    """Drive straight on, a keyframe a second; returns the descriptors (count, cameras, D)."""
    rng = np.random.default_rng(seed)
    all_descriptors = []
    for n in range(len(online), len(online) + count):
        descriptors = unit(rng, len(cameras), online.network.dimension)
        all_descriptors.append(descriptors)
        online.add([Description((n + 1) * SECOND, d, camera)
                    for d, camera in zip(descriptors, cameras, strict=True)],
                   T_odom_base=Pose.from_xy_yaw(step_m * n, 0.0, 0.0) if odometry else None)
    return np.array(all_descriptors)


def test_ids_count_on_and_are_the_same_each_time(extractor, empty):
    fill(empty, 70)
    ids = [empty.place_id(row) for row in range(70)]
    assert [split_id(i) for i in ids] == [(empty.id_prefix, n) for n in range(1, 71)]
    assert [empty.row_of(i) for i in ids] == list(range(70))
    assert empty.place_id_at(5 * SECOND) == ids[4]
    again = OnlineMap(extractor.identity, session='run', first_ns=SECOND)
    assert (again.id_prefix, again.map_id) == (empty.id_prefix, empty.map_id)
    for other in (OnlineMap(extractor.identity, session='run', first_ns=2 * SECOND),
                  OnlineMap(extractor.identity, session='walk', first_ns=SECOND),
                  OnlineMap(extractor.identity, session='run', first_ns=SECOND, map_id='m')):
        assert other.id_prefix != empty.id_prefix


def test_what_is_no_keyframe_is_said_to_be_none(empty):
    fill(empty, 3)
    for wrong in (empty.place_id(2) + 1, 7):
        with pytest.raises(VprError, match="is no keyframe of session 'run'"):
            empty.row_of(wrong)
    with pytest.raises(VprError, match='no keyframe was taken at 7 ns'):
        empty.place_id_at(7)


def test_old_enough_is_what_is_long_ago_and_far_back(empty):
    assert empty.old_enough(seconds=0.0, metres=0.0) == 0
    fill(empty, 40)  # to 40 s and 78 m
    assert empty.old_enough(seconds=10.0, metres=0.0) == 30
    assert empty.old_enough(seconds=0.0, metres=50.0) == 15
    assert empty.old_enough(seconds=10.0, metres=50.0) == 15
    assert empty.old_enough(seconds=30.0, metres=50.0) == 10
    assert empty.old_enough(seconds=40.0, metres=0.0) == 0


def test_without_odometry_only_time_counts(empty):
    fill(empty, 40, odometry=False)
    assert not empty.posed
    assert empty.old_enough(seconds=10.0, metres=50.0) == 30


def test_a_snapshot_is_the_beginning_of_the_map_and_stays_so(empty):
    seen = fill(empty, 100, cameras=('front', 'rear'))
    part = empty.snapshot(60)
    fill(empty, 200, cameras=('front', 'rear'), seed=1)
    assert len(part) == 60
    assert part.cameras == ('front', 'rear')
    assert part.sessions == ('run',)
    assert np.array_equal(part.descriptors, seen[:60].reshape(120, -1))
    assert part.view_rows.tolist() == np.repeat(np.arange(60), 2).tolist()
    assert part.view_cameras.tolist() == [0, 1] * 60
    assert part.stamps_ns.tolist() == [n * SECOND for n in range(1, 61)]
    assert part.poses.positions[:, 0].tolist() == [2.0 * n for n in range(60)]
    assert part.rows_of(np.array([empty.place_id(59)])).tolist() == [59]
    whole = empty.snapshot(300)
    assert len(whole.descriptors) == 600
    assert whole.revision > part.revision


def test_keyframes_come_in_order_and_alike(empty):
    fill(empty, 2)
    direction = unit(np.random.default_rng(0), 1, empty.network.dimension)[0]
    with pytest.raises(ValueError, match='in the order they were taken'):
        empty.add([Description(2 * SECOND, direction)], T_odom_base=Pose.identity())
    with pytest.raises(ValueError, match='all keyframes have odometry, or none has'):
        empty.add([Description(9 * SECOND, direction)])


def test_local_features_come_back_as_a_map_gives_them_back(empty):
    rng = np.random.default_rng(0)
    features = LocalFeatures(rng.uniform(0, 600, (40, 2)), unit(rng, 40, 64),
                             rng.uniform(0, 1, 40), depths=np.full(40, 5.0))
    camera = Camera('front', 640, 480, np.eye(3))
    place_id = empty.add([Description(0, unit(rng, 1, empty.network.dimension)[0],
                                      local_features=features)], calibrations={'front': camera})
    found = empty.features(place_id, 'front')
    assert np.array_equal(found.points, features.points)
    assert (np.einsum('ij,ij->i', found.descriptors, features.descriptors) > 0.999).all()
    assert found.depths.tolist() == [5.0] * 40
    assert empty.features(place_id, 'rear') is None
    assert empty.calibration('run', 'front') is camera
    assert empty.calibration('run', 'rear') is None
    assert empty.calibration('walk', 'front') is None


def test_slam_moves_keyframes_and_those_after_them(empty):
    fill(empty, 10)
    # Where the robot was at the fifth, it had in truth turned left and come further.
    turned = Pose.from_xy_yaw(20.0, 1.0, np.pi / 2)
    empty.update_poses({empty.place_id(4): turned})
    assert [empty.pose(empty.place_id(row)).position[0] for row in range(4)] == [0, 2, 4, 6]
    assert empty.pose(empty.place_id(4)).distance_to(turned) < 1e-9
    later = empty.pose(empty.place_id(7))  # 6 m on, which is to the left now
    assert later.position == pytest.approx([20.0, 7.0, 0.0])
    assert later.yaw() == pytest.approx(np.pi / 2)
    fill(empty, 1)
    assert empty.pose(empty.place_id(10)).position == pytest.approx([20.0, 13.0, 0.0])
    # What is apart follows: from the first to the fourth 6 m, then a long step, then 12 m.
    offsets, ways = empty.apart(np.array([4, 9]))
    assert offsets == pytest.approx([12.0, 2.0])
    assert ways == pytest.approx([12.0, 2.0])
    assert empty.apart(np.array([0]))[1][0] == pytest.approx(6.0 + np.hypot(14.0, 1.0) + 12.0)


def test_a_later_update_leaves_what_it_does_not_reach(empty):
    fill(empty, 6)
    empty.update_poses({empty.place_id(0): Pose.from_xy_yaw(0.0, 5.0, 0.0)})
    empty.update_poses({empty.place_id(3): Pose.from_xy_yaw(6.0, 7.0, 0.0)})
    ys = [empty.pose(empty.place_id(row)).position[1] for row in range(6)]
    assert ys == pytest.approx([5.0, 5.0, 5.0, 7.0, 7.0, 7.0])


def test_an_update_that_cannot_be_is_refused_and_changes_nothing(empty):
    fill(empty, 3)
    before = empty.snapshot(3).poses.positions
    with pytest.raises(VprError, match='is no keyframe'):
        empty.update_poses({empty.place_id(1): Pose.from_xy_yaw(9.0, 9.0, 0.0),
                            7: Pose.identity()})
    assert np.array_equal(empty.snapshot(3).poses.positions, before)


def test_keyframes_without_odometry_cannot_be_moved(empty):
    fill(empty, 3, odometry=False)
    assert empty.pose(empty.place_id(0)) is None
    with pytest.raises(VprError, match='keyframes without odometry have no poses'):
        empty.update_poses({empty.place_id(0): Pose.identity()})
