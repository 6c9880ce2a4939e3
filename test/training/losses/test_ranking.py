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

"""The ranking loss against loops."""

import math

import pytest
import torch
from torch.nn import functional as F
from vpr_ros.training.losses.ranking import ranking_loss


def random_tuples(queries=3, positives=2, negatives=4, dimension=5, seed=0):
    torch.manual_seed(seed)
    shapes = [(queries, dimension), (queries, positives, dimension),
              (queries, negatives, dimension)]
    return [F.normalize(torch.randn(*shape).double(), dim=-1) for shape in shapes]


def literal_loss(queries, positives, negatives, margin, squared):
    def distance(a, b):
        d = sum((a - b).square().tolist())
        return d if squared else math.sqrt(d)

    total = 0.0
    for q, near, far in zip(queries, positives, negatives, strict=True):
        best = min(distance(q, p) for p in near)
        total += sum(max(0.0, best + margin - distance(q, n)) for n in far)
    return total / len(queries)


@pytest.mark.parametrize('squared', [True, False])
@pytest.mark.parametrize('positives', [1, 2, 5])
def test_loss_is_the_loop(positives, squared):
    tuples = random_tuples(positives=positives)
    wanted = literal_loss(*tuples, 0.3, squared)
    assert wanted > 0
    assert ranking_loss(*tuples, margin=0.3, squared=squared).item() == pytest.approx(wanted)


def test_only_the_best_positive_and_close_negatives_get_gradients():
    query = torch.tensor([[1.0, 0.0]])
    positives = torch.tensor([[[0.0, 1.0], [0.8, 0.6]]], requires_grad=True)
    negatives = torch.tensor([[[-1.0, 0.0], [0.6, 0.8]]], requires_grad=True)
    ranking_loss(query, positives, negatives, margin=0.5).backward()
    assert (positives.grad[0] != 0).any(dim=1).tolist() == [False, True]
    assert (negatives.grad[0] != 0).any(dim=1).tolist() == [False, True]


@pytest.mark.parametrize('squared', [True, False])
def test_gradient(squared):
    tuples = [part.requires_grad_() for part in random_tuples()]
    assert torch.autograd.gradcheck(
        lambda *parts: ranking_loss(*parts, margin=0.4, squared=squared), tuples)


@pytest.mark.parametrize('squared', [True, False])
def test_gradients_are_finite_where_all_descriptors_are_one(squared):
    parts = [torch.ones(*shape, 4, requires_grad=True) for shape in [(2,), (2, 3), (2, 5)]]
    loss = ranking_loss(*parts, margin=0.1, squared=squared)
    loss.backward()
    assert loss.item() == pytest.approx(0.5)
    assert all(torch.isfinite(part.grad).all() for part in parts)
