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

"""Choosing which frames of a traverse become places."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Frame
from vpr_ros.types import Place

__all__ = ['Keyframes', 'select_keyframes']


class Keyframes:
    """
    Tells of one frame after the other whether it shows a new place.

    By distance and angle from the last that did, where both poses are known; else by time, or
    always by time where the settings say so.

    :param last: where to go on: the last place of a traverse.
    """

    def __init__(self, settings: MapSettings, last: Place | None = None) -> None:
        self._settings = settings
        self._last: Frame | Place | None = last

    def take(self, frame: Frame | Place) -> bool:
        """Tell whether the frame shows a new place; the next is then compared with it."""
        if self._last is not None and not _is_new(self._last, frame, self._settings):
            return False
        self._last = frame
        return True


def select_keyframes(frames: Iterable[Frame], settings: MapSettings) -> Iterator[Frame]:
    """Yield the frames that show a new place, by distance and angle, or by time without poses."""
    return filter(Keyframes(settings).take, frames)


def _is_new(last: Frame | Place, frame: Frame | Place, settings: MapSettings) -> bool:
    here, there = frame.T_map_base, last.T_map_base
    if settings.keyframe_by == 'distance' and here is not None and there is not None:
        turned = settings.keyframe_angle_rad > 0 and (
            here.angle_to(there) >= settings.keyframe_angle_rad)
        return turned or here.distance_to(there) >= settings.keyframe_distance_m
    interval_ns = round(settings.keyframe_interval_s * 1e9)
    # Time that goes back is a new run of the bag, not the same place.
    return not 0 <= frame.stamp_ns - last.stamp_ns < interval_ns
