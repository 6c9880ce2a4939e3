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

"""The errors that vpr_ros raises on purpose: their text is meant for the user."""

from __future__ import annotations

from collections.abc import Iterable
import difflib

__all__ = ['VprError', 'nearest_name', 'unknown_name']

# A file may know thousands of names; an error is read by a person.
_NAMES_SHOWN = 20


class VprError(Exception):
    """Something the user can put right; the text says what was expected, what came, what to do."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``name``, or None when none does."""
    spellings = {k.lower(): k for k in known}
    matches = difflib.get_close_matches(name.lower(), list(spellings), n=1, cutoff=0.5)
    return spellings[matches[0]] if matches else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> VprError:
    """Make the error for a name that is none of ``known``, with the nearest right one."""
    names = sorted(known)
    nearest = nearest_name(name, names)
    hint = f'; did you mean {nearest!r}?' if nearest else ''
    listed = ', '.join(names[:_NAMES_SHOWN]) or 'none'
    if len(names) > _NAMES_SHOWN:
        listed += f' and {len(names) - _NAMES_SHOWN} more'
    return VprError(f'unknown {kind} {name!r}{hint} (known: {listed})')
