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

"""Pooling against loops."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.networks.pooling import attentive_pyramid_pool
from vpr_ros.networks.pooling import GeM
from vpr_ros.networks.pooling import gem
from vpr_ros.networks.pooling import max_pyramid_pool


def literal_gem(x, p, eps=1e-6):
    result = np.zeros(x.shape[:2])
    for b in range(x.shape[0]):
        for c in range(x.shape[1]):
            total, count = 0.0, 0
            for value in x[b, c].ravel():
                total += max(value, eps) ** p
                count += 1
            result[b, c] = (total / count) ** (1 / p)
    return result


@pytest.mark.parametrize('p', [1.0, 2.0, 3.0, 4.7])
def test_gem_is_the_loop(p):
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)  # negative values count as eps
    np.testing.assert_allclose(gem(x, p).numpy(), literal_gem(x.numpy(), p), rtol=1e-10)


def test_gem_of_one_is_the_average():
    x = torch.rand(2, 3, 4, 5, dtype=torch.float64) + 0.1
    torch.testing.assert_close(gem(x, 1.0), x.mean(dim=(2, 3)))


def test_gem_of_a_large_p_is_the_maximum():
    x = torch.rand(2, 3, 4, 5, dtype=torch.float64) + 0.1
    torch.testing.assert_close(gem(x, 300.0), x.amax(dim=(2, 3)), rtol=0.02, atol=0)
    assert (gem(x, 300.0) <= x.amax(dim=(2, 3))).all()


def test_gem_learns_its_exponent():
    pool = GeM(2.5)
    assert [name for name, _ in pool.named_parameters()] == ['p']
    x = torch.rand(1, 2, 3, 3)
    torch.testing.assert_close(pool(x), gem(x, 2.5))
    pool(x).sum().backward()
    assert pool.p.grad > 0  # a larger exponent is a larger mean


def literal_pyramid(features, attention, grids):
    """Average w x over each cell of each grid, with cells as adaptive pooling cuts them."""
    b, c, h, w = features.shape
    rows = []
    for image in range(b):
        mean = attention[image].sum() / (h * w)
        row = []
        for g in grids:
            for channel in range(c):
                for i in range(g):
                    for j in range(g):
                        total, count = 0.0, 0
                        for y in range((i * h) // g, -((-(i + 1) * h) // g)):
                            for x in range((j * w) // g, -((-(j + 1) * w) // g)):
                                total += (features[image, channel, y, x]
                                          * attention[image, y, x] / mean)
                                count += 1
                        row.append(total / count)
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize(('height', 'width'), [(8, 8), (10, 14), (5, 7), (2, 3), (1, 1)])
def test_pyramid_is_the_loop(height, width):
    features = torch.randn(2, 3, height, width, dtype=torch.float64)
    attention = torch.rand(2, height, width, dtype=torch.float64)
    result = attentive_pyramid_pool(features, attention, (4, 2, 1))
    assert result.shape == (2, 3 * 21)
    np.testing.assert_allclose(
        result.numpy(), literal_pyramid(features.numpy(), attention.numpy(), (4, 2, 1)),
        rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('level', [1.0, 1 / 63, 7.0])
def test_uniform_attention_is_average_pooling(level):
    features = torch.randn(2, 3, 7, 9)
    result = attentive_pyramid_pool(features, torch.full((2, 7, 9), level), (4, 2, 1))
    plain = torch.cat([F.adaptive_avg_pool2d(features, g).flatten(1) for g in (4, 2, 1)], dim=1)
    torch.testing.assert_close(result, plain)


def test_what_gets_no_attention_does_not_count():
    attention = torch.ones(1, 4, 4)
    attention[:, :2] = 0.0
    features = torch.rand(1, 2, 4, 4)
    changed = features.clone()
    changed[:, :, :2] = 1000.0
    torch.testing.assert_close(attentive_pyramid_pool(features, attention, (2, 1)),
                               attentive_pyramid_pool(changed, attention, (2, 1)))


def test_no_attention_at_all_is_zero_not_nan():
    pooled = attentive_pyramid_pool(torch.rand(1, 2, 4, 4), torch.zeros(1, 4, 4), (2, 1))
    assert (pooled == 0).all()


@pytest.mark.parametrize(('height', 'width'), [(8, 8), (10, 14), (5, 7), (2, 3), (1, 1)])
def test_pyramid_of_maxima_is_the_loop(height, width):
    features = torch.randn(2, 3, height, width, dtype=torch.float64)
    wanted = []
    for grid in (4, 3, 1):
        for channel in range(3):
            for row in range(grid):
                for column in range(grid):
                    cell = features[1, channel,
                                    math.floor(row * height / grid):
                                    math.ceil((row + 1) * height / grid),
                                    math.floor(column * width / grid):
                                    math.ceil((column + 1) * width / grid)]
                    wanted.append(max(cell.flatten().tolist()))
    result = max_pyramid_pool(features, (4, 3, 1))
    assert result.shape == (2, 3 * 26)
    assert result[1].tolist() == wanted


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_powers_stay_in_range_in_half_precision(dtype):
    features = torch.tensor([[[[90.0, 1e-3], [60.0, 0.0]]]])  # 90 ** 3 is beyond float16
    wanted = gem(features.to(dtype).double(), 3.0)
    pool = GeM().to(dtype)
    torch.testing.assert_close(pool(features.to(dtype)).double(), wanted, rtol=1e-5, atol=0)
