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

"""The clusters that VLAD starts from."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.vlad import fit_clusters
from vpr_ros.networks.vlad import locations
from vpr_ros.training.clusters import _EvenSample
from vpr_ros.training.clusters import has_clusters
from vpr_ros.training.clusters import start_clusters
from vpr_ros.training.freezing import set_training_mode

SMALL = {'weights': 'random', 'trunk': 'alexnet', 'height': 128, 'width': 160}
SEQUENCE = {'weights': 'random', 'height': 96, 'width': 96, 'sequence_length': 3, 'clusters': 4}
MAPS = [
    ('netvlad', {'clusters': 4}), ('attention_vlad', {'variant': 'vlad', 'clusters': 4}),
    ('attention_vlad', {'variant': 'a1', 'clusters': 4}),
    ('attention_vlad', {'variant': 'a2', 'clusters': 4}),
    ('attention_vlad', {'variant': 'ours', 'clusters': 4}),
    ('context_attention', {'head': 'vlad', 'attention': 'none', 'taps': 'features.11'})]


def make(name, **options):
    network = create_network(name, {**SMALL, **options})
    if options.get('variant') in ('a1', 'a2', 'ours'):
        torch.manual_seed(0)
        torch.nn.init.normal_(network.pool.attention.weight, std=0.05)  # locations differ
    return network


def scenes(*shape, seed=0):
    """Return smooth random images (..., 3, H, W): each with colours and shapes of its own."""
    draw = torch.Generator().manual_seed(seed)
    count = math.prod(shape[:-3])
    coarse = torch.rand(count, 3, 5, 6, generator=draw)
    fine = torch.rand(count, 3, 32, 40, generator=draw)
    images = sum(F.interpolate(x, size=shape[-2:], mode='bilinear') for x in (coarse, fine)) / 2
    return images.reshape(shape)


def vlad_of(network):
    return next(part for part in network.modules() if type(part).__name__ == 'Vlad')


def last_map(network, images):
    """Return the L2-normalised features of all locations of all images, in their order."""
    with torch.no_grad():
        return locations(network.trunk(network.normalise(images))).flatten(0, 1)


@pytest.mark.parametrize(('name', 'options'), MAPS, ids=str)
def test_clusters_are_those_of_the_features_that_vlad_reads(name, options):
    network = make(name, **options)
    images = scenes(6, 3, 128, 160)
    features = last_map(network, images).numpy()
    assert start_clusters(network, images.split(3), seed=5)
    vlad = vlad_of(network)
    centroids, assignment = fit_clusters(features, len(vlad.centroids), seed=5)
    np.testing.assert_allclose(vlad.centroids.detach().numpy(), centroids, atol=1e-4)
    np.testing.assert_allclose(vlad.assignment.detach().numpy(), assignment, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(('name', 'options'), MAPS, ids=str)
def test_the_nearest_cluster_then_has_a_hundred_times_the_weight_of_the_next(name, options):
    network = make(name, **options)
    images = scenes(6, 3, 128, 160)
    start_clusters(network, [images])
    x = last_map(network, images)
    assigned = torch.softmax(x @ vlad_of(network).assignment.T, dim=1).detach()
    best = assigned.topk(2, dim=1).values.double()
    ratio = (best[:, 0] / best[:, 1]).log().mean().exp()
    assert float(ratio) == pytest.approx(100.0, rel=1e-3)


@pytest.mark.parametrize(('name', 'options'), [
    MAPS[0], MAPS[4], ('netvlad', {'clusters': 16, 'trunk': 'resnet18'})], ids=str)
def test_descriptors_of_other_images_spread(name, options):
    network = make(name, **options)
    unseen = scenes(8, 3, 128, 160, seed=1)

    def mean_cosine():
        with torch.no_grad():
            d = network(unseen).descriptors
        cosines = d @ d.T
        return float((cosines.sum() - cosines.trace()) / (len(d) * (len(d) - 1)))

    before = mean_cosine()
    start_clusters(network, scenes(16, 3, 128, 160).split(8))
    assert mean_cosine() < before - 0.05


def test_each_frame_of_a_sequence_gives_features():
    options = {**SEQUENCE, 'trunk': 'alexnet'}
    network, other = create_network('seqvlad', options), create_network('seqvlad', options)
    sequences = scenes(2, 3, 3, 96, 96)
    features = last_map(network, sequences.flatten(0, 1)).numpy()
    assert start_clusters(network, [sequences])
    centroids, _ = fit_clusters(features, 4)
    np.testing.assert_allclose(vlad_of(network).centroids.detach().numpy(), centroids, atol=1e-4)
    assert start_clusters(other, [sequences.flatten(0, 1)])  # single images will do
    assert torch.equal(vlad_of(other).centroids, vlad_of(network).centroids)


def test_tokens_come_from_first_frames_and_the_spatial_branch():
    network = create_network('spatiotemporal', SEQUENCE)
    sequences = scenes(4, 3, 3, 96, 96)
    tokens = []
    with torch.no_grad():
        for sequence in sequences:
            x = network.tokeniser(network.normalise(sequence[:1])).flatten(2).transpose(1, 2)
            tokens.append(F.normalize(network.spatial(x)[0][0]))
    assert start_clusters(network, [sequences])
    centroids, assignment = fit_clusters(torch.cat(tokens).numpy(), 4)
    vlad = vlad_of(network)
    np.testing.assert_allclose(vlad.centroids.detach().numpy(), centroids, atol=1e-4)
    np.testing.assert_allclose(vlad.assignment.detach().numpy(), assignment, rtol=1e-3)
    other = create_network('spatiotemporal', SEQUENCE)
    set_training_mode(other)  # which drops nothing here
    assert start_clusters(other, [sequences[:, 0]])
    assert torch.equal(vlad_of(other).centroids, vlad.centroids)


def test_a_lone_temporal_branch_gives_the_tokens_of_all_frames():
    network = create_network('spatiotemporal', {**SEQUENCE, 'branches': 'temporal'})
    sequences = scenes(3, 3, 3, 96, 96)
    with torch.no_grad():
        tokens = network.tokeniser(network.normalise(sequences.flatten(0, 1)))
        tokens = tokens.flatten(2).transpose(1, 2).unflatten(0, (3, 3)).flatten(1, 2)
        x = F.normalize(network.temporal(tokens)[0], dim=2)
    assert start_clusters(network, [sequences])
    centroids, _ = fit_clusters(x.flatten(0, 1).numpy(), 4)
    np.testing.assert_allclose(vlad_of(network).centroids.detach().numpy(), centroids, atol=1e-4)


def test_batches_do_not_matter_and_the_seed_does():
    images = scenes(6, 3, 128, 160)
    found = []
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for batches, seed in ((images.split(3), 1), (iter(images.split(2)), 1), ([images], 2)):
        network = make('netvlad', clusters=4)
        start_clusters(network, batches, features=60, seed=seed)
        found.append(vlad_of(network).centroids.detach())
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-4)
    assert not torch.allclose(found[0], found[2], atol=1e-3)


def test_networks_stay_as_they_were_otherwise():
    network = make('netvlad', clusters=4, trunk='resnet18')
    images = scenes(4, 3, 128, 160)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    set_training_mode(network.requires_grad_(True))
    start_clusters(network, [images])
    assert network.training and not network.trunk.body.bn1.training
    changed = [name for name, tensor in network.state_dict().items()
               if not torch.equal(tensor, before[name])]
    assert changed == ['head.vlad.centroids', 'head.vlad.assignment']
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert not vlad_of(network)._forward_pre_hooks


@pytest.mark.parametrize(('name', 'options'), [
    ('gem', SMALL), ('netvlad', {**SMALL, 'pooling': 'max'}),
    ('attention_vlad', {**SMALL, 'variant': 'average'})], ids=str)
def test_networks_without_vlad_have_nothing_to_start(name, options):
    network = create_network(name, options)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert not has_clusters(network)
    assert start_clusters(network, [scenes(1, 3, 128, 160)]) is False
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())


def test_networks_with_vlad_have():
    assert has_clusters(make('netvlad')) and has_clusters(make('attention_vlad'))
    assert has_clusters(create_network('spatiotemporal', SEQUENCE))


@pytest.mark.parametrize(('images', 'features', 'text'), [
    ([], 50, 'there are no images'),
    ([torch.rand(1, 3, 128, 160)], 0, '1 feature at least, got 0'),
    ([torch.rand(1, 3, 128, 160)], 3, '4 clusters need .* at least as many features')])
def test_images_that_give_no_clusters(images, features, text):
    network = make('netvlad', clusters=4)
    before = vlad_of(network).centroids.detach().clone()
    with pytest.raises(VprError, match=text):
        start_clusters(network, images, features=features)
    assert torch.equal(vlad_of(network).centroids, before)
    assert not vlad_of(network)._forward_pre_hooks


def numbered(tables):
    """Return tables (N, 2) whose rows say which table and which row they are."""
    return [np.stack([np.full(n, t), np.arange(n)], axis=1).astype(np.float32)
            for t, n in enumerate(tables)]


@pytest.mark.parametrize('tables', [[40] * 7, [40, 10, 40, 25], [100], [3] * 50])
@pytest.mark.parametrize('size', [1, 17, 60, 1000])
def test_each_image_gives_as_many_features_as_any_other(tables, size):
    sample = _EvenSample(size, np.random.default_rng(0))
    for table in numbered(tables):
        sample.add(table)
    rows = sample.features()
    assert len(rows) == min(size, sum(tables))
    assert len(np.unique(rows, axis=0)) == len(rows)
    counts = np.bincount(rows[:, 0].astype(int), minlength=len(tables))
    # Tables that gave all they have may give fewer.
    most = counts.max()
    assert all(count >= most - 1 or count == n for count, n in zip(counts, tables, strict=True))
    order = rows[:, 0] * 1000 + rows[:, 1]
    assert (np.diff(order) > 0).all()  # as they came


def test_all_locations_are_as_likely():
    hits = np.zeros(20)
    for seed in range(400):
        sample = _EvenSample(10, np.random.default_rng(seed))
        for table in numbered([20, 20]):
            sample.add(table)
        hits += np.bincount(sample.features()[:, 1].astype(int), minlength=20)
    # 400 draws of 10 of 40: 200 for each number, give or take 12.
    assert hits.sum() == 4000
    assert 140 < hits.min() and hits.max() < 260


def test_a_sample_never_holds_much_more_than_its_size():
    sample = _EvenSample(50, np.random.default_rng(0))
    for table in numbered([30] * 200):
        sample.add(table)
        assert sum(map(len, sample._rows)) < 2 * 50 + 30
        assert all(rows.base is None for rows in sample._rows)
    assert len(sample.features()) == 50
