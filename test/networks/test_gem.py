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

"""GeM on a trunk."""

import json

import pytest
from safetensors.torch import save_file
import torch
from torchvision import models
from vpr_ros.errors import VprError
from vpr_ros.networks.gem import gem
from vpr_ros.networks.registry import create_network


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'resnet18.safetensors'
    save_file(models.resnet18(weights=None).state_dict(), str(path))
    return str(path)


def test_descriptor_is_the_pooled_trunk(weights):
    network = create_network('gem', {'weights': weights, 'p': 2.5})
    images = torch.rand(2, 3, 96, 64)
    output = network(images)
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[None, :, None, None]
    features = network.trunk((images - mean) / std)
    pooled = (features.clamp(min=1e-6) ** 2.5).mean(dim=(2, 3)) ** (1 / 2.5)
    torch.testing.assert_close(output.descriptors, pooled / pooled.norm(dim=1, keepdim=True))
    torch.testing.assert_close(output.features, features)
    assert output.attention is None
    assert output.descriptors.shape == (2, network.dimension) == (2, 256)


def test_identity_tells_what_weights_do_not(weights):
    plain = create_network('gem', {'weights': weights}).identity()
    assert json.loads(plain.options) == {
        'trunk': 'resnet18', 'layer': '', 'p': 3.0, 'height': 224, 'width': 224}
    assert (plain.preprocessing.height, plain.preprocessing.width) == (224, 224)
    wide = create_network('gem', {'weights': weights, 'width': 320}).identity()
    assert wide.weights_hash == plain.weights_hash
    assert wide != plain
    assert gem(weights=weights, p=4.0).identity().weights_hash != plain.weights_hash
    # Where a file lies does not matter, so a map can move to another machine.
    assert weights not in plain.to_json()


def test_each_image_is_described_for_itself(weights):
    network = create_network('gem', {'weights': weights})
    images = torch.rand(3, 3, 64, 64)
    together = network(images).descriptors
    for image in range(3):
        torch.testing.assert_close(network(images[image:image + 1]).descriptors[0],
                                   together[image], rtol=0, atol=1e-5)


def test_random_weights_are_the_same_on_every_run():
    hashes = {create_network('gem', {'weights': 'random'}).identity().weights_hash
              for _ in range(2)}
    assert len(hashes) == 1


def test_a_trained_network_comes_back_with_its_exponent(tmp_path):
    network = create_network('gem', {'weights': 'random'})
    network.pool.p.fill_(4.2)
    path = tmp_path / 'gem.safetensors'
    save_file(network.state_dict(), str(path))
    again = create_network('gem', {'weights': str(path)})
    assert float(again.pool.p) == pytest.approx(4.2)
    assert again.identity() == network.identity()


def test_a_trained_network_of_another_trunk_is_refused_by_name(tmp_path):
    network = create_network('gem', {'weights': 'random'})
    path = tmp_path / 'gem.safetensors'
    save_file(network.state_dict(), str(path))
    with pytest.raises(VprError, match=r'trunk\.body\.features\.0\.weight is missing'):
        create_network('gem', {'weights': str(path), 'trunk': 'alexnet'})


@pytest.mark.parametrize('p', [0.0, -1.0, float('nan'), float('inf')])
def test_an_exponent_that_is_none(p):
    with pytest.raises(VprError, match='p must be finite and above 0'):
        create_network('gem', {'weights': 'random', 'p': p})
    with pytest.raises(VprError, match='p must be finite and above 0'):
        create_network('semantic_mask', {'weights': 'random', 'input': 'none', 'p': p,
                                         'trunk': 'resnet18'})
