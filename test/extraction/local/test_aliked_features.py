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

"""ALIKED as a source of local features, with random weights and, where they are, its own."""

import cv2
import numpy as np
import pytest
import torch
from vpr_ros.errors import VprError
from vpr_ros.extraction.local.aliked_features import AlikedFeatures
from vpr_ros.extraction.local.aliked_features import load_aliked
from vpr_ros.networks.aliked import Aliked
from vpr_ros.networks.weights import weights_hash
from vpr_ros.networks.weights import write_weights
from vpr_ros.types import Frame

CPU = torch.device('cpu')


def random_aliked(seed):
    torch.manual_seed(seed)
    return Aliked().eval().requires_grad_(False)


def extract(source, images, nothing):
    return source.extract([Frame(0, image) for image in images], nothing)


def test_the_kind_names_the_weights(tmp_path):
    one, other = random_aliked(0), random_aliked(1)
    file = tmp_path / 'aliked.safetensors'
    write_weights(file, one.state_dict(), {}, dtype=torch.float32)
    kinds = [AlikedFeatures(network, CPU, 5).kind for network in (one, other, load_aliked(file))]
    assert kinds[0] == kinds[2] == f'aliked-n16:{weights_hash(one)[:8]}'
    assert kinds[1] != kinds[0]


def test_features_are_told_as_everywhere(scene, nothing):
    source = AlikedFeatures(random_aliked(0), CPU, 60)
    images = [scene(0, 120, 160), scene(1, 300, 500)]
    one, other = extract(source, images, nothing)
    for found, (width, height) in ((one, (160, 120)), (other, (500, 300))):
        assert 1 <= len(found.points) <= 60
        assert found.descriptors.shape == (len(found.points), 128)
        np.testing.assert_allclose(np.linalg.norm(found.descriptors, axis=1), 1.0, atol=1e-5)
        assert (np.diff(found.scores) <= 0).all()
        assert found.points.min() >= 0
        assert (found.points <= (width - 1, height - 1)).all()
    again, = extract(source, images[1:], nothing)
    assert np.array_equal(again.points, other.points)
    assert np.array_equal(again.descriptors, other.descriptors)


def test_images_in_any_memory_are_taken_and_left_alone(scene, nothing):
    source = AlikedFeatures(random_aliked(0), CPU, 20)
    image = scene(0, 96, 128)
    before = image.copy()
    plain, = extract(source, [image], nothing)
    flipped = np.ascontiguousarray(image[:, :, ::-1])[:, :, ::-1]
    assert np.array_equal(extract(source, [flipped], nothing)[0].points, plain.points)
    assert np.array_equal(image, before)


def test_weights_of_something_else(tmp_path):
    write_weights(tmp_path / 'x.safetensors', {'conv9.weight': torch.zeros(1)}, {})
    with pytest.raises(VprError, match=r'x\.safetensors do not fit this network: .*block1'):
        load_aliked(tmp_path / 'x.safetensors')
    with pytest.raises(VprError, match='no weights at'):
        load_aliked(tmp_path / 'y.safetensors')


@pytest.fixture(scope='module')
def published(shared_data):
    file = shared_data / 'weights' / 'aliked_n16.safetensors'
    if not file.is_file():
        pytest.skip(f'no weights at {file}')
    return AlikedFeatures(load_aliked(file), CPU, 256)


def gardens(shared_data, traverse, *numbers):
    files = sorted((shared_data / 'benchmark' / 'gardens_point' / traverse).iterdir())
    return [cv2.imread(str(files[n]))[..., ::-1] for n in numbers]


def test_known_homographies_of_real_images(published, shared_data, nothing, tilted,
                                           share_that_agrees):
    for image in gardens(shared_data, 'day_right', 0, 90, 180):
        seen, homography = tilted(image)
        one, other = extract(published, [image, seen], nothing)
        assert len(one.points) > 150
        assert share_that_agrees(one, other, homography, 3.0) > 0.8


def inliers(pair):
    _, found = cv2.findFundamentalMat(*pair, cv2.USAC_MAGSAC, 3.0, 0.999, 2000)
    return 0 if found is None else int(found.sum())


@pytest.mark.parametrize('traverse', ['day_left', 'night_right'])
def test_one_place_and_others(published, shared_data, nothing, pairs_of, traverse):
    """By day, and by night: the same place agrees with one geometry, others do not."""
    here, = extract(published, gardens(shared_data, 'day_right', 40), nothing)
    same, other = extract(published, gardens(shared_data, traverse, 40, 140), nothing)
    assert inliers(pairs_of(here, same)) > 1.5 * inliers(pairs_of(here, other))


def test_neighbours(published, shared_data, nothing, pairs_of):
    here, after = extract(published, gardens(shared_data, 'day_right', 40, 41), nothing)
    pair = pairs_of(here, after)
    assert inliers(pair) > 0.5 * len(pair[0]) > 40
