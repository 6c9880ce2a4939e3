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
"""Packing training images into one file; :mod:`vpr_ros.training.sources.shards` reads it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
import csv
from dataclasses import dataclass
from functools import cached_property
import io
import json
import math
import os
from pathlib import Path
import tarfile
from typing import Any
from typing import BinaryIO
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.traverse import ImageSource
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.sources.shards import BLOCK
from vpr_ros.training.sources.shards import EXAMPLE_COLUMNS
from vpr_ros.training.sources.shards import FORMAT
from vpr_ros.training.sources.shards import HEAD
from vpr_ros.training.sources.shards import IMAGE_COLUMNS
from vpr_ros.training.sources.shards import image_member
from vpr_ros.training.sources.shards import IMAGES
from vpr_ros.training.sources.shards import LARGEST_SIDE
from vpr_ros.training.sources.shards import TABLE
from vpr_ros.training.sources.shards import VERSION

__all__ = ['ShardSummary', 'write_shard']

Array = NDArray[Any]
# Below this quality the blocks of JPEG are seen, by people and by networks.
_LOWEST_QUALITY = 50
_STEP = 5
_SAMPLED = 256


@dataclass(frozen=True)
class ShardSummary:
    """
    What was packed.

    :param quality: of the JPEG images, which may be lower than asked for.
    """

    examples: int
    images: int
    size_bytes: int
    quality: int


class _TooLarge(Exception):
    """The file outgrew its limit."""


def write_shard(images: PlaceImages, path: Path, *, size: tuple[int, int] = (240, 320),
                quality: int = 85, limit_bytes: int | None = None,
                progress: Callable[[], None] | None = None) -> ShardSummary:
    """
    Pack training images into one file, which appears whole or not at all.

    Each image is stored once, whatever windows or sequences it is in, and whole.

    :param path: replaced where it exists.
    :param size: (h, w) that images are shrunk to fit in; their aspect stays, none grows.
    :param quality: of JPEG, 1 to 100. Where the file would become too large it is lowered in steps
        down to 50, by an estimate from some of the images; no image is ever left out.
    :param limit_bytes: the file has at most as many; None for any number.
    :param progress: called for each image that was packed.
    :raises VprError: when the images do not fit, with how many would.
    """
    if not (1 <= min(size) and max(size) <= LARGEST_SIDE) or not 1 <= quality <= 100:
        raise VprError(f'packed images have 1 to {LARGEST_SIDE} pixels a side and a quality of 1 '
                       f'to 100, got {size[1]} x {size[0]} and {quality}')
    if not len(images):
        raise VprError('there are no examples to pack')
    packing = _Packing(images, size)
    partial = path.with_name(f'.{path.name}.{os.getpid()}.partial')
    advance = _Advance(progress)
    try:
        for chosen in packing.qualities(quality, limit_bytes):
            try:
                with partial.open('wb') as file:
                    packing.write(file, chosen, limit_bytes, advance)
                break
            except _TooLarge:  # the images that were looked at are smaller than the others
                continue
        partial.replace(path)
        return ShardSummary(examples=len(images), images=len(packing.numbers),
                            size_bytes=path.stat().st_size, quality=chosen)
    except OSError as error:
        raise VprError(f'cannot write {path}: {error.strerror or error}') from error
    finally:
        with suppress(OSError):  # of a folder that cannot be written, which was said already
            partial.unlink(missing_ok=True)


class _Advance:
    """Tells of every image once, though packing may begin again."""

    def __init__(self, progress: Callable[[], None] | None) -> None:
        self._progress = progress
        self._told = 0

    def __call__(self, done: int) -> None:
        while self._progress is not None and self._told < done:
            self._told += 1
            self._progress()


class _Packing:
    """One table to be packed."""

    def __init__(self, images: PlaceImages, size: tuple[int, int]) -> None:
        self._source: ImageSource = images.source
        self._size = size
        self.numbers, frames = np.unique(images.frames, return_inverse=True)
        self._labels = [_readable(self._source.label(int(number))) for number in self.numbers]
        self._table = _csv(EXAMPLE_COLUMNS, _example_rows(
            images, frames.reshape(images.frames.shape)))
        self._head = {
            'format': FORMAT, 'version': VERSION, 'unit': images.unit, 'height': size[0],
            'width': size[1], 'examples': len(images), 'images': len(self.numbers),
            'length': images.length, 'regions': [_readable(n) for n in images.region_names]}

    def qualities(self, wanted: int, limit: int | None) -> Iterator[int]:
        """
        Yield the qualities to try, the best first: the wanted one, or those that seem to fit.

        :raises VprError: where one is asked for after the last.
        """
        if limit is None:
            yield wanted
            return
        count = len(self.numbers)
        at = np.linspace(0, count - 1, min(_SAMPLED, count)).astype(int)
        sample = [self._image(int(row)) for row in at]
        each = 0.0
        for quality in (wanted, *range(wanted - _STEP, _LOWEST_QUALITY - 1, -_STEP)):
            sizes = [_member_bytes(len(_encode(image, quality))) for image in sample]
            each = float(np.mean(sizes))
            if self._around + count * each <= limit:
                yield quality
        fit = max(0, int((limit - self._around) / each))
        raise VprError(
            f'{count} images of at most {self._size[1]} x {self._size[0]} pixels take about '
            f'{(self._around + count * each) / 1e6:.1f} MB even at quality {quality}, and the '
            f'limit is {limit / 1e6:.1f} MB, which about {fit} would fit in: choose a smaller '
            'size, a larger limit, or fewer images')

    def write(self, file: BinaryIO, quality: int, limit: int | None, advance: _Advance) -> None:
        """Write the archive; :class:`_TooLarge` as soon as it is larger than the limit."""
        checks: list[int] = []
        with tarfile.open(fileobj=file, mode='w', format=tarfile.USTAR_FORMAT) as tar:
            _add(tar, HEAD, self._first(quality))
            _add(tar, TABLE, self._table)
            for row in range(len(self.numbers)):
                data = _encode(self._image(row), quality)
                checks.append(zlib.crc32(data))
                _add(tar, image_member(row), data)
                if limit is not None and tar.offset + self._end > limit:
                    raise _TooLarge
                advance(row + 1)
            _add(tar, IMAGES, self._names(checks))

    def _names(self, checks: Sequence[int]) -> bytes:
        return _csv(IMAGE_COLUMNS, ((image_member(row), self._labels[row], check)
                                    for row, check in enumerate(checks)))

    @cached_property
    def _end(self) -> int:
        """Return the most bytes that follow the images."""
        longest = self._names([2 ** 32 - 1] * len(self.numbers))
        return _member_bytes(len(longest)) + 2 * BLOCK + tarfile.RECORDSIZE

    @cached_property
    def _around(self) -> int:
        """Return the most bytes of all but the images."""
        return sum(map(_member_bytes, (len(self._first(100)), len(self._table)))) + self._end

    def _first(self, quality: int) -> bytes:
        head = {**self._head, 'quality': quality}
        return (json.dumps(head, ensure_ascii=False, indent=1) + '\n').encode()

    def _image(self, row: int) -> Array:
        image = self._source.read(int(self.numbers[row]))
        shrunk = min(1.0, self._size[0] / image.shape[0], self._size[1] / image.shape[1])
        if shrunk == 1.0:
            return image
        h, w = (max(1, round(side * shrunk)) for side in image.shape[:2])
        return np.asarray(cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA))


def _encode(image: Array, quality: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    done, data = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise VprError(f'an image of {image.shape[1]} x {image.shape[0]} pixels cannot be made '
                       'a JPEG')
    return data.tobytes()


def _example_rows(images: PlaceImages, frames: Array) -> Iterable[tuple[object, ...]]:
    numbers = np.stack([images.regions, images.traverses, images.places], axis=1).tolist()
    values = np.concatenate([images.positions, images.headings[:, None], images.boxes],
                            axis=1).tolist()
    for chosen, whole, real in zip(frames.tolist(), numbers, values, strict=True):
        # repr gives the digits that make the very same number again.
        yield (' '.join(map(str, chosen)), *whole,
               *('' if math.isnan(value) else repr(value) for value in real))


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline='')
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _readable(text: str) -> str:
    """Return a text without the bytes of a file name that are no characters."""
    return text.encode('utf-8', errors='backslashreplace').decode().replace('\0', '')


def _member_bytes(size: int) -> int:
    """Return what a member of that size takes in a tar archive."""
    return BLOCK + -(-size // BLOCK) * BLOCK


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file of nobody and no time."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
