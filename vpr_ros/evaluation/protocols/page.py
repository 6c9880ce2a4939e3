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
The page about protocols: what people wrote, with what the protocols and their records say.

``python -m vpr_ros.evaluation.protocols.page > docs/protocols.md`` writes it; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import re
import sys

import pydantic
from vpr_ros.datasets.town.town import Town
from vpr_ros.docstrings import parameters_told
from vpr_ros.errors import unknown_name
from vpr_ros.evaluation.comparison.meanings import MEASURES
from vpr_ros.evaluation.protocols.opening import OWN_FOLDER
from vpr_ros.evaluation.protocols.protocol import Crop
from vpr_ros.evaluation.protocols.protocol import NetworkRow
from vpr_ros.evaluation.protocols.protocol import Pair
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.protocols.protocol import protocol_names
from vpr_ros.evaluation.protocols.protocol import read_protocol
from vpr_ros.evaluation.protocols.protocol import TruthRule
from vpr_ros.evaluation.protocols.words import data_sets
from vpr_ros.evaluation.protocols.words import frame_words
from vpr_ros.evaluation.protocols.words import printed_numbers
from vpr_ros.evaluation.protocols.words import truth_words
from vpr_ros.parameter_table import filled
from vpr_ros.parameter_table import head
from vpr_ros.parameter_table import row
import yaml

__all__ = ['page']

_WRITTEN = Path(__file__).with_name('page.md')
_RECORDS: dict[str, type[pydantic.BaseModel]] = {
    'protocol': Protocol, 'pair': Pair, 'truth': TruthRule, 'crop': Crop, 'network': NetworkRow}
# Those that the file itself says.
_OF_THE_FILE = ('name', 'folder')


def page() -> str:
    """Return the page: ``{{own}}``, ``{{papers}}``, ``{{keys pair}}`` and so on replaced."""
    return filled(_WRITTEN, _part)


def _part(what: str, name: str) -> str:
    if what == 'keys':
        if name not in _RECORDS:
            raise unknown_name('record', name, _RECORDS)
        return '\n'.join(_keys(_RECORDS[name]))
    parts = {'own': _own, 'papers': _papers}
    if what == 'measures':
        return '\n'.join(_measures())
    if what not in parts:
        raise unknown_name('part of the page', what, [*parts, 'keys', 'measures'])
    return '\n'.join(parts[what]([read_protocol(name) for name in protocol_names()]))


def _own(protocols: list[Protocol]) -> Iterator[str]:
    yield from head('protocol', 'what it compares', 'data', 'right', 'hash')
    for protocol in protocols:
        if not protocol.source:
            truths = dict.fromkeys(truth_words(pair.truth) for pair in protocol.pairs)
            yield row(f'`{protocol.name}`', f'**{protocol.title}.** {protocol.about.strip()}',
                      ', '.join(map(_linked, data_sets(protocol))), '; '.join(truths),
                      f'`{protocol.hash}`')


def _papers(protocols: list[Protocol]) -> Iterator[str]:
    for protocol in protocols:
        if protocol.source:
            yield from (f'### {protocol.name}', '', f'**{protocol.title}.** '
                        f'{protocol.source.strip()}. Hash `{protocol.hash}`.', '',
                        protocol.about.strip(), '', *_pairs(protocol), '', *_rows(protocol), '')
            if protocol.published:
                yield from (*_numbers(protocol), '')


def _pairs(protocol: Protocol) -> Iterator[str]:
    yield from head('pair', 'data', 'reference', 'query', 'right', 'frames', 'group')
    for pair in protocol.pairs:
        yield row(f'`{pair.name}`', _linked(pair.data), f'`{pair.reference}`', f'`{pair.query}`',
                  truth_words(pair.truth), frame_words(pair),
                  f'`{pair.group}`' if pair.group else '')


def _rows(protocol: Protocol) -> Iterator[str]:
    yield from head('row', 'network', 'options', 'note')
    for network in protocol.networks:
        options = ', '.join(f'{name}: {value}' for name, value in network.options.items())
        yield row(network.label, f'`{network.network}`', f'`{options}`' if options else '',
                  network.note)


def _numbers(protocol: Protocol) -> Iterator[str]:
    columns, rows = printed_numbers(protocol)
    yield from head('as published', *(f'`{of}` {measure}' for of, measure in columns))
    for cells in rows:
        yield row(*cells)


def _measures() -> Iterator[str]:
    yield from head('measure', 'in tables', 'what', 'better')
    for name, measure in MEASURES.items():
        yield row(f'`{name}`', measure.title, measure.meaning, measure.better)


def _linked(data: str) -> str:
    if data == OWN_FOLDER:
        return f'`{data}`'
    return f'[`{data}`](town.md)' if data == Town.name else f'[`{data}`](datasets.md#{data})'


def _keys(record: type[pydantic.BaseModel]) -> Iterator[str]:
    """Yield the table of what a record holds, from its fields and its docstring."""
    told = parameters_told(record)
    yield from head('key', 'default', 'what')
    for name, field in record.model_fields.items():
        if name in _OF_THE_FILE and record is Protocol:
            continue
        yield row(f'`{name}`', 'must be given' if field.is_required() else _default(field),
                  _plain(told[name]) if name in told else _likewise(name, told))


def _default(field: pydantic.fields.FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, pydantic.BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if value in (None, '', (), {}):
        return ''
    value = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(value, default_flow_style=True, width=10 ** 6)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def _likewise(name: str, told: dict[str, str]) -> str:
    """Return what a key means that is only named with another one."""
    other = next((other for other, text in told.items() if f'``{name}``' in text), None)
    if other is None:
        raise ValueError(f'no docstring says what {name!r} is')
    return f'Likewise, see `{other}`.'


def _plain(text: str) -> str:
    """Return text of a docstring in one line of Markdown."""
    text = re.sub(r':\w+:`[~.]?([^`]*)`', r'`\1`', ' '.join(text.split()))
    text = text.replace('``', '`')
    return text[:1].upper() + text[1:]


if __name__ == '__main__':
    sys.stdout.write(page())
