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

"""ALIKED against its paper, and on real images."""

from pathlib import Path
import runpy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from vpr_ros.errors import VprError
from vpr_ros.networks import aliked
from vpr_ros.networks.aliked import Aliked
from vpr_ros.networks.aliked import peaks
from vpr_ros.networks.aliked import refined
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

literal = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name('aliked_literal.py'))))

RNG = np.random.default_rng(0)


def random_network(seed=0, **sizes):
    """Return a small ALIKED whose tensors are all large enough to matter."""
    torch.manual_seed(seed)
    network = Aliked((4, 6, 5, 7), dimension=12, positions=3, **sizes)
    for name, tensor in network.state_dict().items():
        if name.endswith('running_var'):
            tensor.uniform_(0.5, 2.0)
        elif 'bn' in name and name.endswith('weight'):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith(('running_mean', 'bias')):
            tensor.normal_(std=0.3)
        elif 'offset_conv' in name:
            tensor.normal_(std=0.5)
        elif name.startswith('score_head'):
            tensor.normal_(std=(4.0 / tensor[0].numel()) ** 0.5)
    return network.eval().requires_grad_(False)


def raw_of(network):
    return {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope='module')
def network():
    return random_network().double()


@pytest.mark.parametrize(('height', 'width'), [(64, 64), (41, 70), (33, 20)])
def test_against_the_paper(network, height, width):
    image = RNG.random((3, height, width))
    raw = raw_of(network)
    x, scores = literal.maps(raw, image)
    pixels = literal.peaks(scores, 0.2)[:9]
    points = literal.refined(scores, pixels)
    found = network(torch.tensor(image), 9)
    assert len(pixels) == 9
    assert np.ptp(scores) > 0.1
    np.testing.assert_allclose(found.points, points, rtol=1e-9)
    np.testing.assert_allclose(found.scores, [scores[y, x] for x, y in pixels], rtol=1e-9)
    np.testing.assert_allclose(found.descriptors, literal.descriptors(raw, x, points), atol=1e-9)


def test_descriptors_at_the_border_and_positions_far_off():
    network = random_network().double()
    network.desc_head.offset_conv[2].weight.mul_(30.0)
    image = RNG.random((3, 64, 64))
    raw = raw_of(network)
    x, _ = literal.maps(raw, image)
    points = np.array([(0.3, 0.2), (63.0, 62.9), (0.0, 63.0), (30.2, 0.9), (20.0, 33.3)])
    maps = network.maps(torch.tensor(image)[None])
    stack = aliked._Stack(maps, (0, 0), (64, 64))
    np.testing.assert_allclose(network.desc_head(stack, torch.tensor(points)),
                               literal.descriptors(raw, x, points), atol=1e-9)


def test_single_precision_is_enough(network):
    image = torch.tensor(RNG.random((3, 64, 96)))
    exact, found = network(image, 20), random_network()(image.float(), 20)
    np.testing.assert_allclose(found.points, exact.points, atol=1e-3)
    assert (found.descriptors * exact.descriptors).sum(dim=1).min() > 0.9999


@pytest.mark.parametrize(('count', 'height', 'width'), [(1, 50, 60), (30, 50, 60), (5, 12, 9)])
def test_shapes(count, height, width):
    found = random_network()(torch.rand(3, height, width), count, threshold=0.0)
    n = len(found.points)
    assert 1 <= n <= count
    assert found.points.shape == (n, 2)
    assert found.descriptors.shape == (n, 12)
    assert found.scores.shape == (n,)
    torch.testing.assert_close(found.descriptors.norm(dim=1), torch.ones(n))
    assert (found.scores.diff() <= 0).all()
    assert (found.points >= 0).all()
    assert (found.points <= torch.tensor([width - 1, height - 1])).all()


def test_it_is_determined_by_the_image():
    network, images = random_network(), torch.rand(2, 3, 64, 64)
    first, other, again = (network(images[k], 20) for k in (0, 1, 0))
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.descriptors, other.descriptors)


@pytest.mark.parametrize(('height', 'width'), [(32, 32), (1, 1), (4, 90)])
def test_an_image_without_points(height, width):
    found = random_network()(torch.full((3, height, width), 0.5), 10, threshold=1.0)
    assert found.points.shape == (0, 2)
    assert found.descriptors.shape == (0, 12)


def test_peaks_against_loops():
    scores = RNG.random((24, 31))
    scores[10:13, 4:9] = 0.995  # a plateau
    wanted = literal.peaks(scores, 0.3)
    found = peaks(torch.tensor(scores), 10_000, 0.3).tolist()
    assert len(found) > 25
    assert sorted(map(tuple, found)) == sorted(wanted)
    values = [scores[y, x] for x, y in found]
    assert values == sorted(values, reverse=True)
    assert peaks(torch.tensor(scores), 7, 0.3).tolist() == found[:7]
    assert min(values) > 0.3


def test_a_peak_between_pixels():
    y, x = np.mgrid[:21, :21]
    scores = torch.tensor(np.exp(-((x - 10.3) ** 2 + (y - 9.8) ** 2) / 8.0))
    pixels = peaks(scores, 1, 0.5)
    assert pixels.tolist() == [[10, 10]]
    np.testing.assert_allclose(refined(scores, pixels), [[10.3, 9.8]], atol=0.1)


def test_sizes_of_the_paper():
    # Table I: 0.677 M parameters.
    assert sum(p.numel() for p in Aliked().parameters()) == 677_356


def test_other_weights_are_told_by_name():
    tensors = dict(Aliked().state_dict())
    del tensors['block3.conv1.offset_conv.bias']
    tensors['desc_head.agg_weights'] = torch.zeros(32, 128, 128)
    with pytest.raises(VprError, match=r'block3\.conv1\.offset_conv\.bias is missing .*'
                                       r'desc_head\.agg_weights has shape \(32, 128, 128\)'):
        load_weights(Aliked(), tensors, 'a file')


def test_published_weights_fit(shared_data):
    file = shared_data / 'weights' / 'aliked_n16.safetensors'
    if not file.is_file():
        pytest.skip(f'no weights at {file}')
    load_weights(Aliked(), read_weights(file)[0], file)
