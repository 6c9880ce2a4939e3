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


"""What several cameras saw at one moment, when every frame asks a question."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from vpr_ros.maps.keyframes import Keyframes
from vpr_ros.maps.moments import Moment
from vpr_ros.maps.moments import select_moments
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Frame

__all__ = ['query_moments']

_EVERY_FRAME = MapSettings(keyframe_by='time', keyframe_interval_s=0.0)


def query_moments(frames: Iterable[Frame], cameras: Sequence[str],
                  tolerance_s: float) -> Iterator[Moment]:
    """
    Yield each frame of the leading camera with what the others saw at the same time.

    :param cameras: the first leads; with one or none every frame is a moment of its own.
    :param tolerance_s: how long before or after counts as the same time.
    """
    return select_moments(frames, Keyframes(_EVERY_FRAME), cameras=cameras,
                          tolerance_ns=round(tolerance_s * 1e9))
