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

"""Pictures for people: a similarity matrix, inline JPEG and PNG."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.messages.overlay import rgb_picture

__all__ = [
    'colour_matrix', 'data_uri', 'decode_picture', 'encode_jpeg', 'encode_png', 'fit_within',
    'matrix_colours', 'shrink_matrix',
]

Array = NDArray[Any]


@lru_cache(maxsize=1)
def matrix_colours() -> Array:
    """
    Return (256, 3) uint8 RGB for similarities, from pale to deep blue.

    The lightness falls evenly (CIELAB), so equal steps look equal, in grey print too.
    """
    import cv2

    t = np.linspace(0.0, 1.0, 256, dtype=np.float32)
    lightness = 97.0 - 75.0 * t
    chroma = 3.0 + 19.0 * np.sin(np.pi * 0.85 * t)
    hue = np.deg2rad(250.0 + 25.0 * t)
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    rgb = cv2.cvtColor(lab[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0]
    return np.asarray((rgb * 255).round().clip(0, 255).astype(np.uint8))


def shrink_matrix(matrix: ArrayLike, max_rows: int, max_columns: int) -> Array:
    """
    Make a matrix small enough to draw; each cell keeps the largest value under it.

    The largest, not the mean: a line of matches one cell wide must stay visible.

    :param matrix: (rows, columns); values that are not finite count as the smallest.
    :returns: float32 of at most (max_rows, max_columns).
    """
    values = np.array(matrix, dtype=np.float32)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f'expected a matrix that is not empty, got shape {values.shape}')
    finite = np.isfinite(values)
    if not finite.all():
        values[~finite] = values[finite].min() if finite.any() else 0.0
    for axis, limit in ((0, max_rows), (1, max_columns)):
        size = values.shape[axis]
        if size > limit:
            starts = (np.arange(limit) * size) // limit
            values = np.maximum.reduceat(values, starts, axis=axis)
    return values


def colour_matrix(matrix: ArrayLike, low: float, high: float) -> Array:
    """Colour a matrix with :func:`matrix_colours` between ``low`` and ``high``; RGB uint8."""
    values = np.asarray(matrix, dtype=np.float32)
    span = high - low if high > low else 1.0
    levels = ((values - low) / span * 255).clip(0, 255).astype(np.uint8)
    return np.asarray(matrix_colours()[levels])


def fit_within(image: ArrayLike, max_width: int, max_height: int, *,
               enlarge: bool = False) -> Array:
    """
    Shrink an RGB image to fit, keeping its shape.

    :param enlarge: let a smaller one grow until it fits; otherwise it is returned as it is.
    """
    import cv2

    picture = rgb_picture(image)
    height, width = picture.shape[:2]
    scale = min(max_width / width, max_height / height)
    if scale == 1 or (scale > 1 and not enlarge):
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(
        picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def encode_jpeg(image: ArrayLike, *, quality: int = 80) -> bytes:
    """Encode an RGB image as JPEG."""
    import cv2

    return _encode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(image: ArrayLike) -> bytes:
    """Encode an RGB image as PNG."""
    return _encode('.png', image, [])


def decode_picture(picture: ArrayLike | bytes) -> Array:
    """
    Return a picture as (H, W, 3) uint8 RGB, from an array or from the bytes of an image file.

    Bytes that are no image are a VprError.
    """
    import cv2

    if not isinstance(picture, bytes):
        return rgb_picture(picture)
    image = None
    if picture:
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise VprError(f'expected an encoded image, got {len(picture)} bytes that are none')
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def data_uri(data: bytes, media_type: str) -> str:
    """Return ``data`` as a data: address, for pages that load nothing from elsewhere."""
    return f'data:{media_type};base64,{base64.b64encode(data).decode("ascii")}'


def _encode(kind: str, image: ArrayLike, options: list[int]) -> bytes:
    import cv2

    done, data = cv2.imencode(kind, cv2.cvtColor(rgb_picture(image), cv2.COLOR_RGB2BGR), options)
    if not done:
        raise VprError(f'cannot encode a picture as {kind}')
    return bytes(data.tobytes())
