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

from pathlib import Path

import pytest
from vpr_ros.config import parameters
from vpr_ros.config import read_parameter_file
from vpr_ros.config import write_parameter_file
from vpr_ros.settings import BuildSettings
from vpr_ros.settings import LocalizeSettings
from vpr_ros.settings import LoopsSettings
from vpr_ros.settings import MapperSettings

ROOT = Path(__file__).resolve().parents[1]


FILES = pytest.mark.parametrize('name, model, node', [
    ('localize.yaml', LocalizeSettings, 'localizer'), ('map.yaml', MapperSettings, 'mapper')])


@FILES
def test_the_parameter_file_is_made_from_the_schema(name, model, node):
    assert (ROOT / 'config' / name).read_text(encoding='utf-8') == (
        write_parameter_file(model, node))


@FILES
def test_the_parameter_file_says_every_default(name, model, node):
    values = read_parameter_file(ROOT / 'config' / name, node)
    assert values == {row.name: row.default for row in parameters(model)}


@pytest.mark.parametrize('model', [BuildSettings, LocalizeSettings, LoopsSettings, MapperSettings])
def test_every_setting_explains_itself(model):
    for row in parameters(model):
        assert row.description.endswith('.'), row.name
