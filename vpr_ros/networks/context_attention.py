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
Recognition, RA-L 2018. How much each location of an image counts is estimated from the location
and from the whole image, and which parts of the image are the context of which is learned::

    r_ij = x_i^T Omega x_j,  c_i = sum_j r_ij x_j      (2)  the context of location i
    M = C + X                                          (4)  or both side by side
    T = ReLU(conv3x3(M))                               (5)  one channel
    S(i) = exp T(i) / sum_l exp T(l)                   (6)  over all locations
    G = sum_k w_k S_k + b                              (7)  three layers, on the grid of the last
    F(p) = G o X_3(p)                                  (8)  for each channel p

Trunk VGG-16 at 224 x 224. F, flattened and L2-normalised, is the descriptor: 14 * 14 * 512 =
100,352 numbers. G may be negative, and F takes it as it is; NetworkOutput.attention, for
drawing, is its positive part, scaled to sum 1.

Our choice, where the paper leaves one:

- The two earlier layers are conv3_3 and conv4_3 beside conv5_3, all after their ReLU; one or two
  layers are the last of these.
- The masks of finer layers are averaged onto the grid of the last, so that every location counts.
- Equation 7 has a bias per layer; only their sum acts, so it is one number.
- The sum of equation 2 is the paper's own: it is not divided by the N of the image. Sums over
  locations reach 1e6 and float16 ends at 65,504, so from X to G all is float32 even where the
  network is half precision (and under autocast).
- N_k, the locations of layer k of a 224 x 224 image, are constants whatever image comes. Omega is
  kept as N_k Omega and starts as I / C; w_k is kept as w_k / N_k and starts as 1 / K of K layers;
  b starts as 0. So context starts as large as features are and G with mean 1, and one learning
  rate suits all (1e-6 and 1e3, what Omega and w would be, suit neither that nor float16). The
  convolution starts as nearly nothing and S nearly even.
- Heads other than 'flatten' are this project's.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import math

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import unknown_name
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.attention_comparisons import AttentiveAttention
from vpr_ros.networks.attention_comparisons import cross_pool
from vpr_ros.networks.attention_comparisons import FixedContextAttention
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.heads import Head
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.trunks import trunk as make_trunk

__all__ = [
    'context', 'context_attention', 'context_by_gram', 'context_by_responses',
    'ContextAttentionNetwork', 'ContextFlexibleAttention', 'LayerAttention', 'VARIANTS',
]

# Labels are the paper's (section IV.E, figures 4 to 7). Its "No Finetune" is
# "Finetune+NoAttent" with trunk_weights='imagenet': other weights, not other options. FAB-MAP is
# no network, and neither is SeqSLAM: that is `thumbnail` and the filter over time. Places365 is
# the network `places365`.
VARIANTS: Mapping[str, Mapping[str, object]] = {
    'Ours-full': {},
    'Finetune+NoAttent': {'attention': 'none'},
    'Finetune+Attent+NoContext': {'context': 'none'},
    'One layer': {'layers': 1},
    'Two layers': {'layers': 2},
    'Concatenation': {'merge': 'concat'},
    'Attentive Attention': {'attention': 'attentive'},
    'Fixed Context': {'context': 'fixed'},
    'Cross Pooling': {'attention': 'cross_pooling'},
}

_ATTENTIONS = ('context', 'attentive', 'cross_pooling', 'none')
_CONTEXTS = ('flexible', 'fixed', 'none')
_MERGES = ('sum', 'concat')
_PAPER_SIZE = (224, 224)
_VGG16_TAPS = ('features.15', 'features.22', 'features.29')  # conv3_3, conv4_3, conv5_3
_VGG16_CROSS_TAPS = ('features.27', 'features.29')  # conv5_2, conv5_3


def context(features: Tensor, omega: Tensor) -> Tensor:
    """
    Return the context of each location, ``c_i = sum_j (x_i^T Omega x_j) x_j`` (equation 2).

    The response r has no softmax, so the order of products is free, and the result exact in
    either. The one of fewer multiplications is taken: through the Gram matrix when there are more
    locations than channels (N > C), through the responses otherwise.

    :param features: (B, N, C).
    :param omega: (C, C).
    :returns: (B, N, C).
    """
    n, c = features.shape[1:]
    return (context_by_gram if n > c else context_by_responses)(features, omega)


def context_by_gram(features: Tensor, omega: Tensor) -> Tensor:
    """Return :func:`context` as ``(X Omega) (X^T X)``: 3 N C^2 multiplications."""
    return (features @ omega) @ (features.transpose(1, 2) @ features)


def context_by_responses(features: Tensor, omega: Tensor) -> Tensor:
    """Return :func:`context` as ``((X Omega) X^T) X``: N C^2 + 2 N^2 C multiplications."""
    return ((features @ omega) @ features.transpose(1, 2)) @ features


class LayerAttention(nn.Module):
    """
    The attention S that one layer gives each location (equations 2 to 6).

    :param with_context: False leaves the context out: M = X.
    :param concatenated: M is C beside X instead of their sum.
    :param locations: ``omega`` is Omega times this number; None for the locations of each image,
        which makes the context a mean instead of a sum.
    """

    def __init__(self, channels: int, *, with_context: bool = True, concatenated: bool = False,
                 locations: int | None = 1) -> None:
        super().__init__()
        self.concatenated = concatenated
        self.locations = locations
        self.omega = nn.Parameter(torch.eye(channels) / channels) if with_context else None
        self.conv = nn.Conv2d(channels * (2 if concatenated else 1), 1, 3, padding=1)
        nn.init.normal_(self.conv.weight, std=1e-3)
        assert self.conv.bias is not None
        nn.init.constant_(self.conv.bias, 0.5)  # above zero, or ReLU lets no gradient through

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, H, W), summing to 1 over each image, from (B, C, H, W); float32 at least."""
        with without_autocast(features):
            mixed = self._mixed(precise(features))
            assert self.conv.bias is not None
            score = F.relu(F.conv2d(mixed, precise(self.conv.weight), precise(self.conv.bias),
                                    padding=1))
            return torch.softmax(score.flatten(1), dim=1).reshape(score[:, 0].shape)

    def _mixed(self, features: Tensor) -> Tensor:
        """Return M (B, C or 2 C, H, W), equation 4."""
        if self.omega is None:
            return features
        x = features.flatten(2).transpose(1, 2)
        omega = precise(self.omega) / (self.locations or x.shape[1])
        c = context(x, omega).transpose(1, 2).reshape(features.shape)
        return torch.cat([c, features], dim=1) if self.concatenated else c + features


class ContextFlexibleAttention(nn.Module):
    """
    Attention from several layers, ``G = sum_k w_k S_k + b`` on the grid of the last (equation 7).

    :param layers: from a map (B, C_k, H_k, W_k) to S_k (B, H_k, W_k), one for each map.
    :param locations: N_k of each layer; ``weight`` is w_k divided by it.
    """

    def __init__(self, layers: Iterable[nn.Module], locations: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.locations = tuple(locations)
        self.weight = nn.Parameter(torch.full((len(self.layers),), 1.0 / len(self.layers)))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return G (B, h, w) of any sign, float32 at least, from a map of each layer."""
        if len(maps) != len(self.layers):
            raise ValueError(f'expected {len(self.layers)} maps, got {len(maps)}')
        grid = (maps[-1].shape[2], maps[-1].shape[3])
        total = precise(self.bias)
        for layer, n, weight, features in zip(self.layers, self.locations, precise(self.weight),
                                              maps, strict=True):
            total = total + weight * n * F.adaptive_avg_pool2d(layer(features), grid)
        return total


class ContextAttentionNetwork(PlaceNetwork):
    """
    A trunk, attention on its maps, and a head.

    :param attention: from the maps of the trunk to G (B, h, w) on the grid of the last, or None.
    """

    feature_map = True

    def __init__(self, trunk: Trunk, attention: nn.Module | None, head: Head, *, height: int,
                 width: int) -> None:
        super().__init__(name='context_attention', dimension=head.dimension,
                         preprocessing=imagenet_preprocessing(height, width))
        self.trunk = trunk
        self.attention = attention
        self.head = head

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W); 'flatten' takes the network's own size only."""
        features, mask = self.read(images)
        return NetworkOutput(self.head(features, mask), None if mask is None else _drawn(mask),
                             features)

    def read(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return X (B, C, h, w), the last map of normalised images, and its G (B, h, w) if any."""
        maps = self.trunk.maps(images)
        return maps[-1], None if self.attention is None else self.attention(maps)

    def attended(self, images: Tensor) -> Tensor:
        """Return F (B, C, h, w) of normalised images (equation 8), float32 at least."""
        features, mask = self.read(images)
        return precise(features) if mask is None else precise(features) * mask[:, None]


class CrossPoolingNetwork(PlaceNetwork):
    """A trunk whose last map is the attention of the map before it (Liu et al. 2017)."""

    feature_map = True

    def __init__(self, trunk: Trunk, *, dimension: int, height: int, width: int) -> None:
        head = Head('flatten', math.prod(trunk.map_channels), grid=(1, 1), dimension=dimension)
        super().__init__(name='context_attention', dimension=head.dimension,
                         preprocessing=imagenet_preprocessing(height, width))
        self.trunk = trunk
        self.head = head

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W) of any size."""
        features, masks = self.trunk.maps(images)
        pooled = cross_pool(features, masks).flatten(1)[:, :, None, None]
        return NetworkOutput(self.head(pooled), _drawn(precise(masks).sum(dim=1)),
                             features)


def _drawn(mask: Tensor) -> Tensor:
    """Return the positive part of (B, H, W), summing to 1 over each image; even when none is."""
    positive = precise(mask).clamp(min=0.0)
    total = positive.sum(dim=(1, 2), keepdim=True)
    even = torch.full_like(positive, 1.0 / positive[0].numel())
    return torch.where(total > 0.0, positive / total.clamp(min=1e-30), even)


def context_attention(
        *, attention: str = 'context', context: str = 'flexible', merge: str = 'sum',
        layers: int = 3, head: str = 'flatten', dimension: int = 0, trunk: str = 'vgg16',
        taps: str = '', weights: str = '', trunk_weights: str = '', height: int = 224,
        width: int = 224, seed: int = 0) -> PlaceNetwork:
    """
    Make context-flexible attention, or what its paper compares it with, on one trunk.

    :param attention: 'context' is the paper's; 'attentive' that of Noh et al. 2017, on the last
        map; 'cross_pooling' that of Liu et al. 2017, which is a head of its own; 'none' is the
        paper's "No Finetune" with trunk_weights='imagenet', and its "Finetune+NoAttent" after
        training.
    :param context: what attention sees beside a location: 'flexible' is the paper's, 'fixed' the
        rectangles of Kim et al. 2017, 'none' nothing.
    :param merge: 'sum' or 'concat' of features and flexible context.
    :param layers: how many of the taps attention reads, the last ones; 1 to 3.
    :param head: 'flatten' (the paper's), 'gem', 'spp', 'spp_max', 'vlad', 'average' or 'max'.
    :param dimension: size after a learned projection; 0 for none.
    :param trunk: any image classifier of torchvision.
    :param taps: its layers, earliest first, separated by commas, for any trunk but vgg16; as many
        as are read: ``layers`` of them, two for cross pooling, else one.
    :param weights: a file of the whole network, or 'random'.
    :param trunk_weights: instead of that, of the trunk alone: 'imagenet' or another name that
        torchvision publishes, or a file with its names of tensors.
    :param height: of the input in pixels, as is ``width``.
    :param seed: of the random weights.
    """
    _refuse_bad_options(attention, context, merge, layers, head)
    cuts = _cuts(trunk, taps, attention, layers)
    parts = part_weights('context_attention', weights, trunk_weights=trunk_weights)
    with seeded(seed):
        body = make_trunk(trunk, *cuts, weights=parts['trunk_weights'])
        grid = body.grid(height, width)
        network: PlaceNetwork
        if attention == 'cross_pooling':
            network = CrossPoolingNetwork(body, dimension=dimension, height=height, width=width)
        else:
            mask: nn.Module | None = None
            if attention == 'context':
                mask = _several_layers(body, context, merge)
            elif attention == 'attentive':
                mask = AttentiveAttention(body.channels)
            network = ContextAttentionNetwork(
                body, mask, Head(head, body.channels, grid=grid, dimension=dimension),
                height=height, width=width)
    load_network(network, weights)
    return network


def _several_layers(trunk: Trunk, context: str, merge: str) -> ContextFlexibleAttention:
    locations = [h * w for h, w in trunk.grids(*_PAPER_SIZE)]
    layers: list[nn.Module] = []
    for channels, n in zip(trunk.map_channels, locations, strict=True):
        layers.append(
            FixedContextAttention(channels) if context == 'fixed' else
            LayerAttention(channels, with_context=context == 'flexible',
                           concatenated=merge == 'concat', locations=n))
    return ContextFlexibleAttention(layers, locations)


def _refuse_bad_options(attention: str, context: str, merge: str, layers: int, head: str) -> None:
    for option, value, known in (('attention', attention, _ATTENTIONS),
                                 ('context', context, _CONTEXTS), ('merge', merge, _MERGES)):
        if value not in known:
            raise unknown_name(option, value, known)
    if layers not in (1, 2, 3):
        raise ValueError(f'layers must be 1, 2 or 3, got {layers!r}')
    if attention != 'context' and (context, merge, layers) != ('flexible', 'sum', 3):
        raise ValueError(f"context, merge and layers belong to attention 'context', got "
                         f'{attention!r} with {context!r}, {merge!r} and {layers}: leave them out')
    if context != 'flexible' and merge != 'sum':
        raise ValueError(f"merge {merge!r} needs context 'flexible', got {context!r}, which has "
                         'no context features to merge: leave merge out')
    if attention == 'cross_pooling' and head != 'flatten':
        raise ValueError(f'cross pooling is a head of its own and takes no head {head!r}: leave '
                         'head out')


def _cuts(trunk: str, taps: str, attention: str, layers: int) -> tuple[str, ...]:
    """Return the layers of the trunk that are read, earliest first."""
    count = {'context': layers, 'cross_pooling': 2}.get(attention, 1)
    if taps:
        named = tuple(tap.strip() for tap in taps.split(','))
        if len(named) != count or not all(named):
            raise ValueError(f'taps must name {count} layer{"s" if count > 1 else ""} of {trunk}, '
                             f'separated by commas, got {taps!r}')
        return named
    if trunk != 'vgg16':
        raise ValueError(f'trunk {trunk!r} needs taps: name {count} of its layers, earliest '
                         "first, separated by commas, such as 'layer1,layer2,layer3' of resnet18")
    return (_VGG16_CROSS_TAPS if attention == 'cross_pooling' else _VGG16_TAPS)[-count:]
