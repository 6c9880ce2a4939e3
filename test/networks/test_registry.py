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

"""Networks by name."""

import subprocess
import sys

import pytest
import torch
from vpr_ros.errors import VprError
from vpr_ros.networks import registry
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_names
from vpr_ros.networks.registry import register_network


class Average(PlaceNetwork):
    """Describe an image by a multiple of its mean colour."""

    def __init__(self, scale):
        super().__init__(name='average', dimension=3, preprocessing=Preprocessing(8, 8))
        self.scale = torch.nn.Parameter(torch.tensor(float(scale)))

    def describe(self, images):
        return NetworkOutput(images.mean(dim=(2, 3)) * self.scale)


def average(*, scale=1.0):
    return Average(scale)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, '_NETWORKS', dict(registry._NETWORKS))
    monkeypatch.setitem(sys.modules, 'networks_of_mine', sys.modules[__name__])


def test_names():
    assert {'compact', 'gem', 'thumbnail'} <= set(network_names())
    assert network_names() == sorted(network_names())


def test_network_is_ready_to_run():
    network = create_network('thumbnail', {'height': 16, 'width': 16})
    assert not network.training
    assert network.dimension == 256
    assert not any(p.requires_grad for p in network.parameters())


def test_unknown_network():
    with pytest.raises(VprError, match="unknown network 'compakt'; did you mean 'compact'?"):
        create_network('compakt')


def test_unknown_option():
    with pytest.raises(VprError, match="option of network 'thumbnail' 'hieght'; did you mean "
                                       "'height'"):
        create_network('thumbnail', {'hieght': 32})


@pytest.mark.parametrize(('name', 'options', 'text'), [
    ('thumbnail', {'height': 'tall'}, 'height'), ('thumbnail', {'patch': 5}, 'multiples of patch'),
    ('thumbnail', {'height': None}, 'height'), ('gem', {'weights': 7}, 'weights'),
    ('average', {'scale': 'twice'}, 'twice')])
def test_bad_values_are_told_with_the_network(name, options, text):
    register_network('average', 'networks_of_mine:average')
    with pytest.raises(VprError, match=rf"network '{name}' does not take the options .*{text}"):
        create_network(name, options)


def test_a_network_larger_than_memory_is_refused():
    with pytest.raises(VprError, match="not enough memory for network 'seqvlad'.*choose smaller"):
        create_network('seqvlad', {'weights': 'random', 'clusters': 10 ** 13})


def test_a_network_of_ones_own():
    register_network('average', 'networks_of_mine:average')
    assert 'average' in network_names()
    network = create_network('average', {'scale': 2})
    assert not network.training
    assert not network.scale.requires_grad
    images = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(network(images).descriptors, 2 * images.mean(dim=(2, 3)))
    with pytest.raises(VprError, match="did you mean 'scale'"):
        create_network('average', {'scales': 2})


def test_registering_twice():
    register_network('average', 'networks_of_mine:average')
    register_network('average', 'networks_of_mine:average')
    with pytest.raises(VprError, match=r"'average' is registered already \(networks_of_mine:av"):
        register_network('average', 'elsewhere:average')
    with pytest.raises(VprError, match="'compact' is registered already"):
        register_network('compact', 'elsewhere:compact')


@pytest.mark.parametrize('factory', ['mine', 'mine.average', ':', 'mine:', ':f', ''])
def test_a_factory_is_named_with_its_module(factory):
    with pytest.raises(VprError, match='module:function'):
        register_network('average', factory)


@pytest.mark.parametrize('factory', ['no_such_module_here:f', 'networks_of_mine:absent'])
def test_a_factory_that_is_not_there(factory):
    register_network('average', factory)
    with pytest.raises(VprError, match=f"network 'average'.*{factory}"):
        create_network('average')


def test_names_need_no_torch():
    code = ('import sys; from vpr_ros.networks.registry import network_names; network_names(); '
            'sys.exit("torch" in sys.modules)')
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60)
