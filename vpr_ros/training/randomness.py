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

"""Random numbers as a function of a seed and of what they are for: nothing to keep, or to lose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['generator', 'shuffled_stream']

Array = NDArray[Any]


def generator(*numbers: int) -> np.random.Generator:
    """Return random numbers that are a function of a seed and of what they are for."""
    return np.random.default_rng(numbers)


def shuffled_stream(items: Array, start: int, count: int, seed: int, *stream: int) -> Array:
    """
    Return ``count`` items from ``start`` on of an endless row of shuffled epochs.

    :param stream: numbers from 1 on that tell several rows of one seed apart.
    """
    found: list[Array] = []
    while count > 0:
        epoch, within = divmod(start, len(items))
        order = items[generator(seed, 1, epoch, *stream).permutation(len(items))]
        found.append(order[within:within + count])
        start, count = start + len(found[-1]), count - len(found[-1])
    return np.concatenate([np.zeros(0, np.int64), *found])
