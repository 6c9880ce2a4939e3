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

"""Batches of a few images each of several places, for losses that look at all pairs in them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping

import numpy as np
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.training.objectives.base import Array
from vpr_ros.training.objectives.base import Describe
from vpr_ros.training.objectives.base import epochs_of_a_cycle
from vpr_ros.training.objectives.base import Outputs
from vpr_ros.training.objectives.base import Plan
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.randomness import generator
from vpr_ros.training.randomness import shuffled_stream

__all__ = ['InBatch']

# How many images are tried, for each place of a batch, as the middle of another place.
_TRIES = 200


class InBatch:
    """
    P places by K images.

    Where examples have positions instead of numbers, a place is an example and others that match
    it by the rule, and the places of one batch are surely different ones.

    :param loss: from descriptors (B, D) and labels (B,) to a scalar.
    """

    def __init__(self, images: PlaceImages, rule: PlaceRule, loss: Callable[[Tensor, Tensor],
                 Tensor], *, name: str, places: int, per_place: int, seed: int) -> None:
        self._images, self._rule, self._loss, self._name = images, rule, loss, name
        self._places, self._per_place, self._seed = places, per_place, seed
        self._members: list[Array] = []
        self._positives: list[Array] = []
        if images.labelled:
            grouped = (np.flatnonzero(images.places == p) for p in np.unique(images.places))
            self._members = [members for members in grouped if len(members) > 1]
            self._centres = np.arange(len(self._members))
            self.steps_per_epoch = max(1, len(self._members) // places)
        else:
            self._positives = rule.positives(images)
            self._centres = np.flatnonzero([len(p) > 0 for p in self._positives])
            self.steps_per_epoch = max(1, len(self._centres) // (places * per_place))
        self._epochs = epochs_of_a_cycle(self.steps_per_epoch)
        self.steps_per_cycle = self._epochs * self.steps_per_epoch
        if len(self._centres) < places:
            raise VprError(f'a step takes {places} places, but only {len(self._centres)} have two '
                           f'images or more: give more data, a smaller {name}.places, or windows '
                           'of fixed cameras as places (places.windows=3)')

    def plan(self, cycle: int, describe: Describe) -> Plan:
        """Return the batches of some epochs."""
        rng = generator(self._seed, 2, cycle)
        count = self.steps_per_cycle
        if self._members:
            first = cycle * self._epochs
            batches = [batch for epoch in range(first, first + self._epochs)
                       for batch in self._epoch(epoch)]
        else:
            batches = [self._apart(rng) for _ in range(count)]
        examples = [self._draw(batch, rng) for batch in batches]
        labels = np.tile(np.repeat(np.arange(self._places), self._per_place), (count, 1))
        return Plan(np.stack(examples), {'labels': labels})

    def _epoch(self, epoch: int) -> list[list[Array]]:
        """
        Return the members of the places of each batch of an epoch.

        The beginning of a shuffled epoch, other places being left out of the next: two epochs in
        one batch might hold a place twice, under two labels.
        """
        chosen = shuffled_stream(self._centres, epoch * len(self._centres),
                                 self.steps_per_epoch * self._places, self._seed)
        return [[self._members[place] for place in batch]
                for batch in chosen.reshape(self.steps_per_epoch, -1)]

    def _draw(self, batch: list[Array], rng: np.random.Generator) -> Array:
        k = self._per_place
        return np.concatenate([rng.choice(members, k, replace=len(members) < k)
                               for members in batch])

    def _apart(self, rng: np.random.Generator) -> list[Array]:
        """Return the members of places no image of which may show another of them."""
        chosen: list[Array] = []
        taken = np.zeros(0, np.int64)
        for centre in rng.choice(self._centres, self._places * _TRIES):
            members = np.concatenate([[centre], self._positives[centre]])
            if all(self._rule.negatives(self._images, int(m), taken).all() for m in members):
                chosen.append(members)
                taken = np.concatenate([taken, members])
            if len(chosen) == self._places:
                return chosen
        raise VprError(f'found only {len(chosen)} places that lie apart by the rule, and a step '
                       f'takes {self._places}: give more data, or a smaller {self._name}.places')

    def loss(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the loss of descriptors (B, D) under the labels of the batch."""
        return {self._name: self._loss(outputs['descriptors'], targets['labels'])}
