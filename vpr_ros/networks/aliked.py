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
ALIKED-n16: points and descriptors of an image (Zhao et al. 2023).

"ALIKED: A Lighter Keypoint and Descriptor Extraction Network via Deformable Transformation".
Four blocks at strides 1, 2, 8 and 32, the last two of deformable convolutions; their maps, resized
to the image, stand side by side. A head makes a score map of them, whose peaks, refined to parts
of a pixel, are the points. The sparse deformable descriptor head (SDDH) looks for each point at
M = 16 positions that it chooses itself, and adds up what it finds there.

Written after the paper; parts are named as in the weights that its authors publish (BSD-3-Clause).
Images are RGB in [0, 1], not normalised.

Our choices: the score of a point is that of its peak; where the border cuts off the surroundings
of a point, the nearest pixels of the map stand in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

__all__ = ['Aliked', 'Keypoints', 'peaks', 'refined']

# Smaller maps are padded up to a whole number of locations at the largest stride.
_STRIDE = 32
_RADIUS = 2  # peaks are this many pixels from one another and from the border
_TEMPERATURE = 0.1  # of the refinement
_KERNEL = 3  # surroundings that the positions of a descriptor are chosen by


class Keypoints(NamedTuple):
    """
    Points of one image, the best first.

    :param points: (N, 2) x, y in pixels; the centre of the first one is (0, 0).
    :param descriptors: (N, D) L2-normalised.
    :param scores: (N,) in (0, 1).
    """

    points: Tensor
    descriptors: Tensor
    scores: Tensor


def _plain(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)


class _Deformable(nn.Module):
    """A 3 x 3 convolution whose nine taps are where a second one puts them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.offset_conv = nn.Conv2d(inputs, 2 * 3 * 3, 3, padding=1)
        self.regular_conv = _plain(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        farthest = max(x.shape[2:]) / 4.0
        offsets = self.offset_conv(x).clamp(-farthest, farthest)
        return deform_conv2d(x, offsets, self.regular_conv.weight, padding=1)


class _Block(nn.Module):
    """Two convolutions with batch norm, and a way around them in all blocks but the first."""

    def __init__(self, inputs: int, outputs: int, *, deformable: bool = False,
                 residual: bool = True) -> None:
        super().__init__()
        self.conv1 = _Deformable(inputs, outputs) if deformable else _plain(inputs, outputs, 3)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _Deformable(outputs, outputs) if deformable else _plain(outputs, outputs, 3)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Conv2d(inputs, outputs, 1) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.selu(self.bn1(self.conv1(x)))))
        return F.selu(y if self.downsample is None else y + self.downsample(x))


class _Stack:
    """
    The maps of the blocks, each resized to the image, side by side and normalised, as X.

    X is never made as a whole: at full size it would take most of the time, and is read at a few
    thousand pixels.

    :param maps: (1, C_k, h_k, w_k) of one image that was padded; the first is as large as that.
    :param corner: x, y of the image in it.
    :param size: H, W of the image.
    """

    def __init__(self, maps: Sequence[Tensor], corner: tuple[int, int],
                 size: tuple[int, int]) -> None:
        self._maps = maps
        height, width = maps[0].shape[2:]
        self._scale = 2.0 / maps[0].new_tensor([width - 1, height - 1])
        self._corner = maps[0].new_tensor(corner)
        self.last = torch.tensor([size[1] - 1, size[0] - 1], device=maps[0].device)

    def at(self, pixels: Tensor) -> Tensor:
        """Return X (N, P, C) at pixels (N, P, 2) x, y."""
        places = ((pixels + self._corner) * self._scale - 1.0)[None]
        seen = [F.grid_sample(m, places, align_corners=True) for m in self._maps]
        return F.normalize(torch.cat(seen, dim=1)[0].permute(1, 2, 0), dim=2)

    def between(self, points: Tensor) -> Tensor:
        """Return X (N, P, C) at points (N, P, 2), bilinear; zero outside of the image."""
        first = points.floor()
        right, down = (points - first)[..., None].unbind(dim=2)
        total = torch.zeros((), device=points.device)
        for x, weight_x in ((0, 1.0 - right), (1, right)):
            for y, weight_y in ((0, 1.0 - down), (1, down)):
                pixels = first + first.new_tensor([x, y])
                inside = ((pixels >= 0) & (pixels <= self.last)).all(dim=2, keepdim=True)
                total = total + self.at(pixels) * (weight_x * weight_y * inside)
        return total


class _DescriptorHead(nn.Module):
    """
    The sparse deformable descriptor head.

    :param positions: M, where a descriptor looks.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        self.offset_conv = nn.Sequential(
            nn.Conv2d(channels, 2 * positions, _KERNEL), nn.SELU(),
            nn.Conv2d(2 * positions, 2 * positions, 1))
        self.sf_conv = nn.Conv2d(channels, channels, 1, bias=False)
        self.agg_weights = nn.Parameter(
            torch.randn(positions, channels, channels) / (positions * channels) ** 0.5)

    def forward(self, features: _Stack, points: Tensor) -> Tensor:
        """Return descriptors (N, C) of points (N, 2) x, y."""
        farthest = (float(features.last.max()) + 1.0) / 4.0
        around = _around(points.long(), _KERNEL, features.last)
        near = features.at(around).transpose(1, 2).unflatten(2, (_KERNEL, _KERNEL))
        offsets = self.offset_conv(near).clamp(-farthest, farthest)
        offsets = offsets.view(len(points), len(self.agg_weights), 2)
        seen = features.between(points[:, None] + offsets)
        seen = F.selu(F.linear(seen, self.sf_conv.weight[:, :, 0, 0]))
        return F.normalize(torch.einsum('npc,pcd->nd', seen, self.agg_weights))


class Aliked(nn.Module):
    """
    ALIKED; the sizes of n16 when left out.

    :param channels: of the four blocks.
    :param dimension: of a descriptor, a multiple of 4.
    :param positions: M, where a descriptor looks.
    """

    def __init__(self, channels: Sequence[int] = (16, 32, 64, 128), *, dimension: int = 128,
                 positions: int = 16) -> None:
        super().__init__()
        one, two, three, four = channels
        self.block1 = _Block(3, one, residual=False)
        self.block2 = _Block(one, two)
        self.block3 = _Block(two, three, deformable=True)
        self.block4 = _Block(three, four, deformable=True)
        self.conv1, self.conv2, self.conv3, self.conv4 = (
            _plain(c, dimension // 4, 1) for c in channels)
        self.score_head = nn.Sequential(
            _plain(dimension, 8, 1), nn.SELU(), _plain(8, 4, 3), nn.SELU(), _plain(4, 4, 3),
            nn.SELU(), _plain(4, 1, 3))
        self.desc_head = _DescriptorHead(dimension, positions)

    def forward(self, image: Tensor, count: int, threshold: float = 0.2) -> Keypoints:
        """
        Return at most ``count`` points of an image (3, H, W) with a score above the threshold.

        :param image: RGB in [0, 1].
        """
        height, width = image.shape[1:]
        down, right = -height % _STRIDE, -width % _STRIDE
        top, left = down // 2, right // 2
        maps = self.maps(F.pad(image[None], (left, right - left, top, down - top),
                               mode='replicate'))
        scores = self.scores(maps)[0, top:top + height, left:left + width]
        pixels = peaks(scores, count, threshold)
        points = refined(scores, pixels)
        descriptors = self.desc_head(_Stack(maps, (left, top), (height, width)), points)
        return Keypoints(points, descriptors, scores[pixels[:, 1], pixels[:, 0]])

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the blocks of images (B, 3, H, W), multiples of 32."""
        x1 = self.block1(images)
        x2 = self.block2(F.avg_pool2d(x1, 2))
        x3 = self.block3(F.avg_pool2d(x2, 4))
        x4 = self.block4(F.avg_pool2d(x3, 4))
        return [F.selu(conv(x)) for conv, x in (
            (self.conv1, x1), (self.conv2, x2), (self.conv3, x3), (self.conv4, x4))]

    def scores(self, maps: Sequence[Tensor]) -> Tensor:
        """Return (B, H, W) of the maps of the blocks."""
        # The first layer of the head is linear: it comes before resizing, on fewer locations.
        size = maps[0].shape[2:]
        first = self.score_head.get_parameter('0.weight')
        parts = first.split([m.shape[1] for m in maps], dim=1)
        total = F.conv2d(maps[0], parts[0])
        for features, weight in zip(maps[1:], parts[1:], strict=True):
            total = total + F.interpolate(F.conv2d(features, weight), size=size, mode='bilinear',
                                          align_corners=True)
        return torch.sigmoid(self.score_head[1:](total))[:, 0]


def peaks(scores: Tensor, count: int, threshold: float) -> Tensor:
    """
    Return the pixels (N, 2) x, y of the best peaks of a map (H, W), the best first.

    A peak is the largest in 5 x 5 pixels; so are those of what peaks leave over, two times more.
    """
    found = _largest_near(scores) == scores
    for _ in range(2):
        taken = _largest_near(found.to(scores.dtype)) > 0.0
        left = scores.masked_fill(taken, 0.0)
        found = found | ((_largest_near(left) == left) & ~taken)
    whole = torch.zeros_like(found)
    inner = slice(_RADIUS, -_RADIUS)
    whole[inner, inner] = found[inner, inner] & (scores[inner, inner] > threshold)
    y, x = torch.nonzero(whole, as_tuple=True)
    best = torch.argsort(scores[y, x], descending=True, stable=True)[:count]
    return torch.stack((x, y), dim=1)[best]


def _largest_near(values: Tensor) -> Tensor:
    """Return the largest of 5 x 5 values around each of (H, W)."""
    size = 2 * _RADIUS + 1
    rows = F.max_pool2d(values[None], (1, size), stride=1, padding=(0, _RADIUS))
    return F.max_pool2d(rows, (size, 1), stride=1, padding=(_RADIUS, 0))[0]


def refined(scores: Tensor, pixels: Tensor) -> Tensor:
    """
    Return peaks (N, 2) to parts of a pixel: the mean of 5 x 5 pixels, weighted by a softmax.

    :param scores: (H, W).
    :param pixels: (N, 2) x, y of the peaks.
    """
    last = pixels.new_tensor([scores.shape[1] - 1, scores.shape[0] - 1])
    around = _around(pixels, 2 * _RADIUS + 1, last)
    weights = torch.softmax(scores[around[..., 1], around[..., 0]] / _TEMPERATURE, dim=1)
    return (weights[..., None] * around).sum(dim=1)


def _around(pixels: Tensor, size: int, last: Tensor) -> Tensor:
    """
    Return the size * size pixels (N, P, 2) around pixels (N, 2), row by row.

    :param last: x, y of the last pixel of the image; those outside become the nearest inside.
    """
    steps = torch.arange(size, device=pixels.device) - size // 2
    y, x = torch.meshgrid(steps, steps, indexing='ij')
    around = pixels[:, None] + torch.stack((x.flatten(), y.flatten()), dim=1)
    return torch.minimum(around.clamp(min=0), last)
