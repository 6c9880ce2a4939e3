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

"""Listing networks."""

import sys

import pytest
import torch
from vpr_ros.cli.networks import networks
from vpr_ros.errors import VprError
from vpr_ros.networks import registry
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.measure import measure_network
from vpr_ros.networks.registry import network_entry
from vpr_ros.networks.registry import register_network


class Mean(SequenceNetwork):
    """Describe frames by the mean of what one layer makes of them."""

    def __init__(self, length, width):
        super().__init__(name='mean', dimension=width, preprocessing=Preprocessing(6, 7),
                         length=length)
        self.layer = torch.nn.Linear(3 * 6 * 7, width)

    def encode_frames(self, images):
        return self.layer(images.flatten(1))

    def aggregate(self, encodings):
        return NetworkOutput(encodings.mean(dim=1))


def mean(*, length=3, width=2000, trained=''):
    """
    Make it.

    :param length: how many frames
        there are.
    """
    if trained != '' and trained != 'no':
        raise VprError(f'no [weights] at {trained}')
    return Mean(length, width)


VARIANTS = {'paper': {}, 'one frame': {'length': 1}, 'broken': {'trained': 'yes'}}


@pytest.fixture(autouse=True)
def few_networks(monkeypatch):
    known = {name: registry._NETWORKS[name] for name in ('compact', 'thumbnail')}
    monkeypatch.setattr(registry, '_NETWORKS', known)
    monkeypatch.setitem(sys.modules, 'networks_to_list', sys.modules[__name__])
    register_network('mean', 'networks_to_list:mean')
    register_network('absent', 'networks_to_list:absent')


@pytest.fixture
def listed(capsys):
    """Return a function that returns what is printed, by the first word of each line."""
    def run(*arguments):
        networks(*arguments)
        out = capsys.readouterr().out
        return {line.split('  ')[0].strip(): line for line in out.splitlines() if line}, out

    return run


def test_every_network_is_listed_with_what_it_costs(listed):
    lines, said = listed()
    cost = measure_network('compact')
    told = lines['compact'].split()
    assert told[1:] == ['vpr_ros', '240', 'x', '320', '512', f'{cost.parameters:,}',
                        f'{cost.flops / 1e9:.2f}']
    assert network_entry('thumbnail').paper in lines['thumbnail']
    assert lines['thumbnail'].split()[-6:] == ['32', 'x', '64', '2,048', '0', '0.00']
    assert '3 x 6 x 7' in lines['mean']
    assert lines['mean'].split()[-3:] == ['2,000', f'{2000 * 127:,}', '0.00']
    # What cannot be made is there, and the reason is told.
    assert lines['absent'].split() == ['absent', 'vpr_ros', '-', '-', '-', '-']
    assert "network 'absent' cannot be made: networks_to_list:absent is not there" in said


def test_one_network_with_its_options_and_variants(listed):
    lines, said = listed('mean')
    assert lines['length'].split() == ['length', '3', 'how', 'many', 'frames', 'there', 'are.']
    assert lines['width'].split() == ['width', '2000']
    assert lines['trained'].split() == ['trained', "''"]
    assert '3 x 6 x 7' in lines['paper']
    assert '{length: 1}' in lines['one frame']
    assert '3 x' not in lines['one frame']
    assert lines['broken'].split()[-4:] == ['-', '-', '-', '-']
    assert 'no [weights] at yes' in said


def test_a_network_without_variants_is_shown_as_it_is(listed):
    lines, _ = listed('thumbnail')
    assert '2,048' in lines['as it is']


def test_an_unknown_network(listed):
    with pytest.raises(VprError, match="did you mean 'mean'"):
        listed('maen')


def test_the_command_lists_networks(command, tmp_path):
    done = command(tmp_path, 'networks', 'gem')
    assert done.returncode == 0, done.stderr
    cost = measure_network('compact')
    assert 'Radenovic' in done.stdout
    assert '2,782,785' in done.stdout
    assert f'{cost.parameters:,}' not in done.stdout
    assert 'vpr_ros networks' in command(tmp_path, 'networks', '--help').stdout
