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

from collections import deque
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from vpr_ros.errors import VprError
from vpr_ros.maps.keyframes import Keyframes
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Frame
from vpr_ros.types import Place

__all__ = ['Moment', 'select_moments', 'select_places']

# How long to wait for the image of a camera that may have failed: recorders delay large images.
_PATIENCE_NS = 1_000_000_000
# Images of each other camera kept until that of the leading one comes; a second of a fast one.
_MOST_KEPT = 64

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
    if len(cameras) < 2:
        return ((frame,) for frame in frames if keyframes.take(frame))
    return _Gatherer(keyframes, cameras, tolerance_ns).moments(frames)


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


@dataclass
class _Open:
    """A moment that may still get frames."""

    lead: Frame
    others: dict[str, Frame]

    def offer(self, frame: Frame, tolerance_ns: int) -> None:
        away = abs(frame.stamp_ns - self.lead.stamp_ns)
        known = self.others.get(frame.camera)
        if away <= tolerance_ns and (
                known is None or away < abs(known.stamp_ns - self.lead.stamp_ns)):
            self.others[frame.camera] = frame


class _Gatherer:

    def __init__(self, keyframes: Keyframes, cameras: Sequence[str], tolerance_ns: int) -> None:
        self._keyframes = keyframes
        self._cameras = cameras
        self._tolerance_ns = tolerance_ns
        self._open: deque[_Open] = deque()
        self._begin()

    def _begin(self) -> None:
        """Forget what was seen: time begins anew."""
        self._kept: dict[str, deque[Frame]] = {
            camera: deque(maxlen=_MOST_KEPT) for camera in self._cameras}
        self._seen_ns = dict.fromkeys(self._cameras, -1)

    def moments(self, frames: Iterable[Frame]) -> Iterator[Moment]:
        for frame in frames:
            if frame.stamp_ns < self._seen_ns[frame.camera]:  # a new run of the bag
                yield from self._close(everything=True)
                self._begin()
            self._seen_ns[frame.camera] = frame.stamp_ns
            if frame.camera == self._cameras[0]:
                self._lead(frame)
            else:
                self._kept[frame.camera].append(frame)
                for moment in self._open:
                    moment.offer(frame, self._tolerance_ns)
            yield from self._close()
        yield from self._close(everything=True)

    def _lead(self, frame: Frame) -> None:
        if self._keyframes.take(frame):
            self._open.append(_Open(frame, {}))
            for kept in self._kept.values():
                for other in kept:
                    self._open[-1].offer(other, self._tolerance_ns)
        # The next frame that leads comes later than this one.
        for kept in self._kept.values():
            while kept and kept[0].stamp_ns < frame.stamp_ns - self._tolerance_ns:
                kept.popleft()

    def _close(self, *, everything: bool = False) -> Iterator[Moment]:
        while self._open and (everything or self._is_complete(self._open[0])):
            moment = self._open.popleft()
            yield (moment.lead, *(moment.others[camera] for camera in self._cameras
                                  if camera in moment.others))

    def _is_complete(self, moment: _Open) -> bool:
        """Tell whether no camera can come nearer, or waiting for it has lasted too long."""
        stamp_ns = moment.lead.stamp_ns
        if max(self._seen_ns.values()) - stamp_ns > self._tolerance_ns + _PATIENCE_NS:
            return True
        return all(self._seen_ns[camera] >= stamp_ns for camera in self._cameras)
