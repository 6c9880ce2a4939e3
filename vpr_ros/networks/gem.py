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

from pathlib import Path

from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.assembly import load_whole
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.pooling import GeM
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.trunks import trunk as make_trunk
from vpr_ros.networks.weights import read_weights

__all__ = ['GemNetwork', 'gem']


class GemNetwork(PlaceNetwork):
    """A trunk, GeM pooling, L2; as many dimensions as the trunk has channels."""

    feature_map = True

    def __init__(self, trunk: Trunk, *, p: float, height: int, width: int) -> None:
        super().__init__(name='gem', dimension=trunk.channels,
                         preprocessing=imagenet_preprocessing(height, width))
        self.trunk = trunk
        self.pool = GeM(p)

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        features = self.trunk(images)
        descriptors = F.normalize(self.pool(features)).to(features.dtype)
        return NetworkOutput(descriptors, None, features)


def gem(*, trunk: str = 'resnet18', layer: str = '', weights: str = '', p: float = 3.0,
        height: int = 224, width: int = 224) -> GemNetwork:
    """
    Make GeM on a torchvision trunk.

    :param layer: where the trunk ends; empty for the usual one.
    :param weights: of the trunk: 'imagenet', a file or 'random', see
        :func:`vpr_ros.networks.trunks.trunk`; or a file of the whole network after training.
    :param p: the exponent to start with; 1 is the average, large is the maximum.
    """
    tensors = read_weights(Path(weights))[0] if Path(weights).is_file() else {}
    whole = 'pool.p' in tensors  # which no trunk has
    with seeded(0):
        body = make_trunk(trunk, layer, weights='random' if whole else weights)
    network = GemNetwork(body, p=p, height=height, width=width)
    if whole:
        load_whole(network, tensors, weights)
    return network
