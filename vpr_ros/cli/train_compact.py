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
"""Command: vpr_ros train compact."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from vpr_ros.cli.console import say

__all__ = ['compact']


def compact(
    data: Annotated[Path, typer.Option(
        '--data', metavar='FOLDER', help='Training images: amos_webcams/, tilde_webcams/, '
        'sped_thumb/ and camvid/ below it.')],
    initial: Annotated[Path, typer.Option(
        '--initial', metavar='FILE', help='Where the trunk starts: MobileNetV2 with ImageNet '
        'weights, batch norm folded, as .safetensors.')],
    out: Annotated[Path, typer.Option(
        '--out', '-o', metavar='FILE', help='The .safetensors file to write.')],
    steps: Annotated[int, typer.Option('--steps', min=1, help='Optimiser steps.')] = 450,
    seed: Annotated[int, typer.Option('--seed', help='Of all random numbers.')] = 0,
) -> None:
    """
    Train the embedded network as it was made, on a CPU (half an hour on two cores).

    Example: `vpr_ros train compact --data train --initial start.safetensors -o my.safetensors`
    """
    from vpr_ros.training.compact import CompactRecipe
    from vpr_ros.training.compact import train_compact

    logging.getLogger('vpr_ros').setLevel(logging.INFO)
    measured = train_compact(data, initial, out, CompactRecipe(steps=steps, seed=seed))
    say(f'weights in {out}; R@1 on windows of unseen cameras by step: '
        f'{measured["validation_r_at_1"]}')
