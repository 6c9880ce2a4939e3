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

"""Context-flexible attention against its equations, written out in loops."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models
from vpr_ros.errors import VprError
from vpr_ros.networks.context_attention import context
from vpr_ros.networks.context_attention import context_attention
from vpr_ros.networks.context_attention import context_by_gram
from vpr_ros.networks.context_attention import context_by_responses
from vpr_ros.networks.context_attention import ContextAttentionNetwork
from vpr_ros.networks.context_attention import ContextFlexibleAttention
from vpr_ros.networks.context_attention import LayerAttention
from vpr_ros.networks.context_attention import VARIANTS
from vpr_ros.networks.heads import Head
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_variants
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.weights import write_weights


def literal_context(x, omega):
    """Return c_i = sum_j (x_i^T Omega x_j) x_j for x (N, C), one product after the other."""
    n, c = x.shape
    result = np.zeros((n, c))
    for i in range(n):
        for j in range(n):
            response = 0.0
            for a in range(c):
                for b in range(c):
                    response += x[i, a] * omega[a, b] * x[j, b]
            result[i] += response * x[j]
    return result


def literal_score(m, kernel, bias):
    """Return T = ReLU(conv3x3(M) + b) (H, W) of M (C, H, W), location by location."""
    _, h, w = m.shape
    score = np.zeros((h, w))
    for row in range(h):
        for column in range(w):
            total = bias
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if 0 <= row + dy < h and 0 <= column + dx < w:
                        total += float(kernel[:, dy + 1, dx + 1] @ m[:, row + dy, column + dx])
            score[row, column] = max(0.0, total)
    return score


def literal_layer_attention(layer, x):
    """Return S of x (C, H, W), equations 2 to 6."""
    c, h, w = x.shape
    m = x
    if layer.omega is not None:
        locations = x.reshape(c, h * w).T
        omega = layer.omega.detach().numpy() / (layer.locations or h * w)
        seen = literal_context(locations, omega).T.reshape(c, h, w)
        m = np.concatenate([seen, x]) if layer.concatenated else seen + x
    score = literal_score(m, layer.conv.weight.detach().numpy()[0],
                          float(layer.conv.bias.detach()))
    total = 0.0
    for row in range(h):
        for column in range(w):
            total += np.exp(score[row, column])
    return np.exp(score) / total


def literal_resize(s, height, width):
    """Return the averages of the cells of a height x width grid over s (H, W)."""
    h, w = s.shape
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            cell = s[row * h // height:-(-(row + 1) * h // height),
                     column * w // width:-(-(column + 1) * w // width)]
            result[row, column] = cell.sum() / cell.size
    return result


def literal_mask(attention, maps):
    """Return G (h, w) from one map (C_k, H_k, W_k) per layer, equation 7."""
    height, width = maps[-1].shape[1:]
    mask = np.full((height, width), float(attention.bias.detach()))
    for k in range(len(maps)):
        s = literal_layer_attention(attention.layers[k], maps[k])
        w = float(attention.weight[k].detach()) * attention.locations[k]
        mask += w * literal_resize(s, height, width)
    return mask


def literal_descriptor(attention, maps):
    """Return F flattened and L2-normalised, equation 8."""
    mask, x3 = literal_mask(attention, maps), maps[-1]
    f = np.zeros_like(x3)
    for p in range(len(x3)):
        for row in range(x3.shape[1]):
            for column in range(x3.shape[2]):
                f[p, row, column] = mask[row, column] * x3[p, row, column]
    return f.ravel() / np.sqrt((f.ravel() ** 2).sum())


# More locations than channels (Gram), fewer (responses), as many.
SHAPES = [(20, 4), (4, 9), (6, 6), (7, 6), (1, 5), (9, 1)]


@pytest.mark.parametrize(('n', 'c'), SHAPES)
def test_context_is_the_literal_one(n, c):
    x = torch.randn(2, n, c, dtype=torch.float64)
    omega = torch.randn(c, c, dtype=torch.float64)
    result = context(x, omega)
    assert result.shape == (2, n, c)
    for image in range(2):
        wanted = literal_context(x[image].numpy(), omega.numpy())
        error = np.abs(result[image].numpy() - wanted).max()
        assert error <= 1e-9 * np.abs(wanted).max()


@pytest.mark.parametrize(('n', 'c'), [*SHAPES, (196, 64), (64, 196)])
def test_both_orders_are_exact(n, c):
    x = torch.randn(2, n, c, dtype=torch.float64)
    omega = torch.randn(c, c, dtype=torch.float64)
    gram, responses = context_by_gram(x, omega), context_by_responses(x, omega)
    assert (gram - responses).abs().max() <= 1e-9 * gram.abs().max()


def flops(function, n, c):
    x, omega = torch.empty(1, n, c, device='meta'), torch.empty(c, c, device='meta')
    with FlopCounterMode(display=False) as counter:
        function(x, omega)
    return counter.get_total_flops()


@pytest.mark.parametrize(('n', 'c'), [
    (14 * 14, 512), (28 * 28, 512), (56 * 56, 256), (513, 512), (512, 512), (511, 512), (1, 8)])
def test_the_order_of_fewer_operations_is_taken(n, c):
    gram, responses = flops(context_by_gram, n, c), flops(context_by_responses, n, c)
    assert gram == 2 * 3 * n * c * c
    assert responses == 2 * (n * c * c + 2 * n * n * c)
    assert flops(context, n, c) == min(gram, responses)


def test_omega_is_not_transposed():
    x = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    omega = torch.tensor([[0.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    # Only x_0^T Omega x_1 = 2: location 0 sees location 1, not the other way around.
    wanted = torch.tensor([[0.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(context(x, omega)[0], wanted)


@pytest.mark.parametrize(('n', 'c'), [(7, 3), (3, 5)])
def test_context_has_the_right_gradient(n, c):
    x = torch.randn(2, n, c, dtype=torch.float64, requires_grad=True)
    omega = torch.randn(c, c, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(context, (x, omega))


KINDS = [{}, {'with_context': False}, {'concatenated': True}, {'locations': 9},
         {'locations': None}]


def randomised(module, scale=0.5):
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('channels', 'height', 'width'), [(3, 4, 5), (12, 3, 2), (2, 1, 7)])
def test_layer_attention_is_the_literal_one(channels, height, width, kind):
    layer = randomised(LayerAttention(channels, **kind))
    x = torch.randn(2, channels, height, width, dtype=torch.float64)
    result = layer(x).detach().numpy()
    for image in range(2):
        wanted = literal_layer_attention(layer, x[image].numpy())
        np.testing.assert_allclose(result[image], wanted, rtol=1e-9)


def check_gradient(module, *inputs):
    names = [name for name, _ in module.named_parameters()]

    def run(*values):
        given, parameters = values[:len(inputs)], values[len(inputs):]
        return torch.func.functional_call(
            module, dict(zip(names, parameters, strict=True)),
            given if len(given) == 1 else (given,))

    parameters = [p.detach().clone().requires_grad_() for p in module.parameters()]
    assert torch.autograd.gradcheck(run, (*inputs, *parameters))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('channels', 'height', 'width'), [(2, 3, 3), (6, 2, 2)])
def test_layer_attention_has_the_right_gradient(channels, height, width, kind):
    layer = randomised(LayerAttention(channels, **kind))
    check_gradient(layer, torch.randn(2, channels, height, width, dtype=torch.float64,
                                      requires_grad=True))


def several_layers(channels, **kind):
    return randomised(ContextFlexibleAttention(
        [LayerAttention(c, **kind) for c in channels], [24, 6, 2][-len(channels):]))


def some_maps(sizes, channels, batch=2):
    return [torch.randn(batch, c, *size, dtype=torch.float64)
            for c, size in zip(channels, sizes, strict=True)]


SIZES = [[(8, 12), (4, 6), (2, 3)], [(7, 9), (4, 5), (2, 3)], [(5, 2), (5, 2), (5, 2)]]


@pytest.mark.parametrize('sizes', SIZES)
@pytest.mark.parametrize('layers', [1, 2, 3])
def test_the_mask_is_the_literal_one(sizes, layers):
    channels, sizes = (2, 3, 4)[-layers:], sizes[-layers:]
    attention = several_layers(channels)
    maps = some_maps(sizes, channels)
    result = attention(maps).detach().numpy()
    for image in range(2):
        wanted = literal_mask(attention, [m[image].numpy() for m in maps])
        np.testing.assert_allclose(result[image], wanted, rtol=1e-9)


def test_the_mask_has_the_right_gradient():
    attention = several_layers((1, 2, 3))
    maps = some_maps([(3, 4), (2, 3), (1, 2)], (1, 2, 3))
    check_gradient(attention, *(m.requires_grad_() for m in maps))


def test_each_layer_needs_its_map():
    with pytest.raises(ValueError, match='2 maps, got 1'):
        several_layers((3, 4))([torch.randn(1, 3, 5, 5)])


class SmallBody(nn.Module):
    """Three convolutions of few channels, each halving the image."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 3, stride=2, padding=1)
                                    for i, o in ((3, 2), (2, 3), (3, 5)))

    def forward(self, images):
        found = {}
        for number, layer in enumerate(self.layers):
            images = F.relu(layer(images))
            found[str(number)] = images
        return found


def small_network(height=24, width=20):
    trunk = Trunk(SmallBody(), ('0', '1', '2'))
    head = Head('flatten', 5, grid=trunk.grid(height, width))
    attention = several_layers(trunk.map_channels)
    return ContextAttentionNetwork(
        trunk, attention, head, height=height, width=width).double().eval().requires_grad_(False)


def test_the_descriptor_is_the_literal_one():
    network = small_network()
    images = torch.rand(2, 3, 24, 20, dtype=torch.float64)
    output = network(images)
    assert output.descriptors.shape == (2, network.dimension) == (2, 5 * 3 * 3)
    maps = network.trunk.maps(network.normalise(images))
    for image in range(2):
        wanted = literal_descriptor(network.attention, [m[image].numpy() for m in maps])
        np.testing.assert_allclose(output.descriptors[image].numpy(), wanted, rtol=1e-9,
                                   atol=1e-12)
    assert torch.equal(output.features, maps[-1])


def test_a_negative_mask_is_used_and_its_positive_part_drawn():
    network = small_network()
    images = torch.rand(4, 3, 24, 20, dtype=torch.float64)
    network.attention.weight[:] = torch.tensor([-2.0, 3.0, 1.0])
    mask = network.attention(network.trunk.maps(network.normalise(images)))
    network.attention.bias -= mask.median()
    output = network(images)
    mask = mask - mask.median()
    assert (mask < 0).any()
    assert (mask > 0).any()
    attended = (output.features * mask[:, None]).flatten(1)
    torch.testing.assert_close(output.descriptors, F.normalize(attended))
    assert output.descriptors.min() < 0
    drawn = mask.clamp(min=0)
    torch.testing.assert_close(output.attention, drawn / drawn.sum(dim=(1, 2), keepdim=True))


def test_the_attended_map_is_what_the_papers_descriptor_flattens():
    network = small_network()
    network.attention.bias -= 1.0
    images = torch.rand(2, 3, 24, 20, dtype=torch.float64)
    normalised = network.normalise(images)
    attended = network.attended(normalised)
    features, mask = network.read(normalised)
    assert attended.shape == features.shape == (2, 5, 3, 3)
    for b, c, row, column in np.ndindex(2, 5, 3, 3):
        assert float(attended[b, c, row, column]) == pytest.approx(
            float(features[b, c, row, column] * mask[b, row, column]))
    assert (mask < 0.0).any()
    torch.testing.assert_close(network(images).descriptors, F.normalize(attended.flatten(1)))
    assert network.float().half().attended(normalised.half()).dtype == torch.float32
    network = small_network()
    network.attention = None
    features, mask = network.read(normalised)
    assert mask is None
    assert torch.equal(network.attended(normalised), features)


def test_a_mask_without_a_positive_value_is_drawn_even():
    network = small_network()
    network.attention.bias.fill_(-100.0)
    attention = network(torch.rand(1, 3, 24, 20, dtype=torch.float64)).attention
    torch.testing.assert_close(attention, torch.full((1, 3, 3), 1 / 9, dtype=torch.float64))


@pytest.mark.parametrize('head', ['gem', 'spp', 'vlad', 'average'])
@pytest.mark.parametrize('offset', [-1.0, -0.01, 0.0])
def test_other_heads_take_a_mask_of_any_sign(head, offset):
    torch.manual_seed(3)
    mask = torch.rand(2, 4, 5) - 0.5 + offset
    described = Head(head, 6, clusters=4)(torch.rand(2, 6, 4, 5), mask)
    torch.testing.assert_close(described.norm(dim=1), torch.ones(2))
    if head != 'gem':  # which takes what is negative for nothing
        assert described[0] @ described[1] < 0.9999


def test_where_a_mask_has_both_signs_its_absolute_values_are_brought_to_mean_1():
    head = Head('average', 3, dimension=5).requires_grad_(False)
    features, mask = torch.rand(1, 3, 2, 2), torch.tensor([[[1.0, -2.0], [3.0, -2.0]]])
    pooled = (features * mask / 2.0).mean(dim=(2, 3))
    torch.testing.assert_close(head(features, mask), F.normalize(head.project(pooled)))


# What the trunk has beside attention: VGG-16 up to conv5_3 (Simonyan and Zisserman 2015).
TRUNK_PARAMETERS = 14_714_688
# Omega C^2, convolution 9 C + 1, for C = 256 and twice 512; three weights and a bias.
PARAMETERS = {
    'Ours-full': 67_841 + 2 * 266_753 + 4,
    'Finetune+NoAttent': 0,
    'Finetune+Attent+NoContext': 2_305 + 2 * 4_609 + 4,
    'One layer': 266_753 + 2,
    'Two layers': 2 * 266_753 + 3,
    'Concatenation': 70_145 + 2 * 271_361 + 4,
    'Attentive Attention': 512 * 512 + 512 + 512 + 1,
    # (9 * 32 + 25 * 32 + 49 * 20) C + 84, and the sum of 84 with its bias.
    'Fixed Context': 529_577 + 2 * 1_058_985 + 4,
    'Cross Pooling': 0,
}


@pytest.mark.parametrize('label', VARIANTS)
def test_every_variant_on_the_papers_trunk(label):
    assert network_variants('context_attention')[label] == VARIANTS[label]
    network = create_network('context_attention', {
        'weights': 'random', 'height': 64, 'width': 96, **VARIANTS[label]})
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == TRUNK_PARAMETERS + PARAMETERS[label]
    images = torch.rand(2, 3, 64, 96)
    output = network(images)
    dimension = 512 * 512 if label == 'Cross Pooling' else 4 * 6 * 512
    assert output.descriptors.shape == (2, network.dimension) == (2, dimension)
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(2))
    assert output.features.shape == (2, 512, 4, 6)
    if label == 'Finetune+NoAttent':
        assert output.attention is None
    else:
        assert output.attention.shape == (2, 4, 6)
        assert (output.attention >= 0).all()
        torch.testing.assert_close(output.attention.sum(dim=(1, 2)), torch.ones(2))
    alone = network(images[1:])
    torch.testing.assert_close(alone.descriptors[0], output.descriptors[1], rtol=0, atol=1e-5)


def test_the_first_variant_is_the_papers_own_at_its_own_size():
    assert next(iter(VARIANTS.items())) == ('Ours-full', {})
    network = create_network('context_attention', {'weights': 'random'})
    assert network.dimension == 14 * 14 * 512 == 100_352
    assert (network.preprocessing.height, network.preprocessing.width) == (224, 224)
    output = network(torch.rand(1, 3, 224, 224))
    assert output.descriptors.shape == (1, 100_352)
    assert output.attention.shape == (1, 14, 14)
    # Attention starts nearly even: training does not begin with a single location.
    assert float(output.attention.max()) < 2 / 196
    assert network.attention.locations == (56 ** 2, 28 ** 2, 14 ** 2)
    assert [layer.locations for layer in network.attention.layers] == [3136, 784, 196]
    # F starts as large as X.
    mask = network.attention(network.trunk.maps(torch.zeros(1, 3, 224, 224)))
    torch.testing.assert_close(mask.mean(), torch.tensor(1.0))


def test_the_sum_is_not_divided_by_the_locations_of_the_image():
    small = context_attention(weights='random', height=64, width=64)
    assert small.attention.locations == (56 ** 2, 28 ** 2, 14 ** 2)
    x = torch.rand(1, 7, 4)
    omega = torch.rand(4, 4)
    torch.testing.assert_close(context(x.repeat(1, 3, 1), omega)[:, :7], 3 * context(x, omega))


def test_the_taps_are_conv3_3_conv4_3_and_conv5_3_after_relu():
    network = context_attention(weights='random', height=64, width=64).eval()
    with torch.device('meta'):
        vgg = models.vgg16(weights=None).eval().features
    vgg.load_state_dict({name.removeprefix('features.'): tensor for name, tensor
                         in network.trunk.body.state_dict().items()}, assign=True)
    convolutions = [number for number, part in enumerate(vgg) if isinstance(part, nn.Conv2d)]
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps = network.trunk.maps(images)
        # 2 + 2 + 3 + 3 + 3 convolutions in five blocks: the last of blocks three, four and five.
        for found, last in zip(maps, (6, 9, 12), strict=True):
            wanted = F.relu(vgg[:convolutions[last] + 1](images))
            torch.testing.assert_close(found, wanted)


SMALL = {'trunk': 'resnet18', 'taps': 'layer1,layer2,layer3', 'height': 64, 'width': 80,
         'weights': 'random'}


@pytest.mark.parametrize(('head', 'dimension', 'wanted'), [
    ('flatten', 0, 256 * 4 * 5), ('gem', 0, 256), ('spp', 0, 256 * 30), ('vlad', 0, 256 * 64),
    ('flatten', 128, 128), ('gem', 64, 64), ('vlad', 32, 32)])
def test_heads_on_another_trunk(head, dimension, wanted):
    network = create_network('context_attention', {**SMALL, 'head': head, 'dimension': dimension})
    assert network.dimension == wanted
    output = network(torch.rand(2, 3, 64, 80))
    assert output.descriptors.shape == (2, wanted)
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(2))
    assert output.features.shape == (2, 256, 4, 5)


@pytest.mark.parametrize(('height', 'width'), [(64, 64), (97, 131), (33, 200), (160, 48)])
def test_any_size_where_the_head_takes_it(height, width):
    network = create_network('context_attention', {**SMALL, 'head': 'spp'})
    output = network(torch.rand(1, 3, height, width))
    assert output.descriptors.shape == (1, 256 * 30)
    assert output.attention.shape[1:] == (-(-height // 16), -(-width // 16))
    torch.testing.assert_close(output.attention.sum(), torch.tensor(1.0))


def test_the_papers_head_takes_its_own_size_alone():
    network = create_network('context_attention', SMALL)
    with pytest.raises(ValueError, match=r'4 x 5 locations cannot be made of \(4, 4\)'):
        network(torch.rand(1, 3, 64, 64))


def shaped(network):
    """Let attention differ from place to place, as after training."""
    torch.manual_seed(1)
    with torch.no_grad():
        for layer in network.attention.layers:
            layer.omega += 1e-3 * torch.randn_like(layer.omega)
            layer.conv.weight += 0.5 * torch.randn_like(layer.conv.weight)
    return network


def test_images_of_a_batch_do_not_meet():
    network = shaped(create_network('context_attention', SMALL))
    images = torch.rand(4, 3, 64, 80)
    images[2] = 0.0  # an odd one among them
    together = network(images)
    for number in range(4):
        alone = network(images[number:number + 1])
        torch.testing.assert_close(alone.descriptors[0], together.descriptors[number],
                                   rtol=0, atol=1e-5)
        torch.testing.assert_close(alone.attention[0], together.attention[number],
                                   rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(('dtype', 'cosine', 'error'), [
    (torch.bfloat16, 0.995, 0.15), (torch.float16, 0.9999, 0.02)])
def test_half_precision(dtype, cosine, error):
    network = shaped(create_network('context_attention', {
        'weights': 'random', 'height': 64, 'width': 64}))
    images = torch.rand(2, 3, 64, 64)
    exact = network(images)
    assert float(exact.attention.max()) > 2 / 16  # of 16 locations some matter more
    half = network.to(dtype)(images)
    assert half.descriptors.dtype == dtype
    assert torch.isfinite(half.descriptors).all()
    assert float((half.descriptors.float() * exact.descriptors).sum(dim=1).min()) >= cosine
    assert (half.attention.float() - exact.attention).abs().max() <= error * exact.attention.max()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_sums_that_float16_cannot_hold(dtype):
    n, c = 56, 64
    layer = LayerAttention(c, locations=n * n)
    with torch.no_grad():
        # Small, so that the softmax does not saturate, and exact in half precision.
        layer.conv.weight.copy_(2.0 ** -20 * torch.randn_like(layer.conv.weight).sign())
    x = (90.0 * torch.rand(1, c, n, n)).to(dtype)
    flat = x.float().flatten(2).transpose(1, 2)
    assert (flat.transpose(1, 2) @ flat).max() > 1e6
    assert context(flat, layer.omega / n ** 2).max() > 65504
    with torch.no_grad():
        exact = layer.double()(x.double())
        half = layer.to(dtype)(x)
    assert half.dtype == torch.float32
    assert exact.max() > 1.1 * exact.min()
    assert (half - exact).abs().max() <= 1e-4 * (exact.max() - exact.min())


def test_autocast_does_not_reach_the_sums():
    layer = LayerAttention(8)
    x = 5.0 * torch.rand(1, 8, 9, 9)
    with torch.no_grad():
        layer.conv.weight.abs_()
        plain = layer(x)
        assert plain.max() > 2.0 * plain.min()
        with torch.autocast('cpu', torch.bfloat16):
            assert torch.equal(layer(x), plain)


def test_a_new_layer_starts_nearly_even_and_learns():
    layer = LayerAttention(8, locations=42)
    attention = layer(torch.randn(1, 8, 6, 7))
    torch.testing.assert_close(attention, torch.full((1, 6, 7), 1 / 42), rtol=0.2, atol=0)
    attention[0, 2, 3].log().backward()
    assert all(p.grad.abs().sum() > 0 for n, p in layer.named_parameters() if n != 'conv.bias')


def test_random_weights_are_the_same_on_every_run():
    before = torch.random.get_rng_state()
    first = create_network('context_attention', SMALL).identity()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert create_network('context_attention', SMALL).identity() == first
    other = create_network('context_attention', {**SMALL, 'seed': 1}).identity()
    assert other.weights_hash != first.weights_hash


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_of_the_whole_network(suffix, tmp_path):
    trained = shaped(create_network('context_attention', {**SMALL, 'seed': 5}))
    path = tmp_path / f'trained{suffix}'
    if suffix == '.pth':
        torch.save({'epoch': 3, 'state_dict': trained.state_dict()}, path)
    else:
        write_weights(path, trained.state_dict(), {}, dtype=torch.float32)
    network = create_network('context_attention', {**SMALL, 'weights': str(path)})
    images = torch.rand(1, 3, 64, 80)
    assert torch.equal(network(images).descriptors, trained(images).descriptors)


def test_weights_that_do_not_fit_are_told_by_name_and_shape(tmp_path):
    state = dict(create_network('context_attention', SMALL).state_dict())
    state['attention.layers.1.omega'] = torch.zeros(3, 3)
    del state['attention.bias']
    torch.save(state, tmp_path / 'odd.pth')
    with pytest.raises(VprError) as error:
        create_network('context_attention', {**SMALL, 'weights': str(tmp_path / 'odd.pth')})
    assert 'attention.layers.1.omega has shape (3, 3), the network needs (128, 128)' in str(
        error.value)
    assert 'attention.bias is missing (shape ())' in str(error.value)


def test_the_trunk_may_come_from_a_file_of_its_own(tmp_path):
    resnet = models.resnet18(weights=None).eval()
    torch.save(resnet.state_dict(), tmp_path / 'resnet18.pth')
    options = {**SMALL, 'weights': '', 'trunk_weights': str(tmp_path / 'resnet18.pth')}
    network = create_network('context_attention', options)
    with torch.no_grad():
        x = torch.randn(1, 3, 64, 80)
        wanted = resnet.layer1(resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(x)))))
        torch.testing.assert_close(network.trunk.maps(x)[0], wanted)


@pytest.mark.parametrize(('options', 'text'), [
    ({'attention': 'contxt'}, "unknown attention 'contxt'; did you mean 'context'"),
    ({'context': 'flexibel'}, "unknown context 'flexibel'; did you mean 'flexible'"),
    ({'merge': 'product'}, "unknown merge 'product'"),
    ({'head': 'flat'}, "unknown head 'flat'; did you mean 'flatten'"),
    ({'layers': 4}, 'layers must be 1, 2 or 3, got 4'),
    ({'layers': 0}, 'layers must be 1, 2 or 3, got 0'),
    ({'attention': 'none', 'context': 'fixed'}, "belong to attention 'context', got 'none'"),
    ({'attention': 'attentive', 'layers': 2}, "belong to attention 'context', got 'attentive'"),
    ({'context': 'none', 'merge': 'concat'}, "merge 'concat' needs context 'flexible'"),
    ({'context': 'fixed', 'merge': 'concat'}, "merge 'concat' needs context 'flexible'"),
    ({'attention': 'cross_pooling', 'head': 'gem'}, "takes no head 'gem'"),
    ({'dimension': -1}, 'dimension must be 0'),
    ({'height': 8}, 'no images of 8 x 224 pixels'),
    ({'trunk': 'resnet18'}, "trunk 'resnet18' needs taps: name 3 of its layers"),
    ({'trunk': 'resnet18', 'taps': 'layer2,layer3'}, 'taps must name 3 layers of resnet18'),
    ({'trunk': 'resnet18', 'taps': 'layer1,,layer3'}, 'taps must name 3 layers'),
    ({'trunk': 'resnet18', 'taps': 'layer1,layer2,layer33'}, "'layer33'; did you mean 'layer3'"),
    ({'weights': ''}, 'needs weights'),
    ({'weights': 'absent.pth'}, 'no weights at absent.pth'),
    ({'trunk_weights': 'imagenet'}, 'takes weights for all of it or trunk_weights, not both'),
])
def test_what_makes_no_sense_is_refused(options, text):
    with pytest.raises(VprError, match=text.replace('(', r'\(')):
        create_network('context_attention', {'weights': 'random', **options})
