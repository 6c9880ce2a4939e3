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

"""Pictures for people."""

import base64

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.pictures import colour_matrix
from vpr_ros.evaluation.pictures import data_uri
from vpr_ros.evaluation.pictures import decode_picture
from vpr_ros.evaluation.pictures import encode_jpeg
from vpr_ros.evaluation.pictures import encode_png
from vpr_ros.evaluation.pictures import fit_within
from vpr_ros.evaluation.pictures import matrix_colours
from vpr_ros.evaluation.pictures import shrink_matrix


@pytest.mark.parametrize(('shape', 'limit', 'wanted'), [
    ((540, 960), (320, 320), (180, 320)),
    ((960, 540), (320, 320), (320, 180)),
    ((100, 100), (320, 320), (100, 100)),
    ((1, 4000), (320, 320), (1, 320)),
])
def test_pictures_fit_and_keep_their_shape(shape, limit, wanted):
    assert fit_within(np.zeros((*shape, 3), np.uint8), *limit).shape[:2] == wanted


@pytest.mark.parametrize(('shape', 'wanted'), [
    ((32, 64), (160, 320)), ((100, 20), (320, 64)), ((540, 960), (180, 320)),
    ((320, 100), (320, 100))])
def test_small_pictures_grow_where_asked_to(shape, wanted):
    image = np.zeros((*shape, 3), np.uint8)
    image[:, shape[1] // 2:] = 200
    grown = fit_within(image, 320, 320, enlarge=True)
    assert grown.shape[:2] == wanted
    assert grown[:, 2].max() == 0
    assert grown[:, -3].min() == 200


def test_encoded_pictures_come_back():
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, :15, 0] = 255
    assert (decode_picture(encode_png(image)) == image).all()
    jpeg = decode_picture(encode_jpeg(image, quality=95))
    assert jpeg[10, 4, 0] > 200
    assert jpeg[10, 4, 2] < 50
    assert decode_picture(image) is image
    for data in (b'', b'no picture'):
        with pytest.raises(VprError, match='encoded image'):
            decode_picture(data)


def test_data_uri():
    uri = data_uri(b'\x00\x01', 'image/png')
    assert uri.startswith('data:image/png;base64,')
    assert base64.b64decode(uri.split(',')[1]) == b'\x00\x01'


def test_shrinking_keeps_the_largest_of_each_cell():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(37, 23)).astype(np.float32)
    small = shrink_matrix(matrix, 10, 7)
    assert small.shape == (10, 7)
    for r in range(10):
        for c in range(7):
            block = matrix[r * 37 // 10:(r + 1) * 37 // 10, c * 23 // 7:(c + 1) * 23 // 7]
            assert small[r, c] == block.max()
    assert (shrink_matrix(matrix, 100, 100) == matrix).all()


def test_a_line_one_cell_wide_stays_visible():
    small = shrink_matrix(np.eye(3000, dtype=np.float32), 100, 100)
    assert (np.diag(small) == 1).all()
    assert small.sum() == 100


def test_what_was_not_compared_counts_as_least():
    small = shrink_matrix([[np.nan, 2.0], [-np.inf, 1.0]], 5, 5)
    assert small.tolist() == [[1.0, 2.0], [1.0, 1.0]]
    assert shrink_matrix([[np.nan]], 5, 5).tolist() == [[0.0]]
    with pytest.raises(ValueError, match='not empty'):
        shrink_matrix(np.zeros((0, 3)), 5, 5)


def test_colours_of_similarity_are_even_in_lightness():
    lab = cv2.cvtColor((matrix_colours()[None] / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    steps = np.diff(lab[:, 0])
    assert (steps < 0.5).all()
    assert lab[0, 0] > 90
    assert lab[-1, 0] < 30
    # Over any tenth of the scale the lightness falls about equally.
    falls = lab[0:-25:25, 0] - lab[25::25, 0][:len(lab[0:-25:25])]
    assert falls.min() > 0.7 * falls.max()


def test_values_outside_the_range_take_the_end_colours():
    image = colour_matrix([[-9.0, 0.0, 1.0, 9.0]], 0.0, 1.0)
    assert (image[0, 0] == image[0, 1]).all()
    assert (image[0, 2] == image[0, 3]).all()
    assert (image[0, 1] != image[0, 2]).any()
    assert colour_matrix([[3.0]], 3.0, 3.0).shape == (1, 1, 3)
