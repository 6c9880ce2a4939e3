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

"""
The contract of an objective.

An objective plans in the process that trains, never in a worker that reads images: its plan and
what it mined are arrays of numbers of examples, which a checkpoint can hold. One plan is a cycle:
epochs, or the queries between two refreshes of a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Protocol
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ['Describe', 'epochs_of_a_cycle', 'Objective', 'Outputs', 'Plan']

Array = NDArray[Any]
#: Numbers of examples (n,) to their descriptors (n, D) float32 by the network as it is now.
Describe: TypeAlias = Callable[[Array], NDArray[np.float32]]
# Reading begins anew with each cycle: a cycle is worth that.
_LEAST_STEPS = 50
#: What the module returns for a whole batch: 'descriptors' (B, D), 'features' (B, C, h, w), ...
Outputs: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Plan:
    """
    The batches of one cycle.

    :param examples: (n, B) int64, the examples of each step.
    :param targets: what the loss is told of each step, arrays (n, ...).
    """

    examples: Array
    targets: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.examples)


class Objective(Protocol):
    """What a network is trained for."""

    @property
    def steps_per_cycle(self) -> int:
        """Return how many steps every plan has."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """Return how many steps see all there is about once."""
        ...

    def plan(self, cycle: int, describe: Describe) -> Plan:
        """Return the plan of a cycle, a function of its number and of what describe tells."""
        ...

    def loss(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the terms whose sum is the loss, from the outputs of a whole batch."""
        ...


def epochs_of_a_cycle(steps_per_epoch: int) -> int:
    """Return how many epochs are planned at once where nothing is mined."""
    return -(-_LEAST_STEPS // steps_per_epoch)
