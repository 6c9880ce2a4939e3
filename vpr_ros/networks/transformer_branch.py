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
Tokens of images and the transformer blocks that read them.

As in the compact convolutional transformers of Hassani et al. 2021 (CCT): two convolutions make
the tokens, and a block is ``x = LN1(x + Attention(LN0(x)))``, ``x = x + W2 GELU(W1 x)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch import Tensor
from torchvision.ops import StochasticDepth
from vpr_ros.networks.window_attention import WindowAttention
from vpr_ros.networks.window_attention import Windows

__all__ = ['Block', 'Branch', 'Size', 'TOKEN_PX', 'tokeniser']

# Two convolutions and two poolings, each of stride 2.
TOKEN_PX = 16

# Of the published training: dropout of attention, and how often a branch of a block is skipped,
# rising from 0 to 0.1 over the 14 blocks of the transformer whose first ones these are.
_DROPOUT = 0.1
_SKIP_STEP = 0.1 / 13


@dataclass(frozen=True)
class Size:
    """
    How large the network is; the published one by default.

    :param channels: of a token.
    :param stem: channels between the two convolutions.
    :param hidden: channels within the multi-layer perceptron of a block.
    :param blocks: of each branch.
    """

    channels: int = 384
    stem: int = 64
    heads: int = 6
    hidden: int = 1152
    blocks: int = 4


def tokeniser(size: Size) -> nn.Sequential:
    """Return what makes tokens (B, C, ceil(H / 16), ceil(W / 16)) of images (B, 3, H, W)."""
    layers: list[nn.Module] = []
    for before, after in ((3, size.stem), (size.stem, size.channels)):
        convolution = nn.Conv2d(before, after, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(convolution.weight)
        layers += [convolution, nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)]
    return nn.Sequential(*layers)


class Branch(nn.Module):
    """
    Blocks of attention and a last layer norm.

    :param absolute: whether tokens get learned absolute positions; the temporal branch has
        relative ones otherwise.
    """

    def __init__(self, windows: Windows, size: Size, *, absolute: bool,
                 average: bool = False) -> None:
        super().__init__()
        self.windows = windows
        self.positions = None
        if absolute:
            table = torch.empty(*windows.grid, size.channels)
            self.positions = nn.Parameter(nn.init.trunc_normal_(table, std=0.2))
        self.blocks = nn.ModuleList(
            Block(WindowAttention(size.channels, size.heads, windows, relative=not absolute,
                                  average=average, dropout=_DROPOUT), size, i * _SKIP_STEP)
            for i in range(size.blocks))
        self.norm = nn.LayerNorm(size.channels)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.trunc_normal_(part.weight, std=0.02)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)

    def forward(self, x: Tensor, *, watch: bool = True) -> tuple[Tensor, Tensor | None]:
        """
        Return tokens (B, S * h * w, C), and the attention they receive (B, S * h * w, 1).

        :param watch: whether to return the attention of the last block.
        """
        if self.positions is not None:
            frames = x.unflatten(1, (self.windows.frames, -1))
            x = (frames + self.positions.flatten(0, 1)).flatten(1, 2)
        received = None
        for i, block in enumerate(self.blocks):
            x, received = block(x, self.windows, watch=watch and i == len(self.blocks) - 1)
        return self.norm(x), received


class Block(nn.Module):
    """
    Attention among tokens, then a perceptron of each.

    :param depth: how often, in training, either is skipped for a frame.
    """

    def __init__(self, attention: WindowAttention, size: Size, depth: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(size.channels)
        self.attention = attention
        self.norm_mlp = nn.LayerNorm(size.channels)
        self.mlp = nn.Sequential(nn.Linear(size.channels, size.hidden), nn.GELU(),
                                 nn.Linear(size.hidden, size.channels))
        self.skip = StochasticDepth(depth, 'row')

    def forward(self, x: Tensor, windows: Windows, *,
                watch: bool) -> tuple[Tensor, Tensor | None]:
        """Return tokens (B, S * h * w, C) and, if watched, the attention they receive."""
        y, received = self.attention(self.norm_attention(x), windows, watch=watch)
        x = self.norm_mlp(x + self._skip(y, windows.frames))
        return x + self._skip(self.mlp(x), windows.frames), received

    def _skip(self, x: Tensor, frames: int) -> Tensor:
        return self.skip(x.unflatten(1, (frames, -1)).flatten(0, 1)).view_as(x)
