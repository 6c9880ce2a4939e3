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

"""Stamps and poses of images or places, from a CSV table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import csv
from dataclasses import dataclass
from decimal import Decimal
from decimal import ROUND_HALF_EVEN
from pathlib import Path
import re
from typing import TextIO

import numpy as np
from vpr_ros.errors import nearest_name
from vpr_ros.errors import VprError
from vpr_ros.types import Pose

__all__ = ['COLUMNS', 'exact_ns', 'open_text', 'PoseRow', 'read_pose_table']

COLUMNS = ('id', 'file', 'stamp_ns', 'stamp_s', 'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw',
           'yaw')
QUATERNION = ('qx', 'qy', 'qz', 'qw')
MAX_STAMP_NS = 2 ** 63 - 1
MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class PoseRow:
    """
    What one line of the table says; None where the table has no such column.

    :param line: its number in the file, for messages.
    :param place_id: of a place of a map.
    """

    line: int
    file: str | None
    stamp_ns: int | None
    pose: Pose | None
    place_id: int | None = None


def read_pose_table(path: Path) -> list[PoseRow]:
    """
    Read the table beside a folder of images.

    The first line names the columns, in any order:

    * ``id``: of a place of a map; means nothing beside images,
    * ``file``: image file name (without it, lines and images pair up in order),
    * ``stamp_ns`` (integer) or ``stamp_s`` (decimal seconds, converted exactly and rounded to
      the nearest nanosecond),
    * ``x``, ``y`` and optionally ``z`` (0 without): metres in the map frame,
    * ``qx``, ``qy``, ``qz``, ``qw`` or ``yaw`` (radians): orientation (identity without).

    Unknown columns, bad numbers and missing cells are VprErrors that name file and line.
    """
    with open_text(path) as stream:
        try:
            return _read_rows(path, stream)
        except csv.Error as error:
            raise VprError(f'{path} is not a CSV table: {error}') from error


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a table of poses; VprError for what cannot be read, is no text, or is too large."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise VprError(f'{path} is too large for a table of poses (at most {MAX_BYTES} bytes)')
        # utf-8-sig: spreadsheets put a byte order mark in front of the first column name.
        with path.open(encoding='utf-8-sig', newline='') as stream:
            yield stream
    except OSError as error:
        raise VprError(f'cannot read {path}: {error.strerror or error}') from error
    except UnicodeDecodeError as error:
        raise VprError(f'{path} is not UTF-8 text; save it in UTF-8') from error


def exact_ns(seconds: str) -> int | None:
    """Return decimal seconds as nanoseconds, None for anything else or more than 64 bits hold."""
    if not re.fullmatch(r'[0-9]{1,19}(\.[0-9]*)?([eE]\+?[0-9]{1,2})?', seconds):
        return None
    # Decimal, not float: a double holds today's time only to about 200 ns.
    exact = Decimal(seconds).scaleb(9)
    return None if exact > MAX_STAMP_NS else int(exact.to_integral_value(ROUND_HALF_EVEN))


def _read_rows(path: Path, stream: TextIO) -> list[PoseRow]:
    reader = csv.reader(stream, skipinitialspace=True)
    header: list[str] | None = None
    rows: list[PoseRow] = []
    for cells in reader:
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if header is None:
            header = cells
            _check_header(path, header)
            continue
        if len(cells) != len(header):
            raise VprError(
                f'{path} line {reader.line_num}: expected {len(header)} values '
                f'({", ".join(header)}), got {len(cells)}')
        rows.append(_row(path, reader.line_num, dict(zip(header, cells, strict=True))))
    if header is None:
        raise VprError(f'{path} is empty; its first line names the columns ({", ".join(COLUMNS)})')
    return rows


def _check_header(path: Path, header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS:
            nearest = nearest_name(name, COLUMNS)
            hint = f'; did you mean {nearest!r}?' if nearest else ''
            raise VprError(
                f'{path} line 1: unknown column {name!r}{hint} (known: {", ".join(COLUMNS)})')
        if header.count(name) > 1:
            raise VprError(f'{path} line 1: the column {name!r} is there twice')
    columns = set(header)
    if {'stamp_ns', 'stamp_s'} <= columns:
        raise VprError(f'{path} line 1: give stamp_ns or stamp_s, not both')
    if 'yaw' in columns and columns & set(QUATERNION):
        raise VprError(f'{path} line 1: give yaw or qx, qy, qz, qw, not both')
    if columns & set(QUATERNION) and not set(QUATERNION) <= columns:
        missing = ', '.join(name for name in QUATERNION if name not in columns)
        raise VprError(f'{path} line 1: an orientation needs qx, qy, qz and qw; {missing} missing')
    if columns & {'x', 'y', 'z', 'yaw', *QUATERNION} and not {'x', 'y'} <= columns:
        missing = ', '.join(name for name in ('x', 'y') if name not in columns)
        raise VprError(f'{path} line 1: a pose needs at least x and y; {missing} missing')


def _row(path: Path, line: int, cells: dict[str, str]) -> PoseRow:
    stamp: int | None = None
    if 'stamp_ns' in cells:
        if not re.fullmatch(r'[0-9]{1,19}', cells['stamp_ns']):
            raise _bad_cell(path, line, 'stamp_ns', cells, 'a whole number of nanoseconds')
        stamp = int(cells['stamp_ns'])
    elif 'stamp_s' in cells:
        stamp = exact_ns(cells['stamp_s'])
        if stamp is None:
            raise _bad_cell(path, line, 'stamp_s', cells,
                            'seconds that fit 64-bit nanoseconds, as a decimal number')
    if stamp is not None and stamp > MAX_STAMP_NS:
        raise _bad_cell(path, line, 'stamp_ns', cells, 'nanoseconds that fit 64 bits')
    place_id = cells.get('id')
    if place_id is not None and not (
            re.fullmatch(r'[0-9]{1,19}', place_id) and 0 < int(place_id) <= MAX_STAMP_NS):
        raise _bad_cell(path, line, 'id', cells, 'the id of a place')
    return PoseRow(line, cells.get('file'), stamp, _pose(path, line, cells),
                   None if place_id is None else int(place_id))


def _pose(path: Path, line: int, cells: dict[str, str]) -> Pose | None:
    if 'x' not in cells:
        return None
    numbers = {name: _number(path, line, name, cells) for name in cells
               if name in ('x', 'y', 'z', 'yaw', *QUATERNION)}
    position = np.array([numbers['x'], numbers['y'], numbers.get('z', 0.0)])
    if 'yaw' in numbers:
        return Pose(position, Pose.from_xy_yaw(0.0, 0.0, numbers['yaw']).quaternion)
    if 'qx' in numbers:
        try:
            return Pose(position, np.array([numbers[name] for name in QUATERNION]))
        except ValueError as error:
            raise VprError(f'{path} line {line}: {error}') from error
    return Pose(position)


def _number(path: Path, line: int, name: str, cells: dict[str, str]) -> float:
    try:
        value = float(cells[name])
    except ValueError:
        value = float('nan')
    if not np.isfinite(value):
        raise _bad_cell(path, line, name, cells, 'a finite number')
    return value


def _bad_cell(path: Path, line: int, name: str, cells: dict[str, str], wanted: str) -> VprError:
    return VprError(f'{path} line {line}: {name} must be {wanted}, got {cells[name]!r}')
