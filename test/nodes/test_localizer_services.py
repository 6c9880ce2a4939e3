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

"""What the node is asked, on a real ROS 2: skipped where there is none."""

import pytest

pytest.importorskip('rclpy', reason='no ROS 2 is sourced')
pytest.importorskip('vpr_msgs.srv', reason='vpr_msgs is not built and sourced')

from geometry_msgs.msg import PoseWithCovariance  # noqa: E402, I100
from lifecycle_msgs.msg import State  # noqa: E402
from vpr_msgs.msg import PlaceMatch  # noqa: E402
from vpr_ros.maps.place_map import PlaceMap  # noqa: E402

SECOND = 10 ** 9
DEACTIVATE, SHUT_DOWN_ACTIVE = 4, 7


def tell_odometry(robot, stamp_ns):
    """Tell it until it is heard: the first may be sent before the node listens."""
    for _ in range(10):
        robot.measure(stamp_ns, 0.0)
        robot.spin(0.1)


@pytest.fixture
def own_map(make_map, tmp_path):
    """Return a map of this test alone."""
    return make_map(tmp_path / 'own.vprmap')


def test_another_map_is_loaded_while_it_answers_and_a_bad_one_changes_nothing(
        robot, start, map_path, make_map, tmp_path):
    start(map=map_path, image='/camera/image_raw')
    robot.drive([3, 4, 5], first_ns=50 * SECOND)
    other = make_map(tmp_path / 'other.vprmap', first=500)
    refused = robot.call('vpr_msgs/srv/LoadMap', 'load_map', path=str(tmp_path / 'none.vprmap'))
    assert not refused.success
    assert 'none.vprmap' in refused.message
    robot.drive([6, 7], first_ns=53 * SECOND)
    assert robot.matches[-1].decision == PlaceMatch.KNOWN_PLACE
    loaded = robot.call('vpr_msgs/srv/LoadMap', 'load_map', path=str(other))
    assert loaded.success, loaded.message
    assert loaded.places == 30
    with PlaceMap.open(other) as place_map:
        assert (loaded.map_id, loaded.map_revision) == (place_map.id, place_map.revision)
    robot.drive([505, 506, 507, 508, 509], first_ns=60 * SECOND)
    assert robot.matches[-1].map_id == loaded.map_id
    assert robot.matches[-1].decision == PlaceMatch.KNOWN_PLACE
    assert robot.matches[-1].candidates[0].stamp.sec == 10


def test_the_map_is_saved_and_never_over_a_file_unasked(robot, start, map_path, tmp_path):
    start(map=map_path, image='/camera/image_raw')
    path = tmp_path / 'saved.vprmap'
    saved = robot.call('vpr_msgs/srv/SaveMap', 'save_map', path=str(path))
    assert saved.success, saved.message
    assert (saved.places, saved.path) == (30, str(path))
    with PlaceMap.open(path) as new, PlaceMap.open(map_path) as old:
        assert new.place_ids() == old.place_ids()
    again = robot.call('vpr_msgs/srv/SaveMap', 'save_map', path=str(path))
    assert not again.success
    assert 'exists' in again.message
    assert robot.call('vpr_msgs/srv/SaveMap', 'save_map', path=str(path), overwrite=True).success
    assert 'path is empty' in robot.call('vpr_msgs/srv/SaveMap', 'save_map').message


def test_places_are_moved_all_or_none(robot, start, own_map):
    start(map=own_map, image='/camera/image_raw')
    robot.drive([3, 4, 5, 6], first_ns=50 * SECOND)
    place = robot.matches[-1].candidates[0].place_id
    moved = PoseWithCovariance()
    moved.pose.position.y = 77.0
    moved.covariance[0] = 0.25
    moved.pose.orientation.w = 1.0

    def move(ids, poses):
        return robot.call('vpr_msgs/srv/UpdatePoses', 'update_poses', place_ids=ids, poses=poses)

    assert 'has no place 12345' in move([place, 12345], [moved, moved]).message
    assert '2 place_ids and 1 poses' in move([place, 12345], [moved]).message
    assert 'names a place twice' in move([place, place], [moved, moved]).message
    no_pose = PoseWithCovariance()
    no_pose.pose.orientation.w = 0.0
    assert f'the pose of place {place} is none' in move([place], [no_pose]).message
    with PlaceMap.open(own_map) as place_map:
        assert place_map.place(place).T_map_base.position[1] == 0.0
    assert move([place], [moved]).success
    robot.drive([6], first_ns=54 * SECOND)
    assert robot.matches[-1].candidates[0].place_id == place
    assert robot.matches[-1].candidates[0].pose.position.y == 77.0


def test_relocalize_waits_for_a_known_place_while_images_go_on(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw')
    robot.drive([3, 4, 5], first_ns=50 * SECOND)
    answer = robot.ask('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=60.0)
    robot.spin(0.5)
    assert not answer.done()
    robot.drive([20, 21, 22, 23, 24], first_ns=60 * SECOND)
    robot.wait(answer.done, 'the place')
    found = answer.result()
    assert found.success
    assert found.match_valid
    assert found.match.decision == PlaceMatch.KNOWN_PLACE
    # It is the first known place since it was asked.
    first = next(m for m in robot.matches[3:] if m.decision == PlaceMatch.KNOWN_PLACE)
    assert found.match == first


def test_relocalize_is_not_answered_by_an_image_of_before(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw', odometry='/odom', odometry_wait_s=20.0)
    robot.wait(lambda: robot.odometry.get_subscription_count() > 0, 'a subscription to odometry')
    robot.drive([3, 4, 5], first_ns=50 * SECOND)
    assert robot.matches[-1].decision == PlaceMatch.KNOWN_PLACE
    tell_odometry(robot, 52 * SECOND + SECOND // 2)
    robot.show(6, 53 * SECOND)
    robot.spin(0.7)
    assert len(robot.matches) == 3  # the image waits for the odometry after it
    answer = robot.ask('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=60.0)
    robot.spin(0.5)
    robot.measure(53 * SECOND + SECOND // 10, 0.0)
    robot.spin(1.0)
    assert not answer.done()
    robot.drive([20, 21, 22, 23, 24], first_ns=60 * SECOND)
    robot.wait(answer.done, 'the place')
    assert answer.result().success
    assert answer.result().match.header.stamp.sec >= 60
    assert robot.matches[3].header.stamp.sec == 60


def test_an_online_map_is_not_lost_by_relocalizing(robot, start):
    start(online=True, image='/camera/image_raw')
    refused = robot.call('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=1.0)
    assert not refused.success
    assert 'online' in refused.message


def test_relocalize_gives_up_in_time_and_says_what_it_saw(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw')
    nothing = robot.call('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=0.5)
    assert (nothing.success, nothing.match_valid) == (False, False)
    assert 'no image was looked at within 0.5 s' in nothing.message
    answer = robot.ask('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=3.0)
    robot.spin(0.3)
    refused = robot.call('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=1.0)
    assert 'somebody waits' in refused.message
    robot.drive([1000, 1001], first_ns=50 * SECOND)
    robot.wait(answer.done, 'the end of its time')
    assert not answer.result().success
    assert answer.result().match.header.stamp.sec == 51
    assert answer.result().message == robot.matches[-1].reason
    absurd = robot.call('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=float('nan'))
    assert 'timeout_s is seconds' in absurd.message


def test_a_wait_ends_when_the_node_is_deactivated(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw')
    answer = robot.ask('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=60.0)
    robot.spin(0.5)
    robot.change(DEACTIVATE)
    robot.wait(answer.done, 'an answer', timeout_s=10.0)
    assert not answer.result().success
    late = robot.call('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=1.0)
    assert 'activate it first' in late.message


def test_paused_it_looks_at_nothing_and_then_goes_on(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw')
    robot.drive([3, 4, 5], first_ns=50 * SECOND)
    assert robot.call('std_srvs/srv/SetBool', 'pause', data=True).success
    for step in range(5):
        robot.show(6, (53 + step) * SECOND)
        robot.spin(0.1)
    robot.wait(lambda: robot.status('localization').message == 'paused', 'diagnostics')
    assert len(robot.matches) == 3
    assert robot.call('std_srvs/srv/SetBool', 'pause', data=False).success
    robot.drive([6], first_ns=53 * SECOND)
    assert robot.matches[-1].decision == PlaceMatch.KNOWN_PLACE


def test_reset_forgets_where_it_was(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw')
    robot.drive([1001], first_ns=40 * SECOND)
    anew = robot.matches[-1].probability
    robot.drive([3, 4, 5, 6, 7], first_ns=50 * SECOND)
    assert robot.call('std_srvs/srv/Trigger', 'reset').success
    robot.drive([1001], first_ns=55 * SECOND)
    assert robot.matches[-1].probability == pytest.approx(anew, abs=1e-6)


def test_who_waits_is_answered_when_the_node_is_shut_down(robot, start, map_path, tmp_path):
    start(map=map_path, image='/camera/image_raw', odometry='/odom', odometry_wait_s=40.0)
    robot.drive([3], first_ns=50 * SECOND)
    robot.wait(lambda: robot.odometry.get_subscription_count() > 0, 'a subscription to odometry')
    tell_odometry(robot, 50 * SECOND + SECOND // 2)
    robot.show(4, 51 * SECOND)
    path = tmp_path / 'saved.vprmap'
    answer = robot.ask('vpr_msgs/srv/SaveMap', 'save_map', path=str(path))
    robot.spin(1.0)
    assert not answer.done()  # its turn comes after the image, which waits for odometry
    robot.change(SHUT_DOWN_ACTIVE)
    robot.wait(answer.done, 'the answer', timeout_s=15.0)
    assert answer.result().success
    assert path.exists()
    robot.wait(lambda: not robot.node.count_services('/localizer/save_map'),
               'the end of the service')
    assert robot.state() == State.PRIMARY_STATE_FINALIZED
