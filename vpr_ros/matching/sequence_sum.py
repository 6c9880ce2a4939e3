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
The simplest evidence over time, to compare with: sums of similarities along diagonals.

The robot is taken to drive just one place of the map in a frame. From each similarity the mean of
its frame is taken, which changes no order; so frames before the first place of a traverse count as
an average place does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.belief import Belief
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.trail_follower import TrailFollower
from vpr_ros.matching.uniqueness import best_apart
from vpr_ros.matching.uniqueness import unique

__all__ = ['SequenceSum']

# Our choice: a place is believed that stands so many times as far above the mean as the second.
_UNIQUE = 1.2


class SequenceSum(TrailFollower):
    """
    Follows a robot by the sums of the last ``sequence_frames`` similarities.

    It counts frames and knows no time. Of frames with one stamp, as of several cameras, only the
    first counts.

    :param snapshot: the map; VprError when it is too large.
    """

    kind = 'sequence_sum'

    def __init__(self, snapshot: Snapshot, settings: MatchingSettings) -> None:
        super().__init__(snapshot, settings,
                         reach=settings.sequence_frames - 1, outside=0.0)

    def sums(self) -> NDArray[np.float64]:
        """Return the sum (N,) of similarities above the mean along the line to each place."""
        line = self._trail.ago(0, 0).copy()
        for frame in range(1, len(self._trail)):
            line += self._trail.ago(frame, frame)
        return np.asarray(self._trail.of_places(line), np.float64)

    def _said(self, similarities: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(similarities - similarities.mean(), np.float32)

    def _belief(self) -> Belief:
        sums = self.sums()
        rows = best_apart(-sums, self._session_of, max(2, self._settings.candidates))
        best = sums[rows[0]]
        heights = sums[rows] / best if best > 0.0 else np.ones(len(rows))
        # Where there is no second, nothing shows that the first is unique.
        return unique(rows, -heights, -_UNIQUE * float(heights[min(1, len(rows) - 1)]))
