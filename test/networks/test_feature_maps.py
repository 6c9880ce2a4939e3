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

"""Networks say truly whether their outputs hold a feature map: local features are made of it."""

import pytest
import torch
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.projection import project
from vpr_ros.networks.projection import Projection
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_names

RANDOM = {'weights': 'random', 'height': 64, 'width': 96}
SEQUENCES = {'weights': 'random', 'height': 48, 'width': 48, 'sequence_length': 2}
WITH = [
    ('compact', {'height': 64, 'width': 96}), ('gem', RANDOM),
    ('netvlad', {**RANDOM, 'trunk': 'resnet18'}), ('attention_vlad', {**RANDOM, 'clusters': 4}),
    ('context_attention', {'weights': 'random'}),
    ('context_attention', {'weights': 'random', 'attention': 'cross_pooling'}),
    ('saane', {**RANDOM, 'variant': 'app'}), ('saane', {**RANDOM, 'variant': 'apanet'}),
    ('semantic_mask', {**RANDOM, 'input': 'learned_mask'}),
    ('spatiotemporal', {**SEQUENCES, 'window': 3})]
WITHOUT = [
    ('places365', RANDOM), ('seqvlad', SEQUENCES), ('thumbnail', {})]


def output_of(network):
    frames = (network.length,) if isinstance(network, SequenceNetwork) else ()
    size = network.preprocessing.height, network.preprocessing.width
    with torch.no_grad():
        return network(torch.rand(1, *frames, 3, *size))


@pytest.mark.parametrize(('name', 'options'), WITH)
def test_networks_with_a_map(name, options):
    network = create_network(name, options)
    features = output_of(network).features
    assert network.feature_map
    assert features.ndim == 4
    assert features.shape[0] == 1
    assert features.shape[1] > features.shape[2] > 1


@pytest.mark.parametrize(('name', 'options'), WITHOUT)
def test_networks_without_a_map(name, options):
    network = create_network(name, options)
    assert not network.feature_map
    assert output_of(network).features is None


def test_no_network_is_forgotten():
    # hub: whatever file it runs returns descriptors alone.
    assert {name for name, _ in [*WITH, *WITHOUT]} == {*network_names()} - {'hub'}


@pytest.mark.parametrize(('name', 'options', 'with_map'), [
    ('gem', RANDOM, True), ('places365', RANDOM, False),
    ('spatiotemporal', {**SEQUENCES, 'window': 3}, True), ('seqvlad', SEQUENCES, False)])
def test_projected_descriptors_keep_the_map(name, options, with_map):
    network = create_network(name, options)
    small = project(network, Projection(
        torch.zeros(network.dimension), torch.eye(4, network.dimension), kind='pca',
        explained_variance=0.5, count=10), network.identity())
    assert small.feature_map is with_map
    assert (output_of(small).features is not None) is with_map
