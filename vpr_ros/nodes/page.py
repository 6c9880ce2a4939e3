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
The page about the nodes: what people wrote, with tables made from what the nodes are made from.

``python -m vpr_ros.nodes.page > docs/nodes.md`` writes it; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
import re
import sys

from vpr_ros.config import Parameter
from vpr_ros.config import parameters
from vpr_ros.config import Settings
from vpr_ros.errors import unknown_name
from vpr_ros.nodes.interface import Interface
from vpr_ros.nodes.interface import INTERFACES
from vpr_ros.settings import LocalizeSettings
from vpr_ros.settings import MapperSettings

__all__ = ['page']

_WRITTEN = Path(__file__).with_name('page.md')
_SETTINGS: dict[str, type[Settings]] = {'localizer': LocalizeSettings, 'mapper': MapperSettings}
_LARGEST_DEFAULT = 40


def page() -> str:
    """Return the page: ``{{topics localizer}}`` and the like are replaced by tables."""
    return re.sub(r'^\{\{(\w+) (\w+)\}\}$', lambda found: _table(found[1], found[2]),
                  _WRITTEN.read_text(encoding='utf-8'), flags=re.MULTILINE)


def _table(what: str, node: str) -> str:
    interface = {interface.node: interface for interface in INTERFACES}[node]
    rows = {'topics': _topics(interface), 'services': _services(interface),
            'parameters': _parameters(_SETTINGS[node])}
    if what not in rows:
        raise unknown_name('table', what, rows)
    return '\n'.join(rows[what])


def _topics(interface: Interface) -> Iterator[str]:
    yield from _head('topic', 'type', 'QoS', 'what', 'when')
    for heard in ('in', 'out'):
        for topic in interface.topics:
            if topic.direction == heard:
                named = f' (parameter `{topic.parameter}`)' if topic.parameter else ''
                yield _row(f'{"hears" if heard == "in" else "says"} `{topic.name}`{named}',
                           f'`{topic.type}`', str(topic.qos), topic.description,
                           topic.when or 'always')


def _services(interface: Interface) -> Iterator[str]:
    yield from _head('service', 'type', 'what')
    for service in interface.services:
        yield _row(f'`{service.name}`', f'`{service.type}`', service.description)


def _parameters(model: type[Settings]) -> Iterator[str]:
    yield from _head('parameter', 'type', 'default', 'range', 'live', 'what')
    for row in parameters(model):
        yield _row(f'`{row.name}`', _type(row), _default(row), _range(row),
                   'live' if row.live else 'read-only', row.description)


def _type(row: Parameter) -> str:
    names = {bool: 'bool', int: 'int', float: 'double', str: 'string'}
    return names[row.type] if row.item is None else f'{names[row.item]}[]'


def _default(row: Parameter) -> str:
    if isinstance(row.default, bool):
        return f'`{str(row.default).lower()}`'
    text = repr(row.default)
    return f'`{text}`' if len(text) <= _LARGEST_DEFAULT else f'`{text[:_LARGEST_DEFAULT]}...`'


def _range(row: Parameter) -> str:
    if row.choices:
        return ', '.join(f'`{choice}`' for choice in row.choices)
    if row.minimum is not None and row.maximum is not None:
        return f'{row.minimum:g} to {row.maximum:g}'
    if row.minimum is not None:
        return f'at least {row.minimum:g}'
    return '' if row.maximum is None else f'at most {row.maximum:g}'


def _head(*names: str) -> Iterable[str]:
    return _row(*names), f'|{"---|" * len(names)}'


def _row(*cells: str) -> str:
    # A bar would end its cell.
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == '__main__':
    sys.stdout.write(page())
