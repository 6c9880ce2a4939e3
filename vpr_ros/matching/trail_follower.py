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


"""What the baselines have in common: they compare with every place, and keep the last frames."""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.belief import Belief
from vpr_ros.matching.follower import FollowerState
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import Near
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.similarities import Similarities
from vpr_ros.matching.trail import Trail

__all__ = ['TrailFollower']


class TrailFollower(ABC):
    """
    Follows a robot by what the last ``sequence_frames`` frames said of every place.

    It counts frames and knows no time. Of frames with one stamp, as of several cameras, only the
    first counts.

    :param snapshot: the map; VprError when it is too large.
    :param reach: how many places back a line goes at most.
    :param outside: what a line meets beyond its traverse.
    """

    kind: ClassVar[str]

    def __init__(self, snapshot: Snapshot, settings: MatchingSettings, *, reach: int,
                 outside: float) -> None:
        self._similarities = Similarities(snapshot)
        self._session_of = snapshot.session_of
        self._trail = Trail(snapshot.session_of, settings.sequence_frames, reach, outside)
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
                self._trail.add(look.stamp_ns, self._said(similarities))
        with times.stage('sequence'):
            return self._belief()

    def confirm(self, row: int, near: Near, log_ratio: float) -> None:  # noqa: B027
        """Change nothing: what a baseline believes are its sums."""

    def state(self) -> FollowerState:
        """Return what is remembered; later frames do not change it."""
        return FollowerState(self.kind, self._trail.state())

    def restore(self, state: FollowerState) -> None:
        """Go on where a state was taken."""
        self._trail.restore(state.of_kind(self.kind))

    @abstractmethod
    def _said(self, similarities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is kept of a frame, (N,) like its similarities."""

    @abstractmethod
    def _belief(self) -> Belief:
        """Return what the frames that are kept say together."""
