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

"""Images of a working size."""

import numpy as np
import pytest
from vpr_ros.extraction.local.working_size import in_the_image
from vpr_ros.extraction.local.working_size import reduced


@pytest.mark.parametrize(('shape', 'wanted'), [
    ((480, 640), (90, 120)), ((640, 480), (120, 90)), ((120, 120), (120, 120)),
    ((7, 5), (7, 5)), ((1, 500), (1, 120))])
def test_the_longest_side(shape, wanted):
    assert reduced(np.zeros((*shape, 3), np.uint8), 120).shape == (*wanted, 3)


def test_views_of_other_memory_are_taken():
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)[..., ::-1]
    assert np.array_equal(reduced(image, 100), image)
    assert reduced(image, 100).flags.c_contiguous


def test_points_keep_their_place():
    image = np.zeros((120, 240, 3), np.uint8)
    image[40:44, 100:104] = 255
    small = reduced(image, 60)
    (y,), (x,) = np.nonzero(small[..., 0] > 128)
    found = in_the_image(np.array([[x, y]]), small.shape, image.shape)
    np.testing.assert_allclose(found, [[101.5, 41.5]])  # the middle of the four pixels
    same = in_the_image(np.array([[3.0, 4.5]]), image.shape, image.shape)
    np.testing.assert_allclose(same, [[3.0, 4.5]])
