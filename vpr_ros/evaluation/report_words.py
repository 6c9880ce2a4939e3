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

"""Numbers as people read them."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone

__all__ = ['count_of', 'decimal', 'file_size', 'percent', 'stamp_text', 'were']

YEAR_2000_NS = 946_684_800 * 10**9


def count_of(count: int, noun: str) -> str:
    """Return '1 image' or '2 images'."""
    return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


def were(count: int) -> str:
    """Return 'was' for one, else 'were'."""
    return 'was' if count == 1 else 'were'


def percent(part: int, whole: int) -> str:
    """Return a share; 100 % and 0 % are said only when they are exact, a dash without a whole."""
    if not whole:
        return '–'
    share = 100 * part / whole
    if 0 < part < whole:
        share = min(max(share, 0.1), 99.9)
    return f'{share:.0f} %' if part in (0, whole) else f'{share:.1f} %'


def decimal(value: float) -> str:
    """Return three digits."""
    return f'{value:.3f}'


def file_size(size_bytes: int) -> str:
    """Return a size in the largest unit that it fills."""
    for unit, factor in (('GB', 10**9), ('MB', 10**6), ('kB', 10**3)):
        if size_bytes >= factor:
            return f'{size_bytes / factor:.1f} {unit}'
    return f'{size_bytes} bytes'


def stamp_text(stamp_ns: int) -> str:
    """Return a stamp for people: a date when it can be one, else seconds; exact to the ms."""
    seconds, rest = divmod(stamp_ns, 10**9)
    if stamp_ns < YEAR_2000_NS:
        return f'{seconds}.{rest // 10**6:03d} s'
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return f'{moment:%Y-%m-%d %H:%M:%S}.{rest // 10**6:03d} UTC'
