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

"""How a bag is played into the node; that it is played at all needs rosbag2."""

from __future__ import annotations

from pathlib import Path
import shlex
from typing import Any

import pytest
from vpr_ros.errors import VprError
from vpr_ros.live.interface import LOCALIZER
import yaml


def player(launched: Any) -> list[str]:
    """Return the command that the launch file runs once the node is active."""
    from launch.actions import ExecuteProcess
    from launch.actions import RegisterEventHandler
    from launch.utilities import perform_substitutions
    from launch_ros.actions import Node
    handlers = [entity.event_handler for entity in launched.entities
                if isinstance(entity, RegisterEventHandler)]
    (process,) = [entity for handler in handlers for entity in getattr(handler, 'entities', ())
                  if isinstance(entity, ExecuteProcess) and not isinstance(entity, Node)]
    return [perform_substitutions(launched.context, list(part)) for part in process.cmd]


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_the_bag_says_which_images_there_are(launch, bag):
    launched = launch('replay', bag=str(bag), map='m.vprmap')
    values = launched.node('localizer').parameters()
    assert values == {'map': 'm.vprmap', 'image': '/camera/image_raw', 'compressed': False,
                      'autostart': False, 'use_sim_time': True}
    command = player(launched)
    assert command[:4] == ['ros2', 'bag', 'play', str(bag)]
    # Until everybody has found its topics.
    assert '--start-paused' in command
    assert option(command, '--storage') == 'mcap'
    assert option(command, '--rate') == '1.0'
    assert option(command, '--clock') == '100.0'
    assert not {'--loop', '--remap', '--wait-for-all-acked'} & set(command)


def test_the_bag_is_played_as_it_is_asked_for(launch, bag):
    launched = launch('replay', bag=str(bag), rate='2', loop='true', clock='0',
                      start_offset='1.5', remap='/camera/image_raw:=/front')
    command = player(launched)
    assert option(command, '--rate') == '2.0'
    assert option(command, '--start-offset') == '1.5'
    assert option(command, '--remap') == '/camera/image_raw:=/front'
    assert '--loop' in command
    assert '--clock' not in command
    values = launched.node('localizer').parameters()
    assert (values['image'], values['use_sim_time']) == ('/front', False)


def test_without_loss_everything_is_reliable_and_as_deep_as_the_bag(launch, bag):
    launched = launch('replay', bag=str(bag), lossless='true')
    values = launched.node('localizer').parameters()
    assert values['queue_size'] == 3
    rules = 'qos_overrides./camera/image_raw.subscription'
    assert values[f'{rules}.reliability'] == 'reliable'
    assert values[f'{rules}.depth'] >= 3
    command = player(launched)
    assert '--wait-for-all-acked' in command
    overrides = yaml.safe_load(Path(option(command, '--qos-profile-overrides-path')).read_text())
    assert overrides['/camera/image_raw']['reliability'] == 'reliable'
    assert overrides['/camera/image_raw']['history'] == 'keep_all'


def test_a_bag_of_ros_1_is_refused_with_what_to_do(launch, tmp_path):
    with pytest.raises(VprError, match='rosbags-convert --src .*old.bag --dst .*old') as refused:
        launch('replay', bag=str(tmp_path / 'old.bag'))
    words = shlex.split(str(refused.value).partition('convert it: ')[2])
    assert words[:2] == ['rosbags-convert', '--src']


@pytest.mark.parametrize(('arguments', 'said'), [
    ({'bag': '/nowhere.mcap'}, 'there is no bag /nowhere.mcap'),
    ({'image': '/camera/imag_raw'}, "did you mean '/camera/image_raw'"),
    ({'odometry': '/odm'}, 'no topic /odm, only: /camera/image_raw'),
    ({'remap': '/a=/b'}, 'remapped as /old:=/new'),
    ({'rate': 'fast'}, "rate:= takes a number that is not negative, got 'fast'"),
])
def test_what_cannot_be_played_is_said(launch, bag, arguments, said):
    with pytest.raises(VprError, match=said):
        launch('replay', **{'bag': str(bag), **arguments})


def test_answers_are_waited_for_on_the_topic_of_the_node(launch, bag):
    launching = pytest.importorskip('vpr_ros.nodes.launching', reason='no ROS 2 is sourced')
    context = launch('replay', bag=str(bag), namespace='/r1/').context
    assert launching.answer_topic(context, LOCALIZER, 'place_match') == (
        '/r1/localizer/place_match')
