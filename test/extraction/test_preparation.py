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

"""Images brought to the size of a network, against averages written out."""

import cv2
import numpy as np
import pytest
from vpr_ros.extraction.preparation import prepare
from vpr_ros.networks.identity import Preprocessing

RNG = np.random.default_rng(0)


def random_image(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(('height', 'width'), [(480, 640), (160, 224), (31, 57), (1, 1),
                                               (1, 900), (900, 1), (160, 900), (80, 224)])
def test_shape_and_type(height, width):
    result = prepare(random_image(height, width), Preprocessing(160, 224))
    assert result.shape == (160, 224, 3)
    assert result.dtype == np.uint8


def test_shrinking_averages_areas():
    image = random_image(12, 20)
    result = prepare(image, Preprocessing(4, 5))
    for row in range(4):
        for column in range(5):
            for channel in range(3):
                cell = image[3 * row:3 * row + 3, 4 * column:4 * column + 4, channel]
                assert abs(float(result[row, column, channel]) - cell.mean()) <= 0.51


def test_shrinking_by_any_factor_is_the_reference():
    image = random_image(540, 960)
    wanted = cv2.resize(image, (224, 160), interpolation=cv2.INTER_AREA)
    assert np.array_equal(prepare(image, Preprocessing(160, 224)), wanted)


def test_growing_is_bilinear():
    image = random_image(3, 4)
    result = prepare(image, Preprocessing(9, 10)).astype(float)
    for row in range(9):
        for column in range(10):
            y = min(max((row + 0.5) * 3 / 9 - 0.5, 0), 2)
            x = min(max((column + 0.5) * 4 / 10 - 0.5, 0), 3)
            top, left = min(int(y), 1), min(int(x), 2)
            part = image[top:top + 2, left:left + 2].astype(float)
            fy, fx = y - top, x - left
            wanted = ((1 - fy) * ((1 - fx) * part[0, 0] + fx * part[0, 1])
                      + fy * ((1 - fx) * part[1, 0] + fx * part[1, 1]))
            np.testing.assert_allclose(result[row, column], wanted, atol=1.0)


@pytest.mark.parametrize('turned', [False, True])
def test_one_axis_may_shrink_while_the_other_grows(turned):
    # Stripes of one pixel: bilinear sampling would pick some of them, averaging gives grey.
    image = np.zeros((8, 800, 3), np.uint8)
    image[:, ::2] = 200
    preprocessing = Preprocessing(16, 50)
    if turned:
        image, preprocessing = image.transpose(1, 0, 2), Preprocessing(50, 16)
    result = prepare(image, preprocessing)
    assert np.abs(result.astype(int) - 100).max() <= 1


def test_the_size_of_the_network_is_kept_as_it_is():
    image = random_image(32, 64)
    image.flags.writeable = False
    before = image.copy()
    assert np.array_equal(prepare(image, Preprocessing(32, 64)), before)


def test_the_frame_is_not_changed():
    image = random_image(50, 70)
    before = image.copy()
    image.flags.writeable = False
    prepare(image, Preprocessing(32, 64))
    assert np.array_equal(image, before)


def test_a_part_of_an_image_can_be_prepared():
    image = random_image(60, 80)[5:45:2, 10:70:3]  # not contiguous
    assert np.array_equal(prepare(image, Preprocessing(8, 8)),
                          prepare(image.copy(), Preprocessing(8, 8)))


def test_channels_stay_in_order():
    image = np.zeros((40, 40, 3), np.uint8)
    image[..., 0] = 250
    assert prepare(image, Preprocessing(8, 8))[3, 3].tolist() == [250, 0, 0]
