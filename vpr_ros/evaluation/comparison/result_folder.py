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


"""The files of one result: its numbers, its matches, its matrix and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
import csv
from dataclasses import dataclass
import hashlib
import json
import math
from pathlib import Path
import re
from typing import Any
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.matches import NOTHING
from vpr_ros.evaluation.comparison.result import NOT_KNOWN
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.result import read_result
from vpr_ros.evaluation.comparison.result import write_result
from vpr_ros.runtime.whole_file import write_whole

__all__ = ['Picture', 'PICTURES', 'result_folder', 'ResultFolder', 'StoredMatrix']

Array = NDArray[Any]
Picture = Literal['query', 'attention', 'match', 'right']
#: What is shown of an example, in this order: the query, where the network looked, what the
#: system said and what would have been right.
PICTURES: tuple[Picture, ...] = ('query', 'attention', 'match', 'right')
RUNS = 'runs'
_NAME_LENGTH = 60


@dataclass(frozen=True, eq=False)
class StoredMatrix:
    """
    How similar all queries are to all references, thinned and in 256 levels.

    :param levels: (rows of queries, columns of references) uint8, 0 for ``low`` or less and 255
        for ``high`` or more.
    :param queries: how many there were before it was thinned; likewise ``references``.
    """

    levels: Array
    low: float
    high: float
    queries: int
    references: int

    def __post_init__(self) -> None:
        levels = np.asarray(self.levels)
        if levels.ndim != 2 or levels.dtype != np.uint8 or not levels.size:
            raise ValueError('expected the levels of a matrix (queries, references) as uint8, got '
                             f'{levels.dtype} {levels.shape}')
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(f'expected finite ends of the scale, got {self.low} and {self.high}')

    @classmethod
    def from_similarity(cls, thinned: ArrayLike, low: float, high: float, *, queries: int,
                        references: int) -> StoredMatrix:
        """Return a thinned matrix (rows of queries, columns of references) in levels."""
        span = high - low if high > low else 1.0
        levels = np.nan_to_num((np.asarray(thinned, np.float64) - low) / span * 255.0, nan=0.0)
        return cls(levels.clip(0, 255).round().astype(np.uint8), float(low), float(high), queries,
                   references)


@dataclass(frozen=True)
class ResultFolder:
    """
    The folder of one result; see :func:`result_folder` for where it is.

    Each file appears whole or not at all. ``result.json`` is written last: a folder that has it
    is complete.
    """

    path: Path

    @property
    def matches_path(self) -> Path:
        """Return where the matches are, as ``vpr_ros evaluate --matches`` reads them."""
        return self.path / 'matches.csv'

    def read_best(self, queries: int) -> Array | None:
        """
        Return (queries,) int64 the first reference of each query; None where there are no matches.

        :raises VprError: for a file that is damaged, or is of other queries.
        """
        best = np.full(queries, NOTHING, np.int64)
        try:
            with self.matches_path.open(encoding='utf-8', errors='surrogateescape',
                                        newline='') as file:
                lines = csv.reader(file)
                head = next(lines)
                query, reference, rank = map(head.index, ('query', 'reference', 'rank'))
                for line in lines:
                    if line[rank] == '1' and line[reference]:
                        best[int(line[query])] = int(line[reference])
        except FileNotFoundError:
            return None
        except (csv.Error, IndexError, OSError, StopIteration, ValueError) as error:
            raise VprError(f'{self.matches_path} cannot be read ({error}): remove the folder, and '
                           'it is measured again') from error
        return best

    def clear(self) -> None:
        """Remove an older result, its numbers first: what is left has none to be believed."""
        for name in ('result.json', 'matches.csv', 'matrix.json', 'matrix.png'):
            (self.path / name).unlink(missing_ok=True)
        for picture in (self.path / 'pictures').glob('*.jpg'):
            picture.unlink()

    def write(self, result: PairResult) -> None:
        """Write the numbers."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_result(result, self.path / 'result.json')

    def read(self) -> PairResult | None:
        """Return the numbers; None where there are none, or where they were measured otherwise."""
        return read_result(self.path / 'result.json')

    def write_matrix(self, matrix: StoredMatrix) -> None:
        """Write the similarities as a grey picture, and the ends of its scale beside it."""
        import cv2

        self.path.mkdir(parents=True, exist_ok=True)
        done, data = cv2.imencode('.png', matrix.levels)
        if not done:
            raise VprError(f'cannot encode a matrix of {matrix.levels.shape}')
        told = {'low': matrix.low, 'high': matrix.high, 'queries': matrix.queries,
                'references': matrix.references}
        write_whole(self.path / 'matrix.json', json.dumps(told).encode())
        write_whole(self.path / 'matrix.png', data.tobytes())

    def read_matrix(self) -> StoredMatrix | None:
        """
        Return the similarities, None where there are none.

        :raises VprError: for files that are damaged.
        """
        import cv2

        try:
            data = (self.path / 'matrix.png').read_bytes()
        except FileNotFoundError:
            return None
        try:
            told: Mapping[str, Any] = json.loads((self.path / 'matrix.json').read_bytes())
            levels = cv2.imdecode(np.frombuffer(data, np.uint8),
                                  cv2.IMREAD_GRAYSCALE) if data else None
            if levels is None:
                raise ValueError('matrix.png is no picture')
            return StoredMatrix(np.asarray(levels), float(told['low']), float(told['high']),
                                int(told['queries']), int(told['references']))
        except (KeyError, OSError, TypeError, ValueError) as error:
            raise VprError(f'the matrix in {self.path} cannot be read ({error}): remove the '
                           'folder, and it is measured again') from error

    def write_picture(self, query: int, kind: Picture, jpeg: bytes) -> None:
        """Write a picture of an example."""
        path = self._picture_path(query, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, jpeg)

    def read_picture(self, query: int, kind: Picture) -> bytes | None:
        """Return a picture of an example as JPEG, None where there is none."""
        try:
            return self._picture_path(query, kind).read_bytes()
        except FileNotFoundError:
            return None

    def _picture_path(self, query: int, kind: Picture) -> Path:
        if kind not in PICTURES:
            raise ValueError(f'expected one of {PICTURES}, got {kind!r}')
        return self.path / 'pictures' / f'{query}.{kind}.jpg'


def result_folder(out: Path, *, protocol: str, pair: str, label: str, method: str,
                  statistics: str) -> ResultFolder:
    """
    Return the folder of a system's result under the folder of an evaluation.

    It is ``runs/PROTOCOL/PAIR/LABEL.METHOD``, with ``.STATISTICS`` where there are some. Names
    that cannot be folders are changed so that two of them never meet.
    """
    words = [_name(label), method.replace(' ', '-')]
    if statistics not in ('none', NOT_KNOWN):
        words.append(statistics.replace(' ', '-'))
    return ResultFolder(out / RUNS / _name(protocol) / _name(pair) / '.'.join(words))


def _name(text: str) -> str:
    """Return a text as the name of a folder; another text gets another name."""
    name = re.sub(r'[^A-Za-z0-9_.-]+', '-', text)[:_NAME_LENGTH].strip('.-')
    if name and name == text:
        return name
    digest = hashlib.sha256(text.encode('utf-8', errors='surrogateescape')).hexdigest()[:8]
    return f'{name or "unnamed"}-{digest}'
