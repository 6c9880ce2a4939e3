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

"""
Run the localizer beside a SLAM stack, or alone where there is none.

With a map it says where in it the robot is; online it finds loops in where the robot has been.
What other stacks take in a form of their own waits for adapters: the launch says what is open.
"""

from launch import LaunchContext
from launch import LaunchDescription
from launch import LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument
from launch.actions import LogInfo
from launch.actions import OpaqueFunction
from vpr_ros.live.interface import LOCALIZER
from vpr_ros.nodes.launching import given
from vpr_ros.nodes.launching import LAUNCHED_LOCALIZER
from vpr_ros.nodes.launching import run_arguments
from vpr_ros.nodes.launching import rviz_argument
from vpr_ros.nodes.launching import rviz_node

SET = ('map', 'online', 'image', 'compressed', 'cameras', 'camera_info', 'odometry', 'autostart')
# What each stack gets now, and what it does not get yet.
STACKS = {
    'none': 'nobody else knows the pose: with odometry and a map, the transform from map to odom '
            'is published here.',
    'robot_localization': 'poses go to pose_topic, which the filter takes as one of its poseN; '
                          'set smooth_lagged_data and world_frame: map.',
    'nav2': 'the transform from map to odom is left to AMCL or slam_toolbox. Their initial pose '
            'takes one message at each relocalization, which needs an adapter that is not there '
            'yet: ~/pose speaks at every known place.',
    'slam_toolbox': 'the transform from map to odom is left to it. It takes no closures from '
                    'outside; setting its initial pose needs an adapter that is not there yet.',
    'rtabmap': 'the transform from map to odom is left to it. It takes closures by its service '
               'add_link, between nodes of its own graph, which needs an adapter that is not '
               'there yet: ~/loop_closure names places by session and stamp.',
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and start the node."""
    told = ' '.join(f'{stack}: {text}' for stack, text in STACKS.items())
    return LaunchDescription([
        DeclareLaunchArgument(
            'slam', default_value='none', choices=list(STACKS),
            description=f'Who else estimates the pose of the robot. {told}'),
        DeclareLaunchArgument(
            'pose_topic', default_value='vpr/pose',
            description='With slam:=robot_localization: topic of the poses '
            '(geometry_msgs/PoseWithCovarianceStamped), in place of ~/pose.'),
        *LAUNCHED_LOCALIZER.arguments(*SET),
        *run_arguments(),
        rviz_argument(),
        OpaqueFunction(function=_start),
    ])


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    stack = given(context, 'slam')
    remappings = {}
    if stack == 'robot_localization':
        remappings['~/pose'] = given(context, 'pose_topic')
    # One node alone may publish the transform.
    tf = {}
    if stack != 'none':
        tf['publish_tf'] = False
    elif given(context, 'odometry') and given(context, 'online') != 'true':
        tf['publish_tf'] = True
    return [
        LogInfo(msg=f'slam:={stack}: {STACKS[stack]}'),
        LAUNCHED_LOCALIZER.action(context, *SET, remappings=remappings, more=tf),
        *rviz_node(context, LOCALIZER),
    ]
