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

"""How long each image took, as numbers of a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.evaluation.comparison.result import Number

__all__ = ['latency_numbers', 'mean_number']

_PERCENTILES = (50, 95, 99)


def mean_number(stage: str, times_ms: ArrayLike) -> dict[str, Number]:
    """
    Return the mean time of a stage that takes images in batches.

    The time of a batch says nothing of how the times of its images vary, so there are no
    percentiles.

    :param times_ms: for each image, its share of the time of its batch.
    :returns: ``STAGE_ms@mean``; none without times.
    """
    values = _checked(stage, times_ms)
    return {f'{stage}_ms@mean': Number(float(values.mean()), len(values))} if values.size else {}


def latency_numbers(times_ms: Mapping[str, ArrayLike]) -> dict[str, Number]:
    """
    Summarise the times of stages: percentiles, linear between images, and the longest.

    :param times_ms: name of a stage -> the time of each image that went through it.
    :returns: ``STAGE_ms@50``, ``@95``, ``@99`` and ``@max``; none for a stage without times.
    """
    numbers = {}
    for stage, times in times_ms.items():
        values = _checked(stage, times)
        if not values.size:
            continue
        for percent in _PERCENTILES:
            numbers[f'{stage}_ms@{percent}'] = Number(
                float(np.percentile(values, percent)), len(values))
        numbers[f'{stage}_ms@max'] = Number(float(values.max()), len(values))
    return numbers


def _checked(stage: str, times_ms: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(times_ms, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f'times of {stage!r} must be finite numbers of shape (images), got '
                         f'{values.shape}')
    return values
