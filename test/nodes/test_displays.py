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

"""The displays for RViz and Foxglove show topics that the localizer has, of types they take."""

from __future__ import annotations

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

import pytest
from vpr_ros.live.interface import LOCALIZER
from vpr_ros.live.interface import Topic
import yaml

CONFIG = Path(__file__).resolve().parents[2] / 'config'
RVIZ_TYPES = {
    'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray',
    'rviz_default_plugins/PoseWithCovariance': 'geometry_msgs/msg/PoseWithCovarianceStamped',
    'rviz_default_plugins/Odometry': 'nav_msgs/msg/Odometry',
    'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
}
SHOWN = {'/localizer/markers', '/localizer/pose', '/localizer/attention', '/odometry'}


def topics() -> dict[str, Topic]:
    """Return the topics of a localizer in no namespace, by their full names."""
    return {topic.name.replace('~', '/localizer') if topic.name[0] in '~/' else f'/{topic.name}':
            topic for topic in LOCALIZER.topics}


def rviz() -> dict[str, Any]:
    return dict(yaml.safe_load((CONFIG / 'vpr_ros.rviz').read_text()))


def foxglove() -> dict[str, Any]:
    return dict(json.loads((CONFIG / 'vpr_ros.foxglove.json').read_text()))


def test_rviz_looks_from_the_map():
    assert rviz()['Visualization Manager']['Global Options']['Fixed Frame'] == 'map'


def test_rviz_hears_what_the_localizer_says():
    displays = {display['Topic']['Value']: display
                for display in rviz()['Visualization Manager']['Displays'] if 'Topic' in display}
    assert set(displays) == SHOWN
    for name, display in displays.items():
        topic = topics()[name]
        assert RVIZ_TYPES[display['Class']] == topic.type, name
        # A subscription that asks for more than is offered hears nothing.
        if topic.direction == 'out' and not topic.qos.reliable:
            assert display['Topic']['Reliability Policy'] == 'Best Effort', name
        assert display['Topic']['Durability Policy'] == 'Volatile', name


def test_foxglove_hears_what_the_localizer_says():
    panels = foxglove()['configById']
    assert set(panels['3D!map']['topics']) == SHOWN - {'/localizer/attention'}
    heard = {*panels['3D!map']['topics'], panels['Image!attention']['imageMode']['imageTopic'],
             panels['DiagnosticSummary!all']['topicToRender'],
             *(panel['topicPath'] for name, panel in panels.items() if 'Raw' in name)}
    plotted = [path['value'].partition('.') for path in panels['Plot!probability']['paths']]
    assert heard | {topic for topic, _, _ in plotted} <= set(topics())


def test_foxglove_plots_fields_that_the_message_has():
    text = (CONFIG.parent / 'vpr_msgs/msg/PlaceMatch.msg').read_text()
    fields = [line.split('#')[0].split()[1] for line in text.splitlines()
              if len(line.split('#')[0].split()) == 2]
    for path in foxglove()['configById']['Plot!probability']['paths']:
        assert path['value'].partition('.')[2] in fields


def test_foxglove_arranges_every_panel_once():
    layout = foxglove()
    assert sorted(arranged(layout['layout'])) == sorted(layout['configById'])


def arranged(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    else:
        yield from arranged(part['first'])
        yield from arranged(part['second'])


@pytest.mark.parametrize('name', ['vpr_ros.rviz', 'vpr_ros.foxglove.json'])
def test_the_display_is_installed(name):
    setup = (CONFIG.parent / 'setup.py').read_text()
    assert f"share('config/*{Path(name).suffix}')" in setup
