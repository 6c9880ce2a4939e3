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
How local features become the bytes of a map's rows.

Descriptors of local features are kept in 8 bits a number, or in one where they only have signs:
what they say is their direction, which is made of unit length again when they are read.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.rows import Row
from vpr_ros.types import LocalFeatures

__all__ = ['bytes_per_feature', 'FEATURE_COLUMNS', 'features_from', 'features_row',
           'IMPORTED', 'LARGEST_FEATURES']

#: What :func:`features_row` makes and :func:`features_from` reads, in this order.
FEATURE_COLUMNS = 'count, points, descriptors, scores, encoding, depths'
#: The kind of local features that others made, and did not say how.
IMPORTED = 'imported'
#: Numbers that descriptors of a view may have; a hostile row is refused before it is unpacked.
LARGEST_FEATURES = 1 << 24
_LARGEST_HALF = float(np.finfo(np.float16).max)


class _Encoding(IntEnum):
    """How descriptors are kept."""

    HALF = 0  # float16: of maps of version 2
    BYTES = 1  # int8, each row as a multiple of its largest value
    BITS = 2  # signs, eight to a byte; 1 is positive


def features_row(features: LocalFeatures) -> tuple[int, bytes, bytes, bytes, int, bytes | None]:
    """Return what the columns of local features hold, without place and camera."""
    points, descriptors, scores = features.points, features.descriptors, features.scores
    if not all(np.isfinite(array).all() for array in (points, descriptors, scores)):
        raise VprError('local features must have finite points, descriptors and scores')
    if descriptors.size > LARGEST_FEATURES:
        raise VprError(f'a view keeps up to {LARGEST_FEATURES} numbers of local features, got '
                       f'{len(points)} of {descriptors.shape[1]}')
    encoding = _encoding(descriptors)
    return (len(points), np.ascontiguousarray(points, '<f4').tobytes(),
            _pack(descriptors, encoding).tobytes(),
            _halves(np.clip(scores, -_LARGEST_HALF, _LARGEST_HALF)), encoding.value,
            None if features.depths is None else _halves(np.where(
                # What no camera measures is not known.
                (features.depths > 0.0) & (features.depths < _LARGEST_HALF),
                features.depths, np.nan)))


def features_from(row: Row) -> LocalFeatures:
    """Read what :func:`features_row` made; ValueError or TypeError for anything else."""
    count, points, descriptors, scores, encoding, depths = row
    if type(count) is not int or count < 0:
        raise ValueError(f'{count!r} local features')
    return LocalFeatures(
        points=np.frombuffer(points, '<f4').reshape(count, 2),
        descriptors=_unpack(descriptors, _Encoding(encoding), count),
        scores=np.frombuffer(scores, '<f2'),
        depths=None if depths is None else np.frombuffer(depths, '<f2'))


def bytes_per_feature(features: LocalFeatures) -> int:
    """Return how many bytes of a map each feature takes."""
    bits = {_Encoding.BYTES: 8, _Encoding.BITS: 1}[_encoding(features.descriptors)]
    width: int = features.descriptors.shape[1]
    return 2 * 4 + 2 + width * bits // 8 + (0 if features.depths is None else 2)


def _encoding(descriptors: NDArray[np.float32]) -> _Encoding:
    """Return how descriptors (N, d) are kept: those that only have signs lose nothing in bits."""
    sizes = np.abs(descriptors)
    signs_only = (descriptors.shape[1] % 8 == 0 and sizes.size > 0 and sizes[0, 0] > 0.0
                  and bool((sizes == sizes[0, 0]).all()))
    return _Encoding.BITS if signs_only else _Encoding.BYTES


def _pack(descriptors: NDArray[np.float32], encoding: _Encoding) -> NDArray[Any]:
    if encoding is _Encoding.BITS:
        return np.packbits(descriptors > 0.0, axis=1)
    largest = np.abs(descriptors).max(axis=1, initial=0.0, keepdims=True)
    return np.rint(descriptors * (127.0 / np.where(largest > 0.0, largest, 1.0))).astype(np.int8)


def _unpack(blob: bytes, encoding: _Encoding, count: int) -> NDArray[np.float32]:
    """Return descriptors (count, d) of unit length; those in half precision as they are."""
    if len(blob) * (8 if encoding is _Encoding.BITS else 1) > LARGEST_FEATURES * (
            2 if encoding is _Encoding.HALF else 1):
        raise ValueError(f'{len(blob)} bytes of local features')
    width = -1 if count else 0
    if encoding is _Encoding.HALF:
        return np.frombuffer(blob, '<f2').reshape(count, width).astype(np.float32)
    if encoding is _Encoding.BITS:
        bits = np.unpackbits(np.frombuffer(blob, np.uint8).reshape(count, width), axis=1)
        size = max(bits.shape[1], 1) ** -0.5
        return np.asarray(np.where(bits > 0, size, -size), np.float32)
    values = np.frombuffer(blob, np.int8).reshape(count, width).astype(np.float32)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(norms > 0.0, norms, 1.0), np.float32)


def _halves(values: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(values, '<f2').tobytes()
