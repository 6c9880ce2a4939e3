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

"""The multi-similarity loss and its pairs against loops."""

import math

import pytest
from pytorch_metric_learning.miners import MultiSimilarityMiner
import torch
from torch.nn import functional as F
from vpr_ros.training.losses.multi_similarity import multi_similarity
from vpr_ros.training.losses.multi_similarity import multi_similarity_pairs

LABELS = {'pairs': [0, 0, 1, 1, 2, 2], 'groups': [0, 1, 0, 2, 1, 0, 0],
          'single ones': [0, 1, 2, 0, 3], 'one place': [4, 4, 4], 'none alike': [0, 1, 2]}


def random_batch(labels, seed=0, dimension=6):
    torch.manual_seed(seed)
    descriptors = F.normalize(torch.randn(len(labels), dimension, dtype=torch.float64), dim=1)
    return descriptors, torch.tensor(labels)


def literal_pairs(descriptors, labels, epsilon, ignore=None):
    similarity = (descriptors @ descriptors.T).tolist()
    count = len(labels)
    positives, negatives = set(), set()
    for a in range(count):
        others = [b for b in range(count) if b != a and not (ignore is not None and ignore[a, b])]
        alike = [b for b in others if labels[b] == labels[a]]
        different = [b for b in others if labels[b] != labels[a]]
        for b in alike:
            if any(similarity[a][b] < similarity[a][n] + epsilon for n in different):
                positives.add((a, b))
        for b in different:
            if any(similarity[a][b] > similarity[a][p] - epsilon for p in alike):
                negatives.add((a, b))
    return positives, negatives


def literal_loss(descriptors, pairs, alpha, beta, base):
    similarity = (descriptors @ descriptors.T).tolist()
    total = 0.0
    for a in range(len(descriptors)):
        alike = sum(math.exp(-alpha * (similarity[a][b] - base)) for i, b in pairs[0] if i == a)
        unlike = sum(math.exp(beta * (similarity[a][b] - base)) for i, b in pairs[1] if i == a)
        total += math.log(1 + alike) / alpha + math.log(1 + unlike) / beta
    return total / len(descriptors)


def as_sets(pairs):
    rows = [part.tolist() for part in pairs]
    return set(zip(*rows[:2], strict=True)), set(zip(*rows[2:], strict=True))


@pytest.mark.parametrize('labels', LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize('epsilon', [0.0, 0.1, 0.5])
def test_pairs_are_the_loop_and_the_library(labels, epsilon):
    descriptors, tensor = random_batch(labels)
    found = as_sets(multi_similarity_pairs(descriptors, tensor, epsilon=epsilon))
    assert found == literal_pairs(descriptors, labels, epsilon)
    assert found == as_sets(MultiSimilarityMiner(epsilon=epsilon)(descriptors, tensor))


def random_ignore(count):
    ignore = torch.rand(count, count) < 0.25
    return ignore | ignore.T


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize(('alpha', 'beta', 'base'), [(1.0, 50.0, 0.0), (2.0, 40.0, 0.5)])
@pytest.mark.parametrize('with_ignore', [False, True])
def test_loss_is_the_loop(seed, alpha, beta, base, with_ignore):
    labels = [0, 0, 0, 1, 1, 2, 2, 3]
    descriptors, tensor = random_batch(labels, seed)
    ignore = random_ignore(8) if with_ignore else None
    pairs = literal_pairs(descriptors, labels, 0.1, ignore)
    assert as_sets(multi_similarity_pairs(descriptors, tensor, ignore=ignore)) == pairs
    found = multi_similarity(descriptors, tensor, alpha=alpha, beta=beta, base=base,
                             ignore=ignore)
    assert found.item() == pytest.approx(literal_loss(descriptors, pairs, alpha, beta, base),
                                         rel=1e-10)


def test_one_pair_of_each_kind_counts():
    # pytorch-metric-learning by itself takes them for none, and the loss for zero.
    descriptors = F.normalize(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, -0.8]]), dim=1)
    labels = torch.tensor([0, 0, 1])
    pairs = as_sets(multi_similarity_pairs(descriptors, labels, epsilon=0.0))
    assert pairs == (set(), set())
    pairs = as_sets(multi_similarity_pairs(descriptors, labels, epsilon=0.3))
    assert pairs == ({(0, 1)}, {(0, 2)})
    loss = multi_similarity(descriptors, labels, epsilon=0.3)
    assert loss.item() == pytest.approx(literal_loss(descriptors, pairs, 1.0, 50.0, 0.0),
                                        rel=1e-5)
    assert loss > 0


def test_an_ignored_pair_gets_no_gradient():
    descriptors, labels = random_batch([0, 0, 1, 1])
    descriptors.requires_grad_()
    ignore = torch.zeros(4, 4, dtype=torch.bool)
    ignore[3, :] = ignore[:, 3] = True
    multi_similarity(descriptors, labels, epsilon=2.0, ignore=ignore).backward()
    assert (descriptors.grad[3] == 0).all()
    assert (descriptors.grad[:3] != 0).any(dim=1).all()


def test_gradient():
    descriptors, labels = random_batch([0, 0, 0, 1, 1, 2])
    assert torch.autograd.gradcheck(lambda d: multi_similarity(d, labels, epsilon=2.0),
                                    descriptors.requires_grad_())


def test_nothing_to_learn_is_zero_with_a_gradient():
    descriptors = torch.eye(2).repeat_interleave(2, dim=0).requires_grad_()
    loss = multi_similarity(descriptors, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss.item() == 0
    assert (descriptors.grad == 0).all()


def test_half_precision_and_autocast_change_only_the_input():
    descriptors, labels = random_batch([0, 0, 0, 1, 1, 2, 2, 3], dimension=64)
    half = descriptors.bfloat16()
    wanted = multi_similarity(half.float(), labels)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = multi_similarity(half, labels)
    assert found.dtype == torch.float32
    assert found.item() == wanted.item()
