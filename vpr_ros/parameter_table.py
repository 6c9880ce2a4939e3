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


"""What the pages in docs/ (Markdown) are made of: text that people wrote, and tables in it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
import re

from vpr_ros.config import Parameter
from vpr_ros.config import parameters
from vpr_ros.config import Settings

__all__ = ['filled', 'head', 'option_rows', 'parameter_rows', 'row']

_LARGEST_DEFAULT = 40


def filled(written: Path, part: Callable[[str, str], str]) -> str:
    """
    Return a page that people wrote, with the parts that are made.

    :param part: takes ``what`` and ``name`` of a line ``{{what name}}`` or ``{{what}}``, and
        returns what stands in its place.
    """
    return re.sub(r'^\{\{(\w+)(?: (\w+))?\}\}$', lambda found: part(found[1], found[2] or ''),
                  written.read_text(encoding='utf-8'), flags=re.MULTILINE)


def head(*names: str) -> Iterable[str]:
    """Return the two lines that a table begins with."""
    return row(*names), f'|{"---|" * len(names)}'


def row(*cells: str) -> str:
    """Return a line of a table."""
    # A bar would end its cell.
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def parameter_rows(model: type[Settings]) -> Iterator[str]:
    """Yield the lines of the table of the parameters of a node."""
    yield from head('parameter', 'type', 'default', 'range', 'live', 'what')
    for found in parameters(model):
        yield row(f'`{found.name}`', _type(found), _default(found), _range(found),
                  'live' if found.live else 'read-only', found.description)


def option_rows(model: type[Settings], *, without: type[Settings] = Settings) -> Iterator[str]:
    """Yield the lines of the table of options, without those that a base has; none for none."""
    usual = {found.name for found in parameters(without)}
    own = [found for found in parameters(model) if found.name not in usual]
    if own:
        yield from head('option', 'type', 'default', 'range', 'what')
    for found in own:
        yield row(f'`{found.name}`', _type(found), _default(found), _range(found),
                  found.description)


def _type(found: Parameter) -> str:
    names = {bool: 'bool', int: 'int', float: 'double', str: 'string'}
    return names[found.type] if found.item is None else f'{names[found.item]}[]'


def _default(found: Parameter) -> str:
    if isinstance(found.default, bool):
        return f'`{str(found.default).lower()}`'
    text = repr(found.default)
    return f'`{text}`' if len(text) <= _LARGEST_DEFAULT else f'`{text[:_LARGEST_DEFAULT]}...`'


def _range(found: Parameter) -> str:
    if found.choices:
        return ', '.join(f'`{choice}`' for choice in found.choices)
    if found.minimum is not None and found.maximum is not None:
        return f'{found.minimum:g} to {found.maximum:g}'
    if found.minimum is not None:
        return f'at least {found.minimum:g}'
    return '' if found.maximum is None else f'at most {found.maximum:g}'
