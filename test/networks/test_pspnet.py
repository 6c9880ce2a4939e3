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


"""PSPNet: its sizes, its pyramid against loops, and the checkpoints of two publications."""

import math
import shutil

import numpy as np
import pytest
import torch
from torch import nn
from vpr_ros.errors import VprError
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.pspnet import convert_pspnet
from vpr_ros.networks.pspnet import PSPNet
from vpr_ros.networks.pspnet import pspnet
from vpr_ros.networks.pspnet import PUBLICATIONS
from vpr_ros.networks.weights import load_weights

BINS = (1, 2, 3, 6)
BLOCKS = {1: (64, 3), 2: (128, 4), 3: (256, 6), 4: (512, 3)}


def convolution(name, inputs, outputs, size, *, bias=False):
    shapes = {f'{name}.weight': (outputs, inputs, size, size)}
    return {**shapes, f'{name}.bias': (outputs,)} if bias else shapes


def batch_norm(name, channels):
    kinds = ('weight', 'bias', 'running_mean', 'running_var')
    return {**{f'{name}.{k}': (channels,) for k in kinds}, f'{name}.num_batches_tracked': ()}


def stages():
    """Return the names and shapes of layer1 to layer4, alike in both publications."""
    shapes, inputs = {}, 128
    for layer, (planes, blocks) in BLOCKS.items():
        for block in range(blocks):
            name = f'layer{layer}.{block}'
            for number, (before, after, size) in enumerate(
                    [(inputs, planes, 1), (planes, planes, 3), (planes, 4 * planes, 1)], 1):
                shapes |= convolution(f'{name}.conv{number}', before, after, size)
                shapes |= batch_norm(f'{name}.bn{number}', after)
            if block == 0:
                shapes |= convolution(f'{name}.downsample.0', inputs, 4 * planes, 1)
                shapes |= batch_norm(f'{name}.downsample.1', 4 * planes)
            inputs = 4 * planes
    return shapes


def stem(names):
    shapes = {}
    for (conv, norm), (before, after) in zip(names, [(3, 64), (64, 64), (64, 128)], strict=True):
        shapes |= convolution(conv, before, after, 3) | batch_norm(norm, after)
    return shapes


def last_layers(name, inputs, hidden):
    return (convolution(f'{name}.0', inputs, hidden, 3) | batch_norm(f'{name}.1', hidden)
            | convolution(f'{name}.4', hidden, 150, 1, bias=True))


def pyramid(name):
    shapes = {}
    for level in range(len(BINS)):
        shapes |= convolution(f'{name}.{level}.1', 2048, 512, 1)
        shapes |= batch_norm(f'{name}.{level}.2', 512)
    return shapes


def semseg_shapes():
    """Return the names in train_epoch_100.pth, without 'module.', and their shapes."""
    return (stem([('layer0.0', 'layer0.1'), ('layer0.3', 'layer0.4'), ('layer0.6', 'layer0.7')])
            | stages() | pyramid('ppm.features') | last_layers('cls', 4096, 512)
            | last_layers('aux', 1024, 256))


def csail_shapes():
    """Return those in encoder_epoch_20.pth, and those in decoder_epoch_20.pth."""
    encoder = stem([(f'conv{n}', f'bn{n}') for n in (1, 2, 3)]) | stages()
    decoder = (pyramid('ppm') | convolution('cbr_deepsup.0', 1024, 512, 3)
               | batch_norm('cbr_deepsup.1', 512) | last_layers('conv_last', 4096, 512)
               | convolution('conv_last_deepsup', 512, 150, 1, bias=True))
    for shapes in (encoder, decoder):
        for name in [n for n in shapes if n.endswith('running_mean')]:
            norm = name.removesuffix('running_mean')
            shapes |= {f'{norm}_tmp_running_mean': shapes[name],
                       f'{norm}_tmp_running_var': shapes[name], f'{norm}_running_iter': (1,)}
    return encoder, decoder


def numbered(shapes):
    """Return tensors of which each holds its own number, small enough for half precision."""
    return {name: torch.full(shape, float(number), dtype=torch.float16) if shape
            else torch.tensor(number) for number, (name, shape) in enumerate(shapes.items(), 1)}


def numbers(tensors):
    return {name: float(tensor.flatten()[0]) for name, tensor in tensors.items()}


@pytest.fixture(scope='module')
def random_network():
    with seeded(0):
        return pspnet(weights='random').requires_grad_(False)


@pytest.fixture
def folder(tmp_path):
    """Give a folder for large files and remove them afterwards."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def test_parameters_by_hand(random_network):
    stage_1 = (128 * 64 + 64 * 64 * 9 + 64 * 256 + 128 * 256 + 2 * (64 + 64 + 256 + 256)
               + 2 * (256 * 64 + 64 * 64 * 9 + 64 * 256 + 2 * (64 + 64 + 256)))
    parts = {'stem': 3 * 64 * 9 + 64 * 64 * 9 + 64 * 128 * 9 + 2 * (64 + 64 + 128),
             'layer1': stage_1, 'layer2': 1_219_584, 'layer3': 7_098_368, 'layer4': 14_964_736}
    for name, wanted in parts.items():
        part = random_network.trunk.get_submodule(name)
        assert sum(p.numel() for p in part.parameters()) == wanted
    pooled = 4 * (2048 * 512 + 2 * 512)
    last = 4096 * 512 * 9 + 2 * 512 + 512 * 150 + 150
    total = sum(p.numel() for p in random_network.parameters())
    assert total == sum(parts.values()) + pooled + last == 46_782_550


@pytest.mark.parametrize(('height', 'width'), [(64, 64), (65, 97), (33, 50), (8, 40), (1, 1)])
def test_any_size_gives_an_eighth(height, width, random_network):
    images = torch.randn(1, 3, height, width)
    inputs = []
    hook = random_network.classify.register_forward_pre_hook(lambda _, given: inputs.extend(given))
    logits = random_network(images)
    hook.remove()
    grid = math.ceil(height / 8), math.ceil(width / 8)
    assert logits.shape == (1, 150, *grid)
    features = random_network.features(images)
    assert features.shape == (1, 512, *grid)
    assert torch.equal(features, inputs[0])
    assert (features >= 0).all()
    assert features.std() > 0


def literal_resize(cells, height, width, align_corners):
    """Return (C, height, width) of cells (C, n, n), bilinear, one location after the other."""
    n = cells.shape[1]

    def source(i, length):
        if align_corners:
            return i * (n - 1) / (length - 1) if length > 1 else 0.0
        return min(max((i + 0.5) * n / length - 0.5, 0.0), n - 1)

    result = np.zeros((cells.shape[0], height, width))
    for row in range(height):
        for column in range(width):
            y, x = source(row, height), source(column, width)
            top, left = int(y), int(x)
            for dy in (0, 1):
                for dx in (0, 1):
                    weight = (1 - abs(y - top - dy)) * (1 - abs(x - left - dx))
                    result[:, row, column] += weight * cells[
                        :, min(top + dy, n - 1), min(left + dx, n - 1)]
    return result


def literal_norm(norm, x):
    mean, var, weight, bias = (t.detach().numpy().reshape(-1, 1, 1) for t in (
        norm.running_mean, norm.running_var, norm.weight, norm.bias))
    return (x - mean) / np.sqrt(var + norm.eps) * weight + bias


def literal_pyramid(network, x, *, align_corners):
    """Return what follows the trunk for a map x (2048, H, W), up to the features."""
    channels, height, width = x.shape
    maps = [x]
    for level, n in zip(network.pyramid, BINS, strict=True):
        cells = np.zeros((channels, n, n))
        for row in range(n):
            for column in range(n):
                cell = x[:, row * height // n:-(-(row + 1) * height // n),
                         column * width // n:-(-(column + 1) * width // n)]
                cells[:, row, column] = cell.mean(axis=(1, 2))
        kernel = level[1].weight.detach().numpy()[:, :, 0, 0]
        reduced = np.maximum(literal_norm(level[2], np.einsum('oc,cyx->oyx', kernel, cells)), 0)
        maps.append(literal_resize(reduced, height, width, align_corners))
    joined = np.pad(np.concatenate(maps), ((0, 0), (1, 1), (1, 1)))
    kernel = network.reduce[0].weight.detach().numpy()
    total = np.zeros((512, height, width))
    for dy in range(3):
        for dx in range(3):
            total += np.einsum('oc,cyx->oyx', kernel[:, :, dy, dx],
                               joined[:, dy:dy + height, dx:dx + width])
    return np.maximum(literal_norm(network.reduce[1], total), 0)


@pytest.mark.parametrize(('publication', 'align_corners'), [('semseg', True), ('csail', False)])
def test_what_follows_the_trunk_is_the_literal_one(publication, align_corners):
    with seeded(1):
        network = pspnet(weights='random', publication=publication).double()
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2.0)
        x = torch.randn(1, 2048, 7, 5, dtype=torch.float64)
    network.trunk = nn.Identity()
    result = network.features(x)[0].detach().numpy()
    wanted = literal_pyramid(network, x[0].numpy(), align_corners=align_corners)
    assert np.abs(result - wanted).max() <= 1e-9 * np.abs(wanted).max()


@pytest.mark.parametrize(('publication', 'wanted'), [
    ('semseg', {1: [1] * 3, 2: [1] * 4, 3: [2] * 6, 4: [4] * 3}),
    ('csail', {1: [1] * 3, 2: [1] * 4, 3: [1] + [2] * 5, 4: [2, 4, 4]})])
def test_dilations(publication, wanted):
    with torch.device('meta'):
        network = PSPNet(publication=publication)
    for layer, dilations in wanted.items():
        blocks = network.trunk.get_submodule(f'layer{layer}')
        assert [block.conv2.dilation[0] for block in blocks] == dilations
        assert [block.conv2.padding for block in blocks] == [(d, d) for d in dilations]


def test_images_of_a_batch_do_not_meet(random_network):
    images = torch.randn(3, 3, 40, 56)
    together = random_network.features(images)
    for image in range(3):
        torch.testing.assert_close(random_network.features(images[image:image + 1])[0],
                                   together[image], rtol=1e-4, atol=1e-3)


def test_the_two_publications_are_two_functions(random_network):
    with torch.device('meta'):
        other = PSPNet(publication='csail').eval()
    other.load_state_dict(random_network.state_dict(), assign=True)
    images = torch.randn(1, 3, 64, 64)
    difference = (other(images) - random_network(images)).abs().max()
    assert difference > 0.01 * random_network(images).abs().max()


# Cosine at the worst location; measured 1 - 4.5e-7 and 1 - 2.6e-5.
@pytest.mark.parametrize(('dtype', 'least'), [(torch.float16, 1 - 1e-5), (torch.bfloat16, 0.9998)])
def test_half_precision(dtype, least, random_network):
    images = torch.randn(1, 3, 64, 72)
    exact = random_network.features(images)
    with torch.device('meta'):
        half = PSPNet().eval().requires_grad_(False)
    half.load_state_dict(random_network.state_dict(), assign=True)
    close = half.to(dtype).features(images.to(dtype)).float()
    assert torch.isfinite(close).all()
    assert torch.cosine_similarity(close, exact, dim=1).min() >= least


def test_random_weights_follow_the_seed(random_network):
    with seeded(0):
        again = pspnet(weights='random')
    for name, tensor in random_network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_semseg_file(folder):
    public = numbered(semseg_shapes())
    wrapped = {'epoch': 100, 'state_dict': {f'module.{n}': t for n, t in public.items()},
               'optimizer': {'state': {}, 'param_groups': [{'lr': 0.01}]}}
    torch.save(wrapped, folder / 'train_epoch_100.pth')
    found = numbers(pspnet(weights=str(folder / 'train_epoch_100.pth')).state_dict())
    given = numbers(public)
    assert list(found.values()) == [n for k, n in given.items() if not k.startswith('aux.')]
    for ours, theirs in {
            'trunk.stem.3.weight': 'layer0.3.weight', 'trunk.stem.7.bias': 'layer0.7.bias',
            'trunk.layer3.0.downsample.1.running_var': 'layer3.0.downsample.1.running_var',
            'pyramid.2.1.weight': 'ppm.features.2.1.weight', 'reduce.0.weight': 'cls.0.weight',
            'classify.bias': 'cls.4.bias'}.items():
        assert found[ours] == given[theirs]


def test_csail_folder(folder):
    encoder, decoder = csail_shapes()
    public = numbered({f'encoder.{n}': s for n, s in encoder.items()}
                      | {f'decoder.{n}': s for n, s in decoder.items()})
    for part in ('encoder', 'decoder'):
        own = {n.removeprefix(f'{part}.'): t for n, t in public.items() if n.startswith(part)}
        torch.save(own, folder / f'{part}_epoch_20.pth')
    found = numbers(pspnet(weights=str(folder), publication='csail').state_dict())
    given = numbers(public)
    left_out = ('deepsup', '_tmp_running', '_running_iter')
    assert list(found.values()) == [n for k, n in given.items()
                                    if not any(part in k for part in left_out)]
    for ours, theirs in {
            'trunk.stem.3.weight': 'encoder.conv2.weight', 'trunk.stem.7.bias': 'encoder.bn3.bias',
            'trunk.layer4.2.conv2.weight': 'encoder.layer4.2.conv2.weight',
            'pyramid.3.2.running_mean': 'decoder.ppm.3.2.running_mean',
            'reduce.1.weight': 'decoder.conv_last.1.weight',
            'classify.weight': 'decoder.conv_last.4.weight'}.items():
        assert found[ours] == given[theirs]


def absent(shapes):
    """Return tensors without values: names and shapes are enough to be refused."""
    return {name: torch.empty(shape, device='meta') for name, shape in shapes.items()}


def empty_network(**options):
    with torch.device('meta'):
        return PSPNet(**options)


def test_our_own_names_stay():
    tensors = empty_network().state_dict()
    for publication in PUBLICATIONS:
        assert convert_pspnet(tensors, publication, 'file').keys() == tensors.keys()


@pytest.mark.parametrize(('missing', 'ours'), [
    ('cls.4.bias', r'classify\.bias is missing \(shape \(150,\)\)'),
    ('layer0.0.weight', r'trunk\.stem\.0\.weight is missing \(shape \(64, 3, 3, 3\)\)'),
    ('ppm.features.3.2.weight', r'pyramid\.3\.2\.weight is missing \(shape \(512,\)\)')])
def test_a_missing_tensor_is_named(missing, ours):
    tensors = absent(semseg_shapes())
    del tensors[missing]
    with pytest.raises(VprError, match='from file do not fit .*' + ours):
        load_weights(empty_network(), convert_pspnet(tensors, 'semseg', 'file'), 'file')


def test_a_strange_tensor_and_another_number_of_classes_are_named():
    tensors = absent(semseg_shapes() | {'cls.4.weight': (19, 512, 1, 1), 'extra.weight': (2,)})
    with pytest.raises(VprError) as error:
        load_weights(empty_network(), convert_pspnet(tensors, 'semseg', 'file'), 'file')
    assert 'extra.weight is not a part of the network (shape (2,))' in str(error.value)
    assert ('classify.weight has shape (19, 512, 1, 1), the network needs (150, 512, 1, 1)'
            in str(error.value))


def test_the_other_publication_is_refused():
    encoder, decoder = csail_shapes()
    csail = {f'encoder.{n}': s for n, s in encoder.items()}
    csail |= {f'decoder.{n}': s for n, s in decoder.items()}
    with pytest.raises(VprError, match="file holds a PSPNet as 'semseg' publishes it.*'csail'"):
        convert_pspnet(absent(semseg_shapes()), 'csail', 'file')
    with pytest.raises(VprError, match="file holds a PSPNet as 'csail' publishes it.*'semseg'"):
        convert_pspnet(absent(csail), 'semseg', 'file')
    with pytest.raises(VprError, match="unknown publication of PSPNet 'csial'; did you mean"):
        pspnet(weights='random', publication='csial')


def test_a_folder_must_hold_both_files_once(tmp_path):
    torch.save({'conv1.weight': torch.zeros(2)}, tmp_path / 'encoder_epoch_20.pth')
    with pytest.raises(VprError, match=r'must hold the two files.*named decoder\*: none'):
        pspnet(weights=str(tmp_path), publication='csail')
    torch.save({'conv1.weight': torch.zeros(2)}, tmp_path / 'encoder_epoch_19.pth')
    with pytest.raises(VprError, match=r'encoder\*: encoder_epoch_19\.pth, encoder_epoch_20\.pth'):
        pspnet(weights=str(tmp_path), publication='csail')
    with pytest.raises(VprError, match='no weights at .*absent'):
        pspnet(weights=str(tmp_path / 'absent.pth'))
