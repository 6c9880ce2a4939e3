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


"""Every number of an evaluation as a row of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import csv
import io
import math

from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.tables import build_tables
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.protocols.protocol import Protocol

__all__ = ['CSV_COLUMNS', 'results_csv']

#: One row of the CSV file is one number with all that it depends on.
CSV_COLUMNS = (
    'protocol', 'protocol_hash', 'pair', 'group', 'rule', 'data', 'truth', 'label', 'network',
    'method', 'statistics', 'queries', 'references', 'with_place', 'measure', 'value', 'low',
    'high', 'count', 'source', 'notes')


def results_csv(results: Sequence[PairResult], protocols: Sequence[Protocol]) -> str:
    """
    Return every number in a row of its own, shares from 0 to 1.

    The mean and the worst of a group have its name for ``group`` and none for ``pair``, and what
    a paper printed has ``published`` for ``source``.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator='\n', restval='')
    writer.writeheader()
    tables = build_tables(results, protocols)
    for result in results:
        writer.writerows(_measured(result))
    for table in tables:
        writer.writerows(_over_groups(table))
        writer.writerows(_published(table.protocol))
    return text.getvalue()


def _measured(result: PairResult) -> Iterator[dict[str, object]]:
    for name, number in result.numbers.items():
        yield {
            'protocol': result.protocol, 'protocol_hash': result.protocol_hash,
            'pair': result.pair, 'group': result.group, 'rule': result.rule,
            'data': result.data, 'truth': result.truth, 'label': result.label,
            'network': result.network, 'method': result.method,
            'statistics': result.statistics, 'queries': result.counts.queries,
            'references': result.counts.references, 'with_place': result.counts.with_place,
            'measure': name, 'value': _plain(number.value), 'low': _plain(number.low),
            'high': _plain(number.high), 'count': number.count, 'source': 'measured',
            'notes': '; '.join(result.notes)}


def _over_groups(table: Table) -> Iterator[dict[str, object]]:
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if row.system.published or cell is None or not column.over:
                continue
            yield {
                'protocol': table.protocol.name, 'protocol_hash': table.protocol.hash,
                'group': column.unit, 'label': row.system.label, 'method': row.system.method,
                'statistics': row.system.statistics, 'measure': f'{column.measure} {column.over}',
                'value': _plain(cell.number.value), 'low': _plain(cell.number.low),
                'high': _plain(cell.number.high), 'count': cell.number.count,
                'source': 'measured', 'notes': '; '.join(table.notes[k] for k in row.notes)}


def _published(protocol: Protocol) -> Iterator[dict[str, object]]:
    groups = {pair.group for pair in protocol.pairs}
    for label, of in protocol.published.items():
        for unit, numbers in of.items():
            for name, value in numbers.items():
                over = ' mean' if unit in groups and not name.endswith(' worst') else ''
                yield {
                    'protocol': protocol.name, 'protocol_hash': protocol.hash,
                    'group' if unit in groups else 'pair': unit, 'label': label,
                    'measure': name + over, 'value': _plain(value), 'source': 'published',
                    'notes': protocol.source}


def _plain(value: float | None) -> str:
    return '' if value is None or not math.isfinite(value) else f'{value:.6g}'
