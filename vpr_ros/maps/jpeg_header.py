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

"""What the header of a JPEG says, without decoding it: that could take a gigabyte."""

from __future__ import annotations

__all__ = ['jpeg_size']

# Start of frame: 0xC0..0xCF but for tables (C4, C8, CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that stand alone: TEM and restarts.
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels; ValueError for what is no JPEG, or one without end."""
    if not data.startswith(b'\xff\xd8'):
        raise ValueError('no JPEG')
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError(f'a JPEG without a marker at byte {at}')
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2:at + 4], 'big')
        if marker in _FRAMES:
            height = int.from_bytes(data[at + 5:at + 7], 'big')
            width = int.from_bytes(data[at + 7:at + 9], 'big')
            if at + 9 > len(data) or not (width and height):
                raise ValueError('a JPEG without pixels')
            if b'\xff\xd9' not in data[-64:]:
                raise ValueError('a JPEG that is cut off')
            return width, height
        if length < 2 or marker in (0xD9, 0xDA):
            break
        at += 2 + length
    raise ValueError('a JPEG without a frame')
