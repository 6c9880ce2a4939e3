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

"""The points of a precision-recall curve that a chart needs."""

from __future__ import annotations

import numpy as np
from vpr_ros.evaluation.metrics import PrecisionRecall

__all__ = ['curve_points', 'Points']

Points = tuple[tuple[float, float], ...]


def curve_points(curve: PrecisionRecall, most: int = 300) -> Points:
    """
    Return (recall, precision) from the highest threshold on, thinned where there are too many.

    Recall is cut into slices. Of each the best and the worst precision are kept, of equal ones the
    last, so that every step and spike stays where it is, within the width of a slice. So do the
    first and the last point, and the last one of full precision.

    :param curve: of which recall has a meaning.
    :param most: how many points at most, at least 4.
    """
    recall, precision = curve.recall, curve.precision
    if most < 4 or not np.isfinite(recall).all():
        raise ValueError('expected at least 4 points, of a curve with a recall, got '
                         f'{most} and {curve.positives} queries with a right match')
    kept = np.arange(len(recall))
    if len(kept) > most:
        slices = (most - 2) // 2
        inside = np.minimum((recall / recall[-1] * slices).astype(np.int64), slices - 1) \
            if recall[-1] > 0 else np.zeros(len(recall), np.int64)
        # Sorted by slice, then precision, then place: the last of each slice is its best.
        rising = np.lexsort((kept, precision, inside))
        falling = np.lexsort((kept, -precision, inside))
        ends = np.flatnonzero(np.append(np.diff(inside[rising]) > 0, True))
        kept = np.unique([0, len(recall) - 1, *rising[ends], *falling[ends]])
    return tuple((float(recall[i]), float(precision[i])) for i in kept)
