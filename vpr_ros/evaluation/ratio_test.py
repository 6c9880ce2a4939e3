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

"""How much better the best match is than the next place: the ratio test, as a score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

__all__ = ['ratio_scores']

Array = NDArray[Any]
# What sums of float32 in another order may differ by.
_ROUNDING = 1e-4


def ratio_scores(best: ArrayLike, runner_up: ArrayLike) -> Array:
    """
    Score each match by how near it is, compared with the next best (Lowe, IJCV 2004, section 7.1).

    The score is minus the Euclidean distance of the best reference over that of the runner-up,
    for descriptors of unit length: sqrt(2 - 2 s) of a cosine similarity s. It lies between -1,
    where both are equally near, and 0, where the best is the very same image. Seymour et al.
    (BMVC 2019) draw their precision-recall curves by it.

    Where there is no runner-up nothing can be compared, and the match is as unsure as can be: -1.
    The same where best and runner-up both have distance zero.

    :param best: (Q,) cosine similarity of the best reference; -inf where there is none: -1.
    :param runner_up: (Q,) that of the best one that is not near the first, never larger; -inf
        where there is none.
    :returns: (Q,) float64 in [-1, 0], larger is surer.
    """
    first, second = np.asarray(best, dtype=np.float64), np.asarray(runner_up, dtype=np.float64)
    if first.ndim != 1 or second.shape != first.shape:
        raise ValueError('best and runner_up must have the same shape (queries), got '
                         f'{first.shape} and {second.shape}')
    for name, values in (('best', first), ('runner_up', second)):
        if not (np.isneginf(values) | (np.abs(values) <= 1.0 + _ROUNDING)).all():
            raise ValueError(f'{name} must hold cosine similarities, from -1 to 1 (-inf for none)')
    if (second > first + _ROUNDING).any():
        query = int(np.flatnonzero(second > first + _ROUNDING)[0])
        raise ValueError(f'query {query} has a runner-up that is better ({second[query]:.4f}) '
                         f'than its best reference ({first[query]:.4f})')
    compared = np.isfinite(first) & np.isfinite(second)
    near = np.sqrt(2.0 - 2.0 * np.clip(first[compared], -1.0, 1.0))
    far = np.sqrt(2.0 - 2.0 * np.clip(second[compared], -1.0, 1.0))
    scores = np.full(first.shape, -1.0)
    scores[compared] = -np.divide(near, far, out=np.ones_like(near), where=far > near)
    return scores
