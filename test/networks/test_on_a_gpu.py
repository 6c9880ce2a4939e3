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


"""
Every network on a GPU, against itself on the CPU.

A command for machines that have one: ``python -m pytest test/networks/test_on_a_gpu.py``.
"""

import pytest
import torch
from vpr_ros.extraction.engines.eager import EagerEngine
from vpr_ros.networks.registry import create_network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='this machine has no GPU')

DEVICE = 'cuda'
NETWORKS = {
    'attention_vlad': {'height': 128, 'width': 160},
    'context_attention': {'height': 128, 'width': 160},
    'gem': {},
    'netvlad': {'height': 128, 'width': 160},
    'places365': {},
    'saane': {'height': 128, 'width': 160},
    'semantic_mask': {'height': 128, 'width': 160},
    'seqvlad': {'height': 128, 'width': 160, 'sequence_length': 2},
    'spatiotemporal': {'height': 192, 'width': 192, 'sequence_length': 2},
}
# Kinds of number, and the least cosine to float32 on the CPU: 2 ** -10 and 2 ** -7 of each number
# are lost to rounding, in every layer anew.
PRECISIONS = [(torch.float32, 0.99999), (torch.float16, 0.999), (torch.bfloat16, 0.98)]


@pytest.fixture(autouse=True)
def full_precision():
    """Switch off TF32, as the engine does."""
    EagerEngine(create_network('thumbnail'), torch.device(DEVICE))


@pytest.mark.parametrize('name', NETWORKS)
@pytest.mark.parametrize(('kind', 'least'), PRECISIONS)
def test_descriptors_are_those_of_the_cpu(name, kind, least):
    options = NETWORKS[name]
    network = create_network(name, {'weights': 'random', **options})
    height, width = network.preprocessing.height, network.preprocessing.width
    frames = (options['sequence_length'],) if 'sequence_length' in options else ()
    images = torch.rand(2, *frames, 3, height, width)
    wanted = network(images).descriptors
    found = network.to(DEVICE, kind)(images.to(DEVICE)).descriptors.cpu().float()
    assert (found * wanted).sum(dim=1).min() >= least


@pytest.mark.parametrize('name', ['compact'])
def test_the_embedded_network_on_a_gpu(name):
    network = create_network(name)
    images = torch.rand(2, 3, 160, 224)
    wanted = network(images)
    found = network.to(DEVICE)(images.to(DEVICE))
    torch.testing.assert_close(found.descriptors.cpu(), wanted.descriptors, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.attention.cpu(), wanted.attention, rtol=1e-3, atol=1e-6)
