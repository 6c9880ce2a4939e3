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
Thinning out places that a map can do without.

A place may go when one that stays is near it and looks like it: then whoever comes by is still
told where that is. Traverses stay whole: their ends stay, and no gap on them becomes larger than
asked for. Places are taken in driving order, so that of several alike the first stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.nearness import Nearness
from vpr_ros.maps.snapshot import Snapshot

__all__ = ['choose', 'choose_number', 'PruneRule']

# Halvings of the range of similarities: finer than descriptors in half precision tell apart.
_HALVINGS = 12


@dataclass(frozen=True)
class PruneRule:
    """
    What may go.

    :param similarity: cosine of the descriptors of a place that goes and one that stays, at least.
    :param same_place_m: how far apart the two may be.
    :param same_place_frames: how many frames apart, on a traverse without poses.
    :param max_gap_m: between places of a traverse that stay, as the robot drove.
    :param max_gap_frames: the same where there are no poses.
    """

    similarity: float = 0.9
    same_place_m: float = 5.0
    same_place_frames: int = 2
    max_gap_m: float = 10.0
    max_gap_frames: int = 5

    def __post_init__(self) -> None:
        if not (-1.0 <= self.similarity <= 1.0 and self.same_place_m > 0.0
                and self.same_place_frames >= 0 and self.max_gap_m > 0.0
                and self.max_gap_frames >= 1):
            raise VprError('to prune, a similarity is in -1..1, distances are positive, and a gap '
                           f'has at least one frame; got similarity {self.similarity:g}, same '
                           f'place {self.same_place_m:g} m or {self.same_place_frames} frames, '
                           f'gap {self.max_gap_m:g} m or {self.max_gap_frames} frames')


def choose(snapshot: Snapshot, rule: PruneRule,
           told: Callable[[int], None] | None = None) -> NDArray[np.bool_]:
    """
    Return (N,) which places stay.

    :param told: is called with the number of every place that was dealt with.
    """
    return _Choice(snapshot, rule).made(rule.similarity, told)


def choose_number(snapshot: Snapshot, rule: PruneRule, number: int,
                  told: Callable[[int], None] | None = None) -> tuple[NDArray[np.bool_], float]:
    """
    Keep at most ``number`` places, and return which, and the similarity that this took.

    It is the highest that is enough, whatever the rule says; VprError where none is.
    """
    choice = _Choice(snapshot, rule)
    low, high = -1.0, 1.0
    best = choice.made(low, told)
    if best.sum() > number:
        raise VprError(
            f'{best.sum()} places have to stay so that no gap on a traverse is larger than '
            f'{rule.max_gap_m} m or {rule.max_gap_frames} frames, and every place has one within '
            f'{rule.same_place_m} m or {rule.same_place_frames} frames: ask for more than '
            f'{number}, or allow larger ones')
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        kept = choice.made(middle, told)
        if kept.sum() <= number:
            low, best = middle, kept
        else:
            high = middle
    return best, low


class _Choice:
    """What does not depend on the similarity that is asked for."""

    def __init__(self, snapshot: Snapshot, rule: PruneRule) -> None:
        self._snapshot = snapshot
        self._near = Nearness(snapshot, radius_m=rule.same_place_m, frames=rule.same_place_frames)
        self._frames = rule.same_place_frames
        self._must_stay = _MustStay(snapshot, rule)
        # The views of a place, one behind the other.
        self._order = np.argsort(snapshot.view_rows, kind='stable')
        self._begins = np.searchsorted(
            snapshot.view_rows, np.arange(len(snapshot) + 1), sorter=self._order)
        # A place is looked for in the square around it, and those beside that.
        known = snapshot.poses.known
        self._posed = known.tolist()
        squares = np.zeros((len(snapshot), 2), np.int64)
        squares[known] = np.floor(
            np.clip(snapshot.poses.positions[known, :2] / rule.same_place_m, -2e18, 2e18))
        self._squares = list(map(tuple, squares.tolist()))

    def made(self, similarity: float, told: Callable[[int], None] | None) -> NDArray[np.bool_]:
        """Return (N,) which places stay for a similarity."""
        kept = np.zeros(len(self._snapshot), bool)
        by_square: dict[tuple[int, ...], list[int]] = defaultdict(list)
        last = -1
        for row in range(len(kept)):
            stays = self._must_stay(row, last) or not self._is_covered(
                row, self._candidates(row, by_square, kept), similarity)
            if stays:
                kept[row] = True
                last = row
                if self._posed[row]:
                    by_square[self._squares[row]].append(row)
            if told is not None:
                told(row + 1)
        return kept

    def _candidates(self, row: int, by_square: dict[tuple[int, ...], list[int]],
                    kept: NDArray[np.bool_]) -> NDArray[np.int64]:
        begin = max(0, row - self._frames)
        found = [*(begin + np.flatnonzero(kept[begin:row])).tolist()]
        if self._posed[row]:
            x, y = self._squares[row]
            for square in ((x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
                found.extend(by_square.get(square, ()))
        others = np.array(sorted(set(found)), np.int64)
        return others[self._near.of(row, others)] if len(others) else others

    def _is_covered(self, row: int, others: NDArray[np.int64], similarity: float) -> bool:
        """Tell whether one of others looks like a place: to each of its cameras."""
        views = self._order[self._begins[row]:self._begins[row + 1]]
        counts = self._begins[others + 1] - self._begins[others]
        others, counts = others[counts > 0], counts[counts > 0]
        if not len(views) or not len(others):
            return False
        theirs = np.concatenate([
            self._order[self._begins[other]:self._begins[other + 1]] for other in others])
        descriptors = self._snapshot.descriptors
        cosines = (np.asarray(descriptors[views], np.float32)
                   @ np.asarray(descriptors[theirs], np.float32).T)
        best_view = np.maximum.reduceat(cosines, np.concatenate([[0], np.cumsum(counts)[:-1]]),
                                        axis=1)
        return bool(best_view.min(axis=0).max() >= similarity)


class _MustStay:
    """Tells which places keep a traverse whole."""

    def __init__(self, snapshot: Snapshot, rule: PruneRule) -> None:
        self._rule = rule
        self._session_of = snapshot.session_of.tolist()
        positions = snapshot.poses.positions
        # How far the robot came since the first place; NaN from one pose to the next without.
        steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        self._steps = np.concatenate([[np.nan], steps, [np.nan]])
        self._travelled = np.concatenate([[0.0], np.cumsum(np.nan_to_num(steps))])

    def __call__(self, row: int, last: int) -> bool:
        """
        Tell whether a place must stay.

        :param last: the place before it that stays.
        """
        session = self._session_of[row]
        following = row + 1
        if (last < 0 or self._session_of[last] != session
                or following == len(self._session_of) or self._session_of[following] != session):
            return True
        # Without it the gap would reach to the next one.
        if np.isnan(self._steps[last + 1:following + 1]).any():
            return following - last > self._rule.max_gap_frames
        return bool(self._travelled[following] - self._travelled[last] > self._rule.max_gap_m)
