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
Features that nobody trained for places: what a trained network has to beat.

The last maps of classifiers of ImageNet, averaged over a grid of 4 x 4 cells and L2-normalised.
All of them take images of 160 x 224 pixels.
"""

from __future__ import annotations

from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.mobile_trunk import load_public_trunk
from vpr_ros.networks.mobile_trunk import MobileTrunk
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import trunk

__all__ = ['mobilenet_v2', 'resnet18']

_TAP, _LAYER, _GRID = 13, 'layer3', 4
_HEIGHT, _WIDTH = 160, 224


class Untrained(PlaceNetwork):
    """
    The last map of a trunk averaged over a 4 x 4 grid.

    :param body: normalised images (B, 3, H, W) to maps, of which the last one (B, C, h, w) is
        taken, or to that map alone.
    :param channels: C.
    """

    def __init__(self, name: str, body: nn.Module, channels: int,
                 preprocessing: Preprocessing) -> None:
        super().__init__(name=name, dimension=channels * _GRID * _GRID,
                         preprocessing=preprocessing)
        self.trunk = body

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        found = self.trunk(images)
        features = found if isinstance(found, Tensor) else found[-1]
        pooled = F.adaptive_avg_pool2d(features, _GRID)
        return NetworkOutput(F.normalize(pooled.flatten(1)), None, features)


def mobilenet_v2(*, weights: str) -> Untrained:
    """
    Make the baseline of MobileNetV2's block 13: 1536-d.

    :param weights: ImageNet weights, batch norm folded, as safetensors.
    """
    body = MobileTrunk((_TAP,))
    load_public_trunk(body, weights)
    return Untrained('imagenet', body, body.channels[-1],
                     Preprocessing(_HEIGHT, _WIDTH, mean=(0.5,) * 3, std=(0.5,) * 3))


def resnet18(*, weights: str) -> Untrained:
    """
    Make the baseline of ResNet-18's layer3: 4096-d.

    :param weights: as of any trunk of torchvision: a file, whose batch norms may be folded into
        convolutions and which may lack what follows layer3; or "imagenet".
    """
    body = trunk('resnet18', _LAYER, weights=weights)
    return Untrained('imagenet_resnet18', body, body.channels,
                     imagenet_preprocessing(_HEIGHT, _WIDTH))
