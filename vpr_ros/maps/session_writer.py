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


"""Described moments in, places of a map out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import secrets

from vpr_ros.errors import VprError
from vpr_ros.maps.feature_rows import bytes_per_feature
from vpr_ros.maps.ids import make_id
from vpr_ros.maps.ids import PREFIX_BITS
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.maps.thumbnails import make_thumbnail
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Place
from vpr_ros.types import View

__all__ = ['best_features', 'PLACES_PER_COMMIT', 'SessionWriter']

#: Places per transaction: what a crash can lose, against one disk sync each.
PLACES_PER_COMMIT = 64


class SessionWriter:
    """
    Adds the places of one traverse to a map, many in one transaction.

    The map gets the session with its first places only: one that fails before leaves nothing.
    Of each camera the first calibration is kept, as it holds for a traverse.

    :param session: new to the map, unless it is resumed.
    :param source: where the images come from, for people.
    :param local_kind: what makes the local features of descriptions; '' for none.
    :param id_prefix: what ids of places begin with; a new one is drawn otherwise.
    :param resume: go on with a session that the map has.
    """

    def __init__(self, place_map: PlaceMap, session: str, *, source: str, settings: MapSettings,
                 local_kind: str = '', id_prefix: int | None = None,
                 resume: bool = False) -> None:
        self.session = session
        self._map = place_map
        self._source = source
        self._settings = settings
        self._local_kind = local_kind if settings.local_features_bytes else ''
        self._begun = resume
        self._id_prefix = secrets.randbits(PREFIX_BITS) if id_prefix is None else id_prefix
        self._made = 0
        if resume:
            known = {info.name: info for info in place_map.sessions()}
            if session not in known:
                raise VprError(f'{place_map.path} has no session {session!r} to go on with')
            self._id_prefix, self._made = known[session].id_prefix, known[session].made
        self._waiting: list[NewPlace] = []
        self._calibrations: dict[str, Camera] = {}
        self._calibrated: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many places are not in the file yet."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether enough places wait for a transaction."""
        return len(self._waiting) >= PLACES_PER_COMMIT

    def add(self, moment: Sequence[tuple[Frame, Description]]) -> Place:
        """
        Take in what cameras saw at a moment, the first of which leads.

        :return: the place that it becomes with the next :meth:`flush`, without its views.
        """
        for frame, _ in moment:
            if frame.calibration is not None:
                self._calibrations.setdefault(
                    frame.camera, replace(frame.calibration, name=frame.camera))
        place = _new_place(moment, self._settings)
        self._waiting.append(place)
        return Place(make_id(self._id_prefix, self._made + len(self._waiting)), place.stamp_ns,
                     self.session, place.T_map_base)

    def flush(self) -> int:
        """
        Write the places that wait, and return how many these were.

        Once this returns they survive a crash. Where it fails (VprError) none is written, and
        they wait on.
        """
        if not self._waiting:
            return 0
        new = {name: camera for name, camera in self._calibrations.items()
               if name not in self._calibrated}
        with self._map.transaction():
            if not self._begun:
                self._map.add_session(self.session, source=self._source,
                                      id_prefix=self._id_prefix)
            for camera in new.values():
                self._map.calibrate(self.session, camera)
            if self._local_kind:
                self._map.set_local_kind(self._local_kind)
            written = len(self._map.append(self.session, self._waiting))
        self._begun = True
        self._calibrated.update(new)
        self._made += written
        self._waiting = []
        return written


def _new_place(moment: Sequence[tuple[Frame, Description]], settings: MapSettings) -> NewPlace:
    """Return what a map keeps of a moment; the first frame leads."""
    lead, _ = moment[0]
    share = settings.local_features_bytes // len(moment)
    views = tuple(
        View(camera=frame.camera, descriptor=description.descriptor,
             thumbnail=make_thumbnail(frame.image, settings.thumbnail_width_px),
             local_features=best_features(description.local_features, share))
        for frame, description in moment)
    return NewPlace(stamp_ns=lead.stamp_ns, views=views, T_map_base=lead.T_map_base)


def best_features(features: LocalFeatures | None, size_bytes: int) -> LocalFeatures | None:
    """Return the features with the highest scores that so many bytes hold, the best first."""
    count = 0 if features is None else size_bytes // bytes_per_feature(features)
    return features.best(count) if features is not None and count else None
