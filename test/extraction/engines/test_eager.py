# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The reference engine against the bare network."""

import numpy as np
import torch
from vpr_ros.extraction.engines.eager import EagerEngine
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


def test_a_network_without_attention():
    engine = EagerEngine(create_network('thumbnail'), torch.device('cpu'))
    assert engine.run(IMAGES[:, :32, :64].copy()).attention is None


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
