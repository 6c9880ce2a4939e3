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

"""The page about the nodes says what the nodes are made from."""

from __future__ import annotations

from pathlib import Path
import re
import shlex

import pytest
from vpr_ros.config import parameters
from vpr_ros.live.interface import INTERFACES
from vpr_ros.nodes.page import page
from vpr_ros.settings import LocalizeSettings
from vpr_ros.settings import MapperSettings
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODELS = {'localizer': LocalizeSettings, 'mapper': MapperSettings}


def test_the_page_is_up_to_date():
    assert (ROOT / 'docs/nodes.md').read_text(encoding='utf-8') == page(), (
        'python -m vpr_ros.nodes.page > docs/nodes.md')


@pytest.mark.parametrize('interface', INTERFACES, ids=lambda interface: interface.node)
def test_every_topic_service_and_parameter_has_its_row(interface):
    text = page()
    for topic in interface.topics:
        assert f'`{topic.name}`' in text
        assert f'`{topic.type}`' in text
    for service in interface.services:
        assert f'| `{service.name}` | `{service.type}` |' in text
    section = text.partition(f'## Parameters of {interface.node}')[2].partition('\n## ')[0]
    rows = re.findall(r'^\| `([\w.]+)` \|', section, flags=re.MULTILINE)
    assert rows == [row.name for row in parameters(MODELS[interface.node])]


def test_every_row_has_as_many_cells_as_its_head():
    cells = 0
    for line in page().splitlines():
        if not line.startswith('|'):
            cells = 0
            continue
        count = len(re.findall(r'(?<!\\)\|', line))
        assert cells in (0, count), line
        cells = count


def test_links_lead_to_files():
    for link in re.findall(r'\]\(([^)#]+)\)', page()):
        assert (ROOT / 'docs' / link).is_file(), link


def test_services_are_called_by_the_names_and_types_that_they_have():
    offered = {(f'/{interface.node}/{service.name[2:]}', service.type)
               for interface in INTERFACES for service in interface.services}
    called = {tuple(shlex.split(line)[3:5]) for line in page().splitlines()
              if line.startswith('ros2 service call')}
    assert called
    assert called <= offered


def test_examples_of_parameter_files_are_yaml():
    examples = re.findall(r'```yaml\n(.*?)```', page(), flags=re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        for body in yaml.safe_load(example).values():
            assert body['ros__parameters']


def test_launch_files_are_started_with_arguments_that_they_declare():
    lines = [line for line in page().splitlines() if line.startswith('ros2 launch')]
    assert {shlex.split(line)[3] for line in lines} == {
        path.name for path in ROOT.glob('launch/*.launch.py')}
    for line in lines:
        _, _, _, file, *arguments = shlex.split(line)
        source = (ROOT / 'launch' / file).read_text()
        source += (ROOT / 'vpr_ros/nodes/launching.py').read_text()
        for argument in arguments:
            assert f"'{argument.partition(':=')[0]}'" in source, line
