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

"""Generalised-mean pooling on any trunk: the simple, strong baseline (Radenovic et al. 2018)."""

from __future__ import annotations

import json

from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.pooling import GeM
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.trunks import trunk as make_trunk

__all__ = ['GemNetwork', 'gem']

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class GemNetwork(PlaceNetwork):
    """A trunk, GeM pooling, L2; as many dimensions as the trunk has channels."""

    def __init__(self, trunk: Trunk, *, p: float, height: int, width: int,
                 options: str = '{}') -> None:
        super().__init__(
            name='gem', dimension=trunk.channels, options=options,
            preprocessing=Preprocessing(height, width, IMAGENET_MEAN, IMAGENET_STD))
        self.trunk = trunk
        self.pool = GeM(p)

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        features = self.trunk(images)
        return NetworkOutput(F.normalize(self.pool(features)), None, features)


def gem(*, trunk: str = 'resnet18', layer: str = '', weights: str = '', p: float = 3.0,
        height: int = 224, width: int = 224) -> GemNetwork:
    """
    Make GeM on a torchvision trunk.

    :param weights: 'imagenet' or a .safetensors file, see :func:`vpr_ros.networks.trunks.trunk`.
    :param p: the exponent to start with; 1 is the average, large is the maximum.
    """
    # Weights are told by their hash, not by where they lie.
    options = json.dumps({'trunk': trunk, 'layer': layer, 'p': p, 'height': height,
                          'width': width}, sort_keys=True)
    return GemNetwork(make_trunk(trunk, layer=layer, weights=weights), p=p, height=height,
                      width=width, options=options)
