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

"""Context-flexible attention against its equations, written out in loops."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.networks.context_attention import context
from vpr_ros.networks.context_attention import ContextFlexibleAttention
from vpr_ros.networks.context_attention import LayerAttention


def literal_context(x, omega):
    """Return c_i = sum_j (x_i^T Omega x_j) x_j / N for x (N, C), one product after the other."""
    n, c = x.shape
    result = np.zeros((n, c))
    for i in range(n):
        for j in range(n):
            response = 0.0
            for a in range(c):
                for b in range(c):
                    response += x[i, a] * omega[a, b] * x[j, b]
            result[i] += response * x[j] / n
    return result


# More locations than channels (Gram), fewer (responses), as many.
@pytest.mark.parametrize(('n', 'c'), [(20, 4), (4, 9), (6, 6), (7, 6), (1, 5), (9, 1)])
def test_context_is_the_triple_loop(n, c):
    x = torch.randn(2, n, c, dtype=torch.float64)
    omega = torch.randn(c, c, dtype=torch.float64)
    result = context(x, omega)
    assert result.shape == (2, n, c)
    for image in range(2):
        wanted = literal_context(x[image].numpy(), omega.numpy())
        error = np.abs(result[image].numpy() - wanted).max()
        assert error <= 1e-9 * np.abs(wanted).max()


def test_omega_is_not_transposed():
    x = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    omega = torch.tensor([[0.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    # Only x_0^T Omega x_1 = 2: location 0 sees location 1, not the other way around.
    wanted = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(context(x, omega)[0], wanted)


@pytest.mark.parametrize(('n', 'c'), [(7, 3), (3, 5)])
def test_context_has_the_right_gradient(n, c):
    x = torch.randn(2, n, c, dtype=torch.float64, requires_grad=True)
    omega = torch.randn(c, c, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(context, (x, omega))


def test_context_does_not_grow_with_the_image():
    x, omega = torch.randn(1, 30, 4, dtype=torch.float64), torch.randn(4, 4, dtype=torch.float64)
    torch.testing.assert_close(context(x.repeat(1, 5, 1), omega)[:, :30], context(x, omega))


@pytest.mark.parametrize(('n', 'c'), [(4096, 64), (49, 512)])
def test_context_stays_in_range_in_half_precision(n, c):
    x = 8 * torch.rand(1, n, c)
    omega = torch.eye(c) / c
    exact = context(x.double(), omega.double())
    half = context(x.half(), omega.half())
    assert torch.isfinite(half).all()
    assert (half.double() - exact).abs().max() <= 0.02 * exact.abs().max()


def literal_layer_attention(layer, x):
    """Return softmax(ReLU(conv3x3(C + X))) of x (C, H, W), location by location."""
    c, h, w = x.shape
    omega = layer.omega.detach().numpy()
    kernel, bias = layer.conv.weight.detach().numpy()[0], float(layer.conv.bias.detach())
    locations = x.reshape(c, h * w).T
    mixed = (literal_context(locations, omega) + locations).T.reshape(c, h, w)
    score = np.zeros((h, w))
    for row in range(h):
        for column in range(w):
            total = bias
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if 0 <= row + dy < h and 0 <= column + dx < w:
                        total += float(kernel[:, dy + 1, dx + 1]
                                       @ mixed[:, row + dy, column + dx])
            score[row, column] = max(0.0, total)
    return np.exp(score) / np.exp(score).sum()


def random_layer(channels):
    layer = LayerAttention(channels).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    return layer


@pytest.mark.parametrize(('channels', 'height', 'width'), [(3, 4, 5), (30, 3, 4), (2, 1, 7)])
def test_layer_attention_is_the_literal_one(channels, height, width):
    layer = random_layer(channels)
    x = torch.randn(2, channels, height, width, dtype=torch.float64)
    result = layer(x).detach().numpy()
    for image in range(2):
        wanted = literal_layer_attention(layer, x[image].numpy())
        np.testing.assert_allclose(result[image], wanted, rtol=1e-9)


@pytest.mark.parametrize(('channels', 'height', 'width'), [(2, 3, 3), (6, 2, 2)])
def test_layer_attention_has_the_right_gradient(channels, height, width):
    layer = random_layer(channels)
    names = [name for name, _ in layer.named_parameters()]
    x = torch.randn(2, channels, height, width, dtype=torch.float64, requires_grad=True)

    def run(images, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (images,))

    parameters = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(run, (x, *parameters))


def test_a_new_layer_starts_nearly_uniform_and_learns():
    layer = LayerAttention(8)
    attention = layer(torch.randn(1, 8, 6, 7))
    torch.testing.assert_close(attention, torch.full((1, 6, 7), 1 / 42), rtol=0.2, atol=0)
    attention[0, 2, 3].log().backward()
    assert all(p.grad.abs().sum() > 0 for n, p in layer.named_parameters() if n != 'conv.bias')


SIZES = [[(8, 10), (4, 5), (2, 3)], [(7, 9), (4, 5), (2, 3)], [(1, 1), (1, 1), (1, 1)],
         [(13, 5), (7, 3), (3, 1)], [(3, 31), (2, 16), (1, 8)]]


@pytest.mark.parametrize('sizes', SIZES)
def test_attention_is_a_distribution(sizes):
    channels = (3, 5, 4)
    attention = ContextFlexibleAttention(channels)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(2.0 * torch.randn_like(parameter))
    maps = [5.0 * torch.randn(2, c, *size) for c, size in zip(channels, sizes, strict=True)]
    result = attention(maps, sizes[1])
    assert result.shape == (2, *sizes[1])
    assert (result >= 0).all()
    torch.testing.assert_close(result.sum(dim=(1, 2)), torch.ones(2))


def test_layers_are_weighed_as_equation_5_says():
    attention = ContextFlexibleAttention((3, 2)).double()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.copy_(torch.randn_like(parameter))
    maps = [torch.randn(1, c, 4, 6, dtype=torch.float64) for c in (3, 2)]  # one grid: no resizing
    weights, bias = F.softplus(attention.weight), F.softplus(attention.bias)
    total = bias + sum(w * 24 * layer(m)
                       for w, layer, m in zip(weights, attention.layers, maps, strict=True))
    torch.testing.assert_close(attention(maps, (4, 6)), total / total.sum())


def test_each_layer_counts_the_same_whatever_its_size():
    # A peak on the fine grid is as heavy as one on the coarse grid: both have mean 1.
    attention = ContextFlexibleAttention((1, 1)).double()
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


def test_images_of_a_batch_do_not_meet():
    attention = ContextFlexibleAttention((3, 4)).double()
    maps = [torch.randn(4, 3, 5, 7, dtype=torch.float64),
            torch.randn(4, 4, 3, 4, dtype=torch.float64)]
    together = attention(maps, (3, 4))
    for image in range(4):
        alone = attention([m[image:image + 1] for m in maps], (3, 4))
        torch.testing.assert_close(alone[0], together[image])


def test_a_map_per_layer_is_needed():
    attention = ContextFlexibleAttention((3, 4))
    with pytest.raises(ValueError, match='2 maps, got 1'):
        attention([torch.randn(1, 3, 5, 5)], (5, 5))
