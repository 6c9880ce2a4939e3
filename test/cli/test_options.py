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

"""Settings from a file, from -p and from flags; lists of networks."""

import pytest
from vpr_ros.cli.options import read_node_parameters
from vpr_ros.cli.options import read_settings
from vpr_ros.cli.options import split_networks
from vpr_ros.errors import VprError
from vpr_ros.settings import LiveSettings
from vpr_ros.settings import LocalizeSettings

# As a node of ROS takes it.
OF_A_ROBOT = """
localizer:
  ros__parameters:
    use_sim_time: true
    start_type_description_service: false
    camera: rear
    queue_size: 50
    qos_overrides:
      /camera/image_raw:
        subscription: {reliability: reliable, depth: 50}
"""


def test_the_file_then_assignments_then_flags(tmp_path):
    file = tmp_path / 'my.yaml'
    file.write_text('localizer:\n  ros__parameters:\n    map: file.vprmap\n    camera: file\n'
                    '    image: /file\n')
    settings = read_settings(
        LocalizeSettings, 'localizer', file, ['camera:=given', 'image:=/given'],
        image='/flag', map='', extraction__network=None)
    assert (settings.map, settings.camera, settings.image) == ('file.vprmap', 'given', '/flag')


def test_the_file_of_a_robot_serves_commands_too(tmp_path):
    file = tmp_path / 'robot.yaml'
    file.write_text(OF_A_ROBOT)
    offline = read_settings(LocalizeSettings, 'localizer', file, [])
    assert (offline.camera, offline.queue_size) == ('rear', 50)
    live = read_settings(LiveSettings, 'localizer', file, [])
    assert live.use_sim_time
    assert not read_settings(LiveSettings, 'localizer', file, ['use_sim_time:=false']).use_sim_time
    with pytest.raises(VprError, match='use_sim_time must be true or false'):
        read_settings(LiveSettings, 'localizer', file, ['use_sim_time:=maybe'])


def test_what_is_said_of_the_quality_of_service_stands_beside_settings(tmp_path):
    file = tmp_path / 'robot.yaml'
    file.write_text(OF_A_ROBOT)
    prefix = 'qos_overrides./camera/image_raw.subscription.'
    _, besides = read_node_parameters(LiveSettings, 'localizer', file,
                                      [f'{prefix}depth:=7', 'camera:=front'])
    assert {name: value for name, value in besides.items() if name.startswith(prefix)} == {
        f'{prefix}reliability': 'reliable', f'{prefix}depth': '7'}
    assert read_node_parameters(LiveSettings, 'mapper', file, [])[1] == {}


def test_a_name_that_nearly_is_one_of_every_node_is_refused(tmp_path):
    file = tmp_path / 'robot.yaml'
    file.write_text('/**:\n  ros__parameters:\n    use_simtime: true\n')
    with pytest.raises(VprError, match="unknown parameter 'use_simtime'"):
        read_settings(LocalizeSettings, 'localizer', file, [])


def test_texts_need_no_quotes():
    settings = read_settings(LocalizeSettings, 'localizer', None, [
        'extraction.options:={patch: 8}', 'camera:=2', 'matching.candidates:=3'])
    assert settings.extraction.options == '{patch: 8}'
    assert settings.camera == '2'
    assert settings.matching.candidates == 3


def test_numbers_are_still_numbers():
    with pytest.raises(VprError, match='matching.candidates must be an integer'):
        read_settings(LocalizeSettings, 'localizer', None, ['matching.candidates:=many'])


@pytest.mark.parametrize(('text', 'networks'), [
    ('compact', [('compact', '')]),
    ('compact, gem{p: 1} ,thumbnail',
     [('compact', ''), ('gem', '{p: 1}'), ('thumbnail', '')]),
    ('gem{trunk: vgg16, p: 1},gem {trunk: resnet18,\nlayer: layer2}',
     [('gem', '{trunk: vgg16, p: 1}'), ('gem', '{trunk: resnet18,\nlayer: layer2}')]),
    ('gem{weights: "a,b}.pth"},gem{grids: {a: [1, 2]}}',
     [('gem', '{weights: "a,b}.pth"}'), ('gem', '{grids: {a: [1, 2]}}')]),
])
def test_networks_with_their_options(text, networks):
    assert split_networks(text) == networks


@pytest.mark.parametrize('text', [
    '', 'compact,', ',compact', 'gem{p: 1', 'gem p: 1}', 'gem{p: 1}}', 'gem{p: 1}x', '{p: 1}',
    'gem{weights: "a}'])
def test_a_list_of_networks_that_is_none(text):
    with pytest.raises(VprError, match='networks'):
        split_networks(text)
