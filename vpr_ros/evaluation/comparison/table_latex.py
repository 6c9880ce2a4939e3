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


"""Tables of systems in LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import re

from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import interval_text
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.paired import PairedRecalls
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.table_words import BELOW
from vpr_ros.evaluation.comparison.table_words import how_to_read
from vpr_ros.evaluation.comparison.table_words import pair_notes
from vpr_ros.evaluation.comparison.table_words import pair_words
from vpr_ros.evaluation.comparison.tables import build_tables
from vpr_ros.evaluation.comparison.tables import Cell
from vpr_ros.evaluation.comparison.tables import Column
from vpr_ros.evaluation.comparison.tables import Row
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.protocols.protocol import Protocol

__all__ = ['results_latex', 'table_latex']

_LATEX = {
    '\\': r'\textbackslash{}', '{': r'\{', '}': r'\}', '$': r'\$', '&': r'\&', '#': r'\#',
    '_': r'\_', '%': r'\%', '^': r'\textasciicircum{}', '~': r'\textasciitilde{}',
    # After the end of a row these would be taken for its options.
    '[': '{[}', ']': '{]}', '*': '{*}',
    '<': r'\textless{}', '>': r'\textgreater{}', '|': r'\textbar{}', '"': "''",
    '–': '--', '→': r'$\rightarrow$', '≤': r'$\leq$', '≥': r'$\geq$', '±': r'$\pm$',
    '°': r'$^\circ$', '·': r'$\cdot$', BELOW: r'{\scriptsize$\bigtriangledown$}'}


def results_latex(
        results: Sequence[PairResult], protocols: Sequence[Protocol], *,
        paired: Mapping[tuple[str, str], PairedRecalls[System]] | None = None) -> str:
    r"""
    Return all tables in LaTeX, for \input; they need the package booktabs.

    :param paired: as :func:`~.tables.build_tables` takes it.
    """
    tables = build_tables(results, protocols, paired)
    return '\n'.join(['% Needs \\usepackage{booktabs}.',
                      *(table_latex(table) for table in tables)])


def table_latex(table: Table) -> str:
    """Return one table, its conditions in the caption."""
    spec = 'l' * (1 + len(_condition_heads(table))) + 'r' * len(table.columns)
    lines = [r'\begin{table}', r'\centering', rf'\caption{{{_tex(_tex_caption(table))}}}',
             rf'\label{{tab:{re.sub(r"[^A-Za-z0-9]+", "-", table.protocol.name)}}}',
             rf'\begin{{tabular}}{{{spec}}}', r'\toprule', *_tex_heads(table), r'\midrule']
    for row in table.rows:
        cells = [_tex_cell(cell, column) for cell, column in zip(row.cells, table.columns,
                                                                 strict=True)]
        lines.append(f'{" & ".join([_tex_label(row), *_tex_conditions(row, table), *cells])} '
                     '\\\\')
    lines += [r'\bottomrule', r'\end{tabular}']
    notes = [rf'\textsuperscript{{{k + 1}}}~{_tex(note)}' for k, note in enumerate(table.notes)]
    notes += [_tex(note) for note in pair_notes(table)]
    if notes:
        lines.append(rf'\par\smallskip\footnotesize {". ".join(notes)}.')
    return '\n'.join([*lines, r'\end{table}', ''])


def _tex_caption(table: Table) -> str:
    protocol = table.protocol
    pairs = '; '.join(pair_words(m) for m in table.pairs)
    return ' '.join([
        f'{protocol.title}. Protocol {protocol.name}, hash {protocol.hash}. {pairs}.',
        *([f'Not measured: {", ".join(table.missing)}.'] if table.missing else []),
        *how_to_read(table)])


def _tex_heads(table: Table) -> list[str]:
    conditions = _condition_heads(table)
    heads, rules, at = [], [], 2 + len(conditions)
    for unit in table.units:
        wide = sum(column.unit == unit for column in table.columns)
        heads.append(rf'\multicolumn{{{wide}}}{{c}}{{{_tex(unit)}}}')
        rules.append(rf'\cmidrule(lr){{{at}-{at + wide - 1}}}')
        at += wide
    titles = [_tex(' '.join(part for part in (measure_named(c.measure).title, c.over) if part))
              for c in table.columns]
    return [f'{" & ".join(["", *("" for _ in conditions), *heads])} \\\\', ' '.join(rules),
            f'{" & ".join(["", *conditions, *titles])} \\\\']


def _condition_heads(table: Table) -> list[str]:
    """Return the names of the columns that say how systems were used, where rows differ."""
    return [name for name, varies in zip(('method', 'statistics'), table.varying, strict=False)
            if varies]


def _tex_conditions(row: Row, table: Table) -> list[str]:
    system = row.system
    words = ('', '') if system.published else (system.parts[0], system.statistics)
    return [_tex(word) for word, varies in zip(words, table.varying, strict=False) if varies]


def _tex_label(row: Row) -> str:
    label = _tex(row.system.label)
    if row.system.published:
        label = rf'\emph{{{label}, as published}}'
    if row.notes:
        label += rf'\textsuperscript{{{",".join(str(k + 1) for k in row.notes)}}}'
    return label


def _tex_cell(cell: Cell | None, column: Column) -> str:
    if cell is None:
        return '--'
    measure = measure_named(column.measure)
    text = _tex(number_text(cell.number.value, measure))
    if cell.best:
        text = rf'\textbf{{{text}}}'
    beside = interval_text(cell.number, measure)
    below = f' {_tex(BELOW)}' if cell.below else ''
    return (f'{text} {{\\scriptsize {_tex(beside)}}}' if beside else text) + below


def _tex(text: str) -> str:
    """Return a text that LaTeX prints as it is."""
    return ''.join(_LATEX.get(letter, letter) for letter in ' '.join(text.split()))
