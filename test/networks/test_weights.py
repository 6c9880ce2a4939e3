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

import argparse
import os
import pickle

import numpy as np
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
    with pytest.raises(VprError, match='and 2 more$'):
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


class Hostile:
    """Asks whoever unpickles it to make a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def saved(path, content, *, legacy=False):
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('suffix', ['.pth', '.pt', '.pth.tar', '.ckpt', '.PTH'])
def test_a_checkpoint_is_the_same_as_ours(suffix, legacy, tmp_path):
    state = small().state_dict()
    tensors, metadata = read_weights(saved(tmp_path / f'w{suffix}', state, legacy=legacy))
    assert metadata == {}
    assert list(tensors) == list(state)
    assert all(torch.equal(tensors[name], state[name]) for name in state)


@pytest.mark.parametrize('keys', [
    ('state_dict',), ('model_state_dict',), ('model',), ('net',), ('model', 'state_dict')])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_a_checkpoint_of_a_training_program(keys, prefix, tmp_path):
    state = small().state_dict()
    content = {f'{prefix}{name}': tensor for name, tensor in state.items()}
    for key in reversed(keys):
        content = {'epoch': 3, 'best': 0.5, 'optimizer': {'lr': [0.1]}, key: content}
    tensors, _ = read_weights(saved(tmp_path / 'w.pth', content))
    assert set(tensors) == set(state)
    load_weights(small(), tensors, 'w')


@pytest.mark.parametrize('legacy', [False, True])
def test_what_lies_beside_the_tensors_does_not_hinder(legacy, tmp_path):
    state = small().state_dict()
    path = saved(tmp_path / 'w.pth.tar', {
        'epoch': np.int64(3), 'best_score': np.float64(0.5), 'recalls': {1: np.float32(0.5)},
        'history': np.arange(3), 'opt': argparse.Namespace(lr=0.1), 'state_dict': state,
        'num_pcs': 512, 'parallel': False, 'name': 'netvlad'}, legacy=legacy)
    tensors, _ = read_weights(path)
    assert set(tensors) == set(state)
    # Reading one file leaves PyTorch as strict as it was.
    with pytest.raises(pickle.UnpicklingError, match='scalar'):
        torch.load(path, weights_only=True)


def test_numbers_among_the_tensors_are_left_out(tmp_path):
    path = saved(tmp_path / 'w.pth', {'epoch': 3, 'score': np.float64(1.0), 'a': torch.ones(2)})
    assert list(read_weights(path)[0]) == ['a']


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype, tmp_path):
    content = {'a': nn.Parameter(torch.tensor([1.5, -2.0], dtype=dtype)), 'n': torch.tensor(3)}
    tensors, _ = read_weights(saved(tmp_path / 'w.pth', content))
    assert tensors['a'].dtype == torch.float32
    assert tensors['a'].tolist() == [1.5, -2.0]
    assert not tensors['a'].requires_grad
    assert tensors['n'].dtype == torch.int64


@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('beside', [False, True])
def test_a_pickle_that_would_run_code_runs_nothing(beside, legacy, tmp_path):
    content = {'a': torch.ones(1)} if beside else {}
    path = saved(tmp_path / 'evil.pth', {**content, 'b': Hostile(tmp_path / 'ran')}, legacy=legacy)
    with pytest.raises(VprError, match=r'evil\.pth.*plain containers alone.*mkdir.*not run'):
        read_weights(path)
    assert not (tmp_path / 'ran').exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / 'ran').exists()  # else this test proves nothing


def test_a_whole_network_as_a_pickle_is_refused(tmp_path):
    with pytest.raises(VprError, match=r'it asks for torch\.nn\.modules\.\S+, which is not run'):
        read_weights(saved(tmp_path / 'w.pth', {'model': small()}))


@pytest.mark.parametrize('content', [
    {}, [], 5, None, {'epoch': 3}, [torch.ones(2)], {'state_dict': {}}, torch.ones(2),
    {'state_dict': {'epoch': 3}}, {'weights': {'a': torch.ones(1)}}])
def test_a_checkpoint_without_named_tensors(content, tmp_path):
    with pytest.raises(VprError, match=r'w\.pth holds no mapping of names to tensors.*state_dict'):
        read_weights(saved(tmp_path / 'w.pth', content))


def test_a_checkpoint_wrapped_in_itself(tmp_path):
    content = {}
    content['state_dict'] = content
    with pytest.raises(VprError, match='holds no mapping of names to tensors'):
        read_weights(saved(tmp_path / 'w.pth', content))


@pytest.mark.filterwarnings('ignore:.*[Ss]parse')
@pytest.mark.parametrize('tensor', [
    torch.ones(1).expand(10 ** 6, 10 ** 6), torch.ones(2, 2).to_sparse(),
    torch.empty(3, device='meta')], ids=['repeated', 'sparse', 'absent'])
def test_tensors_that_are_larger_than_their_bytes_are_refused(tensor, tmp_path):
    with pytest.raises(VprError, match=r'big in .*w\.pth is no plain tensor'):
        read_weights(saved(tmp_path / 'w.pth', {'fine': torch.ones(1), 'big': tensor}))


def test_transposed_and_shared_tensors_are_read(tmp_path):
    matrix = torch.arange(6.0).reshape(2, 3)
    path = saved(tmp_path / 'w.pth', {'a': matrix.T, 'b': matrix, 'c': matrix[1:]})
    tensors, _ = read_weights(path)
    assert torch.equal(tensors['a'], matrix.T)
    assert tensors['a'].is_contiguous()
    assert torch.equal(tensors['c'], matrix[1:])


def test_one_name_with_and_without_the_prefix(tmp_path):
    content = {'module.a': torch.ones(1), 'a': torch.zeros(1)}
    with pytest.raises(VprError, match="with and without 'module.'"):
        read_weights(saved(tmp_path / 'w.pth', content))


@pytest.mark.parametrize('legacy', [False, True])
def test_truncated_checkpoints(legacy, tmp_path):
    whole = saved(tmp_path / 'w.pth', small().state_dict(), legacy=legacy).read_bytes()
    for length in {0, 1, 10, len(whole) // 2, len(whole) - 10}:
        (tmp_path / 'cut.pth').write_bytes(whole[:length])
        with pytest.raises(VprError, match=r'cannot read weights from .*cut\.pth.*\(.+\)'):
            read_weights(tmp_path / 'cut.pth')


@pytest.mark.parametrize('content', [b'not a checkpoint', b'\xff' * 64, b'PK\x03\x04' * 9])
def test_files_that_are_no_checkpoint(content, tmp_path):
    (tmp_path / 'odd.pth').write_bytes(content)
    with pytest.raises(VprError, match=r'cannot read weights from .*odd\.pth'):
        read_weights(tmp_path / 'odd.pth')


def test_counters_that_old_files_lack_may_be_missing():
    state = {n: t for n, t in small().state_dict().items() if 'num_batches' not in n}
    target = small()
    with torch.no_grad():
        target[1].running_mean.zero_()
    load_weights(target, state, 'w')
    assert torch.equal(target[1].running_mean, state['1.running_mean'])
    with pytest.raises(VprError, match='1.running_var is missing'):
        load_weights(target, {n: t for n, t in state.items() if n != '1.running_var'}, 'w')


def test_counters_that_a_file_lacks_begin_at_zero():
    with torch.device('meta'):
        module = nn.Sequential(nn.BatchNorm2d(2))
    module.to_empty(device='cpu')
    module[0].num_batches_tracked.fill_(7)  # what the memory held before
    load_weights(module, {f'0.{n}': torch.ones(2) for n in (
        'weight', 'bias', 'running_mean', 'running_var')}, 'an old file')
    assert module[0].num_batches_tracked.item() == 0
