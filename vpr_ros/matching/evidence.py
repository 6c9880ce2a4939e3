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

"""
From similarity to evidence: one place for what a score is worth.

A night makes all similarities of a query small and a street of look-alikes makes all large, so a
similarity is judged against the background: its distance from the median similarity of this query
to the map, in robust standard deviations. Its log likelihood ratio ("taken here" against "taken
elsewhere") is taken as linear in that distance and bounded, because no single image proves much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['Background', 'log_evidence']

# Enough for a robust spread, whatever the size of the map.
_SAMPLES = 1024
# The deviation of a normal distribution per median absolute deviation.
_MAD_TO_DEVIATION = 1.4826
# The robust deviation is at least this share of the plain one.
_LEAST_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Background:
    """
    A fixed sample of a map's descriptors, to judge how unusual a similarity is.

    :param sample: (S, D) float32.
    """

    sample: NDArray[np.float32]

    @classmethod
    def of(cls, descriptors: NDArray[Any]) -> Background:
        """Take an evenly spread sample, the same each time."""
        count = min(len(descriptors), _SAMPLES)
        rows = np.linspace(0, len(descriptors) - 1, count).round().astype(np.int64)
        return cls(np.ascontiguousarray(descriptors[rows], np.float32))

    def standardise(self, query: NDArray[Any],
                    similarities: NDArray[Any]) -> NDArray[np.float64]:
        """Return how many robust deviations similarities stand above this query's median."""
        background = self.sample @ query
        median = float(np.median(background))
        deviation = _MAD_TO_DEVIATION * float(np.median(np.abs(background - median)))
        # Where the mapping robot stood still, half of the map is one place and its spread nothing.
        deviation = max(deviation, _LEAST_SHARE * float(background.std()))
        # A map of one place, or of equal ones, has no spread: nothing stands out of it.
        if deviation < 1e-6:
            return np.zeros(len(similarities))
        return (np.asarray(similarities, np.float64) - median) / deviation


def log_evidence(deviations: NDArray[np.float64], *, slope: float, threshold: float,
                 bound: float) -> NDArray[np.float64]:
    """Return log likelihood ratios, ``slope (z - threshold)`` within ``+-bound``."""
    evidence: NDArray[np.float64] = np.clip(slope * (deviations - threshold), -bound, bound)
    return evidence
