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

"""Images of a camera and the depth that was measured at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
import logging
from typing import Any

from vpr_ros.errors import VprError
from vpr_ros.messages.depth_images import decode_depth
from vpr_ros.types import Frame

__all__ = ['DepthPairing']

_log = logging.getLogger(__name__)
# How long an image waits for depth that may have failed, and how many images do.
_PATIENCE_NS = 500_000_000
_MOST_WAITING = 32
# Images of depth that are kept until the image comes that they belong to.
_MOST_KEPT = 64


class DepthPairing:
    """
    Gives each frame of a camera the image of depth that was taken nearest to it.

    :param topic: of depth, for messages, as ``source``, which names the bag.
    :param tolerance_ns: depth that was taken longer before or after an image is not of it.
    """

    def __init__(self, topic: str, tolerance_ns: int, source: str) -> None:
        self.topic = topic
        self._tolerance_ns = tolerance_ns
        self._source = source
        self._waiting: deque[tuple[Frame, str]] = deque()
        self._kept: deque[tuple[int, Any]] = deque(maxlen=_MOST_KEPT)
        self._newest_ns = -1  # of frames
        self._measured_ns = -1  # of depth
        self._frames = 0
        self._paired = 0

    def frame(self, frame: Frame, optical_frame: str) -> Iterator[Frame]:
        """
        Take a frame, and yield those that wait for depth no longer.

        :param optical_frame: what the header of its image names.
        """
        if frame.stamp_ns < self._newest_ns:  # a new run of the bag
            yield from self._pair(everything=True)
            self._kept.clear()
            self._measured_ns = -1
        self._newest_ns = frame.stamp_ns
        self._frames += 1
        self._waiting.append((frame, optical_frame))
        yield from self._pair()

    def depth(self, message: Any, stamp_ns: int) -> Iterator[Frame]:
        """Take an image of depth, and yield the frames that wait for none that comes later."""
        self._measured_ns = stamp_ns
        self._kept.append((stamp_ns, message))
        yield from self._pair()

    def rest(self) -> Iterator[Frame]:
        """Yield what still waits; VprError where no image at all has got depth."""
        yield from self._pair(everything=True)
        if self._frames and not self._paired:
            raise VprError(
                f'{self._source}: of {self._frames} images none was taken within '
                f'{self._tolerance_ns / 1e9:g} s of depth on {self.topic}: do both topics use '
                'one clock? (see map.camera_tolerance_s)')

    def _pair(self, *, everything: bool = False) -> Iterator[Frame]:
        while self._waiting and (everything or self._is_settled(self._waiting[0][0].stamp_ns)):
            frame, optical_frame = self._waiting.popleft()
            yield self._with_depth(frame, optical_frame)

    def _is_settled(self, stamp_ns: int) -> bool:
        """Tell whether no depth can come that is nearer, or waiting for it has lasted too long."""
        return (self._measured_ns >= stamp_ns or len(self._waiting) > _MOST_WAITING
                or self._newest_ns - stamp_ns > self._tolerance_ns + _PATIENCE_NS)

    def _with_depth(self, frame: Frame, optical_frame: str) -> Frame:
        stamp_ns, message = min(self._kept, key=lambda kept: abs(kept[0] - frame.stamp_ns),
                                default=(0, None))
        if message is None or abs(stamp_ns - frame.stamp_ns) > self._tolerance_ns:
            return frame
        self._check(message, frame, optical_frame)
        try:
            depth = decode_depth(message)
        except VprError as error:
            raise VprError(f'{self._source}: {self.topic}: {error}') from error
        except ValueError as error:
            _log.warning('%s: depth on %s at %d ns was left out: %s', self._source, self.topic,
                         stamp_ns, error)
            return frame
        self._paired += 1
        return replace(frame, depth=depth)

    def _check(self, message: Any, frame: Frame, optical_frame: str) -> None:
        """Raise VprError for depth that was not measured at the pixels of the image."""
        height, width = frame.image.shape[:2]
        seen_from = message.header.frame_id.lstrip('/')
        if (int(message.height), int(message.width)) != (height, width):
            problem = (f'has {message.width} x {message.height} pixels, the images of camera '
                       f'{frame.camera!r} have {width} x {height}')
        elif seen_from and optical_frame and seen_from != optical_frame:
            problem = f'is seen from {seen_from!r}, the images from {optical_frame!r}'
        else:
            return
        raise VprError(f'{self._source}: depth on {self.topic} {problem}: give the topic of '
                       'depth that is registered to the images (drivers call it aligned or '
                       'registered; depth_image_proc makes it)')
