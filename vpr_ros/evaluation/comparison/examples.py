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

"""Which queries are shown with pictures, and the pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.comparison.description_cache import Described
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.matches import NOTHING
from vpr_ros.evaluation.comparison.result import Example
from vpr_ros.evaluation.comparison.result_folder import ResultFolder
from vpr_ros.evaluation.pictures import encode_jpeg
from vpr_ros.evaluation.pictures import fit_within
from vpr_ros.evaluation.protocols.opening import OpenPair
from vpr_ros.evaluation.run import neighbours_last
from vpr_ros.messages.overlay import attention_overlay

__all__ = ['choose_examples', 'write_pictures']

Array = NDArray[Any]
# Of each kind.
_SHOWN = 6
_WIDTH_PX, _HEIGHT_PX = 480, 480


def choose_examples(matches: Matches, truth: GroundTruth,
                    count: int = _SHOWN) -> tuple[Example, ...]:
    """
    Choose the best and the worst answers: those that are surest.

    The best are right, and from all over the drive: the surest of each part of it. The worst are
    wrong, the surest first, and those beside another one last.
    """
    queries = np.arange(len(matches))
    answered = matches.best != NOTHING
    right = truth.are_matches(queries, matches.best)
    surest = np.argsort(-np.where(answered, matches.best_scores, -np.inf), kind='stable')
    parts = np.array_split(np.flatnonzero(right), min(count, max(1, int(right.sum()))))
    sureness = np.empty(len(queries), np.int64)
    sureness[surest] = queries
    best = [int(part[np.argmin(sureness[part])]) for part in parts if part.size]
    worst = neighbours_last([int(q) for q in surest if answered[q] and not right[q]])[:count]
    return (*(_example('best', query, matches, truth) for query in best),
            *(_example('worst', query, matches, truth) for query in worst))


def _example(kind: Any, query: int, matches: Matches, truth: GroundTruth) -> Example:
    reference = int(matches.best[query])
    of_place = truth.matches(query)
    # At the edge of a tolerance a right place looks least like the query.
    middle = int(of_place[len(of_place) // 2]) if of_place.size else None
    return Example(kind, query, None if reference == NOTHING else reference,
                   truth.is_match(query, reference), float(matches.best_scores[query]), middle)


def write_pictures(folder: ResultFolder, examples: tuple[Example, ...], opened: OpenPair,
                   asking: Described | None = None) -> None:
    """
    Write the pictures of examples: the query, what was answered and what is right.

    :param asking: the queries as the network saw them, for where it looked.
    """
    for example in examples:
        query = _small(opened.query.frame(example.query).image)
        folder.write_picture(example.query, 'query', encode_jpeg(query))
        attention = None if asking is None else asking.attention(example.query)
        if attention is not None:
            folder.write_picture(example.query, 'attention',
                                 encode_jpeg(attention_overlay(query, attention)))
        if example.reference is not None:
            match = _small(opened.reference.frame(example.reference).image)
            folder.write_picture(example.query, 'match', encode_jpeg(match))
        if example.right is not None and example.right != example.reference:
            folder.write_picture(example.query, 'right', encode_jpeg(
                _small(opened.reference.frame(example.right).image)))


def _small(image: Array) -> Array:
    return fit_within(image, _WIDTH_PX, _HEIGHT_PX)
