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

"""The commands of nodes where there is no ROS."""

from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> subprocess.CompletedProcess:
    # None in sys.modules makes an import fail, also where ROS is sourced.
    return subprocess.run(
        [sys.executable, '-c', f'import sys; sys.modules["rclpy"] = None; {code}'], cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize('node', ['localizer', 'mapper'])
def test_without_ros_the_command_says_so_in_one_line(node):
    done = run(f'from vpr_ros.nodes.run import {node}; {node}()')
    assert done.returncode == 1
    assert done.stdout == ''
    assert len(done.stderr.splitlines()) == 1
    assert f'{node} is a ROS 2 node' in done.stderr
    assert 'source its setup file' in done.stderr


def test_the_module_needs_nothing_of_ros():
    done = run('import vpr_ros.nodes.run; print(callable(vpr_ros.nodes.run.localizer))')
    assert done.stdout.strip() == 'True', done.stderr
