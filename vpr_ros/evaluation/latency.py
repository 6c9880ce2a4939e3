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

"""How long the stages of a run took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from vpr_ros.types import Localization

__all__ = ['stage_latencies', 'StageLatency', 'TOTAL']

TOTAL = 'total'


@dataclass(frozen=True)
class StageLatency:
    """
    Time per frame of one stage, in milliseconds.

    :param frames: how many frames went through this stage.
    :param p95_ms: 95 of 100 frames took at most this long (linear between frames); ``p99_ms`` 99.
    """

    stage: str
    frames: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def stage_latencies(localizations: Iterable[Localization]) -> tuple[StageLatency, ...]:
    """
    Summarise the times of each stage, in the order the stages first appear, then the total.

    A stage that reports itself as 'total' is not added in. No times, no rows.
    """
    times: dict[str, list[int]] = {}
    totals: list[int] = []
    for localization in localizations:
        stages = {stage: ns for stage, ns in localization.stage_times_ns.items()
                  if stage != TOTAL}
        for stage, ns in stages.items():
            times.setdefault(stage, []).append(ns)
        if stages:
            totals.append(sum(stages.values()))
    rows = [_summary(stage, values) for stage, values in times.items()]
    return (*rows, _summary(TOTAL, totals)) if totals else ()


def _summary(stage: str, times_ns: list[int]) -> StageLatency:
    ms = np.asarray(times_ns, dtype=np.float64) / 1e6
    median, p95, p99 = np.percentile(ms, [50, 95, 99])
    return StageLatency(stage, len(ms), float(median), float(p95), float(p99), float(ms.max()))
