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

"""What networks cost, against counts by hand."""

import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks import registry
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.measure import make_without_files
from vpr_ros.networks.measure import measure_network
from vpr_ros.networks.registry import register_network


class Recent(SequenceNetwork):
    """Describe a sequence by the mean of a few numbers of each frame, mixed once."""

    def __init__(self, length):
        super().__init__(name='recent', dimension=6, preprocessing=Preprocessing(4, 5),
                         length=length)
        self.look = nn.Linear(3 * 4 * 5, 7)
        self.mix = nn.Linear(7, 6)

    def encode_frames(self, images):
        return self.look(images.flatten(1))

    def aggregate(self, encodings):
        return NetworkOutput(F.normalize(self.mix(encodings).mean(dim=1)))


class Tokens(PlaceNetwork):
    """Let the rows of an image attend to each other, in both ways that PyTorch has for it."""

    def __init__(self):
        super().__init__(name='tokens', dimension=8, preprocessing=Preprocessing(6, 8))
        self.heads = nn.MultiheadAttention(8, 2, batch_first=True)

    def describe(self, images):
        rows = images.mean(dim=1)
        mixed, _ = self.heads(rows, rows, rows, need_weights=False)
        again = F.scaled_dot_product_attention(mixed[:, None], mixed[:, None], mixed[:, None])
        return NetworkOutput(F.normalize(again[:, 0].mean(dim=1)))


def recent(*, length=3):
    return Recent(length)


def tokens():
    return Tokens()


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, '_NETWORKS', dict(registry._NETWORKS))
    monkeypatch.setitem(sys.modules, 'networks_to_measure', sys.modules[__name__])
    register_network('recent', 'networks_to_measure:recent')
    register_network('tokens', 'networks_to_measure:tokens')


def vgg16_operations(height, width):
    """Return 2 x multiply-adds of the 13 convolutions, by the table of the paper."""
    total, inputs = 0, 3
    for stage, (layers, channels) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]):
        for _ in range(layers):
            total += 2 * (height >> stage) * (width >> stage) * 9 * inputs * channels
            inputs = channels
    return total


def test_a_trunk_costs_what_its_paper_says():
    cost = measure_network('gem', {'trunk': 'vgg16', 'height': 64, 'width': 96})
    assert cost.flops == vgg16_operations(64, 96)
    # Its 13 convolutions with biases, and the exponent of the pooling.
    assert cost.parameters == 14_714_688 + 1
    assert (cost.frames, cost.height, cost.width, cost.dimension) == (1, 64, 96, 512)


@pytest.mark.parametrize(('name', 'options'), [
    ('compact', {}), ('gem', {'height': 64, 'width': 64}), ('recent', {}), ('tokens', {})])
def test_counting_without_values_gives_the_counts_of_a_cpu(name, options):
    counted = measure_network(name, options)
    assert counted == measure_network(name, options, device='cpu')
    assert counted.flops > 0


def test_a_new_frame_of_a_sequence_is_encoded_once_and_aggregated_with_the_others():
    encoding, mixing = 2 * (3 * 4 * 5) * 7, 2 * 7 * 6
    for length in (1, 3, 5):
        cost = measure_network('recent', {'length': length})
        assert (cost.frames, cost.height, cost.width) == (length, 4, 5)
        assert cost.flops == encoding + length * mixing
    assert cost.parameters == 60 * 7 + 7 + 7 * 6 + 6


def test_attention_is_counted_where_a_kernel_would_hide_it():
    n, c = 6, 8
    heads = 2 * (3 * n * c * c + 2 * n * n * c + n * c * c)
    once_more = 2 * (2 * n * n * c)
    assert measure_network('tokens').flops == heads + once_more
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_network_ships_its_weights_or_gets_random_ones():
    shipped = make_without_files('compact').identity()
    assert shipped == registry.create_network('compact').identity()
    assert make_without_files('gem', {'trunk': 'resnet18'}).dimension == 256
    with pytest.raises(VprError, match="did you mean 'trunk'"):
        make_without_files('gem', {'trunc': 'resnet18'})
    with pytest.raises(VprError, match='no weights at absent'):
        make_without_files('gem', {'weights': 'absent.safetensors'})
    with pytest.raises(VprError, match="did you mean 'length'"):
        make_without_files('recent', {'lenght': 2})
