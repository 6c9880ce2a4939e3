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

"""Right, wrong, or honestly unknown."""

import math

import pytest
from vpr_ros.evaluation.outcomes import count_outcomes
from vpr_ros.evaluation.outcomes import judge
from vpr_ros.evaluation.outcomes import Outcome


@pytest.mark.parametrize(('known', 'true_match', 'has_match', 'outcome'), [
    (True, True, True, Outcome.RIGHT),
    (True, False, True, Outcome.WRONG),
    (True, False, False, Outcome.WRONG),
    (False, True, True, Outcome.MISSED),
    (False, False, True, Outcome.MISSED),
    (False, False, False, Outcome.REJECTED),
    (True, None, None, Outcome.KNOWN),
    (False, None, None, Outcome.UNKNOWN),
])
def test_every_answer_has_one_outcome(known, true_match, has_match, outcome):
    assert judge(known=known, true_match=true_match, has_match=has_match) is outcome
    assert outcome.recognised is known


def test_counts():
    counts = count_outcomes([Outcome.RIGHT] * 3 + [Outcome.WRONG, Outcome.MISSED, Outcome.MISSED,
                                                   Outcome.REJECTED])
    assert (counts.queries, counts.recognised, counts.judged) == (7, 4, True)
    assert (counts.right, counts.wrong, counts.missed, counts.rejected) == (3, 1, 2, 1)
    assert counts.precision == 0.75


def test_counts_without_truth_or_queries():
    counts = count_outcomes([Outcome.KNOWN, Outcome.UNKNOWN])
    assert (counts.queries, counts.recognised, counts.judged) == (2, 1, False)
    assert math.isnan(counts.precision)
    assert count_outcomes([]).queries == 0
