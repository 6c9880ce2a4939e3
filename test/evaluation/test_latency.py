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

"""Times per stage."""

from dataclasses import replace

import pytest
from vpr_ros.evaluation.latency import stage_latencies


def test_each_stage_and_the_total(localization):
    base = localization(0, 0, 0.5, True)
    runs = [replace(base, stage_times_ns={'describe': d * 10**6, 'search': 10**6, 'total': 1})
            for d in range(1, 101)]
    describe, search, total = stage_latencies(runs)
    assert (describe.stage, describe.frames) == ('describe', 100)
    assert describe.median_ms == pytest.approx(50.5)
    assert describe.p95_ms == pytest.approx(95.05)
    assert describe.p99_ms == pytest.approx(99.01)
    assert describe.max_ms == pytest.approx(100)
    assert (search.median_ms, search.p95_ms) == (1.0, 1.0)
    assert total.stage == 'total'
    assert total.median_ms == pytest.approx(51.5)


def test_a_stage_that_runs_seldom_counts_its_own_frames(localization):
    base = localization(0, 0, 0.5, True)
    rows = stage_latencies([replace(base, stage_times_ns={'a': 10**6}),
                            replace(base, stage_times_ns={'a': 10**6, 'b': 2 * 10**6}),
                            replace(base, stage_times_ns={})])
    assert [(row.stage, row.frames) for row in rows] == [('a', 2), ('b', 1), ('total', 2)]


def test_no_times_make_no_rows(localization):
    assert stage_latencies([]) == ()
    assert stage_latencies([replace(localization(0, 0, 0.5, True), stage_times_ns={})]) == ()
