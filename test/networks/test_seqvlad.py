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


"""Mereu et al. 2022: one VLAD over all locations of all frames."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision import models
from vpr_ros.errors import VprError
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.seqvlad import seqvlad
from vpr_ros.networks.seqvlad import VARIANTS
from vpr_ros.networks.weights import write_weights

SMALL = {'trunk': 'alexnet', 'height': 64, 'width': 96, 'weights': 'random', 'clusters': 3,
         'sequence_length': 4}


def literal(maps, vlad):
    """Sum residuals over frames and locations one by one: (S, C, H, W) to (K * C,)."""
    assignment, centroids = (t.detach().double().numpy() for t in (vlad.assignment,
                                                                   vlad.centroids))
    total = np.zeros(centroids.shape)
    for frame in maps:
        for y in range(frame.shape[1]):
            for x in range(frame.shape[2]):
                unit = frame[:, y, x] / math.sqrt(sum(v * v for v in frame[:, y, x]))
                logits = [float(row @ unit) for row in assignment]
                shares = [math.exp(logit - max(logits)) for logit in logits]
                for k, share in enumerate(shares):
                    total[k] += share / sum(shares) * (unit - centroids[k])
    flat = np.concatenate([row / math.sqrt(sum(v * v for v in row)) for row in total])
    return flat / math.sqrt(sum(v * v for v in flat))


def test_all_locations_of_all_frames_in_one_vlad():
    network = create_network('seqvlad', SMALL).double()
    with torch.no_grad():
        network.vlad.assignment.mul_(0.2)  # soft enough for every cluster to count
    images = torch.rand(2, 4, 3, 64, 96, dtype=torch.float64)
    descriptors = network(images).descriptors
    assert descriptors.shape == (2, 3 * 256)
    for sequence in range(2):
        maps = network.trunk(network.normalise(images[sequence])).numpy()
        np.testing.assert_allclose(descriptors[sequence], literal(maps, network.vlad), rtol=1e-9,
                                   atol=1e-12)


def test_frames_encoded_one_after_the_other():
    network = create_network('seqvlad', SMALL)
    images = torch.rand(1, 4, 3, 64, 96)
    kept = [network.encode(images[:, frame]) for frame in range(4)]
    assert kept[0].shape == (1, 3, 256)
    assert kept[0].dtype == torch.float32
    together = network(images)
    torch.testing.assert_close(network.aggregate(torch.stack(kept, dim=1)).descriptors,
                               together.descriptors, rtol=0, atol=1e-6)
    assert together.attention is None


def test_the_order_of_frames_does_not_matter_but_which_they_are_does():
    network = create_network('seqvlad', SMALL)
    images = torch.rand(1, 4, 3, 64, 96)
    plain = network(images).descriptors
    torch.testing.assert_close(network(images.flip(1)).descriptors, plain, rtol=0, atol=1e-5)
    images[:, 0] = images[:, 0].flip(2).square()
    assert float((network(images).descriptors * plain).sum()) < 0.9999


def test_a_sequence_of_one_frame_is_netvlad(tmp_path):
    sequence = create_network('seqvlad', {**SMALL, 'sequence_length': 1})
    state = {n.replace('vlad.', 'head.vlad.') if n.startswith('vlad.') else n: t
             for n, t in sequence.state_dict().items()}
    write_weights(tmp_path / 'w', state, {}, dtype=torch.float32)
    single = create_network('netvlad', {'trunk': 'alexnet', 'clusters': 3, 'height': 64,
                                        'width': 96, 'weights': str(tmp_path / 'w')})
    images = torch.rand(2, 3, 64, 96)
    torch.testing.assert_close(sequence(images[:, None]).descriptors, single(images).descriptors,
                               rtol=0, atol=1e-6)


def test_weights_fit_any_length(tmp_path):
    network = seqvlad(**SMALL)
    write_weights(tmp_path / 'w', network.state_dict(), {}, dtype=torch.float32)
    longer = create_network('seqvlad', {**SMALL, 'weights': str(tmp_path / 'w'),
                                        'sequence_length': 7})
    assert longer.dimension == network.dimension
    image = torch.rand(1, 1, 3, 64, 96)
    with torch.no_grad():
        of_seven = longer(image.expand(-1, 7, -1, -1, -1)).descriptors
        of_four = network.eval()(image.expand(-1, 4, -1, -1, -1)).descriptors
    torch.testing.assert_close(of_seven, of_four, rtol=0, atol=1e-5)


def test_each_sequence_by_itself_at_any_size():
    network = create_network('seqvlad', {**SMALL, 'dimension': 16})
    images = torch.rand(3, 4, 3, 80, 64)
    together = network(images).descriptors
    assert together.shape == (3, 16)
    for sequence in range(3):
        torch.testing.assert_close(network(images[sequence:sequence + 1]).descriptors[0],
                                   together[sequence], rtol=0, atol=1e-5)


@pytest.mark.parametrize('dimension', [0, 16])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype, dimension):
    network = create_network('seqvlad', {**SMALL, 'dimension': dimension})
    images = torch.rand(2, 4, 3, 64, 96)
    exact = network(images).descriptors
    rounded = network.to(dtype)(images).descriptors
    assert rounded.dtype == dtype
    cosines = F.cosine_similarity(exact, rounded.float())
    assert float(cosines.min()) > (0.999 if dtype == torch.float16 else 0.97)


@pytest.mark.parametrize(('trunk', 'count', 'channels'), [('resnet18', 7, 256),
                                                          ('alexnet', 11, 256)])
def test_public_checkpoints(trunk, count, channels, tmp_path):
    model = models.get_model(trunk, weights=None)
    whole = model.features if trunk == 'alexnet' else torch.nn.Sequential(*model.children())
    layers = whole[:count].eval()
    state = {f'module.encoder.{n}': t for n, t in layers.state_dict().items()}
    state['module.aggregator.centroids'] = torch.randn(3, channels) * 0.1
    state['module.aggregator.conv.weight'] = torch.randn(3, channels, 1, 1)
    torch.save({'epoch_num': 2, 'model_state_dict': state}, tmp_path / 'w.pth')
    network = create_network('seqvlad', {**SMALL, 'trunk': trunk,
                                         'weights': str(tmp_path / 'w.pth')}).double()
    images = torch.rand(1, 4, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        maps = layers.double()(network.normalise(images[0])).numpy()
    np.testing.assert_allclose(network(images).descriptors[0], literal(maps, network.vlad),
                               rtol=1e-7, atol=1e-9)


def test_the_network_by_default():
    network = create_network('seqvlad', {'weights': 'random'})
    assert network.length == 5
    assert network.dimension == 64 * 256 == 16_384
    assert (network.preprocessing.height, network.preprocessing.width) == (480, 640)
    trunk = sum(p.numel() for p in network.trunk.parameters())
    assert sum(p.numel() for p in network.parameters()) - trunk == 2 * 64 * 256


@pytest.mark.parametrize(('label', 'options'), VARIANTS.items(), ids=VARIANTS)
def test_variants(label, options):
    channels = {'resnet50': 1024, 'vgg16': 512}.get(options.get('trunk'), 256)
    network = create_network('seqvlad', {
        **options, 'weights': 'random', 'clusters': 3, 'sequence_length': 2, 'height': 64,
        'width': 64})
    output = network(torch.rand(1, 2, 3, 64, 64))
    assert output.descriptors.shape == (1, network.dimension) == (1, 3 * channels)
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(1))


def test_gradients_reach_the_trunk_and_the_clusters():
    network = seqvlad(**SMALL)
    network(torch.rand(1, 4, 3, 64, 96)).descriptors[0, :50].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(('options', 'text'), [
    ({'sequence_length': 0}, 'at least 1 frame, got 0'), ({'clusters': 0}, '2 clusters at least'),
    ({'dimension': -3}, 'got -3'), ({'height': 8, 'width': 8}, 'takes no images of 8 x 8'),
    ({'weights': ''}, 'needs weights: .*trunk_weights'),
    ({'trunk_weights': 'imagenet'}, 'or trunk_weights, not both')])
def test_bad_options(options, text):
    with pytest.raises(VprError, match=text):
        create_network('seqvlad', {**SMALL, **options})


def test_another_number_of_frames_is_refused():
    with pytest.raises(ValueError, match=r'sequences of 4 images: expected \(B, 4, 3, H, W\)'):
        create_network('seqvlad', SMALL)(torch.rand(1, 5, 3, 64, 96))
