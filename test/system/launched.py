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


"""What the launch tests share: nodes started by the launch files, and a robot beside them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
import tempfile
import time
from typing import Any
import unittest

from ament_index_python.packages import get_package_share_directory
from launch import Action
from launch import LaunchDescription
from launch.actions import GroupAction
from launch.actions import IncludeLaunchDescription
from launch.actions import SetLaunchConfiguration
from launch.launch_description_sources import PythonLaunchDescriptionSource
import launch_testing
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
import rclpy
from rclpy.signals import SignalHandlerOptions
import yaml

_spec = importlib.util.spec_from_file_location(
    'nodes_conftest', Path(__file__).resolve().parents[1] / 'nodes/conftest.py')
assert _spec is not None and _spec.loader is not None
robots = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(robots)

# Loaded machines are slow to start processes.
DEADLINE_S = 60.0
PATIENCE_S = 30.0
SECOND = 10 ** 9
IMAGES = '/camera/image_raw'
UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED = 1, 2, 3, 4
CONFIGURE, CLEAN_UP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4
# What diagnostics say of a thing; the type of the message wants bytes.
OK, WARN, ERROR = b'\0', b'\1', b'\2'

# Gone when the process ends.
_folder = tempfile.TemporaryDirectory(prefix='vpr_ros_launch_test_')
FOLDER = Path(_folder.name)


def write_map(name: str = 'places.vprmap', *, first: int = 0) -> Path:
    """Write a map of thirty places, ten metres and a second apart."""
    path: Path = robots.write_map(FOLDER / name, first=first)
    return path


def write_parameters(name: str = 'parameters.yaml', **values: object) -> Path:
    """Write a parameter file; quick to notice what is missing, unless ``values`` say otherwise."""
    quick = {'silence_s': 1.0, 'diagnostics_s': 0.2}
    path = FOLDER / name
    path.write_text(yaml.safe_dump({'/**': {'ros__parameters': {**quick, **values}}}))
    return path


def launching(file: str, **arguments: object) -> Action:
    """Return the action that includes a launch file of the installed package."""
    path = Path(get_package_share_directory('vpr_ros')) / f'launch/{file}.launch.py'
    return GroupAction(
        [IncludeLaunchDescription(PythonLaunchDescriptionSource(str(path)),
                                  launch_arguments=[(name, str(value))
                                                    for name, value in arguments.items()])],
        # Or what is given to one would be given to all that come after it.
        scoped=True, forwarding=False)


def tested(*actions: Action) -> LaunchDescription:
    """Return what launch_testing starts."""
    return LaunchDescription([
        # Or a process that a loaded machine is slow to end would be killed.
        SetLaunchConfiguration('sigterm_timeout', str(PATIENCE_S)), *actions, ReadyToTest()])


def chances(answer: Any) -> dict[int, float]:
    """Return the probability of each candidate by its place."""
    return {candidate.place_id: candidate.probability for candidate in answer.candidates}


def said(output: Any) -> str:
    """Return all that was said by the processes of a test, in order for each."""
    return ''.join(event.text.decode() for event in output)


class RobotCase(unittest.TestCase):
    """Checks made by robots beside the nodes under test."""

    @classmethod
    def setUpClass(cls) -> None:
        """Begin with ROS; signals are for the launch."""
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        cls._nodes: list[Any] = []
        cls._robots: dict[tuple[str, str], Any] = {}

    @classmethod
    def tearDownClass(cls) -> None:
        """End with ROS."""
        for node in cls._nodes:
            node.destroy_node()
        rclpy.shutdown()
        EndsWell.began_s = time.monotonic()

    def robot(self, name: str = 'localizer', namespace: str = '') -> Any:
        """Return the robot beside a node, which has heard nothing."""
        key = name, namespace
        if key not in self._robots:
            node = rclpy.create_node(f'robot_of_{name}', namespace=namespace)
            self._nodes.append(node)
            full_name = f'{namespace}/{name}' if namespace else name
            self._robots[key] = robots.Robot(node, full_name)
        robot = self._robots[key]
        for heard in (*robot.heard.values(), robot.diagnostics):
            heard.clear()
        return robot

    def bring_to(self, robot: Any, state: int) -> None:
        """Take a node to an unfinished state of its life cycle by the shortest way."""
        up, down = {1: CONFIGURE, 2: ACTIVATE}, {3: DEACTIVATE, 2: CLEAN_UP}
        while (now := robot.state()) != state:
            robot.change(up[now] if now < state else down[now])

    def wait_for_status(self, robot: Any, name: str, level: bytes, words: str) -> Any:
        """Wait until diagnostics say something of a thing, and return that status."""
        def seen() -> list[Any]:
            return [status for message in robot.diagnostics for status in message.status
                    if status.name.partition(': ')[2] == name and status.level == level
                    and words in status.message]

        try:
            robot.wait(lambda: bool(seen()), f'diagnostics of {name}: {words}')
        except AssertionError as error:
            last = [(status.name, status.level, status.message)
                    for message in robot.diagnostics[-1:] for status in message.status]
            raise AssertionError(f'{error}; they last said {last}') from None
        return seen()[-1]

    def wait_for_words(self, output: Any, words: str, *, times: int = 1) -> None:
        """Wait until something has been said so often."""
        with output.io_event:
            heard = output.io_event.wait_for(lambda: said(output).count(words) >= times,
                                             DEADLINE_S)
        assert heard, f'{words!r} was not said {times} times'

    def lines_with(self, output: Any, words: str) -> list[str]:
        """Return the lines of processes in which these words are."""
        return [line for line in said(output).splitlines() if words in line]


@launch_testing.post_shutdown_test()
class EndsWell(unittest.TestCase):
    """What holds for all nodes once the launch has ended: import it into each launch test."""

    began_s = 0.0

    def test_every_process_ended_well_and_none_by_surprise(self, proc_info: Any,
                                                           proc_output: Any) -> None:
        """Expect status 0 at the first signal, and nothing that only developers can read."""
        assert time.monotonic() - self.began_s < PATIENCE_S
        assertExitCodes(proc_info)
        assert 'Traceback' not in said(proc_output), said(proc_output)
