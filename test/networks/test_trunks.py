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

"""Public trunks, cut at a layer, with weights from a file."""

import socket

import pytest
from safetensors.torch import save_file
import torch
from torch import nn
from torchvision import models
from vpr_ros.errors import VprError
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.trunks import trunk
from vpr_ros.networks.trunks import trunk_names
from vpr_ros.networks.trunks import vlad_layer


@pytest.fixture(scope='module')
def resnet():
    torch.manual_seed(0)
    model = models.resnet18(weights=None).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.3)
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.5, 1.5)
    return model


@pytest.fixture(scope='module')
def resnet_file(resnet, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'resnet18.safetensors'
    save_file(resnet.state_dict(), str(path))
    return path


@pytest.fixture(scope='module')
def folded_file(resnet, tmp_path_factory):
    """Fold the batch norms: conv1 and bn1, conv2 and bn2, downsample.0 and downsample.1."""
    state, folded = resnet.state_dict(), {}
    for name, tensor in state.items():
        if tensor.ndim == 4:
            norm = name.removesuffix('.weight').replace('conv', 'bn').replace(
                'downsample.0', 'downsample.1')
            scale = state[f'{norm}.weight'] / (state[f'{norm}.running_var'] + 1e-5).sqrt()
            folded[name] = (tensor * scale[:, None, None, None]).contiguous()
            folded[name.replace('weight', 'bias')] = (
                state[f'{norm}.bias'] - state[f'{norm}.running_mean'] * scale)
    path = tmp_path_factory.mktemp('weights') / 'folded.safetensors'
    save_file(folded, str(path))
    return path


def layer3(model, images):
    x = model.maxpool(model.relu(model.bn1(model.conv1(images))))
    return model.layer3(model.layer2(model.layer1(x)))


@pytest.mark.parametrize('file', ['resnet_file', 'folded_file'])
def test_trunk_is_the_network_up_to_the_layer(file, resnet, request):
    body = trunk('resnet18', weights=str(request.getfixturevalue(file)))
    assert body.channels == 256
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        wanted = layer3(resnet, images)
        assert wanted.shape == (2, 256, 4, 6)
        torch.testing.assert_close(body(images), wanted, rtol=1e-3, atol=1e-4)


def test_a_layer_may_be_named(resnet, resnet_file):
    body = trunk('resnet18', 'layer2.0.relu', weights=str(resnet_file))
    assert body.channels == 128
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        x = resnet.layer1(resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(images)))))
        torch.testing.assert_close(
            body(images), resnet.layer2[0].relu(resnet.layer2[0].bn1(resnet.layer2[0].conv1(x))))


def test_an_unknown_layer(resnet_file):
    with pytest.raises(VprError, match="unknown layer of resnet18 'layer33'; did you mean "
                                       "'layer3'?"):
        trunk('resnet18', 'layer33', weights=str(resnet_file))


def test_a_layer_without_a_map(resnet_file):
    with pytest.raises(VprError, match=r"'fc'.*feature map.*\(1, 1000\)"):
        trunk('resnet18', 'fc', weights=str(resnet_file))


def test_unknown_trunk():
    with pytest.raises(VprError, match="unknown trunk 'resnet81'; did you mean 'resnet"):
        trunk('resnet81', weights='imagenet')


@pytest.mark.parametrize('name', ['resnet18', 'vgg16'])
def test_a_trunk_needs_weights(name):
    with pytest.raises(VprError, match=f"trunk '{name}' needs weights: .*imagenet.*safetensors"):
        trunk(name, weights='')


def test_no_weights_at_that_path(tmp_path):
    with pytest.raises(VprError, match=r'no weights at .*absent'):
        trunk('resnet18', weights=str(tmp_path / 'absent.safetensors'))


def test_weights_of_another_network(tmp_path):
    save_file({'stem.weight': torch.zeros(3)}, str(tmp_path / 'w'))
    with pytest.raises(VprError, match=r'conv1\.weight is missing \(shape \(64, 3, 7, 7\)\)'):
        trunk('resnet18', weights=str(tmp_path / 'w'))


# VGG-16 and ResNet-50 are as many lines of code as these and ten times the weights.
@pytest.mark.parametrize(('name', 'channels', 'stride'), [
    ('alexnet', 256, 16), ('mobilenet_v2', 1280, 32), ('resnet18', 256, 16)])
def test_the_usual_layer(name, channels, stride, tmp_path):
    save_file(models.get_model(name, weights=None).state_dict(), str(tmp_path / 'w'))
    body = trunk(name, weights=str(tmp_path / 'w'))
    assert body.channels == channels
    with torch.no_grad():
        features = body(torch.rand(1, 3, 128, 160))
    assert abs(features.shape[2] - 128 // stride) <= 1
    assert abs(features.shape[3] - 160 // stride) <= 1


def test_any_classifier_of_torchvision_with_a_layer(tmp_path):
    save_file(models.squeezenet1_1(weights=None).state_dict(), str(tmp_path / 'w'))
    body = trunk('squeezenet1_1', 'features.9', weights=str(tmp_path / 'w'))
    assert body.channels == 384


@pytest.mark.parametrize(('name', 'layer', 'channels'), [
    ('regnet_y_400mf', 'trunk_output.block2', 104),  # its sizes are computed by tensors
    ('vit_b_16', 'conv_proj', 768),  # takes 224 x 224 pixels alone
    ('swin_t', 'permute', 768)])
def test_classifiers_with_ways_of_their_own(name, layer, channels, capfd):
    body = seeded_trunk(name, layer)
    assert body.channels == channels
    with torch.no_grad():
        features = body(torch.rand(1, 3, 224, 224))
    assert features.shape == (1, channels, *body.grid(224, 224))
    assert capfd.readouterr().err == ''


def test_a_size_that_a_trunk_does_not_take():
    with pytest.raises(ValueError, match='this trunk takes no images of 96 x 224 pixels'):
        seeded_trunk('vit_b_16', 'conv_proj').grid(96, 224)


def test_a_map_whose_channels_come_last():
    with pytest.raises(VprError, match=r"'features\.5'.*feature map.*\(1, 4, 4, 384\)"):
        seeded_trunk('swin_t', 'features.5')


def test_an_unusual_trunk_needs_its_layer(tmp_path):
    with pytest.raises(VprError, match="trunk 'squeezenet1_1' needs the layer to end at"):
        trunk('squeezenet1_1', weights=str(tmp_path / 'w'))


def test_trunks_are_image_classifiers():
    assert {'resnet18', 'vgg16', 'alexnet', 'squeezenet1_1'} <= set(trunk_names())
    assert 'fcn_resnet50' not in trunk_names()


def test_the_public_folded_resnet_loads(shared_data):
    weights = shared_data / 'weights' / 'resnet18_imagenet_bnfolded_to_layer3.safetensors'
    body = trunk('resnet18', weights=str(weights))
    with torch.no_grad():
        features = body(torch.randn(1, 3, 64, 64))
    assert features.shape == (1, 256, 4, 4)
    assert (features >= 0).all()  # ends in a ReLU
    assert 0.1 < float(features.std()) < 10
    with pytest.raises(VprError, match=r'layer4\.0\.conv1\.weight is missing'):
        trunk('resnet18', 'layer4', weights=str(weights))


def seeded_trunk(name, *layers):
    with seeded(3):
        return trunk(name, *layers, weights='random')


def test_maps_of_several_layers_in_their_order(resnet, resnet_file):
    body = trunk('resnet18', 'layer1', 'layer2', 'layer3', weights=str(resnet_file))
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        maps = body.maps(images)
        x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(images))))
        for stage, features in zip((resnet.layer1, resnet.layer2, resnet.layer3), maps,
                                   strict=True):
            x = stage(x)
            torch.testing.assert_close(features, x)
        torch.testing.assert_close(body(images), x)
    assert body.map_channels == (64, 128, 256)
    assert body.channels == 256


def test_maps_that_later_layers_change_in_place(resnet, resnet_file):
    body = trunk('resnet18', 'layer1.0.bn2', 'layer1.0.relu_1', weights=str(resnet_file))
    assert len(body.layers) == 2
    with torch.no_grad():
        images = torch.rand(1, 3, 64, 64)
        x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(images))))
        block = resnet.layer1[0]
        inner = block.bn2(block.conv2(block.relu(block.bn1(block.conv1(x)))))
        before, after = body.maps(images)
        torch.testing.assert_close(before, inner)
        torch.testing.assert_close(after, (inner + x).clamp(min=0))


@pytest.mark.parametrize('training', [False, True])
def test_a_convolution_and_its_relu(training):
    body = seeded_trunk('alexnet', 'features.10', 'features.11').train(training)
    before, after = body.maps(torch.rand(1, 3, 64, 64))
    assert (before < 0).any()
    assert torch.equal(after, before.clamp(min=0))


@pytest.mark.parametrize(('name', 'layer'), [
    ('alexnet', 'features.10'), ('resnet18', 'layer3'), ('convnext_tiny', 'features.1')])
def test_random_weights_are_the_same_on_every_run(name, layer):
    one, same = seeded_trunk(name, layer), seeded_trunk(name, layer)
    assert all(torch.equal(a, b) for a, b in
               zip(one.state_dict().values(), same.state_dict().values(), strict=True))
    features = one(torch.rand(1, 3, 64, 64))
    assert torch.isfinite(features).all()
    assert features.std() > 0
    assert not one.body.training


def test_a_trunk_has_only_the_weights_that_it_uses():
    parameters = sum(p.numel() for p in seeded_trunk('alexnet', 'features.10').parameters())
    assert parameters == sum(
        i * o * k * k + o for i, o, k in
        [(3, 64, 11), (64, 192, 5), (192, 384, 3), (384, 256, 3), (256, 256, 3)])


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_weights_from_a_checkpoint(prefix, resnet, resnet_file, tmp_path):
    state = {f'{prefix}{name}': tensor for name, tensor in resnet.state_dict().items()}
    torch.save({'epoch': 1, 'state_dict': state}, tmp_path / 'w.pth')
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(trunk('resnet18', weights=str(tmp_path / 'w.pth'))(images),
                           trunk('resnet18', weights=str(resnet_file))(images))


@pytest.mark.parametrize(('name', 'layers'), [
    ('alexnet', ('features.10',)), ('vgg16', ('features.15', 'features.28')),
    ('resnet18', ('layer2', 'layer3')), ('mobilenet_v2', ('features.18',))])
@pytest.mark.parametrize('size', [(64, 64), (97, 130)])
def test_the_grid_is_known_beforehand(name, layers, size):
    body = seeded_trunk(name, *layers)
    with torch.no_grad():
        shapes = [tuple(m.shape[2:]) for m in body.maps(torch.zeros(1, 3, *size))]
    assert body.grid(*size) == shapes[-1]
    assert body.grids(*size) == shapes
    assert next(body.parameters()).device.type == 'cpu'


def test_images_that_are_too_small():
    with pytest.raises(ValueError, match='this trunk takes no images of 8 x 8 pixels'):
        seeded_trunk('alexnet', 'features.10').grid(8, 8)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Give torchvision an empty cache and no way to a server."""
    def unreachable(*args, **kwargs):
        raise socket.gaierror('no such host')

    monkeypatch.setattr(socket, 'getaddrinfo', unreachable)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    for proxy in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
        monkeypatch.delenv(proxy, raising=False)
    (tmp_path / 'checkpoints').mkdir()
    return tmp_path / 'checkpoints'


@pytest.mark.parametrize('weights', ['imagenet', 'IMAGENET1K_V1'])
def test_weights_that_torchvision_has_downloaded_before(weights, cache):
    known = models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1
    model = models.shufflenet_v2_x0_5(weights=None)
    torch.save(model.state_dict(), cache / known.url.rsplit('/', 1)[1])
    body = trunk('shufflenet_v2_x0_5', 'stage2', weights=weights)
    assert torch.equal(body.state_dict()['body.conv1.0.weight'], model.conv1[0].weight)


@pytest.mark.parametrize('weights', ['imagenet', 'IMAGENET1K_V1'])
def test_no_way_to_the_server(weights, cache):
    with pytest.raises(VprError, match=r'torchvision could not download its .*IMAGENET1K_V1 of '
                                       r"trunk 'alexnet' .*no such host.*give the path"):
        trunk('alexnet', weights=weights)
    assert not list(cache.iterdir())


@pytest.mark.parametrize('weights', ['IMAGENET1K_V9', 'imagenet1k_v1', 'DEFAULTS'])
def test_weights_that_torchvision_does_not_publish(weights):
    with pytest.raises(VprError, match=f'no weights at {weights}'):
        trunk('alexnet', weights=weights)


def test_the_layers_that_vlad_is_made_of():
    assert vlad_layer('vgg16') == 'features.28'
    assert vlad_layer('alexnet') == 'features.10'
    assert vlad_layer('resnet18') == ''
    assert vlad_layer('vgg16', 'features.15') == 'features.15'
    for name in ('alexnet', 'vgg16'):
        assert (seeded_trunk(name, vlad_layer(name))(torch.rand(1, 3, 64, 64)) < 0).any()
