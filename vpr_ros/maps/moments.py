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

"""What several cameras saw at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from vpr_ros.errors import VprError
from vpr_ros.maps.keyframes import Keyframes
from vpr_ros.maps.settings import MapSettings
from vpr_ros.runtime.gatherer import Gatherer
from vpr_ros.types import Frame
from vpr_ros.types import Place

__all__ = ['Moment', 'select_moments', 'select_places']

Moment = tuple[Frame, ...]


def select_moments(frames: Iterable[Frame], keyframes: Keyframes, *,
                   cameras: Sequence[str] = (), tolerance_ns: int = 0) -> Iterator[Moment]:
    """
    Yield the frames that show new places, each with what other cameras saw at the same time.

    :param frames: of all cameras, about in the order they were taken.
    :param cameras: the first leads: its frames make places. None or one: every frame does.
    :param tolerance_ns: a frame of another camera belongs to the leading one if it was taken at
        most this long before or after, and no other of that camera nearer to it.
    """
    return _gathered(frames, Gatherer(cameras, tolerance_ns, takes=keyframes.take))


def _gathered(frames: Iterable[Frame], gatherer: Gatherer[Frame]) -> Iterator[Moment]:
    for frame in frames:
        yield from gatherer.add(frame)
    yield from gatherer.rest()


def select_places(frames: Iterable[Frame], settings: MapSettings, *,
                  cameras: Sequence[str] = (), last: Place | None = None) -> Iterator[Moment]:
    """
    Yield what becomes places by the settings, as :func:`select_moments` does.

    :param last: where a traverse that ended early goes on: frames up to this place are skipped.
    """
    if last is not None:
        frames = _after(last, frames, cameras[:1])
    return select_moments(frames, Keyframes(settings, last), cameras=cameras,
                          tolerance_ns=round(settings.camera_tolerance_s * 1e9))


def _after(last: Place, frames: Iterable[Frame], leading: Sequence[str]) -> Iterator[Frame]:
    """Yield the frames later than a place; VprError where none of them made that place."""
    met = False
    for frame in frames:
        leads = not leading or frame.camera in leading
        met = met or leads and frame.stamp_ns == last.stamp_ns
        if frame.stamp_ns > last.stamp_ns:
            # Cameras that do not lead may be ahead of the one that does.
            if leads and not met:
                break
            yield frame
    if not met:
        raise VprError(f'session {last.session!r} cannot go on with these images: none was taken '
                       f'at {last.stamp_ns} ns, as its last place was; give the source that '
                       'it began with, or another name for this one')
