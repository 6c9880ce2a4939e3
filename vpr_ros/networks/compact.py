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
The network that ships inside the package.

A small trunk, context-flexible attention on three of its layers, attended averages over cells of
the image and a learned projection: 512-d from one pass, with a feature map for geometric
verification. Its weights are this project's own training result (``vpr_ros train compact``).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.context_attention import LayerAttention
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.initialisation import initialise
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.mobile_trunk import load_public_trunk
from vpr_ros.networks.mobile_trunk import MobileTrunk
from vpr_ros.networks.pooling import attentive_pyramid_pool
from vpr_ros.networks.precision import precise
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

__all__ = ['Compact', 'compact', 'evened', 'GRID', 'PositiveAttention']

_TAPS = (10, 13, 16)
GRID = 4
# Pixels; block 16 has one location for 32 x 32.
_SMALLEST = 32


class PositiveAttention(nn.Module):
    """
    The attention of Chen et al. 2018, made positive and independent of the image's size.

    Three differences: the context is the mean over locations instead of the sum; each S_k is
    rescaled to mean 1 on its own grid; w and b pass through softplus and G is normalised to sum 1.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(LayerAttention(c, locations=None) for c in channels)
        self.weight = nn.Parameter(torch.zeros(len(channels)))
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Return (B, h, w) >= 0, summing to 1, from one map (B, C_k, H_k, W_k) per layer."""
        if len(maps) != len(self.layers):
            raise ValueError(f'expected {len(self.layers)} maps, got {len(maps)}')
        total = F.softplus(precise(self.bias))
        weights = F.softplus(precise(self.weight))
        for layer, weight, features in zip(self.layers, weights, maps, strict=True):
            attention = layer(features)
            # Mean 1 on its own grid: resizing keeps that, whatever the sizes.
            attention = attention * (attention.shape[1] * attention.shape[2])
            resized = F.interpolate(attention[:, None], size=size, mode='bilinear',
                                    align_corners=False)[:, 0]
            total = total + weight * resized
        return (total / total.sum(dim=(1, 2), keepdim=True)).to(self.weight.dtype)


class Compact(PlaceNetwork):
    """Small trunk, context-flexible attention, attended cells, projection to 512-d."""

    feature_map = True

    def __init__(self, *, dimension: int = 512, features: int = 128, height: int = 240,
                 width: int = 320) -> None:
        super().__init__(
            name='compact', dimension=dimension,
            preprocessing=Preprocessing(height, width, mean=(0.5,) * 3, std=(0.5,) * 3))
        self.trunk = MobileTrunk(_TAPS)
        self.attention = PositiveAttention(self.trunk.channels)
        self.fuse = nn.Conv2d(sum(self.trunk.channels), features, 1, bias=False)
        self.project = nn.Linear(features * GRID * GRID, dimension)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return the features of the three layers side by side, and the attention.

        :param images: (B, 3, H, W) normalised.
        :returns: (B, C, H / 16, W / 16), and (B, H / 16, W / 16) that sums to 1.
        """
        maps = self.trunk(images)
        size = (maps[0].shape[2], maps[0].shape[3])
        attention = self.attention(maps, size)
        return torch.cat([_resized(evened(m), size) for m in maps], dim=1), attention

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W) of at least 32 x 32 pixels."""
        if min(images.shape[2:]) < _SMALLEST:
            raise ValueError(f'compact needs images of at least {_SMALLEST} x {_SMALLEST} pixels, '
                             f'got {tuple(images.shape)}')
        layers, attention = self.encode(images)
        features = self.fuse(layers)
        pooled = attentive_pyramid_pool(features, attention, (GRID,))
        return NetworkOutput(F.normalize(self.project(pooled)), attention, features)


def _resized(features: Tensor, size: tuple[int, int]) -> Tensor:
    if features.shape[2:] == size:
        return features
    return F.interpolate(features, size=size, mode='bilinear', align_corners=False)


def evened(features: Tensor) -> Tensor:
    """
    Bring the features of every image to one size: their squares get mean 1.

    Features of the night are small. Without this the projection, which takes the mean of all
    places away, would leave little more of them than that mean.

    :param features: (B, C, h, w).
    """
    power = precise(features).square().mean(dim=(1, 2, 3), keepdim=True)
    return (precise(features) * (power + 1e-6).rsqrt()).to(features.dtype)


def compact(*, weights: str = '', trunk_weights: str = '', dimension: int = 512,
            height: int = 240, width: int = 320, seed: int = 0) -> Compact:
    """
    Make the embedded network.

    :param weights: a .safetensors file of the same network; empty for the embedded ones; 'random'
        for training and trials.
    :param trunk_weights: a .safetensors file of a MobileNetV2 (1.0) with ImageNet weights, batch
        norm folded, to train the rest upon.
    :param dimension: of descriptors, to train; trained weights have theirs.
    :param height: pixels that an image is brought to, 32 at least; smaller is faster.
    :param width: see height.
    :param seed: of random weights.
    """
    if min(height, width) < _SMALLEST:
        raise VprError(f'compact takes images of at least {_SMALLEST} x {_SMALLEST} pixels, got '
                       f'height {height} and width {width}')
    if trunk_weights == 'imagenet':
        raise VprError("compact does not read torchvision's trunks: give in trunk_weights a "
                       '.safetensors file of a MobileNetV2 (1.0) whose batch norms are folded, '
                       'or leave it out to go on from the embedded weights')
    if trunk_weights:
        part_weights('compact', weights, trunk_weights=trunk_weights)
    if trunk_weights or weights == 'random':
        with seeded(seed):
            network = Compact(dimension=dimension, height=height, width=width)
            initialise(network.trunk)
        if trunk_weights:
            load_public_trunk(network.trunk, trunk_weights)
        return network
    if weights:
        tensors, _ = read_weights(Path(weights))
        source = weights
    else:
        source = 'vpr_ros/weights/compact.safetensors'
        embedded = resources.files('vpr_ros') / 'weights' / 'compact.safetensors'
        with resources.as_file(embedded) as path:
            tensors, _ = read_weights(path)
    network = Compact(dimension=_outputs(tensors, 'project.weight', 512),
                      features=_outputs(tensors, 'fuse.weight', 128), height=height, width=width)
    load_weights(network, tensors, source)
    return network


def _outputs(tensors: dict[str, Tensor], name: str, usual: int) -> int:
    """Return how many outputs a layer has; loading will tell when the tensor is none of ours."""
    tensor = tensors.get(name)
    return usual if tensor is None or tensor.numel() == 0 or tensor.ndim < 2 else len(tensor)
