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

"""Scenes as a descriptor, and the names of public checkpoints."""

import pytest
import torch
from torchvision import models
from vpr_ros.errors import VprError
from vpr_ros.networks.places365 import from_public
from vpr_ros.networks.places365 import VARIANTS
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_variants
from vpr_ros.networks.weights import write_weights


@pytest.fixture(scope='module')
def classifier():
    torch.manual_seed(4)
    model = models.resnet18(weights=None, num_classes=365).eval()
    model.bn1.running_mean.normal_(std=0.1)
    return model


@pytest.fixture(scope='module')
def public(classifier, tmp_path_factory):
    """Write what CSAIL published: PyTorch 0.2, parallel, without counters of batches."""
    state = {f'module.{name}': tensor for name, tensor in classifier.state_dict().items()
             if not name.endswith('num_batches_tracked')}
    path = tmp_path_factory.mktemp('weights') / 'resnet18_places365.pth.tar'
    torch.save({'epoch': 90, 'arch': 'resnet18', 'state_dict': state, 'best_prec1': 54.6}, path,
               _use_new_zipfile_serialization=False)
    return path


def test_the_descriptor_is_what_comes_before_the_softmax(classifier, public):
    network = create_network('places365', {'weights': str(public)})
    images = torch.rand(2, 3, 64, 96)
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[None, :, None, None]
    with torch.no_grad():
        scores = classifier((images - mean) / std)
    output = network(images)
    assert output.descriptors.shape == (2, network.dimension) == (2, 365)
    torch.testing.assert_close(output.descriptors, scores / scores.norm(dim=1, keepdim=True))
    assert output.attention is None
    alone = network(images[1:])
    torch.testing.assert_close(alone.descriptors[0], output.descriptors[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize('label', VARIANTS)
def test_variants(label):
    assert network_variants('places365')[label] == {}
    network = create_network('places365', {'weights': 'random', **VARIANTS[label]})
    assert sum(p.numel() for p in network.parameters()) == 11_176_512 + 365 * 512 + 365
    assert network(torch.rand(1, 3, 224, 224)).descriptors.shape == (1, 365)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_of_ones_own(suffix, tmp_path):
    trained = create_network('places365', {'weights': 'random', 'seed': 3})
    path = tmp_path / f'own{suffix}'
    if suffix == '.pth':
        torch.save(trained.state_dict(), path)
    else:
        write_weights(path, trained.state_dict(), {}, dtype=torch.float32)
    network = create_network('places365', {'weights': str(path)})
    assert network.identity().weights_hash == trained.identity().weights_hash


def test_random_weights_are_the_same_on_every_run():
    first = create_network('places365', {'weights': 'random'}).identity()
    torch.manual_seed(8)
    assert create_network('places365', {'weights': 'random'}).identity() == first
    other = create_network('places365', {'weights': 'random', 'seed': 1}).identity()
    assert other.weights_hash != first.weights_hash


# As these networks were named in the torchvision of 2017.
@pytest.mark.parametrize(('trunk', 'old_names'), [
    ('alexnet', {'features.module.0.weight': 'features.0.weight',
                 'classifier.6.bias': 'classifier.6.bias'}),
    ('vgg16', {'features.module.28.bias': 'features.28.bias',
               'classifier.0.weight': 'classifier.0.weight'}),
    ('densenet161', {
        'features.denseblock1.denselayer2.norm.1.weight':
            'features.denseblock1.denselayer2.norm1.weight',
        'features.denseblock4.denselayer24.conv.2.weight':
            'features.denseblock4.denselayer24.conv2.weight',
        'features.transition1.norm.weight': 'features.transition1.norm.weight',
        'features.norm5.bias': 'features.norm5.bias', 'classifier.bias': 'classifier.bias'}),
    ('resnet50', {'layer4.2.bn3.running_var': 'layer4.2.bn3.running_var',
                  'fc.weight': 'fc.weight'})])
def test_public_names(trunk, old_names):
    with torch.device('meta'):
        known = set(models.get_model(trunk, weights=None, num_classes=365).state_dict())
    renamed = from_public({name: torch.tensor(float(number))
                           for number, name in enumerate(old_names)})
    assert list(renamed) == [f'scenes.{name}' for name in old_names.values()]
    assert known.issuperset(old_names.values())
    assert from_public(renamed) == renamed


def test_a_classifier_of_other_classes(tmp_path):
    torch.save(models.resnet18(weights=None).state_dict(), tmp_path / 'imagenet.pth')
    with pytest.raises(VprError, match=r'scenes\.fc\.weight has shape \(1000, 512\), the network '
                                       r'needs \(365, 512\)'):
        create_network('places365', {'weights': str(tmp_path / 'imagenet.pth')})


@pytest.mark.parametrize(('dtype', 'cosine'), [(torch.bfloat16, 0.99), (torch.float16, 0.9999)])
def test_half_precision(dtype, cosine, public):
    network = create_network('places365', {'weights': str(public)})
    images = torch.rand(2, 3, 64, 64)
    exact = network(images).descriptors
    half = network.to(dtype)(images).descriptors
    assert half.dtype == dtype
    assert (half.float() * exact).sum(dim=1).min() >= cosine


@pytest.mark.parametrize(('options', 'text'), [
    ({'weights': ''}, r"'places365' needs weights: .*resnet18_places365\.pth\.tar"),
    ({'weights': 'absent.pth.tar'}, r'no weights at absent\.pth\.tar'),
    ({'trunk': 'resnet81'}, "unknown trunk 'resnet81'; did you mean 'resnet"),
    ({'trunk': 'alexnet', 'height': 20}, 'alexnet takes no images of 20 x 224 pixels'),
    ({'trunk': 'vit_b_16', 'width': 256}, 'vit_b_16 takes no images of 224 x 256 pixels'),
    ({'height': 0}, 'resnet18 takes no images of 0 x 224 pixels'),
])
def test_what_makes_no_sense_is_refused(options, text):
    with pytest.raises(VprError, match=text):
        create_network('places365', {'weights': 'random', **options})
