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
What the launch files share: arguments that set parameters, and the node that they start.

An argument that is left out leaves the parameter file its say, and that the defaults.

A launch file is run by the Python that ``ros2`` belongs to, which may lack what the nodes have in
their environment: nothing but ROS, the standard library and light modules of this package is
imported here. So arguments are described here, and a test compares them with the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch_ros.actions import LifecycleNode
from launch_ros.actions import Node
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Interface
from vpr_ros.live.interface import LOCALIZER
from vpr_ros.live.interface import MAPPER

__all__ = ['answer_topic', 'given', 'LAUNCHED_LOCALIZER', 'LAUNCHED_MAPPER', 'LaunchedNode',
           'params_file', 'run_arguments', 'rviz_argument', 'rviz_node', 'Setter', 'switch']

_RESPAWN_DELAY_S = 2.0


@dataclass(frozen=True)
class Setter:
    """
    An argument that sets a parameter.

    :param choices: true and false make it a bool.
    :param several: the parameter is a list of texts, which the argument separates by commas.
    :param path: "~" is the home of the user.
    """

    parameter: str
    description: str
    choices: tuple[str, ...] = ()
    several: bool = False
    path: bool = False

    def argument(self, name: str) -> DeclareLaunchArgument:
        """Declare the argument, which may be left out."""
        return DeclareLaunchArgument(
            name, default_value='', choices=['', *self.choices] if self.choices else None,
            description=f'{self.description} Left out: as params_file has it.')

    def value(self, text: str) -> bool | str | list[str]:
        """Return the value of the parameter."""
        if self.choices == _TRUE_OR_FALSE:
            return text == 'true'
        if self.several:
            return [item.strip() for item in text.split(',')]
        return str(Path(text).expanduser()) if self.path else text


_TRUE_OR_FALSE = ('true', 'false')
_INPUTS = {
    'image': Setter('image', 'Image topic, such as /camera/image_raw.'),
    'compressed': Setter(
        'compressed', 'Listen to the compressed images, on <image>/compressed.', _TRUE_OR_FALSE),
    'cameras': Setter(
        'cameras', 'Several cameras in place of image, the leading one first, as '
        'front=/front/image_raw,rear=/rear/image_raw.', several=True),
    'camera_info': Setter(
        'camera_info', 'Topic of the calibration, or front=/front/camera_info,... for several '
        'cameras, where it is not beside the images.', several=True),
    'autostart': Setter(
        'autostart', 'Configure and activate at once; false waits for a lifecycle manager.',
        _TRUE_OR_FALSE),
}


def given(context: LaunchContext, argument: str) -> str:
    """Return what a declared argument was given; empty where it was left out."""
    return str(context.launch_configurations.get(argument, ''))


def switch(argument: str, description: str, *, default: bool = False) -> DeclareLaunchArgument:
    """Declare an argument that is true or false."""
    return DeclareLaunchArgument(argument, default_value=str(default).lower(),
                                 choices=list(_TRUE_OR_FALSE), description=description)


@dataclass(frozen=True)
class LaunchedNode:
    """
    A node as launch files start it.

    :param parameter_file: in config/, of all defaults.
    :param setters: argument -> what it sets.
    """

    interface: Interface
    parameter_file: str
    setters: Mapping[str, Setter]

    def arguments(self, *names: str) -> list[DeclareLaunchArgument]:
        """Declare arguments that set parameters, and those that every node has."""
        return [
            *(self._setter(name).argument(name) for name in names),
            DeclareLaunchArgument(
                'params_file', default_value=str(_share() / 'config' / self.parameter_file),
                description='ROS parameter file; the arguments win over it.'),
            DeclareLaunchArgument('namespace', default_value='',
                                  description='Namespace of the node.'),
            switch('namespaced_tf', 'Take /tf and /tf_static from the namespace, as several '
                   'robots in one graph have them; false: they are those of all.'),
            DeclareLaunchArgument(
                'log_level', default_value='info', choices=['debug', 'info', 'warn', 'error'],
                description='How much the node says.'),
        ]

    def values(self, context: LaunchContext, *names: str) -> dict[str, object]:
        """Return the parameters that arguments set, of those that were given."""
        return {self._setter(name).parameter: self._setter(name).value(given(context, name))
                for name in names if given(context, name)}

    def action(self, context: LaunchContext, *names: str, more: Mapping[str, Any] | None = None,
               remappings: Mapping[str, str] | None = None) -> LifecycleNode:
        """
        Return the action that starts the node.

        :param names: the arguments that set parameters, as they were declared.
        :param more: parameters beside them, which win.
        """
        tf = {'/tf': 'tf', '/tf_static': 'tf_static'} if (
            given(context, 'namespaced_tf') == 'true') else {}
        respawn = given(context, 'respawn') == 'true'
        return LifecycleNode(
            package='vpr_ros', executable=self.interface.node, name=self.interface.node,
            namespace=given(context, 'namespace'), output='screen', emulate_tty=True,
            parameters=[str(params_file(context)), {
                **self.values(context, *names), **_time(context), **(more or {})}],
            remappings=list({**tf, **(remappings or {})}.items()),
            respawn=respawn, respawn_delay=_RESPAWN_DELAY_S if respawn else None,
            arguments=['--ros-args', '--log-level', given(context, 'log_level')])

    def _setter(self, name: str) -> Setter:
        if name not in self.setters:
            raise unknown_name('argument', name, self.setters)
        return self.setters[name]


def params_file(context: LaunchContext) -> Path:
    """
    Return the parameter file.

    :raises VprError: when there is none; ROS would go on without.
    """
    file = Path(given(context, 'params_file')).expanduser()
    if not file.is_file():
        raise VprError(f'there is no parameter file {file}: name one by params_file:=')
    return file


def run_arguments() -> list[DeclareLaunchArgument]:
    """Declare how a node runs that nobody else brings up."""
    return [
        DeclareLaunchArgument(
            'use_sim_time', default_value='', choices=['', *_TRUE_OR_FALSE],
            description='Take the time from /clock. Left out: as params_file has it.'),
        switch('respawn', 'Start the node again when it ends; it comes up as it did at first.'),
    ]


def answer_topic(context: LaunchContext, interface: Interface, name: str) -> str:
    """Return the full name of a topic of a node in its namespace; ``name`` is without ``~/``."""
    namespace = given(context, 'namespace').strip('/')
    return '/' + '/'.join(filter(None, (namespace, interface.node, name)))


def rviz_argument() -> DeclareLaunchArgument:
    """Declare whether RViz is started beside the node."""
    return switch('rviz', 'Show answers in RViz, which has to be installed (rviz2).')


def rviz_node(context: LaunchContext, interface: Interface, *,
              sim_time: bool | None = None) -> list[Node]:
    """
    Return RViz with the display of this package, or nothing where it is not wanted.

    The display names topics as they are outside of any namespace; they are remapped.

    :param sim_time: None: as the argument use_sim_time has it.
    """
    if given(context, 'rviz') != 'true':
        return []
    namespace = given(context, 'namespace').strip('/')
    prefix = f'/{namespace}' if namespace else ''
    remappings = {
        f'/{interface.node}/{topic.name[2:]}': answer_topic(context, interface, topic.name[2:])
        for topic in interface.topics if topic.name.startswith('~/') and prefix}
    odometry = given(context, 'odometry')
    if odometry:
        remappings['/odometry'] = odometry if odometry[0] == '/' else f'{prefix}/{odometry}'
    if given(context, 'namespaced_tf') == 'true':
        remappings |= {'/tf': f'{prefix}/tf', '/tf_static': f'{prefix}/tf_static'}
    clock = _time(context) if sim_time is None else {'use_sim_time': sim_time}
    return [Node(package='rviz2', executable='rviz2', name='rviz_of_vpr_ros',
                 arguments=['-d', str(_share() / 'config' / 'vpr_ros.rviz')],
                 parameters=[clock] if clock else [], remappings=list(remappings.items()))]


def _share() -> Path:
    return Path(get_package_share_directory('vpr_ros'))


def _time(context: LaunchContext) -> dict[str, bool]:
    text = given(context, 'use_sim_time')
    return {'use_sim_time': text == 'true'} if text else {}


LAUNCHED_LOCALIZER = LaunchedNode(LOCALIZER, 'localize.yaml', {
    **_INPUTS,
    'map': Setter('map', 'Map to localize in (.vprmap), made by "vpr_ros map build" or by '
                  'map.launch.py.', path=True),
    'odometry': Setter('odometry', 'Odometry topic (nav_msgs/Odometry), such as /odom: how far '
                       'the robot drove from image to image.'),
    'online': Setter('online', 'With no map: build one of where the robot has been since it set '
                     'out, and find loops in it.', _TRUE_OR_FALSE),
    'publish_tf': Setter('publish_tf', 'Publish the transform from map to odom, as one node '
                         'alone may. Needs odometry.', _TRUE_OR_FALSE),
})

LAUNCHED_MAPPER = LaunchedNode(MAPPER, 'map.yaml', {
    **_INPUTS,
    'map': Setter('map_path', 'Map to build (.vprmap).', path=True),
    'extend': Setter('extend', 'Add a session to the map where there is one; false refuses a '
                     'file that exists.', _TRUE_OR_FALSE),
    'session': Setter('session', 'Name of this traverse, new to the map; the date and time where '
                      'none is set.'),
    'poses': Setter('poses', 'Where the pose of the robot in the map comes from: a topic, the '
                    'transforms of SLAM, or none.', ('none', 'topic', 'tf')),
    'pose': Setter('pose', 'Topic of the poses, where poses:=topic.'),
    'pose_type': Setter(
        'pose_type', 'Type of its messages.',
        ('nav_msgs/msg/Odometry', 'geometry_msgs/msg/PoseStamped',
         'geometry_msgs/msg/PoseWithCovarianceStamped')),
})
