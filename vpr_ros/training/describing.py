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
"""Descriptors of many examples by the network as it is, shared among the processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lightning.fabric import Fabric
import numpy as np
from numpy.typing import NDArray
import torch
from torch import Tensor
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.training.freezing import evaluating
from vpr_ros.training.launch import gathered
from vpr_ros.training.launch import network_input
from vpr_ros.training.loading import batches
from vpr_ros.training.loading import PreparedExamples

__all__ = ['describe_examples']

Array = NDArray[Any]

# Examples described at once; no gradients are kept.
_AT_ONCE = 32


def describe_examples(fabric: Fabric, network: PlaceNetwork, examples: PreparedExamples,
                      numbers: Array, *, workers: int,
                      told: Callable[[int, int], None]) -> NDArray[np.float32]:
    """
    Describe examples as they are, without random changes.

    :param numbers: (n,) which ones.
    :param told: is told how many of how many are done, of this process.
    :returns: (n, D), the same in every process.
    """
    # Every process takes as many, the last ones again where they do not divide.
    share = -(-len(numbers) // fabric.world_size)
    own = np.resize(numbers, share * fabric.world_size).reshape(fabric.world_size, share)
    keys = [[(int(number), ()) for number in part] for part in
            np.array_split(own[fabric.global_rank], max(1, -(-share // _AT_ONCE)))]
    found: list[Tensor] = []
    done = 0
    with evaluating(network), torch.no_grad():
        for images in batches(examples, keys, workers=workers):
            with fabric.autocast():
                described = network(network_input(fabric, images))
            rows = gathered(fabric, described.descriptors.float())
            found.append(rows.unflatten(0, (fabric.world_size, -1)).cpu())
            done += len(images)
            told(done, share)
    return torch.cat(found, dim=1).flatten(0, 1)[:len(numbers)].numpy()
