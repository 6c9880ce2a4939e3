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
SeqSLAM (Milford and Wyeth, ICRA 2012), to compare with.

Every frame is compared with every place, the differences are set against those of neighbouring
places (local contrast enhancement), and of each place the best straight line through the last
frames that ends there now is searched, anew with every frame: places x speeds x frames.

What is not as published:

* The difference is 1 - cosine and not a sum of absolute differences of patch-normalised
  thumbnails. For the unit descriptors of any network, among them the thumbnail network, it is half
  of the squared difference and orders places as that does.
* Lines end at the last frame and not at one in the middle: the answer is that of now.
* Until so many frames have been seen as a line is long, it is as long as there are frames.

Speeds, windows and the ratio of the best score to the best outside of a window around it are those
of OpenSeqSLAM (Suenderhauf 2013), the public implementation; so is that lines that leave a
traverse do not count, which makes the first places of a traverse answers only for a robot that was
switched on there. The largest ratio that is believed is our choice: published curves sweep it.
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
from vpr_ros.matching.uniqueness import WINDOW_PLACES

__all__ = ['enhanced', 'SeqSlam', 'SPEEDS', 'steps_back']

# Places per frame.
SPEEDS = (0.8, 0.9, 1.0, 1.1, 1.2)
# The largest ratio of the best score to the second that is believed.
_UNIQUE = 0.9
# Differences that vary less around a place are rounding.
_LEAST_DEVIATION = 1e-6


def enhanced(differences: NDArray[np.float32],
             session_of: NDArray[np.int64]) -> NDArray[np.float32]:
    """
    Return differences (N,) in standard deviations from the mean of those around each place.

    Around it are up to ``WINDOW_PLACES`` of its traverse on each side, and itself.
    """
    n = len(differences)
    begins = np.flatnonzero(np.diff(session_of, prepend=session_of[0] - 1))
    ends = np.append(begins[1:], n)
    lengths = ends - begins
    rows = np.arange(n)
    low = np.maximum(rows - WINDOW_PLACES, np.repeat(begins, lengths))
    high = np.minimum(rows + WINDOW_PLACES + 1, np.repeat(ends, lengths))
    values = differences.astype(np.float64)
    values -= values.mean()  # keeps digits
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = np.concatenate([[0.0], np.cumsum(values ** 2)])
    count = high - low
    mean = (sums[high] - sums[low]) / count
    spread = squares[high] - squares[low] - count * mean ** 2
    deviation = np.sqrt(np.maximum(spread, 0.0) / np.maximum(count - 1, 1))
    flat = deviation < _LEAST_DEVIATION
    return np.where(flat, 0.0, (values - mean) / np.where(flat, 1.0, deviation)).astype(np.float32)


def steps_back(speed: float, frames: int) -> int:
    """Return how many places back a line of some speed is, so many frames ago."""
    return int(speed * frames + 0.5)


class SeqSlam(TrailFollower):
    """
    Follows a robot by the best line through the last ``sequence_frames`` frames.

    It counts frames and knows no time: the robot drives about a place of the map in a frame. Of
    frames with one stamp, as of several cameras, only the first counts.

    :param snapshot: the map; VprError when it is too large.
    """

    kind = 'seqslam'

    def __init__(self, snapshot: Snapshot, settings: MatchingSettings) -> None:
        super().__init__(snapshot, settings,
                         reach=steps_back(max(SPEEDS), settings.sequence_frames - 1),
                         outside=np.inf)

    def scores(self) -> NDArray[np.float64]:
        """Return the sum of differences (N,) along the best line to each place; inf for none."""
        frames = len(self._trail)
        best = np.full(len(self._trail.ago(0, 0)), np.inf, np.float32)
        for speed in SPEEDS:
            line = self._trail.ago(0, 0).copy()
            for frame in range(1, frames):
                line += self._trail.ago(frame, steps_back(speed, frame))
            np.minimum(best, line, out=best)
        return np.asarray(self._trail.of_places(best), np.float64)

    def _said(self, similarities: NDArray[np.float32]) -> NDArray[np.float32]:
        return enhanced(1.0 - similarities, self._session_of)

    def _belief(self) -> Belief:
        scores = self.scores()
        rows = best_apart(scores, self._session_of, max(2, self._settings.candidates))
        # The least difference counts as 0 (OpenSeqSLAM): ratios need scores that are not negative.
        costs = np.maximum(scores[rows] - len(self._trail) * self._trail.least(), 0.0)
        # Where there is no second, nothing shows that the first is unique.
        second = costs[min(1, len(costs) - 1)] if len(costs) else 1.0
        return unique(rows, costs / second if second > 0.0 else np.ones(len(rows)), _UNIQUE)
