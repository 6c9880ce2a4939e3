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


"""The node on a real ROS 2, in a process of its own; skipped where ROS is not installed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

import cv2
import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='ROS 2 is not installed')
pytest.importorskip('vpr_msgs.msg', reason='vpr_msgs is not built')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402, I100
from geometry_msgs.msg import PoseStamped  # noqa: E402
from lifecycle_msgs.msg import State  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from lifecycle_msgs.srv import GetState  # noqa: E402
from nav_msgs.msg import Odometry  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402
from sensor_msgs.msg import CompressedImage  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_srvs.srv import SetBool  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402
from vpr_msgs.msg import NewPlace  # noqa: E402
from vpr_msgs.srv import SaveMap  # noqa: E402
from vpr_msgs.srv import UpdatePoses  # noqa: E402
from vpr_ros.extraction.extractor import make_extractor  # noqa: E402
from vpr_ros.extraction.settings import ExtractionSettings  # noqa: E402
from vpr_ros.maps.builder import build_session  # noqa: E402
from vpr_ros.maps.place_map import PlaceMap  # noqa: E402
from vpr_ros.maps.settings import MapSettings  # noqa: E402
from vpr_ros.messages.geometry import odometry_message  # noqa: E402
from vpr_ros.messages.geometry import pose_stamped_message  # noqa: E402
from vpr_ros.messages.geometry import pose_with_covariance_to_message  # noqa: E402
from vpr_ros.messages.geometry import StampedPose  # noqa: E402
from vpr_ros.messages.geometry import tf_message  # noqa: E402
from vpr_ros.messages.images import compressed_image_message  # noqa: E402
from vpr_ros.messages.images import image_message  # noqa: E402
from vpr_ros.messages.rclpy_factory import RclpyFactory  # noqa: E402
from vpr_ros.messages.results import new_place_from_message  # noqa: E402
from vpr_ros.types import Frame  # noqa: E402
from vpr_ros.types import Place  # noqa: E402
from vpr_ros.types import Pose  # noqa: E402

DEADLINE_S = 60.0
SECOND = 10 ** 9
CONFIGURE, ACTIVATE, DEACTIVATE = 1, 3, 4
TOPIC = '/camera/image_raw'
# Nothing may be lost on the way where maps are compared.
LOSSLESS = {'queue_size': 1000, f'qos_overrides.{TOPIC}.subscription.reliability': 'reliable',
            f'qos_overrides.{TOPIC}.subscription.depth': 1000}


def picture(number: int) -> np.ndarray:
    small = np.random.default_rng(number).integers(0, 256, (8, 16, 3), np.uint8)
    return cv2.resize(small, (160, 120), interpolation=cv2.INTER_NEAREST)


def pose_at(stamp_ns: int) -> Pose:
    """Return where a robot is that drives a bend at a metre a second."""
    s = stamp_ns / SECOND
    return Pose.from_xy_yaw(s, 0.01 * s * s, 0.02 * s)


class Robot:
    """A node that plays the robot: it publishes images and poses, and hears of places."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.factory = RclpyFactory()
        self.places: list[Place] = []
        self.heard_s: dict[int, float] = {}
        self.map_ids: set[str] = set()
        self.diagnostics: dict[str, Any] = {}
        node.create_subscription(NewPlace, 'mapper/new_place', self._on_place, 1000)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        deep = QoSProfile(depth=1000)
        self.images = node.create_publisher(Image, TOPIC, deep)
        self.jpegs = node.create_publisher(CompressedImage, f'{TOPIC}/compressed', deep)
        self.odometry = node.create_publisher(Odometry, 'odom', deep)
        self.poses = node.create_publisher(PoseStamped, 'slam/pose', deep)
        self.transforms = node.create_publisher(TFMessage, '/tf', deep)

    def _on_place(self, message: NewPlace) -> None:
        self.places.append(new_place_from_message(message))
        self.heard_s[message.place_id] = time.monotonic()
        self.map_ids.add(message.map_id)
        assert message.header.frame_id == 'map'

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.diagnostics |= {status.name: status for status in message.status}

    def wait(self, until: Callable[[], bool], doing: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not until():
            assert time.monotonic() < deadline, f'gave up waiting: {doing}'
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, name)
        self.wait(client.service_is_ready, f'service {name}')
        future = client.call_async(request)
        self.wait(future.done, f'answer of {name}')
        return future.result()

    def state(self) -> int:
        return int(self.call(GetState, 'mapper/get_state', GetState.Request()).current_state.id)

    def change(self, transition: int) -> bool:
        request = ChangeState.Request()
        request.transition.id = transition
        return bool(self.call(ChangeState, 'mapper/change_state', request).success)

    def meet(self, publisher: Any) -> None:
        self.wait(lambda: publisher.get_subscription_count() > 0, 'a subscription')

    def show(self, stamp_ns: int, number: int) -> None:
        self.images.publish(image_message(self.factory, picture(number), stamp_ns=stamp_ns,
                                          frame_id='camera'))

    def measure(self, stamp_ns: int) -> None:
        """Tell by odometry in the map frame where the robot is."""
        self.odometry.publish(odometry_message(self.factory, StampedPose(
            stamp_ns, 'map', 'base_link', pose_at(stamp_ns))))

    def drive(self, seconds: range, *, number: int = 0) -> None:
        """Show an image and tell a pose at each full second, and wait for the places."""
        self.meet(self.images)
        before = len(self.places)
        for second in seconds:
            if self.odometry.get_subscription_count():
                self.measure(second * SECOND)
            self.show(second * SECOND, number + second)
        self.wait(lambda: len(self.places) == before + len(seconds), 'places')

    def status(self, name: str) -> tuple[str, dict[str, str]]:
        found = self.diagnostics.get(name)
        return ('', {}) if found is None else (
            found.message, {value.key: value.value for value in found.values})


@pytest.fixture
def robot() -> Iterator[Robot]:
    rclpy.init()
    node = Node('robot')
    yield Robot(node)
    node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    processes = []

    def run(path: Path, **parameters: object) -> subprocess.Popen[str]:
        told = {'map_path': path, 'image': TOPIC, 'extraction.network': 'thumbnail',
                'extraction.device': 'cpu', 'diagnostics_s': 0.2, **parameters}
        arguments = [a for name, value in told.items() for a in ('-p', f'{name}:={value}')]
        process = subprocess.Popen(
            [sys.executable, '-m', 'vpr_ros.nodes.mapper', '--ros-args', *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, 'PYTHONUNBUFFERED': '1'})
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.returncode is None:
            stop(process)


def stop(process: subprocess.Popen[str]) -> str:
    """Stop a node as by Ctrl-C, and return what it said."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=20)[0]
    assert process.returncode == 0, said
    assert 'Traceback' not in said
    return said


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'town.vprmap'


def places_of(path: Path) -> list[Place]:
    with PlaceMap.open(path) as place_map:
        return place_map.places()


def test_a_map_made_live_is_the_map_made_offline(robot, start, path, tmp_path):
    process = start(path, poses='topic', pose='/odom', session='monday', **LOSSLESS)
    robot.meet(robot.images)
    robot.meet(robot.odometry)
    stamps = [100 * SECOND + k * SECOND // 5 + 77 for k in range(100)]
    for stamp_ns in stamps:
        # The pose at an image is between two samples, of which the later one comes after it.
        robot.measure(stamp_ns - SECOND // 20)
        robot.show(stamp_ns, stamp_ns // SECOND)
        robot.measure(stamp_ns + SECOND // 20)
        rclpy.spin_once(robot.node, timeout_sec=0.01)
    extractor = make_extractor(ExtractionSettings(network='thumbnail', device='cpu'))
    offline = tmp_path / 'offline.vprmap'
    frames = [Frame(s, picture(s // SECOND), T_map_base=pose_at(s)) for s in stamps]
    with PlaceMap.create(offline, extractor.identity) as place_map:
        list(build_session(place_map, 'monday', frames, extractor, MapSettings(), source=''))
    robot.wait(lambda: len(robot.places) == len(places_of(offline)), 'places')
    stop(process)
    with PlaceMap.open(path) as here, PlaceMap.open(offline) as there:
        assert robot.map_ids == {here.id}
        assert here.network == there.network
        session, = here.sessions()
        assert (session.name, session.source) == ('monday', TOPIC)
        assert here.place_ids() == [place.id for place in robot.places]
        assert len(here) == len(there) > 15
        for told, mine, theirs in zip(robot.places, here.place_ids(), there.place_ids(),
                                      strict=True):
            a, b = here.place(mine), there.place(theirs)
            assert told.stamp_ns == a.stamp_ns == b.stamp_ns
            assert np.allclose(a.T_map_base.position, b.T_map_base.position, atol=1e-4)
            assert a.T_map_base.angle_to(b.T_map_base) < 1e-6
            assert np.array_equal(told.T_map_base.position, a.T_map_base.position)
            assert np.allclose(a.views[0].descriptor, b.views[0].descriptor, atol=1e-3)
            assert a.views[0].thumbnail == b.views[0].thumbnail


def test_without_poses_places_are_known_by_time(robot, start, path):
    process = start(path, **LOSSLESS)
    robot.drive(range(1, 6))
    stop(process)
    places = places_of(path)
    assert [p.stamp_ns // SECOND for p in places] == [1, 2, 3, 4, 5]
    assert {p.T_map_base for p in places} == {None}


def test_poses_come_by_transforms(robot, start, path):
    process = start(path, poses='tf', **LOSSLESS)
    robot.meet(robot.images)
    robot.meet(robot.transforms)
    # SLAM corrects what odometry drives; both are known at the stamps of images.
    T_map_odom = Pose.from_xy_yaw(5.0, -3.0, 0.7)
    for second in range(1, 6):
        stamp_ns = second * SECOND
        robot.transforms.publish(tf_message(robot.factory, [
            StampedPose(stamp_ns, 'map', 'odom', T_map_odom),
            StampedPose(stamp_ns, 'odom', 'base_link', pose_at(stamp_ns))]))
        robot.show(stamp_ns, second)
    robot.wait(lambda: len(robot.places) == 5, 'places')
    stop(process)
    for place in places_of(path):
        wanted = T_map_odom @ pose_at(place.stamp_ns)
        assert np.allclose(place.T_map_base.position, wanted.position, atol=1e-6)


def test_poses_of_another_type_and_compressed_images(robot, start, path):
    process = start(path, poses='topic', pose='/slam/pose', compressed='true', queue_size=100,
                    pose_type='geometry_msgs/msg/PoseStamped')
    robot.meet(robot.jpegs)
    robot.meet(robot.poses)
    for second in range(1, 4):
        stamp_ns = second * SECOND
        robot.poses.publish(pose_stamped_message(robot.factory, StampedPose(
            stamp_ns, 'map', '', pose_at(stamp_ns))))
        robot.jpegs.publish(compressed_image_message(
            robot.factory, picture(second), stamp_ns=stamp_ns, frame_id='camera'))
        robot.wait(lambda second=second: len(robot.places) == second, 'a place')
    stop(process)
    assert [p.T_map_base.position[0] for p in places_of(path)] == [1.0, 2.0, 3.0]


def test_images_without_a_pose_are_left_out_and_that_is_said(robot, start, path):
    process = start(path, poses='topic', pose='/odom', silence_s=1.0)
    robot.meet(robot.images)
    robot.show(SECOND, 1)

    def told() -> bool:
        message, values = robot.status('vpr: mapping')
        return values.get('left out: no pose') == '1' and 'no pose on /odom' in message

    robot.wait(told, 'diagnostics')
    said = stop(process)
    assert 'no pose was known at the stamp of an image within 1 s' in said
    assert 'no pose on /odom for' in said
    assert not path.exists()


def test_poses_of_another_frame_of_the_robot_are_not_taken_for_its_own(robot, start, path):
    process = start(path, poses='topic', pose='/odom')
    robot.meet(robot.images)
    robot.meet(robot.odometry)
    robot.odometry.publish(odometry_message(robot.factory, StampedPose(
        SECOND, 'map', 'imu', pose_at(SECOND))))
    robot.wait(lambda: "poses are those of 'imu'" in robot.status('vpr: input pose')[0],
               'diagnostics')
    stop(process)


def test_a_map_is_saved_while_it_grows(robot, start, path, tmp_path):
    process = start(path, commit_s=3600.0, **LOSSLESS)
    robot.drive(range(1, 6))
    assert places_of(path) == []
    saved = robot.call(SaveMap, 'mapper/save_map', SaveMap.Request())
    assert (saved.success, saved.places, saved.path) == (True, 5, str(path))
    assert len(places_of(path)) == 5
    robot.drive(range(6, 9))
    other = tmp_path / 'other.vprmap'
    request = SaveMap.Request(path=str(other))
    saved = robot.call(SaveMap, 'mapper/save_map', request)
    assert (saved.success, saved.places, saved.path) == (True, 8, str(other))
    again = robot.call(SaveMap, 'mapper/save_map', request)
    assert not again.success
    assert 'exists already' in again.message
    robot.drive(range(9, 11))
    stop(process)
    assert [len(places_of(p)) for p in (path, other)] == [10, 8]


def test_slam_moves_places(robot, start, path):
    process = start(path, **LOSSLESS)
    robot.drive(range(1, 4))
    moved = Pose.from_xy_yaw(7.0, 8.0, 0.5)
    request = UpdatePoses.Request(
        place_ids=[robot.places[1].id],
        poses=[pose_with_covariance_to_message(robot.factory, moved)])
    assert robot.call(UpdatePoses, 'mapper/update_poses', request).success
    request.place_ids = [17]
    answer = robot.call(UpdatePoses, 'mapper/update_poses', request)
    assert not answer.success
    assert 'no place 17' in answer.message
    stop(process)
    poses = [place.T_map_base for place in places_of(path)]
    assert (poses[0], poses[2]) == (None, None)
    assert np.allclose(poses[1].position, [7.0, 8.0, 0.0])


def test_paused_it_passes_over_images(robot, start, path):
    process = start(path, **LOSSLESS)
    robot.drive(range(1, 3))
    assert robot.call(SetBool, 'mapper/pause', SetBool.Request(data=True)).success
    robot.show(3 * SECOND, 3)
    robot.wait(lambda: robot.status('vpr: mapping')[0] == 'paused', 'diagnostics')
    assert robot.call(SetBool, 'mapper/pause', SetBool.Request(data=False)).success
    robot.drive(range(4, 6))
    stop(process)
    assert [p.stamp_ns // SECOND for p in places_of(path)] == [1, 2, 4, 5]


def test_killed_it_loses_what_is_younger_than_commit_s(robot, start, path):
    process = start(path, commit_s=1.0, **LOSSLESS)
    robot.meet(robot.images)
    began = time.monotonic()
    second = 0
    while time.monotonic() < began + 4.0:
        second += 1
        robot.show(second * SECOND, second)
        robot.wait(lambda second=second: len(robot.places) == second, 'a place')
        time.sleep(0.05)
    killed = time.monotonic()
    process.kill()
    process.communicate(timeout=20)
    kept = {place.id for place in places_of(path)}
    safe = {place for place, heard in robot.heard_s.items() if heard < killed - 1.0}
    assert len(safe) >= 10
    assert safe <= kept
    # And another session is added to it, once the graph has forgotten who died.
    robot.wait(lambda: robot.images.get_subscription_count() == 0, 'the end of a subscription')
    robot.places.clear()
    process = start(path, extend='true', session='after', **LOSSLESS)
    robot.drive(range(1, 4))
    stop(process)
    with PlaceMap.open(path) as place_map:
        assert [s.places for s in place_map.sessions()] == [len(kept), 3]
        assert robot.map_ids == {place_map.id}


def test_time_that_goes_back_ends_the_traverse_until_it_is_begun_anew(robot, start, path):
    process = start(path, **LOSSLESS)
    robot.drive(range(10, 15))
    for second in range(2, 5):
        robot.show(second * SECOND, second)
    robot.wait(lambda: 'time went back by 12.0 s' in robot.status('vpr: mapping')[0],
               'diagnostics')
    assert len(places_of(path)) == 5
    assert robot.change(DEACTIVATE)
    assert robot.change(ACTIVATE)
    robot.drive(range(2, 5))
    said = stop(process)
    assert said.count('deactivate and activate to begin another') >= 1
    with PlaceMap.open(path) as place_map:
        assert [s.places for s in place_map.sessions()] == [5, 3]


def test_a_named_session_is_not_begun_twice(robot, start, path):
    process = start(path, session='monday', **LOSSLESS)
    robot.drive(range(1, 3))
    assert robot.change(DEACTIVATE)
    assert not robot.change(ACTIVATE)
    assert robot.state() == State.PRIMARY_STATE_INACTIVE
    said = stop(process)
    assert "session 'monday' already: give another one" in said
    assert len(places_of(path)) == 2


@pytest.mark.parametrize('setting, expected', [
    ({'map_path': "''"}, 'parameter map_path is empty'),
    ({'map_path': '/none/town.vprmap'}, 'its folder does not exist'),
    ({}, 'exists already: set extend to add a session to it'),
    ({'extend': 'true', 'extraction.network': 'compact'}, 'this map was made with network'),
    ({'extend': 'true', 'session': 'monday'}, "session 'monday' already"),
])
def test_what_cannot_be_is_one_sentence_and_no_configuration(robot, start, path, setting,
                                                             expected):
    extractor = make_extractor(ExtractionSettings(network='thumbnail', device='cpu'))
    with PlaceMap.create(path, extractor.identity) as place_map:
        list(build_session(place_map, 'monday', [Frame(1, picture(1))], extractor, MapSettings(),
                           source=''))
    process = start(path, **setting)
    assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
    robot.wait(lambda: expected in robot.status('vpr: node')[0], 'diagnostics')
    said = [line for line in stop(process).splitlines() if 'not configured' in line]
    assert len(said) == 1
    assert expected in said[0]
    assert len(places_of(path)) == 1


def test_a_manager_configures_and_activates_it(robot, start, path):
    process = start(path, autostart='false', **LOSSLESS)
    assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert robot.change(CONFIGURE)
    assert robot.state() == State.PRIMARY_STATE_INACTIVE
    assert robot.change(ACTIVATE)
    robot.drive(range(1, 3))
    stop(process)
    assert len(places_of(path)) == 2
