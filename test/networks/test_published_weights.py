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


"""
Our networks with the weights that others published, against a computation of theirs by hand.

VPR_ROS_WEIGHTS names a folder with those files; what is not there is skipped. NetVLAD, VGG-16:

- vgg16_netvlad_checkpoint.pth.tar: checkpoints/checkpoint.pth.tar of the archive that
  pytorch-NetVlad links to (Pittsburgh 30k, 32,768 numbers);
- {mapillary,pittsburgh}_WPCA{128,512,4096}.pth.tar: the files of Patch-NetVLAD.
"""

import os
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from torchvision import models
from vpr_ros.networks.initialisation import initialise
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.weights import read_weights

NETVLAD = {'vgg16_netvlad_checkpoint.pth.tar': 0} | {
    f'{place}_WPCA{size}.pth.tar': size
    for place in ('mapillary', 'pittsburgh') for size in (128, 512, 4096)}
# (convolutions, each with ReLU but the last) of VGG-16 between its poolings
VGG16 = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


def published(name):
    """Return a published file, or skip."""
    folder = os.environ.get('VPR_ROS_WEIGHTS', '')
    if not folder:
        pytest.skip(f'no published weights: set VPR_ROS_WEIGHTS to a folder with {name}')
    path = Path(folder) / name
    if not path.is_file():
        pytest.skip(f'no published weights at {path}')
    return path


def numbers(path):
    """Return the tensors of a checkpoint by its own names, without those of parallel training."""
    return {name.replace('.module.', '.'): tensor.double()
            for name, tensor in read_weights(path)[0].items()}


def colours(images):
    """Normalise pixels as torchvision's ImageNet weights expect it."""
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).double()[
        :, None, :, None, None]
    return (images.double() - mean) / std


def netvlad_by_hand(p, images):
    """Compute NetVLAD on VGG-16 in float64 with nothing but the tensors of a checkpoint."""
    x = colours(images)
    for number, block in enumerate(VGG16):
        x = x if number == 0 else F.max_pool2d(x, 2)
        for layer in block:
            x = F.conv2d(x, p[f'encoder.{layer}.weight'], p[f'encoder.{layer}.bias'], padding=1)
            x = x if layer == 28 else x.clamp(min=0)
    x = x / x.norm(dim=1, keepdim=True)
    share = F.conv2d(x, p['pool.conv.weight']).softmax(dim=1)
    rows = []
    for k, centre in enumerate(p['pool.centroids']):
        row = (share[:, k:k + 1] * (x - centre[None, :, None, None])).sum(dim=(2, 3))
        rows.append(row / row.norm(dim=1, keepdim=True))
    whole = torch.cat(rows, dim=1)
    whole = whole / whole.norm(dim=1, keepdim=True)
    if 'WPCA.0.weight' in p:
        whole = F.conv2d(whole[:, :, None, None], p['WPCA.0.weight'], p['WPCA.0.bias'])[..., 0, 0]
        whole = whole / whole.norm(dim=1, keepdim=True)
    return whole


def check_netvlad(path, clusters, dimension):
    """Compare, in float32 as it is used and in float64."""
    network = create_network('netvlad', {
        'weights': str(path), 'clusters': clusters, 'dimension': dimension})
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        wanted = netvlad_by_hand(numbers(path), images)
        single = network(images).descriptors
        double = network.double()(images.double()).descriptors
    assert wanted.shape == (2, network.dimension)
    assert float(F.cosine_similarity(single.double(), wanted).min()) > 1 - 1e-6
    torch.testing.assert_close(double, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize(('name', 'dimension'), NETVLAD.items(), ids=NETVLAD)
def test_published_netvlad(name, dimension):
    check_netvlad(published(name), 64, dimension)


@pytest.mark.parametrize(('between', 'dimension'), [('', 32), ('module.', 0)])
def test_the_same_with_random_weights_in_that_format(between, dimension, tmp_path):
    with torch.device('meta'):
        layers = models.vgg16(weights=None).features[:-2]
    initialise(layers.to_empty(device='cpu'))
    state = {f'encoder.{between}{name}': t for name, t in layers.state_dict().items()}
    state[f'pool.{between}centroids'] = 0.1 * torch.randn(8, 512)
    state[f'pool.{between}conv.weight'] = 3.0 * torch.randn(8, 512, 1, 1)
    if dimension:
        state['WPCA.0.weight'] = torch.randn(dimension, 8 * 512, 1, 1, dtype=torch.float64)
        state['WPCA.0.bias'] = torch.randn(dimension, dtype=torch.float64)
    torch.save({'num_pcs': dimension, 'state_dict': state}, tmp_path / 'w.pth.tar')
    check_netvlad(tmp_path / 'w.pth.tar', 8, dimension)
