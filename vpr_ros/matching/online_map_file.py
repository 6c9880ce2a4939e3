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


"""The map that a robot made while it drove, as a file to localize in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from vpr_ros.errors import VprError
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.session_writer import best_features
from vpr_ros.maps.settings import MapSettings
from vpr_ros.maps.unfinished import unfinished
from vpr_ros.matching.online_map import OnlineMap

__all__ = ['write_online_map']

# They are made of what is in memory in other forms: not of all at once.
_PLACES_AT_ONCE = 256


def write_online_map(online: OnlineMap, path: Path, *, local_kind: str, source: str = '',
                     frame: str = 'odom', settings: MapSettings | None = None,
                     overwrite: bool = False) -> int:
    """
    Write keyframes to a map under the ids that closures name, and return how many.

    Where that fails, what was under the path before is there still. There are no small pictures:
    images are not remembered.

    :param local_kind: what made the local features of the keyframes, '' where they have none.
    :param source: where the images came from, for people.
    :param frame: the one that odometry gives poses in.
    :param settings: how descriptors and local features are kept.
    """
    kept = settings or MapSettings()
    if not len(online):
        raise VprError(f'there are no keyframes yet that {path} could hold: save the map once '
                       'the robot has driven')
    with unfinished(path, overwrite=overwrite) as unfinished_path:
        with PlaceMap.create(unfinished_path, online.network, frame=frame,
                             descriptor_type=kept.descriptor_type) as place_map:
            with place_map.transaction():
                place_map.add_session(online.session, source=source, id_prefix=online.id_prefix)
                for camera in online.calibrations():
                    place_map.calibrate(online.session, camera)
                if local_kind and kept.local_features_bytes:
                    place_map.set_local_kind(local_kind)
                places = _within(online, kept.local_features_bytes if local_kind else 0)
                while group := list(islice(places, _PLACES_AT_ONCE)):
                    place_map.append(online.session, group)
            return len(place_map)


def _within(online: OnlineMap, size_bytes: int) -> Iterator[NewPlace]:
    """Yield places whose local features take so many bytes at most."""
    for place in online.places():
        share = size_bytes // len(place.views)
        yield replace(place, views=tuple(
            replace(view, local_features=best_features(view.local_features, share))
            for view in place.views))
