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

"""Local features by ALIKED."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.extraction.local.working_size import in_the_image
from vpr_ros.extraction.local.working_size import reduced
from vpr_ros.networks.aliked import Aliked
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights
from vpr_ros.networks.weights import weights_hash
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures

__all__ = ['AlikedFeatures', 'load_aliked']


def load_aliked(path: Path) -> Aliked:
    """Return ALIKED-n16 with the weights of a file; VprError when they are not its own."""
    network = Aliked()
    load_weights(network, read_weights(path)[0], path)
    return network.eval().requires_grad_(False)


class AlikedFeatures:
    """
    ALIKED: 128 numbers for a point that day and night have in common.

    :param count: how many to return of an image at most.
    """

    def __init__(self, network: Aliked, device: torch.device, count: int) -> None:
        self.kind = f'aliked-n16:{weights_hash(network)[:8]}'
        self._network = network.to(device).to(memory_format=torch.channels_last)
        self._device = device
        self._count = count

    def extract(self, frames: Sequence[Frame], output: EngineOutput) -> list[LocalFeatures]:
        """Return what is found in each frame; the network of the extractor is not asked."""
        return [self._of(frame) for frame in frames]

    def _of(self, frame: Frame) -> LocalFeatures:
        small = reduced(frame.image)
        with torch.inference_mode():
            image = torch.tensor(small, device=self._device).permute(2, 0, 1).float().div_(255.0)
            found = self._network(image, self._count)
        points = in_the_image(found.points.cpu().numpy(), small.shape, frame.image.shape)
        return LocalFeatures(points, found.descriptors.cpu().numpy(), found.scores.cpu().numpy())
