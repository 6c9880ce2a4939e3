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

"""The embedded network, with its shipped weights."""

from importlib import resources

import pytest
from safetensors.torch import save_file
import torch
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.compact import Compact
from vpr_ros.networks.compact import compact
from vpr_ros.networks.compact import evened
from vpr_ros.networks.measure import measure_network
from vpr_ros.networks.pooling import attentive_pyramid_pool
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.weights import read_weights
from vpr_ros.networks.weights import weights_hash
from vpr_ros.networks.weights import write_weights


@pytest.fixture(scope='module')
def network():
    return create_network('compact')


@pytest.fixture(scope='module')
def weights_file():
    with resources.as_file(resources.files('vpr_ros') / 'weights' / 'compact.safetensors') as path:
        yield path


def scenes(count, height, width):
    """Return smooth coloured images: closer to photographs than white noise is."""
    return F.interpolate(torch.rand(count, 3, 7, 9), size=(height, width), mode='bicubic',
                         align_corners=False).clamp(0, 1)


def test_output(network):
    images = scenes(3, 240, 320)
    output = network(images)
    assert output.descriptors.shape == (3, 512)
    assert network.dimension == 512
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(3))
    assert output.attention.shape == (3, 15, 20)
    assert (output.attention >= 0).all()
    torch.testing.assert_close(output.attention.sum(dim=(1, 2)), torch.ones(3))
    assert output.features.shape[0] == 3
    assert output.features.shape[2:] == output.attention.shape[1:]


def test_descriptor_is_the_projection_of_attended_cells(network):
    output = network(scenes(2, 160, 224))
    pooled = attentive_pyramid_pool(output.features, output.attention, (4,))
    projected = pooled @ network.project.weight.T + network.project.bias
    torch.testing.assert_close(
        output.descriptors, projected / projected.norm(dim=1, keepdim=True), rtol=0, atol=1e-5)


def test_attention_is_learned(network):
    # Places within an image differ, and images differ.
    attention = network(scenes(2, 160, 224)).attention
    assert float(attention.std(dim=(1, 2)).min()) > 1e-6
    assert float((attention[0] - attention[1]).abs().max()) > 1e-6


def test_attention_shapes_the_descriptor(network):
    images = scenes(1, 160, 224)
    features = network(images).features
    uniform = attentive_pyramid_pool(features, torch.ones(1, 10, 14), (4,))
    plain = F.normalize(network.project(uniform))
    assert not torch.allclose(network(images).descriptors, plain, rtol=0, atol=1e-4)


def test_features_of_all_images_have_one_size():
    features = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    found = evened(features)
    power = found.square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(power, torch.ones_like(power), rtol=1e-5, atol=0)
    dark = features * torch.tensor([1.0, 0.05], dtype=torch.float64)[:, None, None, None]
    torch.testing.assert_close(evened(dark), found, rtol=1e-3, atol=0)
    assert torch.equal(evened(torch.zeros(1, 2, 3, 4)), torch.zeros(1, 2, 3, 4))


def test_evened_in_half_precision():
    # Sums of squares leave the range of half precision.
    features = (2000.0 * torch.rand(2, 64, 15, 20)).half()
    found = evened(features)
    assert found.dtype == torch.float16
    assert (found.float() - evened(features.float())).abs().max() < 5e-3


@pytest.mark.parametrize(('height', 'width'), [
    (32, 32), (33, 47), (32, 400), (400, 32), (160, 224), (97, 131), (240, 320),
    (480, 640), (63, 65)])
def test_any_size_and_aspect(network, height, width):
    output = network(scenes(2, height, width))
    assert output.descriptors.shape == (2, 512)
    assert torch.isfinite(output.descriptors).all()
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(output.attention.sum(dim=(1, 2)), torch.ones(2))
    assert output.attention.shape[1:] == (height // 16, width // 16)


@pytest.mark.parametrize('shape', [(1, 3, 31, 64), (1, 3, 64, 16)])
def test_too_small(network, shape):
    with pytest.raises(ValueError, match=rf'at least 32 x 32 pixels, got \(1, 3, {shape[2]}, '):
        network(torch.zeros(shape))


@pytest.mark.parametrize('level', [0.0, 0.5, 1.0])
def test_an_even_image_is_described_without_nan(network, level):
    output = network(torch.full((1, 3, 160, 224), level))
    assert torch.isfinite(output.descriptors).all()
    assert torch.isfinite(output.attention).all()


def test_images_of_a_batch_do_not_meet(network):
    images = scenes(5, 160, 224)
    images[2] = 0.0  # an odd one among them
    together = network(images)
    for number in range(5):
        alone = network(images[number:number + 1])
        torch.testing.assert_close(alone.descriptors[0], together.descriptors[number],
                                   rtol=0, atol=1e-5)
        torch.testing.assert_close(alone.attention[0], together.attention[number],
                                   rtol=0, atol=1e-5)
    order = [3, 0, 4, 2, 1]
    torch.testing.assert_close(network(images[order]).descriptors, together.descriptors[order],
                               rtol=0, atol=1e-5)


def test_descriptors_see_the_image(network):
    a, b = scenes(1, 160, 224), scenes(1, 160, 224)
    d = network(torch.cat([a, b, (a * 0.9 + 0.02)])).descriptors
    assert float(d[0] @ d[2]) > float(d[0] @ d[1])


def test_it_is_small(network, weights_file):
    assert sum(p.numel() for p in network.parameters()) <= 4_000_000
    assert weights_file.stat().st_size <= 8_000_000
    # Two operations for each multiplication with its addition.
    assert measure_network('compact').flops <= 1.2e9


def test_another_size(network):
    smaller = create_network('compact', {'height': 120, 'width': 160})
    assert (smaller.preprocessing.height, smaller.preprocessing.width) == (120, 160)
    images = scenes(2, 120, 160)
    torch.testing.assert_close(smaller(images).descriptors, network(images).descriptors)


def test_shipped_weights_are_loaded(network, weights_file):
    tensors, metadata = read_weights(weights_file)
    assert metadata['network'] == 'compact'
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, tensors[name])


def test_no_public_tensor_is_shipped_unchanged(weights_file, shared_data):
    ours, _ = read_weights(weights_file)
    public, _ = read_weights(
        shared_data / 'weights' / 'mobilenet_v2_imagenet_bnfolded.safetensors')
    compared = 0
    for name, tensor in public.items():
        if f'trunk.{name}' in ours:
            compared += 1
            assert not torch.equal(ours[f'trunk.{name}'], tensor), name
    assert compared > 40


def test_weights_of_ones_own(tmp_path):
    torch.manual_seed(5)
    other = Compact(dimension=64, features=16)
    write_weights(tmp_path / 'own.safetensors', other.state_dict(), {})
    network = create_network('compact', {'weights': str(tmp_path / 'own.safetensors')})
    assert network.dimension == 64
    assert network(scenes(1, 64, 64)).descriptors.shape == (1, 64)
    other.load_state_dict(read_weights(tmp_path / 'own.safetensors')[0])
    assert weights_hash(network) == weights_hash(other)


def test_weights_of_another_network(tmp_path):
    save_file({'stem.weight': torch.zeros(3)}, str(tmp_path / 'other.safetensors'))
    with pytest.raises(VprError, match=r'other\.safetensors do not fit this network: .*missing'):
        compact(weights=str(tmp_path / 'other.safetensors'))


@pytest.mark.parametrize('tensor', [torch.zeros(()), torch.zeros(0, 5), torch.zeros(4),
                                    torch.zeros(9, 5)])
def test_weights_of_odd_shapes(tensor, tmp_path):
    state = dict(Compact(dimension=8, features=8).state_dict())
    state['project.weight'] = tensor
    save_file(state, str(tmp_path / 'odd.safetensors'))
    with pytest.raises(VprError, match=r'odd\.safetensors do not fit.*project\.weight'):
        compact(weights=str(tmp_path / 'odd.safetensors'))


def test_a_public_trunk_to_train_upon(tmp_path):
    public = {name: torch.randn_like(tensor)
              for name, tensor in Compact().trunk.state_dict().items()}
    save_file({**public, 'classifier.1.weight': torch.zeros(10, 1280)},
              str(tmp_path / 'mobilenet.safetensors'))
    network = create_network('compact', {'trunk_weights': str(tmp_path / 'mobilenet.safetensors')})
    for name, tensor in network.trunk.state_dict().items():
        assert torch.equal(tensor, public[name])


def test_a_trunk_of_another_kind(tmp_path):
    save_file({'conv1.weight': torch.zeros(3)}, str(tmp_path / 'other.safetensors'))
    with pytest.raises(VprError, match=r'other\.safetensors do not fit this network: .*missing'):
        compact(trunk_weights=str(tmp_path / 'other.safetensors'))


def test_a_trunk_of_torchvision_is_refused():
    with pytest.raises(VprError, match='MobileNetV2 .* whose batch norms are folded'):
        compact(trunk_weights='imagenet')


@pytest.mark.parametrize('size', [{'height': 31}, {'width': 16}])
def test_a_size_that_is_too_small(size):
    with pytest.raises(VprError, match='at least 32 x 32 pixels, got height'):
        compact(**size)


def test_a_trunk_and_a_whole_network(weights_file):
    with pytest.raises(VprError, match='weights for all of it or trunk_weights, not both'):
        compact(weights=str(weights_file), trunk_weights=str(weights_file))


def test_random_weights():
    network = create_network('compact', {'weights': 'random'})
    again = create_network('compact', {'weights': 'random'})
    other = create_network('compact', {'weights': 'random', 'seed': 1})
    assert weights_hash(network) == weights_hash(again) != weights_hash(other)


def test_no_weights_at_that_path():
    with pytest.raises(VprError, match='no weights at absent'):
        compact(weights='absent.safetensors')
