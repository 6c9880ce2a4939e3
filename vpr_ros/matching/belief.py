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


"""What is believed after a frame: the common word of everything that follows a robot."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

__all__ = ['Belief']


@dataclass(frozen=True, eq=False)
class Belief:
    """
    How likely the robot is at places.

    :param rows: (n,) int64, different places of the snapshot; the others are hardly likely.
    :param probabilities: (n,).
    :param nowhere: the probability that it is at no place of the map.
    :param alike: (m,) rows of the places that look most like the frame, best first, likely or
        not.
    """

    rows: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    nowhere: float
    alike: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
