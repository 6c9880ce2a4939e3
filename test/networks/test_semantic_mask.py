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


"""Attention guided by segmentation against its equations, and each of its ways in."""

from copy import deepcopy
from functools import cache
from functools import partial
import json
import math

import numpy as np
import pytest
from safetensors.torch import save_file
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models
from vpr_ros.errors import VprError
from vpr_ros.networks.activation_cache import ActivationCache
from vpr_ros.networks.deeplab import CITYSCAPES
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.semantic_mask import INPUTS
from vpr_ros.networks.semantic_mask import LearnedMask
from vpr_ros.networks.semantic_mask import semantic_mask
from vpr_ros.networks.semantic_mask import SemanticActivations
from vpr_ros.networks.semantic_mask import STATIC
from vpr_ros.networks.semantic_mask import static_mask
from vpr_ros.networks.semantic_mask import trainable_parts
from vpr_ros.networks.semantic_mask import VARIANTS
from vpr_ros.networks.weights import weights_hash

MASKED = ('multiply', 'concat_mask')
# The small segmentation is a TorchScript file, a format that PyTorch wants to leave.
pytestmark = pytest.mark.filterwarnings('ignore:`torch.jit')


class Streets(nn.Module):
    """A small segmentation: the real one takes a second to make."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, len(CITYSCAPES), 5, padding=2)
        with torch.no_grad():
            self.conv.weight.mul_(8.0)

    def forward(self, images):
        return self.conv(images)


@pytest.fixture(scope='module')
def streets(tmp_path_factory):
    """Return a TorchScript file of a small segmentation."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('streets') / 'streets.pt'
    torch.jit.save(torch.jit.trace(Streets().eval(), torch.zeros(1, 3, 64, 64)), str(path))
    return str(path)


def make(streets, **options):
    """Return a small network of that kind."""
    given = {'trunk': 'resnet18', 'weights': 'random', **options}
    if given.get('input', 'multiply') not in ('none', 'learned_mask'):
        given['semantic_weights'] = streets
    return create_network('semantic_mask', given)


@pytest.fixture(scope='module')
def made(streets):
    """Return :func:`make` that makes each network once: leave them as they are."""
    return cache(partial(make, streets))


@pytest.fixture(scope='module')
def paper():
    """Return the paper's network: ResNet-50 and DeepLabv3+ with ResNet-101."""
    return create_network('semantic_mask', {'weights': 'random'})


def scenes(count, height, width):
    """Return smooth coloured images: closer to photographs than white noise is."""
    return F.interpolate(torch.rand(count, 3, 7, 9), size=(height, width), mode='bicubic',
                         align_corners=False).clamp(0, 1)


def literal_mask(activations, kind):
    """Return the mask (H, W) of activations (19, H, W), pixel by pixel."""
    names = ('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light',
             'traffic sign', 'vegetation', 'terrain')
    static = [CITYSCAPES.index(name) for name in names]
    height, width = activations.shape[1:]
    mask = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            values = [activations[number, row, column] for number in static]
            mask[row, column] = sum(values) if kind == 'probability' else sum(values) / 10
    if kind == 'probability':
        return np.minimum(mask, 1.0)
    return (mask - mask.min()) / (mask.max() - mask.min())


def probabilities(count, height, width):
    logits = 3.0 * torch.randn(count, len(CITYSCAPES), height, width, dtype=torch.float64)
    return logits.softmax(dim=1)


def test_static_classes_come_first():
    assert STATIC == CITYSCAPES[:10]
    assert CITYSCAPES[10:] == ('sky', 'person', 'rider', 'car', 'truck', 'bus', 'train',
                               'motorcycle', 'bicycle')


@pytest.mark.parametrize('kind', ['minmax', 'probability'])
def test_the_mask_is_the_literal_one(kind):
    activations = probabilities(3, 5, 7)
    result = static_mask(activations, kind)
    assert result.shape == (3, 1, 5, 7)
    for image in range(3):
        np.testing.assert_allclose(
            result[image, 0].numpy(), literal_mask(activations[image].numpy(), kind), rtol=1e-9,
            atol=1e-12)
    single = static_mask(activations.float(), kind)
    torch.testing.assert_close(single.double(), result, rtol=1e-4, atol=1e-5)


def test_minmax_spans_0_to_1_in_each_image():
    mask = static_mask(probabilities(4, 6, 5), 'minmax')
    torch.testing.assert_close(mask.amax(dim=(1, 2, 3)), torch.ones(4).double())
    torch.testing.assert_close(mask.amin(dim=(1, 2, 3)), torch.zeros(4).double())


@pytest.mark.parametrize('kind', ['minmax', 'probability'])
def test_the_mask_has_the_right_gradient(kind):
    activations = probabilities(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: static_mask(a, kind), (activations,))


@pytest.mark.parametrize('level', [0.0, 0.01, 1 / 19, 0.1])
def test_an_even_image_is_not_blackened(level):
    even = torch.full((1, 19, 4, 5), level)
    assert torch.equal(static_mask(even, 'minmax'), torch.ones(1, 1, 4, 5))
    wanted = 10 * level if level else 1.0
    torch.testing.assert_close(static_mask(even, 'probability'), torch.full((1, 1, 4, 5), wanted))


def test_an_image_of_sky_alone_is_left_as_it_is():
    sky = torch.zeros(2, 19, 4, 5)
    sky[:, 10] = 1.0
    sky[1, 0, 0, 0] = 1.0  # a pixel of road: now the sky can be masked
    mask = static_mask(sky, 'probability')
    assert torch.equal(mask[0], torch.ones(1, 4, 5))
    assert float(mask[1].sum()) == 1.0


def test_a_mask_without_contrast_hardly_changes():
    # A hundredth of a step of 1/255 of noise must not become black and white.
    noise = 0.05 + torch.rand(1, 19, 8, 8) / 25500
    mask = static_mask(noise, 'minmax')
    assert float(mask.min()) >= 0.99
    assert float(mask.max()) == 1.0
    # At one step and beyond the contrast is full.
    noise[0, :10, 0, 0] += 1 / 255
    assert float(static_mask(noise, 'minmax').min()) == 0.0


def literal_gem(features, p):
    """Return the L2-normalised generalised mean of (C, h, w), location by location."""
    pooled = []
    for channel in features:
        total = 0.0
        for value in channel.flatten():
            total += max(value, 1e-6) ** p
        pooled.append((total / channel.size) ** (1 / p))
    norm = math.sqrt(sum(v * v for v in pooled))
    return np.array([v / norm for v in pooled])


def literal_descriptor(network, image, way, kind):
    """Return the descriptor of an image (3, H, W) in [0, 1], and its attention."""
    # The constants of ImageNet, as the network holds them.
    mean = np.array([0.485, 0.456, 0.406], np.float32).astype(float)[:, None, None]
    std = np.array([0.229, 0.224, 0.225], np.float32).astype(float)[:, None, None]
    normal = (image - mean) / std
    with torch.no_grad():
        logits = network.semantics.segmentation(torch.from_numpy(normal)[None])[0].numpy()
    exponents = np.exp(logits - logits.max(axis=0))
    activations = np.rint(255 * exponents / exponents.sum(axis=0)) / 255
    mask = literal_mask(activations, kind)
    if way == 'multiply':
        seen = (image * mask - mean) / std
    else:
        seen = np.concatenate([normal, mask[None] if way == 'concat_mask' else activations])
    with torch.no_grad():
        features = network.trunk(torch.from_numpy(seen)[None])[0].numpy()
    height, width = features.shape[1:]
    cells = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            rows, columns = mask.shape[0] // height, mask.shape[1] // width
            cells[row, column] = mask[row * rows:(row + 1) * rows,
                                      column * columns:(column + 1) * columns].mean()
    return literal_gem(features, float(network.head.pool.p)), cells / cells.sum()


@pytest.mark.parametrize(('way', 'kind'), [
    ('multiply', 'minmax'), ('multiply', 'probability'), ('concat_mask', 'minmax'),
    ('concat_mask', 'probability'), ('concat_all', 'minmax')])
def test_the_descriptor_is_the_literal_one(way, kind, made):
    network = deepcopy(made(input=way, mask=kind)).double()
    network.head.pool.p.fill_(2.5)
    images = scenes(2, 64, 96).double()
    output = network(images)
    single = network.float()(images.float())
    network.double()
    for number, image in enumerate(images.numpy()):
        wanted, attention = literal_descriptor(network, image, way, kind)
        np.testing.assert_allclose(output.descriptors[number].numpy(), wanted, rtol=1e-9)
        assert float(single.descriptors[number].numpy() @ wanted) >= 1 - 1e-5
        if way == 'concat_all':
            assert output.attention is None
        else:
            np.testing.assert_allclose(output.attention[number].numpy(), attention, rtol=1e-9)


def literal_learned_mask(module, image):
    """Return the grid of the mask of an image (3, H, W), cell by cell."""
    t = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}

    def convolve(x, name, stride, padding):
        weight, bias = t[f'{name}.weight'], t[f'{name}.bias']
        padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        size = weight.shape[2]
        y = np.zeros((len(weight), (padded.shape[1] - size) // stride + 1,
                      (padded.shape[2] - size) // stride + 1))
        for row in range(y.shape[1]):
            for column in range(y.shape[2]):
                window = padded[:, row * stride:row * stride + size,
                                column * stride:column * stride + size]
                y[:, row, column] = (weight * window).sum(axis=(1, 2, 3)) + bias
        return np.maximum(y, 0)

    x = convolve(convolve(image, 'cells.0', 4, 3), 'cells.2', 4, 1)
    channels, height, width = x.shape
    cells = x.reshape(channels, -1).T
    query, key, value = (cells @ t[f'{name}.weight'][:, :, 0, 0].T
                         for name in ('queries', 'keys', 'values'))
    mask = np.zeros(len(cells))
    for i in range(len(cells)):
        weights = np.array([math.exp(query[i] @ key[j] / math.sqrt(channels))
                            for j in range(len(cells))])
        mixed = sum(weights[j] / weights.sum() * value[j] for j in range(len(cells)))
        score = t['score.weight'][0, :, 0, 0] @ (cells[i] + mixed) + t['score.bias'][0]
        mask[i] = 1 / (1 + math.exp(-score))
    return mask.reshape(height, width)


def small_learned_mask():
    module = LearnedMask(channels=6).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    return module


def test_the_learned_mask_is_the_literal_one():
    module = small_learned_mask()
    images = torch.randn(2, 3, 37, 50, dtype=torch.float64)
    result = module(images).detach()
    assert result.shape == (2, 1, 37, 50)
    for number in range(2):
        grid = torch.from_numpy(literal_learned_mask(module, images[number].numpy()))
        wanted = F.interpolate(grid[None, None], size=(37, 50), mode='bilinear')
        torch.testing.assert_close(result[number], wanted[0], rtol=1e-9, atol=1e-12)
    assert float(result.std()) > 1e-3


def test_the_learned_mask_has_the_right_gradient():
    module = small_learned_mask()
    names = [name for name, _ in module.named_parameters()]
    images = torch.randn(1, 3, 20, 33, dtype=torch.float64, requires_grad=True)

    def run(x, *values):
        mask = torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x,))
        return mask[..., ::5, ::5]

    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]
    assert torch.autograd.gradcheck(run, (images, *parameters), fast_mode=True)


def test_a_new_learned_mask_is_nearly_even_and_learns():
    torch.manual_seed(0)
    module = LearnedMask()
    mask = module((scenes(2, 64, 96) - 0.45) / 0.225)
    assert 0.7 < mask.min().item() <= mask.max().item() < 0.99
    mask.sum().backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in module.parameters())


def test_the_learned_mask_multiplies_the_image(made):
    network = deepcopy(made(input='learned_mask')).double()
    image = scenes(1, 64, 96).double()
    output = network(image)
    mean = torch.tensor([0.485, 0.456, 0.406]).double()[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225]).double()[:, None, None]
    mask = network.learned((image - mean) / std)
    features = network.trunk((image * mask - mean) / std)
    torch.testing.assert_close(output.features, features, rtol=1e-6, atol=1e-6)
    cells = F.avg_pool2d(mask, 32)[:, 0]
    torch.testing.assert_close(output.attention, cells / cells.sum(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('label', VARIANTS)
def test_every_variant_runs(label, paper, made):
    network = paper if not VARIANTS[label] else made(trunk='resnet50', **VARIANTS[label])
    assert network.dimension == 2048
    assert (network.preprocessing.height, network.preprocessing.width) == (480, 640)
    output = network(scenes(2, 64, 64))
    assert output.descriptors.shape == (2, 2048)
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(2))
    assert output.features.shape == (2, 2048, 2, 2)
    way = VARIANTS[label].get('input', 'multiply')
    if way in ('none', 'concat_all'):
        assert output.attention is None
    else:
        assert output.attention.shape == (2, 2, 2)
        assert (output.attention >= 0).all()
        torch.testing.assert_close(output.attention.sum(dim=(1, 2)), torch.ones(2))
    channels = {'concat_mask': 4, 'concat_all': 22}.get(way, 3)
    assert network.trunk.body.conv1.weight.shape == (64, channels, 7, 7)
    # The convolutional part of ResNet-50 as published, without its classifier.
    trunk = sum(p.numel() for p in network.trunk.parameters())
    assert trunk == 23_508_032 + 64 * (channels - 3) * 49
    learned = sum(p.numel() for p in network.learned.parameters()) if network.learned else 0
    semantics = sum(p.numel() for p in network.semantics.parameters()) if network.semantics else 0
    assert sum(p.numel() for p in network.parameters()) == trunk + semantics + learned + 1
    assert (learned > 0) == (way == 'learned_mask')
    assert (semantics > 0) == (way in ('multiply', 'concat_mask', 'concat_all'))
    if network is paper:
        assert semantics == 58_753_459


def test_the_variants_cover_all_ways_in():
    ways = {dict(options).get('input', 'multiply') for options in VARIANTS.values()}
    assert ways == set(INPUTS)
    assert next(iter(VARIANTS.values())) == {}


def test_random_weights_are_the_same_on_every_run(paper):
    state = torch.random.get_rng_state()
    again = create_network('semantic_mask', {'weights': 'random'})
    assert torch.equal(torch.random.get_rng_state(), state)
    ours, theirs = paper.state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in ours.items())
    other = make('', input='none', seed=1)
    assert weights_hash(other) != weights_hash(make('', input='none'))


def test_the_mask_changes_what_is_seen(made):
    image = scenes(1, 64, 96)
    descriptors = [made(**options)(image).descriptors[0] for options in (
        {'input': 'multiply', 'mask': 'minmax'}, {'input': 'multiply', 'mask': 'probability'},
        {'input': 'none'})]
    for one in range(3):
        for other in range(one):
            assert float((descriptors[one] - descriptors[other]).norm()) > 1e-3


@pytest.mark.parametrize(('height', 'width'), [(64, 64), (33, 97), (128, 40), (1, 1)])
def test_any_size_and_aspect(height, width, paper):
    output = paper(scenes(2, height, width))
    assert output.descriptors.shape == (2, 2048)
    assert torch.isfinite(output.descriptors).all()
    assert output.attention.shape == output.features.shape[:1] + output.features.shape[2:]
    torch.testing.assert_close(output.attention.sum(dim=(1, 2)), torch.ones(2))


@pytest.mark.parametrize('level', [0.0, 0.5, 1.0])
def test_a_blank_image_is_described(level, paper):
    output = paper(torch.full((1, 3, 64, 64), level))
    assert torch.isfinite(output.descriptors).all()
    assert torch.isfinite(output.attention).all()


@pytest.mark.parametrize('way', INPUTS)
def test_images_of_a_batch_do_not_meet(way, made):
    network = made(input=way)
    images = scenes(4, 64, 64)
    images[2] = 0.0  # an odd one among them
    together = network(images)
    for number in range(4):
        alone = network(images[number:number + 1])
        torch.testing.assert_close(alone.descriptors[0], together.descriptors[number],
                                   rtol=0, atol=1e-5)
    order = [3, 0, 2, 1]
    torch.testing.assert_close(network(images[order]).descriptors, together.descriptors[order],
                               rtol=0, atol=1e-5)


@pytest.mark.parametrize('way', INPUTS)
@pytest.mark.parametrize(('dtype', 'share'), [(torch.bfloat16, 0.1), (torch.float16, 0.02)])
def test_half_precision(way, dtype, share, made):
    refuse_coarse(made(input=way), dtype, share)


@pytest.mark.parametrize(('dtype', 'share'), [(torch.bfloat16, 0.25), (torch.float16, 0.05)])
def test_half_precision_of_the_whole_network(dtype, share, paper):
    refuse_coarse(paper, dtype, share)


def refuse_coarse(network, dtype, share):
    """Check that rounding moves a descriptor by a share of what sets two images apart."""
    images = scenes(2, 64, 64)
    exact = network(images).descriptors
    half = deepcopy(network).to(dtype)(images.to(dtype)).descriptors
    assert half.dtype == dtype
    assert torch.isfinite(half).all()
    error = (half.float() - exact).norm(dim=1).max()
    assert float(error) <= share * float((exact[0] - exact[1]).norm())
    cosine = (half.float() * exact).sum(dim=1) / half.float().norm(dim=1)
    assert float(cosine.min()) >= 0.9995


def test_what_is_cached_gives_the_same_descriptors(streets, tmp_path):
    images = scenes(3, 64, 96)
    plain = make(streets)(images)
    network = make(streets, cache=str(tmp_path / 'cache'))
    first = network(images)
    assert len(list((tmp_path / 'cache').glob('*.npz'))) == 3
    calls = []
    network.semantics.segmentation.register_forward_hook(lambda *_: calls.append(1))
    second = network(images)
    assert not calls  # all of it came from the disk
    another = make(streets, cache=str(tmp_path / 'cache'))(images)
    for output in (first, second, another):
        assert torch.equal(output.descriptors, plain.descriptors)
        assert torch.equal(output.attention, plain.attention)
    # One image more, and one file damaged: only these two are segmented.
    next((tmp_path / 'cache').glob('*.npz')).write_bytes(b'damaged')
    shapes = []
    network.semantics.segmentation.register_forward_hook(
        lambda _, inputs, __: shapes.append(inputs[0].shape[0]))
    more = network(torch.cat([images, scenes(1, 64, 96)]))
    assert shapes == [2]
    torch.testing.assert_close(more.descriptors[:3], plain.descriptors, rtol=0, atol=1e-5)
    assert len(list((tmp_path / 'cache').glob('*.npz'))) == 4


def test_cached_activations_are_those_of_the_segmentation(tmp_path):
    torch.manual_seed(0)
    one, two = Streets(), Streets()
    semantics = SemanticActivations(one, ActivationCache(tmp_path))
    images = scenes(2, 20, 30)
    before = semantics(images)
    # Other weights in the same module: what is kept is not theirs.
    semantics.load_state_dict(SemanticActivations(two).state_dict())
    after = semantics(images)
    assert not torch.equal(before, after)
    assert torch.equal(after, SemanticActivations(two)(images))
    assert torch.equal(after, (after * 255).round() / 255)


def test_the_segmentation_is_not_trained():
    semantics = SemanticActivations(nn.Sequential(Streets(), nn.BatchNorm2d(19)))
    semantics.train()
    assert not any(part.training for part in semantics.modules())
    assert not semantics(scenes(1, 20, 30).requires_grad_()).requires_grad


def test_the_defaults_are_the_papers(paper):
    assert json.loads(paper.options) == {
        'input': 'multiply', 'mask': 'minmax', 'publication': 'vainf', 'trunk': 'resnet50',
        'head': 'gem', 'dimension': 0,
        'p': 3.0, 'height': 480, 'width': 640, 'seed': 0}
    assert float(paper.head.pool.p) == 3.0


def test_a_trained_network_is_read_again(streets, tmp_path):
    network = make(streets, input='concat_all', seed=4)
    path = tmp_path / 'all.safetensors'
    save_file(network.state_dict(), str(path))
    options = {'input': 'concat_all', 'trunk': 'resnet18', 'weights': str(path)}
    again = create_network('semantic_mask', {**options, 'semantic_weights': streets})
    assert weights_hash(again) == weights_hash(network)
    # The segmentation is that of semantic_weights, whatever else the file holds.
    tensors = {n: t for n, t in network.state_dict().items() if not n.startswith('semantics.')}
    save_file({**tensors, 'semantics.segmentation.conv.bias': torch.zeros(3)}, str(path))
    again = create_network('semantic_mask', {**options, 'semantic_weights': streets})
    assert weights_hash(again) == weights_hash(network)
    del tensors['trunk.body.layer4.1.bn2.bias']
    save_file(tensors, str(path))
    with pytest.raises(VprError, match=r'layer4\.1\.bn2\.bias is missing \(shape \(512,\)\)'):
        create_network('semantic_mask', {**options, 'semantic_weights': streets})


def test_one_file_may_hold_everything(paper, tmp_path):
    torch.manual_seed(9)
    tensors = {name: torch.rand_like(t) if t.is_floating_point() and 'semantics' in name else t
               for name, t in paper.state_dict().items()}
    path = tmp_path / 'all.safetensors'
    save_file({n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}, str(path))
    network = create_network('semantic_mask', {'weights': str(path)})
    name = 'semantics.segmentation.classify.weight'
    torch.testing.assert_close(network.state_dict()[name], tensors[name], rtol=1e-3, atol=1e-3)


def published_gcl(seed):
    """Return a ResNet and GeM by the names of Leyva-Vallina et al., and torchvision's model."""
    torch.manual_seed(seed)
    model = models.resnet18(weights=None).eval()
    body = nn.Sequential(*list(model.children())[:-2])
    tensors = {f'backbone.{name}': t for name, t in body.state_dict().items()}
    return {**tensors, 'pool.p': torch.tensor([2.75])}, body


def test_published_weights_of_the_graded_similarity_are_read(tmp_path):
    tensors, body = published_gcl(seed=2)
    path = tmp_path / 'MSLS_resnet18_GeM_480_GCL.pth'
    torch.save({'model_state_dict': tensors, 'step': 51}, path)
    network = make('', input='none', weights=str(path))
    image = (scenes(1, 64, 96) - 0.45) / 0.225
    with torch.no_grad():
        torch.testing.assert_close(network.trunk(image), body(image))
    assert network.head.pool.p.item() == 2.75


def test_published_weights_lack_the_segmentation(streets, tmp_path):
    path = tmp_path / 'gcl.pth'
    torch.save(published_gcl(seed=2)[0], path)
    with pytest.raises(VprError, match=r'gcl\.pth do not fit.*semantics\.\S+ is missing'):
        semantic_mask(trunk='resnet18', weights=str(path))
    network = semantic_mask(trunk='resnet18', weights=str(path), semantic_weights=streets)
    assert network.head.pool.p.item() == 2.75


def test_public_trunk_weights_stay_unless_the_first_convolution_is_rebuilt(streets, tmp_path):
    torch.manual_seed(6)
    public = models.resnet18(weights=None)
    path = tmp_path / 'resnet18.safetensors'
    save_file(public.state_dict(), str(path))
    options = {'trunk': 'resnet18', 'trunk_weights': str(path), 'semantic_weights': streets}
    for way in MASKED:
        network = semantic_mask(input=way, **options)
        torch.testing.assert_close(network.trunk.state_dict()['body.layer1.0.conv1.weight'],
                                   public.layer1[0].conv1.weight)
        kept = network.trunk.body.conv1.weight.shape == public.conv1.weight.shape
        assert kept == (way == 'multiply')
        if kept:
            torch.testing.assert_close(network.trunk.body.conv1.weight, public.conv1.weight)


@pytest.mark.parametrize(('schedule', 'stages'), [
    ('0-2', ['layer3', 'layer4']), ('2-2', ['stem', 'layer1', 'layer3', 'layer4']),
    ('0-4', ['layer1', 'layer2', 'layer3', 'layer4']), ('0-0', []), ('5-0', None), ('all', None),
    ('3-2', None)])
def test_schedules_of_the_paper(schedule, stages, made):
    network = made(input='none', trunk='resnet50')
    parts = trainable_parts(network, schedule)
    every = ['stem', 'layer1', 'layer2', 'layer3', 'layer4']
    assert list(parts) == [*(every if stages is None else stages), 'head']
    assert parts['head'] == [network.head.pool.p]
    trained = {id(p) for part in parts.values() for p in part}
    assert len(trained) == sum(len(part) for part in parts.values())
    for name, parameter in network.trunk.body.named_parameters():
        stage = name.split('.')[0] if name.startswith('layer') else 'stem'
        assert (id(parameter) in trained) == (stage in parts), name


def test_what_has_no_public_weights_is_always_trained(made):
    rebuilt = made(input='concat_mask')
    parts = trainable_parts(rebuilt, '0-2')
    assert list(parts) == ['stem', 'layer3', 'layer4', 'head']
    assert any(p is rebuilt.trunk.body.conv1.weight for p in parts['stem'])
    learned = made(input='learned_mask')
    parts = trainable_parts(learned, '0-2')
    assert list(parts) == ['mask', 'layer3', 'layer4', 'head']
    assert len(parts['mask']) == len(list(learned.learned.parameters()))
    ours = {id(p) for p in rebuilt.semantics.parameters()}
    assert not ours & {id(p) for part in trainable_parts(rebuilt, 'all').values() for p in part}


@pytest.mark.parametrize('schedule', ['', '2', '3-3', '-1-2', '1-x', 'some', '1-2-3'])
def test_an_odd_schedule_is_refused(schedule, made):
    network = made(input='none')
    with pytest.raises(ValueError, match=f'such as .*got {schedule!r}'):
        trainable_parts(network, schedule)


@pytest.mark.parametrize(('options', 'problem'), [
    ({}, 'needs weights: .*trunk_weights and semantic_weights'),
    ({'trunk_weights': 'random'}, r'missing: semantic_weights\)'),
    ({'weights': 'random', 'trunk_weights': 'random'}, 'not both'),
    ({'weights': 'random', 'input': 'multiplied'}, "did you mean 'multiply'"),
    ({'weights': 'random', 'mask': 'minmay'}, "did you mean 'minmax'"),
    ({'weights': 'random', 'publication': 'vain'}, "did you mean 'vainf'"),
    ({'weights': 'random', 'trunk': 'vgg16'}, "must be a ResNet of torchvision, got 'vgg16'"),
    ({'weights': 'random', 'mask': 'probability', 'input': 'none'}, 'leave mask out'),
    ({'weights': 'random', 'mask': 'probability', 'input': 'concat_all'}, 'leave mask out'),
    ({'weights': 'random', 'cache': 'here', 'input': 'learned_mask'}, "got cache 'here'"),
    ({'weights': 'random', 'semantic_weights': 'random', 'input': 'none'},
     'uses no segmentation, got semantic_weights'),
    ({'weights': 'random', 'input': 'none', 'height': 0}, 'height and width')])
def test_options_that_make_no_sense_are_refused(options, problem):
    with pytest.raises(VprError, match=problem):
        create_network('semantic_mask', options)


def test_the_file_of_another_network_is_refused(tmp_path):
    save_file({'stem.weight': torch.zeros(3)}, str(tmp_path / 'other.safetensors'))
    with pytest.raises(VprError, match=r'other\.safetensors do not fit this network: .*missing'):
        make('', input='none', weights=str(tmp_path / 'other.safetensors'))


@pytest.mark.parametrize('batch', [-1, 1])
def test_a_segmentation_traced_for_one_size_serves_a_network_of_that_size(batch, tmp_path):
    class Traced(Streets):

        def forward(self, images):
            return super().forward(images.reshape(batch, 3, 64, 96))

    path = tmp_path / 'traced.pt'
    torch.jit.save(torch.jit.trace(Traced().eval(), torch.zeros(1, 3, 64, 96)), str(path))
    network = make(str(path), height=64, width=96)
    images = torch.rand(3, 3, 64, 96)
    together = network(images).descriptors
    torch.testing.assert_close(
        together, torch.cat([network(image).descriptors for image in images.split(1)]))
    with pytest.raises(VprError, match=r'must map images \(1, 3, 96, 96\) to logits .* fails: '):
        make(str(path), height=96, width=96)


@pytest.mark.parametrize(('head', 'dimension'), [
    ('spp', 30 * 2048), ('vlad', 64 * 2048), ('flatten', 2 * 3 * 2048)])
def test_another_head(head, dimension):
    network = create_network('semantic_mask', {
        'weights': 'random', 'input': 'none', 'head': head, 'height': 64, 'width': 96})
    found = network(torch.rand(1, 3, 64, 96)).descriptors
    assert found.shape == (1, dimension) == (1, network.dimension)
    assert float(found.norm()) == pytest.approx(1.0, abs=1e-5)
