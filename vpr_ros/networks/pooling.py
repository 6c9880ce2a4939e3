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

"""Pooling of feature maps into vectors."""

from __future__ import annotations

from collections.abc import Sequence
import math

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.precision import precise

__all__ = ['GeM', 'attentive_pyramid_pool', 'gem', 'max_pyramid_pool']


def gem(features: Tensor, p: Tensor | float, eps: float = 1e-6) -> Tensor:
    """
    Pool by the generalised mean (Radenovic et al. 2018, equation 2).

    :param features: (B, C, H, W); values below ``eps`` count as ``eps``.
    :param p: 1 is the average, infinity the maximum.
    :returns: (B, C) in float32 at least: powers leave the range of half precision.
    """
    p = precise(p) if isinstance(p, Tensor) else p
    return precise(features).clamp(min=eps).pow(p).mean(dim=(2, 3)).pow(1.0 / p)


class GeM(nn.Module):
    """Generalised-mean pooling with a learnable exponent."""

    def __init__(self, p: float = 3.0) -> None:
        if not 0.0 < p < math.inf:
            raise ValueError(f'p must be finite and above 0, got {p!r}: 1 is the average, 3 usual')
        super().__init__()
        self.p = nn.Parameter(torch.tensor(float(p)))

    def forward(self, features: Tensor) -> Tensor:
        """Pool (B, C, H, W) to (B, C)."""
        return gem(features, self.p)


def attentive_pyramid_pool(features: Tensor, attention: Tensor, grids: Sequence[int]) -> Tensor:
    """
    Average attended features over the cells of several grids.

    Attention is rescaled to mean 1, so that uniform attention is plain average pooling, and it
    is not normalised within a cell: a cell of sky says little, and says it quietly.

    :param features: (B, C, H, W).
    :param attention: (B, H, W); where it is of both signs, its absolute values get mean 1.
    :param grids: cells per side, for example (4, 2, 1): 21 cells.
    :returns: (B, C * cells).
    """
    weight = attention / attention.abs().mean(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    weighted = features * weight[:, None]
    return torch.cat([F.adaptive_avg_pool2d(weighted, g).flatten(1) for g in grids], dim=1)


def max_pyramid_pool(features: Tensor, grids: Sequence[int]) -> Tensor:
    """
    Pool the largest of each channel over the cells of several grids (He et al. 2014).

    :param features: (B, C, H, W).
    :param grids: cells per side, for example (4, 3, 2, 1): 30 cells.
    :returns: (B, C * cells).
    """
    return torch.cat([F.adaptive_max_pool2d(features, g).flatten(1) for g in grids], dim=1)
