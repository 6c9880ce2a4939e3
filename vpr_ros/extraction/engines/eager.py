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

"""The reference engine: PyTorch, as written, in float32."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
import torch
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.networks.base import PlaceNetwork

__all__ = ['EagerEngine']


class EagerEngine:
    """Run a network operation by operation."""

    def __init__(self, network: PlaceNetwork, device: torch.device) -> None:
        self._device = device
        if device.type == 'cuda':
            # TF32 rounds what is multiplied to 10 bits: descriptors would differ from those that
            # a CPU wrote into the map.
            torch.backends.cudnn.allow_tf32 = False
            torch.backends.cuda.matmul.allow_tf32 = False
        # On a CPU channels-last convolutions are several times faster for small networks.
        self._network = network.to(device).to(memory_format=torch.channels_last)

    def run(self, images: NDArray[Any]) -> EngineOutput:
        """Describe images (B, h, w, 3) uint8 RGB of the network's input size."""
        with torch.inference_mode():
            # permute of an (B, h, w, 3) array is channels-last already: nothing is copied
            batch = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2)
            output = self._network(batch.float().div_(255.0))
            attention = None if output.attention is None else output.attention.cpu().numpy()
            return EngineOutput(output.descriptors.cpu().numpy(), attention)
