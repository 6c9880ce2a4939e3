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

"""The node on a real ROS 2: skipped where there is none."""

import os
from pathlib import Path
import signal
import subprocess
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no ROS 2 is sourced')
pytest.importorskip('vpr_msgs.msg', reason='vpr_msgs is not built and sourced')

from builtin_interfaces.msg import Time as TimeMessage  # noqa: E402, I100
from lifecycle_msgs.msg import State  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from vpr_msgs.msg import PlaceMatch  # noqa: E402
from vpr_ros.extraction.extractor import make_extractor  # noqa: E402
from vpr_ros.extraction.settings import ExtractionSettings  # noqa: E402
from vpr_ros.maps.place_map import PlaceMap  # noqa: E402
from vpr_ros.matching.localizer import Localizer  # noqa: E402
from vpr_ros.matching.settings import MatchingSettings  # noqa: E402
from vpr_ros.types import Frame  # noqa: E402
from vpr_ros.types import Localization  # noqa: E402
from vpr_ros.types import Pose  # noqa: E402

SECOND = 10 ** 9
CONFIGURE, CLEAN_UP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4


def offline(map_path: Path) -> Localizer:
    with PlaceMap.open(map_path) as place_map:
        extractor = make_extractor(ExtractionSettings(), expected=place_map.network)
        return Localizer(place_map.snapshot(), extractor, MatchingSettings())


def chances(answer: PlaceMatch | Localization) -> dict[int, float]:
    return {c.place_id: c.probability for c in answer.candidates}


def near(answer: Localization) -> Any:
    return pytest.approx(chances(answer), abs=1e-5)


def test_answers_with_the_place_its_pose_and_a_loop_closure(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw')
    robot.drive(list(range(5, 12)), first_ns=100_000_000_123)
    last = robot.matches[-1]
    assert last.decision == PlaceMatch.KNOWN_PLACE
    assert (last.header.stamp.sec, last.header.stamp.nanosec) == (106, 123)
    assert last.header.frame_id == 'map'
    assert last.candidates[0].stamp.sec == 12
    assert last.candidates[0].session == 'first drive'
    assert last.candidates[0].similarity > 0.9
    assert last.pose_valid
    assert last.pose.pose.position.x == pytest.approx(110.0)
    assert 'describe' in last.stage_names
    stamp = last.header.stamp
    robot.wait(lambda: any(p.header.stamp == stamp for p in robot.poses), 'the pose')
    robot.wait(lambda: any(c.query_stamp == stamp for c in robot.closures), 'the loop closure')
    assert robot.poses[-1].pose.pose.position.x == pytest.approx(110.0)
    assert robot.poses[-1].pose.covariance[0] > 0.0
    assert robot.closures[-1].match_session == 'first drive'
    assert robot.closures[-1].query_place_id == 0


def test_live_and_offline_give_the_same_answers(robot, start, map_path, image_of):
    start(map=map_path, image='/camera/image_raw')
    numbers = [3, 4, 4, 5, 1001, 7, 20, 21]
    robot.drive(numbers, first_ns=50_000_000_000)
    localizer = offline(map_path)
    for live, (step, number) in zip(robot.matches, enumerate(numbers), strict=True):
        frame = Frame(50_000_000_000 + step * 1_000_000_000, image_of(number))
        _, expected = localizer.localize(frame)
        assert live.candidates[0].place_id == expected.candidates[0].place_id
        assert live.probability == pytest.approx(expected.probability, abs=1e-5)
        assert bool(live.decision) == expected.known


def test_odometry_says_how_far_the_robot_drove(robot, start, map_path, image_of):
    start(map=map_path, image='/camera/image_raw', odometry='/odom')
    robot.wait(lambda: robot.odometry.get_subscription_count() > 0, 'a subscription to odometry')
    with_odometry, without = offline(map_path), offline(map_path)
    driven = Pose(np.array([2.5, 0.0, 0.0]))  # a quarter of the way from place to place
    told, differ = Pose.identity(), False
    for step, number in enumerate([8, 9, 9, 10]):
        stamp_ns = (50 + step) * SECOND
        # Between these two samples it is where ``told`` has it.
        robot.measure(stamp_ns - SECOND // 50, float(told.position[0]) - 0.5)
        robot.measure(stamp_ns + SECOND // 50, float(told.position[0]) + 0.5)
        time.sleep(0.2)  # topics are not in order among each other
        robot.drive([number], first_ns=stamp_ns)
        frame = Frame(stamp_ns, image_of(number), T_odom_base=told)
        _, expected = with_odometry.localize(frame)
        _, other = without.localize(Frame(stamp_ns, image_of(number)))
        assert chances(robot.matches[-1]) == near(expected)
        differ = differ or chances(expected) != near(other)
        told = told @ driven
    assert differ


def test_topics_that_change_names_are_remapped_once(robot, start, map_path):
    start('-r', '/odom:=/wheels', '-r', '/wheels:=/odom', map=map_path, image='/camera/image_raw',
          odometry='/odom')
    robot.wait(lambda: robot.node.count_subscribers('/wheels') == 1, 'a subscription to /wheels')
    assert robot.node.count_subscribers('/odom') == 0


def test_an_image_without_odometry_is_answered_all_the_same(robot, start, map_path, said):
    process = start(map=map_path, image='/camera/image_raw', odometry='/odom', silence_s=1.0)
    robot.wait(lambda: robot.odometry.get_subscription_count() > 0, 'a subscription to odometry')
    robot.drive([5, 6], first_ns=50 * SECOND)
    time.sleep(2.5)
    robot.measure(10 * SECOND, 0.0)
    time.sleep(0.2)
    robot.drive([7, 8, 9], first_ns=52 * SECOND)
    assert robot.matches[-1].candidates[0].stamp.sec == 10
    told = said(process)
    assert 'no odometry on /odom for' in told
    assert '1 publishes it: is it Odometry, and is their QoS compatible?' in told
    assert 'no odometry near an image (the last is -42.00 s from it)' in told


def test_it_is_deactivated_at_once_while_an_image_waits_for_odometry(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw', odometry='/odom', odometry_wait_s=40.0)
    robot.wait(lambda: robot.odometry.get_subscription_count() > 0, 'a subscription to odometry')
    robot.drive([4], first_ns=49 * SECOND)
    for _ in range(10):  # the first may be sent before the node listens
        robot.measure(50 * SECOND, 0.0)
        robot.spin(0.1)
    robot.show(5, 50 * SECOND + SECOND // 2)
    robot.spin(1.0)
    assert len(robot.matches) == 1  # the other waits
    began = time.monotonic()
    robot.change(DEACTIVATE)
    assert time.monotonic() - began < 15.0


@pytest.mark.parametrize('resume', [True, False])
def test_activated_again_it_goes_on_or_starts_anew(robot, start, map_path, resume, image_of):
    start(map=map_path, image='/camera/image_raw', resume=resume)
    localizer = offline(map_path)
    robot.drive([3, 4, 5, 6], first_ns=50 * SECOND)
    for step, number in enumerate([3, 4, 5, 6]):
        localizer.localize(Frame((50 + step) * SECOND, image_of(number)))
    robot.change(DEACTIVATE, ACTIVATE)
    robot.drive([1001], first_ns=54 * SECOND)
    _, going_on = localizer.localize(Frame(54 * SECOND, image_of(1001)))
    _, anew = offline(map_path).localize(Frame(54 * SECOND, image_of(1001)))
    assert chances(going_on) != near(anew)
    assert chances(robot.matches[-1]) == near(going_on if resume else anew)


def test_a_map_that_is_loaded_again_starts_anew(robot, start, map_path, image_of):
    start(map=map_path, image='/camera/image_raw')
    robot.drive([3, 4, 5, 6], first_ns=50 * SECOND)
    robot.change(DEACTIVATE, CLEAN_UP, CONFIGURE, ACTIVATE)
    robot.drive([1001], first_ns=54 * SECOND)
    _, anew = offline(map_path).localize(Frame(54 * SECOND, image_of(1001)))
    assert chances(robot.matches[-1]) == near(anew)


def test_time_that_goes_back_while_inactive_is_a_new_start(robot, start, map_path, image_of):
    clock = robot.node.create_publisher(Clock, '/clock', 1)
    start(map=map_path, image='/camera/image_raw', use_sim_time=True)
    robot.wait(lambda: clock.get_subscription_count() > 0, 'a subscription to the clock')

    def tick(second: int) -> None:
        clock.publish(Clock(clock=TimeMessage(sec=second)))
        time.sleep(0.3)

    tick(60)
    robot.drive([3, 4, 5, 6], first_ns=50 * SECOND)
    robot.change(DEACTIVATE)
    tick(61)
    tick(55)
    robot.change(ACTIVATE)
    robot.drive([1001], first_ns=54 * SECOND)
    _, anew = offline(map_path).localize(Frame(54 * SECOND, image_of(1001)))
    assert chances(robot.matches[-1]) == near(anew)


def test_compressed_images_and_unknown_places(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw', compressed=True)
    robot.drive([1000 + n for n in range(5)], first_ns=1_000_000_000, jpeg=True)
    assert all(m.decision == PlaceMatch.UNKNOWN_PLACE and m.reason for m in robot.matches)
    assert not any(m.pose_valid for m in robot.matches)
    assert not robot.closures


def test_life_cycle_with_a_manager(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw', autostart=False)
    assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
    for transition, then in ((1, State.PRIMARY_STATE_INACTIVE), (3, State.PRIMARY_STATE_ACTIVE)):
        robot.change(transition)
        assert robot.state() == then
    robot.drive([3, 4], first_ns=5_000_000_000)
    for transition, then in ((4, State.PRIMARY_STATE_INACTIVE), (3, State.PRIMARY_STATE_ACTIVE)):
        robot.change(transition)
        assert robot.state() == then
    robot.drive([3, 4], first_ns=5_000_000_000)
    assert len(robot.matches) == 4


def test_a_map_that_is_missing_leaves_the_node_unconfigured(robot, start, tmp_path, said):
    process = start(map=tmp_path / 'none.vprmap')
    assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert 'no map at' in said(process)


@pytest.mark.parametrize('seconds', [2.0, 3.0])
def test_it_ends_well_when_it_is_terminated_while_it_starts(start, map_path, seconds):
    process = start(map=map_path, image='/camera/image_raw')
    time.sleep(seconds)
    process.terminate()
    told = process.communicate(timeout=30)[0]
    assert 'Traceback' not in told
    # Before rclpy has taken the signal over, it ends Python.
    assert process.returncode == 0 or (process.returncode == -signal.SIGTERM and not told)


@pytest.mark.parametrize(('name', 'what'), [
    ('image', 'not configured'), ('odometry', 'not activated')])
def test_a_topic_that_is_none_is_named_and_leaves_nothing_behind(
        robot, start, map_path, said, name, what):
    process = start(**{'map': map_path, 'image': '/camera/image_raw', name: "'/no topic'"})
    robot.wait(lambda: any(s.name == 'localizer: node' for m in robot.diagnostics
                           for s in m.status), 'diagnostics')
    assert robot.status('node').message.startswith(f'{what}: Invalid topic name')
    assert robot.state() == (State.PRIMARY_STATE_UNCONFIGURED if name == 'image'
                             else State.PRIMARY_STATE_INACTIVE)
    assert robot.node.count_publishers('/localizer/place_match') == 0
    told = said(process)
    assert '/no topic' in told and 'Traceback' not in told


def test_live_parameters_are_validated_and_others_read_only(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw')
    robot.drive([2], first_ns=1_000_000_000)

    assert robot.set_parameter('matching.candidates', 1).successful
    assert not robot.set_parameter('matching.candidates', 0).successful
    assert not robot.set_parameter('matching.known_probability', 2.0).successful
    # An integer for a number.
    assert robot.set_parameter('matching.known_probability', 1).successful
    assert not robot.set_parameter('map', '/elsewhere').successful
    robot.drive([3], first_ns=2_000_000_000)
    assert len(robot.matches[-1].candidates) == 1
    assert robot.matches[-1].decision == PlaceMatch.UNKNOWN_PLACE


def test_a_live_parameter_counts_though_no_image_comes(robot, start, map_path):
    start(map=map_path, image='/camera/image_raw', silence_s=1000.0)
    assert robot.set_parameter('silence_s', 1.0).successful
    robot.wait(lambda: robot.diagnostics and robot.status(
        'localization').message.startswith('no image on'), 'the reason for silence')


def test_the_launch_file_starts_it(robot, map_path):
    process = subprocess.Popen(
        ['ros2', 'launch', 'vpr_ros', 'localize.launch.py', f'map:={map_path}',
         'image:=/camera/image_raw', 'odometry:=/odom'], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        robot.drive([7, 8, 9], first_ns=1_000_000_000)
        assert robot.matches[-1].candidates[0].stamp.sec == 10
        assert robot.odometry.get_subscription_count() == 1
    finally:
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=30)[0]
    assert 'Traceback' not in output
