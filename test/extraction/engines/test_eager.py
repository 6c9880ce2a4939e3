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

"""The reference engine against the bare network."""

import contextlib

import numpy as np
import pytest
import torch
from vpr_ros.extraction.engines.eager import EagerEngine
from vpr_ros.extraction.engines.eager import EagerSequenceEngine
from vpr_ros.networks.registry import create_network

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)


def test_engine_is_the_network(make_compact):
    network = make_compact()
    batch = torch.stack([torch.tensor(image.transpose(2, 0, 1).copy()) for image in IMAGES])
    with torch.no_grad():
        wanted = network(batch.float() / 255)
    output = EagerEngine(network, torch.device('cpu')).run(IMAGES)
    assert output.descriptors.dtype == output.attention.dtype == np.float32
    np.testing.assert_allclose(output.descriptors, wanted.descriptors.numpy(), atol=1e-5)
    np.testing.assert_allclose(output.attention, wanted.attention.numpy(), atol=1e-5)
    # Images taken for one another would be noticed.
    assert np.abs(output.descriptors[0] - output.descriptors[1]).max() > 1e-3


@pytest.fixture
def tf32():
    """Allow TF32, and leave it afterwards as it was."""
    switches = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = True
    yield
    for switch, allowed in zip(switches, before, strict=True):
        switch.allow_tf32 = allowed


@pytest.mark.usefixtures('tf32')
def test_float32_is_float32_on_a_gpu():
    network = create_network('thumbnail')
    EagerEngine(network, torch.device('cpu'))
    assert torch.backends.cudnn.allow_tf32  # what a CPU does not need is left alone
    with contextlib.suppress(AssertionError, RuntimeError):  # where there is no GPU
        EagerEngine(network, torch.device('cuda'))
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_a_network_without_attention():
    engine = EagerEngine(create_network('thumbnail'), torch.device('cpu'))
    assert engine.run(IMAGES[:, :32, :64].copy()).attention is None


def test_the_feature_map_where_it_is_asked_for(make_compact):
    network = make_compact()
    without = EagerEngine(network, torch.device('cpu')).run(IMAGES)
    output = EagerEngine(network, torch.device('cpu'), features=True).run(IMAGES)
    assert without.features is None
    assert np.array_equal(output.descriptors, without.descriptors)
    assert np.array_equal(output.attention, without.attention)
    with torch.no_grad():
        wanted = network(torch.tensor(IMAGES).permute(0, 3, 1, 2).float() / 255).features
    assert output.features.dtype == np.float32
    np.testing.assert_allclose(output.features, wanted.numpy(), atol=1e-4)
    assert np.abs(output.features[0] - output.features[1]).max() > 1e-2


def test_a_network_without_a_feature_map():
    engine = EagerEngine(create_network('thumbnail'), torch.device('cpu'), features=True)
    assert engine.run(IMAGES[:, :32, :64].copy()).features is None


def test_the_feature_map_of_the_newest_frame():
    network = create_network('spatiotemporal', {
        'weights': 'random', 'sequence_length': 2, 'height': 48, 'width': 48, 'window': 3,
        'stride': 3})
    engine = EagerSequenceEngine(network, torch.device('cpu'), features=True)
    frames = engine.encode(IMAGES[:, :48, :48].copy())
    sequences = [[frames[0], frames[1]], [frames[1], frames[2]]]
    output = engine.aggregate(sequences)
    with torch.no_grad():
        wanted = [network.aggregate(torch.stack(s)[None]).features[0] for s in sequences]
    np.testing.assert_allclose(output.features, torch.stack(wanted).numpy(), atol=1e-5)
    plain = EagerSequenceEngine(network, torch.device('cpu'))
    assert plain.aggregate(sequences).features is None


def test_images_are_not_changed_and_results_stay():
    engine = EagerEngine(create_network('thumbnail'), torch.device('cpu'))
    images = IMAGES[:, :32, :64].copy()
    before = images.copy()
    first = engine.run(images).descriptors
    kept = first.copy()
    assert np.array_equal(images, before)
    images[:] = 255 - images
    second = engine.run(images).descriptors
    assert np.array_equal(first, kept)
    assert not np.allclose(second, first)
