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


"""Where the weights of a network come from."""

import logging

import pytest
from safetensors.torch import save_file
import torch
from torch import nn
from vpr_ros.errors import VprError
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.registry import create_network


class Plain(PlaceNetwork):
    """A network with a part of its own."""

    def __init__(self):
        super().__init__(name='plain', dimension=2, preprocessing=Preprocessing(8, 8))
        self.head = nn.Linear(3, 2)


def test_parts_come_from_where_they_are_said_to():
    assert part_weights('plain', '', trunk_weights='imagenet', semantic_weights='s.pth') == {
        'trunk_weights': 'imagenet', 'semantic_weights': 's.pth'}


@pytest.mark.parametrize('weights', ['random', 'w.safetensors'])
def test_weights_of_the_whole_need_none_of_the_parts(weights):
    assert part_weights('plain', weights, trunk_weights='', semantic_weights='') == {
        'trunk_weights': 'random', 'semantic_weights': 'random'}


def test_a_network_without_weights():
    with pytest.raises(VprError, match=r'plain.* needs weights: .*trunk_weights and '
                                       r'semantic_weights \(missing: semantic_weights\)'):
        part_weights('plain', '', trunk_weights='imagenet', semantic_weights='')


def test_weights_given_twice():
    with pytest.raises(VprError, match='for all of it or semantic_weights, not both'):
        part_weights('plain', 'w.safetensors', trunk_weights='', semantic_weights='imagenet')


def test_random_weights_are_left_and_nothing_said(caplog):
    network = Plain()
    before = network.head.weight.clone()
    load_network(network, 'random')
    assert torch.equal(network.head.weight, before)
    assert not caplog.records


def test_an_untrained_network_is_told_of(caplog):
    with caplog.at_level(logging.WARNING):
        load_network(Plain(), '')
    assert 'network plain: only the parts with public weights are trained' in caplog.text


@pytest.mark.parametrize('suffix', ['safetensors', 'pth'])
def test_a_file_fills_the_network(suffix, tmp_path, caplog):
    state = {'head.weight': torch.rand(2, 3), 'head.bias': torch.rand(2)}
    path = tmp_path / f'w.{suffix}'
    save_file(state, str(path)) if suffix == 'safetensors' else torch.save(state, path)
    network = Plain()
    load_network(network, str(path))
    assert torch.equal(network.head.weight, state['head.weight'])
    assert not caplog.records


def test_a_public_file_is_converted(tmp_path):
    state = {'fc.weight': torch.rand(2, 3), 'fc.bias': torch.rand(2)}
    torch.save({'state_dict': state}, tmp_path / 'w.pth')
    network = Plain()
    load_network(network, str(tmp_path / 'w.pth'),
                 lambda tensors: {n.replace('fc', 'head'): t for n, t in tensors.items()})
    assert torch.equal(network.head.bias, state['fc.bias'])


def test_what_does_not_fit_is_named(tmp_path):
    torch.save({'head.weight': torch.rand(2, 4)}, tmp_path / 'w.pth')
    with pytest.raises(VprError, match=r'w\.pth do not fit this network: head\.bias is missing '
                                       r'\(shape \(2,\)\); head\.weight has shape \(2, 4\)'):
        load_network(Plain(), str(tmp_path / 'w.pth'))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(VprError, match='no weights at .*absent'):
        load_network(Plain(), str(tmp_path / 'absent.pth'))


def test_a_trunk_alone_is_no_network(tmp_path):
    save_file({'conv1.weight': torch.zeros(2), 'fc.bias': torch.zeros(1)},
              str(tmp_path / 'trunk.safetensors'))
    with pytest.raises(VprError, match=r"missing \(shape .*has no part of 'netvlad': where it is "
                                       'the file of a trunk alone, give it in trunk_weights'):
        create_network('netvlad', {'weights': str(tmp_path / 'trunk.safetensors')})


def test_imagenet_is_for_a_trunk():
    with pytest.raises(VprError, match="no weights 'imagenet' for all of it: .* trunk_weights"):
        create_network('netvlad', {'weights': 'imagenet'})
