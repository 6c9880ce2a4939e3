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

"""Sliding windows of frames, for networks that describe sequences."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from vpr_ros.extraction.engines.engine import Encoding
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.extraction.engines.engine import SequenceEngine
from vpr_ros.types import Frame

__all__ = ['FrameWindow', 'SlidingEngine']


class FrameWindow:
    """
    The frames that a sequence is made of: the newest one, and earlier ones at least so far apart.

    Before there are enough of them the oldest stands in for those that are missing. A stamp that
    goes back starts anew; a frame that comes twice counts once.

    :param length: frames of a sequence.
    :param spacing_ns: nanoseconds between its frames; 0 for every frame that comes.
    """

    def __init__(self, length: int, spacing_ns: int = 0) -> None:
        self._length = length
        self._spacing_ns = spacing_ns
        self._kept: deque[tuple[int, Encoding]] = deque(maxlen=length)
        self._newest: tuple[int, Encoding] | None = None

    def push(self, stamp_ns: int, encoding: Encoding) -> list[Encoding]:
        """Add a frame and return the sequence that ends with it, oldest first."""
        if self._newest is not None and stamp_ns < self._newest[0]:
            self._kept.clear()
        elif self._newest is not None and stamp_ns > self._newest[0]:
            self._keep(*self._newest)
        self._newest = (stamp_ns, encoding)
        earlier = [kept for at, kept in self._kept if stamp_ns - at >= self._spacing_ns]
        sequence = [*earlier[-(self._length - 1):], encoding] if self._length > 1 else [encoding]
        return [sequence[0]] * (self._length - len(sequence)) + sequence

    def _keep(self, stamp_ns: int, encoding: Encoding) -> None:
        if not self._kept or stamp_ns - self._kept[-1][0] >= self._spacing_ns:
            self._kept.append((stamp_ns, encoding))


class SlidingEngine:
    """
    A network of sequences as an engine for single frames: each frame is described by its window.

    Frames of a camera must come in the order they were taken.
    """

    def __init__(self, engine: SequenceEngine, *, spacing_ns: int = 0) -> None:
        self._engine = engine
        self._spacing_ns = spacing_ns
        self._windows: dict[str, FrameWindow] = {}

    @property
    def length(self) -> int:
        """Return S, the number of frames of a sequence."""
        return self._engine.length

    def restart(self) -> None:
        """Forget all frames."""
        self._windows.clear()

    def describe(self, frames: Sequence[Frame], images: NDArray[Any]) -> EngineOutput:
        """
        Describe the sequences that end with these frames.

        :param images: (B, h, w, 3) uint8 RGB of the network's input size, one of each frame.
        """
        sequences = []
        for frame, encoding in zip(frames, self._engine.encode(images), strict=True):
            window = self._windows.setdefault(
                frame.camera, FrameWindow(self._engine.length, self._spacing_ns))
            sequences.append(window.push(frame.stamp_ns, encoding))
        return self._engine.aggregate(sequences)
