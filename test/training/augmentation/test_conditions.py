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

"""Changes of conditions."""

import numpy as np
import pytest
from vpr_ros.training.augmentation import change_conditions


def picture(height, width):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(('height', 'width'), [(160, 224), (1, 1), (2, 3), (8, 200), (1, 50)])
def test_shape_and_type_are_kept(height, width):
    image = picture(height, width)
    for seed in range(60):  # every branch is taken
        changed = change_conditions(image, np.random.default_rng(seed))
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8


def test_the_image_itself_is_not_changed():
    image = picture(40, 60)
    before = image.copy()
    image.flags.writeable = False
    for seed in range(60):
        change_conditions(image, np.random.default_rng(seed))
    assert np.array_equal(image, before)


def test_a_seed_is_a_change():
    image = picture(40, 60)
    for seed in range(20):
        a = change_conditions(image, np.random.default_rng(seed))
        assert np.array_equal(a, change_conditions(image, np.random.default_rng(seed)))
        assert not np.array_equal(a, change_conditions(image, np.random.default_rng(seed + 1)))


def test_images_without_contrast_do_not_break():
    for level in (0, 128, 255):
        image = np.full((30, 40, 3), level, np.uint8)
        for seed in range(40):
            assert change_conditions(image, np.random.default_rng(seed)).shape == image.shape


def test_conditions_change_but_the_place_stays():
    # Over many changes the picture is darker and brighter, and mostly still the same picture.
    y, x = np.mgrid[0:60, 0:80]
    image = np.stack([100 + 80 * np.sin(x / 9), 120 + 60 * np.cos(y / 7), 90 + x / 2],
                     axis=2).astype(np.uint8)
    changed = [change_conditions(image, np.random.default_rng(seed)) for seed in range(200)]
    means = np.array([c.mean() for c in changed])
    assert means.min() < 0.6 * image.mean()
    assert means.max() > 1.15 * image.mean()
    alike = [np.corrcoef(c.ravel().astype(float), image.ravel().astype(float))[0, 1]
             for c in changed]
    assert np.median(alike) > 0.6
