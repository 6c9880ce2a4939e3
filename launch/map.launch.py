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

"""Build a map, or a further session of one, while a robot drives."""

from launch import LaunchContext
from launch import LaunchDescription
from launch import LaunchDescriptionEntity
from launch.actions import OpaqueFunction
from vpr_ros.nodes.launching import LAUNCHED_MAPPER
from vpr_ros.nodes.launching import run_arguments

SET = ('map', 'extend', 'session', 'image', 'compressed', 'cameras', 'camera_info', 'poses',
       'pose', 'pose_type', 'autostart')


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the node."""
    return LaunchDescription([
        *LAUNCHED_MAPPER.arguments(*SET),
        *run_arguments(),
        OpaqueFunction(function=_start),
    ])


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    return [LAUNCHED_MAPPER.action(context, *SET)]
