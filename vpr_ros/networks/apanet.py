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
Attention over the regions of a pyramid, twice: the second asks what the first has found.

Zhu, Wang, Xie, Zheng: Attention-based Pyramid Aggregation Network for Visual Place Recognition,
ACM MM 2018, as Seymour et al. 2019 compare with it: maxima of overlapping regions of several sizes
are weighed by a cascade of two attention blocks and summed, so that a descriptor has as many
dimensions as the map has channels. Their PCA power whitening, a step after training, is no part.

Our choice, where we had no more than that: regions of 1, 2 and 3 per side that overlap by half (14
of them), L2-normalised before they are weighed and summed; weights are a softmax of ``v . x`` and
the second kernel is ``tanh(W s + b)`` of the first sum s, as in the cascade of Yang et al. 2017
(Neural Aggregation Network). The first kernel starts at zero: all regions count alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.precision import precise

__all__ = ['CascadedAttention', 'PyramidAggregation', 'regions']

_LEVELS = (1, 2, 3)


def regions(height: int, width: int,
            levels: Sequence[int] = _LEVELS) -> list[tuple[slice, slice]]:
    """Return the (rows, columns) of n x n regions of each level n; neighbours overlap by half."""
    return [(rows, columns) for level in levels
            for rows in _overlapping(height, level) for columns in _overlapping(width, level)]


def _overlapping(length: int, count: int) -> list[slice]:
    parts = count + 1  # of which a region covers two, rounded outwards
    return [slice(i * length // parts, -(-(i + 2) * length // parts)) for i in range(count)]


class CascadedAttention(nn.Module):
    """Two attention blocks over the regions (B, R, C) of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(channels))
        self.transfer = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return the weighed sum of regions (B, C), and their weights (B, R).

        :param x: (B, R, C), each L2-normalised.
        """
        first = torch.softmax(x @ self.kernel, dim=1)
        kernel = torch.tanh(self.transfer(_weighed(x, first)))
        second = torch.softmax((x @ kernel[:, :, None])[:, :, 0], dim=1)
        return _weighed(x, second), second


def _weighed(x: Tensor, weights: Tensor) -> Tensor:
    return (weights[:, None, :] @ x)[:, 0]


class PyramidAggregation(nn.Module):
    """
    Maps of one size, one per modality, to descriptors: a cascade for each, then their sum.

    :param inputs: channels of each map.
    :param channels: of the space that maps are projected to (equation 1 of Seymour et al.); 0 for
        none, which only a single map can have.
    :param dimension: size after a learned projection; 0 for none.
    """

    def __init__(self, inputs: Sequence[int], *, channels: int = 0, dimension: int = 0) -> None:
        super().__init__()
        if not channels and len(inputs) != 1:
            raise ValueError(f'{len(inputs)} maps need channels to be projected to, got 0')
        if dimension < 0:
            raise ValueError(f'dimension must be 0 (no projection) or more, got {dimension}')
        size = channels or inputs[0]
        self.align = nn.ModuleList(nn.Conv2d(c, channels, 1, bias=False) if channels
                                   else nn.Identity() for c in inputs)
        self.cascades = nn.ModuleList(CascadedAttention(size) for _ in inputs)
        self.project = nn.Linear(size, dimension) if dimension else nn.Identity()
        self.dimension = dimension or size

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput:
        """
        Describe maps (B, C_z, H, W).

        Attention, for drawing: each region spreads its weight evenly over its locations, averaged
        over the modalities.
        """
        aligned = [align(m) for align, m in zip(self.align, maps, strict=True)]
        cells = regions(aligned[0].shape[2], aligned[0].shape[3])
        sums, weights = [], []
        for cascade, features in zip(self.cascades, aligned, strict=True):
            maxima = torch.stack([features[:, :, y, x].amax(dim=(2, 3)) for y, x in cells], dim=1)
            pooled, weight = cascade(F.normalize(precise(maxima), dim=2).to(maxima.dtype))
            sums.append(pooled)
            weights.append(weight)
        total = self.project(torch.stack(sums).sum(dim=0))
        descriptors = F.normalize(precise(total)).to(total.dtype)
        attention = _spread(torch.stack(weights).mean(dim=0), cells, aligned[0])
        return NetworkOutput(descriptors, attention, torch.stack(aligned).sum(dim=0))


def _spread(weights: Tensor, cells: Sequence[tuple[slice, slice]], like: Tensor) -> Tensor:
    """Return (B, H, W) of the weights (B, R) of regions of a map (B, C, H, W)."""
    attention = torch.zeros_like(like[:, 0])
    for weight, (y, x) in zip(weights.unbind(dim=1), cells, strict=True):
        area = attention[0, y, x].numel()
        attention[:, y, x] += weight[:, None, None] / area
    return attention
