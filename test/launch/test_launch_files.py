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

"""What the arguments of every launch file lead to."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

import pytest
from vpr_ros.config import parameters
from vpr_ros.config import read_parameter_file
from vpr_ros.errors import VprError
from vpr_ros.settings import LocalizeSettings
from vpr_ros.settings import MapperSettings

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path.name.removesuffix('.launch.py') for path in ROOT.glob('launch/*.launch.py'))
# What is installed for the nodes, but perhaps not for the Python that ros2 runs on.
OF_THE_NODES = ('cv2', 'faiss', 'pydantic', 'pymap3d', 'rich', 'rosbags', 'safetensors',
                'torch', 'typer')


def test_the_launch_files_are_those_that_are_tested_here():
    assert FILES == ['localize', 'map', 'replay', 'slam']


@pytest.mark.parametrize('file', FILES)
def test_every_argument_is_described(launch, file, bag):
    arguments = launch(file, bag=str(bag)).arguments()
    assert {'params_file', 'namespace', 'log_level'} < set(arguments)
    for name, argument in arguments.items():
        assert len(argument.description) > 20, name
        assert argument.description.partition(' Valid choices')[0].endswith('.'), name


@pytest.mark.parametrize('file', ['localize', 'map', 'slam'])
@pytest.mark.parametrize(('argument', 'text'), [
    ('compressed', 'yes'), ('log_level', 'loud'), ('namespaced_tf', '1'), ('autostart', 'maybe')])
def test_a_choice_that_is_none_is_refused(launch, file, argument, text):
    with pytest.raises(RuntimeError, match=f'{argument}.*{text}'):
        launch(file, **{argument: text})


@pytest.mark.parametrize(('file', 'argument'), [('slam', 'slam'), ('map', 'poses'),
                                                ('map', 'pose_type')])
def test_a_word_that_a_file_does_not_know_is_refused(launch, file, argument):
    with pytest.raises(RuntimeError, match='gmapping'):
        launch(file, **{argument: 'gmapping'})


@pytest.mark.parametrize(('file', 'model'), [('localize', LocalizeSettings),
                                             ('map', MapperSettings)])
def test_arguments_have_the_types_and_choices_of_their_parameters(file, model):
    launching = pytest.importorskip('vpr_ros.nodes.launching', reason='no ROS 2 is sourced')
    launched = (launching.LAUNCHED_LOCALIZER if file == 'localize' else
                launching.LAUNCHED_MAPPER)
    rows = {row.name: row for row in parameters(model)}
    for name, setter in launched.setters.items():
        row = rows[setter.parameter]
        example = setter.choices[0] if setter.choices else 'a=/b,c=/d'
        assert type(setter.value(example)) is row.type, name
        if row.type is str:
            assert setter.choices == row.choices, name


@pytest.mark.parametrize(('file', 'executable'), [('localize', 'localizer'), ('map', 'mapper'),
                                                  ('slam', 'localizer')])
def test_what_is_left_out_is_left_to_the_parameter_file(launch, file, executable):
    node = launch(file).node(executable)
    assert node.parameters() == {}
    values = read_parameter_file(node.parameter_file(), executable)
    model = MapperSettings if executable == 'mapper' else LocalizeSettings
    assert values == {row.name: row.default for row in parameters(model)}


def test_texts_become_values_of_the_parameters(launch):
    node = launch('localize', map='2', image='/camera/image_raw', compressed='true',
                  cameras='front=/f/image, rear=/r/image', online='false', autostart='false',
                  use_sim_time='true').node('localizer')
    assert node.parameters() == {
        'map': '2', 'image': '/camera/image_raw', 'compressed': True,
        'cameras': ['front=/f/image', 'rear=/r/image'], 'online': False, 'autostart': False,
        'use_sim_time': True}


def test_the_home_of_the_user_is_known_in_a_path_and_not_in_a_topic(launch):
    node = launch('map', map='~/town.vprmap', image='~/image').node('mapper')
    assert node.parameters() == {'map_path': str(Path.home() / 'town.vprmap'),
                                 'image': '~/image'}


def test_a_parameter_file_that_is_missing_is_said_so(launch, tmp_path):
    with pytest.raises(VprError, match='no parameter file .*absent.yaml.*params_file'):
        launch('localize', params_file=str(tmp_path / 'absent.yaml'))


def test_a_robot_among_others_has_its_own_transforms(launch):
    alone, among = launch('localize'), launch('localize', namespace='r1', namespaced_tf='true')
    assert alone.node('localizer').remappings() == {}
    assert among.node('localizer').remappings() == {'/tf': 'tf', '/tf_static': 'tf_static'}


def test_rviz_shows_the_topics_of_the_namespace(launch):
    assert len(launch('localize').entities) == 1
    shown = launch('localize', rviz='true', namespace='/r1', odometry='odom').node('rviz2')
    assert shown.remappings()['/localizer/markers'] == '/r1/localizer/markers'
    assert shown.remappings()['/odometry'] == '/r1/odom'
    (config,) = [word for word in shown.words if word.endswith('.rviz')]
    assert Path(config).is_file()


def test_a_node_that_ends_is_started_again_where_that_is_wanted(launch):
    # launch keeps the wish to itself: what is asked of it is seen in its fields.
    fields = [vars(launch('localize', respawn=wish).node('localizer').node)
              for wish in ('false', 'true')]
    assert [values['_ExecuteLocal__respawn'] for values in fields] == [False, True]


@pytest.mark.parametrize(('stack', 'expected'), [
    ('none', True), ('robot_localization', False), ('nav2', False), ('slam_toolbox', False),
    ('rtabmap', False)])
def test_one_node_alone_publishes_the_transform(launch, stack, expected):
    node = launch('slam', slam=stack, map='m.vprmap', odometry='/odom').node('localizer')
    assert node.parameters()['publish_tf'] is expected


def test_poses_go_where_robot_localization_hears_them(launch):
    assert launch('slam', slam='robot_localization', pose_topic='/vpr').node(
        'localizer').remappings() == {'~/pose': '/vpr'}
    assert launch('slam', slam='nav2', pose_topic='/vpr').node('localizer').remappings() == {}


@pytest.mark.parametrize('file', FILES)
def test_a_launch_file_needs_nothing_that_the_nodes_alone_have(installed, file):
    pytest.importorskip('launch_ros', reason='no ROS 2 is sourced')
    code = (
        'import sys, importlib.util as u\n'
        f'for name in {OF_THE_NODES!r}: sys.modules[name] = None\n'
        f'spec = u.spec_from_file_location("launched", {str(ROOT / "launch" / file)!r} '
        '+ ".launch.py")\n'
        'module = u.module_from_spec(spec); spec.loader.exec_module(module)\n'
        'assert module.generate_launch_description().entities\n')
    loaded = subprocess.run([sys.executable, '-c', code], cwd=ROOT, env={
        **os.environ, 'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}'},
        capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
