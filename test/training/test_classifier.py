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

"""Places as classes."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.registry import create_network
from vpr_ros.training.classifier import CosineClassifier
from vpr_ros.training.classifier import MapClassifier
from vpr_ros.training.classifier import PlaceClassifier
from vpr_ros.training.freezing import freeze
from vpr_ros.training.freezing import freeze_unused
from vpr_ros.training.freezing import set_training_mode

TAPS = 'features.5,features.8,features.11'


def attentive(**options):
    """Return the paper's network on a small trunk."""
    return create_network('context_attention', {
        'weights': 'random', 'trunk': 'alexnet', 'taps': TAPS, 'height': 96, 'width': 128,
        **options})


def draw(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def literal_logits(attended, classifier):
    """Return the logits of one map (C, h, w), by loops: convolution, ReLU, cells, all of them."""
    weight, bias = (p.detach().numpy() for p in (classifier.conv.weight, classifier.conv.bias))
    hidden, channels = weight.shape[:2]
    _, h, w = attended.shape
    x = np.zeros((hidden, h, w))
    for k in range(hidden):
        for row in range(h):
            for column in range(w):
                total = bias[k]
                for c in range(channels):
                    for dy in (-1, 0, 1):
                        for dx in (-1, 0, 1):
                            if 0 <= row + dy < h and 0 <= column + dx < w:
                                total += (weight[k, c, dy + 1, dx + 1]
                                          * attended[c, row + dy, column + dx])
                x[k, row, column] = max(total, 0.0)
    flat = []
    for k in range(hidden):
        for i in range(classifier.cells):
            for j in range(classifier.cells):
                rows = range(i * h // classifier.cells, -(-(i + 1) * h // classifier.cells))
                columns = range(j * w // classifier.cells, -(-(j + 1) * w // classifier.cells))
                flat.append(sum(x[k, r, c] for r in rows for c in columns)
                            / (len(rows) * len(columns)))
    weight, bias = (p.detach().numpy() for p in (classifier.linear.weight, classifier.linear.bias))
    return weight @ np.array(flat) + bias


@pytest.mark.parametrize('shape', [(4, 4), (5, 3), (2, 7)])
def test_maps_are_classified_by_one_convolution_and_one_layer(shape):
    torch.manual_seed(0)
    classifier = MapClassifier(3, 5, hidden=4, cells=2).double()
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.normal_()
    attended = torch.randn(2, 3, *shape, dtype=torch.float64)
    logits = classifier(attended)
    assert logits.shape == (2, 5)
    for one, wanted in zip(attended, logits.detach().numpy(), strict=True):
        np.testing.assert_allclose(literal_logits(one.numpy(), classifier), wanted, rtol=1e-9)


def test_descriptors_are_classified_by_cosines():
    classifier = CosineClassifier(3, 4, scale=10.0)
    with torch.no_grad():
        classifier.directions.mul_(torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None])
    descriptors = F.normalize(torch.randn(2, 3))
    logits = classifier(descriptors).detach()
    for i in range(2):
        for k in range(4):
            direction = classifier.directions[k].tolist()
            length = math.sqrt(sum(v * v for v in direction))
            cosine = sum(a * b / length for a, b in zip(descriptors[i].tolist(), direction,
                                                        strict=True))
            assert float(logits[i, k]) == pytest.approx(10 * cosine, abs=1e-4)


def test_the_attended_map_is_what_is_classified():
    network = attentive()
    with torch.no_grad():
        network.attention.bias.fill_(-10.0)
    classifier = PlaceClassifier(network, 6, channels=8)
    assert isinstance(classifier.classify, MapClassifier)
    assert classifier.classify.conv.weight.shape == (8, 256, 3, 3)
    images = draw(2, 3, 96, 128)
    maps = network.trunk.maps(network.normalise(images))
    g = network.attention(maps)
    assert float(g.min()) < 0.0  # G of any sign passes
    logits = classifier(images)['logits']
    assert logits.shape == (2, 6)
    torch.testing.assert_close(logits, classifier.classify(maps[-1] * g[:, None]))


def test_without_attention_the_map_itself_is():
    network = attentive(attention='none', taps='features.11')
    classifier = PlaceClassifier(network, 6, channels=8)
    images = draw(2, 3, 96, 128)
    torch.testing.assert_close(classifier(images)['logits'], classifier.classify(
        network.trunk(network.normalise(images))))


@pytest.mark.parametrize(('name', 'options'), [
    ('context_attention', {'attention': 'cross_pooling', 'taps': 'features.8,features.11'}),
    ('context_attention', {'head': 'gem'}), ('context_attention', {'head': 'vlad'}),
    ('context_attention', {'dimension': 32}), ('gem', {}),
    ('seqvlad', {'sequence_length': 2})])
def test_other_networks_are_classified_by_their_descriptor(name, options):
    small = {'weights': 'random', 'trunk': 'alexnet', 'height': 96, 'width': 128}
    if name == 'context_attention':
        small['taps'] = TAPS
    network = create_network(name, {**small, **options})
    classifier = PlaceClassifier(network, 6)
    images = draw(2, *([2] if name == 'seqvlad' else []), 3, 96, 128)
    logits = classifier(images)['logits']
    assert logits.shape == (2, 6)
    torch.testing.assert_close(logits, classifier.classify(network(images).descriptors))
    freeze(network, '')
    assert freeze_unused(classifier, [classifier(images)['logits']]) == []


@pytest.mark.parametrize('options', [
    {}, {'context': 'none'}, {'context': 'fixed'}, {'merge': 'concat'}, {'head': 'average'},
    {'attention': 'attentive', 'taps': 'features.11'}], ids=str)
def test_all_that_describes_is_trained(options):
    network = attentive(**options)
    freeze(network, '')
    classifier = PlaceClassifier(network, 6, channels=8)
    assert isinstance(classifier.classify, MapClassifier)
    assert freeze_unused(classifier, [classifier(draw(1, 3, 96, 128))['logits']]) == []


def test_at_first_nothing_is_known():
    network = attentive()
    logits = PlaceClassifier(network, 100)(draw(8, 3, 96, 128))['logits']
    loss = float(F.cross_entropy(logits, torch.arange(8)).detach())
    assert loss == pytest.approx(math.log(100), abs=0.2)
    assert float(logits.detach().std()) > 0.0


def test_seeds_make_it_and_leave_other_random_numbers():
    network = attentive()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (PlaceClassifier(network, 5, channels=4, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in one.classify.state_dict().items():
        assert torch.equal(tensor, same.classify.state_dict()[name])
    assert not torch.equal(one.classify.conv.weight, other.classify.conv.weight)
    gem = create_network('gem', {'weights': 'random'})
    one, same, other = (PlaceClassifier(gem, 5, seed=s).classify.directions for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_it_learns_places_that_change():
    """Three places, a third of each image black at random: they are soon told apart."""
    torch.manual_seed(0)
    network = attentive(height=64, width=64)
    freeze(network, '')
    classifier = PlaceClassifier(network, 3, channels=16)
    set_training_mode(classifier)
    places = F.interpolate(torch.rand(3, 3, 6, 6), size=64)

    def views(count):
        labels = torch.arange(count) % 3
        images = places[labels].clone()
        for image, column in zip(images, torch.randint(0, 44, (count,)).tolist(), strict=True):
            image[:, :, column:column + 20] = 0.0
        return images, labels

    images, labels = views(30)
    slow = [p for n, p in classifier.named_parameters() if n.startswith('network.trunk.')]
    fast = [p for n, p in classifier.named_parameters() if not n.startswith('network.trunk.')]
    optimiser = torch.optim.Adam([{'params': slow, 'lr': 1e-4}, {'params': fast, 'lr': 1e-3}])
    before = network.attention.layers[0].omega.detach().clone()
    start = float(F.cross_entropy(classifier(images)['logits'], labels).detach())
    for _ in range(12):
        optimiser.zero_grad()
        loss = F.cross_entropy(classifier(images)['logits'], labels)
        loss.backward()
        optimiser.step()
    assert start > 1.0 and float(loss.detach()) < 0.2 * start
    unseen, labels = views(30)  # by chance, 10 of them are told right
    assert int((classifier(unseen)['logits'].argmax(dim=1) == labels).sum()) >= 24
    assert not torch.equal(network.attention.layers[0].omega, before)


def test_mixed_precision_does_not_reach_the_logits():
    classifier = PlaceClassifier(attentive(), 6, channels=8)
    images = draw(2, 3, 96, 128)
    exact = classifier(images)['logits']
    with torch.autocast('cpu', torch.bfloat16):
        mixed = classifier(images)['logits']
        large = classifier.classify(torch.full((1, 256, 5, 7), 1e5))
        cosines = CosineClassifier(3, 4)(F.normalize(torch.rand(2, 3)))
    assert mixed.dtype == large.dtype == cosines.dtype == torch.float32
    assert torch.isfinite(large).all()
    torch.testing.assert_close(mixed, exact, rtol=0, atol=0.05 * float(exact.detach().std()))


def test_one_place_is_nothing_to_tell_apart():
    with pytest.raises(VprError, match='needs 2 places at least, got 1'):
        PlaceClassifier(attentive(), 1)
