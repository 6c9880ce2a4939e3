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

"""The localizer without ROS, on the graph of a real ROS 2: skipped where there is none."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from typer.testing import CliRunner
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.resume import make_bag
from vpr_ros.cli.main import app
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.town import Town
from vpr_ros.messages.results import localization_from_message
from vpr_ros.types import Localization

pytest.importorskip('cyclonedds', reason='DDS without ROS is an extra')
pytest.importorskip('rclpy', reason='no ROS 2 with rclpy is sourced')
pytest.importorskip('ros2bag', reason='ros2 cannot play bags (ros2bag)')
pytest.importorskip('vpr_msgs.msg', reason='vpr_msgs is not built and sourced')
if shutil.which('ros2') is None:
    pytest.skip('there is no command ros2', allow_module_level=True)

from rclpy.context import Context  # noqa: E402, I100
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rosidl_runtime_py.utilities import get_message  # noqa: E402

sys.path.append(str(Path(__file__).parent))
from test_system import own_domain  # noqa: E402, I100

FRAMES = 24
IMAGES, ODOMETRY = '/camera/image_raw/compressed', '/odom'
DEADLINE_S = 60.0
COMMAND = [sys.executable, '-m', 'vpr_ros.cli.main']
LOSSLESS = [word for topic in (IMAGES, ODOMETRY)
            for word in ('-p', f'qos_overrides.{topic}.subscription.reliability:=reliable',
                         '-p', f'qos_overrides.{topic}.subscription.depth:=1000')] + [
            '-p', 'queue_size:=1000', '-p', 'odometry_wait_s:=5.0']


def run(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope='module')
def drives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a bag, a map of the same street, and what the command says of the bag."""
    folder = tmp_path_factory.mktemp('drives')
    town = Town()
    make_bag(folder / 'day.mcap', [town.drive(Drive(seed=1, rate_hz=2.0))[:FRAMES]])
    make_bag(folder / 'again.mcap', [town.drive(Drive(seed=2, rate_hz=2.0))[:FRAMES]])
    run('map', 'build', '--bag', folder / 'day.mcap', '--pose-topic', '/ground_truth/pose', '-o',
        folder / 'day.vprmap', '-p', 'extraction.network:=thumbnail')
    run('localize', '--bag', folder / 'again.mcap', '--map', folder / 'day.vprmap',
        '--odometry-topic', ODOMETRY, '--out', folder / 'offline.mcap')
    return {path.name: path for path in folder.iterdir()}


class Ear:
    """A node of ROS that hears answers."""

    def __init__(self, domain: int) -> None:
        self._context = Context()
        self._context.init(domain_id=domain)
        self._node = Node('ear', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.answers: list[Localization] = []
        self._node.create_subscription(
            get_message('vpr_msgs/msg/PlaceMatch'), '/localizer/place_match',
            lambda message: self.answers.append(localization_from_message(message)), 1000)

    def is_ready(self) -> bool:
        return bool(self._node.count_publishers('/localizer/place_match'))

    def wait(self, done: Callable[[], bool]) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while not done():
            assert time.monotonic() < end_s, f'{len(self.answers)} answers'
            self._executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        self._node.destroy_node()
        self._context.shutdown()


@pytest.fixture
def graph() -> Iterator[tuple[int, Callable[..., subprocess.Popen[str]]]]:
    """Return a domain, and what starts a process there that ends with the test."""
    with own_domain() as domain, ExitStack() as ending:

        def start(*words: object) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [str(word) for word in words], start_new_session=True, text=True,
                env={**os.environ, 'ROS_DOMAIN_ID': str(domain), 'NO_COLOR': '1',
                     'OMP_NUM_THREADS': '1'},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            ending.callback(_kill, process)
            return process

        yield domain, start


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_ros_plays_to_it_and_hears_what_the_command_says(drives: dict[str, Path],
                                                         graph: Any) -> None:
    domain, start = graph
    live = start(*COMMAND, 'live', '--map', drives['day.vprmap'], '--image', IMAGES, '--odom',
                 ODOMETRY, *LOSSLESS)
    ear = Ear(domain)
    try:
        ear.wait(ear.is_ready)
        echo = start('ros2', 'topic', 'echo', '/localizer/place_match', '--once')
        played = start('ros2', 'bag', 'play', drives['again.mcap'], '--delay', '3',
                       '--disable-keyboard-controls')
        ear.wait(lambda: len(ear.answers) == FRAMES)
        assert played.wait(DEADLINE_S) == 0
        shown = echo.communicate(timeout=DEADLINE_S)[0]
        assert 'network: thumbnail' in shown
        assert 'WARN' not in shown
        listed = start('ros2', 'node', 'list', '--no-daemon', '--spin-time', '3')
        said = listed.communicate(timeout=DEADLINE_S)[0]
        assert '/localizer' in said.splitlines()
        assert 'WARN' not in said
        live.send_signal(signal.SIGINT)
        told = live.communicate(timeout=DEADLINE_S)[0]
        assert live.returncode == 0, told
        assert f'{FRAMES} answers, ' in told and 'WARN' not in told, told
    finally:
        ear.close()
    with BagReader(drives['offline.mcap']) as bag:
        offline = [localization_from_message(m.message)
                   for m in bag.messages(['/localizer/place_match'])]
    assert any(answer.known for answer in offline)
    for heard, wanted in zip(ear.answers, offline, strict=True):
        assert (heard.stamp_ns, heard.decision, heard.probability, heard.reason) == (
            wanted.stamp_ns, wanted.decision, wanted.probability, wanted.reason)
        assert [c.place_id for c in heard.candidates] == [c.place_id for c in wanted.candidates]


def test_ros_records_what_it_plays(drives: dict[str, Path], graph: Any, tmp_path: Path) -> None:
    _, start = graph
    recorded = tmp_path / 'recorded'
    recorder = start('ros2', 'bag', 'record', '--all', '-o', recorded)
    time.sleep(3.0)
    played = start(*COMMAND, 'bag', 'play', drives['again.mcap'], '--delay', '3')
    assert played.wait(DEADLINE_S) == 0, played.communicate()[0]
    time.sleep(1.0)
    recorder.send_signal(signal.SIGINT)
    recorder.wait(DEADLINE_S)
    with BagReader(drives['again.mcap']) as before, BagReader(recorded) as after:
        for topic in before.topics():
            pairs = list(zip(before.raw_messages([topic.name]), after.raw_messages([topic.name]),
                             strict=True))
            assert len(pairs) == topic.count
            for wanted, got in pairs:
                # DDS sends whole words of four bytes.
                padding = bytes(-len(wanted.data) % 4)
                assert got.data in (wanted.data, wanted.data + padding), topic.name
