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

"""Random weights, the same on every run: what training starts from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ['initialise', 'seeded']


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw random numbers from a seed of one's own and leave the caller's generator as it was."""
    if type(seed) is not int:
        raise ValueError(f'seed must be a whole number, got {seed!r}')
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed the generators of accelerators as well, for good.
        torch.default_generator.manual_seed(seed)
        yield


def initialise(module: nn.Module) -> None:
    """
    Give convolutions, linear layers and batch norms random weights.

    As torchvision does for the networks it trains: He et al. 2015 (fan out) for convolutions, so
    that signals neither die nor explode on their way through a trunk without weights.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode='fan_out', nonlinearity='relu')
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.01)
        elif isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()
        if isinstance(part, nn.Conv2d | nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
