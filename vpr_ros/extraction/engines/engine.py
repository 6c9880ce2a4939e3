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

"""The contract of an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ['Encoding', 'Engine', 'EngineOutput', 'SequenceEngine']

# What an engine keeps of a frame of a sequence, in a form that only the engine knows.
Encoding = Any


@dataclass(frozen=True, eq=False)
class EngineOutput:
    """
    What an engine returns for a batch.

    :param descriptors: (B, D) float32, L2-normalised.
    :param attention: (B, h, w) float32, or None.
    :param features: (B, C, h, w) float32, the map that was pooled (of a sequence, its newest
        frame's); None where the engine was not asked for it or the network has none.
    """

    descriptors: NDArray[np.float32]
    attention: NDArray[np.float32] | None
    features: NDArray[np.float32] | None = None


class Engine(Protocol):
    """Runs one network on one device."""

    def run(self, images: NDArray[Any]) -> EngineOutput:
        """Describe images (B, h, w, 3) uint8 RGB of the network's input size."""
        ...


class SequenceEngine(Protocol):
    """Runs one network of sequences on one device, so that each frame is encoded only once."""

    @property
    def length(self) -> int:
        """Return S, the number of frames of a sequence."""
        ...

    def encode(self, images: NDArray[Any]) -> list[Encoding]:
        """Return what is kept of each of the images (B, h, w, 3) uint8 RGB."""
        ...

    def aggregate(self, sequences: list[list[Encoding]]) -> EngineOutput:
        """Describe sequences of S encodings each, oldest first."""
        ...
