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

"""Distances against loops, and their gradients where distances are zero."""

import math

import pytest
import torch
from vpr_ros.training.losses.distances import distances
from vpr_ros.training.losses.distances import safe_sqrt


@pytest.mark.parametrize('squared', [False, True])
def test_distances_are_the_loop_and_broadcast(squared):
    torch.manual_seed(0)
    left, right = torch.randn(2, 1, 5).double(), torch.randn(2, 3, 5).double()
    found = distances(left, right, squared=squared)
    assert found.shape == (2, 3)
    for t in range(2):
        for p in range(3):
            wanted = sum(float(a - b) ** 2
                         for a, b in zip(left[t, 0], right[t, p], strict=True))
            wanted = wanted if squared else math.sqrt(wanted)
            assert found[t, p].item() == pytest.approx(wanted, rel=1e-12)


def test_gradients_are_those_of_the_formula_and_zero_at_zero():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    distances(x, torch.zeros(2, 2)).sum().backward()
    assert x.grad.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]


def test_a_close_distance_in_single_precision_keeps_its_digits():
    x = torch.full((1, 512), 1.0)
    y = x.clone()
    y[0, 0] += 1e-3
    assert distances(x, y).item() == pytest.approx((y - x)[0, 0].item(), rel=1e-6)


def test_half_precision_is_computed_in_single():
    x = torch.full((1, 4), 300.0, dtype=torch.float16)
    assert distances(x, -x).dtype == torch.float32
    assert distances(x, -x).item() == pytest.approx(1200.0)  # its square is no half


def test_what_is_not_a_number_is_not_hidden():
    assert torch.isnan(safe_sqrt(torch.tensor(torch.nan)))
    assert safe_sqrt(torch.tensor([-1.0, 0.0, 4.0])).tolist() == [0.0, 0.0, 2.0]
