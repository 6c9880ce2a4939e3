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


"""What was measured as the page shows it: results, their folders and their signs."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import cached_property
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.comparison.paired import PairedRecalls
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.result_folder import result_folder
from vpr_ros.evaluation.comparison.result_folder import ResultFolder
from vpr_ros.evaluation.comparison.signs import SystemSigns
from vpr_ros.evaluation.comparison.tables import build_tables
from vpr_ros.evaluation.comparison.tables import RECALL
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import systems_of
from vpr_ros.evaluation.comparison.tables import Table
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.run import Provenance

__all__ = ['Comparison']

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Comparison:
    """
    What one page shows.

    :param out: the folder of the evaluation, which holds what was made of each result.
    :param truths: digest of the data of a result -> which references are right, for differences
        on the same queries. Pairs without have none.
    """

    out: Path
    results: tuple[PairResult, ...]
    protocols: tuple[Protocol, ...]
    provenance: Provenance = Provenance()
    truths: Mapping[str, GroundTruth] = field(default_factory=dict)

    @cached_property
    def tables(self) -> list[Table]:
        """Return the table of each protocol that was measured."""
        return build_tables(self.results, self.protocols, self.paired)

    @cached_property
    def paired(self) -> dict[tuple[str, str], PairedRecalls[System]]:
        """Return (protocol, pair) -> R@1 of the systems whose answers are there."""
        found: dict[tuple[str, str], dict[System, Array]] = {}
        truth_of: dict[tuple[str, str], GroundTruth] = {}
        for result in self.results:
            truth = self.truths.get(result.data)
            right = None if truth is None else self._right(result, truth)
            if truth is not None and right is not None:
                at = (result.protocol, result.pair)
                truth_of[at] = truth
                found.setdefault(at, {})[System.of(result)] = right
        return {at: PairedRecalls(of, truth_of[at].has_match()) for at, of in found.items()
                if len(of) > 1}

    def _right(self, result: PairResult, truth: GroundTruth) -> Array | None:
        """Return whether each first reference is right; None for other answers than measured."""
        best = self.folder(result).read_best(truth.n_queries)
        if best is None or len(best) < 2 or RECALL not in result.numbers:
            return None
        right = truth.are_matches(np.arange(len(best)), best)
        same = math.isclose(right.sum() / truth.has_match().sum(), result.numbers[RECALL].value,
                            abs_tol=1e-9)
        return right if same else None

    @cached_property
    def signs(self) -> SystemSigns:
        """Return the signs of the systems."""
        return SystemSigns(systems_of(self.results))

    def of_pair(self, table: Table, pair: str) -> list[tuple[System, PairResult]]:
        """Return the results on a pair of a table, in the order of its rows."""
        own = {System.of(r): r for r in self.results
               if r.protocol == table.protocol.name and r.pair == pair}
        return [(row.system, own[row.system]) for row in table.rows if row.system in own]

    def folder(self, result: PairResult) -> ResultFolder:
        """Return where a result lies."""
        return result_folder(self.out, protocol=result.protocol, pair=result.pair,
                             label=result.label, method=result.method,
                             statistics=result.statistics)

    def pair_name(self, table: Table, pair: str) -> str:
        """Return the name of a pair, with its protocol where there are several."""
        return f'{table.protocol.name} · {pair}' if len(self.tables) > 1 else pair

    def each_pair(self) -> Sequence[tuple[Table, str]]:
        """Return all pairs that were measured, with their tables."""
        return [(table, m.pair.name) for table in self.tables for m in table.pairs]
