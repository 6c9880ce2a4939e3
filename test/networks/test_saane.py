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


"""SAANE against its equations, written out in loops; its variants, sizes and weights."""

from copy import deepcopy
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.heads import Head
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_variants
from vpr_ros.networks.saane import FusedEmbedding
from vpr_ros.networks.saane import Fusion
from vpr_ros.networks.saane import MultimodalAttention
from vpr_ros.networks.weights import write_weights


def make(**options):
    return create_network('saane', {'weights': 'random', **options})


@pytest.fixture(scope='module')
def network():
    return make()


@pytest.fixture(scope='module')
def appearance():
    return make(variant='app_att')


def array(tensor):
    return tensor.detach().numpy()


def sigmoid(value):
    return 1.0 / (1.0 + math.exp(-value))


def literal_projection(layer, x):
    """Return W (*) x, a 1x1 convolution, for x (C_z, H, W)."""
    weight = array(layer.weight)[:, :, 0, 0]
    result = np.zeros((weight.shape[0], *x.shape[1:]))
    for o in range(weight.shape[0]):
        for c in range(weight.shape[1]):
            for y in range(x.shape[1]):
                for z in range(x.shape[2]):
                    result[o, y, z] += weight[o, c] * x[c, y, z]
    return result


def literal_perceptron(layers, pooled):
    first, second = array(layers[0].weight), array(layers[2].weight)
    hidden = [max(0.0, sum(first[h, c] * pooled[c] for c in range(len(pooled))))
              for h in range(len(first))]
    return [sum(second[c, h] * hidden[h] for h in range(len(hidden))) for c in range(len(pooled))]


def literal_attention(attention, fused):
    """Return M_c (C,) and the sigmoid of equation 3 for each modality (Z, H, W)."""
    channels, height, width = fused.shape
    averages = [sum(fused[c].ravel()) / (height * width) for c in range(channels)]
    maxima = [max(fused[c].ravel()) for c in range(channels)]
    channel = np.array([sigmoid(a + m) for a, m in zip(
        literal_perceptron(attention.perceptron, averages),
        literal_perceptron(attention.perceptron, maxima), strict=True)])
    summary = np.zeros((2, height, width))
    for y in range(height):
        for x in range(width):
            refined = [fused[c, y, x] * channel[c] for c in range(channels)]
            summary[:, y, x] = sum(refined) / channels, max(refined)
    filters = array(attention.spatial.weight)
    spatial = np.zeros((len(filters), height, width))
    for z in range(len(filters)):
        for y in range(height):
            for x in range(width):
                total = 0.0
                for kind in range(2):
                    for dy in range(-3, 4):
                        for dx in range(-3, 4):
                            if 0 <= y + dy < height and 0 <= x + dx < width:
                                total += (filters[z, kind, dy + 3, dx + 3]
                                          * summary[kind, y + dy, x + dx])
                spatial[z, y, x] = sigmoid(total)
    return channel, spatial


def literal_fusion(fusion, maps, attention):
    """Return the fused map (C, H, W) and the attention that is drawn, or None."""
    aligned = [literal_projection(layer, m) for layer, m in zip(fusion.align, maps, strict=True)]
    if not attention:
        return sum(aligned), None
    refined, spatials = [], []
    for number, features in enumerate(aligned):
        if attention == 'shared':
            channel, spatial = literal_attention(fusion.attentions[0], sum(aligned))
            spatial = spatial[number]
        else:
            channel, spatial = literal_attention(fusion.attentions[number], features)
            spatial = spatial[0]
        spatials.append(spatial)
        attended = np.zeros_like(features)
        for c in range(len(features)):
            for y in range(features.shape[1]):
                for x in range(features.shape[2]):
                    attended[c, y, x] = features[c, y, x] * (channel[c] * spatial[y, x])
        refined.append(literal_projection(fusion.fuse[number], attended))
    drawn = sum(spatials) / len(spatials)
    return sum(refined), drawn / drawn.sum()


def literal_pyramid(fused):
    """Return the L2-normalised maxima of the cells of grids 4, 3, 2 and 1."""
    found = []
    for grid in (4, 3, 2, 1):
        for features in fused:
            height, width = features.shape
            for row in range(grid):
                for column in range(grid):
                    cell = features[row * height // grid:-(-(row + 1) * height // grid),
                                    column * width // grid:-(-(column + 1) * width // grid)]
                    found.append(max(cell.ravel()))
    return np.array(found) / math.sqrt(sum(v * v for v in found))


def small(modalities, attention, *, channels=6):
    """Return an embedding of few channels, its weights far from where training starts."""
    inputs = (5, 4)[:modalities]
    embedding = FusedEmbedding(Fusion(inputs, channels, attention, reduction=2),
                               Head('spp_max', channels)).double()
    with torch.no_grad():
        for parameter in embedding.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    return embedding, [torch.randn(2, c, 5, 7, dtype=torch.float64) for c in inputs]


DESIGNS = [(2, 'shared'), (2, 'separate'), (2, ''), (1, 'shared'), (1, '')]


@pytest.mark.parametrize(('modalities', 'attention'), DESIGNS)
def test_equations_1_to_3_are_the_literal_ones(modalities, attention):
    embedding, maps = small(modalities, attention)
    result = embedding(maps)
    for image in range(2):
        fused, drawn = literal_fusion(embedding.fusion, [array(m[image]) for m in maps], attention)
        difference = np.abs(array(result.features[image]) - fused).max()
        assert difference <= 1e-9 * np.abs(fused).max()
        wanted = literal_pyramid(fused)
        assert result.descriptors.shape == (2, 30 * 6)
        assert np.abs(array(result.descriptors[image]) - wanted).max() <= 1e-9
        if attention:
            np.testing.assert_allclose(array(result.attention[image]), drawn, rtol=1e-9)
        else:
            assert result.attention is None


# Cosine to float64; measured over twenty seeds 1 - 3e-14, 1 - 1.3e-6 and 1 - 6.7e-5.
@pytest.mark.parametrize(('dtype', 'cosine'), [
    (torch.float32, 1 - 1e-12), (torch.float16, 1 - 1e-5), (torch.bfloat16, 1 - 3e-4)])
@pytest.mark.parametrize(('modalities', 'attention'), DESIGNS)
def test_every_precision_is_close(modalities, attention, dtype, cosine):
    embedding, maps = small(modalities, attention)
    exact = embedding(maps).descriptors
    close = embedding.to(dtype)([m.to(dtype) for m in maps]).descriptors.double()
    assert F.cosine_similarity(exact, close).min() >= cosine


@pytest.mark.parametrize('modalities', [1, 2])
def test_attention_has_the_right_gradient(modalities):
    attention = MultimodalAttention(4, modalities, reduction=2).double()
    names = [name for name, _ in attention.named_parameters()]

    def run(fused, *values):
        return torch.func.functional_call(attention, dict(zip(names, values, strict=True)),
                                          (fused,))

    fused = torch.randn(2, 4, 3, 4, dtype=torch.float64, requires_grad=True)
    parameters = [torch.randn_like(p).requires_grad_() for p in attention.parameters()]
    assert torch.autograd.gradcheck(run, (fused, *parameters))


@pytest.mark.parametrize(('modalities', 'attention'), DESIGNS)
def test_every_parameter_learns(modalities, attention):
    embedding, maps = small(modalities, attention)
    # Not the sum: attention to all channels alike cannot change the direction of a descriptor.
    embedding(maps).descriptors[:, ::3].sum().backward()
    for name, parameter in embedding.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


TRUNK = 8_543_296  # ResNet-50 up to its third stage
SCENE = 46_782_550  # by hand in test_pspnet
ALIGN_A, ALIGN_S = 1024 * 256, 512 * 256
PERCEPTRON = 256 * 16 + 16 * 256
FILTER = 2 * 7 * 7
FUSE = 256 * 256
PARAMETERS = {
    'SAANE': (TRUNK + SCENE, ALIGN_A + ALIGN_S + PERCEPTRON + 2 * FILTER + 2 * FUSE),
    'App': (TRUNK, ALIGN_A),
    'App+Sem': (TRUNK + SCENE, ALIGN_A + ALIGN_S),
    'App-Att': (TRUNK, ALIGN_A + PERCEPTRON + FILTER + FUSE),
    'App-Att+Sem-Att': (TRUNK + SCENE,
                        ALIGN_A + ALIGN_S + 2 * (PERCEPTRON + FILTER) + 2 * FUSE),
    'AMOSNet': (TRUNK, 0),
    'APANet': (TRUNK, 1024 + 1024 * 1024 + 1024),
    'APANet-MM': (TRUNK + SCENE, ALIGN_A + ALIGN_S + 2 * (256 + 256 * 256 + 256)),
    **{f'SAANE, C = {c}': (TRUNK + SCENE, (1024 + 512) * c + 2 * c * max(c // 16, 8)
                           + 2 * FILTER + 2 * c * c) for c in (16, 32, 64, 128, 512)},
}
DIMENSIONS = {
    'AMOSNet': 30 * 1024, 'APANet': 1024, 'APANet-MM': 256,
    **{f'SAANE, C = {c}': 30 * c for c in (16, 32, 64, 128, 512)}}
NOT_DRAWN = ('App', 'App+Sem', 'AMOSNet')


@pytest.mark.parametrize('label', network_variants('saane'))
def test_every_variant_describes(label):
    network = make(**network_variants('saane')[label])
    trunks, own = PARAMETERS[label]
    assert sum(p.numel() for p in network.parameters()) == trunks + own
    assert sum(p.numel() for p in network.embedding.parameters()) == own
    result = network(torch.rand(1, 3, 64, 48))
    assert network.dimension == DIMENSIONS.get(label, 7680)
    assert result.descriptors.shape == (1, network.dimension)
    torch.testing.assert_close(result.descriptors.norm(dim=1), torch.ones(1))
    assert result.features.shape[2:] == (4, 3)
    assert (result.attention is None) == (label in NOT_DRAWN)
    if result.attention is not None:
        assert result.attention.shape == (1, 4, 3)
        assert (result.attention >= 0).all()
        torch.testing.assert_close(result.attention.sum(dim=(1, 2)), torch.ones(1))


def test_every_variant_is_counted():
    assert list(PARAMETERS) == list(network_variants('saane'))
    assert next(iter(network_variants('saane').values())) == {}


def test_saane_has_so_many_parameters(network):
    assert sum(p.numel() for p in network.parameters()) == 55_858_522
    assert sum(p.numel() for p in network.embedding.parameters()) == 532_676
    assert network.dimension == 7680
    assert (network.preprocessing.height, network.preprocessing.width) == (480, 640)
    assert network.scale == 10.0


@pytest.mark.parametrize(('height', 'width'), [(64, 64), (70, 45), (33, 120), (16, 16)])
def test_any_size_and_aspect(height, width, network):
    result = network(torch.rand(1, 3, height, width))
    grid = math.ceil(height / 16), math.ceil(width / 16)
    assert result.features.shape == (1, 256, *grid)
    assert result.attention.shape == (1, *grid)
    assert result.descriptors.shape == (1, 7680)
    torch.testing.assert_close(result.attention.sum(), torch.tensor(1.0))


def test_maps_are_those_of_the_two_trunks(network):
    images = torch.randn(1, 3, 64, 96)
    appearance, semantic = network.maps(images)
    assert torch.equal(appearance, network.trunk(images))
    assert appearance.shape == (1, 1024, 4, 6)
    # Half the size, bilinear: the average of four neighbours.
    torch.testing.assert_close(semantic, F.avg_pool2d(network.scene.features(images), 2))


def test_images_of_a_batch_do_not_meet(network):
    images = torch.rand(3, 3, 64, 48)
    together = network(images)
    for image in range(3):
        alone = network(images[image:image + 1])
        torch.testing.assert_close(alone.descriptors[0], together.descriptors[image],
                                   rtol=1e-3, atol=1e-6)
        torch.testing.assert_close(alone.attention[0], together.attention[image])


def test_a_copy_is_the_same_network(network):
    images = torch.rand(1, 3, 48, 64)
    copied = deepcopy(network)
    assert torch.equal(copied(images).descriptors, network(images).descriptors)
    assert copied.identity() == network.identity()
    assert not any(part.training for part in copied.modules())


# Measured 1 - 4.7e-7 and 1 - 1e-4.
@pytest.mark.parametrize(('dtype', 'cosine'), [(torch.float16, 1 - 1e-5), (torch.bfloat16, 0.999)])
def test_half_precision(dtype, cosine, network):
    images = torch.rand(2, 3, 64, 80)
    exact = network(images).descriptors
    half = deepcopy(network).to(dtype)(images.to(dtype))
    assert torch.isfinite(half.descriptors).all()
    assert F.cosine_similarity(half.descriptors.float(), exact).min() >= cosine
    torch.testing.assert_close(half.attention.float().sum(dim=(1, 2)), torch.ones(2),
                               rtol=0.01, atol=0)


@pytest.mark.parametrize(('head', 'dimension', 'wanted'), [
    ('spp', 0, 7680), ('vlad', 0, 64 * 256), ('flatten', 0, 256 * 4 * 5), ('spp_max', 64, 64)])
def test_other_heads(head, dimension, wanted):
    network = make(variant='app', head=head, dimension=dimension, height=64, width=80)
    result = network(torch.rand(1, 3, 64, 80))
    assert result.descriptors.shape == (1, wanted)
    assert network.dimension == wanted
    torch.testing.assert_close(result.descriptors.norm(dim=1), torch.ones(1))


def test_a_flattened_map_of_one_location():
    assert make(variant='app', head='flatten', height=16, width=16).dimension == 256


def test_random_weights_are_the_same_on_every_run(appearance):
    again = make(variant='app_att')
    assert appearance.identity() == again.identity()
    other = make(variant='app_att', seed=1)
    assert other.identity().weights_hash != again.identity().weights_hash


def test_a_file_of_the_whole_network(tmp_path, appearance):
    source = make(variant='app_att', seed=3)
    path = tmp_path / 'saane.safetensors'
    write_weights(path, source.state_dict(), {}, dtype=torch.float32)
    loaded = create_network('saane', {'variant': 'app_att', 'weights': str(path)})
    assert loaded.identity().weights_hash == source.identity().weights_hash
    images = torch.rand(1, 3, 48, 64)
    assert torch.equal(loaded(images).descriptors, source(images).descriptors)
    assert not torch.equal(loaded(images).descriptors, appearance(images).descriptors)
    with pytest.raises(VprError, match=r'embedding\.fusion\.attentions\.0\.perceptron\.0\.weight '
                                       r'has shape \(16, 256\), the network needs \(32, 256\)'):
        create_network('saane', {'variant': 'app_att', 'weights': str(path), 'reduction': 8})
    with pytest.raises(VprError, match=r'embedding\.fusion\.fuse\.0\.weight is not a part'):
        create_network('saane', {'variant': 'app', 'weights': str(path)})


def test_parts_come_from_files_of_their_own(tmp_path, network):
    for part, name in ((network.trunk.body, 'trunk'), (network.scene, 'scene')):
        write_weights(tmp_path / f'{name}.safetensors', part.state_dict(), {})
    made = create_network('saane', {
        'trunk_weights': str(tmp_path / 'trunk.safetensors'),
        'semantic_weights': str(tmp_path / 'scene.safetensors'), 'seed': 5})
    for part in ('trunk.body.layer3.5.conv3.weight', 'scene.reduce.0.weight'):
        expected = network.state_dict()[part].half().float()
        assert torch.equal(made.state_dict()[part], expected)
    assert not torch.equal(made.embedding.fusion.align[0].weight,
                           network.embedding.fusion.align[0].weight)
    for file in tmp_path.iterdir():
        file.unlink()  # a hundred megabytes


@pytest.mark.parametrize(('options', 'message'), [
    ({'variant': 'sane'}, "unknown variant 'sane'; did you mean 'saane'"),
    ({}, r'needs weights: .*missing: trunk_weights, semantic_weights'),
    ({'trunk_weights': 'random'}, r'missing: semantic_weights'),
    ({'weights': 'random', 'trunk_weights': 'random'}, 'weights for all of it or trunk_weights'),
    ({'variant': 'app', 'trunk_weights': 'random', 'semantic_weights': 'random'},
     "variant 'app' has no use for the option semantic_weights"),
    ({'variant': 'app_att', 'publication': 'csail'}, 'no use for the option publication'),
    ({'variant': 'amosnet', 'channels': 64}, 'no use for the option channels'),
    ({'variant': 'apanet', 'channels': 64}, 'no use for the option channels'),
    ({'variant': 'app_sem', 'reduction': 8}, 'no use for the option reduction'),
    ({'variant': 'apanet_mm', 'head': 'gem'}, 'no use for the option head'),
    ({'variant': 'app', 'weights': 'random', 'channels': 0}, 'channels must be 1 or more, got 0'),
    ({'variant': 'app_att', 'weights': 'random', 'channels': 8},
     r'reduction must be in 1\.\.8, the number of channels, got 16'),
    ({'variant': 'app', 'weights': 'random', 'head': 'ssp'}, "unknown head 'ssp'; did you mean"),
    ({'variant': 'app', 'weights': 'random', 'dimension': -1}, 'dimension must be 0 .* got -1'),
    ({'variant': 'app', 'weights': 'random', 'height': 0}, 'height and width of a network must'),
    ({'variant': 'app', 'weights': 'absent.pth'}, 'no weights at absent.pth')])
def test_what_does_not_make_sense_is_refused(options, message):
    with pytest.raises(VprError, match=message):
        create_network('saane', options)


def test_appearance_needs_no_semantic_weights():
    network = create_network('saane', {'variant': 'app', 'trunk_weights': 'random'})
    assert network.scene is None


@pytest.mark.parametrize('channels', [16, 32, 64])
@pytest.mark.parametrize('seed', range(4))
def test_the_attention_to_few_channels_learns(channels, seed):
    torch.manual_seed(seed)
    attention = MultimodalAttention(channels, 1)
    channel, _ = attention(torch.randn(4, channels, 6, 8))
    channel.pow(2).sum().backward()
    assert all(layer.weight.grad.abs().max() > 0 for layer in attention.perceptron
               if isinstance(layer, torch.nn.Linear))
