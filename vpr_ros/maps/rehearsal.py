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

"""What a traverse would add to a map, found without describing or writing anything."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from vpr_ros.maps.moments import select_places
from vpr_ros.maps.settings import MapSettings
from vpr_ros.maps.thumbnails import make_thumbnail
from vpr_ros.types import Frame
from vpr_ros.types import Place

__all__ = ['rehearse', 'Rehearsal']

# Rows with their keys, indexes and poses, as measured on maps of many places.
_BYTES_PER_PLACE, _BYTES_PER_VIEW = 200, 60
# What pages leave empty comes on top.
_FILLED = 1.1


@dataclass
class Rehearsal:
    """
    What would be added.

    :param frames: how many images were read.
    :param posed: how many of the places would know where they are.
    :param views: images of places by camera.
    :param first_ns: the stamp of the first place, None where there is none.
    """

    frames: int = 0
    places: int = 0
    posed: int = 0
    views: dict[str, int] = field(default_factory=dict)
    first_ns: int | None = None
    last_ns: int | None = None
    thumbnail_bytes: int = 0

    @property
    def seconds(self) -> float:
        """Return the time from the first to the last place."""
        return ((self.last_ns or 0) - (self.first_ns or 0)) / 1e9

    def size_bytes(self, dimension: int, descriptor_type: str,
                   local_features_bytes: int = 0) -> int:
        """
        Estimate how much a map would grow.

        :param local_features_bytes: what local features of a place take.
        """
        views = sum(self.views.values())
        descriptor = dimension * (2 if descriptor_type == 'float16' else 4)
        return round(_FILLED * (self.places * (_BYTES_PER_PLACE + local_features_bytes)
                                + views * (_BYTES_PER_VIEW + descriptor) + self.thumbnail_bytes))


def rehearse(frames: Iterable[Frame], settings: MapSettings, *, cameras: Sequence[str] = (),
             last: Place | None = None) -> Rehearsal:
    """
    Choose places as :func:`~vpr_ros.maps.builder.build_session` would, and count them.

    :param last: the place to go on from, where a session is resumed.
    """
    found = Rehearsal()

    def counted() -> Iterable[Frame]:
        for frame in frames:
            found.frames += 1
            yield frame

    for moment in select_places(counted(), settings, cameras=cameras, last=last):
        found.places += 1
        found.posed += moment[0].T_map_base is not None
        if found.first_ns is None:
            found.first_ns = moment[0].stamp_ns
        found.last_ns = moment[0].stamp_ns
        for frame in moment:
            found.views[frame.camera] = found.views.get(frame.camera, 0) + 1
            found.thumbnail_bytes += len(make_thumbnail(frame.image, settings.thumbnail_width_px))
    return found
