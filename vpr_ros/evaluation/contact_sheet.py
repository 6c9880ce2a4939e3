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

"""One picture of many: a row for each image, a column for each way to look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

__all__ = ['contact_sheet', 'SheetColumn', 'SheetRow']

Array = NDArray[Any]
GAP = 12
PAPER, INK, FAINT = 255, 25, 95
# Heights of capital letters and of lines, in pixels.
TITLE, NOTE = (11, 22), (9, 18)
# Titles of columns narrower than this would be columns of letters.
NARROWEST = 150
# OpenCV's fonts are strokes: drawn this much larger and shrunk they are smooth when small.
FINER = 4
# Height of the font's capital letters at scale 1, in every version of OpenCV.
CAPITAL = 21


@dataclass(frozen=True)
class SheetColumn:
    """
    What stands above a column.

    :param note: below the title, smaller.
    """

    title: str
    note: str = ''


@dataclass(frozen=True, eq=False)
class SheetRow:
    """
    One picture (H, W, 3) uint8 RGB for each column, and what stands below the first.

    :param pictures: of any size, drawn as they are.
    """

    label: str
    pictures: Sequence[ArrayLike]


def contact_sheet(columns: Sequence[SheetColumn], rows: Sequence[SheetRow]) -> Array:
    """
    Draw a contact sheet on white.

    :returns: (H, W, 3) uint8 RGB.
    """
    if not columns or not rows:
        raise ValueError(f'a sheet has columns and rows, got {len(columns)} and {len(rows)}')
    pictures = [[_picture(p) for p in row.pictures] for row in rows]
    for row, drawn in zip(rows, pictures, strict=True):
        if len(drawn) != len(columns):
            raise ValueError(f'row {row.label!r} has {len(drawn)} pictures for {len(columns)} '
                             'columns')
    widths = [max(NARROWEST, *(drawn[at].shape[1] for drawn in pictures))
              for at in range(len(columns))]
    bands = [_beside([_title(column, width) for column, width in zip(columns, widths,
                                                                     strict=True)], widths)]
    for row, drawn in zip(rows, pictures, strict=True):
        label = _lines(row.label, widths[0], NOTE, FAINT)
        bands += [_beside(drawn, widths), _space(GAP // 2, 1), _beside([label], widths[:1]),
                  _space(GAP // 2, 1)]
    width = max(band.shape[1] for band in bands)
    sheet = np.concatenate([_widened(band, width) for band in bands])
    return np.pad(sheet, ((GAP, 0), (GAP, GAP), (0, 0)), constant_values=PAPER)


def _picture(picture: ArrayLike) -> Array:
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
        raise ValueError(
            f'expected RGB uint8 pictures (H, W, 3), got {array.dtype} {array.shape}')
    return array


def _beside(pictures: Sequence[Array], widths: Sequence[int]) -> Array:
    """Put pictures into columns of these widths, tops in one line."""
    height = max(picture.shape[0] for picture in pictures)
    band = _space(height, sum(widths) + GAP * (len(widths) - 1))
    left = 0
    for picture, width in zip(pictures, widths, strict=True):
        band[:picture.shape[0], left:left + picture.shape[1]] = picture
        left += width + GAP
    return band


def _widened(band: Array, width: int) -> Array:
    return np.pad(band, ((0, 0), (0, width - band.shape[1]), (0, 0)), constant_values=PAPER)


def _space(height: int, width: int) -> Array:
    return np.full((height, width, 3), PAPER, np.uint8)


def _title(column: SheetColumn, width: int) -> Array:
    parts = [_lines(column.title, width, TITLE, INK)]
    if column.note:
        parts.append(_lines(column.note, width, NOTE, FAINT))
    return np.concatenate([*parts, _space(GAP // 2, width)])


def _lines(text: str, width: int, size: tuple[int, int], ink: int) -> Array:
    """Draw text in as many lines as it needs."""
    letters, spacing = size
    lines = _broken(text, width, letters)
    drawn = _space(max(1, len(lines)) * spacing, width)
    for number, line in enumerate(lines):
        shade = _drawn(line, width, size).astype(np.float32)[:, :, None] / 255
        top = number * spacing
        drawn[top:top + spacing] = (PAPER + (ink - PAPER) * shade).round()
    return drawn


def _broken(text: str, width: int, letters: int) -> list[str]:
    """Break text at spaces to lines of at most ``width`` pixels; a long word where it must."""
    lines: list[str] = []
    line = ''
    for word in text.split():
        longer = f'{line} {word}' if line else word
        if _width(longer, letters) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while _width(word, letters) > width:
            fits = next(n for n in range(len(word) - 1, 0, -1)
                        if n == 1 or _width(word[:n], letters) <= width)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines


def _width(text: str, letters: int) -> float:
    import cv2

    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, _scale(letters), FINER)
    return float(width) / FINER


def _drawn(line: str, width: int, size: tuple[int, int]) -> Array:
    """Return the ink of a line, (spacing, width) uint8."""
    import cv2

    letters, spacing = size
    large = np.zeros((spacing * FINER, width * FINER), np.uint8)
    base = (spacing + letters) // 2 * FINER
    cv2.putText(large, line, (0, base), cv2.FONT_HERSHEY_SIMPLEX, _scale(letters), 255,
                FINER, cv2.LINE_AA)
    return np.asarray(cv2.resize(large, (width, spacing), interpolation=cv2.INTER_AREA))


def _scale(letters: int) -> float:
    return letters * FINER / CAPITAL
