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

"""The decoder of depth against naive loops."""

from array import array
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.messages.depth_images import decode_depth
from vpr_ros.messages.depth_images import depth_message
from vpr_ros.messages.pixels import MAX_PIXELS
from vpr_ros.messages.rosbags_factory import RosbagsFactory

NAN = float('nan')


def message(encoding, width, height, data, *, step, big=0):
    """Make anything that has the fields of an Image."""
    return SimpleNamespace(encoding=encoding, width=width, height=height, step=step,
                           is_bigendian=big, data=data)


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('big', [0, 1])
@pytest.mark.parametrize('encoding, letter, values, metres', [
    ('16UC1', 'H', [[0, 1, 1000], [65535, 2500, 0]], [[NAN, 0.001, 1.0], [65.535, 2.5, NAN]]),
    ('32FC1', 'f', [[NAN, 0.5, float('inf')], [-1.0, 0.0, 120.25]],
     [[NAN, 0.5, NAN], [NAN, NAN, 120.25]]),
])
@pytest.mark.parametrize('kind', [bytes, list, lambda data: array('B', data)])
def test_depth_in_metres(kind, encoding, letter, values, metres, big, padding):
    order = '>' if big else '<'
    rows = [struct.pack(f'{order}3{letter}', *row) + b'\xee' * padding for row in values]
    depth = decode_depth(message(encoding, 3, 2, kind(b''.join(rows)), step=len(rows[0]), big=big))
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, metres, rtol=1e-6)


def test_what_is_written_is_read():
    depth = np.array([[0.25, NAN, 3.0], [4.5, 1e3, 7.0]], np.float32)
    written = depth_message(RosbagsFactory(), depth, stamp_ns=1_500_000_000, frame_id='cam')
    assert (written.encoding, written.width, written.height, written.step) == ('32FC1', 3, 2, 12)
    assert (written.header.stamp.sec, written.header.frame_id) == (1, 'cam')
    assert np.array_equal(decode_depth(written), depth, equal_nan=True)


@pytest.mark.parametrize('change, text', [
    ({'step': 5}, 'needs rows of at least 6 bytes and 2 of them, got step 5'),
    ({'data': b'1' * 11}, 'got step 6 and 11 bytes'),
    ({'width': 0}, 'between 1 and'), ({'height': MAX_PIXELS}, 'between 1 and')])
def test_what_contradicts_itself(change, text):
    fields = {'encoding': '16UC1', 'width': 3, 'height': 2, 'data': bytes(12), 'step': 6}
    with pytest.raises(ValueError, match=text):
        decode_depth(message(**{**fields, **change}))


@pytest.mark.parametrize('encoding', ['rgb8', 'mono16', '64FC1'])
def test_what_is_no_depth(encoding):
    with pytest.raises(VprError, match=f"unknown encoding of an image of depth '{encoding}'"):
        decode_depth(message(encoding, 1, 1, b'123', step=3))
