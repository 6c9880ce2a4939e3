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


"""Wang et al. 2019: VLAD that weighs residuals and features by attention."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.attention_vlad import attention_vlad
from vpr_ros.networks.attention_vlad import AttentionVlad
from vpr_ros.networks.attention_vlad import VARIANTS
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_variants
from vpr_ros.networks.trunks import trunk
from vpr_ros.networks.vlad import locations
from vpr_ros.networks.vlad import normalise_vlad
from vpr_ros.networks.vlad import Vlad
from vpr_ros.networks.weights import write_weights

ATTENTIVE = ['ours', 'a1', 'a2']
SMALL = {'height': 64, 'width': 96, 'weights': 'random', 'clusters': 4}


def literal(features, variant, pool):
    """Compute equations 4 to 6 location by location from conv5, before its ReLU."""
    channels, height, width = features.shape
    kernel = pool.attention.weight.detach().double().numpy()[0, :, 0, 0]
    bias = float(pool.attention.bias.detach())
    assignment, centroids = (t.detach().double().numpy() for t in (
        pool.vlad.assignment, pool.vlad.centroids))
    total = np.zeros(centroids.shape)
    attention = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            feature = features[:, y, x]
            score = bias + sum(kernel[c] * max(feature[c], 0.0) for c in range(channels))
            w = attention[y, x] = math.log(1.0 + math.exp(score))
            unit = feature / math.sqrt(sum(v * v for v in feature))
            for scheme, point in (('a1', unit), ('a2', w * unit)):
                if variant not in (scheme, 'ours'):
                    continue
                shares = [math.exp(sum(a * v for a, v in zip(row, point, strict=True)))
                          for row in assignment]
                for k, share in enumerate(shares):
                    for c in range(channels):
                        total[k, c] += w * share / sum(shares) * (point[c] - centroids[k, c])
    rows = [row / math.sqrt(sum(v * v for v in row)) for row in total]
    flat = np.concatenate(rows)
    return flat / math.sqrt(sum(v * v for v in flat)), attention


def made(variant, channels=5, clusters=3):
    """Return a pooling with attention and an assignment that matter."""
    pool = AttentionVlad(channels, variant=variant, clusters=clusters)
    with torch.no_grad():
        pool.attention.weight.normal_()
        pool.vlad.assignment.normal_(std=2.0)
        pool.vlad.centroids.normal_(std=0.5)
    return pool.double()


@pytest.mark.parametrize('variant', ATTENTIVE)
def test_the_equations(variant):
    pool, features = made(variant), torch.randn(2, 5, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        descriptors, attention = pool(features)
    for image in range(2):
        wanted, weights = literal(features[image].numpy(), variant, pool)
        np.testing.assert_allclose(descriptors[image], wanted, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(attention[image], weights, rtol=1e-9)


@pytest.mark.parametrize('variant', ATTENTIVE)
def test_the_equations_in_float32(variant):
    pool, features = made(variant), torch.randn(1, 5, 3, 4)
    wanted, _ = literal(features[0].double().numpy(), variant, pool)
    with torch.no_grad():
        np.testing.assert_allclose(pool.float()(features)[0][0], wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('variant', ATTENTIVE)
def test_gradients(variant):
    pool = made(variant, channels=3)
    features = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: pool(x)[0], (features, *pool.parameters()))


def test_features_are_not_normalised_after_they_are_weighed():
    features, pool = torch.randn(1, 5, 3, 4, dtype=torch.float64), made('a2')
    with torch.no_grad():
        before = pool(features)[0]
        pool.attention.bias += 1.0  # all weights grow, and with them w_i x_i beside c_k
        assert float((before - pool(features)[0]).abs().max()) > 1e-3


def test_only_attention_sees_the_relu():
    features, pool = torch.randn(1, 5, 3, 4, dtype=torch.float64), made('ours')
    lower = torch.where(features < 0, 2.0 * features, features)
    with torch.no_grad():
        assert torch.equal(pool(features)[1], pool(lower)[1])
        assert float((pool(features)[0] - pool(lower)[0]).abs().max()) > 1e-3


def test_attention_starts_even():
    weights = AttentionVlad(256)(torch.randn(1, 256, 6, 6))[1]
    torch.testing.assert_close(weights, torch.ones(1, 6, 6), rtol=0, atol=0.1)


@pytest.mark.parametrize(('label', 'options'), VARIANTS.items(), ids=VARIANTS)
def test_variants(label, options):
    dimension = 256 if options.get('variant') in ('max', 'average') else 4 * 256
    network = create_network('attention_vlad', {**SMALL, **options})
    assert network_variants('attention_vlad')[label] == dict(options)
    with torch.no_grad():
        output = network(torch.rand(2, 3, 64, 96))
    assert output.descriptors.shape == (2, network.dimension) == (2, dimension)
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(2))
    assert output.features.shape == (2, 256, 3, 5)
    assert (output.features < 0).any()  # conv5 before its ReLU
    if options.get('variant', 'ours') in ATTENTIVE:
        assert output.attention.shape == (2, 3, 5)
        assert (output.attention >= 0).all()
        torch.testing.assert_close(output.attention.sum(dim=(1, 2)), torch.ones(2))
    else:
        assert output.attention is None


def test_variants_are_different_functions():
    features, first = torch.randn(1, 5, 3, 4, dtype=torch.float64), made('ours')
    found = [normalise_vlad(first.vlad(locations(features)))]
    for variant in ATTENTIVE:
        pool = made(variant)
        pool.load_state_dict(first.state_dict())
        found.append(pool(features)[0])
    for i, one in enumerate(found):
        for other in found[i + 1:]:
            assert float((one * other).detach().sum()) < 0.999


@pytest.mark.parametrize(('variant', 'wanted'), [
    ('max', lambda x: x.amax(dim=(2, 3))), ('average', lambda x: x.mean(dim=(2, 3)))])
def test_plain_pooling_is_of_conv5_as_it_is(variant, wanted):
    network = create_network('attention_vlad', {**SMALL, 'variant': variant})
    output = network(torch.rand(2, 3, 64, 96))
    torch.testing.assert_close(output.descriptors, F.normalize(wanted(output.features)))


def test_the_network_of_the_paper():
    network = create_network('attention_vlad', {'weights': 'random'})
    assert network.dimension == 64 * 256 == 16_384
    assert (network.preprocessing.height, network.preprocessing.width) == (512, 512)
    trunk = sum(p.numel() for p in network.trunk.parameters())
    assert trunk == 2_469_696
    pooling = sum(p.numel() for p in network.parameters()) - trunk
    assert pooling == (256 + 1) + 2 * 64 * 256
    assert network.trunk.grid(512, 512) == (31, 31)


@pytest.mark.parametrize('variant', ['ours', 'vlad'])
def test_clusters_of_real_features_can_be_put_in(variant):
    network = attention_vlad(**SMALL, variant=variant)
    vlad = next(m for m in network.modules() if isinstance(m, Vlad))
    with torch.no_grad():
        features = network(torch.rand(2, 3, 64, 96)).features
        before = network(torch.rand(1, 3, 64, 96)).descriptors
    vlad.start_from(features.flatten(2).transpose(1, 2).flatten(0, 1).numpy())
    with torch.no_grad():
        after = network(torch.rand(1, 3, 64, 96)).descriptors
    assert torch.isfinite(after).all()
    assert float((before * after).sum()) < 0.99


@pytest.mark.parametrize('variant', ['ours', 'average'])
def test_each_image_by_itself_at_any_size(variant):
    network = create_network('attention_vlad', {**SMALL, 'variant': variant, 'dimension': 16})
    images = torch.rand(3, 3, 80, 64)
    together = network(images).descriptors
    assert together.shape == (3, 16)
    for image in range(3):
        torch.testing.assert_close(network(images[image:image + 1]).descriptors[0],
                                   together[image], rtol=0, atol=1e-5)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('variant', [*ATTENTIVE, 'vlad', 'max'])
def test_half_precision(variant, dtype):
    network = create_network('attention_vlad', {**SMALL, 'variant': variant})
    images = torch.rand(2, 3, 64, 96)
    exact = network(images).descriptors
    output = network.to(dtype)(images)
    assert output.descriptors.dtype == dtype
    cosines = F.cosine_similarity(exact, output.descriptors.float())
    assert float(cosines.min()) > (0.999 if dtype == torch.float16 else 0.97)
    if output.attention is not None:
        torch.testing.assert_close(output.attention.float().sum(dim=(1, 2)), torch.ones(2),
                                   rtol=0, atol=0.02)


def test_attention_that_float16_could_not_sum():
    pool = AttentionVlad(4, clusters=2)
    with torch.no_grad():
        pool.attention.weight.fill_(1.0)
        features = torch.full((1, 4, 20, 20), 100.0)
        exact = pool(features)[0]
        rounded = pool.half()(features.half())[0]
    assert float((exact * rounded.float()).sum()) > 0.999


def test_a_trained_network_comes_back(tmp_path):
    network = attention_vlad(**{**SMALL, 'seed': 5})
    path = tmp_path / 'w.safetensors'
    write_weights(path, network.state_dict(), {}, dtype=torch.float32)
    again = create_network('attention_vlad', {**SMALL, 'weights': str(path)})
    assert again.identity().weights_hash == network.identity().weights_hash
    assert create_network('attention_vlad', SMALL).identity().weights_hash != (
        network.identity().weights_hash)
    with pytest.raises(VprError, match=r'pool\.vlad\.centroids has shape \(4, 256\), the network '
                                       r'needs \(8, 256\)'):
        create_network('attention_vlad', {**SMALL, 'weights': str(path), 'clusters': 8})


def test_random_weights_are_the_same_on_every_run():
    one, same = (create_network('attention_vlad', SMALL).identity() for _ in range(2))
    assert one == same


def test_any_trunk():
    network = create_network('attention_vlad', {**SMALL, 'trunk': 'resnet18', 'layer': 'layer2'})
    assert network.dimension == 4 * 128
    assert network(torch.rand(1, 3, 64, 64)).attention.shape == (1, 8, 8)


@pytest.mark.parametrize(('options', 'text'), [
    ({'variant': 'a3'}, "unknown variant 'a3'"), ({'variant': 'A1'}, "did you mean 'a1'"),
    ({'clusters': 1}, '2 clusters at least, got 1'), ({'dimension': -1}, 'got -1'),
    ({'height': 8, 'width': 8}, 'takes no images of 8 x 8 pixels'),
    ({'trunk': 'alexnot'}, "did you mean 'alexnet'"),
    ({'weights': ''}, 'needs weights: .*trunk_weights'),
    ({'trunk_weights': 'imagenet'}, 'or trunk_weights, not both')])
def test_bad_options(options, text):
    with pytest.raises(VprError, match=text):
        create_network('attention_vlad', {**SMALL, **options})


def test_an_untrained_pooling_on_a_public_trunk(tmp_path, caplog):
    """f_max+ of the paper: the trunk of a classifier, and nothing learned for places."""
    with seeded(7):
        body = trunk('alexnet', 'features.10', weights='random').body
    torch.save(body.state_dict(), tmp_path / 'alexnet.pth')
    network = create_network('attention_vlad', {
        **SMALL, 'weights': '', 'trunk_weights': str(tmp_path / 'alexnet.pth'), 'variant': 'max'})
    assert torch.equal(network.trunk.body.state_dict()['features.10.weight'],
                       body.state_dict()['features.10.weight'])
    assert 'attention_vlad: only the parts with public weights are trained' in caplog.text
