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

"""Protocols in words, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator

from vpr_ros.evaluation.protocols.protocol import Crop
from vpr_ros.evaluation.protocols.protocol import Pair
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.protocols.protocol import TruthRule

__all__ = ['data_sets', 'frame_words', 'printed_numbers', 'truth_words']


def truth_words(rule: TruthRule) -> str:
    """Return when a reference shows the place of a query."""
    if rule.frames is not None:
        return 'same frame number' if rule.frames == 0 else f'within {_frames(rule.frames)}'
    if rule.metres is not None:
        return f'within {rule.metres:g} m'
    if rule.nearest_frames is not None:
        return (f'within {_frames(rule.nearest_frames)} of the nearest, within '
                f'{rule.nearest_metres:g} m')
    return f'listed in {rule.lists}' if rule.lists else 'as the data set publishes it'


def frame_words(pair: Pair) -> str:
    """Return which frames are compared, and how they are read; empty for all as they are."""
    return '; '.join(_frame_words(pair))


def data_sets(protocol: Protocol) -> list[str]:
    """Return the names of the data sets that a protocol needs, each once."""
    return list(dict.fromkeys(pair.data for pair in protocol.pairs))


def printed_numbers(protocol: Protocol) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """
    Return what a paper printed as a table.

    :returns: (pair or group, measure) of each column, and the rows: the label of a network and
        the numbers, empty where there is none.
    """
    columns = list(dict.fromkeys(
        (of, measure) for numbers in protocol.published.values()
        for of, values in numbers.items() for measure in values))
    known = [value for numbers in protocol.published.values() for values in numbers.values()
             for value in values.values()]
    digits = max((_digits(value) for value in known), default=0)
    rows = [[label, *('' if numbers.get(of, {}).get(measure) is None
                      else f'{numbers[of][measure]:.{digits}f}' for of, measure in columns)]
            for label, numbers in protocol.published.items()]
    return columns, rows


def _frames(count: int) -> str:
    return f'{count} frame{"s" * (count != 1)}'


def _frame_words(pair: Pair) -> Iterator[str]:
    if pair.part is not None:
        yield f'frames {pair.part[0]} to {pair.part[1] - 1}'
    reference, query = (list(_thinned(*every)) for every in (
        (pair.reference_every_s, pair.reference_every_m),
        (pair.query_every_s, pair.query_every_m)))
    if reference == query and reference:
        yield f'a frame every {" and ".join(reference)}'
    else:
        for what, every in (('reference', reference), ('query', query)):
            if every:
                yield f'a {what} every {" and ".join(every)}'
    for what, crop in (('references', pair.reference_crop), ('queries', pair.query_crop)):
        if crop.parts():
            yield f'{what} without {_sides(crop)}'
    yield from (option.replace(':=', ' ') for option in pair.options)


def _thinned(every_s: float, every_m: float) -> Iterator[str]:
    if every_s:
        yield f'{every_s:g} s'
    if every_m:
        yield f'{every_m:g} m'


def _sides(crop: Crop) -> str:
    return ', '.join(f'{100 * share:g} % on the {side}' if side in ('left', 'right')
                     else f'{100 * share:g} % at the {side}'
                     for side, share in crop.model_dump().items() if share)


def _digits(value: float) -> int:
    """Return how many digits a number has behind the point; at least the three of a share."""
    return max(3, len(repr(value).partition('.')[2]))
