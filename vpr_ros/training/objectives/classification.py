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

"""Places as classes: softmax over all places (Chen et al. 2018, section IV.A)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.training.objectives.base import Describe
from vpr_ros.training.objectives.base import epochs_of_a_cycle
from vpr_ros.training.objectives.base import Outputs
from vpr_ros.training.objectives.base import Plan
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.randomness import shuffled_stream

__all__ = ['Classification']


class Classification:
    """
    Cross entropy of the place that an image shows.

    :param images: labelled examples; places are renumbered 0 to ``classes - 1``.
    :param batch: images per step.
    """

    def __init__(self, images: PlaceImages, *, batch: int, seed: int) -> None:
        if not images.labelled:
            raise VprError('objective classification needs places with numbers, and this data '
                           'has positions: give folders of places, or another objective')
        labels, self._classes = np.unique(images.places, return_inverse=True)
        self.classes = len(labels)
        if self.classes < 2:
            raise VprError('objective classification needs 2 places at least, got '
                           f'{self.classes}')
        self._batch, self._seed = batch, seed
        self._examples = np.arange(len(images))
        self.steps_per_epoch = max(1, len(images) // batch)
        self.steps_per_cycle = epochs_of_a_cycle(self.steps_per_epoch) * self.steps_per_epoch

    def plan(self, cycle: int, describe: Describe) -> Plan:
        """Return some epochs, each in random order."""
        count = self.steps_per_cycle * self._batch
        examples = shuffled_stream(self._examples, cycle * count, count, self._seed)
        examples = examples.reshape(-1, self._batch)
        return Plan(examples, {'classes': self._classes[examples]})

    def loss(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the mean cross entropy of logits (B, classes)."""
        return {'classification': F.cross_entropy(outputs['logits'], targets['classes'])}
