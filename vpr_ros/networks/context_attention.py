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
Context-flexible attention.

Chen, Liu, Sa, Ge, Chli: Learning Context Flexible Attention Model for Long-Term Visual Place
Recognition, RA-L 2018. The attention of a location is estimated from the whole image: how much of
which context matters is learned (equations 1 to 4), from several layers (equation 5).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F

__all__ = ['ContextFlexibleAttention', 'LayerAttention', 'context']


def context(features: Tensor, omega: Tensor) -> Tensor:
    """
    Return the context of each location, ``c_i = sum_j (x_i^T Omega x_j) x_j / N``.

    The bilinear response has no softmax, so the order of products is free: through the Gram
    matrix it costs 3 N C^2, through the responses N C^2 + 2 N^2 C; both are exact and the cheaper
    one is taken. Our choice: the sum is divided by N (the paper's is not), so that the context
    does not grow with the size of the image; features are scaled by N^-1/2 before each product,
    which also keeps half precision in range.

    :param features: (B, N, C).
    :param omega: (C, C).
    :returns: (B, N, C).
    """
    n, c = features.shape[1:]
    scaled = features * n ** -0.5
    projected = features @ omega
    if n > c:
        return projected @ (scaled.transpose(1, 2) @ scaled)
    return (projected @ scaled.transpose(1, 2)) @ scaled


class LayerAttention(nn.Module):
    """Context-flexible attention of one layer: ``S = softmax(ReLU(conv3x3(C + X)))``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Starts as the (scaled) correlation between locations; the map starts uniform.
        self.omega = nn.Parameter(torch.eye(channels) / channels)
        self.conv = nn.Conv2d(channels, 1, 3, padding=1)
        nn.init.normal_(self.conv.weight, std=1e-3)
        assert self.conv.bias is not None
        nn.init.constant_(self.conv.bias, 0.5)  # above zero, or ReLU lets no gradient through

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, H, W), summing to 1 over each image, from (B, C, H, W)."""
        b, c, h, w = features.shape
        x = features.flatten(2).transpose(1, 2)
        mixed = (context(x, self.omega) + x).transpose(1, 2).reshape(b, c, h, w)
        score = F.relu(self.conv(mixed))
        return torch.softmax(score.flatten(1), dim=1).reshape(b, h, w)


class ContextFlexibleAttention(nn.Module):
    """
    Attention from several layers, ``G = sum_l w_l S_l + b`` on one grid.

    Our choice: weights and bias pass through softplus, so that attention cannot be negative, and
    G is normalised to sum 1.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(LayerAttention(c) for c in channels)
        self.weight = nn.Parameter(torch.zeros(len(channels)))
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return (B, h, w) summing to 1, from one map (B, C_l, H_l, W_l) per layer."""
        if len(maps) != len(self.layers):
            raise ValueError(f'expected {len(self.layers)} maps, got {len(maps)}')
        total = F.softplus(self.bias)
        for layer, weight, features in zip(self.layers, F.softplus(self.weight), maps,
                                           strict=True):
            attention = layer(features)
            # Mean 1 on its own grid: resizing keeps that, whatever the sizes.
            attention = attention * (attention.shape[1] * attention.shape[2])
            resized = F.interpolate(attention[:, None], size=size, mode='bilinear',
                                    align_corners=False)[:, 0]
            total = total + weight * resized
        return total / total.sum(dim=(1, 2), keepdim=True)
