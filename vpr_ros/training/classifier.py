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
Places as classes: what Chen et al. 2018 train attention with.

Every camera is a class. The attended map F of an image (equation 8) "goes through another
convolutional and fully-connected layer, followed by a softmax layer"; both are thrown away after
training, and F describes places that no class ever was.

Our choice, where the paper leaves one:

- The convolution is 3 x 3 to 256 channels, with ReLU. Averages over 4 x 4 cells, flattened, are
  what the one fully-connected layer reads, so that it still sees where something is; the F of 14 x
  14 locations itself would take 57 million weights for 1,136 classes, and one size of images.
- Softmax is part of the loss, so logits are returned. They start small: nothing is known.
- Where F is not what the descriptor is made of, the descriptor itself is classified: by the
  cosines to one direction for each class, times 30 (Wang, Xiang, Cheng, Yuille: NormFace, ACM MM
  2017, with a scale that is not learned; without any, the softmax of a thousand cosines could
  never be sure). So are trained: networks without attended map, and those whose head learns.
"""

from __future__ import annotations

from typing import TypeGuard

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.context_attention import ContextAttentionNetwork
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast

__all__ = ['CosineClassifier', 'MapClassifier', 'PlaceClassifier']


class MapClassifier(nn.Module):
    """
    Attended maps (B, C, h, w) to logits (B, classes).

    :param hidden: channels between the convolution and the fully-connected layer.
    :param cells: on each side of the grid that is flattened.
    """

    def __init__(self, channels: int, classes: int, *, hidden: int = 256, cells: int = 4) -> None:
        super().__init__()
        self.cells = cells
        self.conv = nn.Conv2d(channels, hidden, 3, padding=1)
        self.linear = nn.Linear(hidden * cells * cells, classes)
        for layer in (self.conv, self.linear):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity='relu')
        nn.init.normal_(self.linear.weight, std=1e-3)

    def forward(self, attended: Tensor) -> Tensor:
        """Return the logits, float32 at least: what G gathers in one place overflows float16."""
        with without_autocast(attended):
            x = F.relu(self.conv(precise(attended)))
            logits: Tensor = self.linear(F.adaptive_avg_pool2d(x, self.cells).flatten(1))
            return logits


class CosineClassifier(nn.Module):
    """Descriptors (B, D), L2-normalised, to logits (B, classes): scaled cosines."""

    def __init__(self, dimension: int, classes: int, *, scale: float = 30.0) -> None:
        super().__init__()
        self.scale = scale
        self.directions = nn.Parameter(F.normalize(torch.randn(classes, dimension)))

    def forward(self, descriptors: Tensor) -> Tensor:
        """Return the logits, float32 at least."""
        with without_autocast(descriptors):
            return self.scale * F.linear(precise(descriptors), F.normalize(self.directions))


class PlaceClassifier(nn.Module):
    """
    A network and what classifies places by it, trained together.

    :param classes: how many places, 2 at least.
    :param channels: of the convolution, where the attended map is classified.
    :param seed: of the classifier's first weights.
    """

    def __init__(self, network: PlaceNetwork, classes: int, *, channels: int = 256,
                 seed: int = 0) -> None:
        super().__init__()
        if classes < 2:
            raise VprError(f'classification needs 2 places at least, got {classes}')
        self.network = network
        with seeded(seed):
            self.classify: nn.Module = (
                MapClassifier(network.trunk.channels, classes, hidden=channels)
                if _is_flattened(network)
                else CosineClassifier(network.dimension, classes))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """
        Classify images.

        :param images: (B, 3, H, W) in [0, 1], or (B, S, 3, H, W) where the network reads
            sequences.
        :returns: ``logits`` (B, classes).
        """
        if _is_flattened(self.network):
            seen = self.network.attended(self.network.normalise(images))
        else:
            seen = self.network(images).descriptors
        return {'logits': self.classify(seen)}


def _is_flattened(network: PlaceNetwork) -> TypeGuard[ContextAttentionNetwork]:
    """Tell whether the descriptor is made of the attended map without anything that learns."""
    return (isinstance(network, ContextAttentionNetwork)
            and not any(True for _ in network.head.parameters()))
