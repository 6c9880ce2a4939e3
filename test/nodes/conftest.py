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

"""A robot beside the node under test, which is a process of its own; nothing without ROS."""

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

import numpy as np
import pytest
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.messages.geometry import odometry_message
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.images import compressed_image_message
from vpr_ros.messages.images import image_message
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.messages.rclpy_factory import RclpyFactory
from vpr_ros.types import Frame
from vpr_ros.types import Pose

PLACES = 30
DEADLINE_S = 60.0
SECOND = 10 ** 9
CONFIGURE, CLEAN_UP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4
ANSWERS = {
    'place_match': 'vpr_msgs/msg/PlaceMatch', 'loop_closure': 'vpr_msgs/msg/LoopClosure',
    'pose': 'geometry_msgs/msg/PoseWithCovarianceStamped', 'fix': 'sensor_msgs/msg/NavSatFix',
    'new_place': 'vpr_msgs/msg/NewPlace'}


def place_image(number: int) -> np.ndarray:
    """Return an image that looks like no other place's."""
    coarse = np.random.default_rng(number).integers(0, 256, (8, 16, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(15, axis=0).repeat(10, axis=1))


@pytest.fixture(scope='session')
def image_of() -> Callable[[int], np.ndarray]:
    """Return what makes the image of a place by its number."""
    return place_image


def write_map(path: Path, *, datum: Datum | None = None, first: int = 0) -> Path:
    """Write a map of thirty places, ten metres and a second apart."""
    extractor = make_extractor(ExtractionSettings(network='thumbnail', device='cpu'))
    frames = (Frame((n + 1) * SECOND, place_image(first + n),
                    T_map_base=Pose(np.array([10.0 * n, 0.0, 0.0]),
                                    covariance=np.diag([0.04, 0.04, 0.01, 0.01, 0.01, 0.01])))
              for n in range(PLACES))
    with PlaceMap.create(path, extractor.identity, datum=datum) as place_map:
        list(build_session(place_map, 'first drive', frames, extractor, MapSettings(),
                           source='test'))
    return path


@pytest.fixture(scope='session')
def make_map() -> Callable[..., Path]:
    """Return what writes a map, as write_map does."""
    return write_map


@pytest.fixture(scope='session')
def map_path(make_map: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a map that nobody changes."""
    return make_map(tmp_path_factory.mktemp('map') / 'places.vprmap')


class Robot:
    """
    A node that plays the robot: it publishes images and hears the answers.

    :param name: of the node under test, with its namespace.
    """

    def __init__(self, node: Any, name: str) -> None:
        self.node = node
        self.name = name
        self.factory = RclpyFactory()
        self._found: list[Any] = []
        self.heard: dict[str, list[Any]] = {topic: [] for topic in ANSWERS}
        for topic, kind in ANSWERS.items():
            node.create_subscription(message_class(kind), f'{name}/{topic}',
                                     self.heard[topic].append, 100)
        self.diagnostics: list[Any] = []
        node.create_subscription(message_class('diagnostic_msgs/msg/DiagnosticArray'),
                                 '/diagnostics', self._diagnosed, 100)
        self.images = self.publisher('sensor_msgs/msg/Image', 'camera/image_raw', 5)
        self.jpegs = self.publisher('sensor_msgs/msg/CompressedImage',
                                    'camera/image_raw/compressed', 5)
        self.odometry = self.publisher('nav_msgs/msg/Odometry', 'odom', 50)

    @property
    def matches(self) -> list[Any]:
        """Return the answers so far."""
        return self.heard['place_match']

    @property
    def closures(self) -> list[Any]:
        """Return the loop closures so far."""
        return self.heard['loop_closure']

    @property
    def poses(self) -> list[Any]:
        """Return the poses so far."""
        return self.heard['pose']

    def _diagnosed(self, message: Any) -> None:
        if message.status[0].hardware_id.strip('/') == self.name.strip('/'):
            self.diagnostics.append(message)

    def publisher(self, kind: str, topic: str, qos: Any) -> Any:
        """Return a publisher."""
        return self.node.create_publisher(message_class(kind), topic, qos)

    def wait(self, until: Callable[[], bool], doing: str, *,
             timeout_s: float = DEADLINE_S) -> None:
        """Spin until something holds."""
        import rclpy

        deadline = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < deadline, f'gave up waiting: {doing}'
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def spin(self, seconds: float) -> None:
        """Spin for a while."""
        import rclpy

        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def ask(self, kind: str, name: str, **fields: Any) -> Any:
        """Call a service of the node under test, and return the future of its answer."""
        client = self.node.create_client(message_class(kind), f'{self.name}/{name}')
        self.wait(client.service_is_ready, f'service {name}')
        return client.call_async(message_class(kind).Request(**fields))

    def call(self, kind: str, name: str, **fields: Any) -> Any:
        """Call a service of the node under test, and return its answer."""
        future = self.ask(kind, name, **fields)
        self.wait(future.done, f'answer of {name}')
        return future.result()

    def state(self) -> int:
        """Return the state of its life cycle."""
        return int(self.call('lifecycle_msgs/srv/GetState', 'get_state').current_state.id)

    def change(self, *transitions: int) -> None:
        """Take it through its life cycle."""
        transition = message_class('lifecycle_msgs/msg/Transition')
        for number in transitions:
            assert self.call('lifecycle_msgs/srv/ChangeState', 'change_state',
                             transition=transition(id=number)).success

    def set_parameter(self, name: str, value: object) -> Any:
        """Set a parameter, and return whether it was taken and why not."""
        from rclpy.parameter import Parameter

        return self.call('rcl_interfaces/srv/SetParameters', 'set_parameters',
                         parameters=[Parameter(name, value=value).to_parameter_msg()]).results[0]

    def status(self, name: str) -> Any:
        """Return the last status whose name, that of the node aside, begins so."""
        found = [status for message in self.diagnostics for status in message.status
                 if status.name.partition(': ')[2].startswith(name)]
        assert found, f'no status {name}'
        return found[-1]

    def measure(self, stamp_ns: int, x: float) -> None:
        """Tell by odometry where the robot is."""
        self.odometry.publish(odometry_message(self.factory, StampedPose(
            stamp_ns, 'odom', 'base_link', Pose(np.array([x, 0.0, 0.0])))))

    def show(self, number: int, stamp_ns: int, *, jpeg: bool = False) -> None:
        """Show a place."""
        make = compressed_image_message if jpeg else image_message
        (self.jpegs if jpeg else self.images).publish(make(
            self.factory, place_image(number), stamp_ns=stamp_ns, frame_id='camera'))

    def drive(self, numbers: list[int], *, first_ns: int, jpeg: bool = False) -> None:
        """Show places one by one, each answered before the next, 1 s apart in their stamps."""
        publisher = self.jpegs if jpeg else self.images
        if publisher not in self._found:
            self.wait(lambda: publisher.get_subscription_count() > 0, 'a subscription to images')
            # That each has found the other takes some libraries longer; best effort tells nobody.
            self.spin(0.7)
            self._found.append(publisher)
        for step, number in enumerate(numbers):
            heard = len(self.matches)
            self.show(number, first_ns + step * SECOND, jpeg=jpeg)
            self.wait(lambda heard=heard: len(self.matches) > heard,
                      f'the answer to place {number}')


@pytest.fixture
def make_robot() -> Iterator[Callable[..., Robot]]:
    """Return what makes a robot beside a node of that name."""
    rclpy = pytest.importorskip('rclpy', reason='no ROS 2 is sourced')
    rclpy.init()
    nodes = []

    def make(name: str = 'localizer', namespace: str = '') -> Robot:
        node = rclpy.create_node('robot', namespace=namespace)
        nodes.append(node)
        return Robot(node, name)

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def robot(make_robot: Callable[..., Robot]) -> Robot:
    """Return a robot beside the node ``localizer``."""
    return make_robot()


def _argument(name: str, value: object) -> list[str]:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return ['-p', f'{name}:={text}']


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """
    Return what starts a node in a process of its own, by parameters.

    Each must end by itself, and well, when it is interrupted; one that was killed is let off.
    """
    processes = []

    def run(*arguments: str, module: str = 'localizer',
            **parameters: object) -> subprocess.Popen[str]:
        given = [a for name, value in parameters.items() for a in _argument(name, value)]
        process = subprocess.Popen(
            [sys.executable, '-m', f'vpr_ros.nodes.{module}', '--ros-args', *given, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, 'PYTHONUNBUFFERED': '1'})
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        status = process.wait(timeout=30)
        assert status in (0, -signal.SIGKILL), process.stdout.read() if process.stdout else ''


@pytest.fixture
def said() -> Callable[[subprocess.Popen[str]], str]:
    """Return what interrupts a node and returns all that it said."""
    def end(process: subprocess.Popen[str]) -> str:
        process.send_signal(signal.SIGINT)
        text: str = process.communicate(timeout=30)[0]
        return text
    return end
