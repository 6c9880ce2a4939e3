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
A small convolutional trunk: inverted residuals (Sandler et al. 2018, MobileNetV2).

It has no batch normalisation (folded into the convolutions), so results never depend on a batch,
and its parameter names are torchvision's ``mobilenet_v2`` names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

__all__ = ['load_public_trunk', 'MobileTrunk']

# (expansion, channels, repeats, first stride), Table 2 of the paper.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
           (6, 160, 3, 2), (6, 320, 1, 1))


class _Conv(nn.Sequential):
    """Convolution and clipped ReLU; a stride of two pads right and bottom only."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1,
                 groups: int = 1) -> None:
        self.pads_one_side = stride == 2
        padding = 0 if self.pads_one_side else kernel // 2
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups),
            nn.ReLU6())

    def forward(self, x: Tensor) -> Tensor:
        if self.pads_one_side:
            x = F.pad(x, (0, 1, 0, 1))
        for layer in self:
            x = layer(x)
        return x


class _InvertedResidual(nn.Module):

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers.append(_Conv(inputs, hidden, 1))
        layers.append(_Conv(hidden, hidden, 3, stride=stride, groups=hidden))
        layers.append(nn.Conv2d(hidden, outputs, 1))
        self.conv = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.shortcut else y


class MobileTrunk(nn.Module):
    """
    Feature maps of several depths.

    :param taps: which blocks to return, ascending; the trunk ends at the last. 6 is 32 channels
        at stride 8, 13 is 96 at stride 16, 16 is 160 at stride 32.
    """

    def __init__(self, taps: Sequence[int]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        blocks: list[nn.Module] = [_Conv(3, 32, 3, stride=2)]
        channels = [32]
        for expansion, outputs, repeats, first_stride in _STAGES:
            for repeat in range(repeats):
                blocks.append(_InvertedResidual(
                    channels[-1], outputs, stride=first_stride if repeat == 0 else 1,
                    expansion=expansion))
                channels.append(outputs)
        if not self.taps or list(self.taps) != sorted(set(self.taps)) or not (
                0 < self.taps[0] and self.taps[-1] < len(blocks)):
            raise ValueError(
                f'taps must be ascending block numbers in 1..{len(blocks) - 1}, got {taps}')
        self.features = nn.Sequential(*blocks[:self.taps[-1] + 1])
        self.channels = tuple(channels[tap] for tap in self.taps)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the tapped maps of images (B, 3, H, W) in [-1, 1]."""
        tapped = []
        x = images
        for number, block in enumerate(self.features):
            x = block(x)
            if number in self.taps:
                tapped.append(x)
        return tapped


def load_public_trunk(trunk: MobileTrunk, weights: str) -> None:
    """
    Load what a trunk needs of a whole MobileNetV2 (1.0); what follows it is left.

    :param weights: a file with torchvision's names of tensors, batch norm folded.
    """
    public, _ = read_weights(Path(weights))
    load_weights(trunk, {name: public[name] for name in trunk.state_dict() if name in public},
                 weights)
