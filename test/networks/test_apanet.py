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


"""Attention over regions of a pyramid, against loops."""

import math

import numpy as np
import pytest
import torch
from vpr_ros.networks.apanet import CascadedAttention
from vpr_ros.networks.apanet import PyramidAggregation
from vpr_ros.networks.apanet import regions


def randomise(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return module


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum()


def literal_regions(height, width):
    found = []
    for n in (1, 2, 3):
        for row in range(n):
            for column in range(n):
                found.append((math.floor(row * height / (n + 1)),
                              math.ceil((row + 2) * height / (n + 1) - 1e-9),
                              math.floor(column * width / (n + 1) + 1e-9),
                              math.ceil((column + 2) * width / (n + 1) - 1e-9)))
    return found


@pytest.mark.parametrize(('height', 'width'), [(12, 12), (7, 10), (3, 4), (1, 1), (1, 9)])
def test_regions(height, width):
    found = [(y.start, y.stop, x.start, x.stop) for y, x in regions(height, width)]
    assert found == literal_regions(height, width)
    assert len(found) == 14
    assert found[0] == (0, height, 0, width)
    for level in (found[1:5], found[5:]):
        covered = np.zeros((height, width), int)
        for top, bottom, left, right in level:
            assert bottom > top and right > left
            covered[top:bottom, left:right] += 1
        assert covered.min() >= 1


def test_regions_overlap_by_half():
    rows = [y for y, _ in regions(12, 12)][5::3]
    assert [(y.start, y.stop) for y in rows] == [(0, 6), (3, 9), (6, 12)]


def literal_cascade(cascade, x):
    """Return the weighed sum (C,) and the weights (R,) of regions x (R, C)."""
    kernel = cascade.kernel.detach().numpy()
    matrix, bias = cascade.transfer.weight.detach().numpy(), cascade.transfer.bias.detach().numpy()
    count, channels = x.shape
    for block in range(2):
        scores = np.zeros(count)
        for r in range(count):
            for c in range(channels):
                scores[r] += kernel[c] * x[r, c]
        weights = softmax(scores)
        total = np.zeros(channels)
        for r in range(count):
            total += weights[r] * x[r]
        if block == 0:
            kernel = np.tanh(matrix @ total + bias)
    return total, weights


def literal_aggregation(network, maps):
    """Return the descriptor and the attention of maps (C_z, H, W)."""
    height, width = maps[0].shape[1:]
    cells = literal_regions(height, width)
    total, attention = 0.0, np.zeros((height, width))
    for align, cascade, x in zip(network.align, network.cascades, maps, strict=True):
        if isinstance(align, torch.nn.Conv2d):
            x = np.einsum('oc,cyx->oyx', align.weight.detach().numpy()[:, :, 0, 0], x)
        rows = []
        for top, bottom, left, right in cells:
            row = np.array([max(c[top:bottom, left:right].ravel()) for c in x])
            rows.append(row / np.linalg.norm(row))
        pooled, weights = literal_cascade(cascade, np.array(rows))
        total = total + pooled
        for weight, (top, bottom, left, right) in zip(weights, cells, strict=True):
            area = (bottom - top) * (right - left)
            attention[top:bottom, left:right] += weight / area / len(maps)
    return total / np.linalg.norm(total), attention


@pytest.mark.parametrize(('inputs', 'channels'), [((6,), 0), ((6,), 4), ((6, 3), 4)])
@pytest.mark.parametrize(('height', 'width'), [(6, 8), (5, 3), (1, 1)])
def test_aggregation_is_the_literal_one(inputs, channels, height, width):
    network = randomise(PyramidAggregation(inputs, channels=channels)).double()
    maps = [torch.randn(2, c, height, width, dtype=torch.float64) for c in inputs]
    result = network(maps)
    assert result.descriptors.shape == (2, channels or inputs[0])
    for image in range(2):
        wanted, attention = literal_aggregation(network, [m[image].numpy() for m in maps])
        np.testing.assert_allclose(result.descriptors[image].detach().numpy(), wanted, rtol=1e-9)
        np.testing.assert_allclose(result.attention[image].detach().numpy(), attention, rtol=1e-9)
        assert attention.sum() == pytest.approx(1.0)


def test_the_cascade_has_the_right_gradient():
    cascade = randomise(CascadedAttention(4)).double()
    names = [name for name, _ in cascade.named_parameters()]

    def run(x, *values):
        return torch.func.functional_call(cascade, dict(zip(names, values, strict=True)), (x,))

    x = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    parameters = [p.detach().clone().requires_grad_() for p in cascade.parameters()]
    assert torch.autograd.gradcheck(run, (x, *parameters))


def test_a_cascade_of_zeros_averages_and_a_new_one_learns():
    cascade = CascadedAttention(4)
    x = torch.randn(1, 14, 4)
    with torch.no_grad():
        cascade.transfer.weight.zero_()
        cascade.transfer.bias.zero_()
    pooled, weights = cascade(x)
    torch.testing.assert_close(weights, torch.full((1, 14), 1 / 14))
    torch.testing.assert_close(pooled, x.mean(dim=1))
    cascade = CascadedAttention(4)
    cascade(x)[0][0, 0].backward()
    assert all(p.grad.abs().sum() > 0 for p in cascade.parameters())


def test_a_projection():
    network = randomise(PyramidAggregation([5, 3], channels=4, dimension=2))
    assert network.dimension == 2
    found = network([torch.randn(3, 5, 4, 4), torch.randn(3, 3, 4, 4)]).descriptors
    assert found.shape == (3, 2)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))


def test_what_does_not_make_sense_is_refused():
    with pytest.raises(ValueError, match='2 maps need channels to be projected to, got 0'):
        PyramidAggregation([5, 3])
    with pytest.raises(ValueError, match='dimension must be 0 .* or more, got -1'):
        PyramidAggregation([5], dimension=-1)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_a_region_without_features(dtype):
    aggregation = PyramidAggregation([4]).to(dtype)
    maps = torch.rand(1, 4, 6, 6)
    maps[:, :, :3, :3] = 0
    with torch.no_grad():
        found = aggregation([maps.to(dtype)]).descriptors.float()
        wanted = aggregation.float()([maps]).descriptors
    assert float((found * wanted).sum()) == pytest.approx(1.0, abs=5e-3)
