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

"""The contrastive loss against loops."""

import math

import pytest
import torch
from torch.nn import functional as F
from vpr_ros.training.losses.supervised_contrastive import supervised_contrastive


def literal_loss(descriptors, labels, ignore, temperature):
    """Return the mean over anchors of the mean over their positives of -log(p / (p + n))."""
    count = len(labels)
    anchors = []
    for a in range(count):
        def weight(b, a=a):
            return math.exp(float(descriptors[a] @ descriptors[b]) / temperature)

        negatives = sum(weight(b) for b in range(count)
                        if labels[b] != labels[a] and not ignore[a, b])
        terms = [-math.log(weight(b) / (weight(b) + negatives)) for b in range(count)
                 if b != a and labels[b] == labels[a] and not ignore[a, b]]
        if terms:
            anchors.append(sum(terms) / len(terms))
    return sum(anchors) / len(anchors)


def random_batch(labels, seed=0):
    torch.manual_seed(seed)
    descriptors = F.normalize(torch.randn(len(labels), 6, dtype=torch.float64), dim=1)
    return descriptors, torch.tensor(labels)


def none_ignored(labels):
    return torch.zeros(len(labels), len(labels), dtype=torch.bool)


LABELS = {'pairs': [0, 0, 1, 1, 2, 2], 'groups': [0, 1, 0, 2, 1, 0, 0],
          'single ones': [0, 1, 2, 0, 3], 'one place': [4, 4, 4]}


@pytest.mark.parametrize('labels', LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize('temperature', [0.07, 1.0])
def test_loss_is_the_loop(labels, temperature):
    descriptors, tensor = random_batch(labels)
    loss = supervised_contrastive(descriptors, tensor, none_ignored(labels),
                                  temperature=temperature)
    wanted = literal_loss(descriptors, labels, none_ignored(labels), temperature)
    assert loss.item() == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize('seed', range(1, 5))
def test_ignored_pairs_are_neither_positive_nor_negative(seed):
    labels = [0, 0, 0, 1, 1, 2, 2, 3]
    descriptors, tensor = random_batch(labels, seed)
    ignore = torch.rand(8, 8) < 0.15
    ignore |= ignore.T.clone()
    loss = supervised_contrastive(descriptors, tensor, ignore, temperature=0.2)
    assert loss.item() == pytest.approx(literal_loss(descriptors, labels, ignore, 0.2), rel=1e-9)
    without = supervised_contrastive(descriptors, tensor, none_ignored(labels), temperature=0.2)
    assert loss.item() != pytest.approx(without.item(), rel=1e-6)


def test_none_ignored_is_the_default_and_autocast_changes_nothing():
    descriptors, labels = random_batch([0, 0, 1, 1])
    descriptors = descriptors.float()
    wanted = supervised_contrastive(descriptors, labels, none_ignored(labels), temperature=0.07)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = supervised_contrastive(descriptors, labels, temperature=0.07)
    assert found.item() == wanted.item()


def test_an_ignored_pair_gets_no_gradient():
    descriptors, labels = random_batch([0, 0, 1])
    descriptors.requires_grad_()
    ignore = none_ignored(labels)
    ignore[2, :] = ignore[:, 2] = True
    supervised_contrastive(descriptors, labels, ignore, temperature=0.1).backward()
    assert (descriptors.grad[2] == 0).all()


@pytest.mark.parametrize('labels', LABELS.values(), ids=LABELS.keys())
def test_gradient(labels):
    descriptors, tensor = random_batch(labels)
    descriptors.requires_grad_()

    def loss(d):
        return supervised_contrastive(d, tensor, none_ignored(labels), temperature=0.5)

    assert torch.autograd.gradcheck(loss, descriptors)


def test_the_loss_falls_where_positives_are_alike_and_negatives_are_not():
    good = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    bad = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    labels = torch.tensor([0, 0, 1, 1])
    losses = [supervised_contrastive(d, labels, none_ignored(labels), temperature=0.07)
              for d in (good, bad)]
    assert losses[0].item() == pytest.approx(0.0, abs=1e-5)
    assert losses[1].item() > 10


def test_an_easy_positive_does_not_hide_a_hard_one():
    # Another positive stays out of the denominator: more copies of it change nothing.
    descriptors, _ = random_batch([0, 0, 1])
    labels = torch.tensor([0, 0, 1])
    more = torch.cat([descriptors, descriptors[:1]])
    once = supervised_contrastive(descriptors, labels, none_ignored(labels), temperature=0.3)
    anchor = -math.log(1 / (1 + math.exp(float(
        descriptors[0] @ descriptors[2] - descriptors[0] @ descriptors[1]) / 0.3)))
    assert once.item() != anchor  # the other anchor counts too
    twice = supervised_contrastive(more, torch.tensor([0, 0, 1, 0]),
                                   none_ignored([0] * 4), temperature=0.3)
    assert twice.item() == pytest.approx(
        literal_loss(more, [0, 0, 1, 0], none_ignored([0] * 4), 0.3), rel=1e-9)


def test_it_stays_finite_at_a_small_temperature():
    descriptors, labels = random_batch([0, 0, 1, 1])
    descriptors = descriptors.float().requires_grad_()
    loss = supervised_contrastive(descriptors, labels, none_ignored(labels), temperature=1e-3)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(descriptors.grad).all()


def test_a_batch_without_positives_is_refused():
    descriptors, labels = random_batch([0, 1, 2])
    with pytest.raises(ValueError, match='no two descriptors'):
        supervised_contrastive(descriptors, labels, none_ignored(labels), temperature=0.1)
