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
"""Where a training runs: one process or those that torchrun started, CPU or GPU, and precision."""

from __future__ import annotations

import logging
import os

from lightning.fabric import Fabric
import torch
from torch import distributed
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.training.settings import RunSettings

__all__ = ['gathered', 'launch', 'leave', 'load_scaler_state', 'network_input', 'scaler_state']


def launch(run: RunSettings) -> Fabric:
    """Return the place to run; with torchrun, every process finds the others here."""
    local = int(os.environ.get('LOCAL_WORLD_SIZE', '1'))
    world = int(os.environ.get('WORLD_SIZE', '1'))
    gpu = run.accelerator == 'gpu' or (run.accelerator == 'auto' and torch.cuda.is_available())
    if gpu and not torch.cuda.is_available():
        raise VprError('run.accelerator=gpu, but PyTorch sees no GPU here: give cpu or auto')
    if run.precision == '16-mixed' and not gpu:
        raise VprError('run.precision=16-mixed needs a GPU: give bf16-mixed or 32-true')
    # Which process found which other ones is for those who look for it.
    logging.getLogger('lightning.fabric').setLevel(logging.WARNING)
    fabric = Fabric(accelerator='gpu' if gpu else 'cpu', devices=local,
                    num_nodes=max(1, world // local), strategy='ddp' if world > 1 else 'auto',
                    precision=run.precision)
    fabric.launch()
    return fabric


def leave(fabric: Fabric) -> None:
    """Part from the other processes when all have come to the end."""
    if fabric.world_size > 1:
        fabric.barrier()
        distributed.destroy_process_group()


def network_input(fabric: Fabric, images: Tensor) -> Tensor:
    """Return uint8 images where they are computed with, in [0, 1]."""
    scaled = fabric.to_device(images).float() / 255.0
    return scaled.contiguous(memory_format=torch.channels_last) if scaled.ndim == 4 else scaled


def gathered(fabric: Fabric, rows: Tensor) -> Tensor:
    """Return the rows of all processes, in the order of these; each gives as many."""
    if fabric.world_size == 1:
        return rows
    rows = rows.contiguous()
    parts = [torch.empty_like(rows) for _ in range(fabric.world_size)]
    distributed.all_gather(parts, rows)
    return torch.cat(parts)


def scaler_state(fabric: Fabric) -> dict[str, float]:
    """Return the scale of gradients in float16, as numbers; empty in other precisions."""
    scaler = getattr(fabric.strategy.precision, 'scaler', None)
    return dict(scaler.state_dict()) if scaler is not None else {}


def load_scaler_state(fabric: Fabric, state: dict[str, float]) -> None:
    """Go on with a scale that :func:`scaler_state` returned."""
    if state:
        fabric.strategy.precision.scaler.load_state_dict(state)  # type: ignore[attr-defined]
