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

"""Pairs whose similarity is a matter of degree (Holder et al. 2023; Leyva-Vallina et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from vpr_ros.training.graded_similarity import GradedPairs
from vpr_ros.training.losses.generalised_contrastive import generalised_contrastive
from vpr_ros.training.objectives.base import Describe
from vpr_ros.training.objectives.base import epochs_of_a_cycle
from vpr_ros.training.objectives.base import Outputs
from vpr_ros.training.objectives.base import Plan
from vpr_ros.training.randomness import generator

__all__ = ['Graded']


class Graded:
    """
    The generalised contrastive loss on pairs drawn by their similarity; nothing is mined.

    :param count: pairs per step.
    :param examples: how many examples there are: an epoch has each in one pair on average.
    """

    def __init__(self, pairs: GradedPairs, examples: int, *, count: int, margin: float,
                 seed: int) -> None:
        self._pairs, self._count, self._margin, self._seed = pairs, count, margin, seed
        self.steps_per_epoch = max(1, examples // (2 * count))
        self.steps_per_cycle = epochs_of_a_cycle(self.steps_per_epoch) * self.steps_per_epoch

    def plan(self, cycle: int, describe: Describe) -> Plan:
        """Return the pairs of some epochs: the left ones of a step, then the right ones."""
        pairs, psi = self._pairs.draw(generator(self._seed, 3, cycle),
                                      self.steps_per_cycle * self._count)
        pairs = pairs.reshape(self.steps_per_cycle, self._count, 2)
        examples = pairs.transpose(0, 2, 1).reshape(self.steps_per_cycle, -1)
        return Plan(examples, {'psi': psi.reshape(self.steps_per_cycle, -1)})

    def loss(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the mean over pairs."""
        left, right = outputs['descriptors'].chunk(2)
        return {'graded': generalised_contrastive(left, right, targets['psi'],
                                                  margin=self._margin)}
