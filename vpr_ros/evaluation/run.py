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

"""One localization run as a record: what was asked, what was answered, what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.latency import stage_latencies
from vpr_ros.evaluation.latency import StageLatency
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.metrics import PrecisionRecall
from vpr_ros.evaluation.metrics import rank
from vpr_ros.evaluation.metrics import Recall
from vpr_ros.evaluation.metrics import recalls_at
from vpr_ros.evaluation.outcomes import count_outcomes
from vpr_ros.evaluation.outcomes import judge
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.outcomes import OutcomeCounts
from vpr_ros.evaluation.plan import Plan
from vpr_ros.types import Localization

__all__ = [
    'choose_examples', 'MapSummary', 'neighbours_last', 'Provenance', 'QueryResult', 'RunReport',
]

Array = NDArray[Any]
RECALLS_AT = (1, 5, 10)


@dataclass(frozen=True)
class MapSummary:
    """
    The map that was searched.

    :param id: its UUID.
    :param dimension: of the descriptors.
    :param size_bytes: of the map file.
    """

    id: str  # noqa: A003
    revision: int
    network: str
    places: int
    dimension: int
    size_bytes: int


@dataclass(frozen=True)
class Provenance:
    """
    How to make the run again.

    :param command: the command line; empty when the run was not made by one.
    :param version: of vpr_ros.
    :param created: when, in words for people.
    :param seed: of the random numbers, None when the run draws none.
    :param query_statistics: what the descriptors knew of the query traverse: 'none' (honest
        online use), 'past' or 'whole traverse'.
    """

    command: str = ''
    version: str = ''
    created: str = ''
    seed: int | None = None
    query_statistics: str = 'none'


@dataclass(frozen=True, eq=False)
class QueryResult:
    """
    The answer to one query image.

    Pictures are shown for the examples only; see :func:`choose_examples` for which to load.
    Each is (H, W, 3) uint8 RGB at any size, or the bytes of an image file (such as a map's
    thumbnail).

    :param index: number of the query in its traverse: its row of similarity and ground truth.
    :param place: index of ``localization.candidates[0]`` among the references: its column; None
        when there is no candidate.
    :param attention: (h, w) >= 0 over the query image, or None.
    """

    index: int
    localization: Localization
    place: int | None = None
    query_image: Array | bytes | None = None
    match_image: Array | bytes | None = None
    attention: Array | None = None

    @property
    def stamp_ns(self) -> int:
        """Return when the query was taken."""
        return self.localization.stamp_ns

    @property
    def similarity(self) -> float | None:
        """Return the similarity of the best candidate, None without one."""
        candidates = self.localization.candidates
        return candidates[0].similarity if candidates else None


@dataclass(frozen=True, eq=False)
class RunReport:
    """
    Everything that a report of one run is made from; the numbers are derived from it.

    :param reference: name of the traverse the map was built from.
    :param query: name of the traverse that was looked up.
    :param results: in order of time; they may be fewer than the queries of the truth.
    :param similarity: (Q, R) cosine similarity of every query and reference, or None.
    :param truth: which references are right, or None when nobody knows.
    :param plan: where queries and places are, or None when nobody knows.
    """

    title: str
    reference: str
    query: str
    map: MapSummary  # noqa: A003
    results: tuple[QueryResult, ...]
    similarity: Array | None = None
    truth: GroundTruth | None = None
    provenance: Provenance = Provenance()
    plan: Plan | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'results', tuple(self.results))
        indices = [result.index for result in self.results]
        if len(set(indices)) != len(indices) or any(index < 0 for index in indices):
            raise ValueError('every result has its own query index, counted from 0')
        if self.similarity is not None:
            similarity = np.asarray(self.similarity)
            if similarity.ndim != 2:
                raise ValueError(
                    f'similarity must have shape (queries, places), got {similarity.shape}')
            if self.truth is not None and similarity.shape != (
                    self.truth.n_queries, self.truth.n_references):
                raise ValueError(
                    f'similarity is {similarity.shape} but the ground truth is for '
                    f'{(self.truth.n_queries, self.truth.n_references)}')
            object.__setattr__(self, 'similarity', similarity)
        queries, places = self.queries, self.places
        for result in self.results:
            if result.index >= queries or not 0 <= (result.place or 0) < places:
                raise ValueError(
                    f'query {result.index} at place {result.place} lies outside the '
                    f'{queries} queries and {places} places of similarity or truth')
            if (result.place is None) != (not result.localization.candidates):
                raise ValueError(
                    f'query {result.index}: place and candidates must both be there or both not')
        if self.plan is not None:
            planned = len(self.plan.query_positions), len(self.plan.place_positions)
            if planned != (queries, places):
                raise ValueError(
                    f'the plan is for {planned[0]} queries and {planned[1]} places, but the run '
                    f'has {queries} and {places}')

    @property
    def queries(self) -> int:
        """Return the length of the query axis."""
        if self.truth is not None:
            return self.truth.n_queries
        if self.similarity is not None:
            return int(self.similarity.shape[0])
        return max((result.index for result in self.results), default=-1) + 1

    @property
    def places(self) -> int:
        """Return the length of the place axis."""
        if self.truth is not None:
            return self.truth.n_references
        if self.similarity is not None:
            return int(self.similarity.shape[1])
        return max([self.map.places, *(r.place + 1 for r in self.results if r.place is not None)])

    def true_match(self, result: QueryResult) -> bool | None:
        """Return whether the best candidate is right; None without ground truth."""
        if self.truth is None:
            return None
        return result.place is not None and self.truth.is_match(result.index, result.place)

    def has_match(self, result: QueryResult) -> bool | None:
        """Return whether the map holds the place of the query; None without ground truth."""
        return None if self.truth is None else self.truth.matches(result.index).size > 0

    def outcome(self, result: QueryResult) -> Outcome:
        """Return what became of the query."""
        return judge(known=result.localization.known, true_match=self.true_match(result),
                     has_match=self.has_match(result))

    @cached_property
    def counts(self) -> OutcomeCounts:
        """Return how many queries ended in each way."""
        return count_outcomes(self.outcome(result) for result in self.results)

    @cached_property
    def single_frame(self) -> tuple[Recall, ...]:
        """Return recall at 1, 5 and 10 of similarity alone; empty without it or without truth."""
        if self.similarity is None or self.truth is None or not self.results:
            return ()
        rows = [result.index for result in self.results]
        truth = self.truth.select(rows, np.arange(self.truth.n_references))
        return recalls_at(rank(self.similarity[rows], max(RECALLS_AT)), truth, RECALLS_AT)

    @cached_property
    def over_time(self) -> Recall | None:
        """Return recall at 1 of the answers (with evidence over time); None without truth."""
        if self.truth is None:
            return None
        counted = [result for result in self.results if self.has_match(result)]
        return Recall(n=1, hits=sum(bool(self.true_match(result)) for result in counted),
                      queries=len(counted), left_out=len(self.results) - len(counted))

    @cached_property
    def curve(self) -> PrecisionRecall | None:
        """Return precision and recall over probability; None without truth or queries."""
        if self.truth is None or not self.results:
            return None
        return precision_recall(
            [result.localization.probability for result in self.results],
            [bool(self.true_match(result)) for result in self.results],
            [bool(self.has_match(result)) for result in self.results])

    @cached_property
    def latencies(self) -> tuple[StageLatency, ...]:
        """Return the times of each stage and their total."""
        return stage_latencies(result.localization for result in self.results)


def choose_examples(report: RunReport, count: int = 24, *,
                    pictured: bool = False) -> tuple[list[int], list[int]]:
    """
    Choose which results to show pictures of, as positions in ``report.results``.

    Choose first and load pictures for those alone: a run can be long, and images are large.

    :param pictured: choose only among results that have the picture of the query.
    :returns: (mistakes, spread). Mistakes are the recognised places that are wrong, the surest
        first and close neighbours last, at most half of ``count``; the rest are spread evenly
        over the other results in order of time.
    """
    if count < 1:
        return [], []
    outcomes = [report.outcome(result) for result in report.results]
    usable = [i for i, result in enumerate(report.results)
              if not pictured or result.query_image is not None]
    wrong = [i for i in usable if outcomes[i] is Outcome.WRONG]
    wrong.sort(key=lambda i: (-report.results[i].localization.probability, i))
    mistakes = neighbours_last(wrong)[:max(1, count // 2)]
    others = _without(usable, wrong)
    wanted = min(count - len(mistakes), len(others))
    picked = np.linspace(0, len(others) - 1, wanted).round().astype(int) if wanted else []
    return mistakes, [others[int(i)] for i in picked]


def neighbours_last(positions: Sequence[int], distance: int = 3) -> list[int]:
    """Put positions close to an earlier one last: neighbours in time look alike."""
    first: list[int] = []
    last: list[int] = []
    for position in positions:
        near = any(abs(position - other) < distance for other in first)
        (last if near else first).append(position)
    return first + last


def _without(positions: Sequence[int], left_out: Sequence[int]) -> list[int]:
    out = set(left_out)
    return [position for position in positions if position not in out]
