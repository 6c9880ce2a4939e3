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
What systems got on the pairs of a protocol, in rows and columns.

A table knows nothing of HTML, Markdown or LaTeX. It says of every number under which conditions it
was measured; numbers of other frames or another rule cannot get into one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import math
from typing import Literal

from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.paired import PairedRecalls
from vpr_ros.evaluation.comparison.result import Counts
from vpr_ros.evaluation.comparison.result import METHODS
from vpr_ros.evaluation.comparison.result import NOT_KNOWN
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.result import QUERY_STATISTICS
from vpr_ros.evaluation.protocols.protocol import Pair
from vpr_ros.evaluation.protocols.protocol import Protocol

__all__ = ['build_tables', 'Cell', 'Column', 'MeasuredPair', 'Over', 'pair_table', 'RECALL', 'Row',
           'System', 'systems_of', 'Table', 'WHOLE']

#: Query statistics that no robot has while it drives.
WHOLE = 'whole traverse'
#: The measure of which systems are compared query by query.
RECALL = 'recall@1'
Over = Literal['', 'mean', 'worst']


@dataclass(frozen=True)
class System:
    """
    What was measured: a network or somebody's list, and how it was used.

    :param published: its numbers are those that a paper printed.
    """

    label: str
    method: str = ''
    statistics: str = ''
    published: bool = False

    @classmethod
    def of(cls, result: PairResult) -> System:
        """Return the system that a result is of."""
        return cls(result.label, result.method, result.statistics)

    @property
    def conditions(self) -> str:
        """Return in words what the label does not say."""
        return ', '.join(part for part in self.parts if part)

    @property
    def parts(self) -> tuple[str, str]:
        """Return how it was used, and what it knew of the query traverse; '' of a paper."""
        if self.published:
            return 'as published', ''
        method = 'listed matches' if self.method == 'listed' else self.method
        return method, f'query statistics: {self.statistics}'


@dataclass(frozen=True)
class Column:
    """
    One measure of one pair, or of a group of pairs.

    :param unit: the name of the pair or of the group.
    :param over: '' for a pair; of a group the ``mean`` of its pairs or the ``worst`` of them.
    """

    unit: str
    measure: str
    over: Over = ''


@dataclass(frozen=True)
class Cell:
    """
    A number of the table.

    :param best: of its column, to the digits that are printed.
    :param pair: which one it is when it is the worst of a group.
    :param below: the best, by a difference on the same queries whose interval leaves out zero.
    """

    number: Number
    best: bool = False
    pair: str = ''
    below: bool = False


@dataclass(frozen=True)
class Row:
    """
    The numbers of one system.

    :param cells: one for each column, None where nothing was measured.
    :param notes: which notes of the table belong to it, counted from 0.
    """

    system: System
    cells: tuple[Cell | None, ...]
    notes: tuple[int, ...] = ()


@dataclass(frozen=True)
class MeasuredPair:
    """
    A pair as it was measured.

    :param data: digest of the frames and of which are right.
    :param truth: when an answer is right, in words.
    :param notes: what is said of all systems on it.
    """

    pair: Pair
    data: str
    truth: str
    counts: Counts
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """
    What systems got on the pairs of a protocol.

    :param pairs: those that were measured; ``missing`` names the others.
    :param notes: what a reader should know of single systems.
    :param paired: of a pair, the systems whose answers are there query by query.
    """

    protocol: Protocol
    pairs: tuple[MeasuredPair, ...]
    missing: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    paired: Mapping[str, PairedRecalls[System]] = field(default_factory=dict)

    @property
    def conditions(self) -> str:
        """Return what holds of all measured rows alike, '' where nothing does."""
        return ', '.join(part for part in self._alike if part)

    def words(self, system: System) -> str:
        """Return under which conditions a system was measured, less what holds of all rows."""
        if system.published:
            return system.conditions
        return ', '.join(part for part, same in zip(system.parts, self._alike, strict=True)
                         if part and part != same)

    @property
    def varying(self) -> tuple[bool, ...]:
        """Return whether methods differ among the measured rows, and whether statistics do."""
        return tuple(not same for same in self._alike)

    @property
    def _alike(self) -> tuple[str, ...]:
        measured = [row.system.parts for row in self.rows if not row.system.published]
        return tuple(found.pop() if len(found) == 1 else ''
                     for found in map(set, zip(*measured, strict=True)))

    @property
    def units(self) -> tuple[str, ...]:
        """Return the pairs and groups of the columns, in their order."""
        return tuple(dict.fromkeys(column.unit for column in self.columns))


def systems_of(results: Sequence[PairResult]) -> list[System]:
    """Return what was measured: networks as they came, the plainest use of each first."""
    found = {System.of(r) for r in results}
    labels = list(dict.fromkeys(r.label for r in results))
    return sorted(found, key=lambda s: (labels.index(s.label), METHODS.index(s.method),
                                        (*QUERY_STATISTICS, NOT_KNOWN).index(s.statistics)))


def build_tables(
        results: Sequence[PairResult], protocols: Sequence[Protocol],
        paired: Mapping[tuple[str, str], PairedRecalls[System]] | None = None) -> list[Table]:
    """
    Return the table of each protocol: its own measures, groups by their mean and their worst.

    Protocols that nothing was measured for are left out.

    :param paired: (protocol, pair) -> the systems whose answers are there query by query.
    :raises ValueError: for results that cannot stand side by side.
    """
    known = {protocol.name: protocol for protocol in protocols}
    for result in results:
        if result.protocol not in known or known[result.protocol].hash != result.protocol_hash:
            raise ValueError(f'a result is of the protocol {result.protocol} '
                             f'{result.protocol_hash}, which is not among those given')
    tables = []
    for protocol in protocols:
        own = [result for result in results if result.protocol == protocol.name]
        if own:
            tables.append(_table(protocol, own, {
                pair: of for (name, pair), of in (paired or {}).items()
                if name == protocol.name}))
    return tables


def pair_table(table: Table, results: Sequence[PairResult], measures: Sequence[str]) -> Table:
    """Return a table of the same protocol with a column for each pair and each of the measures."""
    own = [result for result in results if result.protocol == table.protocol.name]
    columns = [Column(measured.pair.name, measure) for measured in table.pairs
               for measure in measures]
    return _filled(table, own, columns)


def _table(protocol: Protocol, results: Sequence[PairResult],
           paired: Mapping[str, PairedRecalls[System]]) -> Table:
    pairs = _measured_pairs(protocol, results)
    there = {measured.pair.name for measured in pairs}
    bare = Table(protocol, pairs,
                 tuple(pair.name for pair in protocol.pairs if pair.name not in there), (), (),
                 paired=paired)
    return _filled(bare, results, _columns(protocol, pairs, results))


def _measured_pairs(protocol: Protocol,
                    results: Sequence[PairResult]) -> tuple[MeasuredPair, ...]:
    measured = []
    for pair in protocol.pairs:
        own = [result for result in results if result.pair == pair.name]
        if not own:
            continue
        same = {(r.rule, r.data, r.counts.queries, r.counts.references, r.counts.with_place)
                for r in own}
        if len(same) > 1 or own[0].rule != pair.hash:
            raise ValueError(f'results of {protocol.name}, pair {pair.name}, were not measured on '
                             'the same frames by the same rule: they cannot stand in one table')
        systems = [(r.label, r.method, r.statistics) for r in own]
        twice = [system for system in systems if systems.count(system) > 1]
        if twice:
            raise ValueError(f'two results of {protocol.name}, pair {pair.name}, are of '
                             f'{", ".join(twice[0])}')
        # What is said of every system is said of the pair.
        notes = [note for note in own[0].notes if len(own) > 1
                 and all(note in result.notes for result in own)]
        measured.append(MeasuredPair(pair, own[0].data, own[0].truth, own[0].counts,
                                     tuple(notes)))
    unknown = {r.pair for r in results} - {m.pair.name for m in measured}
    if unknown:
        raise ValueError(f'the protocol {protocol.name} has no pair {sorted(unknown)[0]}')
    return tuple(measured)


def _columns(protocol: Protocol, pairs: Sequence[MeasuredPair],
             results: Sequence[PairResult]) -> list[Column]:
    """Return the columns that have a number: pairs by themselves, groups in two ways."""
    sizes: dict[str, int] = {}
    for pair in protocol.pairs:
        sizes[pair.group] = sizes.get(pair.group, 0) + 1
    units: dict[str, tuple[Over, ...]] = {}
    for measured in pairs:
        group = measured.pair.group
        if group and sizes[group] > 1:
            units[group] = ('mean', 'worst')
        else:
            units[measured.pair.name] = ('',)
    there = {measure for result in results for measure in result.numbers}
    return [Column(unit, measure, over) for unit, overs in units.items()
            for measure in protocol.measures for over in overs
            if measure in there or _is_published(protocol, unit, measure, over)]


def _is_published(protocol: Protocol, unit: str, measure: str, over: Over) -> bool:
    return any(_published_name(measure, over) in of.get(unit, {})
               for of in protocol.published.values())


def _published_name(measure: str, over: Over) -> str:
    return f'{measure} worst' if over == 'worst' else measure


def _filled(table: Table, results: Sequence[PairResult], columns: Sequence[Column]) -> Table:
    """Return the table with these columns and the rows of all systems."""
    by_pair = {(System.of(r), r.pair): r for r in results}
    said_of_pairs = {m.pair.name: m.notes for m in table.pairs}
    notes: list[str] = []
    rows = []
    for system in systems_of(results):
        own = {pair: r for (s, pair), r in by_pair.items() if s == system}
        numbers = [_cell(column, own, table.pairs) for column in columns]
        said = dict.fromkeys(note for pair, r in own.items() for note in r.notes
                             if note not in said_of_pairs[pair])
        notes += [note for note in said if note not in notes]
        rows.append(Row(system, tuple(numbers), tuple(notes.index(note) for note in said)))
    rows = _with_below(_with_best(rows, columns), columns, table.paired)
    return replace(table, columns=tuple(columns), notes=tuple(notes),
                   rows=tuple(_with_published(rows, table.protocol, columns)))


def _cell(column: Column, own: Mapping[str, PairResult],
          pairs: Sequence[MeasuredPair]) -> Cell | None:
    if not column.over:
        result = own.get(column.unit)
        number = None if result is None else result.numbers.get(column.measure)
        return None if number is None else Cell(number)
    numbers = {}
    for name in (m.pair.name for m in pairs if m.pair.group == column.unit):
        number = own[name].numbers.get(column.measure) if name in own else None
        if number is None or not math.isfinite(number.value):
            # A mean over other pairs than its neighbours' would be compared with them.
            return None
        numbers[name] = number
    if column.over == 'mean':
        return Cell(Number(sum(n.value for n in numbers.values()) / len(numbers),
                           sum(n.count for n in numbers.values())))
    sign = 1 if measure_named(column.measure).better == 'higher' else -1
    name = min(numbers, key=lambda each: sign * numbers[each].value)
    return Cell(numbers[name], pair=name)


def _with_best(rows: Sequence[Row], columns: Sequence[Column]) -> list[Row]:
    """Mark the best of each column among those that a robot could run, if there are such."""
    running = [k for k, row in enumerate(rows) if row.system.statistics != WHOLE]
    running = running or list(range(len(rows)))
    best: set[tuple[int, int]] = set()
    for j, column in enumerate(columns):
        measure = measure_named(column.measure)
        values = {}
        for k in running:
            cell = rows[k].cells[j]
            if cell is not None and math.isfinite(cell.number.value):
                values[k] = cell.number.value
        if len(values) < 2:
            continue
        top = (max if measure.better == 'higher' else min)(values.values())
        same = {k for k, value in values.items()
                if number_text(value, measure) == number_text(top, measure)}
        # Where all are alike none is best.
        best |= {(k, j) for k in same if len(same) < len(values)}
    return [replace(row, cells=tuple(
        cell if cell is None else replace(cell, best=(k, j) in best)
        for j, cell in enumerate(row.cells))) for k, row in enumerate(rows)]


def _with_below(rows: Sequence[Row], columns: Sequence[Column],
                paired: Mapping[str, PairedRecalls[System]]) -> list[Row]:
    """Mark what is below the best of its column by more than chance tells."""
    below: set[tuple[int, int]] = set()
    for j, column in enumerate(columns):
        same = paired.get(column.unit)
        if same is None or column.over or column.measure != RECALL:
            continue
        best = next((row.system for row in rows if row.system in same
                     and (cell := row.cells[j]) is not None and cell.best), None)
        if best is not None:
            below |= {(k, j) for k, row in enumerate(rows) if row.system in same
                      and row.cells[j] is not None
                      and same.difference(row.system, best).high < 0.0}
    return [replace(row, cells=tuple(
        cell if cell is None else replace(cell, below=(k, j) in below)
        for j, cell in enumerate(row.cells))) for k, row in enumerate(rows)]


def _with_published(rows: Sequence[Row], protocol: Protocol,
                    columns: Sequence[Column]) -> list[Row]:
    """Put the numbers of the paper below those of the same label, or at the end."""
    together = list(rows)
    for label, of in protocol.published.items():
        cells = []
        for column in columns:
            value = of.get(column.unit, {}).get(_published_name(column.measure, column.over))
            cells.append(None if value is None else Cell(Number(value, 0)))
        if not any(cells):
            continue
        same = [k for k, row in enumerate(together) if row.system.label == label]
        together.insert(same[-1] + 1 if same else len(together),
                        Row(System(label, published=True), tuple(cells)))
    return together
