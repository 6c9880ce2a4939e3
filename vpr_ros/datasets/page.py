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
The page about data sets: what people wrote, with tables made from what the readers say.

``python -m vpr_ros.datasets.page > docs/datasets.md`` writes it; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import sys
from typing import Any

from vpr_ros.datasets.dataset import PublishedDataset
from vpr_ros.datasets.reading import ReadingSettings
from vpr_ros.datasets.registry import KNOWN
from vpr_ros.datasets.registry import published
from vpr_ros.errors import unknown_name
from vpr_ros.parameter_table import filled
from vpr_ros.parameter_table import head
from vpr_ros.parameter_table import option_rows
from vpr_ros.parameter_table import row

__all__ = ['page']

_WRITTEN = Path(__file__).with_name('page.md')


def page() -> str:
    """Return the page: ``{{sets}}``, ``{{about robotcar}}``, ``{{options robotcar}}`` replaced."""
    return filled(_WRITTEN, _part)


def _part(what: str, name: str) -> str:
    parts = {'sets': _sets(), 'options': option_rows(ReadingSettings)}
    if name:
        known = published(name)
        parts = {'about': _about(known),
                 'options': option_rows(known.settings_type, without=ReadingSettings)}
    if what not in parts:
        raise unknown_name('part of the page', what, parts)
    return '\n'.join(parts[what])


def _sets() -> Iterator[str]:
    yield from head('name', 'data set', 'licence')
    for known in sorted(KNOWN, key=lambda known: known.name):
        yield row(f'[`{known.name}`](#{known.name})', known.title, known.licence)


def _about(known: type[PublishedDataset[Any]]) -> Iterator[str]:
    yield f'**{known.title}.** Licence: {known.licence}. From {known.source}.'
    yield ''
    yield f'Its folder, often called `{known.folder_names[0]}`, holds {known.layout}.'


if __name__ == '__main__':
    sys.stdout.write(page())
