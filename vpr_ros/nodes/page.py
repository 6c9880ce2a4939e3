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

from collections.abc import Iterator
from pathlib import Path
import re
import sys

from vpr_ros.config import Settings
from vpr_ros.errors import unknown_name
from vpr_ros.live.interface import Interface
from vpr_ros.live.interface import INTERFACES
from vpr_ros.parameter_table import head
from vpr_ros.parameter_table import parameter_rows
from vpr_ros.parameter_table import row
from vpr_ros.settings import LocalizeSettings
from vpr_ros.settings import MapperSettings

__all__ = ['page']

_WRITTEN = Path(__file__).with_name('page.md')
_SETTINGS: dict[str, type[Settings]] = {'localizer': LocalizeSettings, 'mapper': MapperSettings}


def page() -> str:
    """Return the page: ``{{topics localizer}}`` and the like are replaced by tables."""
    return re.sub(r'^\{\{(\w+) (\w+)\}\}$', lambda found: _table(found[1], found[2]),
                  _WRITTEN.read_text(encoding='utf-8'), flags=re.MULTILINE)


def _table(what: str, node: str) -> str:
    interface = {interface.node: interface for interface in INTERFACES}[node]
    rows = {'topics': _topics(interface), 'services': _services(interface),
            'parameters': parameter_rows(_SETTINGS[node])}
    if what not in rows:
        raise unknown_name('table', what, rows)
    return '\n'.join(rows[what])


def _topics(interface: Interface) -> Iterator[str]:
    yield from head('topic', 'type', 'QoS', 'what', 'when')
    for heard in ('in', 'out'):
        for topic in interface.topics:
            if topic.direction == heard:
                named = f' (parameter `{topic.parameter}`)' if topic.parameter else ''
                yield row(f'{"hears" if heard == "in" else "says"} `{topic.name}`{named}',
                          f'`{topic.type}`', str(topic.qos), topic.description,
                          topic.when or 'always')


def _services(interface: Interface) -> Iterator[str]:
    yield from head('service', 'type', 'what')
    for service in interface.services:
        yield row(f'`{service.name}`', f'`{service.type}`', service.description)


if __name__ == '__main__':
    sys.stdout.write(page())
