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

"""Recognizing places of a map that is made while the robot drives."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.live.recognizer import MapFacts
from vpr_ros.live.recognizer import Recognition
from vpr_ros.matching.loop_detector import LoopDetector
from vpr_ros.matching.online_map_file import write_online_map
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Frame
from vpr_ros.types import Place
from vpr_ros.types import Pose

__all__ = ['Online']


class Online:
    """
    A :class:`~vpr_ros.live.recognizer.Recognizer` of where the robot has been since it set out.

    :param session: the name of the run.
    :raises VprError: for a network that cannot be made.
    """

    def __init__(self, settings: LocalizeSettings, *, session: str) -> None:
        extractor = make_extractor(settings.extraction)
        self._settings = settings
        self._session = session
        self._network = extractor.identity.name
        self._local_kind = extractor.local_kind
        self._detector = LoopDetector(extractor, settings.loops, settings.matching,
                                      session=session)

    def facts(self) -> MapFacts:
        """Return what there is to say about the map so far."""
        known = self._detector.map
        if known is None:
            return MapFacts('online', '', 0, 0, self._network)
        return MapFacts('online', known.map_id, known.revision, len(known), self._network)

    def recognize(self, frames: Sequence[Frame]) -> Recognition:
        """Take in what several cameras saw at one moment, and say where they had been before."""
        found = self._detector.detect(frames)
        if found.place_id is None:
            return Recognition()
        known = self._detector.map
        assert known is not None
        place = Place(found.place_id, frames[0].stamp_ns, self._session,
                      known.pose(found.place_id))
        return Recognition(found.localization, found.closure, place, found.descriptions)

    def change_settings(self, settings: LocalizeSettings) -> None:
        """Go on with other settings, those of which are live."""
        if settings.matching != self._settings.matching:
            self._detector.change_matching(settings.matching)
        self._settings = settings

    def reset(self) -> None:
        """Forget all places, and begin anew."""
        self._detector.reset()

    def resume(self) -> None:
        """Go on after a break, with the places so far."""
        self._detector.resume()

    def update_poses(self, poses: Mapping[int, Pose]) -> None:
        """Move keyframes to where a SLAM system has them now."""
        self._detector.update_poses(poses)

    def save(self, path: Path, *, overwrite: bool) -> int:
        """Write the places so far to a file, under the ids that closures name."""
        known = self._detector.map
        if known is None:
            raise VprError('there are no places yet that could be saved')
        return write_online_map(known, path, local_kind=self._local_kind, source='made online',
                                frame=self._settings.map_frame, overwrite=overwrite)

    def close(self) -> None:
        """Nothing is held."""
