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

"""What several tests share."""

from collections.abc import Callable
from collections.abc import Sequence
import os
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Return the folder of real images, or skip: they are not part of the project."""
    beside = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    folder = Path(os.environ.get('VPR_ROS_DATA', beside))
    if not (folder / 'benchmark').is_dir():
        pytest.skip(f'no real images at {folder} (set VPR_ROS_DATA to their folder)')
    return folder


@pytest.fixture
def parsed() -> Callable[[Sequence[str]], dict[str, Any]]:
    """Return what reads the words of a command line as vpr_ros does, without running it."""
    import typer
    from vpr_ros.cli.main import app

    def options(words: Sequence[str]) -> dict[str, Any]:
        command: Any = typer.main.get_command(app)
        rest = list(words[1:])
        while hasattr(command, 'commands'):
            command = command.commands[rest.pop(0)]
        with typer.Context(command) as context:
            found: dict[str, Any] = command.make_parser(context).parse_args(rest)[0]
        return found

    return options
