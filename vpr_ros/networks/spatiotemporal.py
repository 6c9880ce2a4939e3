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
Sequence descriptors by spatio-temporal attention.

Zhao, Zhang, Cai, Tian, Mu, Ye, Feng: Learning Sequence Descriptor Based on Spatio-Temporal
Attention for Visual Place Recognition, RA-L 2023, as its published evaluation code computes it.
Two convolutions make tokens of a frame, those of a compact convolutional transformer (Hassani et
al. 2021). Two branches of four blocks read them side by side: the spatial one attends among the
tokens of one frame, the temporal one among the tokens in one window of all frames. A block is ::

    x = LN1(x + Attention(LN0(x)));  x = x + W2 GELU(W1 x)

The tokens of both branches are added, and those of all frames are described by one VLAD. The
encoding of a frame holds its tokens, what the spatial branch makes of them, and its attention.

Left out are the parts of the published network that it never uses: both pooling layers of the
transformer it was made from, and the table of absolute positions that the temporal branch has
beside its relative ones.

Our choice: the attention to draw is what each token of the newest frame receives in the last
block, averaged over heads and queries: of the spatial branch, or of the temporal one where it is
alone (and then averaged over the windows a token lies in, so that the rim is not darker).
Our choice: a grid that the windows do not cover is refused; the published code knows one grid.

As published, training leaves the tokeniser, absolute positions and last norms as they were in the
public transformer, and starts the clusters from what the spatial branch alone makes of frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
import math
from pathlib import Path
import re

import torch
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import unknown_name
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.checkpoints import rename
from vpr_ros.networks.heads import Head
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.precision import precise
from vpr_ros.networks.transformer_branch import Branch
from vpr_ros.networks.transformer_branch import Size
from vpr_ros.networks.transformer_branch import TOKEN_PX
from vpr_ros.networks.transformer_branch import tokeniser
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights
from vpr_ros.networks.window_attention import Windows

__all__ = ['convert', 'spatiotemporal', 'SpatioTemporal', 'VARIANTS']

VARIANTS: Mapping[str, Mapping[str, object]] = {
    'Spatio-temporal': {},
    'Only spatial': {'branches': 'spatial'},
    'Only temporal': {'branches': 'temporal'},
    'Projected (PCA)': {'dimension': 1024},
}

_BRANCHES = ('both', 'spatial', 'temporal')
_FOLDS = ('sum', 'average')
_POSITIONS = ('relative', 'absolute')

_PUBLISHED = Size()

# What a published checkpoint calls the parts, and the layers in them.
_PARTS = (
    (r'encoder\.spatial\.tokenizer\.conv_layers\.0\.0\.', 'tokeniser.0.'),
    (r'encoder\.spatial\.tokenizer\.conv_layers\.1\.0\.', 'tokeniser.3.'),
    (r'encoder\.spatial\.classifier\.', 'spatial.'),
    (r'encoder\.temporal\.', 'temporal.'),
    (r'aggregator\.conv\.weight$', 'head.vlad.assignment'),
    (r'aggregator\.centroids$', 'head.vlad.centroids'),
)
_LAYERS = (
    (r'(\w+)\.positional_emb$', r'\1.positions'),
    (r'(.+)\.pre_norm\.', r'\1.norm_attention.'),
    (r'(.+)\.norm1\.', r'\1.norm_mlp.'),
    (r'(.+)\.self_attn\.qkv\.', r'\1.attention.qkv.'),
    (r'(.+)\.self_attn\.proj\.', r'\1.attention.project.'),
    (r'(.+)\.self_attn\.rel_pos_h$', r'\1.attention.offsets.y'),
    (r'(.+)\.self_attn\.rel_pos_w$', r'\1.attention.offsets.x'),
    (r'(.+)\.self_attn\.rel_pos_t$', r'\1.attention.offsets.t'),
    (r'(.+)\.linear1\.', r'\1.mlp.0.'),
    (r'(.+)\.linear2\.', r'\1.mlp.2.'),
)


class SpatioTemporal(SequenceNetwork):
    """See :func:`spatiotemporal` for the options."""

    feature_map = True

    def __init__(self, *, sequence_length: int = 5, height: int = 384, width: int = 384,
                 window: int = 6, stride: int = 3, branches: str = 'both', fold: str = 'sum',
                 positions: str = 'relative', clusters: int = 64, dimension: int = 0,
                 size: Size = _PUBLISHED) -> None:
        for option, value, known in (('branches', branches, _BRANCHES), ('fold', fold, _FOLDS),
                                     ('positions', positions, _POSITIONS)):
            if value not in known:
                raise unknown_name(option, value, known)
        if clusters < 1:
            raise ValueError(f'clusters must be 1 or more, got {clusters}')
        head = Head('vlad', size.channels, clusters=clusters, dimension=dimension)
        super().__init__(name='spatiotemporal', dimension=head.dimension, length=sequence_length,
                         preprocessing=imagenet_preprocessing(height, width))
        self.grid = math.ceil(height / TOKEN_PX), math.ceil(width / TOKEN_PX)
        self.tokeniser = tokeniser(size)
        self.spatial: Branch | None = None
        self.temporal: Branch | None = None
        if branches != 'temporal':
            self.spatial = Branch(Windows(self.grid, self.grid), size, absolute=True)
        if branches != 'spatial':
            try:
                windows = Windows(self.grid, (window, window), stride=stride,
                                  frames=sequence_length)
            except ValueError as error:
                raise ValueError(f'{error} (a token is {TOKEN_PX} x {TOKEN_PX} pixels of '
                                 f'{height} x {width})') from error
            self.temporal = Branch(windows, size, absolute=positions == 'absolute',
                                   average=fold == 'average')
        self.head = head

    def encode_frames(self, images: Tensor) -> Tensor:
        """
        Encode normalised images (B, 3, H, W), each by itself.

        :returns: (B, h * w, E): for each token, side by side, itself if there is a temporal
            branch, and if there is a spatial one its result and the attention it received.
        """
        if tuple(images.shape[2:]) != (self.preprocessing.height, self.preprocessing.width):
            raise ValueError(
                f'this network was made for images of {self.preprocessing.height} x '
                f'{self.preprocessing.width} pixels, got {tuple(images.shape)}: resize them, or '
                'make it with other height and width')
        tokens = self.tokeniser(images).flatten(2).transpose(1, 2)
        parts = [] if self.temporal is None else [tokens]
        if self.spatial is not None:
            parts += self.spatial(tokens)
        return torch.cat(parts, dim=2)

    def spatial_tokens(self, encodings: Tensor) -> Tensor:
        """Return what the spatial branch made of frames, (..., h * w, C) of their encodings."""
        if self.spatial is None:
            raise ValueError('this network has no spatial branch')
        return encodings[..., -1 - self.head.vlad.centroids.shape[1]:-1]

    def aggregate(self, encodings: Tensor) -> NetworkOutput:
        """Describe sequences by the encodings (B, S, h * w, E) of their frames, oldest first."""
        if encodings.ndim != 4 or encodings.shape[1] != self.length:
            raise ValueError(f'{self.name} describes sequences of {self.length} frames: expected '
                             f'(B, {self.length}, h * w, E), got {tuple(encodings.shape)}')
        found = encodings.flatten(1, 2)
        c = self.head.vlad.centroids.shape[1]
        if self.temporal is None:
            described, attention = found[..., :c], found[..., c:]
        elif self.spatial is None:
            described, attention = self.temporal(found, watch=True)
        else:
            described, _ = self.temporal(found[..., :c], watch=False)
            described = described + found[..., c:2 * c]
            attention = found[..., 2 * c:]
        h, w = self.grid
        features = described.transpose(1, 2).unflatten(2, (-1, w))
        newest = precise(attention[:, -h * w:, 0])
        return NetworkOutput(
            self.head(features), (newest / newest.sum(dim=1, keepdim=True)).unflatten(1, (h, w)),
            features[:, :, -h:])


def spatiotemporal(*, sequence_length: int = 5, height: int = 384, width: int = 384,
                   window: int = 6, stride: int = 3, branches: str = 'both', fold: str = 'sum',
                   positions: str = 'relative', clusters: int = 64, dimension: int = 0,
                   weights: str = '', trunk_weights: str = '', seed: int = 0) -> SpatioTemporal:
    """
    Make the network.

    :param sequence_length: S, the frames that make one descriptor.
    :param height: of an image in pixels, as is width; a token is 16 x 16 pixels.
    :param window: tokens on each side of a window of the temporal branch.
    :param stride: tokens from one window to the next; they must cover all tokens.
    :param branches: 'both', or 'spatial' or 'temporal' alone.
    :param fold: what becomes of a token that several windows hold: 'sum' or 'average'.
    :param positions: of the temporal branch: 'relative' or 'absolute'.
    :param clusters: of VLAD; the descriptor has 384 numbers for each.
    :param dimension: size after a learned projection (the place of the paper's PCA); 0 for none.
    :param weights: a file of the whole network: ours, or a published checkpoint, whose tables of
        positions are interpolated where this grid, window or S is another; or 'random'.
    :param trunk_weights: a file of the transformer that both branches start from, CCT-14/7x2 at
        384 pixels, trained on ImageNet by Hassani et al.; or 'random'.
    :param seed: of random weights.
    """
    parts = part_weights('spatiotemporal', weights, trunk_weights=trunk_weights)
    with seeded(seed):
        network = SpatioTemporal(
            sequence_length=sequence_length, height=height, width=width, window=window,
            stride=stride, branches=branches, fold=fold, positions=positions, clusters=clusters,
            dimension=dimension)
    if parts['trunk_weights'] != 'random':
        _start_from_trunk(network, parts['trunk_weights'])
    load_network(network, weights, partial(convert, network=network))
    return network


def convert(tensors: Mapping[str, Tensor], network: SpatioTemporal) -> dict[str, Tensor]:
    """
    Make our names and sizes from those of a published checkpoint; ours stay as they are.

    Parts that the network has no use for are left out, and tables of positions are interpolated
    to its grid, window and S.
    """
    needed = network.state_dict()
    shaped = {name: _published_shape(name, tensor) for name, tensor in tensors.items()}
    named = rename(rename(shaped, _PARTS, drop=r'encoder\..*\.attention_pool\.'), _LAYERS)
    absent = [part for part, branch in (('spatial.', network.spatial),
                                        ('temporal.', network.temporal)) if branch is None]
    if 'temporal.positions' not in needed:
        absent.append('temporal.positions')
    return {name: _resized(name, tensor, needed[name].shape) if name in needed else tensor
            for name, tensor in named.items() if not name.startswith(tuple(absent))}


def _published_shape(name: str, tensor: Tensor) -> Tensor:
    """Return a published tensor in the shape that ours has; what is not one as it is."""
    if name == 'aggregator.conv.weight':
        return tensor.flatten(1)
    side = math.isqrt(tensor.shape[1]) if tensor.ndim == 3 else 0
    if name.endswith('.positional_emb') and len(tensor) == 1 and side * side == tensor.shape[1]:
        return tensor[0].unflatten(0, (side, side))
    return tensor


def _resized(name: str, tensor: Tensor, shape: torch.Size) -> Tensor:
    """Return a table of positions for another grid, window or S; anything else as it is."""
    if tensor.ndim != len(shape) or tensor.shape[-1] != shape[-1] or tensor.shape == shape:
        return tensor
    if name.endswith('.positions'):
        grid = tensor.permute(2, 0, 1)[None]
        return F.interpolate(grid, size=shape[:2], mode='bilinear')[0].permute(1, 2, 0)
    if '.offsets.' in name:
        return F.interpolate(tensor.T[None], size=shape[0], mode='linear')[0].T
    return tensor


def _start_from_trunk(network: SpatioTemporal, file: str) -> None:
    """Give both branches the first blocks of a compact convolutional transformer."""
    if file == 'imagenet':
        raise ValueError('torchvision has no trunk of this network to download: expected the file '
                         "of a CCT-14/7x2 in trunk_weights, or 'random', got 'imagenet'")
    tensors, _ = read_weights(Path(file))
    named = {}
    for name, tensor in tensors.items():
        number = re.match(r'classifier\.blocks\.(\d+)\.', name)
        if name.startswith('classifier.fc.') or number and int(number[1]) >= _PUBLISHED.blocks:
            continue
        named[f'encoder.spatial.{name}'] = tensor
        if name.startswith('classifier.'):
            named[f'encoder.temporal.{name.removeprefix("classifier.")}'] = tensor
    own = {name: tensor for name, tensor in network.state_dict().items()
           if name.startswith('head.') or '.offsets.' in name}
    load_weights(network, {**own, **convert(named, network)}, file)
