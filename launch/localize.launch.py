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

"""Localize a robot in a map, from its camera."""

from launch import LaunchContext
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.actions import OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the node."""
    defaults = PathJoinSubstitution([FindPackageShare('vpr_ros'), 'config', 'localize.yaml'])
    return LaunchDescription([
        DeclareLaunchArgument(
            'map', default_value='',
            description='Path of the map (.vprmap), made with "vpr_ros map build".'),
        DeclareLaunchArgument(
            'image', default_value='', description='Image topic, such as /camera/image_raw.'),
        DeclareLaunchArgument(
            'compressed', default_value='', choices=['', 'true', 'false'],
            description='Subscribe to <image>/compressed.'),
        DeclareLaunchArgument(
            'odometry', default_value='',
            description='Odometry topic (nav_msgs/Odometry), such as /odom; empty: none.'),
        DeclareLaunchArgument(
            'params_file', default_value=defaults,
            description='ROS parameter file; the arguments above win over it.'),
        DeclareLaunchArgument(
            'autostart', default_value='true', choices=['true', 'false'],
            description='Configure and activate at once; false waits for a lifecycle manager.'),
        DeclareLaunchArgument(
            'namespace', default_value='', description='Namespace of the node.'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=['true', 'false'],
            description='Take the time from /clock.'),
        DeclareLaunchArgument(
            'log_level', default_value='info', choices=['debug', 'info', 'warn', 'error'],
            description='How much the node says.'),
        OpaqueFunction(function=_start),
    ])


def _start(context: LaunchContext) -> list:
    given = {name: LaunchConfiguration(name).perform(context)
             for name in ('map', 'image', 'compressed', 'odometry', 'autostart',
                          'use_sim_time')}
    # An argument that was left out leaves the parameter file its say.
    parameters = {name: value == 'true' if value in ('true', 'false') else value
                  for name, value in given.items() if value}
    return [LifecycleNode(
        package='vpr_ros', executable='localizer', name='localizer',
        namespace=LaunchConfiguration('namespace'), output='screen', emulate_tty=True,
        parameters=[LaunchConfiguration('params_file'), parameters],
        arguments=['--ros-args', '--log-level', LaunchConfiguration('log_level')])]
