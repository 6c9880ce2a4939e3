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


"""Tables of systems in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import re

from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import interval_text
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.paired import PairedRecalls
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.system_words import system_words
from vpr_ros.evaluation.comparison.table_words import BELOW
from vpr_ros.evaluation.comparison.table_words import how_to_read
from vpr_ros.evaluation.comparison.table_words import pair_notes
from vpr_ros.evaluation.comparison.tables import build_tables
from vpr_ros.evaluation.comparison.tables import Cell
from vpr_ros.evaluation.comparison.tables import Column
from vpr_ros.evaluation.comparison.tables import pair_table
from vpr_ros.evaluation.comparison.tables import Row
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.run import Provenance

__all__ = ['results_markdown', 'table_markdown']


def results_markdown(results: Sequence[PairResult], protocols: Sequence[Protocol], *,
                     level: int = 2,
                     paired: Mapping[tuple[str, str], PairedRecalls[System]] | None = None,
                     provenance: Provenance | None = None) -> str:
    """
    Return all tables in Markdown, with their protocols and what the measures mean.

    :param level: of the headings.
    :param paired: as :func:`~.tables.build_tables` takes it.
    :param provenance: says at the end how they were made; None for nothing.
    """
    tables = build_tables(results, protocols, paired)
    parts = []
    for table in tables:
        parts.append(table_markdown(table, level=level))
        if any(column.over for column in table.columns):
            pairs = pair_table(table, results, [table.columns[0].measure])
            parts += [f'{"#" * (level + 1)} Pair by pair\n', *_md_results(pairs), '']
    names = dict.fromkeys(column.measure for table in tables for column in table.columns)
    if names:
        parts.append(f'{"#" * level} What is measured\n')
        parts += [f'- **{_md(measure_named(name).title)}**: {_md(measure_named(name).meaning)}'
                  for name in names]
        parts.append('')
    if results:
        parts.append(f'{"#" * level} Systems\n')
        parts += [f'- **{_md(label)}**: {_md("; ".join(texts))}'
                  for label, texts in system_words(results).items()]
        parts.append('')
    if provenance is not None:
        made = [f'vpr_ros {provenance.version}', provenance.created]
        parts.append(f'Made by {_code(provenance.command)} ({", ".join(filter(None, made))}).\n')
    return '\n'.join(parts)


def table_markdown(table: Table, *, level: int = 2) -> str:
    """Return one table, after its pairs and before its notes."""
    protocol = table.protocol
    lines = [f'{"#" * level} {_md(protocol.title)}', '']
    if protocol.about:
        lines += [_md(protocol.about), '']
    lines += [f'Protocol {_code(protocol.name)}, hash `{protocol.hash}`.'
              + (f' Published as: {_md(protocol.source)}.' if protocol.source else ''), '']
    lines += _md_table(
        ['pair', 'reference', 'query', 'right means', 'references', 'queries', 'with a place',
         'rule', 'data'],
        [[_md(text) for text in (
            m.pair.name, m.pair.reference, m.pair.query, m.truth, str(m.counts.references),
            str(m.counts.queries), str(m.counts.with_place))]
         + [f'`{m.pair.hash}`', f'`{m.data}`'] for m in table.pairs], text_columns=4)
    lines += ['', ' '.join(how_to_read(table)), '']
    lines += _md_results(table)
    lines.append('')
    lines += [f'- {_note_mark(k)} {_md(note)}' for k, note in enumerate(table.notes)]
    lines += [f'- {_md(note)}' for note in pair_notes(table)]
    if table.missing:
        lines.append(f'- Not measured: {_md(", ".join(table.missing))}')
    while lines[-1] == '':
        lines.pop()
    return '\n'.join(lines) + '\n'


def _md_results(table: Table) -> list[str]:
    alike = not any(table.words(row.system) for row in table.rows)
    return _md_table(
        ['system', *([] if alike else ['conditions']), *(_md(_head(c)) for c in table.columns)],
        [[_md_label(row), *([] if alike else [_md(table.words(row.system))]),
          *(_md_cell(cell, column) for cell, column in zip(row.cells, table.columns,
                                                           strict=True))]
         for row in table.rows], text_columns=1 if alike else 2)


def _head(column: Column) -> str:
    return ' '.join(part for part in (
        column.unit, measure_named(column.measure).title, column.over) if part)


def _md_table(head: Sequence[str], rows: Sequence[Sequence[str]],
              text_columns: int) -> list[str]:
    marks = [':--' if k < text_columns else '--:' for k in range(len(head))]
    return [f'| {" | ".join(row)} |' for row in (head, marks, *rows)]


def _md_label(row: Row) -> str:
    return ' '.join([_md(row.system.label), *(_note_mark(k) for k in row.notes)])


def _note_mark(note: int) -> str:
    return f'[{note + 1}]'


def _md_cell(cell: Cell | None, column: Column) -> str:
    if cell is None:
        return '–'
    measure = measure_named(column.measure)
    text = number_text(cell.number.value, measure)
    beside = ', '.join(part for part in (_md(cell.pair), interval_text(cell.number, measure))
                       if part)
    return ((f'**{text}**' if cell.best else text) + (f' ({beside})' if beside else '')
            + (f' {BELOW}' if cell.below else ''))


def _md(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    text = ' '.join(text.split())
    return re.sub(r'([\\`*_{}\[\]<>#|~])', r'\\\1', text)


def _code(text: str) -> str:
    """Return a text as code, fenced by more backticks than it has in a row."""
    text = ' '.join(text.splitlines())
    fence = '`' * (1 + max((len(run) for run in re.findall('`+', text)), default=0))
    pad = ' ' if '`' in text else ''
    return f'{fence}{pad}{text}{pad}{fence}'
