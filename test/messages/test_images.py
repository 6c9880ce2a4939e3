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

"""The image decoder against naive loops."""

from array import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.messages import images

RANDOM = np.random.default_rng(7)


def message(encoding, width, height, data, *, step, big=0):
    """Make anything that has the fields of an Image."""
    return SimpleNamespace(encoding=encoding, width=width, height=height, step=step,
                           is_bigendian=big, data=data)


def padded(pixels, padding):
    """Return the bytes of (H, bytes) rows, each followed by junk, and the step."""
    junk = RANDOM.integers(0, 256, (len(pixels), padding), dtype=np.uint8)
    return np.hstack([pixels, junk]).tobytes(), pixels.shape[1] + padding


ORDERS = {
    'rgb8': (3, (0, 1, 2)), 'bgr8': (3, (2, 1, 0)), 'rgba8': (4, (0, 1, 2)),
    'bgra8': (4, (2, 1, 0)), '8UC3': (3, (2, 1, 0)), '8UC4': (4, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)), '8UC1': (1, (0, 0, 0)),
}


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', ORDERS)
def test_interleaved(encoding, padding):
    channels, order = ORDERS[encoding]
    height, width = 5, 7
    rows = RANDOM.integers(0, 256, (height, width * channels), dtype=np.uint8)
    data, step = padded(rows, padding)
    decoded = images.decode_image(message(encoding, width, height, data, step=step))
    assert decoded.shape == (height, width, 3) and decoded.dtype == np.uint8
    for y in range(height):
        for x in range(width):
            for c in range(3):
                assert decoded[y, x, c] == data[y * step + x * channels + order[c]]


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize('big', [0, 1])
def test_mono16(big, padding):
    values = RANDOM.integers(0, 65536, (4, 6))
    values[0, :4] = [0, 65535, 128, 129]
    rows = values.astype('>u2' if big else '<u2').view(np.uint8)
    data, step = padded(rows, padding)
    decoded = images.decode_image(message('mono16', 6, 4, data, step=step, big=big))
    for y in range(4):
        for x in range(6):
            wanted = int(values[y, x] * 255 / 65535 + 0.5)
            assert decoded[y, x].tolist() == [wanted] * 3


@pytest.mark.parametrize(('encoding', 'top', 'bottom'), [
    ('bayer_rggb8', 'rg', 'gb'), ('bayer_bggr8', 'bg', 'gr'),
    ('bayer_gbrg8', 'gb', 'rg'), ('bayer_grbg8', 'gr', 'bg'),
])
def test_bayer(encoding, top, bottom):
    colour = {'r': 200, 'g': 120, 'b': 40}
    tile = np.array([[colour[c] for c in top], [colour[c] for c in bottom]], dtype=np.uint8)
    data, step = padded(np.tile(tile, (6, 8)), 6)
    decoded = images.decode_image(message(encoding, 16, 12, data, step=step))
    assert (decoded[2:-2, 2:-2] == [200, 120, 40]).all()


def yuv_to_rgb(y, u, v):
    """Convert one pixel by ITU-R BT.601, video range."""
    y, u, v = 1.164 * (int(y) - 16), int(u) - 128, int(v) - 128
    return np.clip([y + 1.596 * v, y - 0.813 * v - 0.391 * u, y + 2.018 * u], 0, 255)


@pytest.mark.parametrize('padding', [0, 4])
@pytest.mark.parametrize(('encoding', 'places'), [
    ('yuv422', (1, 3, 0, 2)), ('uyvy', (1, 3, 0, 2)),
    ('yuv422_yuy2', (0, 2, 1, 3)), ('yuyv', (0, 2, 1, 3)),
])
def test_yuv422(encoding, places, padding):
    first, second, u, v = places
    rows = RANDOM.integers(16, 236, (3, 8 * 2), dtype=np.uint8)
    data, step = padded(rows, padding)
    decoded = images.decode_image(message(encoding, 8, 3, data, step=step))
    for y in range(3):
        for x in range(8):
            pair = rows[y, x // 2 * 4:x // 2 * 4 + 4]
            wanted = yuv_to_rgb(pair[second if x % 2 else first], pair[u], pair[v])
            assert np.abs(decoded[y, x] - wanted).max() <= 2


@pytest.mark.parametrize('padding', [0, 4])
def test_nv12(padding):
    height, width = 4, 6
    rows = RANDOM.integers(16, 236, (height * 3 // 2, width), dtype=np.uint8)
    data, step = padded(rows, padding)
    decoded = images.decode_image(message('nv12', width, height, data, step=step))
    assert decoded.shape == (height, width, 3)
    for y in range(height):
        for x in range(width):
            u, v = rows[height + y // 2, x // 2 * 2:x // 2 * 2 + 2]
            assert np.abs(decoded[y, x] - yuv_to_rgb(rows[y, x], u, v)).max() <= 2


def test_every_encoding_decodes_and_is_tested_here():
    tested = {*ORDERS, 'mono16', 'bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8', 'bayer_grbg8',
              'yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv', 'nv12'}
    assert set(images.ENCODINGS) == tested
    for encoding in images.ENCODINGS:
        decoded = images.decode_image(message(encoding, 4, 4, bytes(16 * 6), step=16))
        assert decoded.shape == (4, 4, 3)


@pytest.mark.parametrize('hold', [
    bytes, bytearray, list, lambda values: memoryview(bytes(values)),
    lambda values: array('B', values), lambda values: np.array(values, np.uint8),
])
def test_data_of_any_ros_library(hold):
    data = hold([1, 2, 3, 4, 5, 6])
    decoded = images.decode_image(message('rgb8', 2, 1, data, step=6))
    assert decoded.tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_unknown_encoding_is_refused_by_name():
    with pytest.raises(VprError, match="'rgb16'; did you mean 'rgb8'.*known: .*nv12"):
        images.decode_image(message('rgb16', 2, 2, bytes(24), step=12))


@pytest.mark.parametrize(('fields', 'text'), [
    ({'width': 0}, 'got 0 x 4'),
    ({'width': 2**31, 'height': 2**31, 'step': 3 * 2**31}, 'between 1 and'),
    ({'step': 11}, 'step 11'), ({'step': 13}, 'and 48 bytes'),
    ({'data': bytes(47)}, '47 bytes'), ({'data': b''}, '0 bytes'),
])
def test_contradictions_are_refused(fields, text):
    values = {'width': 4, 'height': 4, 'step': 12, 'data': bytes(48), **fields}
    with pytest.raises(ValueError, match=text):
        images.decode_image(SimpleNamespace(encoding='rgb8', is_bigendian=0, **values))


@pytest.mark.parametrize('encoding', ['yuv422', 'nv12', 'bayer_rggb8'])
def test_odd_sizes_of_paired_pixels_are_refused(encoding):
    with pytest.raises(ValueError, match='even size'):
        images.decode_image(message(encoding, 5, 4, bytes(100), step=10))


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8'])
def test_image_message_round_trip(factory, through_cdr, encoding):
    image = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    sent = through_cdr(images.image_message(
        factory, image, stamp_ns=12_000_000_034, frame_id='cam', encoding=encoding))
    assert (sent.header.stamp.sec, sent.header.stamp.nanosec) == (12, 34)
    assert (sent.header.frame_id, sent.encoding, sent.step) == ('cam', encoding, 21)
    assert np.array_equal(images.decode_image(sent), image)


def test_image_message_takes_views(factory):
    image = RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8)[::2, ::-1]
    sent = images.image_message(factory, image, stamp_ns=0, frame_id='')
    assert np.array_equal(images.decode_image(sent), image)


def smooth_image():
    """Return an image whose three channels differ and that JPEG keeps."""
    ramp = np.linspace(0, 200, 48).astype(np.uint8)
    return np.dstack([np.tile(ramp, (32, 1)), np.full((32, 48), 90, np.uint8),
                      np.tile(ramp[:32, None], (1, 48))])


def compressed(data, form):
    """Make anything that has the fields of a CompressedImage."""
    return SimpleNamespace(format=form, data=data)


def test_jpeg_round_trip(factory, through_cdr):
    image = smooth_image()
    sent = through_cdr(images.compressed_image_message(
        factory, image, stamp_ns=5, frame_id='cam', quality=95))
    assert sent.format == 'rgb8; jpeg compressed bgr8'
    decoded = images.decode_compressed_image(sent)
    assert np.abs(decoded.astype(int) - image).max() < 12


@pytest.mark.parametrize('form', ['png', 'bgr8; png compressed bgr8', 'rgb8; png compressed '])
def test_png(form):
    image = smooth_image()
    data = cv2.imencode('.png', image[:, :, ::-1])[1].tobytes()
    assert np.array_equal(images.decode_compressed_image(compressed(data, form)), image)


def test_channels_that_were_compressed_in_rgb_order():
    image = smooth_image()
    data = cv2.imencode('.png', image)[1].tobytes()
    decoded = images.decode_compressed_image(compressed(data, 'rgb8; png compressed rgb8'))
    assert np.array_equal(decoded, image)


def test_grey_files_become_rgb():
    grey = smooth_image()[:, :, 0]
    for extension in ('.png', '.jpg'):
        data = cv2.imencode(extension, grey)[1].tobytes()
        decoded = images.decode_compressed_image(compressed(data, 'mono8; compressed'))
        assert decoded.shape == (32, 48, 3)
        assert np.abs(decoded[:, :, 0].astype(int) - grey).max() < 12


def test_rotation_notes_are_ignored():
    jpeg = cv2.imencode('.jpg', smooth_image())[1].tobytes()
    turned = (b'Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0')
    note = b'\xff\xe1' + (len(turned) + 2).to_bytes(2, 'big') + turned
    data = jpeg[:2] + note + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (48, 32, 3)
    assert images.decode_compressed_image(compressed(data, 'jpeg')).shape == (32, 48, 3)


def test_absurd_sizes_are_refused_before_decoding():
    png = bytearray(cv2.imencode('.png', smooth_image())[1].tobytes())
    png[16:24] = (60_000).to_bytes(4, 'big') * 2
    with pytest.raises(ValueError, match='60000 x 60000'):
        images.decode_compressed_image(compressed(bytes(png), 'png'))
    jpeg = bytearray(cv2.imencode('.jpg', smooth_image())[1].tobytes())
    frame_header = jpeg.index(b'\xff\xc0')
    jpeg[frame_header + 5:frame_header + 9] = b'\xff\xff\xff\xfe'
    with pytest.raises(ValueError, match='65534 x 65535'):
        images.decode_compressed_image(compressed(bytes(jpeg), 'jpeg'))


@pytest.mark.parametrize('data', [b'', b'\xff\xd8', b'\xff\xd8' + bytes(100),
                                  b'\xff\xd8\xff\xe0\x00\x00' + bytes(100)])
def test_damaged_files(data):
    with pytest.raises(ValueError, match='damaged'):
        images.decode_compressed_image(compressed(data, 'jpeg'))


def test_damaged_png_body():
    data = cv2.imencode('.png', smooth_image())[1].tobytes()[:45]
    with pytest.raises(ValueError, match='damaged'):
        images.decode_compressed_image(compressed(data, 'png'))


def test_foreign_formats_are_refused_by_name():
    with pytest.raises(VprError, match='16UC1; compressedDepth'):
        images.decode_compressed_image(compressed(bytes(40), '16UC1; compressedDepth'))


@pytest.mark.parametrize('quality', [0, 101])
def test_quality_is_checked(factory, quality):
    with pytest.raises(ValueError, match='from 1 to 100'):
        images.compressed_image_message(
            factory, smooth_image(), stamp_ns=0, frame_id='', quality=quality)
