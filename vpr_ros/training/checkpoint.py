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

"""
Checkpoints: all that a training needs to go on as if it had never stopped.

One safetensors file with the tensors of the network, of the optimiser and of the plan, and the
rest as JSON in its metadata. It is written beside the last one and takes its place at once, so a
killed process leaves a whole file.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
import json
import os
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from vpr_ros.errors import VprError

__all__ = ['Checkpoint', 'read_checkpoint', 'save_whole', 'write_checkpoint']

_VERSION = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """
    The state after a step.

    :param tensors: group (network, optimiser, plan) -> name -> tensor.
    :param numbers: what else there is; JSON can hold it.
    """

    step: int
    recipe: str
    tensors: Mapping[str, Mapping[str, Tensor]]
    numbers: Mapping[str, Any]


def save_whole(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file that is there as a whole or not at all."""
    unfinished = path.with_name(f'.{path.name}.part')
    # A file holds no two tensors of one memory.
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
        mode = unfinished.stat().st_mode  # as the user's files are; the library makes its own
        save_file(plain, str(unfinished), metadata=dict(metadata))
        unfinished.chmod(mode)
        with open(unfinished, 'rb') as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise VprError(f'cannot write {path}: {error}; make room, or give another folder'
                       ) from error


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the one that was there is replaced when the new one is whole."""
    flat = {f'{group}:{name}': tensor for group, tensors in checkpoint.tensors.items()
            for name, tensor in tensors.items()}
    save_whole(path, flat, {
        'vpr_ros_checkpoint': str(_VERSION), 'step': str(checkpoint.step),
        'recipe': checkpoint.recipe, 'numbers': json.dumps(checkpoint.numbers)})


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; what is none is a VprError."""
    try:
        with safe_open(path, framework='pt') as file:
            metadata = dict(file.metadata() or {})
            flat = {name: file.get_tensor(name) for name in file.keys()}
        version = int(metadata.get('vpr_ros_checkpoint', '0'))
        if version != _VERSION:
            raise VprError(f'{path} is no checkpoint of version {_VERSION} of a training, but of '
                           f'{version or "another program"}: train anew into another folder')
        tensors: dict[str, dict[str, Tensor]] = {}
        for name, tensor in flat.items():
            group, _, rest = name.partition(':')
            tensors.setdefault(group, {})[rest] = tensor
        return Checkpoint(step=int(metadata['step']), recipe=metadata['recipe'], tensors=tensors,
                          numbers=json.loads(metadata['numbers']))
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise VprError(f'cannot read the checkpoint {path}: {error}') from error
