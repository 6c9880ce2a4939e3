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
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
import torch
from vpr_ros.extraction.engines.engine import Encoding
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.base import SequenceNetwork

__all__ = ['EagerEngine', 'EagerSequenceEngine']

AnyNetwork = TypeVar('AnyNetwork', bound=PlaceNetwork)


class EagerEngine:
    """
    Run a network operation by operation.

    :param features: whether to return the map that was pooled.
    """

    def __init__(self, network: PlaceNetwork, device: torch.device, *,
                 features: bool = False) -> None:
        self._device = device
        self._features = features
        self._network = _placed(network, device)

    def run(self, images: NDArray[Any]) -> EngineOutput:
        """Describe images (B, h, w, 3) uint8 RGB of the network's input size."""
        with torch.inference_mode():
            return _fetched(self._network(_batch(images, self._device)), self._features)


class EagerSequenceEngine:
    """
    Run a network of sequences operation by operation.

    :param features: whether to return the map of the newest frame that was pooled.
    """

    def __init__(self, network: SequenceNetwork, device: torch.device, *,
                 features: bool = False) -> None:
        self._device = device
        self._features = features
        self._network = _placed(network, device)
        self.length = network.length

    def encode(self, images: NDArray[Any]) -> list[Encoding]:
        """Return what is kept of each of the images (B, h, w, 3) uint8 RGB."""
        with torch.inference_mode():
            # Copies: a row of a batch would keep all of it in memory.
            return [row.clone() for row in self._network.encode(_batch(images, self._device))]

    def aggregate(self, sequences: list[list[Encoding]]) -> EngineOutput:
        """Describe sequences of S encodings each, oldest first."""
        with torch.inference_mode():
            outputs = [_fetched(self._network.aggregate(torch.stack(sequence)[None]),
                                self._features) for sequence in sequences]
        return EngineOutput(np.concatenate([o.descriptors for o in outputs]),
                            _joined([o.attention for o in outputs]),
                            _joined([o.features for o in outputs]))


def _placed(network: AnyNetwork, device: torch.device) -> AnyNetwork:
    if device.type == 'cuda':
        # TF32 rounds what is multiplied to 10 bits: descriptors would differ from those that
        # a CPU wrote into the map.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    # On a CPU channels-last convolutions are several times faster for small networks.
    return network.to(device).to(memory_format=torch.channels_last)


def _batch(images: NDArray[Any], device: torch.device) -> torch.Tensor:
    # permute of an (B, h, w, 3) array is channels-last already: nothing is copied
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float().div_(255.0)


def _fetched(output: NetworkOutput, features: bool) -> EngineOutput:
    return EngineOutput(output.descriptors.cpu().numpy(), _array(output.attention),
                        _array(output.features) if features else None)


def _array(tensor: torch.Tensor | None) -> NDArray[np.float32] | None:
    return None if tensor is None else tensor.cpu().numpy()


def _joined(parts: list[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    """Join what one network gave for several sequences; it gives something for all or none."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None
