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
"""Similarities of a teacher, learnt beside any objective."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
import torch
from torch import Tensor
from vpr_ros.training.losses.distillation import relational_distillation
from vpr_ros.training.objectives.base import Describe
from vpr_ros.training.objectives.base import Objective
from vpr_ros.training.objectives.base import Outputs
from vpr_ros.training.objectives.base import Plan

__all__ = ['Distilled']


class Distilled:
    """
    An objective, and a term for how far similarities in a batch are from those of a teacher.

    :param features: (N, E) of all examples, by the teacher.
    """

    def __init__(self, objective: Objective, features: NDArray[np.float32], *,
                 weight: float) -> None:
        self._objective, self._weight = objective, weight
        self._features = torch.from_numpy(features)
        self.steps_per_cycle = objective.steps_per_cycle
        self.steps_per_epoch = objective.steps_per_epoch

    def plan(self, cycle: int, describe: Describe) -> Plan:
        """Return the plan of the objective; the loss is told which examples a step takes."""
        plan = self._objective.plan(cycle, describe)
        return Plan(plan.examples, {**plan.targets, 'examples': plan.examples})

    def loss(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the terms of the objective and the teacher's."""
        descriptors = outputs['descriptors']
        taught = self._features[targets['examples'].cpu()].to(descriptors.device)
        return {**self._objective.loss(outputs, targets),
                'teacher': self._weight * relational_distillation(descriptors, taught)}
