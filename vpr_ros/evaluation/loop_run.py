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

"""One search for loop closures as a record: the path, what was said, what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.evaluation.loop_chart import LoopPath
from vpr_ros.evaluation.metrics import PrecisionRecall
from vpr_ros.evaluation.outcomes import count_outcomes
from vpr_ros.evaluation.outcomes import judge
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.outcomes import OutcomeCounts
from vpr_ros.evaluation.plan import Outline
from vpr_ros.evaluation.run import neighbours_last
from vpr_ros.evaluation.run import Provenance
from vpr_ros.types import LoopClosure

__all__ = ['choose_loop_examples', 'LoopExample', 'LoopReport']

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LoopExample:
    """
    What both ends of a closure saw.

    :param closure: row of the closure in the report.
    :param query_image: (H, W, 3) uint8 RGB, or the bytes of an image file; likewise
        ``match_image``.
    """

    closure: int
    query_image: Array | bytes
    match_image: Array | bytes


@dataclass(frozen=True, eq=False)
class LoopReport:
    """
    Everything that a report of loop closures is made from; the numbers are derived from it.

    :param session: the one in which closures were looked for.
    :param place_ids: (K,) int of the keyframes in driving order, each its own; both ends of every
        closure are among them.
    :param stamps_ns: (K,) int64, never falling.
    :param positions: (K, 2) x, y in metres, NaN where unknown; None when nobody knows any.
    :param positions_from: where positions come from, such as 'odometry'.
    :param images: how many images were looked at; 0 when nobody counted.
    :param probabilities: (K,) of the best closure at each keyframe, NaN where there was nothing
        to search yet; None to leave them out.
    :param least_probability: what a closure needed, or None.
    :param correct: (C,) bool, whether each closure is right; None without truth.
    :param revisits: (K,) bool, whether the robot truly was there before, long enough ago to be
        searched; with ``correct``, and None without truth. Where a closure is right there is one.
    :param right_means: when a closure is right, such as 'within 10 m'.
    :param curve: precision and recall over the probability of the best closure of each keyframe,
        given or not; None without truth.
    :param examples: in any order; see :func:`choose_loop_examples`.
    :param background: what lies around the path, in the frame of the positions.
    :param settings: names and values to show, such as ('left out', 'the last 30 s').
    """

    title: str
    session: str
    network: str
    place_ids: Array
    stamps_ns: Array
    closures: tuple[LoopClosure, ...] = ()
    positions: Array | None = None
    positions_from: str = ''
    images: int = 0
    probabilities: Array | None = None
    least_probability: float | None = None
    correct: Array | None = None
    revisits: Array | None = None
    right_means: str = ''
    curve: PrecisionRecall | None = None
    examples: tuple[LoopExample, ...] = ()
    background: tuple[Outline, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        keyframes, closures = len(np.asarray(self.place_ids)), len(self.closures)
        shapes: dict[str, tuple[type, tuple[int, ...]]] = {
            'place_ids': (np.int64, (keyframes,)), 'stamps_ns': (np.int64, (keyframes,)),
            'positions': (np.float64, (keyframes, 2)),
            'probabilities': (np.float64, (keyframes,)), 'correct': (np.bool_, (closures,)),
            'revisits': (np.bool_, (keyframes,))}
        for name, (kind, shape) in shapes.items():
            value = getattr(self, name)
            if value is None:
                continue
            # No closure is judged by an empty list.
            if kind is np.bool_ and np.size(value) and np.asarray(value).dtype != np.bool_:
                raise ValueError(f'{name} must be bool, got {np.asarray(value).dtype}')
            array: Array = np.array(value, dtype=kind)
            array.flags.writeable = False
            if array.shape != shape:
                raise ValueError(f'{name} must have shape {shape}, got {array.shape}')
            object.__setattr__(self, name, array)
        for name in ('closures', 'examples', 'background', 'settings'):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if len(self.rows) != keyframes:
            raise ValueError('every keyframe has its own place id, got some twice')
        if (np.diff(self.stamps_ns) < 0).any():
            raise ValueError('keyframes stand in driving order, but their stamps fall')
        for closure in self.closures:
            for place_id in (closure.query_place_id, closure.match_place_id):
                if place_id not in self.rows:
                    raise ValueError(f'a closure has an end at place {place_id}, which is none '
                                     f'of the {keyframes} keyframes')
        if any(not 0 <= example.closure < closures for example in self.examples):
            raise ValueError(f'an example is of none of the {closures} closures')
        if (self.correct is None) != (self.revisits is None):
            raise ValueError('correct and revisits tell the truth together: give both or none')
        if self.correct is not None and self.revisits is not None:
            odd = self.correct & ~self.revisits[self.ends[:, 0]]
            if odd.any():
                raise ValueError(
                    f'closure {int(np.flatnonzero(odd)[0])} is right, but its keyframe revisits '
                    'nothing: one of the two is wrong')

    @cached_property
    def rows(self) -> dict[int, int]:
        """Return the row of each keyframe by its place id."""
        return {int(place_id): row for row, place_id in enumerate(self.place_ids)}

    @cached_property
    def ends(self) -> Array:
        """Return (C, 2) int64 rows of the keyframes at the query and the match ends."""
        return np.array([(self.rows[c.query_place_id], self.rows[c.match_place_id])
                         for c in self.closures], dtype=np.int64).reshape(-1, 2)

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Return what became of each keyframe; one wrong closure makes it wrong."""
        right: list[bool | None] = [None] * len(self.place_ids)
        for row, query in enumerate(self.ends[:, 0]):
            flag = self.correct is None or bool(self.correct[row])
            right[query] = flag and right[query] is not False
        return tuple(judge(
            known=r is not None, true_match=None if self.correct is None else bool(r),
            has_match=None if self.revisits is None else bool(self.revisits[k]))
            for k, r in enumerate(right))

    @cached_property
    def counts(self) -> OutcomeCounts:
        """Return how many keyframes ended in each way."""
        return count_outcomes(self.outcomes)

    @property
    def right_closures(self) -> int | None:
        """Return how many closures are right; None without truth."""
        return None if self.correct is None else int(self.correct.sum())

    @property
    def found(self) -> tuple[int, int] | None:
        """Return how many revisits have a right closure, and how many there are; None unjudged."""
        if self.correct is None or self.revisits is None:
            return None
        return len(np.unique(self.ends[self.correct, 0])), int(self.revisits.sum())

    @property
    def path(self) -> LoopPath | None:
        """Return what the charts are drawn from; None when no position is known."""
        if self.positions is None or not np.isfinite(self.positions).all(axis=1).any():
            return None
        wrong = np.zeros(len(self.closures), bool) if self.correct is None else ~self.correct
        return LoopPath(self.positions, (self.stamps_ns - self.stamps_ns[0]) / 1e9, self.ends,
                        self.outcomes, wrong, self.background)


def choose_loop_examples(closures: tuple[LoopClosure, ...], correct: Array | None = None,
                         count: int = 12) -> list[int]:
    """
    Choose which closures to show pictures of, as rows.

    Choose first and load pictures for those alone: a session can be long, and images are large.

    :param correct: (C,) bool, or None without truth.
    :returns: the wrong ones first, the surest of them first and close neighbours last, at most
        half of ``count``; then others spread evenly over the session.
    """
    if count < 1:
        return []
    wrong = [] if correct is None else [int(i) for i in np.flatnonzero(~np.asarray(correct))]
    others = [i for i in range(len(closures)) if i not in set(wrong)]
    wrong.sort(key=lambda i: (-closures[i].probability, i))
    wrong = neighbours_last(wrong)[:max(1, count // 2)]
    wanted = min(count - len(wrong), len(others))
    spread = np.linspace(0, len(others) - 1, wanted).round().astype(int) if wanted > 0 else []
    return wrong + [others[int(i)] for i in spread]
