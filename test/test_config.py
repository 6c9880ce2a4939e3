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

"""Settings: one model as flat parameters, as a ROS parameter file and as errors that help."""

import importlib
import pkgutil
import re
from typing import Literal

import pydantic
import pytest
import vpr_ros
from vpr_ros.config import make_settings
from vpr_ros.config import parameters
from vpr_ros.config import parse_assignments
from vpr_ros.config import read_parameter_file
from vpr_ros.config import setting
from vpr_ros.config import Settings
from vpr_ros.config import write_parameter_file
from vpr_ros.errors import VprError
from vpr_ros.settings import BuildSettings
import yaml


class Lens(Settings):
    focal_px: float = setting(400.0, 'Focal length.', gt=0.0)
    model: Literal['Pinhole', 'Fisheye'] = setting('Pinhole', 'How it projects.')


class Eye(Settings):
    lens: Lens = Lens()
    gain: int = setting(3, 'Gain.', ge=1, le=8, live=True)
    name: str = setting('', 'Its name; empty for none.')


class Mount(Settings):
    lens: Lens = Lens()


class Rig(Settings):
    """The last group of ``left`` and the first of ``right`` have one name."""

    left: Mount = Mount()
    right: Mount = Mount()


class Body(Settings):
    left: Eye = Eye()
    right: Eye = Eye()
    awake: bool = setting(True, 'Whether it is awake.')
    cameras: list[str] = setting(['front'], 'Names of cameras.')
    weights: list[float] = setting([1.0, 0.5], 'One weight per camera.')
    steps: list[int] = setting([1], 'Steps.')
    flags: list[bool] = setting([True], 'Flags.')


def every_settings_model():
    """Return every settings model that a room of the package owns."""
    for module in pkgutil.walk_packages(vpr_ros.__path__, 'vpr_ros.'):
        if module.name.endswith('.settings'):
            importlib.import_module(module.name)
    found, todo = [], [Settings]
    while todo:
        for model in todo.pop().__subclasses__():
            todo.append(model)
            if model.__module__.startswith('vpr_ros.'):
                found.append(model)
    return sorted(found, key=lambda m: (m.__module__, m.__name__))


MODELS = every_settings_model()
MODEL_NAMES = [model.__name__ for model in MODELS]


def flat(settings, prefix=''):
    values = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            values |= flat(value, f'{prefix}{name}.')
        else:
            values[f'{prefix}{name}'] = value
    return values


def test_rooms_own_settings():
    assert {'ExtractionSettings', 'MapSettings', 'MatchingSettings'} <= set(MODEL_NAMES)


def test_table():
    rows = {row.name: row for row in parameters(Body)}
    assert list(rows)[:4] == ['left.lens.focal_px', 'left.lens.model', 'left.gain', 'left.name']
    assert rows['left.lens.focal_px'].minimum == 0.0
    assert rows['left.lens.focal_px'].maximum is None
    assert rows['right.lens.model'].choices == ('Pinhole', 'Fisheye')
    assert rows['right.lens.model'].type is str
    gain = rows['right.gain']
    assert (gain.type, gain.default, gain.minimum, gain.maximum, gain.live) == (int, 3, 1, 8, True)
    assert not rows['awake'].live
    assert rows['cameras'].type is list
    assert rows['cameras'].item is str
    assert rows['weights'].item is float
    assert rows['awake'].item is None
    assert rows['awake'].description == 'Whether it is awake.'


@pytest.mark.parametrize('kind', [str | None, dict[str, int], bytes, tuple[int, ...], list[bytes],
                                  list[list[int]]])
def test_table_refuses_what_ros_cannot_carry(kind):
    model = pydantic.create_model('Odd', __base__=Settings, value=(kind, setting(None, 'Odd.')))
    with pytest.raises(TypeError, match='Odd.value: ROS parameters cannot carry'):
        parameters(model)


@pytest.mark.parametrize('model', MODELS, ids=MODEL_NAMES)
def test_every_parameter_can_be_carried_by_ros(model):
    rows = parameters(model)
    assert rows
    for row in rows:
        assert row.type in (bool, int, float, str, list), row.name
        assert type(row.default) is row.type, row.name
        if row.type is list:
            assert row.default, f'{row.name}: ROS cannot tell the type of an empty list'
            assert {type(item) for item in row.default} == {row.item}, row.name
        assert row.description.endswith('.'), row.name
        assert re.fullmatch(r'[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*', row.name)
        if row.choices:
            assert row.default in row.choices


@pytest.mark.parametrize('model', [*MODELS, Body, Rig], ids=[*MODEL_NAMES, 'Body', 'Rig'])
def test_written_file_reads_back_as_the_defaults(model, tmp_path):
    path = tmp_path / 'settings.yaml'
    path.write_text(write_parameter_file(model, 'localizer'), encoding='utf-8')
    values = read_parameter_file(path, 'localizer')
    assert list(values) == [row.name for row in parameters(model)]
    assert make_settings(model, values) == model()
    assert max(len(line) for line in path.read_text(encoding='utf-8').splitlines()) <= 99


def test_written_file_explains():
    text = write_parameter_file(Body, 'localizer')
    assert '# Gain. Range 1 to 8.' in text
    assert "# How it projects. One of: 'Pinhole', 'Fisheye'." in text
    assert text.endswith('\n')


def test_flat_and_nested():
    settings = make_settings(Body, {'left.lens.focal_px': 250.5, 'right.gain': 5, 'awake': False,
                                    'right.lens.model': 'Fisheye', 'cameras': ['a', 'b']})
    assert settings.left.lens.focal_px == 250.5
    assert settings.right.gain == 5
    assert settings.right.lens.model == 'Fisheye'
    assert settings.left.gain == 3
    assert settings.awake is False
    assert settings.cameras == ['a', 'b']
    assert make_settings(Body, flat(settings)) == settings


def test_nothing_given_is_the_defaults():
    assert make_settings(Body, {}) == Body()
    assert {row.name: row.default for row in parameters(Body)} == flat(Body())


def test_settings_are_immutable():
    with pytest.raises(pydantic.ValidationError, match='frozen'):
        Body().awake = False


@pytest.mark.parametrize(('name', 'hint'), [
    ('left.gian', "'left.gain'"), ('gain', "'left.gain'"), ('awoke', "'awake'"),
    ('right.lens.focal', "'right.lens.focal_px'"), ('camera', "'cameras'")])
def test_unknown_names_are_refused_with_the_nearest(name, hint):
    with pytest.raises(VprError, match=re.escape(
            f'unknown parameter {name!r}; did you mean {hint}?')):
        make_settings(Body, {name: 1})


def test_a_group_is_no_parameter():
    with pytest.raises(VprError, match=r"unknown parameter 'left\.lens'"):
        make_settings(Body, {'left.lens': 1})


@pytest.mark.parametrize(('name', 'value', 'text'), [
    ('left.gain', True, 'parameter left.gain must be an integer, got True (true or false)'),
    ('awake', 1, 'parameter awake must be true or false, got 1 (an integer)'),
    ('awake', 'yes', "parameter awake must be true or false, got 'yes' (a text)"),
    ('left.gain', 3.0, 'must be an integer, got 3.0 (a number)'),
    ('left.gain', '3', "must be an integer, got '3' (a text)"),
    ('left.name', 5, 'must be a text, got 5 (an integer)'),
    ('left.name', None, 'must be a text, got None'),
    ('left.lens.focal_px', '5', "must be a number, got '5' (a text)"),
    ('left.lens.focal_px', True, 'must be a number, got True (true or false)'),
    ('cameras', 'front', "must be a list, got 'front' (a text)"),
    ('cameras', [], 'parameter cameras must not be an empty list'),
    ('cameras', ['a', 5], 'parameter cameras[1] must be a text, got 5 (an integer)'),
    ('flags', [True, 0], 'parameter flags[1] must be true or false, got 0 (an integer)'),
    ('flags', ['yes'], "parameter flags[0] must be true or false, got 'yes' (a text)"),
    ('steps', [1, True], 'parameter steps[1] must be an integer, got True (true or false)'),
    ('steps', [1.0], 'parameter steps[0] must be an integer, got 1.0 (a number)'),
])
def test_wrong_types_are_refused(name, value, text):
    with pytest.raises(VprError, match=re.escape(text)):
        make_settings(Body, {name: value})


def test_integers_are_widened():
    settings = make_settings(Body, {'left.lens.focal_px': 300, 'weights': [1, 2.5]})
    assert settings.left.lens.focal_px == 300.0
    assert type(settings.left.lens.focal_px) is float
    assert settings.weights == [1.0, 2.5]
    assert [type(w) for w in settings.weights] == [float, float]


def test_an_empty_text_is_a_value_of_a_text():
    assert make_settings(Body, {'left.name': ''}).left.name == ''
    with pytest.raises(VprError, match='must be an integer'):
        make_settings(Body, {'left.gain': ''})


@pytest.mark.parametrize(('values', 'text'), [
    ({'left.gain': 0}, r'parameter left\.gain: input should be greater than or equal to 1, got 0'),
    ({'left.gain': 9}, r'less than or equal to 8, got 9'),
    ({'right.lens.focal_px': 0.0}, r'parameter right\.lens\.focal_px: .*greater than 0'),
    ({'right.lens.focal_px': float('nan')}, r'focal_px: input should be a finite number'),
    ({'right.lens.focal_px': float('inf')}, r'focal_px: input should be a finite number'),
    ({'left.lens.model': 'pinhole'},
     r"left\.lens\.model: input should be 'Pinhole' or 'Fisheye', got 'pinhole'")])
def test_values_out_of_range_are_refused(values, text):
    with pytest.raises(VprError, match=text):
        make_settings(Body, values)


def test_all_problems_are_told_at_once():
    with pytest.raises(VprError, match=r'left\.gain: .*; .*right\.gain: '):
        make_settings(Body, {'left.gain': 0, 'right.gain': 100})


def write(folder, text):
    path = folder / 'p.yaml'
    path.write_text(text, encoding='utf-8')
    return path


@pytest.mark.parametrize('section', ['/**', '/*', 'localizer', '/localizer', '/ns/localizer',
                                     '/a/b/localizer', '/**/localizer', 'ns/localizer'])
def test_sections_that_name_the_node(section, tmp_path):
    path = write(tmp_path, f'{section}:\n  ros__parameters:\n    left:\n      gain: 5\n')
    assert read_parameter_file(path, 'localizer') == {'left.gain': 5}


@pytest.mark.parametrize('section', ['mapper', '/ns/mapper', '/localizer/mapper', 'localizers'])
def test_sections_of_other_nodes_are_left_alone(section, tmp_path):
    path = write(tmp_path, f'{section}:\n  ros__parameters:\n    unknown_there: 5\n')
    assert read_parameter_file(path, 'localizer') == {}


@pytest.mark.parametrize(('section', 'is_its'), [
    ('/robot1/localizer', True), ('robot1/localizer', True), ('localizer', True), ('/**', True),
    ('/**/localizer', True), ('/*/localizer', True), ('/robot1/**', True),
    ('/robot2/localizer', False), ('/robot1/front/localizer', False), ('/robot1/mapper', False),
    ('/robot2/**', False), ('/**/mapper', False)])
def test_robots_share_a_file_by_their_namespaces(section, is_its, tmp_path):
    path = write(tmp_path, f'{section}:\n  ros__parameters: {{left.gain: 5}}\n')
    assert read_parameter_file(path, '/robot1/localizer') == ({'left.gain': 5} if is_its else {})


@pytest.mark.parametrize('nothing', ['', ' {}', ' null', '\n    # left.gain: 5'])
def test_a_section_without_parameters(nothing, tmp_path):
    path = write(tmp_path, f'/**:\n  ros__parameters:{nothing}\n'
                           'localizer:\n  ros__parameters: {awake: false}\n')
    assert read_parameter_file(path, 'localizer') == {'awake': False}


def test_namespaces_may_be_nested(tmp_path):
    path = write(tmp_path, """
robot:
  front:
    localizer:
      ros__parameters: {left.gain: 4}
    mapper:
      ros__parameters: {left.gain: 8}
""")
    assert read_parameter_file(path, 'localizer') == {'left.gain': 4}


def test_later_sections_win(tmp_path):
    path = write(tmp_path, """
/**:
  ros__parameters: {left: {gain: 1, name: a}, awake: false}
localizer:
  ros__parameters:
    left.gain: 2
/other:
  ros__parameters: {left.gain: 7}
""")
    assert read_parameter_file(path, 'localizer') == {
        'left.gain': 2, 'left.name': 'a', 'awake': False}


def test_dotted_and_nested_names_are_the_same(tmp_path):
    path = write(tmp_path, '/**:\n  ros__parameters:\n    left.lens:\n      focal_px: 4\n')
    assert read_parameter_file(path, 'n') == {'left.lens.focal_px': 4}


@pytest.mark.parametrize(('text', 'wanted'), [
    ('', r'no ROS parameter file.*ros__parameters'), ('just text', 'no ROS parameter file'),
    ('- 1\n- 2\n', 'no ROS parameter file'),
    ('left:\n  gain: 1\n', r"section 'gain' must hold .*ros__parameters"),
    ('/**: 5\n', r"section '/\*\*' must hold"),
    ('/**:\n  ros__parameters: 5\n', r"section '/\*\*' must hold name: value, got 5"),
    ('a: [1, 2\n', 'cannot read the parameter file'), ('a: !!python/name:os.system\n', 'cannot'),
    ('\x00', 'cannot read'), ('a: 2026-99-99\n', 'cannot read the parameter file')])
def test_malformed_files(text, wanted, tmp_path):
    path = write(tmp_path, text)
    with pytest.raises(VprError, match=wanted) as error:
        read_parameter_file(path, 'n')
    assert str(path) in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(VprError, match='absent.yaml'):
        read_parameter_file(tmp_path / 'absent.yaml', 'n')
    (tmp_path / 'binary.yaml').write_bytes(b'\xff\xfe\xff')
    with pytest.raises(VprError, match='binary.yaml'):
        read_parameter_file(tmp_path / 'binary.yaml', 'n')


def test_assignments():
    assert parse_assignments(Body, [
        'left.gain:=5', 'right.lens.focal_px:=2.5', 'awake:=false', 'left.name:=',
        'cameras:=[a, b]', ' right.name :=x:=y', 'right.lens.model:=Fisheye']) == {
            'left.gain': 5, 'right.lens.focal_px': 2.5, 'awake': False, 'left.name': '',
            'cameras': ['a', 'b'], 'right.name': 'x:=y', 'right.lens.model': 'Fisheye'}


@pytest.mark.parametrize('text', ['2', 'true', '{patch: 8}', '[a', '2026-01-01', 'null', '~', '*'])
def test_texts_are_taken_as_they_are_written(text):
    values = parse_assignments(Body, [f'left.name:={text}'])
    assert make_settings(Body, values).left.name == text


def test_assignments_to_unknown_names_are_told_as_such():
    with pytest.raises(VprError, match=r"'left\.nam'; did you mean 'left\.name'"):
        make_settings(Body, parse_assignments(Body, ['left.nam:=[a']))


@pytest.mark.parametrize('text', ['left.gain=5', 'left.gain', ':=5', '  :=5', ''])
def test_assignments_of_another_form(text):
    with pytest.raises(VprError, match=re.escape(f'name:=value, got {text!r}')):
        parse_assignments(Body, [text])


@pytest.mark.parametrize('value', ['[a', '2026-99-99'])
def test_assignments_whose_value_is_no_yaml(value):
    with pytest.raises(VprError, match=re.escape(
            f'parameter cameras: cannot read the value {value!r}')):
        parse_assignments(Body, [f'cameras:={value}'])


def test_the_file_in_the_repository_format_is_plain_yaml():
    document = yaml.safe_load(write_parameter_file(Body, 'localizer'))
    body = document['/**']['ros__parameters']
    assert body['left'] == {'lens': {'focal_px': 400.0, 'model': 'Pinhole'}, 'gain': 3, 'name': ''}
    assert body['right'] == body['left']
    assert body['cameras'] == ['front']


def test_a_mapping_where_a_text_belongs_is_told():
    with pytest.raises(VprError, match="extraction.options is a text, got a mapping with 'trunk': "
                                       'put it in quotes, as in options: "{name: value}"'):
        make_settings(BuildSettings, {'extraction.options.trunk': 'resnet18'})
