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

"""Cells of a feature map as local features."""

import math

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.local.network_features import cell_centres
from vpr_ros.extraction.local.network_features import NetworkFeatures
from vpr_ros.extraction.local.network_features import projection
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.types import Frame

RNG = np.random.default_rng(0)


def frames(count, height=90, width=160):
    return [Frame(k, np.zeros((height, width, 3), np.uint8)) for k in range(count)]


def output_of(features, attention=None):
    return EngineOutput(np.ones((len(features), 1), np.float32), attention,
                        features.astype(np.float32))


def extract(features, attention=None, count=10_000, **size):
    found = NetworkFeatures(count).extract(
        frames(len(features), **size), output_of(features, attention))
    assert len(found) == len(features)
    return found


@pytest.mark.parametrize(('channels', 'dimension'), [(3, 3), (64, 64), (65, 64), (200, 64)])
def test_descriptors_against_loops(channels, dimension):
    maps = RNG.normal(size=(2, channels, 2, 3))
    attention = RNG.random((2, 2, 3)).astype(np.float32)
    matrix = projection(channels).astype(np.float64) if channels > 64 else np.eye(channels)
    for image, found in enumerate(extract(maps, attention)):
        order = sorted(((i, j) for i in range(2) for j in range(3)),
                       key=lambda at: -attention[image][at])
        assert found.descriptors.shape == (6, dimension)
        for row, (i, j) in enumerate(order):
            cell = [maps[image, c, i, j] for c in range(channels)]
            length = math.sqrt(sum(v * v for v in cell))
            turned = [sum(matrix[c, d] * cell[c] / length for c in range(channels))
                      for d in range(dimension)]
            length = math.sqrt(sum(v * v for v in turned))
            np.testing.assert_allclose(found.descriptors[row], np.array(turned) / length,
                                       atol=2e-6)
            np.testing.assert_allclose(found.points[row],
                                       [160 * (2 * j + 1) / 6 - 0.5, 90 * (2 * i + 1) / 4 - 0.5])
            assert found.scores[row] == attention[image, i, j]


def test_centres_are_told_row_by_row():
    centres = cell_centres((2, 4), (10, 8))
    assert centres.tolist() == [[0.5, 2.0], [2.5, 2.0], [4.5, 2.0], [6.5, 2.0],
                                [0.5, 7.0], [2.5, 7.0], [4.5, 7.0], [6.5, 7.0]]


def test_the_projection_is_the_same_everywhere():
    matrix = projection(128)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(64), atol=1e-6)
    # Numbers of one machine: maps travel.
    np.testing.assert_allclose(matrix[:2, :3], [
        [0.1610083, 0.0324321, 0.0935718], [0.0161940, -0.0387536, -0.1427927]], atol=1e-6)
    assert not np.allclose(projection(256)[:128], matrix)


def test_the_projection_keeps_angles():
    cells = RNG.normal(size=(1, 128, 20, 20)) + 2.0 * RNG.normal(size=(1, 128, 1, 1))
    found, = extract(cells)
    flat = cells[0].reshape(128, -1).T
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    order = np.argsort(-np.linalg.norm(flat, axis=1), kind='stable')
    before = (unit[order] @ unit[order].T).ravel()
    after = (found.descriptors @ found.descriptors.T).ravel()
    assert np.abs(before - after).mean() < 0.06
    assert np.abs(before - after).max() < 0.4


def test_without_attention_the_strongest_cells_come_first():
    maps = RNG.normal(size=(1, 5, 3, 4))
    found, = extract(maps, count=4)
    strength = np.linalg.norm(maps[0], axis=0).ravel()
    assert len(found.points) == 4
    np.testing.assert_allclose(found.scores, np.sort(strength)[::-1][:4], rtol=1e-6)
    best = cell_centres((3, 4), (90, 160))[strength.argmax()]
    assert np.array_equal(found.points[0], best)


def test_attention_of_another_size_is_resized():
    maps = RNG.normal(size=(1, 5, 4, 8))
    attention = np.zeros((1, 2, 4), np.float32)
    attention[0, 1, 0] = 1.0
    found, = extract(maps, attention, count=4)
    assert set(map(tuple, found.points.tolist())) == {
        (9.5, 55.75 + 0.0), (29.5, 55.75), (9.5, 78.25), (29.5, 78.25)}


def test_cells_without_activation_are_left_out():
    maps = np.abs(RNG.normal(size=(2, 5, 3, 4)))
    maps[0, :, 1, 2] = 0.0
    maps[1] = 0.0
    some, none = extract(maps, np.ones((2, 3, 4), np.float32))
    assert len(some.points) == 11
    assert cell_centres((3, 4), (90, 160))[6].tolist() not in some.points.tolist()
    assert none.points.shape == (0, 2)
    assert none.descriptors.shape == (0, 5)


def test_points_are_pixels_of_each_image():
    maps = RNG.normal(size=(1, 5, 3, 4))
    small, = extract(maps, height=60, width=80)
    large, = extract(maps, height=600, width=400)
    np.testing.assert_allclose((large.points + 0.5) / (400, 600), (small.points + 0.5) / (80, 60),
                               rtol=1e-6)
    assert np.array_equal(small.descriptors, large.descriptors)


def test_an_engine_without_a_map_is_told():
    with pytest.raises(VprError, match='returned no feature map'):
        NetworkFeatures(5).extract(frames(1), EngineOutput(np.ones((1, 1), np.float32), None))


def test_the_network_of_the_package_agrees_with_itself_across_views(
        shared_data, tilted, share_that_agrees):
    cv2 = pytest.importorskip('cv2')
    extractor = make_extractor(ExtractionSettings(device='cpu'))
    files = sorted((shared_data / 'benchmark' / 'gardens_point' / 'day_right').iterdir())[::50]
    for file in files:
        image = cv2.imread(str(file))[..., ::-1]
        seen, homography = tilted(image)
        one, other = (extractor.describe(Frame(0, i)).local_features for i in (image, seen))
        # A cell is 48 pixels wide.
        assert share_that_agrees(one, other, homography, 72.0) > 0.6
        assert share_that_agrees(one, other, np.eye(3)[::-1], 72.0) < 0.3
