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

"""The attention of the embedded network: Chen et al.'s, made positive and free of sizes."""

import pytest
import torch
from torch.nn import functional as F
from vpr_ros.networks.compact import PositiveAttention

SIZES = [[(8, 10), (4, 5), (2, 3)], [(7, 9), (4, 5), (2, 3)], [(1, 1), (1, 1), (1, 1)],
         [(13, 5), (7, 3), (3, 1)], [(3, 31), (2, 16), (1, 8)]]


def random_attention(channels, scale=1.0):
    attention = PositiveAttention(channels).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return attention


@pytest.mark.parametrize('sizes', SIZES)
def test_attention_is_a_distribution(sizes):
    channels = (3, 5, 4)
    attention = random_attention(channels, scale=2.0).float()
    maps = [5.0 * torch.randn(2, c, *size) for c, size in zip(channels, sizes, strict=True)]
    result = attention(maps, sizes[1])
    assert result.shape == (2, *sizes[1])
    assert (result >= 0).all()
    torch.testing.assert_close(result.sum(dim=(1, 2)), torch.ones(2))


def test_layers_are_weighed_with_positive_weights():
    attention = random_attention((3, 2))
    maps = [torch.randn(1, c, 4, 6, dtype=torch.float64) for c in (3, 2)]  # one grid: no resizing
    weights, bias = F.softplus(attention.weight), F.softplus(attention.bias)
    total = bias + sum(w * 24 * layer(m)
                       for w, layer, m in zip(weights, attention.layers, maps, strict=True))
    torch.testing.assert_close(attention(maps, (4, 6)), total / total.sum())


def test_the_context_is_a_mean():
    # An image twice in a row has the context of one: only the columns at the seam see new ones.
    attention = random_attention((3,), scale=0.3)
    with torch.no_grad():
        attention.bias.fill_(-50.0)  # so that ratios are those of equation 6
        attention.layers[0].conv.weight.abs_()  # and ReLU cuts nothing off
        attention.layers[0].omega.abs_()
    image = torch.rand(1, 3, 4, 6, dtype=torch.float64)
    alone = attention([image], (4, 6))[0, :, 1:5]
    assert alone.max() > 1.5 * alone.min()
    twice = attention([image.repeat(1, 1, 1, 2)], (4, 12))[0, :, 1:5]
    torch.testing.assert_close(twice / twice.sum(), alone / alone.sum())


def test_each_layer_counts_the_same_whatever_its_size():
    # A peak on the fine grid is as heavy as one on the coarse grid: both have mean 1.
    attention = PositiveAttention((1, 1)).double()
    with torch.no_grad():
        attention.bias.fill_(-50.0)
        for layer in attention.layers:
            layer.omega.zero_()
            layer.conv.weight.zero_()
            layer.conv.weight[0, 0, 1, 1] = 1.0
            layer.conv.bias.zero_()
    fine = torch.zeros(1, 1, 4, 8, dtype=torch.float64)
    fine[..., 4:] = 3.0  # the right half
    coarse = torch.zeros(1, 1, 2, 4, dtype=torch.float64)
    coarse[..., :2] = 3.0  # the left half
    result = attention([fine, coarse], (2, 4))[0]
    torch.testing.assert_close(result, torch.full((2, 4), 1 / 8, dtype=torch.float64))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    attention = random_attention((8, 16), scale=0.1).float()
    maps = [8.0 * torch.rand(2, 8, 12, 14), 8.0 * torch.rand(2, 16, 6, 7)]
    with torch.no_grad():
        exact = attention(maps, (6, 7))
        half = attention.to(dtype)([m.to(dtype) for m in maps], (6, 7))
    assert half.dtype == dtype
    assert (half.float() - exact).abs().max() <= 0.05 * exact.max()


def test_images_of_a_batch_do_not_meet():
    attention = PositiveAttention((3, 4)).double()
    maps = [torch.randn(4, 3, 5, 7, dtype=torch.float64),
            torch.randn(4, 4, 3, 4, dtype=torch.float64)]
    together = attention(maps, (3, 4))
    for image in range(4):
        alone = attention([m[image:image + 1] for m in maps], (3, 4))
        torch.testing.assert_close(alone[0], together[image])


def test_a_map_per_layer_is_needed():
    with pytest.raises(ValueError, match='2 maps, got 1'):
        PositiveAttention((3, 4))([torch.randn(1, 3, 5, 5)], (5, 5))
