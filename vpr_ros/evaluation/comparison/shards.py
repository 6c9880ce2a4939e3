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

"""Descriptions of some hundred frames as the bytes of one file."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import io
from typing import Any
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray
from vpr_ros.types import Description
from vpr_ros.types import LocalFeatures

__all__ = ['LacksFeatures', 'pack', 'Shard', 'unpack']

Array = NDArray[Any]


class LacksFeatures(Exception):
    """Descriptions were kept without local features, or with those of another kind."""


@dataclass(frozen=True, eq=False)
class Shard:
    """
    What is kept of the descriptions of frames that follow each other.

    :param descriptors: (n, D) float32.
    :param seconds: (n,) float32 how long each took: its share of the time of its batch.
    :param attention: (n, h, w) uint8 from 0 where a network looks least to 255 where it looks
        most, in each image by itself, as pictures show it; None where it says nothing.
    :param features: local features of each frame; None where nobody asked for them.
    :param kind: which local features they are, empty for none.
    """

    descriptors: Array
    seconds: Array
    attention: Array | None = None
    features: tuple[LocalFeatures, ...] | None = None
    kind: str = ''

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.descriptors)

    @classmethod
    def of(cls, descriptions: Sequence[Description], seconds: Sequence[float],
           kind: str) -> Shard:
        """Keep descriptions; their stamps and cameras are those of the traverse."""
        attention = [d.attention for d in descriptions if d.attention is not None]
        features = tuple(d.local_features for d in descriptions if d.local_features is not None)
        whole = len(descriptions)
        return cls(
            np.stack([d.descriptor for d in descriptions]), np.array(seconds, np.float32),
            np.stack([_levels(a) for a in attention]) if len(attention) == whole else None,
            features if kind else None, kind)


def _levels(attention: Array) -> Array:
    low, high = float(attention.min()), float(attention.max())
    if high - low <= 1e-6 * max(high, 1e-30):  # an even map has nothing to show
        return np.zeros(attention.shape, np.uint8)
    return np.asarray(((attention - low) / (high - low) * 255).round().astype(np.uint8))


def pack(shard: Shard) -> bytes:
    """Return the bytes of a file with a checksum of each part (.npz, not compressed)."""
    arrays: dict[str, Any] = {'descriptors': shard.descriptors, 'seconds': shard.seconds}
    if shard.attention is not None:
        arrays['attention'] = shard.attention
    if shard.features is not None:
        arrays.update(_columns(shard.features), kind=np.array(shard.kind))
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _columns(features: tuple[LocalFeatures, ...]) -> dict[str, Array]:
    columns: dict[str, Array] = {
        'local_counts': np.array([len(f.points) for f in features], np.int64)}
    for name in ('points', 'descriptors', 'scores'):
        columns[f'local_{name}'] = np.concatenate([getattr(f, name) for f in features])
    if any(f.depths is not None for f in features):
        columns['local_depths'] = np.concatenate([
            np.full(len(f.points), np.nan, np.float32) if f.depths is None else f.depths
            for f in features])
    return columns


def unpack(data: bytes, *, count: int, dimension: int, kind: str = '') -> Shard:
    """
    Read what :func:`pack` wrote.

    :param count: how many frames are expected, of descriptors of ``dimension``.
    :param kind: which local features are wanted; without it they are not read.
    :raises LacksFeatures: when they are not there.
    :raises ValueError: for anything else, such as a file that was cut off.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if kind and ('kind' not in file.files or str(file['kind']) != kind):
                raise LacksFeatures
            wanted = [name for name in file.files if kind or not name.startswith('local_')]
            arrays = {name: file[name] for name in wanted}
            shard = Shard(
                _shaped(arrays, 'descriptors', (count, dimension), np.float32),
                _shaped(arrays, 'seconds', (count,), np.float32),
                arrays.get('attention'), _rows(arrays, count) if kind else None, kind)
    # One changed bit may make an archive encrypted, or packed in a way that nobody knows.
    except (EOFError, KeyError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f'{type(error).__name__}: {error}') from error
    if not np.isfinite(shard.descriptors).all():
        raise ValueError('descriptors are not finite')
    attention = shard.attention
    if attention is not None and (attention.ndim != 3 or len(attention) != count
                                  or attention.dtype != np.uint8):
        raise ValueError(f'attention has shape {attention.shape} for {count} frames')
    return shard


def _shaped(arrays: Mapping[str, Array], name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    array = arrays[name]
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f'expected {name} of shape {shape}, got {array.dtype} {array.shape}')
    return array


def _rows(arrays: Mapping[str, Array], count: int) -> tuple[LocalFeatures, ...]:
    counts = _shaped(arrays, 'local_counts', (count,), np.int64)
    total = int(counts.sum())
    parts = [arrays[f'local_{name}'] for name in ('points', 'descriptors', 'scores')]
    parts += [arrays['local_depths']] if 'local_depths' in arrays else []
    if (counts < 0).any() or any(len(part) != total for part in parts):
        raise ValueError(f'expected {total} local features, got {[len(p) for p in parts]}')
    ends = np.cumsum(counts)
    return tuple(LocalFeatures(*(part[end - n:end] for part in parts))
                 for n, end in zip(counts, ends, strict=True))
