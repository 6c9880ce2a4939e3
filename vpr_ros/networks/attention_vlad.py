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
Attention-aware VLAD.

Wang, Li, Khademi, van Gemert: Attention-Aware Age-Agnostic Visual Place Recognition, 2019. AlexNet
up to conv5 before its ReLU gives x_i at each location. Attention is softplus of a 1x1 convolution
of ReLU(x), which nothing else sees. Equations 4 to 6:

- A1: ``sum_i w_i a_k(x_i) (x_i - c_k)`` weighs residuals (Nakka and Salzmann 2018);
- A2: ``sum_i w_i a_k(w_i x_i) (w_i x_i - c_k)`` weighs features before they are assigned;
- ours: A1 + A2,

normalised within each cluster, flattened (64 x 256 = 16,384 numbers) and L2-normalised.

Our choice: x_i is L2-normalised before it is weighed, never after, which would cancel w; max and
average pool conv5 as it is; A2 alone is offered too; attention starts as 1 nearly everywhere. The
paper's f_max+ and f_avg+ are f_max and f_avg with ``trunk_weights='imagenet'``, untrained.
"""

from __future__ import annotations

from collections.abc import Mapping
import math

from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import unknown_name
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.heads import finish
from vpr_ros.networks.heads import Head
from vpr_ros.networks.heads import projection
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.precision import precise
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.trunks import trunk as make_trunk
from vpr_ros.networks.trunks import vlad_layer
from vpr_ros.networks.vlad import locations
from vpr_ros.networks.vlad import normalise_vlad
from vpr_ros.networks.vlad import Vlad

__all__ = ['attention_vlad', 'AttentionVlad', 'AttentionVladNetwork', 'VARIANTS']

VARIANTS: Mapping[str, Mapping[str, object]] = {
    'f_our-VLAD': {},
    'f_A1-VLAD': {'variant': 'a1'},
    'f_A2-VLAD': {'variant': 'a2'},
    'f_VLAD': {'variant': 'vlad'},
    'f_max': {'variant': 'max'},
    'f_avg': {'variant': 'average'},
}

_ATTENTIVE = ('ours', 'a1', 'a2')
_PLAIN = ('vlad', 'max', 'average')


class AttentionVlad(nn.Module):
    """
    Pool a feature map (B, C, H, W) by VLAD with attention that it finds itself.

    :param variant: 'ours', 'a1' or 'a2'.
    :param dimension: size after a learned projection; 0 for none.
    """

    def __init__(self, channels: int, *, variant: str = 'ours', clusters: int = 64,
                 dimension: int = 0) -> None:
        super().__init__()
        if variant not in _ATTENTIVE:
            raise unknown_name('attentive aggregation', variant, _ATTENTIVE)
        self.variant = variant
        self.attention = nn.Conv2d(channels, 1, 1)
        nn.init.normal_(self.attention.weight, std=1e-3)
        assert self.attention.bias is not None
        nn.init.constant_(self.attention.bias, math.log(math.e - 1.0))  # softplus makes it 1
        self.vlad = Vlad(channels, clusters=clusters)
        self.project = projection(self.vlad.dimension, dimension)
        self.dimension = dimension or self.vlad.dimension

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return descriptors (B, D), L2-normalised, and attention w (B, H, W) >= 0."""
        weights = F.softplus(precise(self.attention(F.relu(features))))[:, 0]
        sums = self.sums(locations(features), weights.flatten(1))
        return finish(normalise_vlad(sums), self.project, features.dtype), weights

    def sums(self, x: Tensor, weights: Tensor) -> Tensor:
        """
        Return V of equations 4 to 6, before it is normalised.

        :param x: (B, N, C), L2-normalised.
        :param weights: (B, N).
        :returns: (B, K, C).
        """
        if self.variant == 'a1':
            return self.vlad(x, weights)
        weighed: Tensor = self.vlad(weights[:, :, None] * x, weights)
        return weighed if self.variant == 'a2' else weighed + self.vlad(x, weights)


class AttentionVladNetwork(PlaceNetwork):
    """A trunk and a pooling, attentive or not."""

    feature_map = True

    def __init__(self, trunk: Trunk, pool: AttentionVlad | Head, *, height: int,
                 width: int) -> None:
        super().__init__(name='attention_vlad', dimension=pool.dimension,
                         preprocessing=imagenet_preprocessing(height, width))
        self.trunk = trunk
        self.pool = pool

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        features = self.trunk(images)
        if isinstance(self.pool, Head):
            return NetworkOutput(self.pool(features), None, features)
        descriptors, weights = self.pool(features)
        drawn = weights / weights.sum(dim=(1, 2), keepdim=True)
        return NetworkOutput(descriptors, drawn.to(features.dtype), features)


def attention_vlad(*, variant: str = 'ours', trunk: str = 'alexnet', layer: str = '',
                   weights: str = '', trunk_weights: str = '', clusters: int = 64,
                   dimension: int = 0, height: int = 512, width: int = 512,
                   seed: int = 0) -> AttentionVladNetwork:
    """
    Make attention-aware VLAD.

    :param variant: 'ours' (A1 + A2), 'a1', 'a2', or without attention 'vlad', 'max', 'average'.
    :param trunk: any image classifier of torchvision.
    :param layer: where the trunk ends; empty for conv5 before its ReLU (alexnet, vgg16) or the
        usual layer.
    :param weights: of the whole network: a file or 'random'.
    :param trunk_weights: instead of that, of the trunk alone: 'imagenet' or another name that
        torchvision publishes, or a file with its names of tensors.
    :param clusters: of VLAD; for each the descriptor has as many numbers as the trunk channels.
    :param dimension: size after a learned projection (not in the paper); 0 for none.
    :param seed: of the weights that no file gives.
    """
    if variant not in _ATTENTIVE + _PLAIN:
        raise unknown_name('variant', variant, _ATTENTIVE + _PLAIN)
    parts = part_weights('attention_vlad', weights, trunk_weights=trunk_weights)
    with seeded(seed):
        body = make_trunk(trunk, vlad_layer(trunk, layer), weights=parts['trunk_weights'])
        pool = (AttentionVlad(body.channels, variant=variant, clusters=clusters,
                              dimension=dimension) if variant in _ATTENTIVE else
                Head(variant, body.channels, clusters=clusters, dimension=dimension))
        network = AttentionVladNetwork(body, pool, height=height, width=width)
    body.grid(height, width)  # refuses images that are too small
    load_network(network, weights)
    return network
