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


"""Arandjelovic et al. 2016 on any trunk, and the files in which others publish it."""

import pytest
import torch
from torch.nn import functional as F
from torchvision import models
from vpr_ros.errors import VprError
from vpr_ros.networks.initialisation import initialise
from vpr_ros.networks.netvlad import netvlad
from vpr_ros.networks.netvlad import VARIANTS
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.weights import write_weights

SMALL = {'trunk': 'alexnet', 'height': 64, 'width': 96, 'weights': 'random', 'clusters': 4}


def public(trunk='alexnet', *, dimension=0, between=''):
    """Return a state_dict as public programs save it, random and with clusters that matter."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        with torch.device('meta'):
            layers = models.get_model(trunk, weights=None).features[:-2]
        initialise(layers.to_empty(device='cpu'))
        channels = layers[-1].out_channels
        state = {f'encoder.{between}{n}': t for n, t in layers.state_dict().items()}
        state[f'pool.{between}centroids'] = torch.randn(4, channels) * 0.1
        state[f'pool.{between}conv.weight'] = torch.randn(4, channels, 1, 1) * 3.0
        if dimension:
            # float64, as the program that appends it leaves it
            state['WPCA.0.weight'] = torch.randn(dimension, 4 * channels, 1, 1).double()
            state['WPCA.0.bias'] = torch.randn(dimension).double()
    return state


def functional_alexnet(state, images, between=''):
    """Compute the published network by its own names, in float64."""
    p = {name.replace(between, '', 1) if between else name: t.double()
         for name, t in state.items()}
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).double()[
        :, None, :, None, None]
    x = F.conv2d((images.double() - mean) / std, p['encoder.0.weight'], p['encoder.0.bias'],
                 stride=4, padding=2).relu()
    x = F.conv2d(F.max_pool2d(x, 3, 2), p['encoder.3.weight'], p['encoder.3.bias'],
                 padding=2).relu()
    x = F.conv2d(F.max_pool2d(x, 3, 2), p['encoder.6.weight'], p['encoder.6.bias'],
                 padding=1).relu()
    x = F.conv2d(x, p['encoder.8.weight'], p['encoder.8.bias'], padding=1).relu()
    x = F.conv2d(x, p['encoder.10.weight'], p['encoder.10.bias'], padding=1)
    x = x / x.norm(dim=1, keepdim=True)
    share = F.conv2d(x, p['pool.conv.weight']).softmax(dim=1)
    rows = []
    for k, centre in enumerate(p['pool.centroids']):
        residual = x - centre[None, :, None, None]
        rows.append(F.normalize((share[:, k:k + 1] * residual).sum(dim=(2, 3))))
    vlad = F.normalize(torch.cat(rows, dim=1))
    if 'WPCA.0.weight' in p:
        vlad = F.normalize(F.conv2d(vlad[:, :, None, None], p['WPCA.0.weight'],
                                    p['WPCA.0.bias'])[:, :, 0, 0])
    return vlad


@pytest.mark.parametrize('dimension', [0, 12])
@pytest.mark.parametrize('between', ['', 'module.'])
def test_public_checkpoints(between, dimension, tmp_path):
    state = public(dimension=dimension, between=between)
    torch.save({'epoch': 3, 'best_score': 0.5, 'state_dict': state}, tmp_path / 'w.pth.tar')
    network = create_network('netvlad', {
        **SMALL, 'weights': str(tmp_path / 'w.pth.tar'), 'dimension': dimension})
    images = torch.rand(2, 3, 64, 96)
    wanted = functional_alexnet(state, images, between)
    assert wanted.shape == (2, network.dimension)
    torch.testing.assert_close(network(images).descriptors.double(), wanted, rtol=0, atol=1e-5)
    exact = network.double()(images.double()).descriptors
    # what our file format rounds to float32: a projection and the mean and std of pixels
    torch.testing.assert_close(exact, wanted, rtol=0, atol=1e-9 if not dimension else 1e-7)


def test_a_public_checkpoint_of_vgg16_has_every_tensor(tmp_path):
    torch.save({'state_dict': public('vgg16', dimension=5)}, tmp_path / 'w.pth')
    netvlad(weights=str(tmp_path / 'w.pth'), clusters=4, dimension=5)


def test_what_a_public_checkpoint_lacks_or_has_too_much_is_named(tmp_path):
    state = public(dimension=12)
    del state['encoder.3.bias']
    state['pool.conv.bias'] = torch.zeros(4)
    torch.save(state, tmp_path / 'w.pth')
    with pytest.raises(VprError) as error:
        create_network('netvlad', {**SMALL, 'weights': str(tmp_path / 'w.pth'), 'clusters': 8})
    text = str(error.value)
    assert 'trunk.body.features.3.bias is missing (shape (192,))' in text
    assert 'head.project.weight is not a part of the network (shape (12, 1024))' in text
    assert 'pool.conv.bias is not a part of the network' in text
    assert 'head.vlad.centroids has shape (4, 256), the network needs (8, 256)' in text


def test_our_own_file_comes_back(tmp_path):
    network = netvlad(**{**SMALL, 'seed': 5, 'dimension': 8})
    path = tmp_path / 'w.safetensors'
    write_weights(path, network.state_dict(), {}, dtype=torch.float32)
    again = create_network('netvlad', {**SMALL, 'weights': str(path), 'dimension': 8})
    assert again.identity().weights_hash == network.identity().weights_hash


def test_the_network_of_the_paper():
    network = create_network('netvlad', {'weights': 'random'})
    assert network.dimension == 32_768
    assert (network.preprocessing.height, network.preprocessing.width) == (480, 640)
    assert sum(p.numel() for p in network.parameters()) == 14_714_688 + 2 * 64 * 512
    assert network.trunk.grid(480, 640) == (30, 40)
    assert network(torch.rand(1, 3, 64, 64)).features.shape == (1, 512, 4, 4)


@pytest.mark.parametrize(('label', 'options'), VARIANTS.items(), ids=VARIANTS)
def test_variants(label, options):
    # 4096 numbers of 4 clusters: the projection of all 64 has 134 million weights
    options = {'height': 64, 'width': 64, 'weights': 'random', 'clusters': 4, **options}
    network = create_network('netvlad', options)
    channels = 256 if options.get('trunk') == 'alexnet' else 512
    wanted = channels if options.get('pooling') == 'max' else 4 * channels
    output = network(torch.rand(2, 3, 64, 64))
    assert output.descriptors.shape == (2, options.get('dimension', wanted))
    assert network.dimension == output.descriptors.shape[1]
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(2))
    assert (output.features < 0).any()  # before the ReLU
    assert output.attention is None


@pytest.mark.parametrize(('trunk', 'layer', 'channels'), [
    ('resnet18', '', 256), ('resnet18', 'layer2', 128), ('vgg16', 'features.22', 512),
    ('mobilenet_v2', '', 1280)])
def test_any_trunk(trunk, layer, channels):
    network = create_network('netvlad', {**SMALL, 'trunk': trunk, 'layer': layer})
    assert network.dimension == 4 * channels
    assert network(torch.rand(1, 3, 64, 64)).descriptors.shape == (1, 4 * channels)


def test_each_image_by_itself_at_any_size():
    network = create_network('netvlad', {**SMALL, 'dimension': 16})
    images = torch.rand(3, 3, 80, 64)
    together = network(images).descriptors
    for image in range(3):
        torch.testing.assert_close(network(images[image:image + 1]).descriptors[0],
                                   together[image], rtol=0, atol=1e-5)


@pytest.mark.parametrize('dimension', [0, 16])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype, dimension):
    network = create_network('netvlad', {**SMALL, 'dimension': dimension})
    images = torch.rand(2, 3, 64, 96)
    exact = network(images).descriptors
    rounded = network.to(dtype)(images).descriptors
    assert rounded.dtype == dtype
    cosines = F.cosine_similarity(exact, rounded.float())
    assert float(cosines.min()) > (0.999 if dtype == torch.float16 else 0.97)


def test_random_weights_are_the_same_on_every_run():
    one, same = (create_network('netvlad', SMALL).identity() for _ in range(2))
    assert one == same
    assert create_network('netvlad', {**SMALL, 'seed': 1}).identity() != one


@pytest.mark.parametrize(('options', 'text'), [
    ({'pooling': 'gem'}, "pooling must be 'vlad', 'max' or 'average', got 'gem'"),
    ({'clusters': 1}, '2 clusters at least, got 1'), ({'dimension': -1}, 'got -1'),
    ({'height': 8, 'width': 8}, 'takes no images of 8 x 8 pixels'),
    ({'weights': ''}, 'needs weights: .*trunk_weights'),
    ({'trunk_weights': 'imagenet'}, 'or trunk_weights, not both'),
    ({'weights': 'absent.pth'}, 'no weights at absent.pth')])
def test_bad_options(options, text):
    with pytest.raises(VprError, match=text):
        create_network('netvlad', {**SMALL, **options})
