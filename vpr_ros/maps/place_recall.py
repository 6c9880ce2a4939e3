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

"""How often a map tells where somebody is: recall, whole and after some places went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.frames import between_datums
from vpr_ros.maps.nearness import Nearness
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.types import Pose

__all__ = ['queries_of_map', 'queries_of_places', 'recall', 'RecallQueries']

# Comparing with all views takes long: more queries than this are thinned out evenly.
_MOST_QUERIES = 2000
_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class RecallQueries:
    """
    Views whose place is known.

    :param descriptors: (Q, D).
    :param answers: for each, the rows of the map that are right.
    :param own: for each, the rows of the map that are the very place, and are not asked.
    """

    descriptors: NDArray[np.float32]
    answers: list[NDArray[np.int64]]
    own: list[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.answers)


def recall(snapshot: Snapshot, queries: RecallQueries,
           kept: NDArray[np.bool_] | None = None) -> float:
    """
    Return R@1: the share of queries whose most similar view is of a right place; NaN of none.

    :param kept: (N,) the places to search; all of them where it is None.
    """
    if not len(queries):
        return float('nan')
    views = np.arange(len(snapshot.view_rows))
    if kept is not None:
        views = views[kept[snapshot.view_rows]]
    rows = snapshot.view_rows[views]
    best = np.full(len(queries), -np.inf, np.float32)
    found = np.full(len(queries), -1)
    # Some views at a time: those of a large map stand in a file.
    for begin in range(0, len(views), 65536):
        part = slice(begin, begin + 65536)
        theirs = np.asarray(snapshot.descriptors[views[part]], np.float32)
        for first in range(0, len(queries), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            cosines = queries.descriptors[some] @ theirs.T
            for line, own in zip(cosines, queries.own[some], strict=True):
                line[np.isin(rows[part], own)] = -np.inf
            at = cosines.argmax(axis=1)
            cosine = cosines[np.arange(len(at)), at]
            better = cosine > best[some]
            best[some][better] = cosine[better]
            found[some][better] = rows[part][at[better]]
    right = [row in answers for row, answers in zip(found.tolist(), queries.answers, strict=True)]
    return float(np.mean(right))


def queries_of_places(snapshot: Snapshot, places: NDArray[np.int64],
                      near: Nearness) -> RecallQueries:
    """Ask for places of the map itself, given by row, as if they were not in it."""
    views = np.flatnonzero(np.isin(snapshot.view_rows, places))
    all_rows = np.arange(len(snapshot))
    answers, own, chosen = [], [], []
    for view in _thinned(views):
        row = int(snapshot.view_rows[view])
        right = all_rows[near.of(row, all_rows)]
        right = right[right != row]
        if len(right):
            chosen.append(view)
            answers.append(right)
            own.append(np.array([row]))
    return RecallQueries(_descriptors(snapshot, chosen), answers, own)


def queries_of_map(snapshot: Snapshot, place_map: PlaceMap, other: PlaceMap,
                   near: Nearness) -> RecallQueries:
    """
    Ask for the places of another map, as far as this one has been there.

    Both are of one network and have poses, in one frame unless both have a datum.
    """
    if place_map.network != other.network:
        differences = place_map.network.differences(
            other.network, f'in {place_map.path}', f'in {other.path}')
        raise VprError(f'{other.path} was described by another network: {differences}')
    theirs = other.snapshot()
    if not theirs.poses.known.any():
        raise VprError(f'{other.path} has no poses: it cannot tell what the right answers are')
    T = Pose.identity()
    if place_map.datum is not None and other.datum is not None:
        T = (between_datums(place_map.datum, other.datum) if place_map.datum != other.datum
             else T)
    all_rows = np.arange(len(snapshot))
    answers, own, chosen = [], [], []
    for view in _thinned(np.flatnonzero(theirs.poses.known[theirs.view_rows])):
        row = int(theirs.view_rows[view])
        mine = all_rows[snapshot.place_ids == theirs.place_ids[row]]
        right = all_rows[near.at(T.rotation() @ theirs.poses.positions[row] + T.position,
                                 all_rows)]
        right = right[~np.isin(right, mine)]
        if len(right):
            chosen.append(view)
            answers.append(right)
            own.append(mine)
    return RecallQueries(_descriptors(theirs, chosen), answers, own)


def _thinned(views: NDArray[np.int64]) -> list[int]:
    if len(views) > _MOST_QUERIES:
        views = views[np.linspace(0, len(views) - 1, _MOST_QUERIES).astype(np.int64)]
    return [int(view) for view in views]


def _descriptors(snapshot: Snapshot, views: list[int]) -> NDArray[np.float32]:
    return np.asarray(snapshot.descriptors[np.array(views, np.int64)], np.float32)
