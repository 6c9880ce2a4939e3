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


"""The mapper on a real ROS 2: skipped where there is none."""

from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import signal
import subprocess
import time
from typing import Any

import cv2
import numpy as np
import pytest
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.live.interface import STILL_TRANSFORMS_QOS
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.messages.geometry import odometry_message
from vpr_ros.messages.geometry import pose_stamped_message
from vpr_ros.messages.geometry import pose_with_covariance_to_message
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import tf_message
from vpr_ros.messages.images import compressed_image_message
from vpr_ros.messages.images import image_message
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.messages.results import new_place_from_message
from vpr_ros.messages.sensors import camera_info_message
from vpr_ros.messages.stamps import stamp_from_ns
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import Place
from vpr_ros.types import Pose

pytest.importorskip('rclpy', reason='no ROS 2 is sourced')
pytest.importorskip('vpr_msgs.msg', reason='vpr_msgs is not built and sourced')

SECOND = 10 ** 9
CONFIGURE, ACTIVATE, DEACTIVATE = 1, 3, 4
UNCONFIGURED, INACTIVE = 1, 2
TOPIC = '/camera/image_raw'
SAVE, UPDATE, PAUSE = ('vpr_msgs/srv/SaveMap', 'vpr_msgs/srv/UpdatePoses', 'std_srvs/srv/SetBool')
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


class Drive:
    """A robot that publishes images and poses, and hears of places."""

    def __init__(self, robot: Any) -> None:
        self.robot = robot
        self.factory = robot.factory
        self.wait = robot.wait
        self.images = robot.publisher('sensor_msgs/msg/Image', TOPIC, 1000)
        self.odometry = robot.publisher('nav_msgs/msg/Odometry', '/slam/odom', 1000)

    @property
    def places(self) -> list[Place]:
        """Return what was told of."""
        return [new_place_from_message(message) for message in self.robot.heard['new_place']]

    @property
    def map_ids(self) -> set[str]:
        """Return whose places these are."""
        return {message.map_id for message in self.robot.heard['new_place']}

    def meet(self, *publishers: Any) -> None:
        """Wait until somebody listens."""
        for publisher in publishers:
            self.wait(lambda of=publisher: of.get_subscription_count() > 0, 'a subscription')

    def show(self, stamp_ns: int, number: int, publisher: Any = None) -> None:
        """Publish an image."""
        (publisher or self.images).publish(image_message(
            self.factory, picture(number), stamp_ns=stamp_ns, frame_id='camera'))

    def measure(self, stamp_ns: int) -> None:
        """Tell where the robot is, in the map frame."""
        self.odometry.publish(odometry_message(self.factory, StampedPose(
            stamp_ns, 'map', 'base_link', pose_at(stamp_ns))))

    def along(self, seconds: range) -> None:
        """Show an image at each full second, and wait for the places."""
        self.meet(self.images)
        before = len(self.places)
        for second in seconds:
            self.show(second * SECOND, second)
        self.wait(lambda: len(self.places) == before + len(seconds), 'places')

    def status(self, name: str) -> tuple[str, dict[str, str]]:
        """Return the sentence and the values of the last status of a name."""
        found = [status for message in self.robot.diagnostics for status in message.status
                 if status.name.partition(': ')[2] == name]
        return (found[-1].message, {v.key: v.value for v in found[-1].values}) if found else (
            '', {})


@pytest.fixture
def drive(make_robot: Callable[..., Any]) -> Drive:
    """Return a robot beside the node ``mapper``."""
    return Drive(make_robot('mapper'))


@pytest.fixture
def begin(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., subprocess.Popen[str]]:
    """Return what starts a mapper."""
    def run(path: Path | str, *arguments: str, **parameters: object) -> subprocess.Popen[str]:
        return start(*arguments, module='mapper', **{
            'map_path': path, 'image': TOPIC, 'extraction.network': 'thumbnail',
            'extraction.device': 'cpu', 'diagnostics_s': 0.2, **parameters})
    return run


@pytest.fixture
def end(said: Callable[[subprocess.Popen[str]], str]) -> Callable[[subprocess.Popen[str]], str]:
    """Return what interrupts a mapper, which closes its map, and returns all that it said."""
    def stop(process: subprocess.Popen[str]) -> str:
        text = said(process)
        assert process.returncode == 0, text
        assert 'Traceback' not in text
        return text
    return stop


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'town.vprmap'


def places_of(path: Path) -> list[Place]:
    with PlaceMap.open(path) as place_map:
        return place_map.places()


def test_a_map_made_live_is_the_map_made_offline(drive, begin, end, path, tmp_path):
    process = begin(path, poses='topic', pose='/slam/odom', session='monday', **LOSSLESS)
    drive.meet(drive.images, drive.odometry)
    stamps = [100 * SECOND + k * SECOND // 5 + 77 for k in range(100)]
    for stamp_ns in stamps:
        # The pose at an image is between two samples, of which the later one comes after it.
        drive.measure(stamp_ns - SECOND // 20)
        drive.show(stamp_ns, stamp_ns // SECOND)
        drive.measure(stamp_ns + SECOND // 20)
        drive.robot.spin(0.01)
    extractor = make_extractor(ExtractionSettings(network='thumbnail', device='cpu'))
    offline = tmp_path / 'offline.vprmap'
    frames = [Frame(s, picture(s // SECOND), T_map_base=pose_at(s)) for s in stamps]
    with PlaceMap.create(offline, extractor.identity) as place_map:
        list(build_session(place_map, 'monday', frames, extractor, MapSettings(), source=''))
    drive.wait(lambda: len(drive.places) == len(places_of(offline)), 'places')
    end(process)
    with PlaceMap.open(path) as here, PlaceMap.open(offline) as there:
        assert drive.map_ids == {here.id}
        assert here.network == there.network
        session, = here.sessions()
        assert (session.name, session.source) == ('monday', TOPIC)
        assert here.place_ids() == [place.id for place in drive.places]
        assert len(here) == len(there) > 15
        for told, mine, theirs in zip(drive.places, here.place_ids(), there.place_ids(),
                                      strict=True):
            a, b = here.place(mine), there.place(theirs)
            assert told.stamp_ns == a.stamp_ns == b.stamp_ns
            assert np.allclose(a.T_map_base.position, b.T_map_base.position, atol=1e-4)
            assert a.T_map_base.angle_to(b.T_map_base) < 1e-6
            assert np.array_equal(told.T_map_base.position, a.T_map_base.position)
            assert np.allclose(a.views[0].descriptor, b.views[0].descriptor, atol=1e-3)
            assert a.views[0].thumbnail == b.views[0].thumbnail


def test_without_poses_places_are_known_by_time(drive, begin, end, path):
    process = begin(path, **LOSSLESS)
    drive.along(range(1, 6))
    end(process)
    places = places_of(path)
    assert [p.stamp_ns // SECOND for p in places] == [1, 2, 3, 4, 5]
    assert {p.T_map_base for p in places} == {None}


def test_poses_come_by_transforms(drive, begin, end, path):
    process = begin(path, poses='tf', **LOSSLESS)
    transforms = drive.robot.publisher('tf2_msgs/msg/TFMessage', '/tf', 1000)
    drive.meet(drive.images, transforms)
    # SLAM corrects what odometry drives; both are known at the stamps of images.
    T_map_odom = Pose.from_xy_yaw(5.0, -3.0, 0.7)
    for second in range(1, 6):
        stamp_ns = second * SECOND
        transforms.publish(tf_message(drive.factory, [
            StampedPose(stamp_ns, 'map', 'odom', T_map_odom),
            StampedPose(stamp_ns, 'odom', 'base_link', pose_at(stamp_ns))]))
        drive.show(stamp_ns, second)
    drive.wait(lambda: len(drive.places) == 5, 'places')
    end(process)
    for place in places_of(path):
        wanted = T_map_odom @ pose_at(place.stamp_ns)
        assert np.allclose(place.T_map_base.position, wanted.position, atol=1e-6)


def test_poses_of_another_type_and_compressed_images(drive, begin, end, path):
    process = begin(path, poses='topic', pose='/slam/pose', compressed='true', queue_size=100,
                    pose_type='geometry_msgs/msg/PoseStamped')
    poses = drive.robot.publisher('geometry_msgs/msg/PoseStamped', '/slam/pose', 100)
    drive.meet(drive.robot.jpegs, poses)
    for second in range(1, 4):
        stamp_ns = second * SECOND
        poses.publish(pose_stamped_message(drive.factory, StampedPose(
            stamp_ns, 'map', '', pose_at(stamp_ns))))
        drive.robot.jpegs.publish(compressed_image_message(
            drive.factory, picture(second), stamp_ns=stamp_ns, frame_id='camera'))
        drive.wait(lambda second=second: len(drive.places) == second, 'a place')
    end(process)
    assert [p.T_map_base.position[0] for p in places_of(path)] == [1.0, 2.0, 3.0]


def test_images_without_a_pose_are_left_out_and_that_is_said(drive, begin, end, path):
    process = begin(path, poses='topic', pose='/slam/odom', silence_s=1.0)
    drive.meet(drive.images)
    drive.show(SECOND, 1)

    def told() -> bool:
        message, values = drive.status('mapping')
        return values.get('left out: no pose') == '1' and 'no pose on /slam/odom' in message

    drive.wait(told, 'diagnostics')
    said = end(process)
    assert 'no pose was known at the stamp of an image within 1 s' in said
    assert 'no pose on /slam/odom for' in said
    assert not path.exists()


def test_poses_of_another_frame_of_the_robot_are_not_taken_for_its_own(drive, begin, end, path):
    process = begin(path, poses='topic', pose='/slam/odom')
    drive.meet(drive.images, drive.odometry)
    drive.odometry.publish(odometry_message(drive.factory, StampedPose(
        SECOND, 'map', 'imu', pose_at(SECOND))))
    drive.wait(lambda: "poses are those of 'imu'" in drive.status('input pose')[0],
               'diagnostics')
    end(process)


def test_a_map_is_saved_while_it_grows(drive, begin, end, path, tmp_path):
    process = begin(path, commit_s=3600.0, **LOSSLESS)
    drive.along(range(1, 6))
    assert places_of(path) == []
    saved = drive.robot.call(SAVE, 'save_map')
    assert (saved.success, saved.places, saved.path) == (True, 5, str(path))
    assert len(places_of(path)) == 5
    drive.along(range(6, 9))
    other = tmp_path / 'other.vprmap'
    saved = drive.robot.call(SAVE, 'save_map', path=str(other))
    assert (saved.success, saved.places, saved.path) == (True, 8, str(other))
    again = drive.robot.call(SAVE, 'save_map', path=str(other))
    assert not again.success
    assert 'exists already' in again.message
    drive.along(range(9, 11))
    end(process)
    assert [len(places_of(p)) for p in (path, other)] == [10, 8]


def test_slam_moves_places(drive, begin, end, path):
    process = begin(path, **LOSSLESS)
    drive.along(range(1, 4))
    moved = Pose.from_xy_yaw(7.0, 8.0, 0.5)
    poses = [pose_with_covariance_to_message(drive.factory, moved)]
    assert drive.robot.call(UPDATE, 'update_poses', place_ids=[drive.places[1].id],
                            poses=poses).success
    answer = drive.robot.call(UPDATE, 'update_poses', place_ids=[17], poses=poses)
    assert not answer.success
    assert 'no place 17' in answer.message
    end(process)
    poses = [place.T_map_base for place in places_of(path)]
    assert (poses[0], poses[2]) == (None, None)
    assert np.allclose(poses[1].position, [7.0, 8.0, 0.0])


def test_paused_it_passes_over_images(drive, begin, end, path):
    process = begin(path, **LOSSLESS)
    drive.along(range(1, 3))
    assert drive.robot.call(PAUSE, 'pause', data=True).success
    drive.show(3 * SECOND, 3)
    drive.wait(lambda: drive.status('mapping')[0] == 'paused', 'diagnostics')
    assert drive.robot.call(PAUSE, 'pause', data=False).success
    drive.along(range(4, 6))
    end(process)
    assert [p.stamp_ns // SECOND for p in places_of(path)] == [1, 2, 4, 5]


def test_killed_it_loses_what_is_younger_than_commit_s(drive, begin, end, path):
    process = begin(path, commit_s=1.0, **LOSSLESS)
    drive.meet(drive.images)
    began = time.monotonic()
    second, heard_s = 0, []
    while time.monotonic() < began + 4.0:
        second += 1
        drive.show(second * SECOND, second)
        drive.wait(lambda second=second: len(drive.places) == second, 'a place')
        heard_s.append(time.monotonic())
        time.sleep(0.05)
    killed = time.monotonic()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    kept = {place.id for place in places_of(path)}
    safe = {place.id for place, heard in zip(drive.places, heard_s, strict=True)
            if heard < killed - 1.0}
    assert len(safe) >= 10
    assert safe <= kept
    # And another session is added to it, once the graph has forgotten who died.
    drive.wait(lambda: drive.images.get_subscription_count() == 0, 'the end of a subscription')
    drive.robot.heard['new_place'].clear()
    process = begin(path, extend='true', session='after', **LOSSLESS)
    drive.along(range(1, 4))
    end(process)
    with PlaceMap.open(path) as place_map:
        assert [s.places for s in place_map.sessions()] == [len(kept), 3]
        assert drive.map_ids == {place_map.id}


def test_every_place_of_the_map_was_told_of(drive, begin, end, path):
    process = begin(path, **LOSSLESS)
    drive.meet(drive.images)
    for second in range(1, 301):
        drive.show(second * SECOND, second)
    drive.wait(lambda: len(drive.places) > 0, 'a place')
    drive.robot.change(DEACTIVATE)
    drive.robot.spin(1.0)
    end(process)
    assert [p.id for p in places_of(path)] == [p.id for p in drive.places]


@pytest.mark.parametrize('apart_s', [0.0, 0.002, 0.05])
def test_interrupted_twice_as_by_a_launch_file_it_loses_nothing(drive, begin, end, path, apart_s):
    process = begin(path, commit_s=3600.0, **LOSSLESS)
    drive.along(range(1, 31))
    process.send_signal(signal.SIGINT)
    time.sleep(apart_s)
    end(process)
    assert len(places_of(path)) == 30
    assert list(path.parent.iterdir()) == [path]


def test_time_that_goes_back_ends_the_traverse_until_it_is_begun_anew(drive, begin, end, path):
    process = begin(path, **LOSSLESS)
    drive.along(range(10, 15))
    for second in range(2, 5):
        drive.show(second * SECOND, second)
    drive.wait(lambda: 'time went back by 12.0 s' in drive.status('mapping')[0],
               'diagnostics')
    assert len(places_of(path)) == 5
    drive.robot.change(DEACTIVATE, ACTIVATE)
    drive.along(range(2, 5))
    said = end(process)
    assert said.count('deactivate and activate to begin another') >= 1
    with PlaceMap.open(path) as place_map:
        assert [s.places for s in place_map.sessions()] == [5, 3]


def test_a_named_session_is_not_begun_twice(drive, begin, end, path):
    process = begin(path, session='monday', **LOSSLESS)
    drive.along(range(1, 3))
    drive.robot.change(DEACTIVATE)
    wanted = message_class('lifecycle_msgs/msg/Transition')(id=ACTIVATE)
    assert not drive.robot.call('lifecycle_msgs/srv/ChangeState', 'change_state',
                                transition=wanted).success
    assert drive.robot.state() == INACTIVE
    said = end(process)
    assert "session 'monday' already: give another one" in said
    assert len(places_of(path)) == 2


@pytest.mark.parametrize('setting, expected', [
    ({'map_path': "''"}, 'parameter map_path is empty'),
    ({'map_path': '/none/town.vprmap'}, 'its folder does not exist'),
    ({}, 'exists already: set extend to add a session to it'),
    ({'extend': 'true', 'extraction.network': 'compact'}, 'this map was made with network'),
    ({'extend': 'true', 'session': 'monday'}, "session 'monday' already"),
])
def test_what_cannot_be_is_one_sentence_and_no_configuration(drive, begin, end, path, setting,
                                                             expected):
    extractor = make_extractor(ExtractionSettings(network='thumbnail', device='cpu'))
    with PlaceMap.create(path, extractor.identity) as place_map:
        list(build_session(place_map, 'monday', [Frame(1, picture(1))], extractor, MapSettings(),
                           source=''))
    process = begin(path, **setting)
    assert drive.robot.state() == UNCONFIGURED
    drive.wait(lambda: expected in drive.status('node')[0], 'diagnostics')
    said = [line for line in end(process).splitlines() if 'not configured' in line]
    assert len(said) == 1
    assert expected in said[0]
    assert len(places_of(path)) == 1


def test_a_manager_configures_and_activates_it(drive, begin, end, path):
    process = begin(path, autostart='false', **LOSSLESS)
    assert drive.robot.state() == UNCONFIGURED
    drive.robot.change(CONFIGURE)
    assert drive.robot.state() == INACTIVE
    drive.robot.change(ACTIVATE)
    drive.along(range(1, 3))
    end(process)
    assert len(places_of(path)) == 2


def test_the_clock_that_goes_back_ends_the_traverse(drive, begin, end, path):
    clock = drive.robot.publisher('rosgraph_msgs/msg/Clock', '/clock', 10)
    process = begin(path, use_sim_time=True, **LOSSLESS)
    drive.meet(clock)

    def tick(second: int) -> None:
        clock.publish(message_class('rosgraph_msgs/msg/Clock')(
            clock=stamp_from_ns(drive.factory, second * SECOND)))
        drive.robot.spin(0.3)

    tick(10)
    drive.along(range(10, 12))
    tick(12)
    tick(5)
    drive.show(20 * SECOND, 20)
    drive.wait(lambda: 'the clock went back' in drive.status('mapping')[0], 'diagnostics')
    end(process)
    assert [p.stamp_ns // SECOND for p in places_of(path)] == [10, 11]


def test_several_cameras_with_their_calibrations_and_mountings(drive, begin, end, path):
    from vpr_ros.nodes.qos import profile

    process = begin(path, cameras='[front=/f/image, rear=/r/image]', queue_size=100)
    images, infos = ([drive.robot.publisher(kind, f'/{camera}/{topic}', 100) for camera in 'fr']
                     for kind, topic in (('sensor_msgs/msg/Image', 'image'),
                                         ('sensor_msgs/msg/CameraInfo', 'camera_info')))
    still = drive.robot.publisher('tf2_msgs/msg/TFMessage', '/tf_static',
                                  profile(STILL_TRANSFORMS_QOS))
    drive.meet(*images, *infos, still)
    mounting = Pose.from_xy_yaw(0.4, 0.1, 0.3)
    still.publish(tf_message(drive.factory, [
        StampedPose(0, 'base_link', 'optical_f', mounting)]))
    for k, info in enumerate(infos):
        known = Camera('any', 160, 120, np.diag([150.0 + k, 150.0, 1.0]))
        info.publish(camera_info_message(drive.factory, known, stamp_ns=SECOND,
                                         frame_id=f"optical_{'fr'[k]}"))
    drive.wait(lambda: "'optical_r'" in drive.status('mapping')[1].get('calibration', ''),
               'calibrations')
    for second in (1, 2, 3):
        for k, publisher in enumerate(images):
            drive.show(second * SECOND + 1000 * k, 100 * k + second, publisher)
        drive.wait(lambda second=second: len(drive.places) == second, 'a place')
    end(process)
    with PlaceMap.open(path) as place_map:
        for place_id in place_map.place_ids():
            assert [v.camera for v in place_map.place(place_id).views] == ['front', 'rear']
        front, rear = place_map.calibrations(place_map.sessions()[0].name)
        assert (front.name, front.matrix[0, 0], rear.name, rear.matrix[0, 0]) == (
            'front', 150.0, 'rear', 151.0)
        assert np.allclose(front.T_base_optical.position, mounting.position)
        assert rear.T_base_optical is None


def test_a_robot_in_a_namespace_with_other_names(make_robot, begin, end, path):
    drive = Drive(make_robot('/hugo/mapper', 'hugo'))
    process = begin(path, '-r', '__ns:=/hugo', '-r', 'image:=eye', '-r', 'pose:=slam', image="''",
                    poses='topic', queue_size=100)
    images = drive.robot.publisher('sensor_msgs/msg/Image', '/hugo/eye', 100)
    poses = drive.robot.publisher('nav_msgs/msg/Odometry', '/hugo/slam', 100)
    drive.meet(images, poses)
    poses.publish(odometry_message(drive.factory, StampedPose(
        SECOND, 'map', 'base_link', pose_at(SECOND))))
    drive.show(SECOND, 1, images)
    drive.wait(lambda: len(drive.places) == 1, 'a place')
    end(process)
    assert [p.T_map_base.position[0] for p in places_of(path)] == [1.0]
