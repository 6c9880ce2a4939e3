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

"""Which loop closures are right, and where there should be some."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ['LoopTruth']


@dataclass(frozen=True, eq=False)
class LoopTruth:
    """
    Where the robot truly was at each of K keyframes.

    Two keyframes show one place when they are near each other and face the same way: a street
    driven the other way shows other houses.

    :param positions: (K, 2) metres.
    :param headings: (K,) radians.
    :param searched: (K,) int, how many keyframes, from the first, each could be compared with.
    :param radius_m: how near is one place.
    :param angle_rad: how much two headings may differ.
    """

    positions: NDArray[np.float64]
    headings: NDArray[np.float64]
    searched: NDArray[np.int64]
    radius_m: float = 10.0
    angle_rad: float = math.pi / 4

    def __post_init__(self) -> None:
        count = len(self.searched)
        if self.positions.shape != (count, 2) or self.headings.shape != (count,):
            raise ValueError(f'{count} keyframes have positions ({count}, 2) and headings '
                             f'({count},), got {self.positions.shape} and {self.headings.shape}')

    @property
    def meaning(self) -> str:
        """Say when a closure is right."""
        return (f'within {self.radius_m:g} m, and facing the same way within '
                f'{math.degrees(self.angle_rad):g} degrees')

    def right(self, queries: NDArray[np.int64],
              matches: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of pairs (n,) of keyframes, by number, whether they show one place."""
        away = np.linalg.norm(self.positions[queries] - self.positions[matches], axis=1)
        turned = np.abs(self.headings[queries] - self.headings[matches]) % (2.0 * math.pi)
        turned = np.minimum(turned, 2.0 * math.pi - turned)
        return np.asarray((away <= self.radius_m) & (turned <= self.angle_rad))

    @cached_property
    def revisits(self) -> NDArray[np.bool_]:
        """Return (K,) whether a keyframe shows the place of one that it could be compared with."""
        return np.array([
            bool(self.right(np.full(count, row), np.arange(count)).any())
            for row, count in enumerate(self.searched.tolist())], bool)
