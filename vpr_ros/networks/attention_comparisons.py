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
The attention models that Chen et al. 2018 compare theirs with, on any trunk.

**Fixed context.** Kim, Dunn, Frahm: Learned Contextual Feature Reweighting for Image
Geo-Localization, CVPR 2017. Rectangles of three sizes around each location: 32 filters of 3 x 3,
32 of 5 x 5 and 20 of 7 x 7, as in their published network, ReLU, summed up by a 1 x 1
convolution, ReLU. Our choice: nothing else differs from context-flexible attention. So the
filters see the grid as it is (theirs is halved before and doubled after), each layer has its own,
and the score passes the softmax of equation 6; for its sake the sum starts as a mean.

**Attentive.** Noh, Araujo, Sim, Weyand, Han: Large-Scale Image Retrieval with Attentive Deep Local
Features, ICCV 2017. Two 1 x 1 convolutions, the first with ReLU, then softplus. Our choice: 512
channels between them, as in their published network, and the attended map goes to whatever head
follows ('average' is theirs).

**Cross pooling.** Liu, Shen, van den Hengel: Cross-convolutional-layer Pooling for Image
Recognition, TPAMI 2017. Each channel k of a later layer is a mask for the features of an earlier
one, ``P_k = sum_i a_ik x_i``, and all P_k side by side are the descriptor. Our choice: conv5_2 is
pooled by conv5_3 of VGG-16; no PCA before, no power normalisation after.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast

__all__ = ['AttentiveAttention', 'cross_pool', 'FixedContextAttention']

# Side of the rectangle -> filters.
_FILTERS = {3: 32, 5: 32, 7: 20}


class FixedContextAttention(nn.Module):
    """The attention S that one layer gives each location, from rectangles around it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.filters = nn.ModuleList(
            nn.Conv2d(channels, count, side, padding=side // 2)
            for side, count in _FILTERS.items())
        count = sum(_FILTERS.values())
        self.accumulate = nn.Conv2d(count, 1, 1)
        nn.init.constant_(self.accumulate.weight, 1.0 / count)
        assert self.accumulate.bias is not None
        nn.init.zeros_(self.accumulate.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, H, W), summing to 1 over each image, from (B, C, H, W); float32 at least."""
        seen = torch.cat([F.relu(convolution(features)) for convolution in self.filters], dim=1)
        score = precise(F.relu(self.accumulate(seen)))
        return torch.softmax(score.flatten(1), dim=1).reshape(score[:, 0].shape)


class AttentiveAttention(nn.Module):
    """Attention from the features of each location alone."""

    def __init__(self, channels: int, hidden: int = 512) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(channels, hidden, 1)
        self.score = nn.Conv2d(hidden, 1, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return (B, H, W) > 0 on the grid of the last map (B, C, H, W)."""
        return F.softplus(self.score(F.relu(self.hidden(maps[-1]))))[:, 0]


def cross_pool(features: Tensor, masks: Tensor) -> Tensor:
    """
    Pool features once for each mask, ``P_k = sum_i a_ik x_i``.

    :param features: (B, C, H, W), averaged onto the grid of the masks where that is another.
    :param masks: (B, K, h, w).
    :returns: (B, K, C) with norm 1 over each image: the sums themselves would not fit float16.
    """
    grid = (masks.shape[2], masks.shape[3])
    with without_autocast(features):
        x = F.adaptive_avg_pool2d(precise(features), grid).flatten(2)
        pooled = precise(masks).flatten(2) @ x.transpose(1, 2)
        return F.normalize(pooled.flatten(1)).reshape(pooled.shape).to(features.dtype)
