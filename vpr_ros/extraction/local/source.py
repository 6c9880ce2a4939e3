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

"""The contract of a source of local features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures

__all__ = ['LocalFeatureSource']


class LocalFeatureSource(Protocol):
    """Finds local features of frames."""

    @property
    def kind(self) -> str:
        """Return what a map stores to recognise such features: only equal kinds compare."""
        ...

    def extract(self, frames: Sequence[Frame], output: EngineOutput) -> list[LocalFeatures]:
        """
        Return the features of each frame, the best by score first, without depths.

        Points are pixels of the images as delivered; the centre of the first one is (0, 0).

        :param output: what the network of the extractor said about these frames.
        """
        ...
