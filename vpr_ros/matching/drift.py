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

"""What odometry says about having been at a place before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ['not_too_far']

# Two keyframes of one place are this far apart without any drift.
_ONE_PLACE_M = 10.0


def not_too_far(offsets_m: NDArray[np.float64], ways_m: NDArray[np.float64],
                drift: float) -> NDArray[np.float64]:
    """
    Return how likely it is that odometry is so far off, against that it is right: (n,) up to 1.

    It only ever speaks against a place: who is back where he was need not have come by the same
    street, and a second floor lies above the first.

    :param offsets_m: (n,) how far away odometry has the robot from each place.
    :param ways_m: (n,) how far it has driven since.
    :param drift: standard deviation of odometry, in metres per metre.
    """
    beyond = np.maximum(offsets_m - _ONE_PLACE_M, 0.0)
    sigma = np.maximum(drift * ways_m, 1e-9)
    # No overflow: far beyond is impossible.
    return np.asarray(np.exp(-0.5 * np.minimum(beyond / sigma, 30.0) ** 2))
