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

"""New poses for places that are there, as after SLAM has optimised its trajectory."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.types import Place
from vpr_ros.types import Pose

__all__ = ['PoseUpdate', 'update_by_id', 'update_by_stamp']


@dataclass(frozen=True, eq=False)
class PoseUpdate:
    """
    What becomes of the poses of places.

    :param poses: by place id, for :meth:`~vpr_ros.maps.place_map.PlaceMap.update_poses`; None
        where a pose is forgotten.
    :param posed: how many places get a pose.
    :param kept: how many keep the pose they have.
    :param forgotten: how many lose it.
    :param moved_m: (n,) metres, of those that had a pose and get another.
    """

    poses: Mapping[int, Pose | None]
    posed: int
    kept: int
    forgotten: int
    moved_m: NDArray[np.float64]


def update_by_stamp(places: Sequence[Place], track: PoseTrack, *,
                    forget: bool = False) -> PoseUpdate:
    """
    Give places the poses of a trajectory at their stamps.

    :param forget: where the trajectory has no pose, forget the old one instead of keeping it.
    :raises VprError: when the trajectory knows none of the places.
    """
    update = _update(places, lambda place: track.at(place.stamp_ns), forget=forget)
    if not update.posed:
        span = track.span_ns
        seconds = 'nothing' if span is None else f'{span[0] / 1e9:.3f} to {span[1] / 1e9:.3f} s'
        stamps_ns = [place.stamp_ns for place in places]
        theirs = ('there are none' if not stamps_ns else
                  f'these are from {min(stamps_ns) / 1e9:.3f} to {max(stamps_ns) / 1e9:.3f} s')
        raise VprError(f'the trajectory knows none of the places: it holds {seconds}, {theirs}; '
                       'its stamps have to be those of the images')
    return update


def update_by_id(places: Sequence[Place], poses: Mapping[int, Pose], *,
                 forget: bool = False) -> PoseUpdate:
    """
    Give places the poses that are known of them.

    :param forget: forget the poses of the others.
    :raises VprError: for an id that is not among the places.
    """
    if missing := sorted(poses.keys() - {place.id for place in places}):
        raise VprError(f'{len(missing)} of {len(poses)} ids are no places of this map, or of that '
                       f'session: {", ".join(map(str, missing[:5]))}'
                       f'{", ..." if len(missing) > 5 else ""}')
    return _update(places, lambda place: poses.get(place.id), forget=forget)


def _update(places: Sequence[Place], find: Callable[[Place], Pose | None], *,
            forget: bool) -> PoseUpdate:
    found: dict[int, Pose | None] = {}
    moved_m = []
    posed = kept = 0
    for place in places:
        pose = find(place)
        if pose is not None:
            found[place.id] = pose
            posed += 1
            if place.T_map_base is not None:
                moved_m.append(pose.distance_to(place.T_map_base))
        elif place.T_map_base is not None and forget:
            found[place.id] = None
        else:
            kept += place.T_map_base is not None
    return PoseUpdate(found, posed, kept, len(found) - posed, np.array(moved_m, np.float64))
