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

"""Frames in, places of a map out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
import logging

from vpr_ros.extraction.extractor import Extractor
from vpr_ros.maps.feature_rows import bytes_per_feature
from vpr_ros.maps.moments import Moment
from vpr_ros.maps.moments import select_places
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.maps.thumbnails import make_thumbnail
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures
from vpr_ros.types import View

__all__ = ['build_session', 'new_place']

_log = logging.getLogger(__name__)
# Places per transaction: what a crash can lose, against one disk sync each.
_PLACES_PER_COMMIT = 64


def build_session(place_map: PlaceMap, session: str, frames: Iterable[Frame],
                  extractor: Extractor, settings: MapSettings, *, source: str,
                  cameras: Sequence[str] = (), resume: bool = False) -> Iterator[int]:
    """
    Add a traverse to a map; yields the number of places that are safely in it so far.

    :param frames: in the order they were taken, each camera by itself.
    :param source: where they came from, for people.
    :param cameras: of the frames when they are of several: those of the first make places, what
        the others saw at the same time are further views of them.
    :param resume: go on with a session that ended early: frames up to its last place are skipped.
    """
    if extractor.identity != place_map.network:
        raise ValueError('the extractor is not the network of this map')
    kind = extractor.local_kind if settings.local_features_bytes else ''
    last = place_map.last_place(session) if resume else None
    extractor.restart()
    moments = select_places(frames, settings, cameras=cameras, last=last)
    described = _describe(moments, extractor)
    added = 0
    calibrated: set[str] = set()
    blind = set(cameras)
    while group := list(islice(described, _PLACES_PER_COMMIT)):
        with place_map.transaction():
            # With its first places: a session that fails before them leaves nothing.
            if not added and not resume:
                place_map.add_session(session, source=source)
            _calibrate(place_map, session, group, calibrated)
            if kind:
                place_map.set_local_kind(kind)
            place_map.append(session, (new_place(moment, settings) for moment in group))
        added += len(group)
        blind -= {frame.camera for moment in group for frame, _ in moment}
        yield added
    if added and blind:
        _log.warning('no image of %s was taken within %g s of one of %s: no place of session %r '
                     'shows what it saw (see map.camera_tolerance_s)', ', '.join(sorted(blind)),
                     settings.camera_tolerance_s, cameras[0], session)


# A moment whose frames are described.
_Described = list[tuple[Frame, Description]]


def _describe(moments: Iterable[Moment], extractor: Extractor) -> Iterator[_Described]:
    """Describe frames in batches that do not end where a moment does."""
    sizes: deque[int] = deque()

    def frames() -> Iterator[Frame]:
        for moment in moments:
            sizes.append(len(moment))
            yield from moment

    described = extractor.describe_all(frames())
    for first in described:
        yield [first, *islice(described, sizes.popleft() - 1)]


def _calibrate(place_map: PlaceMap, session: str, group: Iterable[_Described],
               done: set[str]) -> None:
    """Keep the first calibration of each camera: it holds for a traverse."""
    for moment in group:
        for frame, _ in moment:
            if frame.calibration is not None and frame.camera not in done:
                place_map.calibrate(session, replace(frame.calibration, name=frame.camera))
                done.add(frame.camera)


def new_place(moment: Sequence[tuple[Frame, Description]], settings: MapSettings) -> NewPlace:
    """Return what a map keeps of a moment; the first frame leads."""
    lead, _ = moment[0]
    share = settings.local_features_bytes // len(moment)
    views = tuple(
        View(camera=frame.camera, descriptor=description.descriptor,
             thumbnail=make_thumbnail(frame.image, settings.thumbnail_width_px),
             local_features=_best(description.local_features, share))
        for frame, description in moment)
    return NewPlace(stamp_ns=lead.stamp_ns, views=views, T_map_base=lead.T_map_base)


def _best(features: LocalFeatures | None, size: int) -> LocalFeatures | None:
    """Return the features with the highest scores that so many bytes hold, the best first."""
    count = 0 if features is None else size // bytes_per_feature(features)
    return features.best(count) if features is not None and count else None
