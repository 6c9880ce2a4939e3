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

"""The start of the embedded network: discriminants of real places."""

import numpy as np
import pytest
from scipy.linalg import eigh
import torch
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.compact import Compact
from vpr_ros.networks.pooling import attentive_pyramid_pool
from vpr_ros.training.discriminants import has_discriminants
from vpr_ros.training.discriminants import start_discriminants

PLACES, TIMES = 24, 3


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Compact(dimension=16, features=6, height=64, width=64).eval()


def scenes(count, seed, *, change=0.4):
    """Return (count * TIMES) images, and whose places they show: scenes in changing colours."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    scene = F.interpolate(coarse, size=(64, 64), mode='bicubic').clamp(0, 1)
    scene = scene.repeat_interleave(TIMES, dim=0)
    # Light of other colours, and of another direction.
    gain = 1 + change * (2 * torch.rand(len(scene), 3, 1, 1, generator=generator) - 1)
    slope = change * torch.randn(len(scene), 1, 1, 1, generator=generator)
    ramp = torch.linspace(-1, 1, 64)[None, None, None, :]
    images = (scene * gain + slope * ramp).clamp(0, 1)
    return images, torch.arange(count).repeat_interleave(TIMES)


def cells(network, images):
    with torch.no_grad():
        features, attention = network.encode(network.normalise(images))
        pooled = attentive_pyramid_pool(features, attention, (4,))
    return pooled.unflatten(1, (features.shape[1], 16)).transpose(1, 2).double().numpy()


def test_features_become_fishers_discriminants(network):
    images, labels = scenes(PLACES, 1)
    samples = cells(network, images)
    start_discriminants(network, [(images, labels)])
    means = samples.reshape(PLACES, TIMES, 16, -1).mean(axis=1)
    within = np.zeros((samples.shape[2],) * 2)
    for image, label in zip(samples, labels.tolist(), strict=True):
        for cell in image - means[label]:
            within += np.outer(cell, cell)
    within += 1.0 * np.trace(within) / len(within) * np.eye(len(within))
    offset = (means - means.mean(axis=(0, 1))).reshape(-1, samples.shape[2])
    values, directions = eigh(offset.T @ offset, within)
    ours = network.fuse.weight[:, :, 0, 0].detach().double().numpy()
    for row, direction in zip(ours, directions[:, ::-1].T, strict=False):
        cosine = abs(row @ direction) / np.linalg.norm(row) / np.linalg.norm(direction)
        assert cosine == pytest.approx(1.0, abs=1e-4)
    # Half-way whitened: an output's variance between places is a square root of what it was.
    between = np.square(offset @ ours.T).mean(axis=0)
    assert between / between[0] == pytest.approx(
        np.sqrt(values[::-1][:6] / values[-1]), rel=1e-3)


def test_the_projection_is_of_components_of_what_is_pooled(network):
    images, labels = scenes(PLACES, 2)
    network, images = network.double(), images.double()
    start_discriminants(network, [(images, labels)])
    with torch.no_grad():
        output = network(images)
        pooled = attentive_pyramid_pool(output.features, output.attention, (4,))
        projected = network.project(pooled)
    assert projected.mean(dim=0).abs().max() < 1e-4 * projected.std()
    covariance = projected.T @ projected / len(projected)
    off = covariance - torch.diag(covariance.diagonal())
    assert off.abs().max() < 1e-4 * covariance.diagonal().max()
    variances = torch.linalg.eigvalsh(torch.cov(pooled.T)).flip(0)[:16]
    expected = (variances / variances[0]) ** 0.75  # whitened a quarter of the way
    torch.testing.assert_close(covariance.diagonal() / covariance[0, 0], expected, rtol=1e-3,
                               atol=1e-5)


def recall(network, images):
    with torch.no_grad():
        found = network(images).descriptors.unflatten(0, (-1, TIMES))
    nearest = (found[:, 1] @ found[:, 0].T).argmax(dim=1)
    return float((nearest == torch.arange(len(found))).float().mean())


def test_unseen_places_are_known_better(network):
    unseen, _ = scenes(200, 7)
    before = recall(network, unseen)
    images, labels = scenes(100, 3)
    start_discriminants(network, [(images, labels)])
    assert recall(network, unseen) > before + 0.1


def test_equal_labels_of_two_batches_are_two_places(network):
    images, labels = scenes(PLACES, 4)
    half = len(images) // 2
    start_discriminants(network, [(images, labels)])
    whole = network.fuse.weight.clone()
    start_discriminants(network, [(images[:half], labels[:half]),
                                  (images[half:], labels[:half])])
    torch.testing.assert_close(network.fuse.weight, whole, rtol=1e-3, atol=1e-5)


def test_too_few_images(network):
    images, labels = scenes(5, 5)
    with pytest.raises(VprError, match='at least 16 images, .*got 15'):
        start_discriminants(network, [(images, labels)])


def test_places_seen_once(network):
    images, _ = scenes(6, 6)
    with pytest.raises(VprError, match='places that are seen twice'):
        start_discriminants(network, [(images, torch.arange(len(images)))])


def test_other_networks_do_not_start_so(network):
    assert has_discriminants(network)
    assert not has_discriminants(torch.nn.Linear(2, 2))
