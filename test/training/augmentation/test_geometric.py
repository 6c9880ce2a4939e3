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
"""Parts of an image, seen at an angle."""

import numpy as np
import pytest
from vpr_ros.extraction.preparation import prepare
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.training.augmentation.geometric import View
from vpr_ros.training.augmentation.settings import AugmentationSettings


def only(**values):
    return AugmentationSettings(**{'crop_smallest': 1.0, 'perspective': 0.0, 'rotation_deg': 0.0,
                                   'stretch': 1.0, **values})


def draw(settings, count=400, aspect=1.5):
    rng = np.random.default_rng(0)
    return [View.draw(settings, aspect, rng) for _ in range(count)]


def area(corners):
    """Return the area of a polygon by the formula of surveyors."""
    x, y = corners.T
    return abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2.0


def coordinates(height, width):
    """Return an image whose red and green are where a pixel is: 0 to 250 in x and in y."""
    y, x = np.mgrid[:height, :width]
    return np.stack([(x + 0.5) / width * 250, (y + 0.5) / height * 250, np.full_like(x, 77)],
                    axis=2).round().astype(np.uint8)


def test_the_area_is_within_the_range_and_takes_all_of_it():
    for smallest, largest, stretch in ((0.3, 1.0, 1.3), (0.5, 0.6, 1.0), (0.9, 1.0, 2.0)):
        views = draw(only(crop_smallest=smallest, crop_largest=largest, stretch=stretch))
        areas = np.array([area(view.corners) for view in views])
        assert areas.min() >= smallest - 1e-9
        assert areas.max() <= largest + 1e-9
        assert areas.min() < smallest + 0.05 * (largest - smallest)
        assert areas.max() > largest - 0.05 * (largest - smallest)
        assert all(view.upright for view in views)
        # What is wider or narrower than the image is so by no more than was asked for.
        ratios = [np.ptp(v.corners[:, 0]) / np.ptp(v.corners[:, 1]) for v in views]
        assert np.abs(np.log(ratios)).max() <= np.log(stretch) + 1e-9
        if stretch > 1.0 and smallest < 0.5:
            assert np.abs(np.log(ratios)).max() > 0.9 * np.log(stretch)
        places = np.array([v.corners.mean(axis=0) for v in views])
        if smallest < 0.5:  # anywhere, not only in the middle
            assert np.ptp(places, axis=0).min() > 0.3


def test_a_view_never_leaves_the_image():
    wild = only(crop_smallest=0.2, perspective=0.5, rotation_deg=45.0, stretch=3.0)
    for aspect in (0.2, 1.0, 4.0):
        for view in draw(wild, aspect=aspect):
            assert view.corners.min() >= 0.0
            assert view.corners.max() <= 1.0
            assert area(view.corners) > 0.01
    image = np.full((50, 70, 3), 200, np.uint8)
    for view in draw(wild, 60):  # so no black border, nor anything else that is not there
        assert np.array_equal(np.unique(view.take(image, (33, 44))), [200])


def test_perspective_keeps_the_middle():
    for view in draw(only(perspective=0.5)):
        assert not view.upright
        corners = view.corners - 0.5
        (ax, ay), (bx, by) = corners.T, np.roll(corners, -1, axis=0).T
        turns = ax * by - ay * bx
        assert (turns > 0.0).all()  # the middle lies on the same side of all four edges


def test_a_camera_that_rolls_keeps_right_angles():
    for view in draw(only(rotation_deg=10.0), aspect=1.5):
        sides = (np.roll(view.corners, -1, axis=0) - view.corners) * (1.5, 1.0)
        np.testing.assert_allclose((sides * np.roll(sides, -1, axis=0)).sum(axis=1), 0.0,
                                   atol=1e-9)
        rolled = np.degrees(np.arctan2(sides[0, 1], sides[0, 0]))
        assert abs(rolled) <= 10.0
    assert max(abs(np.degrees(np.arctan2(*(v.corners[1] - v.corners[0])[::-1] * (1.0, 1.5))))
               for v in draw(only(rotation_deg=10.0))) > 8.0


@pytest.mark.parametrize('size', [(60, 90), (200, 300), (400, 100)])
def test_the_image_shows_what_the_view_says(size):
    image = coordinates(200, 300)
    for view in draw(only(crop_smallest=0.4, perspective=0.4, rotation_deg=8.0, stretch=1.3), 25):
        seen = view.take(image, size).astype(float)
        assert seen.shape == (*size, 3)
        near = np.array([seen[0, 0], seen[0, -1], seen[-1, -1], seen[-1, 0]])[:, :2] / 250.0
        # The middle of the corner pixel is at most half a pixel inside of the corner.
        np.testing.assert_allclose(near, view.corners, atol=0.02)


def test_a_part_is_resized_as_networks_resize():
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    corners = np.array([[0.25, 0.1], [0.75, 0.1], [0.75, 0.6], [0.25, 0.6]])
    seen = View(corners=corners, upright=True, flipped=False).take(image, (30, 30))
    np.testing.assert_array_equal(seen, prepare(image[10:60, 30:90], Preprocessing(30, 30)))
    whole = View.whole().take(image, (55, 44))
    np.testing.assert_array_equal(whole, prepare(image, Preprocessing(55, 44)))
    mirrored = View(corners=corners, upright=True, flipped=True).take(image, (30, 30))
    np.testing.assert_array_equal(mirrored, seen[:, ::-1])


def test_what_shrinks_is_averaged_even_when_it_is_turned():
    # Alternating columns: single points would be black and white, the average is grey.
    image = np.zeros((240, 320, 3), np.uint8)
    image[:, ::2] = 200
    corners = np.array([[0.02, 0.0], [1.0, 0.02], [0.98, 1.0], [0.0, 0.98]])
    seen = View(corners=corners, upright=False, flipped=False).take(image, (30, 40))
    assert np.abs(seen.astype(int) - 100).max() < 20
    # And where nothing shrinks, the turned view of a small part is sharp.
    part = View(corners=0.45 + 0.1 * corners, upright=False, flipped=False)
    sharp = part.take(image, (240, 320))
    assert np.ptp(sharp) > 150
