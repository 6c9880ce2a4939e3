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
Semantically-aware attentive neural embeddings (SAANE).

Seymour, Sikka, Chiu, Samarasekera, Kumar: Semantically-Aware Attentive Neural Embeddings for
Long-Term 2D Visual Localization, BMVC 2019. Mid-level appearance (the third stage of a ResNet-50
for ImageNet) and what the scene consists of (a PSPNet for ADE20K before its last convolution) are
fused (equation 1), attended through channels shared by both and locations of each (equations 2 and
3), fused again, and pooled over a pyramid of 30 cells: 7680-d.

Training, by the paper: both trunks frozen, all else by triplets of margin 0.5 on descriptors of
length 10 (:attr:`Saane.scale`; ours have length 1, as all networks here), distance-weighted
sampling, 16 places x 4 images, Adam 5e-5, weight decay 5e-4. Of AMOSNet all layers are trained.

Our choice, where the paper is silent:

- Images of 480 x 640, close to the crops of 473 x 473 that the PSPNet was trained with.
- All convolutions and the perceptron are without bias, as its equations are; the perceptron has a
  ReLU between its layers and reduces channels by 16, to 8 at least; the 7x7 convolution pads with
  zeros. These follow the equations of Woo et al. 2018 (CBAM), whose attention to one map this one
  extends.
- The semantic map (stride 8) is resized to the grid of the appearance (stride 16) bilinearly.
- The pyramid pools maxima, as He et al. 2014 do, who gave it the name. Averages of linear
  projections would say little: the coarse cells are sums of the fine ones. Option 'head': 'spp'
  for averages.
- Fusion has one projection where nothing is between two: App and App+Sem are pooled after
  equation 1. App-Att is SAANE without the semantic stream, with both its projections.
- AMOSNet (Chen et al. 2017), as the paper trains it on the same trunk: the map of the third stage
  itself under the same pyramid, 30,720-d. APANet: :mod:`vpr_ros.networks.apanet` on that map
  (1024-d); APANet-MM on both maps after equation 1 (256-d).
- Attention, for drawing: the mean of the spatial attentions of the modalities, normalised to sum
  1. The shared attention of channels has no place in an image.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import unknown_name
from vpr_ros.networks.apanet import PyramidAggregation
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.heads import Head
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.pspnet import PSPNet
from vpr_ros.networks.pspnet import pspnet
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.trunks import trunk as make_trunk

__all__ = ['Fusion', 'MultimodalAttention', 'saane', 'Saane', 'VARIANTS']

VARIANTS: Mapping[str, Mapping[str, object]] = {
    'SAANE': {},
    'App': {'variant': 'app'},
    'App+Sem': {'variant': 'app_sem'},
    'App-Att': {'variant': 'app_att'},
    'App-Att+Sem-Att': {'variant': 'app_att_sem_att'},
    'AMOSNet': {'variant': 'amosnet'},
    'APANet': {'variant': 'apanet'},
    'APANet-MM': {'variant': 'apanet_mm'},
    # Figure 3, beside the 256 of the paper's own.
    **{f'SAANE, C = {c}': {'channels': c} for c in (16, 32, 64, 128, 512)},
}


_LEAST_HIDDEN = 8


class _Design(NamedTuple):
    semantic: bool  # takes the semantic stream as well
    projected: bool  # has the projections of equation 1
    attention: str = ''  # of equations 2 and 3: '', 'shared' or 'separate'
    regions: bool = False  # APANet's in place of the pyramid


_DESIGNS = {
    'saane': _Design(True, True, 'shared'),
    'app': _Design(False, True),
    'app_sem': _Design(True, True),
    'app_att': _Design(False, True, 'shared'),
    'app_att_sem_att': _Design(True, True, 'separate'),
    'amosnet': _Design(False, False),
    'apanet': _Design(False, False, regions=True),
    'apanet_mm': _Design(True, True, regions=True),
}


class MultimodalAttention(nn.Module):
    """
    Attention to the channels that modalities share, and to the locations of each.

    :param modalities: how many spatial attentions are told from the fused map.
    """

    def __init__(self, channels: int, modalities: int, *, reduction: int = 16) -> None:
        super().__init__()
        if not 1 <= reduction <= channels:
            raise ValueError(f'reduction must be in 1..{channels}, the number of channels, got '
                             f'{reduction}')
        # One ReLU without bias may stay silent for every image, and what is silent never learns.
        hidden = max(channels // reduction, min(channels, _LEAST_HIDDEN))
        self.perceptron = nn.Sequential(nn.Linear(channels, hidden, bias=False), nn.ReLU(),
                                        nn.Linear(hidden, channels, bias=False))
        # One filter for each modality.
        self.spatial = nn.Conv2d(2, modalities, 7, padding=3, bias=False)

    def forward(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return the attention to channels (B, C) and to locations (B, modalities, H, W), in 0..1.

        :param fused: (B, C, H, W), the maps of all modalities as equation 1 fuses them.
        """
        channel = torch.sigmoid(self.perceptron(fused.mean(dim=(2, 3)))
                                + self.perceptron(fused.amax(dim=(2, 3))))
        refined = fused * channel[:, :, None, None]
        summary = torch.stack([refined.mean(dim=1), refined.amax(dim=1)], dim=1)
        return channel, torch.sigmoid(self.spatial(summary))


class Fusion(nn.Module):
    """
    Maps of one size, one per modality, to a single one: equations 1 to 3.

    :param inputs: channels of each map.
    :param channels: C of the common space.
    :param attention: '' for the sum of equation 1 alone; 'shared' for one attention told from it;
        'separate' for one told from each modality.
    """

    def __init__(self, inputs: Sequence[int], channels: int, attention: str = 'shared', *,
                 reduction: int = 16) -> None:
        super().__init__()
        self.separate = attention == 'separate'
        self.align = _projections(inputs, channels)
        self.attentions = nn.ModuleList()
        self.fuse = nn.ModuleList()
        if attention:
            groups = [1] * len(inputs) if self.separate else [len(inputs)]
            self.attentions.extend(MultimodalAttention(channels, modalities, reduction=reduction)
                                   for modalities in groups)
            self.fuse = _projections([channels] * len(inputs), channels)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """
        Return the fused map (B, C, H, W), and its attention (B, H, W) where it has any.

        :param maps: (B, C_z, H, W) for each modality z.
        """
        aligned = _each(self.align, maps)
        if not self.attentions:
            return torch.stack(aligned).sum(dim=0), None
        groups = [[m] for m in aligned] if self.separate else [aligned]
        attended, spatial = [], []
        for attention, group in zip(self.attentions, groups, strict=True):
            channel, locations = attention(torch.stack(group).sum(dim=0))
            spatial.append(locations)
            attended += [m * channel[:, :, None, None] * s[:, None]
                         for m, s in zip(group, locations.unbind(dim=1), strict=True)]
        drawn = torch.cat(spatial, dim=1).mean(dim=1)
        return (torch.stack(_each(self.fuse, attended)).sum(dim=0),
                drawn / drawn.sum(dim=(1, 2), keepdim=True))


class FusedEmbedding(nn.Module):
    """Fused maps under a head; without a fusion, the one map itself."""

    def __init__(self, fusion: Fusion | None, head: Head) -> None:
        super().__init__()
        self.fusion = fusion
        self.head = head
        self.dimension = head.dimension

    def forward(self, maps: Sequence[Tensor]) -> NetworkOutput:
        """Describe maps (B, C_z, H, W), one per modality."""
        fused, attention = self.fusion(maps) if self.fusion else (maps[0], None)
        return NetworkOutput(self.head(fused), attention, fused)


class Saane(PlaceNetwork):
    """
    One trunk per modality, and an embedding of their maps.

    :param scene: tells what the scene consists of; None for appearance alone.
    """

    feature_map = True
    scale = 10.0  # the length that the paper's loss gives to descriptors (alpha)

    def __init__(self, trunk: Trunk, scene: PSPNet | None,
                 embedding: FusedEmbedding | PyramidAggregation, *,
                 preprocessing: Preprocessing) -> None:
        super().__init__(name='saane', dimension=embedding.dimension, preprocessing=preprocessing)
        self.trunk = trunk
        self.scene = scene
        self.embedding = embedding

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return F^A (B, 1024, h, w), and F^S (B, 512, h, w) where the scene is read."""
        appearance = self.trunk(images)
        if self.scene is None:
            return [appearance]
        semantic = F.interpolate(self.scene.features(images), size=appearance.shape[2:],
                                 mode='bilinear', align_corners=False)
        return [appearance, semantic]

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        return self.embedding(self.maps(images))


def saane(*, variant: str = 'saane', channels: int = 256, reduction: int = 16,
          head: str = 'spp_max', dimension: int = 0, publication: str = 'semseg',
          height: int = 480, width: int = 640, weights: str = '', trunk_weights: str = '',
          semantic_weights: str = '', seed: int = 0) -> Saane:
    """
    Make SAANE, a variant of its Table 1, or a network it is compared with.

    :param variant: 'saane', 'app', 'app_sem', 'app_att', 'app_att_sem_att' (an attention of its
        own for each modality), 'amosnet', 'apanet' or 'apanet_mm'.
    :param channels: C, of the space that modalities are fused in.
    :param reduction: how many times fewer channels the perceptron has inside.
    :param head: 'spp_max' (the paper's), 'spp', 'gem', 'vlad', 'average', 'max' or 'flatten'.
    :param dimension: size after a learned projection; 0 for none, as in the paper.
    :param publication: whose PSPNet it is, see :mod:`vpr_ros.networks.pspnet`; a file of the whole
        network does not tell.
    :param weights: a file of the whole network, or 'random'; else its own parts are untrained.
    :param trunk_weights: 'imagenet', or a file of ResNet-50 with torchvision's names.
    :param semantic_weights: a file of a PSPNet for ADE20K, or the folder of the two that CSAIL
        publishes; none for variants of appearance alone.
    :param seed: of what is drawn at random.
    """
    if variant not in _DESIGNS:
        raise unknown_name('variant', variant, _DESIGNS)
    design = _DESIGNS[variant]
    _refuse_unused(variant, {
        'semantic_weights': bool(semantic_weights) and not design.semantic,
        'publication': publication != 'semseg' and not design.semantic,
        'channels': channels != 256 and not design.projected,
        'reduction': reduction != 16 and not design.attention,
        'head': head != 'spp_max' and design.regions})
    if channels < 1:
        raise ValueError(f'channels must be 1 or more, got {channels}')
    preprocessing = imagenet_preprocessing(height, width)
    sources = {'trunk_weights': trunk_weights}
    if design.semantic:
        sources['semantic_weights'] = semantic_weights
    parts = part_weights('saane', weights, **sources)
    with seeded(seed):
        trunk = make_trunk('resnet50', 'layer3', weights=parts['trunk_weights'])
        scene = None
        if design.semantic:
            scene = pspnet(weights=parts['semantic_weights'], publication=publication)
        inputs = [trunk.channels] if scene is None else [trunk.channels, scene.channels]
        grid = trunk.grid(height, width) if head == 'flatten' else (0, 0)
        embedding = _embedding(design, inputs, channels, reduction, dimension, head, grid)
        network = Saane(trunk, scene, embedding, preprocessing=preprocessing)
    load_network(network, weights)
    return network


def _embedding(design: _Design, inputs: Sequence[int], channels: int, reduction: int,
               dimension: int, head: str,
               grid: tuple[int, int]) -> FusedEmbedding | PyramidAggregation:
    if design.regions:
        return PyramidAggregation(inputs, channels=channels if design.projected else 0,
                                  dimension=dimension)
    fusion = None
    if design.projected:
        fusion = Fusion(inputs, channels, design.attention, reduction=reduction)
    return FusedEmbedding(fusion, Head(head, channels if fusion else inputs[0], grid=grid,
                                       dimension=dimension))


def _refuse_unused(variant: str, unused: Mapping[str, bool]) -> None:
    for option, given in unused.items():
        if given:
            raise ValueError(f'variant {variant!r} has no use for the option {option}: leave it '
                             'out, or take another variant')


def _projections(inputs: Sequence[int], channels: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Conv2d(c, channels, 1, bias=False) for c in inputs)


def _each(layers: nn.ModuleList, maps: Sequence[Tensor]) -> list[Tensor]:
    return [layer(m) for layer, m in zip(layers, maps, strict=True)]
