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

"""What became of each query of a run: right, wrong, or honestly unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

__all__ = ['count_outcomes', 'judge', 'Outcome', 'OutcomeCounts']


class Outcome(Enum):
    """
    What became of one query.

    KNOWN and UNKNOWN are for runs without ground truth.
    """

    RIGHT = 'recognised, right place'
    WRONG = 'recognised, wrong place'
    MISSED = 'not recognised, though the place is in the map'
    REJECTED = 'rightly not recognised: the place is not in the map'
    KNOWN = 'recognised'
    UNKNOWN = 'not recognised'

    @property
    def recognised(self) -> bool:
        """Whether the system said that it knows the place."""
        return self in (Outcome.RIGHT, Outcome.WRONG, Outcome.KNOWN)


def judge(*, known: bool, true_match: bool | None, has_match: bool | None) -> Outcome:
    """
    Judge one answer.

    :param known: whether the system said that it knows the place.
    :param true_match: whether its best candidate is right; None without ground truth.
    :param has_match: whether the map holds the place at all; None without ground truth.
    """
    if known:
        if true_match is None:
            return Outcome.KNOWN
        return Outcome.RIGHT if true_match else Outcome.WRONG
    if has_match is None:
        return Outcome.UNKNOWN
    return Outcome.MISSED if has_match else Outcome.REJECTED


@dataclass(frozen=True)
class OutcomeCounts:
    """How many queries ended in each way."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    rejected: int = 0
    known: int = 0
    unknown: int = 0

    @property
    def queries(self) -> int:
        """Return the number of all queries."""
        return self.recognised + self.missed + self.rejected + self.unknown

    @property
    def recognised(self) -> int:
        """Return the number of queries that the system said it knows."""
        return self.right + self.wrong + self.known

    @property
    def judged(self) -> bool:
        """Whether there was ground truth to judge by."""
        return not (self.known or self.unknown)

    @property
    def precision(self) -> float:
        """Return the share of recognised queries that are right; nan when there are none."""
        judged = self.right + self.wrong
        return self.right / judged if judged else float('nan')


def count_outcomes(outcomes: Iterable[Outcome]) -> OutcomeCounts:
    """Count the outcomes of a run."""
    counts = dict.fromkeys(Outcome, 0)
    for outcome in outcomes:
        counts[outcome] += 1
    return OutcomeCounts(
        right=counts[Outcome.RIGHT], wrong=counts[Outcome.WRONG], missed=counts[Outcome.MISSED],
        rejected=counts[Outcome.REJECTED], known=counts[Outcome.KNOWN],
        unknown=counts[Outcome.UNKNOWN])
