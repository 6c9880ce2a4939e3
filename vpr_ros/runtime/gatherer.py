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

"""What several cameras saw at one moment, as their images come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic
from typing import Protocol
from typing import TypeVar

__all__ = ['Gatherer', 'PATIENCE_NS', 'Stamped']

#: How long to wait for the image of a camera that may have failed: recorders delay large images.
PATIENCE_NS = 1_000_000_000
# Images of each other camera kept until that of the leading one comes; a second of a fast one.
_MOST_KEPT = 64


class Stamped(Protocol):
    """An image, decoded or not: all that counts here is when it was taken, and by what."""

    @property
    def stamp_ns(self) -> int:
        """Return when it was taken."""
        ...

    @property
    def camera(self) -> str:
        """Return the name of the camera."""
        ...


Image = TypeVar('Image', bound=Stamped)


@dataclass
class _Open(Generic[Image]):
    """A moment that may still get images."""

    lead: Image
    others: dict[str, Image]

    def offer(self, image: Image, tolerance_ns: int) -> None:
        away = abs(image.stamp_ns - self.lead.stamp_ns)
        known = self.others.get(image.camera)
        if away <= tolerance_ns and (
                known is None or away < abs(known.stamp_ns - self.lead.stamp_ns)):
            self.others[image.camera] = image


class Gatherer(Generic[Image]):
    """
    Puts images of several cameras together that were taken at one moment.

    :param cameras: the first leads: each image of it that is taken makes a moment. With one or
        none all images do.
    :param tolerance_ns: an image of another camera belongs to the leading one if it was taken at
        most this long before or after, and no other of that camera nearer to it.
    :param patience_ns: how long, by the stamps of the others, to wait for a camera.
    :param takes: tells whether an image of the leading camera makes a moment; all do otherwise.
    """

    def __init__(self, cameras: Sequence[str], tolerance_ns: int, *,
                 patience_ns: int = PATIENCE_NS,
                 takes: Callable[[Image], bool] = lambda image: True) -> None:
        self._cameras = cameras
        self._tolerance_ns = tolerance_ns
        self._patience_ns = patience_ns
        self._takes = takes
        self._open: deque[_Open[Image]] = deque()
        self._begin()

    def _begin(self) -> None:
        """Forget what was seen: time begins anew."""
        self._kept: dict[str, deque[Image]] = {
            camera: deque(maxlen=_MOST_KEPT) for camera in self._cameras}
        self._seen_ns = dict.fromkeys(self._cameras, -1)

    def add(self, image: Image) -> Iterator[tuple[Image, ...]]:
        """Take in an image, and yield the moments that are complete now."""
        if len(self._cameras) < 2:
            if self._takes(image):
                yield (image,)
            return
        if image.stamp_ns < self._seen_ns[image.camera]:  # a new run of the bag
            yield from self.rest()
        self._seen_ns[image.camera] = image.stamp_ns
        if image.camera == self._cameras[0]:
            self._lead(image)
        else:
            self._kept[image.camera].append(image)
            for moment in self._open:
                moment.offer(image, self._tolerance_ns)
        yield from self._close()

    def rest(self) -> Iterator[tuple[Image, ...]]:
        """Yield the moments that wait, as they are: nothing comes after them."""
        yield from self._close(everything=True)
        self._begin()

    def clear(self) -> None:
        """Forget all that waits."""
        self._open.clear()
        self._begin()

    def _lead(self, image: Image) -> None:
        if self._takes(image):
            self._open.append(_Open(image, {}))
            for kept in self._kept.values():
                for other in kept:
                    self._open[-1].offer(other, self._tolerance_ns)
        # The next image that leads comes later than this one.
        for kept in self._kept.values():
            while kept and kept[0].stamp_ns < image.stamp_ns - self._tolerance_ns:
                kept.popleft()

    def _close(self, *, everything: bool = False) -> Iterator[tuple[Image, ...]]:
        while self._open and (everything or self._is_complete(self._open[0])):
            moment = self._open.popleft()
            yield (moment.lead, *(moment.others[camera] for camera in self._cameras
                                  if camera in moment.others))

    def _is_complete(self, moment: _Open[Image]) -> bool:
        """Tell whether no camera can come nearer, or waiting for it has lasted too long."""
        stamp_ns = moment.lead.stamp_ns
        if max(self._seen_ns.values()) - stamp_ns > self._tolerance_ns + self._patience_ns:
            return True
        return all(self._seen_ns[camera] >= stamp_ns for camera in self._cameras)
