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

"""The nodes as commands, which say what is missing where there is no ROS."""

from __future__ import annotations

import importlib
import sys

from vpr_ros.runtime.idle_threads import let_idle_threads_sleep

__all__ = ['localizer', 'mapper']


def localizer() -> None:
    """Run the node ``localizer``; without ROS 2, exit with status 1 and one line."""
    _run('localizer')


def mapper() -> None:
    """Run the node ``mapper``; without ROS 2, exit with status 1 and one line."""
    _run('mapper')


def _run(node: str) -> None:
    let_idle_threads_sleep()
    try:
        importlib.import_module('rclpy')
    except ImportError as error:
        print(f'{node} is a ROS 2 node, and ROS 2 cannot be imported ({error}): source its '
              'setup file, such as /opt/ros/$ROS_DISTRO/setup.bash, and run it again',
              file=sys.stderr)
        sys.exit(1)
    importlib.import_module(f'vpr_ros.nodes.{node}').main()
