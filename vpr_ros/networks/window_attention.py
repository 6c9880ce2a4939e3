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
Attention among tokens that share a window of the image, over all frames of a sequence.

Zhao et al. 2023. A window is one rectangle of the grid in every frame. One window as large as the
grid of one frame is the usual attention among all tokens of an image.
"""

from __future__ import annotations

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F

__all__ = ['WindowAttention', 'Windows']


class Windows(nn.Module):
    """
    Where the windows lie; the attention of every block reads it, and it has no weights.

    :param grid: (h, w) tokens of a frame.
    :param size: (rows, columns) tokens of a window.
    :param stride: tokens from one window to the next; where it is less than the size they overlap.
    :param frames: S. Tokens of a sequence are listed frame by frame, and row by row in a frame.
    """

    index: Tensor
    covers: Tensor
    reach: Tensor
    marks: Tensor

    def __init__(self, grid: tuple[int, int], size: tuple[int, int], *, stride: int = 1,
                 frames: int = 1) -> None:
        super().__init__()
        _refuse_uncovered(grid, size, stride)
        self.grid = grid
        self.size = size
        self.frames = frames
        self.register_buffer('index', _members(grid, size, stride, frames), persistent=False)
        counts = torch.bincount(self.index.flatten(), minlength=frames * grid[0] * grid[1])
        self.register_buffer('covers', counts[:, None].float(), persistent=False)
        reach, marks = _offsets(size, frames)
        self.register_buffer('reach', reach, persistent=False)
        self.register_buffer('marks', marks, persistent=False)

    def split(self, x: Tensor) -> Tensor:
        """Return the tokens (B * windows, T, ...) of each window, from all (B, S * h * w, ...)."""
        return x[:, self.index].flatten(0, 1)

    def join(self, x: Tensor) -> Tensor:
        """Return the average of each token over its windows: the way back of :meth:`split`."""
        values = x.unflatten(0, (-1, len(self.index))).flatten(1, 2)
        # A trace would keep len(values), where shape[0] stays as free as the batch.
        sums = values.new_zeros(values.shape[0], len(self.covers), *values.shape[2:])
        sums = sums.index_add(1, self.index.flatten(), values)
        return sums / self.covers.to(sums.dtype)


class WindowAttention(nn.Module):
    """
    Attention of several heads among the tokens of each window.

    With relative positions, decomposed over rows y, columns x and frames t and the same for all
    heads, ``logit = q.k / sqrt(e) + q.R_y[dy] + q.R_x[dx] + q.R_t[dt]``, where ``dy`` is the row
    of the query less that of the key, and so on. These terms depend on the key through its row,
    column and frame alone: they enter the dot product as more channels, the products with every
    row, column and frame at the query and a mark for its own at the key. So no table as large as
    all pairs of tokens is ever made.

    :param windows: for the sizes of the tables.
    :param relative: whether there are relative positions.
    :param average: overlapping windows are averaged instead of summed.
    :param dropout: of the attention, in training.
    """

    def __init__(self, channels: int, heads: int, windows: Windows, *, relative: bool = False,
                 average: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f'{channels} channels cannot be divided among {heads} heads: take a '
                             'number of heads that divides them')
        self.heads = heads
        self.average = average
        self.dropout = dropout
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.project = nn.Linear(channels, channels)
        self.offsets = nn.ParameterDict()
        if relative:
            for axis, extent in zip('yxt', (*windows.size, windows.frames), strict=True):
                table = torch.empty(2 * extent - 1, channels // heads)
                self.offsets[axis] = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))

    def forward(self, x: Tensor, windows: Windows, *,
                watch: bool = False) -> tuple[Tensor, Tensor | None]:
        """
        Attend.

        :param x: (B, S * h * w, C).
        :param watch: whether to return the attention too.
        :returns: (B, S * h * w, C), and the attention (B, S * h * w, 1) that a token receives in
            its windows, averaged over heads and queries.
        """
        # Projections are linear: they are done once per token, not once per window it lies in.
        qkv = windows.split(self.qkv(x).unflatten(2, (3, self.heads, -1)))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        scaled = q * q.shape[3] ** -0.5
        if self.offsets:
            q, k = self._with_offsets(q, scaled, k, windows)
        else:
            q = scaled
        received = None
        if watch:
            attention = torch.softmax(q @ k.transpose(2, 3), dim=3)
            received = windows.join(attention.mean(dim=(1, 2))[:, :, None])
            y = F.dropout(attention, self.dropout, self.training) @ v
        else:
            y = self._attend(q, k, v)
        y = self.project(windows.join(y.transpose(1, 2).flatten(2)))
        return (y if self.average else y * windows.covers.to(y.dtype)), received

    def _with_offsets(self, q: Tensor, scaled: Tensor, k: Tensor,
                      windows: Windows) -> tuple[Tensor, Tensor]:
        """Return queries and keys with the channels that carry relative positions."""
        tables = torch.cat([self.offsets[axis] for axis in 'yxt'])
        logits = torch.einsum('bhqe,qre->bhqr', q, tables[windows.reach])
        marks = windows.marks.to(k.dtype).expand(*k.shape[:3], -1)
        return torch.cat([scaled, logits], dim=3), torch.cat([k, marks], dim=3)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend without keeping the attention; its kernels want all vectors of one length."""
        y = F.scaled_dot_product_attention(
            q, k, F.pad(v, (0, q.shape[3] - v.shape[3])), scale=1.0,
            dropout_p=self.dropout if self.training else 0.0)
        return y[..., :v.shape[3]]


def _refuse_uncovered(grid: tuple[int, int], size: tuple[int, int], stride: int) -> None:
    """Raise ValueError unless every token lies in a window."""
    if min(size) < 1 or not 1 <= stride <= min(size):
        raise ValueError(f'windows have at least 1 token a side and a stride from 1 to their '
                         f'side, got windows of {size[0]} x {size[1]} and a stride of {stride}')
    nearest = [s + max(round((g - s) / stride), 0) * stride
               for g, s in zip(grid, size, strict=True)]
    if nearest != list(grid):
        raise ValueError(
            f'windows of {size[0]} x {size[1]} tokens every {stride} cannot cover a grid of '
            f'{grid[0]} x {grid[1]} tokens: take {nearest[0]} x {nearest[1]}, or other windows')


def _members(grid: tuple[int, int], size: tuple[int, int], stride: int, frames: int) -> Tensor:
    """Return which tokens each window holds, (windows, frames * rows * columns)."""
    tokens = torch.arange(frames * grid[0] * grid[1]).view(frames, *grid)
    cut = tokens.unfold(1, size[0], stride).unfold(2, size[1], stride)
    return cut.permute(1, 2, 0, 3, 4).reshape(-1, frames * size[0] * size[1])


def _offsets(size: tuple[int, int], frames: int) -> tuple[Tensor, Tensor]:
    """
    Return what relative positions are looked up by.

    :returns: for each token of a window as a query, where the tables of rows, columns and frames,
        one after the other, hold its offset to every row, column and frame; for each token as a
        key, ones at its own row, column and frame. Both (T, rows + columns + frames or more).
    """
    extents = (*size, frames)
    rows, columns, times = (torch.arange(n) for n in extents)
    t, y, x = torch.meshgrid(times, rows, columns, indexing='ij')
    reach = []
    marks = []
    first = 0
    for place, keys in ((y, rows), (x, columns), (t, times)):
        n = len(keys)
        reach.append(first + place.flatten()[:, None] - keys + n - 1)
        marks.append((place.flatten()[:, None] == keys).float())
        first += 2 * n - 1
    # Fused kernels want vectors of a length that 8 divides: what is added is marked nowhere.
    more = (0, -sum(extents) % 8)
    return F.pad(torch.cat(reach, dim=1), more), F.pad(torch.cat(marks, dim=1), more)
