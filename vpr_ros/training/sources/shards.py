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
Packed training images: one file that travels as a whole and is read without unpacking.

An uncompressed tar archive (POSIX ustar) with these members, in this order and nothing else:

* ``shard.json``: format, version, the unit of positions, the box that all images fit in, how many
  examples, images, and images of an example there are, and the names of the regions;
* ``examples.csv``: a line for each example: the numbers of its images, region, traverse, place,
  position, heading and box; what is unknown is empty;
* ``images/0000000.jpg`` and so on: the images, JPEG;
* ``images.csv``: what each is called, and its CRC-32.

The same table makes the same bytes. A file may come from anywhere: nothing in it names a path,
what it declares is checked against its size before memory is taken for it, and an image that is
damaged or larger than declared is not decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import csv
from dataclasses import dataclass
import io
import json
import os
from pathlib import Path
from typing import Any
import weakref
import zlib

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages

__all__ = ['BLOCK', 'EXAMPLE_COLUMNS', 'FORMAT', 'HEAD', 'image_member', 'IMAGE_COLUMNS', 'IMAGES',
           'is_shard', 'LARGEST_SIDE', 'open_shard', 'ShardImages', 'TABLE', 'VERSION']

Array = NDArray[Any]
FORMAT = 'vpr_ros training images'
VERSION = 1
HEAD, TABLE, IMAGES = 'shard.json', 'examples.csv', 'images.csv'
EXAMPLE_COLUMNS = ('images', 'region', 'traverse', 'place', 'x', 'y', 'heading', 'left', 'top',
                   'width', 'height')
IMAGE_COLUMNS = ('file', 'label', 'crc32')
BLOCK = 512  # of a tar archive
LARGEST_SIDE = 8192  # 200 MB decoded
_LARGEST_TABLE = 2 ** 29
_COPY_AGAIN = 'copy or pack it again'


def image_member(number: int) -> str:
    """Return the name of an image in the archive."""
    return f'images/{number:07d}.jpg'


def is_shard(path: Path) -> bool:
    """Tell whether a file begins as packed images do."""
    try:
        with path.open('rb') as file:
            start = file.read(BLOCK)
    except OSError:
        return False
    return start[:len(HEAD) + 1] == HEAD.encode() + b'\0' and start[257:262] == b'ustar'


def open_shard(path: Path) -> PlaceImages:
    """
    Open packed images; only the tables are read.

    :raises VprError: when the file is not one that :func:`write_shard
        <vpr_ros.training.sources.packing.write_shard>` made, as a whole.
    """
    try:
        with path.open('rb', buffering=0) as file:
            status = os.fstat(file.fileno())
            return _Reader(path, file.fileno(), status).table()
    except OSError as error:
        raise VprError(f'cannot read packed images from {path}: '
                       f'{error.strerror or error}') from error


class ShardImages:
    """
    The images of a packed file, read at their offsets.

    The file is opened where an image is read first, so this can be handed to other processes.

    :param offsets: (n,) int64, where in the file each begins.
    :param sizes: (n,) int64 bytes.
    :param checks: (n,) int64, the CRC-32 of each.
    :param box: (h, w) that all images fit in.
    :param version: size and time of change of the file that the offsets are of.
    """

    def __init__(self, path: Path, offsets: Array, sizes: Array, checks: Array,
                 labels: Sequence[str], *, box: tuple[int, int],
                 version: tuple[int, int]) -> None:
        self.path = path.absolute()
        self.offsets, self.sizes, self.checks = offsets, sizes, checks
        self.labels = tuple(labels)
        self.box = box
        self._version = version
        self._descriptor: int | None = None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.offsets)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: another process has its own."""
        return {**self.__dict__, '_descriptor': None}

    def label(self, index: int) -> str:
        """Return what image ``index`` was called where it came from."""
        return self.labels[index]

    def encoded(self, index: int) -> bytes:
        """Return the JPEG of image ``index``; VprError when it is not what was packed."""
        if not 0 <= index < len(self):
            raise IndexError(f'{self.path} has images 0 to {len(self) - 1}, asked for {index}')
        size = int(self.sizes[index])
        try:
            data = os.pread(self._open(), size, int(self.offsets[index]))
        except OSError as error:
            raise VprError(f'cannot read {self._name(index)}: {error.strerror}') from error
        if len(data) != size or zlib.crc32(data) != self.checks[index]:
            raise VprError(f'{self._name(index)} is damaged: {_COPY_AGAIN}')
        return data

    def read(self, index: int) -> Array:
        """Return image ``index`` as (H, W, 3) uint8 RGB; VprError when it is damaged."""
        import cv2

        data = self.encoded(index)
        size = _jpeg_size(data)
        if size is None or size[0] > self.box[0] or size[1] > self.box[1]:
            came = 'something else' if size is None else f'{size[1]} x {size[0]} pixels'
            raise VprError(f'{self._name(index)} must be a JPEG of at most {self.box[1]} x '
                           f'{self.box[0]} pixels, got {came}: {_COPY_AGAIN}')
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise VprError(f'{self._name(index)} cannot be decoded: {_COPY_AGAIN}')
        rgb: Array = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return rgb

    def _name(self, index: int) -> str:
        return f'image {index} ({self.labels[index]}) of {self.path}'

    def _open(self) -> int:
        if self._descriptor is None:
            descriptor = os.open(self.path, os.O_RDONLY)
            if _version(os.fstat(descriptor)) != self._version:
                os.close(descriptor)
                raise VprError(f'{self.path} is not the file it was when it was opened: start '
                               'again')
            self._descriptor = descriptor
            weakref.finalize(self, os.close, descriptor)
        return self._descriptor


@dataclass(frozen=True)
class _Member:
    name: str
    offset: int
    size: int


@dataclass(frozen=True)
class _Head:
    unit: str
    box: tuple[int, int]
    examples: int
    images: int
    length: int
    regions: tuple[str, ...]


class _Reader:
    """Reads the tables of one file, which may hold anything."""

    def __init__(self, path: Path, descriptor: int, status: os.stat_result) -> None:
        self._path = path
        self._descriptor = descriptor
        self._status = status

    def table(self) -> PlaceImages:
        members = self._members()
        head = self._head(self._text(members, HEAD))
        columns = self._examples(self._text(members, TABLE), head)
        # More than the pixels take, and no JPEG of a few hundred pixels is larger.
        largest = 4 * head.box[0] * head.box[1] + 2 ** 16
        offsets, sizes = [], []
        for number in range(head.images):
            member = self._next(members, image_member(number), most=largest)
            offsets.append(member.offset)
            sizes.append(member.size)
        labels, checks = self._labels(self._text(members, IMAGES), head)
        for member in members:
            raise self._error(f'it must end after {IMAGES}, but {member.name!r} follows')
        source = ShardImages(
            self._path, np.array(offsets, np.int64), np.array(sizes, np.int64), checks, labels,
            box=head.box, version=_version(self._status))
        try:
            return PlaceImages(source=source, unit=head.unit, region_names=head.regions,
                               **columns)
        except ValueError as error:
            raise self._error(f'in {TABLE} {error}') from error

    def _error(self, what: str) -> VprError:
        return VprError(f'{self._path} is damaged, or not a file of packed training images: '
                        f'{what}; {_COPY_AGAIN}')

    def _members(self) -> Iterator[_Member]:
        """Yield what the archive holds, up to its end."""
        offset = 0
        while True:
            header = os.pread(self._descriptor, BLOCK, offset)
            if header == bytes(BLOCK):
                return
            if len(header) < BLOCK:
                raise self._error(f'it is cut off after {self._status.st_size} bytes')
            member = self._member(header, offset)
            yield member
            offset = member.offset + -(-member.size // BLOCK) * BLOCK

    def _member(self, header: bytes, offset: int) -> _Member:
        blank = header[:148] + b' ' * 8 + header[156:]
        name = header[:100].split(b'\0')[0].decode('ascii', errors='replace')
        size, check = (_octal(header[part]) for part in (slice(124, 136), slice(148, 156)))
        if header[257:262] != b'ustar' or check != sum(blank) or size is None:
            raise self._error(f'expected a member of a tar archive at byte {offset}')
        if header[156:157] not in (b'0', b'\0') or header[345]:
            raise self._error(f'{name!r} is no plain file')
        if offset + BLOCK + size > self._status.st_size:
            raise self._error(f'it is cut off: {name!r} of {size} bytes begins at byte '
                              f'{offset + BLOCK} of {self._status.st_size}')
        return _Member(name, offset + BLOCK, size)

    def _next(self, members: Iterator[_Member], name: str, *, most: int) -> _Member:
        """Return the next member, which must be of that name and no larger than that."""
        member = next(members, None)
        if member is None:
            raise self._error(f'it ends before {name}')
        if member.name != name:
            raise self._error(f'expected {name} at byte {member.offset}, got {member.name!r}')
        if member.size > most:
            raise self._error(f'{name} has {member.size} bytes, expected at most {most}')
        return member

    def _text(self, members: Iterator[_Member], name: str) -> str:
        member = self._next(members, name, most=_LARGEST_TABLE)
        data = os.pread(self._descriptor, member.size, member.offset)
        try:
            return data.decode('utf-8')
        except UnicodeDecodeError as error:
            raise self._error(f'{name} is no text in UTF-8 ({error})') from error

    def _head(self, text: str) -> _Head:
        try:
            values = json.loads(text)
        except (RecursionError, ValueError) as error:
            raise self._error(f'{HEAD} is no JSON ({str(error)[:100]})') from error
        if not isinstance(values, dict) or values.get('format') != FORMAT:
            raise self._error(f'{HEAD} must say that the format is {FORMAT!r}')
        version = values.get('version')
        if version != VERSION:
            raise VprError(f'{self._path} is of version {str(version)[:20]} of packed images, '
                           f'this vpr_ros reads version {VERSION}: update vpr_ros, or pack the '
                           'images again')
        counts = {}
        for name, least, most in (('height', 1, LARGEST_SIDE), ('width', 1, LARGEST_SIDE),
                                  ('examples', 1, _LARGEST_TABLE), ('images', 1, _LARGEST_TABLE),
                                  ('length', 1, _LARGEST_TABLE)):
            count = values.get(name)
            if type(count) is not int or not least <= count <= most:
                raise self._error(f'{name} in {HEAD} must be a whole number from {least} to '
                                  f'{most}, got {str(count)[:40]}')
            counts[name] = count
        unit, regions = values.get('unit'), values.get('regions')
        if not isinstance(unit, str) or not isinstance(regions, list) \
                or not all(isinstance(name, str) for name in regions):
            raise self._error(f'unit in {HEAD} must be a text, and regions a list of texts')
        return _Head(unit=unit, box=(counts['height'], counts['width']),
                     examples=counts['examples'], images=counts['images'],
                     length=counts['length'], regions=tuple(regions))

    def _rows(self, text: str, name: str, columns: Sequence[str]) -> Iterator[list[str]]:
        """Yield the lines of a table after its header."""
        reader = csv.reader(io.StringIO(text, newline=''), strict=True)
        try:
            for cells in reader:
                if reader.line_num == 1 and cells != list(columns):
                    raise self._error(f'{name} must begin with {",".join(columns)}')
                if len(cells) != len(columns):
                    raise self._error(f'line {reader.line_num} of {name} must hold '
                                      f'{len(columns)} values, got {len(cells)}')
                if reader.line_num > 1:
                    yield cells
        except csv.Error as error:
            raise self._error(f'line {reader.line_num} of {name}: {error}') from error

    def _examples(self, text: str, head: _Head) -> dict[str, Array]:
        # Lists, and not an array of the declared shape, which may be any.
        frames: list[list[int]] = []
        numbers: list[list[int]] = []
        values: list[list[float]] = []
        for cells in self._rows(text, TABLE, EXAMPLE_COLUMNS):
            try:
                frames.append([int(number) for number in cells[0].split(' ')])
                numbers.append([int(number) for number in cells[1:4]])
                values.append([float(value) if value else np.nan for value in cells[4:]])
            except ValueError as error:
                raise self._error(f'example {len(values)} in {TABLE}: {error}') from error
            if len(frames[-1]) != head.length:
                raise self._error(f'example {len(values) - 1} in {TABLE} must have {head.length} '
                                  f'image(s), got {len(frames[-1])}')
        if len(values) != head.examples:
            raise self._error(f'{TABLE} must have {head.examples} examples, got {len(values)}')
        try:
            whole = np.array(numbers, np.int64)
            chosen = np.array(frames, np.int64)
        except OverflowError as error:
            raise self._error(f'a number in {TABLE} does not fit 64 bits') from error
        real = np.array(values, np.float64)
        return {'frames': chosen, 'regions': whole[:, 0], 'traverses': whole[:, 1],
                'places': whole[:, 2], 'positions': real[:, :2], 'headings': real[:, 2],
                'boxes': real[:, 3:], 'parts': np.zeros(len(real), np.int64)}

    def _labels(self, text: str, head: _Head) -> tuple[list[str], Array]:
        labels: list[str] = []
        checks: list[int] = []
        for file, label, check in self._rows(text, IMAGES, IMAGE_COLUMNS):
            if file != image_member(len(labels)) or not check.isdecimal() or len(check) > 10:
                raise self._error(f'{IMAGES} must hold {image_member(len(labels))} and its '
                                  f'CRC-32, got {file[:40]!r} and {check[:40]!r}')
            labels.append(label)
            checks.append(int(check))
        if len(labels) != head.images:
            raise self._error(f'{IMAGES} must have {head.images} images, got {len(labels)}')
        return labels, np.array(checks, np.int64)


def _version(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _octal(field: bytes) -> int | None:
    """Return a number of a tar header; None for what is none, or written in another way."""
    digits = field.strip(b' \0')
    return int(digits, 8) if digits and not digits.strip(b'01234567') else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return (height, width) of a JPEG without decoding it; None for what is no JPEG."""
    at = 2
    while data[:2] == b'\xff\xd8' and at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2:at + 4], 'big')
        # The frames, whatever their coding; C4, C8 and CC are tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return (int.from_bytes(data[at + 5:at + 7], 'big'),
                    int.from_bytes(data[at + 7:at + 9], 'big'))
        if length < 2:
            return None
        at += 2 + length
    return None
