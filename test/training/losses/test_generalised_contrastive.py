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

"""The generalised contrastive loss against loops, and where it is smallest."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.training.losses.generalised_contrastive import generalised_contrastive


def random_pairs(count=9, dimension=5, seed=0):
    torch.manual_seed(seed)
    left = F.normalize(torch.randn(count, dimension).double(), dim=1)
    # near and far: both sides of the margin
    right = F.normalize(left + torch.randn(count, 1) * torch.randn(count, dimension), dim=1)
    return left, right, torch.rand(count).double()


@pytest.mark.parametrize('margin', [0.5, 1.2])
def test_loss_is_the_loop(margin):
    left, right, psi = random_pairs()
    terms = []
    for a, b, s in zip(left, right, psi.tolist(), strict=True):
        d = math.sqrt(sum((a - b).square().tolist()))
        terms.append(s * d * d / 2 + (1 - s) * max(margin - d, 0.0) ** 2 / 2)
    found = generalised_contrastive(left, right, psi, margin=margin)
    assert found.item() == pytest.approx(sum(terms) / len(terms), rel=1e-12)


def losses_over(distances, psi, margin):
    """Return the loss of one pair at each distance."""
    return np.array([generalised_contrastive(
        torch.zeros(1, 1).double(), torch.tensor([[d]]).double(), torch.tensor([psi]).double(),
        margin=margin).item() for d in distances])


@pytest.mark.parametrize('margin', [0.5, 0.8])
@pytest.mark.parametrize('psi', [0.01, 0.2, 0.25, 0.5, 0.75, 0.9, 1.0])
def test_the_distance_reads_out_the_similarity(psi, margin):
    distances = np.linspace(0.0, 2.0, 2001)
    losses = losses_over(distances, psi, margin)
    smallest = losses.argmin()
    assert distances[smallest] == pytest.approx((1 - psi) * margin, abs=6e-4)
    # one minimum: it falls until there and rises from there
    assert (np.diff(losses[:smallest + 1]) < 0).all()
    assert (np.diff(losses[smallest:]) > 0).all()


def test_other_places_are_free_beyond_the_margin():
    distances = np.linspace(0.0, 2.0, 401)
    losses = losses_over(distances, 0.0, 0.5)
    assert (losses[distances >= 0.5] == 0).all()
    assert (np.diff(losses[distances <= 0.5]) < 0).all()


def test_gradient():
    left, right, psi = random_pairs()
    assert torch.autograd.gradcheck(lambda a, b: generalised_contrastive(a, b, psi, margin=0.9),
                                    (left.requires_grad_(), right.requires_grad_()))


@pytest.mark.parametrize('psi', [0.0, 0.5, 1.0])
def test_gradients_are_finite_at_distance_zero(psi):
    same = F.normalize(torch.ones(1, 8), dim=1)
    left, right = same.clone().requires_grad_(), same.clone().requires_grad_()
    generalised_contrastive(left, right, torch.tensor([psi])).backward()
    assert torch.isfinite(left.grad).all()
    assert torch.isfinite(right.grad).all()
