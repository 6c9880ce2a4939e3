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
from vpr_ros.matching.follower import FollowerState
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.similarities import Similarities
from vpr_ros.matching.trail import Trail
from vpr_ros.matching.uniqueness import best_apart
from vpr_ros.matching.uniqueness import unique

__all__ = ['SequenceSum']

# Our choice: a place is believed that stands so many times as far above the mean as the second.
_UNIQUE = 1.2


class SequenceSum:
    """
    Follows a robot by the sums of the last ``sequence_frames`` similarities.

    It counts frames and knows no time. Of frames with one stamp, as of several cameras, only the
    first counts.

    :param snapshot: the map; VprError when it is too large.
    """

    def __init__(self, snapshot: Snapshot, settings: MatchingSettings) -> None:
        self._similarities = Similarities(snapshot)
        self._session_of = snapshot.session_of
        self._trail = Trail(snapshot.session_of, settings.sequence_frames,
                            settings.sequence_frames - 1, 0.0)
        self._settings = settings

    def change_settings(self, settings: MatchingSettings) -> None:
        """Go on with other settings; the frames stay."""
        self._settings = settings

    def reset(self) -> None:
        """Forget all frames."""
        self._trail.clear()

    def follow(self, look: Look, times: StageTimes) -> Belief:
        """Take in one frame; stamps never go back between two resets."""
        if self._trail.is_news(look.stamp_ns):
            with times.stage('compare'):
                similarities = self._similarities.of(look.descriptor)
            with times.stage('sequence'):
                self._trail.add(look.stamp_ns, similarities - similarities.mean())
        with times.stage('sequence'):
            return self._belief(self.sums())

    def sums(self) -> NDArray[np.float64]:
        """Return the sum (N,) of similarities above the mean along the line to each place."""
        line = self._trail.ago(0, 0).copy()
        for frame in range(1, len(self._trail)):
            line += self._trail.ago(frame, frame)
        return np.asarray(self._trail.of_places(line), np.float64)

    def _belief(self, sums: NDArray[np.float64]) -> Belief:
        rows = best_apart(-sums, self._session_of, max(2, self._settings.candidates))
        best = sums[rows[0]]
        heights = sums[rows] / best if best > 0.0 else np.ones(len(rows))
        # Where there is no second, nothing shows that the first is unique.
        return unique(rows, -heights, -_UNIQUE * float(heights[min(1, len(rows) - 1)]))

    def state(self) -> FollowerState:
        """Return what is remembered; later frames do not change it."""
        return FollowerState('sequence_sum', self._trail.state())

    def restore(self, state: FollowerState) -> None:
        """Go on where a state was taken."""
        self._trail.restore(state.of_kind('sequence_sum'))
