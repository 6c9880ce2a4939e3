# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The patch-normalised thumbnail against loops."""

import math

import numpy as np
import pytest
import torch
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


def test_an_even_image_is_no_noise_and_no_nan():
    descriptor = thumbnail()(torch.full((1, 3, 32, 64), 0.3)).descriptors
    assert descriptor.abs().max() < 1e-3


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
    eight, four = thumbnail(patch=8).identity(), thumbnail(patch=4).identity()
    assert eight.weights_hash == four.weights_hash
    assert eight != four
