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
Matches as a table (CSV): those of other programs, and our own.

The first line names the columns, of which ``query`` and ``reference`` must be there:

* ``query`` and ``reference``: numbers counted from 0, or the names of images; a column of numbers
  alone is one of numbers. Several lines of a query are its candidates. One with an empty
  reference, or none at all, says that nothing was found; with a rank, nothing up to there.
* ``score`` (larger is surer), ``similarity`` (the cosine of descriptors, by which the ratio test
  can be made) or ``distance`` (smaller is surer). Without any of them nothing is known of how sure
  the answers are, and only what depends on their order is measured.
* ``rank``: what comes first is better; without it the score says so, or the order of the lines.
* ``probability`` that the first reference of the query is right, and ``known``, whether the
  program says that it knows the place (``1`` or ``0``, ``true`` or ``false``).

Other columns are ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
import csv
from dataclasses import dataclass
from dataclasses import field
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.tables import read_columns
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.matches import NOTHING
from vpr_ros.runtime.whole_file import write_whole

__all__ = ['read_listed', 'write_listed']

Array = NDArray[Any]
_SCORES = ('score', 'similarity', 'distance')
_OPTIONAL = (*_SCORES, 'rank', 'probability', 'known')
_TRUE = ('1', 'true', 'yes')
_FALSE = ('0', 'false', 'no')
# What arithmetic in float32 makes of a cosine of 1.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class _Line:
    """A reference of a query, as a line has it; what it does not say is None."""

    number: int
    reference: int
    score: float | None
    rank: float | None


@dataclass
class _Answer:
    """
    What the lines of a query say together.

    :ivar asked: how many references were looked for, as far as is known.
    """

    lines: list[_Line] = field(default_factory=list)
    asked: int = 1
    probability: float | None = None
    known: bool | None = None


def read_listed(path: Path, queries: Sequence[str], references: Sequence[str]) -> Matches:
    """
    Read matches that some program wrote.

    :param queries: names of the query images, in their order; likewise ``references``.
    :raises VprError: for what is no such table, naming the line.
    """
    lines = list(read_columns(path, ('query', 'reference'), optional=_OPTIONAL))
    if not lines:
        raise VprError(f'{path} lists no match: expected a line for each, such as "0,17" below '
                       '"query,reference"')
    columns = {name: [cells[at] for _, cells in lines]
               for at, name in enumerate(('query', 'reference', *_OPTIONAL))}
    score = _score_column(path, columns)
    query_of = _Names('query', path, columns['query'], queries)
    reference_of = _Names('reference', path, columns['reference'], references)
    answers = [_Answer() for _ in queries]
    seen: dict[tuple[int, int], int] = {}
    for number, cells in lines:
        cell = dict(zip(columns, cells, strict=True))
        at = query_of.find(number, cell['query'])
        _take(answers[at], path, number, cell)
        if not cell['reference']:
            rank = _number(path, number, 'rank', cell['rank'])
            rank = 1.0 if rank is None else rank
            if not (rank.is_integer() and 1 <= rank <= max(1, len(references))):
                raise VprError(f'{path} line {number}: a rank is a whole number from 1 to that of '
                               f'the references, {len(references)}, got {cell["rank"]}')
            answers[at].asked = max(answers[at].asked, int(rank))
            continue
        reference = reference_of.find(number, cell['reference'])
        if (at, reference) in seen:
            raise VprError(f'{path} line {number}: query {cell["query"]} has the reference '
                           f'{cell["reference"]} twice (also line {seen[at, reference]})')
        seen[at, reference] = number
        answers[at].lines.append(_Line(
            number, reference, _score(path, number, score, cell),
            _number(path, number, 'rank', cell['rank'])))
    _refuse_upside_down(path, answers, score)
    return _matches(path, answers, score)


class _Names:
    """Finds images by their number or their name, as all of a column have it."""

    def __init__(self, what: str, path: Path, cells: Sequence[str],
                 names: Sequence[str]) -> None:
        self._what = what
        self._path = path
        self._names = names
        self._numbers = all(cell.isascii() and cell.isdigit() for cell in cells if cell)
        self._of = {name: at for at, name in enumerate(names)}
        self._often = Counter(names) if len(self._of) < len(names) else Counter()

    def find(self, line: int, cell: str) -> int:
        """Return the number of an image; VprError for one that is not there."""
        where = f'{self._path} line {line}: '
        if self._numbers and cell:
            if int(cell) < len(self._names):
                return int(cell)
            raise VprError(f'{where}there is no {self._what} {cell}: they are counted from 0 to '
                           f'{len(self._names) - 1}')
        if cell not in self._of:
            raise VprError(f'{where}there is no {self._what} image {cell!r}; expected a number '
                           f'in all lines, or a name such as {self._names[0]!r} in all lines')
        if self._often[cell] > 1:
            raise VprError(f'{where}{self._often[cell]} {self._what} images are called {cell!r}: '
                           'give their numbers, counted from 0')
        return self._of[cell]


def _score_column(path: Path, columns: Mapping[str, Sequence[str]]) -> str:
    """Return which column says how sure a match is; empty for none."""
    there = [name for name in _SCORES if any(columns[name])]
    if len(there) > 1:
        raise VprError(f'{path} has the columns {" and ".join(there)}: keep one of them, so that '
                       'it is clear by which the matches are judged')
    return there[0] if there else ''


def _take(answer: _Answer, path: Path, number: int, cell: Mapping[str, str]) -> None:
    """Take in what a line says of its query."""
    probability = _number(path, number, 'probability', cell['probability'])
    if probability is not None and not 0.0 <= probability <= 1.0:
        raise VprError(f'{path} line {number}: a probability lies in 0 to 1, got {probability}')
    known = None
    if cell['known']:
        word = cell['known'].lower()
        if word not in (*_TRUE, *_FALSE):
            raise VprError(f'{path} line {number}: expected 1 or 0 (or true or false) for known, '
                           f'got {cell["known"]!r}')
        known = word in _TRUE
    for name, value in (('probability', probability), ('known', known)):
        before = getattr(answer, name)
        if value is not None and before not in (None, value):
            raise VprError(f'{path} line {number}: {name} is said of the query, so all of its '
                           f'lines have the same, but this has {value} and one before {before}')
        if value is not None:
            setattr(answer, name, value)


def _score(path: Path, number: int, column: str, cell: Mapping[str, str]) -> float | None:
    if not column:
        return None
    value = _number(path, number, column, cell[column])
    if value is None:
        raise VprError(f'{path} line {number}: {column} is empty, and other lines have one: give '
                       'it in all lines or in none')
    if column == 'similarity':
        if abs(value) > 1.0 + _ROUNDING:
            raise VprError(f'{path} line {number}: a similarity is a cosine and lies in -1 to 1, '
                           f'got {value}; call the column "score" where larger is surer, or '
                           '"distance" where smaller is')
        return value
    return -value if column == 'distance' else value


def _number(path: Path, line: int, what: str, cell: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise VprError(f'{path} line {line}: expected a finite number for {what}, got {cell!r}')
    return value


def _refuse_upside_down(path: Path, answers: Sequence[_Answer], column: str) -> None:
    """Refuse scores that rise down the lines of every query: they are distances."""
    several = [answer.lines for answer in answers if len(answer.lines) > 1]
    if column != 'score' or len(several) < 2:
        return
    for lines in several:
        if any(line.rank is not None for line in lines) or any(
                (line.score or 0.0) <= (before.score or 0.0)
                for before, line in zip(lines, lines[1:], strict=False)):
            return
    raise VprError(f'{path}: scores rise from line to line of every query, as distances do, and '
                   'larger scores are surer: call the column "distance", or give the column '
                   '"rank"')


def _matches(path: Path, answers: Sequence[_Answer], score: str) -> Matches:
    most = max(max(answer.asked, len(answer.lines)) for answer in answers)
    references = np.full((len(answers), most), NOTHING, np.int64)
    scores = np.full((len(answers), most), -np.inf)
    for at, answer in enumerate(answers):
        for rank, line in enumerate(_in_order(path, answer.lines)):
            references[at, rank] = line.reference
            scores[at, rank] = line.score or 0.0
    known = _of_all(path, 'known', answers, False)
    probabilities = _of_all(path, 'probability', answers, 0.0)
    return Matches(
        references, scores,
        runner_up=scores[:, 1].copy() if score == 'similarity' and most > 1 else None,
        known=None if known is None else np.array(known, bool),
        probabilities=None if probabilities is None else np.array(probabilities, float),
        score_kind='similarity' if score == 'similarity' else 'score')


def _of_all(path: Path, name: str, answers: Sequence[_Answer], absent: Any) -> list[Any] | None:
    """Return what is said of each query; None where it is said of none."""
    values = [getattr(answer, name) for answer in answers]
    if all(value is None for value in values):
        return None
    for answer, value in zip(answers, values, strict=True):
        if value is None and answer.lines:
            raise VprError(f'{path} line {answer.lines[0].number}: {name} is empty for this '
                           'query, and others have one: give it for all queries or for none')
    return [absent if value is None else value for value in values]


def _in_order(path: Path, lines: list[_Line]) -> list[_Line]:
    """Return the references of a query, best first."""
    ranked = [line for line in lines if line.rank is not None]
    if not ranked:
        return sorted(lines, key=lambda line: -(line.score or 0.0))
    for line in lines:
        if line.rank is None:
            raise VprError(f'{path} line {line.number}: rank is empty, and other lines of the '
                           'query have one')
    ranked.sort(key=lambda line: line.rank or 0.0)
    for before, line in zip(ranked, ranked[1:], strict=False):
        if line.rank == before.rank:
            raise VprError(f'{path} line {line.number}: rank {line.rank:g} is also that of line '
                           f'{before.number}')
        if (line.score or 0.0) > (before.score or 0.0):
            raise VprError(f'{path} line {line.number}: rank {line.rank:g} is surer than what '
                           f'comes before it in line {before.number}; is the score a distance? '
                           'Then call its column "distance"')
    return ranked


def write_listed(path: Path, matches: Matches, queries: Sequence[str],
                 references: Sequence[str]) -> None:
    """
    Write matches so that :func:`read_listed` makes the same numbers of them.

    :param queries: names of the query images, for people; likewise ``references``.
    """
    score = 'similarity' if matches.score_kind == 'similarity' else 'score'
    text = io.StringIO()
    table = csv.writer(text, lineterminator='\n')
    table.writerow(['query', 'reference', 'rank', score, 'probability', 'known', 'query_image',
                    'reference_image'])
    for query in range(len(matches)):
        probability = '' if matches.probabilities is None else repr(
            float(matches.probabilities[query]))
        known = '' if matches.known is None else str(int(matches.known[query]))
        row = matches.references[query]
        found = row[row != NOTHING]
        for rank, reference in enumerate(found):
            # Names are for people, who look at the best; in all lines they would be most of it.
            names = ['', ''] if rank else [queries[query], references[reference]]
            table.writerow([query, reference, rank + 1, repr(float(matches.scores[query, rank])),
                            probability, known, *names])
        if found.size < row.size:
            table.writerow([query, '', row.size, '', probability, known,
                            '' if found.size else queries[query], ''])
    write_whole(path, text.getvalue().encode('utf-8', errors='surrogateescape'))
