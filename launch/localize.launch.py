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

"""Localize a robot in a map, or find loops in where it has been, from its cameras."""

from launch import LaunchContext
from launch import LaunchDescription
from launch import LaunchDescriptionEntity
from launch.actions import OpaqueFunction
from vpr_ros.live.interface import LOCALIZER
from vpr_ros.nodes.launching import LAUNCHED_LOCALIZER
from vpr_ros.nodes.launching import run_arguments
from vpr_ros.nodes.launching import rviz_argument
from vpr_ros.nodes.launching import rviz_node

SET = ('map', 'image', 'compressed', 'cameras', 'camera_info', 'odometry', 'online', 'publish_tf',
       'autostart')


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the node."""
    return LaunchDescription([
        *LAUNCHED_LOCALIZER.arguments(*SET),
        *run_arguments(),
        rviz_argument(),
        OpaqueFunction(function=_start),
    ])


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    return [LAUNCHED_LOCALIZER.action(context, *SET), *rviz_node(context, LOCALIZER)]
