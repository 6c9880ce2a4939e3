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

"""Features that nobody trained for places: what a trained network has to beat."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.mobile_trunk import MobileTrunk
from vpr_ros.networks.weights import read_weights

__all__ = ['mobilenet_v2']

_TAP, _GRID = 13, 4


class Untrained(PlaceNetwork):
    """MobileNetV2's block 13 averaged over a 4 x 4 grid."""

    def __init__(self, trunk: MobileTrunk) -> None:
        super().__init__(
            name='imagenet', dimension=trunk.channels[0] * _GRID * _GRID,
            preprocessing=Preprocessing(160, 224, mean=(0.5,) * 3, std=(0.5,) * 3))
        self.trunk = trunk

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        features, = self.trunk(images)
        pooled = F.adaptive_avg_pool2d(features, _GRID)
        return NetworkOutput(F.normalize(pooled.flatten(1)), None, features)


def mobilenet_v2(*, weights: str) -> Untrained:
    """
    Make the baseline.

    :param weights: ImageNet weights, batch norm folded, as safetensors.
    """
    trunk = MobileTrunk((_TAP,))
    public, _ = read_weights(Path(weights))
    trunk.load_state_dict({name: public[name].float() for name in trunk.state_dict()})
    return Untrained(trunk)
