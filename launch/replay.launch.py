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

"""Play a bag into the localizer: a recording as if the robot drove now."""

import json
from pathlib import Path
import subprocess
import tempfile

from launch import Event
from launch import LaunchContext
from launch import LaunchDescription
from launch import LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument
from launch.actions import ExecuteProcess
from launch.actions import OpaqueFunction
from launch.actions import RegisterEventHandler
from launch.actions import Shutdown
from launch.event_handlers import OnProcessExit
from launch.event_handlers import OnShutdown
from launch.events.process import ProcessExited
from launch.logging import get_logger
from vpr_ros.errors import VprError
from vpr_ros.live.interface import LOCALIZER
from vpr_ros.nodes.bringing_up import Answers
from vpr_ros.nodes.bringing_up import bring_up
from vpr_ros.nodes.bringing_up import resume_player
from vpr_ros.nodes.bringing_up import shut_down_when_quiet
from vpr_ros.nodes.launching import answer_topic
from vpr_ros.nodes.launching import given
from vpr_ros.nodes.launching import LAUNCHED_LOCALIZER
from vpr_ros.nodes.launching import params_file
from vpr_ros.nodes.launching import rviz_argument
from vpr_ros.nodes.launching import rviz_node
from vpr_ros.nodes.launching import switch
import yaml

SET = ('map', 'image', 'cameras', 'camera_info', 'odometry', 'online', 'publish_tf')
# Time for the node to find the publishers of the player, before they begin.
DELAY_S = 1.0
# Longer than any message takes; for ever would be, were somebody to listen who has died.
LAST_MESSAGES_MS = 10_000
STORAGES = {'.mcap': 'mcap', '.db3': 'sqlite3'}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments; the bag plays once the node is active."""
    return LaunchDescription([
        DeclareLaunchArgument(
            'bag', description='rosbag2 folder, or .mcap or .db3 file. "vpr_ros bag make" makes '
            'one of a data set, "rosbags-convert" of a bag of ROS 1.'),
        *LAUNCHED_LOCALIZER.arguments(*SET),
        DeclareLaunchArgument('rate', default_value='1.0',
                              description='How fast the bag is played; 1: as it was recorded.'),
        DeclareLaunchArgument('start_offset', default_value='0.0',
                              description='Begin so many seconds into the bag.'),
        switch('loop', 'Begin anew when the bag has ended.'),
        DeclareLaunchArgument(
            'clock', default_value='100.0',
            description='Publish /clock so many times a second, and let the node run on it; 0: '
            'the node takes the time of this machine.'),
        DeclareLaunchArgument(
            'remap', default_value='',
            description='Topics of the bag to be played on others, as /old:=/new,/a:=/b. Other '
            'arguments name topics as the bag has them.'),
        switch('lossless', 'Let no image be dropped: reliable and deep subscriptions, and a '
               'queue as long as the bag. What waits for its turn takes memory: choose a rate '
               'that the machine can follow. false: the latest image alone, as on a robot.'),
        DeclareLaunchArgument(
            'when_done', default_value='shutdown', choices=['shutdown', 'keep'],
            description='When the bag has ended: shut down once all is answered, or keep the '
            'node running.'),
        DeclareLaunchArgument(
            'settle_s', default_value='3.0',
            description='All is answered when no answer came for so many seconds.'),
        rviz_argument(),
        OpaqueFunction(function=_start),
    ])


def _start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    bag = Path(given(context, 'bag')).expanduser()
    sim_time = _number(context, 'clock') > 0.0
    settle_s = _number(context, 'settle_s')
    plan = _plan(context, bag)
    node = LAUNCHED_LOCALIZER.action(context, *SET, more={
        **plan['parameters'], 'autostart': False, 'use_sim_time': sim_time})
    with tempfile.NamedTemporaryFile('w', prefix='vpr_ros_replay_', suffix='.yaml',
                                     delete=False) as qos:
        yaml.safe_dump(plan['qos'], qos)
    player = ExecuteProcess(name='player', output='screen',
                            cmd=_command(context, bag, Path(qos.name), plan['remappings']))
    answers = Answers(answer_topic(context, LOCALIZER, 'place_match'),
                      LOCALIZER.topic('place_match').type)

    def listen(context: LaunchContext) -> None:
        answers.listen(context)

    def tidy_up(event: Event, context: LaunchContext) -> None:
        Path(qos.name).unlink(missing_ok=True)

    def without_node(event: Event, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return [] if context.is_shutdown else [Shutdown(reason='the localizer has ended')]

    def ended(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if context.is_shutdown:
            return []
        if event.returncode:
            return [Shutdown(reason=f'the bag could not be played (status {event.returncode})')]
        if given(context, 'when_done') == 'keep':
            return []
        return [shut_down_when_quiet(answers, quiet_s=settle_s,
                                     reason='the bag has ended and all is answered')]

    return [
        RegisterEventHandler(OnProcessExit(target_action=player, on_exit=ended)),
        RegisterEventHandler(OnProcessExit(target_action=node, on_exit=without_node)),
        RegisterEventHandler(OnShutdown(on_shutdown=tidy_up)),
        node,
        *bring_up(node, [OpaqueFunction(function=listen), player, resume_player(delay_s=DELAY_S)]),
        *rviz_node(context, LOCALIZER, sim_time=sim_time),
    ]


def _plan(context: LaunchContext, bag: Path) -> dict[str, dict]:
    """Ask the Python of the nodes, which can read bags, where that of launch files may not."""
    asked = {
        'bag': str(bag), 'params_file': str(params_file(context)),
        'parameters': LAUNCHED_LOCALIZER.values(context, *SET),
        'lossless': given(context, 'lossless') == 'true', 'remap': given(context, 'remap')}
    told = subprocess.run(['python3', '-m', 'vpr_ros.nodes.replaying'], input=json.dumps(asked),
                          capture_output=True, text=True, check=False)
    if told.returncode:
        raise VprError(told.stderr.strip() or 'the bag could not be read')
    if told.stderr:
        get_logger('replay').warning(told.stderr.strip())
    return json.loads(told.stdout)


def _command(context: LaunchContext, bag: Path, qos: Path,
             remappings: dict[str, str]) -> list[str]:
    clock = _number(context, 'clock')
    storage = STORAGES.get(bag.suffix) if bag.is_file() else None
    return [
        'ros2', 'bag', 'play', str(bag), '--disable-keyboard-controls',
        '--qos-profile-overrides-path', str(qos), '--start-paused',
        '--rate', str(_number(context, 'rate')),
        '--start-offset', str(_number(context, 'start_offset')),
        # Humble takes every bare file for one of sqlite3.
        *(['--storage', storage] if storage else []),
        *(['--clock', str(clock)] if clock else []),
        *(['--loop'] if given(context, 'loop') == 'true' else []),
        *(['--wait-for-all-acked', str(LAST_MESSAGES_MS)]
          if given(context, 'lossless') == 'true' else []),
        *(['--remap', *(f'{old}:={new}' for old, new in remappings.items())]
          if remappings else []),
    ]


def _number(context: LaunchContext, argument: str) -> float:
    text = given(context, argument)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number < 1e9:
        raise VprError(f'{argument}:= takes a number that is not negative, got {text!r}')
    return number
