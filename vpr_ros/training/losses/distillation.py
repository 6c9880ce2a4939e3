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

"""Learning from what another network finds alike."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast

__all__ = ['relational_distillation']


def relational_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """
    Return the mean squared difference of the cosine similarities that two networks give.

    In the spirit of Park et al. 2019, who compare distances and angles: what is alike is taught,
    not where descriptors lie, so the two may have different dimensions. Similarities are compared
    as they are, without rescaling.

    :param student: (B, D) descriptors of B >= 2 images.
    :param teacher: (B, E) of the same images; no gradient reaches it.
    """
    if len(student) != len(teacher) or len(student) < 2:
        raise ValueError('student and teacher describe the same two or more images, got '
                         f'{len(student)} and {len(teacher)}')
    with without_autocast(student):
        difference = _similarities(student) - _similarities(teacher.detach())
    pairs = ~torch.eye(len(student), dtype=torch.bool, device=student.device)
    return difference[pairs].square().mean()


def _similarities(descriptors: Tensor) -> Tensor:
    unit = F.normalize(precise(descriptors), dim=1)
    return unit @ unit.T
