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

"""What a network looks at, to look at."""

import numpy as np
import pytest
from vpr_ros.messages.attention import attention_message
from vpr_ros.messages.images import decode_image
from vpr_ros.messages.overlay import attention_overlay

LOOK = np.zeros((9, 16), np.float32)
LOOK[2, 12] = 1.0


def test_a_large_image_is_shrunk_and_painted(factory, through_cdr):
    image = np.full((720, 1280, 3), (40, 90, 140), np.uint8)
    message = through_cdr(attention_message(
        factory, image, LOOK, stamp_ns=7_000_000_009, frame_id='front_optical'))
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (7, 9)
    assert message.header.frame_id == 'front_optical'
    assert (message.width, message.height, message.encoding) == (640, 360, 'rgb8')
    shown = decode_image(message)
    # Red before blue, as it was painted: an even image shrinks to an even image.
    assert np.array_equal(shown, attention_overlay(np.ascontiguousarray(image[:360, :640]), LOOK))
    y, x = np.unravel_index((shown[:, :, 0].astype(int) - shown[:, :, 2]).argmax(), (360, 640))
    assert abs(y - 100) <= 20 and abs(x - 500) <= 20  # half a cell


@pytest.mark.parametrize(('size', 'width_px', 'wanted'), [
    ((48, 64), 640, (48, 64)), ((480, 640), 640, (480, 640)), ((480, 640), 320, (240, 320)),
    ((1, 4000), 640, (1, 640))])
def test_small_images_stay_as_they_are(factory, size, width_px, wanted):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
    before = image.copy()
    message = attention_message(factory, image, LOOK, stamp_ns=0, frame_id='', width_px=width_px)
    assert (message.height, message.width) == wanted
    if size == wanted:
        assert np.array_equal(decode_image(message), attention_overlay(image, LOOK))
    assert np.array_equal(image, before)
