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

from collections.abc import Iterable
from collections.abc import Iterator
from itertools import islice

import cv2
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.maps.keyframes import select_keyframes
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import View

__all__ = ['build_session']

# Places per transaction: what a crash can lose, against one disk sync each.
_PLACES_PER_COMMIT = 64


def build_session(place_map: PlaceMap, session: str, frames: Iterable[Frame],
                  extractor: Extractor, settings: MapSettings, *,
                  source: str) -> Iterator[int]:
    """
    Add a traverse to a map; yields the number of places that are safely in it so far.

    :param frames: of one camera, in the order they were taken.
    :param source: where they came from, for people.
    """
    if extractor.identity != place_map.network:
        raise ValueError('the extractor is not the network of this map')
    place_map.add_session(session, source=source)
    extractor.restart()
    described = extractor.describe_all(select_keyframes(frames, settings))
    places = (_place(frame, description, settings) for frame, description in described)
    added = 0
    while group := list(islice(places, _PLACES_PER_COMMIT)):
        place_map.append(session, group)
        added += len(group)
        yield added


def _place(frame: Frame, description: Description, settings: MapSettings) -> NewPlace:
    view = View(camera=frame.camera, descriptor=description.descriptor,
                thumbnail=_thumbnail(frame, settings.thumbnail_width_px))
    return NewPlace(stamp_ns=frame.stamp_ns, views=(view,), T_map_base=frame.T_map_base)


def _thumbnail(frame: Frame, width: int) -> bytes:
    if width == 0:
        return b''
    rows, columns = frame.image.shape[:2]
    image = frame.image
    if columns > width:
        height = max(1, round(rows * width / columns))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
                              [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise RuntimeError(f'cannot encode an image of {columns} x {rows} pixels')
    return jpeg.tobytes()
