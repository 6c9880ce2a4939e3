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
The gradient of a whole batch, whatever the memory and however many processes share it.

Most losses here look at all pairs of a batch, so the mean of the gradients of its parts is not
the gradient of the batch. But a loss sees nothing except the outputs of the network: every process
computes it on the outputs of all of them, and with it the gradient of each output. That is then
carried back through the network part by part, each part computed again where not all of them fit
in memory at once (Gao et al. 2021, GradCache). It is exact, because no output of our networks
depends on the rest of the batch.
"""

from __future__ import annotations

from collections.abc import Callable

from lightning.fabric import Fabric
from lightning.fabric.wrappers import _FabricModule
import torch
from torch import Tensor
from vpr_ros.training.launch import gathered
from vpr_ros.training.objectives.base import Outputs
from vpr_ros.training.randomness import generator

__all__ = ['accumulate_gradients']


def accumulate_gradients(
        fabric: Fabric, module: _FabricModule, images: Tensor,
        loss: Callable[[Outputs], dict[str, Tensor]], *, chunk: int,
        seeds: tuple[int, ...]) -> dict[str, float]:
    """
    Add the gradient of the loss to the parameters.

    :param module: set up by ``fabric``; from images to named outputs, a row for each image.
    :param images: this process's share of the batch, as many as every other's, in [0, 1].
    :param loss: from the outputs of the whole batch, in float32, to the terms of the loss.
    :param chunk: images in memory at once; 0 for all.
    :param seeds: what dropout and the like are a function of.
    :returns: the terms.
    """
    parts = images.split(chunk or len(images))
    at_once = len(parts) == 1
    found: list[Outputs] = []
    for number, part in enumerate(parts):
        _seed(*seeds, fabric.global_rank, number)
        with torch.set_grad_enabled(at_once):
            found.append(module(part))
    whole = {name: gathered(fabric, torch.cat([o[name].detach() for o in found]).float()
                            ).requires_grad_() for name in found[0]}
    _seed(*seeds)
    terms = loss(whole)
    gradients = torch.autograd.grad(
        torch.stack(list(terms.values())).sum(), list(whole.values()), allow_unused=True)
    first = fabric.global_rank * len(images)
    for number, part in enumerate(parts):
        rows = slice(first, first + len(part))
        first += len(part)
        with fabric.no_backward_sync(module, enabled=number < len(parts) - 1):
            _seed(*seeds, fabric.global_rank, number)
            outputs = found[0] if at_once else module(part)
            carried = [(outputs[name].float() * gradient[rows]).sum()
                       for name, gradient in zip(whole, gradients, strict=True)
                       if gradient is not None]
            # Processes are averaged, and the gradient of each is a part of the sum.
            fabric.backward(fabric.world_size * torch.stack(carried).sum())
    return {name: float(term.detach()) for name, term in terms.items()}


def _seed(*numbers: int) -> None:
    """Seed dropout as a function of numbers, so that what is computed again is the same."""
    torch.manual_seed(int(generator(*numbers).integers(2 ** 63)))
