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

"""What a system does at the thresholds that a robot would run at, as pure functions."""

from __future__ import annotations

import numpy as np
from vpr_ros.evaluation.metrics import OperatingPoint
from vpr_ros.evaluation.metrics import PrecisionRecall
from vpr_ros.evaluation.metrics import recall_at_full_precision

__all__ = ['extended_precision', 'recall_at_precision']


def recall_at_precision(curve: PrecisionRecall, precision: float) -> OperatingPoint:
    """
    Return the point with the most right answers at a precision of at least so much.

    Precision may rise again after it fell, so the point can lie below thresholds at which it is
    less. Of points with equally many right answers, that with the fewest wrong ones is taken.

    :param precision: above 0, up to 1, where this is
        :func:`~vpr_ros.evaluation.metrics.recall_at_full_precision`.
    :returns: threshold None and recall 0 when no threshold will do.
    """
    if not 0.0 < precision <= 1.0:
        raise ValueError(f'a precision lies above 0 and is at most 1, got {precision}')
    enough = np.flatnonzero(curve.precision >= precision)
    # A threshold without one right answer has precision 0: there is none among these.
    if enough.size == 0:
        return OperatingPoint(None, 0, 0, curve.positives)
    # Right answers never get fewer, and the first of equals accepts the fewest.
    best = int(enough[np.argmax(curve.correct[enough])])
    return OperatingPoint(float(curve.thresholds[best]), int(curve.accepted[best]),
                          int(curve.correct[best]), curve.positives)


def extended_precision(curve: PrecisionRecall) -> float:
    """
    Return (P_R0 + R_P100) / 2, the extended precision (Ferrarini et al., IEEE RA-L 5(2), 2020).

    P_R0 is the precision of the surest answers, those with the highest score; R_P100 the recall
    that is reached without one wrong answer, which is 0 where P_R0 is below 1. So it is below
    0.5 when the surest answer can be wrong, and at least 0.5 otherwise.

    Recall is that of the curve: of VPR-Bench's with
    :func:`~vpr_ros.evaluation.metrics.precision_recall_of_right`. nan when no query has a right
    match, zero without queries accepted.
    """
    if curve.positives == 0:
        return float('nan')
    if len(curve.thresholds) == 0:
        return 0.0
    return float(curve.precision[0] + recall_at_full_precision(curve).recall) / 2.0
