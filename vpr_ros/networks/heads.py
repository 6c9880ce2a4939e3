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
From a feature map and its attention to a descriptor: the heads that any trunk can end in.

Attention is rescaled to mean 1 where a head averages, so that even attention is none; where it has
both signs, its absolute values are. Pooling is done in float32 at least: in float16 the cube of a
feature overflows, and the smallest norm that can be divided by is 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import unknown_name
from vpr_ros.networks.pooling import attentive_pyramid_pool
from vpr_ros.networks.pooling import GeM
from vpr_ros.networks.pooling import max_pyramid_pool
from vpr_ros.networks.precision import precise
from vpr_ros.networks.vlad import locations
from vpr_ros.networks.vlad import normalise_vlad
from vpr_ros.networks.vlad import Vlad

__all__ = ['finish', 'Head', 'HEADS', 'projection']

HEADS = ('flatten', 'gem', 'spp', 'spp_max', 'vlad', 'average', 'max')


def projection(size: int, dimension: int) -> nn.Linear | None:
    """Return a learned projection to ``dimension`` numbers, or None where that is 0."""
    if dimension < 0:
        raise ValueError(f'dimension must be 0 (no projection) or more, got {dimension}')
    return nn.Linear(size, dimension) if dimension else None


def finish(pooled: Tensor, project: nn.Linear | None, dtype: torch.dtype) -> Tensor:
    """Return descriptors (B, D) of a precision: pooled (B, S), projected and L2-normalised."""
    if project is not None:
        pooled = precise(project(pooled.to(project.weight.dtype)))
    return F.normalize(pooled).to(dtype)


class Head(nn.Module):
    """
    A feature map (B, C, H, W) and its attention (B, H, W) to descriptors (B, D).

    :param kind: one of :data:`HEADS`.
    :param grid: (H, W) of the map; only 'flatten' needs it, and then takes no other.
    :param grids: cells per side of the pyramid of averages 'spp' and of maxima 'spp_max'.
    :param dimension: size after a learned projection; 0 for none.
    """

    def __init__(self, kind: str, channels: int, *, grid: tuple[int, int] = (0, 0),
                 clusters: int = 64, grids: Sequence[int] = (4, 3, 2, 1), p: float = 3.0,
                 dimension: int = 0) -> None:
        super().__init__()
        if kind not in HEADS:
            raise unknown_name('head', kind, HEADS)
        if kind == 'flatten' and min(grid) < 1:
            raise ValueError(f'a flattened descriptor needs the grid of the map, got {grid}')
        self.kind = kind
        self.grid = grid
        self.grids = tuple(grids)
        size = channels
        if kind == 'flatten':
            size *= grid[0] * grid[1]
        elif kind == 'gem':
            self.pool = GeM(p)
        elif kind in ('spp', 'spp_max'):
            size *= sum(g * g for g in grids)
        elif kind == 'vlad':
            self.vlad = Vlad(channels, clusters=clusters)
            size = self.vlad.dimension
        self.project = projection(size, dimension)
        self.dimension = dimension or size

    def forward(self, features: Tensor, attention: Tensor | None = None) -> Tensor:
        """Return L2-normalised descriptors; without attention all locations count alike."""
        pooled = self._pool(precise(features), None if attention is None else precise(attention))
        return finish(pooled, self.project, features.dtype)

    def _pool(self, features: Tensor, attention: Tensor | None) -> Tensor:
        if self.kind == 'flatten':
            if tuple(features.shape[2:]) != self.grid:
                raise ValueError(f'a flattened descriptor of {self.grid[0]} x {self.grid[1]} '
                                 f'locations cannot be made of {tuple(features.shape[2:])}: keep '
                                 'the input size of the network, or take another head')
            return (features if attention is None else features * attention[:, None]).flatten(1)
        if self.kind == 'spp':  # rescales attention itself
            even = features.new_ones(features[:, 0].shape)
            return attentive_pyramid_pool(
                features, even if attention is None else attention, self.grids)
        weight = None
        if attention is not None:
            size = attention.abs().mean(dim=(1, 2), keepdim=True)
            weight = attention / size.clamp(min=1e-12)
        if self.kind == 'vlad':
            return normalise_vlad(self.vlad(
                locations(features), None if weight is None else weight.flatten(1)))
        if weight is not None:
            features = features * weight[:, None]
        if self.kind == 'gem':
            return self.pool(features)
        if self.kind == 'spp_max':
            return max_pyramid_pool(features, self.grids)
        return features.amax(dim=(2, 3)) if self.kind == 'max' else features.mean(dim=(2, 3))
