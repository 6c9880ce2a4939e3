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

"""
Images <-> sensor_msgs/Image and CompressedImage.

The decoder is our own because the usual one skews rows with padding and fails on big-endian images
under NumPy 2. It works on any object with the right fields, of whichever ROS library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.geometry import header
from vpr_ros.messages.pixels import check_size
from vpr_ros.messages.pixels import octets
from vpr_ros.messages.pixels import pixel_rows

__all__ = [
    'ENCODINGS', 'compressed_image_message', 'decode_compressed_image',
    'decode_image', 'image_message',
]

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Encoding:
    """
    How the bytes of an image lie.

    :param bytes_per_pixel: within a row.
    :param convert: (rows, width * bytes_per_pixel) uint8 -> (H, W, 3) RGB.
    :param even: which of width and height must be even.
    :param rows_per_two: rows of bytes for two rows of pixels (3 for planar 4:2:0).
    """

    bytes_per_pixel: int
    convert: Callable[[Pixels], Any]
    even: str = ''
    rows_per_two: int = 2


def _channels(count: int, order: list[int]) -> _Encoding:
    def convert(rows: Pixels) -> Any:
        pixels = rows.reshape(rows.shape[0], -1, count)
        return pixels if order == list(range(count)) else pixels[:, :, order]
    return _Encoding(count, convert)


def _colour(code: int, bytes_per_pixel: int, **layout: Any) -> _Encoding:
    def convert(rows: Pixels) -> Any:
        shape = (rows.shape[0], -1) + ((bytes_per_pixel,) if bytes_per_pixel > 1 else ())
        return cv2.cvtColor(rows.reshape(shape), code)
    return _Encoding(bytes_per_pixel, convert, **layout)


def _mono16(byte_order: str) -> _Encoding:
    def convert(rows: Pixels) -> Any:
        # 65535 becomes 255, rounded; never stretched by content, so that brightness compares.
        values = rows.view(f'{byte_order}u2').astype(np.uint32)
        grey = ((values + 128) // 257).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    return _Encoding(2, convert)


_MONO = _channels(1, [0, 0, 0])
_BGR = _channels(3, [2, 1, 0])
_BGRA = _channels(4, [2, 1, 0])
_UYVY = _colour(cv2.COLOR_YUV2RGB_UYVY, 2, even='width')
_YUYV = _colour(cv2.COLOR_YUV2RGB_YUY2, 2, even='width')
_LITTLE_MONO16 = _mono16('<')
_BIG_MONO16 = _mono16('>')

_ENCODINGS = {
    'rgb8': _channels(3, [0, 1, 2]), 'bgr8': _BGR, '8UC3': _BGR,
    'rgba8': _channels(4, [0, 1, 2]), 'bgra8': _BGRA, '8UC4': _BGRA,
    'mono8': _MONO, '8UC1': _MONO, 'mono16': _LITTLE_MONO16,
    # OpenCV names a Bayer pattern by its second row: RGGB is its "BG".
    'bayer_rggb8': _colour(cv2.COLOR_BayerBG2RGB, 1, even='both'),
    'bayer_bggr8': _colour(cv2.COLOR_BayerRG2RGB, 1, even='both'),
    'bayer_gbrg8': _colour(cv2.COLOR_BayerGR2RGB, 1, even='both'),
    'bayer_grbg8': _colour(cv2.COLOR_BayerGB2RGB, 1, even='both'),
    'yuv422': _UYVY, 'uyvy': _UYVY, 'yuv422_yuy2': _YUYV, 'yuyv': _YUYV,
    'nv12': _colour(cv2.COLOR_YUV2RGB_NV12, 1, even='both', rows_per_two=3),
}

#: The encodings of sensor_msgs/Image that can be decoded.
ENCODINGS = tuple(_ENCODINGS)


def decode_image(message: Any) -> Pixels:
    """
    Decode a sensor_msgs/Image.

    Reads padded rows and both byte orders; mono16 is scaled so that 65535 becomes 255.

    :return: (H, W, 3) RGB; may share the memory of the message.
    :raises VprError: for an encoding that is not one of ENCODINGS.
    :raises ValueError: when size, step and amount of data contradict each other.
    """
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None:
        raise unknown_name('image encoding', str(message.encoding), _ENCODINGS)
    if encoding is _LITTLE_MONO16 and message.is_bigendian:
        encoding = _BIG_MONO16
    width, height = int(message.width), int(message.height)
    check_size(width, height)
    odd = ((encoding.even in ('width', 'both') and width % 2)
           or (encoding.even == 'both' and height % 2))
    if odd:
        raise ValueError(
            f'an image of encoding {message.encoding!r} has an even size, got {width} x {height}')
    pixels = pixel_rows(message, width * encoding.bytes_per_pixel,
                        height * encoding.rows_per_two // 2)
    return np.ascontiguousarray(encoding.convert(pixels))


def decode_compressed_image(message: Any) -> Pixels:
    """
    Decode a sensor_msgs/CompressedImage that holds a JPEG or a PNG.

    :return: (H, W, 3) RGB, as the sensor saw it (a rotation noted in the file is not applied).
    :raises VprError: when it holds something else.
    :raises ValueError: when the file is damaged or absurdly large.
    """
    data = octets(message.data)
    check_size(*_encoded_size(data, str(message.format)))
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError(
            f'a compressed image of format {message.format!r} and {data.size} bytes is damaged: '
            'it cannot be decoded')
    # image_transport writes 'rgb8; jpeg compressed bgr8': what follows 'compressed' is the order
    # of the channels inside the file, and only there can it differ from the usual one.
    if 'compressed rgb' in message.format:
        return np.asarray(pixels, dtype=np.uint8)
    return np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8)


def image_message(factory: MessageFactory, image: Pixels, *, stamp_ns: int, frame_id: str,
                  encoding: str = 'rgb8') -> Any:
    """
    Make a sensor_msgs/Image.

    :param image: (H, W, 3) RGB.
    :param encoding: 'rgb8' or 'bgr8'.
    """
    if encoding not in ('rgb8', 'bgr8'):
        raise unknown_name('encoding of written images', encoding, ('rgb8', 'bgr8'))
    pixels = np.ascontiguousarray(image if encoding == 'rgb8' else image[:, :, ::-1])
    height, width, _ = pixels.shape
    return factory.new(
        'sensor_msgs/msg/Image', header=header(factory, stamp_ns, frame_id), height=height,
        width=width, encoding=encoding, is_bigendian=0, step=3 * width,
        data=factory.octets(pixels.reshape(-1).data))


def compressed_image_message(factory: MessageFactory, image: Pixels, *, stamp_ns: int,
                             frame_id: str, quality: int = 90) -> Any:
    """
    Make a sensor_msgs/CompressedImage with a JPEG.

    :param image: (H, W, 3) RGB.
    :param quality: 1 to 100.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f'a JPEG has a quality from 1 to 100, got {quality}')
    _, data = cv2.imencode('.jpg', np.ascontiguousarray(image[:, :, ::-1]),
                           [cv2.IMWRITE_JPEG_QUALITY, quality])
    return factory.new(
        'sensor_msgs/msg/CompressedImage', header=header(factory, stamp_ns, frame_id),
        format='rgb8; jpeg compressed bgr8', data=factory.octets(data.reshape(-1).data))


def _encoded_size(data: Pixels, form: str) -> tuple[int, int]:
    """Return width and height that a JPEG or PNG claims, before anything is decoded."""
    start = data[:24].tobytes()
    if len(start) < 24:
        raise ValueError(
            f'a compressed image of format {form!r} is damaged: it holds {data.size} bytes')
    if start.startswith(b'\x89PNG\r\n\x1a\n'):
        width, height = struct.unpack('>II', start[16:24])
        return width, height
    if start.startswith(b'\xff\xd8'):
        return _jpeg_size(data, form)
    raise VprError(
        f'a compressed image holds a JPEG or a PNG, got format {form!r} with the first bytes '
        f'{start[:8].hex(" ")}; depth and video topics are not images to localize by')


def _jpeg_size(data: Pixels, form: str) -> tuple[int, int]:
    """Walk over the segments of a JPEG to its frame header (SOF)."""
    position = 2
    while position + 9 <= data.size and data[position] == 0xFF:
        marker = int(data[position + 1])
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # a marker without a length
            position += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack('>HH', data[position + 5:position + 9].tobytes())
            return width, height
        else:
            position += 2 + int(data[position + 2]) * 256 + int(data[position + 3])
    raise ValueError(
        f'a compressed image of format {form!r} and {data.size} bytes is damaged: the JPEG has no '
        'frame header')
