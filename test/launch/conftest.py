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

"""Launch files as ``ros2 launch`` takes them: loaded by path, with arguments as texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import importlib.util
from pathlib import Path
import tempfile
from typing import Any

import numpy as np
import pytest
from vpr_ros.bags.writer import BagWriter
from vpr_ros.messages.images import image_message
import yaml

ROOT = Path(__file__).resolve().parents[2]


class _WithTuples(yaml.SafeLoader):
    """Reads what launch_ros writes for ROS: it calls a list of texts a tuple of Python."""


_WithTuples.add_constructor('tag:yaml.org,2002:python/tuple',
                            lambda loader, node: loader.construct_sequence(node))


@dataclass
class Launched:
    """
    What a launch file makes of its arguments.

    :param entities: those that its arguments led to.
    """

    context: Any
    description: Any
    entities: list[Any]

    def arguments(self) -> dict[str, Any]:
        from launch.actions import DeclareLaunchArgument
        return {entity.name: entity for entity in self.description.entities
                if isinstance(entity, DeclareLaunchArgument)}

    def node(self, executable: str) -> Started:
        from launch_ros.actions import Node
        (node,) = [entity for entity in self.entities if isinstance(entity, Node)
                   and entity.node_executable == executable]
        return started(node, self.context)


@dataclass
class Started:
    """The command line of a node."""

    node: Any
    words: list[str]

    def parameters(self) -> dict[str, object]:
        """Return the parameters that the launch sets, which come after the parameter file."""
        files = [Path(word) for flag, word in zip(self.words, self.words[1:], strict=False)
                 if flag == '--params-file']
        if len(files) < 2:
            return {}
        (section,) = yaml.load(files[-1].read_text(), _WithTuples).values()
        return dict(section['ros__parameters'])

    def parameter_file(self) -> Path:
        return Path(self.words[self.words.index('--params-file') + 1])

    def remappings(self) -> dict[str, str]:
        rules = [word for flag, word in zip(self.words, self.words[1:], strict=False)
                 if flag == '-r' and ':=' in word and not word.startswith('__')]
        return {old: new for old, _, new in (rule.partition(':=') for rule in rules)}


def started(node: Any, context: Any) -> Started:
    from launch.utilities import perform_substitutions
    node._perform_substitutions(context)  # as execute() does, which would start it
    context.extend_locals({'ros_specific_arguments': {
        'name': '__node:=localizer', 'ns': '__ns:=/', 'params': None, 'remaps': None}})
    # The executable is looked for when it runs.
    words = [perform_substitutions(context, list(part)) for part in node.cmd[1:]]
    return Started(node, words)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let ROS find this package where its sources are, whatever is built."""
    index = tmp_path / 'prefix/share/ament_index/resource_index/packages'
    index.mkdir(parents=True)
    (index / 'vpr_ros').touch()
    share = tmp_path / 'prefix/share/vpr_ros'
    share.mkdir()
    for name in ('config', 'launch', 'package.xml'):
        (share / name).symlink_to(ROOT / name)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'prefix'))
    return share


@pytest.fixture
def launch(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
           ) -> Callable[..., Launched]:
    """Return what a launch file makes of ``name=text`` arguments, with nothing started."""
    # Not at the top: without ROS the folder launch/ of this repository would be taken for it.
    pytest.importorskip('launch_ros', reason='no ROS 2 is sourced')
    from launch import LaunchContext
    # launch writes files of parameters and leaves them there.
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))

    def load(file: str, **arguments: str) -> Launched:
        spec = importlib.util.spec_from_file_location(f'launched_{file}',
                                                      ROOT / f'launch/{file}.launch.py')
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        description = module.generate_launch_description()
        context = LaunchContext()
        context.launch_configurations.update(arguments)
        entities: list[Any] = []
        for entity in description.entities:
            entities += entity.visit(context) or []
        return Launched(context, description, entities)

    return load


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Write a bag with three images."""
    path = tmp_path / 'small.mcap'
    with BagWriter(path) as writer:
        for stamp_ns in (1, 2, 3):
            writer.write('/camera/image_raw', 'sensor_msgs/msg/Image', image_message(
                writer.factory, np.zeros((4, 6, 3), np.uint8), stamp_ns=stamp_ns,
                frame_id='camera'), stamp_ns)
    return path
