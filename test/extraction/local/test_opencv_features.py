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

"""SIFT and ORB."""

import cv2
import numpy as np
import pytest
from vpr_ros.extraction.local.opencv_features import OrbFeatures
from vpr_ros.extraction.local.opencv_features import SiftFeatures
from vpr_ros.types import Frame

KINDS = {'sift': (SiftFeatures, 128), 'orb': (OrbFeatures, 256)}
each_kind = pytest.mark.parametrize('kind', KINDS)


def features_of(kind, images, nothing, count=150):
    source = KINDS[kind][0](count)
    assert source.kind == kind
    return source.extract([Frame(0, image) for image in images], nothing)


@each_kind
def test_features_are_told_as_everywhere(kind, scene, nothing):
    images = [scene(0), scene(1)]
    one, other = features_of(kind, images, nothing)
    for found in (one, other):
        assert 140 <= len(found.points) <= 150  # ORB leaves scales with few points as they are
        assert found.descriptors.shape == (len(found.points), KINDS[kind][1])
        np.testing.assert_allclose(np.linalg.norm(found.descriptors, axis=1), 1.0, atol=1e-5)
        assert (np.diff(found.scores) <= 0).all()
        assert found.points.min() >= -0.5
        assert (found.points.max(axis=0) <= (319.5, 239.5)).all()
    # Each image has its own, whatever stands beside it, and at every time.
    again, = features_of(kind, images[1:], nothing)
    assert np.array_equal(again.points, other.points)
    assert np.array_equal(again.descriptors, other.descriptors)
    assert not np.array_equal(one.points, other.points)


@each_kind
def test_the_best_are_kept(kind, scene, nothing):
    many, = features_of(kind, [scene(0)], nothing, count=100)
    few, = features_of(kind, [scene(0)], nothing, count=10)
    assert len(few.points) == 10
    if kind == 'sift':  # ORB divides its points among scales by their number
        assert few.scores.min() >= many.scores[10:].max()


@each_kind
def test_an_image_without_points(kind, nothing):
    found, = features_of(kind, [np.full((60, 80, 3), 90, np.uint8)], nothing)
    assert found.points.shape == (0, 2)
    assert found.descriptors.shape == (0, KINDS[kind][1])
    assert found.scores.shape == (0,)


@each_kind
def test_images_too_small_for_a_point(kind, nothing):
    found, = features_of(kind, [np.arange(12, dtype=np.uint8).reshape(2, 2, 3)], nothing)
    assert len(found.points) == 0


def test_orb_compares_by_bits(scene, nothing):
    image = scene(0)
    found, = features_of('orb', [image], nothing)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    points, bits = cv2.ORB_create(nfeatures=150).detectAndCompute(grey, None)
    assert np.array_equal(np.abs(found.descriptors), np.full((len(bits), 256), 1 / 16, np.float32))
    order = np.argsort([-p.response for p in points], kind='stable')
    bits = bits[order]
    for i, j in ((0, 1), (5, 100), (7, 7), (140, 3)):
        apart = cv2.norm(bits[i], bits[j], cv2.NORM_HAMMING)
        assert found.descriptors[i] @ found.descriptors[j] == pytest.approx(1 - 2 * apart / 256)


def test_sift_is_rooted(scene, nothing):
    image = scene(0)
    found, = features_of('sift', [image], nothing)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    points, rows = cv2.SIFT_create(nfeatures=150).detectAndCompute(grey, None)
    order = np.argsort([-p.response for p in points], kind='stable')[:150]
    wanted = [[np.sqrt(v / sum(row)) for v in row] for row in rows[order].astype(np.float64)]
    np.testing.assert_allclose(found.descriptors, wanted, atol=1e-5)


@each_kind
def test_points_of_a_large_image_are_its_own_pixels(kind, scene, nothing, share_that_agrees):
    image = scene(0, 300, 400)
    large = cv2.resize(image, (1200, 900), interpolation=cv2.INTER_CUBIC)
    one, other = features_of(kind, [image, large], nothing)
    to_large = np.array([[3.0, 0.0, 1.0], [0.0, 3.0, 1.0], [0.0, 0.0, 1.0]])
    assert other.points.max() > 700
    assert share_that_agrees(one, other, to_large, 6.0) > 0.8


@each_kind
def test_another_view(kind, scene, nothing, tilted, share_that_agrees):
    image = scene(0)
    seen, homography = tilted(image)
    one, other = features_of(kind, [image, seen], nothing)
    assert share_that_agrees(one, other, homography, 3.0) > 0.6
    elsewhere, = features_of(kind, [scene(1)], nothing)
    assert share_that_agrees(one, elsewhere, homography, 3.0) < 0.1
