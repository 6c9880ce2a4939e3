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

"""The patch-normalised thumbnail against loops."""

import math

import numpy as np
import pytest
import torch
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.thumbnail import thumbnail


def literal_thumbnail(image, patch):
    """Return the descriptor of image (3, H, W) in [0, 1], as a map of (patch row, patch)."""
    _, h, w = image.shape
    grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    result = np.zeros((h, w))
    for top in range(0, h, patch):
        for left in range(0, w, patch):
            values = [grey[y, x] for y in range(top, top + patch)
                      for x in range(left, left + patch)]
            mean = sum(values) / len(values)
            deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
            for y in range(top, top + patch):
                for x in range(left, left + patch):
                    result[y, x] = (grey[y, x] - mean) / max(deviation, 1 / 255)
    return result / math.sqrt((result ** 2).sum())


def as_map(descriptor, height, width, patch):
    """Undo the order of values: (offset in the patch, patch row, patch column)."""
    cells = descriptor.reshape(patch, patch, height // patch, width // patch)
    return cells.transpose(2, 0, 3, 1).reshape(height, width)


@pytest.mark.parametrize(('height', 'width', 'patch'), [(32, 64, 8), (12, 18, 6), (5, 10, 5)])
def test_descriptor_is_the_loop(height, width, patch):
    images = torch.rand(2, 3, height, width)
    images[0, :, :patch, :patch] = 0.5 + 1e-3 * torch.rand(patch, patch)  # an even patch
    network = thumbnail(height=height, width=width, patch=patch)
    output = network(images)
    assert output.descriptors.shape == (2, height * width)
    assert network.dimension == height * width
    for image in range(2):
        wanted = literal_thumbnail(images[image].double().numpy(), patch)
        got = as_map(output.descriptors[image].numpy(), height, width, patch)
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_light_that_changes_evenly_changes_nothing():
    images = 0.2 + 0.5 * torch.rand(1, 3, 32, 64)
    network = thumbnail()
    torch.testing.assert_close(network(0.8 * images + 0.1).descriptors,
                               network(images).descriptors, rtol=0, atol=1e-5)


@pytest.mark.parametrize('sizes', [(32, 64, 8), (12, 18, 6), (128, 256, 128)])
def test_even_images_have_one_descriptor_unlike_any_other(sizes):
    height, width, patch = sizes
    network = thumbnail(height=height, width=width, patch=patch)
    greys = torch.arange(256).view(-1, 1, 1, 1) / 255
    even = network(greys.expand(-1, 3, height, width)).descriptors
    torch.testing.assert_close(even, torch.full_like(even, 1 / math.sqrt(height * width)))
    other = network(torch.rand(4, 3, height, width)).descriptors
    assert (even[:1] @ other.T).abs().max() < 1e-4


def test_one_pixel_is_enough_to_be_another_image():
    images = torch.full((2, 3, 32, 64), 100 / 255)
    images[1, 2, 20, 30] = 101 / 255  # one blue of one pixel, one step brighter
    even, other = thumbnail()(images).descriptors
    assert (even @ other).abs() < 1e-2
    assert other.norm() == pytest.approx(1.0, abs=1e-5)


def test_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r'\(32, 64\), got \(64, 32\)'):
        thumbnail()(torch.rand(1, 3, 64, 32))


@pytest.mark.parametrize('sizes', [
    {'height': 30}, {'width': 60}, {'patch': 0}, {'height': 0}, {'height': -8}, {'patch': 5}])
def test_sizes_that_do_not_divide(sizes):
    with pytest.raises(ValueError, match='multiples of patch, got'):
        thumbnail(**sizes)


def test_options_tell_patches_apart():
    # Nothing is learned, so weights cannot tell two of them apart.
    eight, four = (create_network('thumbnail', {'patch': p}).identity() for p in (8, 4))
    assert eight.weights_hash == four.weights_hash
    assert eight != four
