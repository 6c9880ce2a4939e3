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

"""What Chen et al. compare with, against the equations of their papers, written out in loops."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.networks.attention_comparisons import AttentiveAttention
from vpr_ros.networks.attention_comparisons import cross_pool
from vpr_ros.networks.attention_comparisons import FixedContextAttention
from vpr_ros.networks.registry import create_network


def randomised(module, scale=0.5):
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return module.requires_grad_(False)


def literal_convolution(x, kernel, bias):
    """Return conv(x) (H, W) of x (C, H, W) with one kernel (C, k, k), location by location."""
    _, h, w = x.shape
    reach = kernel.shape[1] // 2
    result = np.full((h, w), bias)
    for row in range(h):
        for column in range(w):
            for dy in range(-reach, reach + 1):
                for dx in range(-reach, reach + 1):
                    if 0 <= row + dy < h and 0 <= column + dx < w:
                        result[row, column] += (kernel[:, dy + reach, dx + reach]
                                                @ x[:, row + dy, column + dx])
    return result


@pytest.mark.parametrize(('height', 'width'), [(4, 5), (9, 2)])
def test_fixed_context_is_the_literal_one(height, width):
    layer = randomised(FixedContextAttention(2), scale=0.1)
    x = torch.randn(2, 2, height, width, dtype=torch.float64)
    result = layer(x).numpy()
    sides = [f.kernel_size[0] for f in layer.filters]
    assert [(side, f.out_channels) for side, f in zip(sides, layer.filters, strict=True)] == [
        (3, 32), (5, 32), (7, 20)]
    for image in range(2):
        score = np.full((height, width), float(layer.accumulate.bias))
        seen = 0
        for convolution in layer.filters:
            for kernel, bias in zip(convolution.weight.numpy(), convolution.bias.numpy(),
                                    strict=True):
                response = np.maximum(0.0, literal_convolution(x[image].numpy(), kernel, bias))
                score += float(layer.accumulate.weight[0, seen, 0, 0]) * response
                seen += 1
        exponentials = np.exp(np.maximum(0.0, score))
        np.testing.assert_allclose(result[image], exponentials / exponentials.sum(), rtol=1e-9)


def test_fixed_context_starts_nearly_even_and_learns():
    layer = FixedContextAttention(64)
    attention = layer(torch.randn(1, 64, 6, 7).relu())
    assert attention.max() < 1.5 * attention.min()
    attention[0, 2, 3].log().backward()
    assert all(p.grad.abs().sum() > 0 for n, p in layer.named_parameters()
               if n != 'accumulate.bias')


def test_fixed_context_ends_at_its_rectangles():
    layer = randomised(FixedContextAttention(3), scale=0.1)
    x = torch.randn(1, 3, 9, 9, dtype=torch.float64)
    changed = x.clone()
    changed[..., 0] += 1.0
    ratio = (layer(changed) / layer(x))[0]
    # Columns 4 and on are more than three away: they change together, by the softmax.
    assert (ratio[:, 4:] / ratio[4, 8] - 1).abs().max() <= 1e-12
    assert (ratio[:, :4] / ratio[4, 8] - 1).abs().max() > 1e-3


def test_attentive_attention_is_the_literal_one():
    layer = randomised(AttentiveAttention(4, hidden=3))
    maps = [torch.randn(2, 9, 6, 6, dtype=torch.float64),
            torch.randn(2, 4, 2, 3, dtype=torch.float64)]
    result = layer(maps).numpy()
    first, second = layer.hidden, layer.score
    for image in range(2):
        for row in range(2):
            for column in range(3):
                x = maps[-1][image, :, row, column].numpy()
                hidden = np.maximum(0.0, first.weight.numpy()[:, :, 0, 0] @ x + first.bias.numpy())
                score = float(second.weight.numpy()[0, :, 0, 0] @ hidden + second.bias.numpy()[0])
                np.testing.assert_allclose(result[image, row, column], np.log1p(np.exp(score)),
                                           rtol=1e-9)


def test_with_an_average_attentive_is_the_weighted_sum_of_noh_et_al():
    network = create_network('context_attention', {
        'trunk': 'resnet18', 'taps': 'layer3', 'attention': 'attentive', 'head': 'average',
        'height': 64, 'width': 64, 'weights': 'random'})
    output = network(torch.rand(2, 3, 64, 64))
    weighted = (output.features * output.attention[:, None]).sum(dim=(2, 3))
    torch.testing.assert_close(output.descriptors, F.normalize(weighted))


@pytest.mark.parametrize(('size', 'grid'), [((4, 5), (4, 5)), ((6, 8), (3, 4)), ((1, 1), (1, 1))])
def test_cross_pooling_is_the_literal_one(size, grid):
    features = torch.randn(2, 3, *size, dtype=torch.float64)
    masks = torch.rand(2, 5, *grid, dtype=torch.float64)
    result = cross_pool(features, masks).numpy()
    assert result.shape == (2, 5, 3)
    step = size[0] // grid[0]
    for image in range(2):
        pooled = np.zeros((5, 3))
        for k in range(5):
            for row in range(grid[0]):
                for column in range(grid[1]):
                    cell = features[image, :, row * step:(row + 1) * step,
                                    column * step:(column + 1) * step].numpy()
                    pooled[k] += float(masks[image, k, row, column]) * cell.mean(axis=(1, 2))
        np.testing.assert_allclose(result[image], pooled / np.sqrt((pooled ** 2).sum()),
                                   rtol=1e-9)


def test_the_last_map_is_the_mask_of_the_map_before():
    network = create_network('context_attention', {
        'trunk': 'resnet18', 'taps': 'layer3.0,layer3.1', 'attention': 'cross_pooling',
        'height': 64, 'width': 80, 'weights': 'random'})
    images = torch.rand(2, 3, 64, 80)
    earlier, later = network.trunk.maps(network.normalise(images))
    output = network(images)
    wanted = torch.einsum('bkhw,bchw->bkc', later, earlier).flatten(1)
    torch.testing.assert_close(output.descriptors, F.normalize(wanted))
    assert torch.equal(output.features, earlier)
    torch.testing.assert_close(output.attention, later.sum(dim=1) / later.sum(dim=(1, 2, 3))[
        :, None, None])
    assert network(torch.rand(1, 3, 97, 50)).descriptors.shape == (1, 256 * 256)


@pytest.mark.parametrize('dimension', [0, 48])
def test_cross_pooling_may_be_projected(dimension):
    network = create_network('context_attention', {
        'trunk': 'resnet18', 'taps': 'layer1.0,layer1.1', 'attention': 'cross_pooling',
        'dimension': dimension, 'height': 64, 'width': 64, 'weights': 'random'})
    assert network.dimension == (dimension or 64 * 64)
    assert network(torch.rand(1, 3, 64, 64)).descriptors.shape == (1, network.dimension)


@pytest.mark.parametrize(('dtype', 'cosine'), [(torch.bfloat16, 0.99), (torch.float16, 0.9999)])
@pytest.mark.parametrize('options', [
    {'context': 'fixed', 'taps': 'layer1,layer2,layer3'},
    {'attention': 'attentive', 'taps': 'layer3'},
    {'attention': 'cross_pooling', 'taps': 'layer3.0,layer3.1'}])
def test_half_precision(options, dtype, cosine):
    network = create_network('context_attention', {
        'trunk': 'resnet18', 'height': 64, 'width': 64, 'weights': 'random', **options})
    images = torch.rand(2, 3, 64, 64)
    exact = network(images).descriptors
    half = network.to(dtype)(images).descriptors
    assert half.dtype == dtype
    assert torch.isfinite(half).all()
    assert (half.float() * exact).sum(dim=1).min() >= cosine


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_sums_that_float16_cannot_hold(dtype):
    features, masks = (40.0 * torch.rand(2, 1, 8, 14, 14)).to(dtype)
    assert (features.float() ** 2).sum() > 65504
    exact = cross_pool(features.double(), masks.double())
    pooled = cross_pool(features, masks)
    assert pooled.dtype == dtype
    assert (pooled - exact).abs().max() <= 0.005 * exact.max()
