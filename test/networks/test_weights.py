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

"""Weights in and out, and the hash that tells networks apart."""

import pytest
from safetensors.torch import save_file
import torch
from torch import nn
from vpr_ros.errors import VprError
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights
from vpr_ros.networks.weights import weights_hash
from vpr_ros.networks.weights import write_weights


def small():
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    network[1].running_mean.normal_()
    return network


def test_round_trip_in_half_precision(tmp_path):
    network = small()
    path = tmp_path / 'deeper' / 'w.safetensors'
    write_weights(path, network.state_dict(), {'network': 'small'})
    tensors, metadata = read_weights(path)
    assert metadata == {'network': 'small'}
    for name, tensor in network.state_dict().items():
        assert tensors[name].dtype == (torch.int64 if 'num_' in name else torch.float32)
        torch.testing.assert_close(tensors[name], tensor, rtol=1e-3, atol=1e-6)
        if tensor.is_floating_point():
            assert torch.equal(tensors[name], tensor.half().float())


def test_round_trip_in_full_precision(tmp_path):
    network = small().to(memory_format=torch.channels_last)  # not contiguous: written all the same
    write_weights(tmp_path / 'w.safetensors', network.state_dict(), {}, dtype=torch.float32)
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    load_weights(other, read_weights(tmp_path / 'w.safetensors')[0], 'w')
    assert weights_hash(other) == weights_hash(network)


@pytest.mark.parametrize('value', [70000.0, -1e30, float('inf'), float('nan')])
def test_what_half_precision_cannot_hold_is_refused(value, tmp_path):
    tensors = {'fine': torch.ones(2), 'head.weight': torch.tensor([1.0, value])}
    with pytest.raises(VprError, match=r'head\.weight has values that .*float16'):
        write_weights(tmp_path / 'w.safetensors', tensors, {})
    assert not (tmp_path / 'w.safetensors').exists()


def test_large_values_fit_full_precision(tmp_path):
    write_weights(tmp_path / 'w', {'a': torch.tensor([70000.0])}, {}, dtype=torch.float32)
    assert read_weights(tmp_path / 'w')[0]['a'].item() == 70000.0


def test_missing_file(tmp_path):
    with pytest.raises(VprError, match=r'no weights at .*absent\.safetensors'):
        read_weights(tmp_path / 'absent.safetensors')
    with pytest.raises(VprError, match='no weights at'):
        read_weights(tmp_path)


@pytest.mark.parametrize('content', [
    b'', b'\x80\x04\x95pickle', b'\xff' * 64, (2 ** 60).to_bytes(8, 'little') + b'{}'])
def test_files_that_are_no_safetensors(content, tmp_path):
    path = tmp_path / 'odd.safetensors'
    path.write_bytes(content)
    with pytest.raises(VprError, match=r'cannot read weights from .*odd\.safetensors'):
        read_weights(path)


def test_a_truncated_file(tmp_path):
    path = tmp_path / 'cut.safetensors'
    write_weights(path, small().state_dict(), {})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(VprError, match=r'cannot read weights from .*cut\.safetensors'):
        read_weights(path)


def test_a_file_without_metadata(tmp_path):
    save_file({'a': torch.ones(1, dtype=torch.bfloat16)}, str(tmp_path / 'w'))
    tensors, metadata = read_weights(tmp_path / 'w')
    assert metadata == {}
    assert tensors['a'].dtype == torch.float32


def test_mismatches_are_reported_by_name_and_shape():
    tensors = dict(small().state_dict())
    del tensors['2.bias']
    tensors['2.wieght'] = torch.zeros(5)
    tensors['0.weight'] = torch.zeros(4, 1, 3, 3)
    target = small()
    before = weights_hash(target)
    with pytest.raises(VprError) as error:
        load_weights(target, tensors, 'file.safetensors')
    text = str(error.value)
    assert 'weights from file.safetensors do not fit this network' in text
    assert '2.bias is missing (shape (2,))' in text
    assert '2.wieght is not a part of the network (shape (5,))' in text
    assert '0.weight has shape (4, 1, 3, 3), the network needs (4, 3, 3, 3)' in text
    assert weights_hash(target) == before


def test_many_mismatches_are_counted():
    with pytest.raises(VprError, match='and 3 more$'):
        load_weights(small(), {f't{n}': torch.zeros(1) for n in range(2)}, 'f')


def test_loading_is_complete():
    source, target = small(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    load_weights(target, source.state_dict(), 'memory')
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


@pytest.mark.parametrize('name', list(small().state_dict()))
def test_hash_sees_every_parameter_and_buffer(name):
    network = small()
    before = weights_hash(network)
    with torch.no_grad():
        flat = network.state_dict()[name].view(-1)
        flat[-1] += 1
        assert weights_hash(network) != before
        flat[-1] -= 1


def test_hash_sees_the_smallest_change():
    network = small()
    before = weights_hash(network)
    with torch.no_grad():
        value = network[2].bias[0]
        network[2].bias[0] = torch.nextafter(value, torch.tensor(9.0))
    assert weights_hash(network) != before


def test_hash_sees_names_and_shapes():
    a, b = nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        b.weight.copy_(a.weight.reshape(2, 3))
    assert weights_hash(a) != weights_hash(b)
    assert weights_hash(nn.Sequential(a)) != weights_hash(a)


def test_hash_does_not_see_where_and_how_weights_lie():
    network = small()
    digest = weights_hash(network)
    assert len(digest) == 16
    assert int(digest, 16) >= 0
    assert weights_hash(network.to(memory_format=torch.channels_last)) == digest
    assert weights_hash(network.double()) == digest
    assert weights_hash(network.float().eval().requires_grad_(False)) == digest
    rounded = small().half()
    assert weights_hash(rounded) == weights_hash(rounded.float())
    if torch.cuda.is_available():
        assert weights_hash(small().to('cuda')) == digest
