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

"""Distance-weighted triplets against the formula in exact arithmetic, and their loss."""

from fractions import Fraction
import math

import pytest
from pytorch_metric_learning.miners import DistanceWeightedMiner
from pytorch_metric_learning.utils import loss_and_miner_utils
import torch
from torch.nn import functional as F
from vpr_ros.training.losses.triplet import distance_weighted_triplets
from vpr_ros.training.losses.triplet import negative_probabilities
from vpr_ros.training.losses.triplet import triplet_loss


def clustered(dimension, labels, spread=0.5, seed=0):
    """Return descriptors of places that are near and far from each other, as those of images."""
    torch.manual_seed(seed)
    labels = torch.tensor(labels)
    centres = torch.randn(int(labels.max()) + 1, 6) @ torch.randn(6, dimension)
    points = (centres[labels] + spread * torch.randn(len(labels), dimension)).relu()
    return F.normalize(points.double(), dim=1), labels


def literal_probabilities(descriptors, labels, cutoff, nonzero_cutoff):
    """Return 1 / q(d), normalised, in fractions: they neither overflow nor underflow."""
    n = descriptors.shape[1]
    rows = []
    for a in range(len(labels)):
        weights = []
        for b in range(len(labels)):
            d = math.sqrt(sum((descriptors[a] - descriptors[b]).square().tolist()))
            if labels[a] == labels[b] or d >= nonzero_cutoff:
                weights.append(Fraction(0))
                continue
            square = Fraction(max(d, cutoff)) ** 2
            # The square of 1 / q has whole powers.
            inverse = square ** (2 - n) * (1 - square / 4) ** (3 - n)
            scale = 10 ** 30
            weights.append(Fraction(math.isqrt(int(inverse * scale ** 2)), scale))
        total = sum(weights)
        rows.append([float(w / total) for w in weights])
    return torch.tensor(rows, dtype=torch.float64)


LABELS = [0, 0, 0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize('dimension', [2, 3, 8, 64, 300])
def test_probabilities_are_the_formula(dimension):
    descriptors, labels = clustered(dimension, LABELS, seed=dimension)
    found = negative_probabilities(descriptors, labels, cutoff=0.6, nonzero_cutoff=1.39)
    wanted = literal_probabilities(descriptors, labels, 0.6, 1.39)
    torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-14)


def test_probabilities_of_thousands_of_dimensions():
    # 1 / q itself is no number of the machine: the ratio of two weights is.
    n = 7680
    descriptors, labels = clustered(n, [0, 0, 1, 2, 3, 4])
    far = (descriptors[0] - descriptors[2:]).square().sum(dim=1).sqrt()
    found = negative_probabilities(descriptors, labels, cutoff=0.1)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.sum(dim=1), torch.ones(6).double())
    assert found[0].argmax() == 2 + far.argmin()
    # Two negatives whose distances differ in the fourth digit share a row as the formula says.
    base = F.normalize(torch.ones(n).double(), dim=0)
    offsets = torch.zeros(2, n, dtype=torch.float64)
    offsets[0, 0], offsets[1, 1] = 0.8, 0.8001
    near = F.normalize(base + offsets, dim=1)
    d = (near - base).square().sum(dim=1).sqrt()
    points = torch.cat([base[None], base[None], near])
    row = negative_probabilities(points, torch.tensor([0, 0, 1, 2]))[0]
    ratio = (2 - n) * math.log(d[0] / d[1]) - (n - 3) / 2 * math.log(
        (1 - d[0] ** 2 / 4) / (1 - d[1] ** 2 / 4))
    assert row[2].item() == pytest.approx(1 / (1 + math.exp(-ratio)), rel=1e-9)
    assert 0.5 < row[2] < 0.95


def library_weights(monkeypatch, descriptors, labels):
    seen = []

    def remember(labels, ref_labels, weights):
        seen.append(weights)
        return torch.zeros(0), torch.zeros(0), torch.zeros(0)

    monkeypatch.setattr(loss_and_miner_utils, 'get_random_triplet_indices', remember)
    DistanceWeightedMiner()(descriptors, labels)
    return seen[0]


def test_in_few_dimensions_the_library_agrees(monkeypatch):
    descriptors, labels = clustered(16, LABELS)
    torch.testing.assert_close(negative_probabilities(descriptors, labels),
                               library_weights(monkeypatch, descriptors, labels))


def test_every_anchor_counts_where_the_library_loses_most(monkeypatch):
    # It subtracts the largest logarithm of all anchors: weights of the others are then zero.
    descriptors, labels = clustered(7680, [p for p in range(16) for _ in range(4)])
    library = library_weights(monkeypatch, descriptors.float(), labels)
    assert (library.nan_to_num().sum(dim=1) > 0).sum() < 32
    anchors, _, _ = distance_weighted_triplets(descriptors.float(), labels)
    assert len(anchors.unique()) == 64


def test_triplets_are_all_ordered_pairs_with_negatives():
    descriptors, labels = clustered(8, LABELS)
    anchors, positives, negatives = distance_weighted_triplets(descriptors, labels)
    pairs = [(a, p) for a in range(8) for p in range(8) if a != p and LABELS[a] == LABELS[p]]
    assert list(zip(anchors.tolist(), positives.tolist(), strict=True)) == pairs
    assert (labels[anchors] != labels[negatives]).all()
    assert {t.dtype for t in (anchors, positives, negatives)} == {torch.int64}


def test_negatives_are_drawn_as_often_as_the_formula_says():
    descriptors, labels = clustered(8, LABELS)
    wanted = literal_probabilities(descriptors, labels, 0.5, 1.4)
    torch.manual_seed(1)
    counts = torch.zeros(8, 8)
    draws = 3000
    for _ in range(draws):
        anchors, _, negatives = distance_weighted_triplets(descriptors, labels)
        counts.index_put_((anchors, negatives), torch.ones(len(anchors)), accumulate=True)
    for a in range(7):
        total = counts[a].sum()
        assert total == draws * (LABELS.count(LABELS[a]) - 1)
        error = (wanted[a] * (1 - wanted[a]) / total).sqrt()
        assert ((counts[a] / total - wanted[a]).abs() <= 4.5 * error + 1e-12).all()
    assert counts[7].sum() == 0  # alone in its place


def test_draws_follow_the_default_generator():
    descriptors, labels = clustered(4, [p for p in range(8) for _ in range(4)])
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(distance_weighted_triplets(descriptors, labels)[2])
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()


def test_negatives_that_are_all_far_are_drawn_alike():
    points = F.normalize(torch.tensor([[1.0, 0.01], [1.0, 0.0], [-1.0, 0.1], [-1.0, 0.0]]), dim=1)
    row = negative_probabilities(points, torch.tensor([0, 0, 1, 2]))[0]
    assert row.tolist() == [0.0, 0.0, 0.5, 0.5]


@pytest.mark.parametrize('labels', [[0, 0, 0], [0, 1, 2]])
def test_a_batch_without_triplets_has_none_and_the_loss_zero(labels):
    descriptors = torch.eye(3, requires_grad=True)
    triplets = distance_weighted_triplets(descriptors, torch.tensor(labels))
    assert [len(rows) for rows in triplets] == [0, 0, 0]
    loss = triplet_loss(descriptors, *triplets, margin=0.5)
    loss.backward()
    assert loss.item() == 0
    assert (descriptors.grad == 0).all()


@pytest.mark.parametrize('cutoffs', [(0.0, 1.4), (1.4, 1.4), (0.5, 2.0)])
def test_impossible_cutoffs_are_refused(cutoffs):
    with pytest.raises(ValueError, match='cut off'):
        negative_probabilities(torch.eye(2), torch.arange(2), cutoff=cutoffs[0],
                               nonzero_cutoff=cutoffs[1])


def literal_loss(descriptors, triplets, margin, scale, squared):
    def distance(a, b):
        d = scale * math.sqrt(sum((descriptors[a] - descriptors[b]).square().tolist()))
        return d * d if squared else d

    terms = [max(0.0, distance(a, p) - distance(a, n) + margin) for a, p, n in triplets]
    return sum(terms) / len(terms)


@pytest.mark.parametrize(('margin', 'scale'), [(0.5, 10.0), (0.1, 1.0)])
@pytest.mark.parametrize('squared', [False, True])
def test_loss_is_the_loop(margin, scale, squared):
    descriptors, labels = clustered(8, LABELS)
    torch.manual_seed(3)
    rows = distance_weighted_triplets(descriptors, labels)
    triplets = torch.stack(rows, dim=1).tolist()
    wanted = literal_loss(descriptors, triplets, margin, scale, squared)
    assert wanted > 0
    found = triplet_loss(descriptors, *rows, margin=margin, scale=scale, squared=squared)
    assert found.item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize('squared', [False, True])
def test_gradient(squared):
    descriptors, labels = clustered(6, LABELS)
    rows = distance_weighted_triplets(descriptors, labels)
    assert torch.autograd.gradcheck(
        lambda d: triplet_loss(d, *rows, margin=0.3, scale=2.0, squared=squared),
        descriptors.requires_grad_())


def test_gradients_are_finite_where_all_descriptors_are_one():
    descriptors = F.normalize(torch.ones(4, 5), dim=1).requires_grad_()
    rows = distance_weighted_triplets(descriptors, torch.tensor([0, 0, 1, 1]))
    loss = triplet_loss(descriptors, *rows, margin=0.5, scale=10.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.5)
    assert torch.isfinite(descriptors.grad).all()
