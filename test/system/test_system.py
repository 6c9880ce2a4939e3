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


"""Every launch test, in a process of its own and among no other nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import importlib.util
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys

import pytest

FOLDER = Path(__file__).resolve().parent
LAUNCH_TESTS = sorted(path.name for path in FOLDER.glob('*_launch.py'))
LIMIT_S = 300.0
# Where several run at once, as colcon has them, each takes a domain that no other has; the tools
# of ROS for this (domain_coordinator) hold the same ports.
DOMAINS = range(60, 101)
FIRST_PORT = 22119


@contextmanager
def own_domain() -> Iterator[int]:
    """Return a ROS domain that no other test has, until it is over."""
    for domain in DOMAINS:
        with socket.socket() as held:
            try:
                held.bind(('127.0.0.1', FIRST_PORT + domain))
            except OSError:
                continue
            yield domain
            return
    pytest.fail('every ROS domain from 60 to 100 is in use')


@pytest.fixture(scope='module', autouse=True)
def _installed() -> None:
    for module in ('rclpy', 'launch_testing', 'launch_testing_ros', 'launch_ros'):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f'no ROS 2 with {module} is sourced')
    if importlib.util.find_spec('vpr_msgs') is None:
        pytest.skip('vpr_msgs is not built and sourced')
    from ament_index_python.packages import get_package_share_path
    from ament_index_python.packages import PackageNotFoundError
    try:
        share = get_package_share_path('vpr_ros')
    except PackageNotFoundError:
        pytest.skip('vpr_ros is not built by colcon and sourced')
    if not (share / 'launch').is_dir():
        pytest.skip(f'the launch files of vpr_ros are not installed in {share}')


def test_the_launch_tests_are_found() -> None:
    assert {'lifecycle_launch.py', 'mapper_launch.py', 'respawn_launch.py'} <= set(LAUNCH_TESTS)


@pytest.mark.parametrize('file', LAUNCH_TESTS)
def test_launched(file: str, tmp_path: Path) -> None:
    if file == 'replay_launch.py':
        pytest.importorskip('ros2bag', reason='ros2 cannot play bags (ros2bag)')
    with own_domain() as domain:
        process = subprocess.Popen(
            [sys.executable, '-m', 'launch_testing.launch_test', str(FOLDER / file)],
            # Away from the sources: what is installed is tested.
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, env={
                **os.environ, 'ROS_DOMAIN_ID': str(domain), 'ROS_HOME': str(tmp_path / 'ros'),
                'TMPDIR': str(tmp_path), 'RCUTILS_COLORIZED_OUTPUT': '0'})
        try:
            told = process.communicate(timeout=LIMIT_S)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            told = process.communicate()[0]
            pytest.fail(f'not done after {LIMIT_S:.0f} s:\n{told}')
    assert process.returncode == 0, told
    # As many as it has, and not none at all.
    assert told.count(' ... ') >= 2, told
