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
from itertools import islice
import logging

from vpr_ros.extraction.extractor import Extractor
from vpr_ros.maps.moments import Moment
from vpr_ros.maps.moments import select_places
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.session_writer import SessionWriter
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Description
from vpr_ros.types import Frame

__all__ = ['build_session']

_log = logging.getLogger(__name__)


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
    last = place_map.last_place(session) if resume else None
    writer = SessionWriter(place_map, session, source=source, settings=settings,
                           local_kind=extractor.local_kind, resume=resume)
    extractor.restart()
    moments = select_places(frames, settings, cameras=cameras, last=last)
    added = 0
    blind = set(cameras)
    for moment in _describe(moments, extractor):
        writer.add(moment)
        blind -= {frame.camera for frame, _ in moment}
        if writer.full:
            added += writer.flush()
            yield added
    if writer.waiting:
        added += writer.flush()
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
