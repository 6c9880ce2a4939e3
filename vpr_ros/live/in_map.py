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

"""Recognizing places of a map from a file."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from vpr_ros.errors import VprError
from vpr_ros.live.recognizer import MapFacts
from vpr_ros.live.recognizer import Recognition
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.unfinished import unfinished
from vpr_ros.matching.carried_state import carried_state
from vpr_ros.matching.localizer import open_localizer
from vpr_ros.matching.loop_closures import loop_closure_of
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

__all__ = ['InMap']


class InMap:
    """
    A :class:`~vpr_ros.live.recognizer.Recognizer` of a map that is there.

    :param session: the name of the run, in its loop closures.
    :raises VprError: for a map or a network that cannot be loaded.
    """

    def __init__(self, path: Path, settings: LocalizeSettings, *, session: str) -> None:
        self._path = path
        self._settings = settings
        self._session = session
        self._localizer = open_localizer(path, settings.extraction, settings.matching,
                                         settings.index)
        with PlaceMap.open(path) as place_map:
            self._datum = place_map.datum

    def facts(self) -> MapFacts:
        """Return what there is to say about the map."""
        snapshot = self._localizer.snapshot
        return MapFacts(str(self._path), snapshot.map_id, snapshot.revision, len(snapshot),
                        snapshot.network.name, self._datum)

    def recognize(self, frames: Sequence[Frame]) -> Recognition:
        """Say where several cameras were at one moment; the first frame leads."""
        descriptions, found = self._localizer.localize_moment(frames)
        return Recognition(found, loop_closure_of(found, session=self._session),
                           descriptions=tuple(descriptions))

    def change_settings(self, settings: LocalizeSettings) -> None:
        """Go on with other settings, those of which are live."""
        if settings.matching != self._settings.matching:
            self._localizer.change_settings(settings.matching)
        self._settings = settings

    def reset(self) -> None:
        """Forget where the robot was."""
        self._localizer.reset()

    def resume(self) -> None:
        """Go on after a break, where it was: no image that comes follows the last one."""
        self._localizer.restore(self._localizer.state())

    def update_poses(self, poses: Mapping[int, Pose]) -> None:
        """Move places in the file, by their ids, and go on in it where the robot was."""
        with PlaceMap.open(self._path, writeable=True) as place_map:
            place_map.update_poses(poses)
        before, s = self._localizer, self._settings
        after = open_localizer(self._path, s.extraction, s.matching, s.index,
                               extractor=before.extractor)
        try:
            after.restore(carried_state(before.state(), before.snapshot, after.snapshot))
        except VprError:
            # Others have changed which places there are: the robot is found anew.
            after.reset()
        self._localizer = after
        before.close()

    def save(self, path: Path, *, overwrite: bool) -> int:
        """Write the map to another file, and return how many places it has."""
        if path.resolve() == self._path.resolve():
            raise VprError(f'{path} is the map in use, which is saved already: name another file')
        with unfinished(path, overwrite=overwrite) as incomplete, \
                PlaceMap.open(self._path) as place_map:
            place_map.copy(incomplete)
            return len(place_map)

    def close(self) -> None:
        """Let go of the files of the map."""
        self._localizer.close()
