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


"""DeepLabv3+ against its layers written out in loops, and the weights that others publish."""

from copy import deepcopy
import zipfile

import numpy as np
import pytest
from safetensors.torch import save_file
import torch
from torch import nn
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.deeplab import CITYSCAPES
from vpr_ros.networks.deeplab import convert_deeplab
from vpr_ros.networks.deeplab import DeepLab
from vpr_ros.networks.deeplab import deeplab
from vpr_ros.networks.deeplab import PUBLICATIONS
from vpr_ros.networks.deeplab import ScriptedSegmentation
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import weights_hash

# TorchScript is a format that PyTorch wants to leave.
pytestmark = pytest.mark.filterwarnings('ignore:`torch.jit')

# Our names -> those of the publications, the other way around than the converter.
PUBLISHED = {
    'vainf': {
        'trunk': 'backbone', 'low': 'classifier.project',
        'pyramid.branches': 'classifier.aspp.convs', 'pyramid.project': 'classifier.aspp.project',
        'decode': 'classifier.classifier', 'classify': 'classifier.classifier.3'},
    'smp': {
        'trunk': 'encoder', 'low': 'decoder.block1', 'pyramid.branches': 'decoder.aspp.0.convs',
        'pyramid.project': 'decoder.aspp.0.project', 'smooth.0': 'decoder.aspp.1',
        'smooth.1': 'decoder.aspp.2', 'decode': 'decoder.block2',
        'classify': 'segmentation_head.0'}}


def published(tensors, publication):
    renamed = {}
    for name, tensor in tensors.items():
        part = max((p for p in PUBLISHED[publication] if name.startswith(f'{p}.')), key=len)
        renamed[PUBLISHED[publication][part] + name[len(part):]] = tensor
    return renamed


def randomise(network):
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, 0.0, 0.1)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.0)
            nn.init.normal_(part.bias, 0.0, 0.1)
    return network.eval()


def convolve(x, weight, *, stride=1, padding=0, rate=1, bias=None):
    """Return the convolution of x (C, H, W), location by location and tap by tap."""
    outputs, inputs, size, _ = weight.shape
    height = (x.shape[1] + 2 * padding - rate * (size - 1) - 1) // stride + 1
    width = (x.shape[2] + 2 * padding - rate * (size - 1) - 1) // stride + 1
    y = np.zeros((outputs, height, width))
    for row in range(height):
        for column in range(width):
            for dy in range(size):
                for dx in range(size):
                    r, c = (row * stride - padding + dy * rate,
                            column * stride - padding + dx * rate)
                    if not (0 <= r < x.shape[1] and 0 <= c < x.shape[2]):
                        continue
                    if inputs == 1 and outputs == len(x):  # each channel by itself
                        y[:, row, column] += weight[:, 0, dy, dx] * x[:, r, c]
                    else:
                        y[:, row, column] += weight[:, :, dy, dx] @ x[:, r, c]
    return y if bias is None else y + bias[:, None, None]


def pool(x):
    """Return the maxima of 3 x 3 windows, stride 2, padding 1."""
    height, width = (x.shape[1] - 1) // 2 + 1, (x.shape[2] - 1) // 2 + 1
    y = np.zeros((len(x), height, width))
    for row in range(height):
        for column in range(width):
            y[:, row, column] = x[:, max(0, 2 * row - 1):2 * row + 2,
                                  max(0, 2 * column - 1):2 * column + 2].max(axis=(1, 2))
    return y


def resize(x, height, width, *, aligned):
    """Return x (C, H, W) at another size, bilinear."""
    def source(index, old, new):
        at = (index * (old - 1) / (new - 1) if aligned
              else max(0.0, (index + 0.5) * old / new - 0.5))
        low = min(int(at), old - 1)
        return low, min(low + 1, old - 1), at - low

    y = np.zeros((len(x), height, width))
    for row in range(height):
        top, bottom, v = source(row, x.shape[1], height)
        for column in range(width):
            left, right, u = source(column, x.shape[2], width)
            y[:, row, column] = (
                (1 - v) * ((1 - u) * x[:, top, left] + u * x[:, top, right])
                + v * ((1 - u) * x[:, bottom, left] + u * x[:, bottom, right]))
    return y


class Literal:
    """DeepLabv3+ as each publication describes it, by the names of its own tensors."""

    def __init__(self, tensors, publication):
        self.t = {name: tensor.double().numpy() for name, tensor in tensors.items()}
        self.smp = publication == 'smp'

    def norm(self, x, name):
        mean, variance, weight, bias = (
            self.t[f'{name}.{key}'][:, None, None]
            for key in ('running_mean', 'running_var', 'weight', 'bias'))
        return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias

    def block(self, x, name, *, stride, rate):
        def step(y, number, **options):
            y = convolve(y, self.t[f'{name}.conv{number}.weight'], **options)
            return self.norm(y, f'{name}.bn{number}')

        y = np.maximum(step(x, 1), 0)
        y = np.maximum(step(y, 2, stride=stride, padding=rate, rate=rate), 0)
        y = step(y, 3)
        if f'{name}.downsample.0.weight' in self.t:
            x = self.norm(convolve(x, self.t[f'{name}.downsample.0.weight'], stride=stride),
                          f'{name}.downsample.1')
        return np.maximum(x + y, 0)

    def unit(self, x, convolution, norm, *, rate=1, size=3):
        """Return ReLU(BN(convolution)); a separable one is two tensors in a list."""
        padding = rate if size == 3 else 0
        if f'{convolution}.weight' in self.t:
            x = convolve(x, self.t[f'{convolution}.weight'], padding=padding, rate=rate)
        else:
            x = convolve(x, self.t[f'{convolution}.0.weight'], padding=padding, rate=rate)
            x = convolve(x, self.t[f'{convolution}.1.weight'])
        return np.maximum(self.norm(x, norm), 0)

    def __call__(self, image, blocks):
        trunk = 'encoder' if self.smp else 'backbone'
        x = convolve(image, self.t[f'{trunk}.conv1.weight'], stride=2, padding=3)
        x = pool(np.maximum(self.norm(x, f'{trunk}.bn1'), 0))
        for stage, count in enumerate(blocks, 1):
            for number in range(count):
                rate = 2 if stage == 4 and (number > 0 or self.smp) else 1
                stride = 2 if stage in (2, 3) and number == 0 else 1
                x = self.block(x, f'{trunk}.layer{stage}.{number}', stride=stride, rate=rate)
            if stage == 1:
                low = x
        pyramid = 'decoder.aspp.0' if self.smp else 'classifier.aspp'
        parts = [self.unit(x, f'{pyramid}.convs.0.0', f'{pyramid}.convs.0.1', size=1)]
        for number, rate in enumerate((12, 24, 36) if self.smp else (6, 12, 18), 1):
            parts.append(self.unit(x, f'{pyramid}.convs.{number}.0', f'{pyramid}.convs.{number}.1',
                                   rate=rate))
        mean = x.mean(axis=(1, 2), keepdims=True)
        mean = self.unit(mean, f'{pyramid}.convs.4.1', f'{pyramid}.convs.4.2', size=1)
        parts.append(np.broadcast_to(mean, parts[0].shape))
        x = self.unit(np.concatenate(parts), f'{pyramid}.project.0', f'{pyramid}.project.1',
                      size=1)
        if self.smp:
            x = self.unit(x, 'decoder.aspp.1', 'decoder.aspp.2')
        project = 'decoder.block1' if self.smp else 'classifier.project'
        low = self.unit(low, f'{project}.0', f'{project}.1', size=1)
        x = resize(x, *low.shape[1:], aligned=self.smp)
        joined = np.concatenate([x, low] if self.smp else [low, x])
        decode = 'decoder.block2' if self.smp else 'classifier.classifier'
        classify = 'segmentation_head.0' if self.smp else 'classifier.classifier.3'
        x = self.unit(joined, f'{decode}.0', f'{decode}.1')
        x = convolve(x, self.t[f'{classify}.weight'], bias=self.t[f'{classify}.bias'])
        return resize(x, *image.shape[1:], aligned=self.smp)


# 20 and 38 rows at stride 16: the largest rate, 18 or 36, still meets the map.
@pytest.mark.parametrize(('publication', 'height'), [('vainf', 310), ('smp', 600)])
def test_logits_are_the_literal_ones(publication, height):
    blocks = (1, 1, 1, 2)
    network = randomise(DeepLab(publication=publication, blocks=blocks))
    image = torch.randn(1, 3, height, 12, dtype=torch.float64)
    literal = Literal(published(network.state_dict(), publication), publication)
    wanted = literal(image[0].numpy(), blocks)
    with torch.no_grad():
        exact = network.double()(image)[0].numpy()
        single = network.float()(image.float())[0].numpy()
    assert wanted.std(axis=(1, 2)).mean() > 1e-3
    assert np.abs(exact - wanted).max() <= 1e-9 * np.abs(wanted).max()
    assert np.abs(single - wanted).max() <= 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize(('publication', 'count'), [('vainf', 58_753_459), ('smp', 45_674_339)])
def test_as_many_parameters_as_published(publication, count):
    with torch.device('meta'):
        network = DeepLab(publication=publication)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return deeplab(weights='random').requires_grad_(False)


def scenes(count, height, width):
    coarse = torch.rand(count, 3, 7, 9)
    images = F.interpolate(coarse, size=(height, width), mode='bicubic', align_corners=False)
    return (images - 0.45) / 0.225


@pytest.mark.parametrize(('height', 'width'), [(64, 64), (33, 97), (17, 5), (1, 1)])
def test_any_size_and_aspect(network, height, width):
    logits = network(scenes(2, height, width))
    assert logits.shape == (2, len(CITYSCAPES), height, width)
    assert torch.isfinite(logits).all()


def test_images_of_a_batch_do_not_meet(network):
    images = scenes(3, 64, 48)
    images[1] = 0.0
    together = network(images)
    for number in range(3):
        torch.testing.assert_close(network(images[number:number + 1])[0], together[number],
                                   rtol=0, atol=1e-4)


@pytest.mark.parametrize(('dtype', 'error'), [(torch.bfloat16, 0.03), (torch.float16, 0.005)])
def test_half_precision(network, dtype, error):
    images = scenes(1, 64, 64)
    exact = network(images).softmax(dim=1)
    half = deepcopy(network).to(dtype)(images.to(dtype)).float().softmax(dim=1)
    assert float((half - exact).abs().max()) <= error


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory):
    """Return the file of each publication as it is published, and its tensors."""
    folder = tmp_path_factory.mktemp('deeplab')
    torch.manual_seed(1)
    files = {}
    for publication in PUBLICATIONS:
        with torch.device('meta'):
            made = DeepLab(publication=publication)
        tensors = published(
            {n: torch.rand(t.shape, dtype=torch.float16) if t.is_floating_point()
             else torch.tensor(3) for n, t in made.state_dict().items()}, publication)
        files[publication] = (folder / f'{publication}.pth', tensors)
    path, tensors = files['vainf']
    torch.save({'cur_itrs': 30000, 'model_state': tensors, 'best_score': 0.76}, path)
    path, tensors = files['smp']
    files['smp'] = (path.with_suffix('.safetensors'), tensors)
    save_file(tensors, str(files['smp'][0]))
    return files


@pytest.mark.parametrize('publication', PUBLICATIONS)
def test_published_files_are_read(publication, checkpoints):
    path, tensors = checkpoints[publication]
    made = deeplab(weights=str(path), publication=publication)
    assert not made.training
    ours = published(made.state_dict(), publication)
    assert set(ours) == set(tensors)
    assert all(torch.equal(ours[name], tensor.to(ours[name].dtype))
               for name, tensor in tensors.items())


@pytest.mark.parametrize('publication', PUBLICATIONS)
def test_a_file_of_the_other_publication_is_refused(publication, checkpoints):
    other = next(p for p in PUBLICATIONS if p != publication)
    said = rf"{other}\.\w+ holds a DeepLabv3\+ as '{other}' .*set option publication to '{other}'"
    with pytest.raises(VprError, match=said):
        deeplab(weights=str(checkpoints[other][0]), publication=publication)


def small(publication='vainf'):
    return DeepLab(publication=publication, blocks=(1, 1, 1, 1))


@pytest.mark.parametrize('publication', PUBLICATIONS)
def test_our_own_names_are_kept(publication):
    tensors = small(publication).state_dict()
    assert convert_deeplab(tensors, publication, 'f').keys() == tensors.keys()


def test_what_training_puts_around_a_network_of_smp_is_taken_away():
    tensors = published(small('smp').state_dict(), 'smp')
    wrapped = {f'model.{name}': tensor for name, tensor in tensors.items()}
    wrapped['model.classification_head.3.weight'] = torch.zeros(2, 2)
    load_weights(small('smp'), convert_deeplab(wrapped, 'smp', 'f'), 'f')


def test_a_wrong_tensor_is_named():
    tensors = published(small().state_dict(), 'vainf')
    tensors['classifier.classifier.3.weight'] = torch.zeros(21, 256, 1, 1)  # of Pascal VOC
    with pytest.raises(VprError, match=r'voc\.pth do not fit.*classify\.weight has shape '
                                       r'\(21, 256, 1, 1\), the network needs \(19, 256, 1, 1\)'):
        load_weights(small(), convert_deeplab(tensors, 'vainf', 'voc.pth'), 'voc.pth')


def test_unknown_publication():
    with pytest.raises(VprError, match="'vainv'; did you mean 'vainf'"):
        deeplab(weights='random', publication='vainv')


def test_no_file():
    with pytest.raises(VprError, match='no weights at absent'):
        deeplab(weights='absent.pth')


class Streets(nn.Module):
    """Stands for a segmentation of somebody else's."""

    def __init__(self, classes=19, gain=1.0):
        super().__init__()
        self.gain = gain
        self.conv = nn.Conv2d(3, classes, 3, stride=2, padding=1)

    def forward(self, images):
        return self.gain * self.conv(images)


def scripted(path, network):
    # A trace is a program in the same format, made in a moment.
    torch.jit.save(torch.jit.trace(network.eval(), torch.zeros(1, 3, 64, 64)), str(path))
    return str(path)


@pytest.mark.parametrize('suffix', ['.pt', '.ts'])
def test_a_torchscript_file_takes_the_place_of_deeplab(suffix, tmp_path):
    theirs = Streets()
    made = deeplab(weights=scripted(tmp_path / f'theirs{suffix}', theirs))
    assert isinstance(made, ScriptedSegmentation)
    images = scenes(2, 50, 31)
    with torch.no_grad():
        wanted = F.interpolate(theirs(images), size=(50, 31), mode='bilinear')
        torch.testing.assert_close(made(images), wanted)
        half = made.to(torch.bfloat16)(images.to(torch.bfloat16))
    torch.testing.assert_close(half.float(), wanted, rtol=0.1, atol=0.1)


def test_code_is_a_part_of_what_tells_networks_apart(tmp_path):
    torch.manual_seed(0)
    one = Streets()
    two = Streets(gain=2.0)
    two.load_state_dict(one.state_dict())
    hashes = {weights_hash(deeplab(weights=scripted(tmp_path / f'{name}.pt', network)))
              for name, network in (('one', one), ('two', two))}
    assert len(hashes) == 2


@pytest.mark.parametrize(('network', 'problem'), [
    (Streets(classes=21), r'got \(1, 21, 32, 32\)'), (nn.Flatten(), r'got \(1, 12288\)'),
    (nn.Conv2d(4, 19, 1), 'fails: ')])
def test_a_torchscript_of_another_kind_is_refused(network, problem, tmp_path):
    channels = getattr(network, 'in_channels', 3)
    path = tmp_path / 'odd.pt'
    torch.jit.save(torch.jit.trace(network, torch.zeros(1, channels, 64, 64)), str(path))
    with pytest.raises(VprError, match=rf'odd\.pt must map images.*{problem}'):
        deeplab(weights=str(path))


def test_a_damaged_torchscript_is_refused(tmp_path):
    whole = scripted(tmp_path / 'whole.pt', Streets())
    path = tmp_path / 'cut.pt'
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, 'w') as target:
        for name in source.namelist():
            if '/code/' not in name:
                target.writestr(name, source.read(name))
    with pytest.raises(VprError, match=r'cannot open .*cut\.pt: expected a TorchScript archive'):
        deeplab(weights=str(path))


def test_random_weights_are_in_range(network):
    logits = network(scenes(1, 64, 64))
    assert 0.1 < float(logits.std()) < 30.0
    assert float(logits[0, 0].std()) > 1e-3
