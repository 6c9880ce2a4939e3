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

"""The numbers of one system on one pair of traverses, and how they were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
import json
import math
from pathlib import Path
from typing import Any
from typing import Literal

from vpr_ros.errors import VprError
from vpr_ros.runtime.whole_file import write_whole

__all__ = ['Counts', 'Example', 'Method', 'METHODS', 'NOT_KNOWN', 'Number', 'PairResult',
           'QUERY_STATISTICS',
           'read_result', 'write_result']

#: What descriptors knew of the query traverse; see ``query_statistics``.
QUERY_STATISTICS = ('none', 'past', 'whole traverse')
#: What a list from elsewhere knew.
NOT_KNOWN = 'not known'
#: One image by its descriptor; the localizer with evidence over time, without and with odometry;
#: a list from elsewhere.
METHODS = ('single image', 'over time', 'over time with odometry', 'listed')
Method = Literal['single image', 'over time', 'over time with odometry', 'listed']
# Raised when numbers of the same name would come out otherwise: older files are measured again.
_VERSION = 3


@dataclass(frozen=True)
class Number:
    """
    One number of a table.

    :param count: over how many queries it is.
    :param low: lower end of its interval of 95 %, None where it has none; likewise ``high``.
    """

    value: float
    count: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Counts:
    """
    What was compared.

    :param queries: all of them; ``with_place`` have a right reference, ``without_place`` none.
    """

    queries: int
    references: int
    with_place: int

    @property
    def without_place(self) -> int:
        """Return how many queries have no right reference."""
        return self.queries - self.with_place


@dataclass(frozen=True)
class Example:
    """
    One query that is shown with pictures.

    :param kind: why it is shown: ``best`` or ``worst``.
    :param reference: what the system said, None for nothing.
    :param right: the middle one of the right references, None where there is none.
    """

    kind: Literal['best', 'worst']
    query: int
    reference: int | None
    correct: bool
    score: float
    right: int | None = None


@dataclass(frozen=True)
class PairResult:
    """
    The numbers of one system on one pair.

    :param rule: hash of the pair's rule; ``protocol_hash`` that of all pairs of the protocol.
    :param data: digest of the frames and of which are right: what was there to be compared.
    :param truth: the rule in words.
    :param network: its identity in JSON, empty for lists from elsewhere.
    :param statistics: what descriptors knew of the query traverse; :data:`NOT_KNOWN` of a list.
    :param numbers: measure -> number; see :mod:`.measures`.
    :param curves: name of a curve -> (recall, precision) points, at most some hundred.
    :param notes: what a person should know of the data or the system.
    :param settings: what else decided the numbers, in JSON: the images as they were, and how they
        were described. Another text, and they are measured again.
    """

    protocol: str
    protocol_hash: str
    pair: str
    group: str
    rule: str
    data: str
    truth: str
    label: str
    network: str
    method: Method
    statistics: str
    counts: Counts
    numbers: Mapping[str, Number]
    curves: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()
    settings: str = ''

    def __post_init__(self) -> None:
        kinds = (*QUERY_STATISTICS, NOT_KNOWN)
        if self.method not in METHODS or self.statistics not in kinds:
            raise ValueError(f'expected a method of {METHODS} and statistics of {kinds}, got '
                             f'{self.method!r} and {self.statistics!r}')


def write_result(result: PairResult, path: Path) -> None:
    """Write a result as JSON; the file appears whole or not at all."""
    told = {'version': _VERSION, **asdict(result)}
    write_whole(path, json.dumps(_without_nan(told), indent=1).encode())


def read_result(path: Path) -> PairResult | None:
    """
    Return a result that was written before.

    :returns: None where there is none, or where it was measured in another way.
    :raises VprError: for a file that is no result.
    """
    try:
        told = json.loads(path.read_text(encoding='utf-8'))
        if told.pop('version') != _VERSION:
            return None
        numbers = {name: Number(**_with_nan(number)) for name, number in told['numbers'].items()}
        curves = {name: tuple((float(r), float(p)) for r, p in points)
                  for name, points in told['curves'].items()}
        return PairResult(**{
            **told, 'counts': Counts(**told['counts']), 'numbers': numbers, 'curves': curves,
            'examples': tuple(Example(**example) for example in told['examples']),
            'notes': tuple(told['notes'])})
    except FileNotFoundError:
        return None
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise VprError(f'{path} is no result of an evaluation ({error})') from error


def _without_nan(value: Any) -> Any:
    """Return the same with None for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(number: dict[str, Any]) -> dict[str, Any]:
    return {**number, 'value': math.nan if number['value'] is None else number['value']}
