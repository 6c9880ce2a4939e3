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
from collections.abc import Sequence

import numpy as np
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.training.objectives.base import Array
from vpr_ros.training.objectives.base import Describe
from vpr_ros.training.objectives.base import epochs_of_a_cycle
from vpr_ros.training.objectives.base import Outputs
from vpr_ros.training.objectives.base import Plan
from vpr_ros.training.objectives.drawing import Drawer
from vpr_ros.training.objectives.drawing import NumberedPlaces
from vpr_ros.training.objectives.drawing import PlacesApart
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.randomness import generator

__all__ = ['InBatch']


class InBatch:
    """
    P places by K images.

    Where examples have positions instead of numbers, a place is an example and others that match
    it by the rule, and the places of one batch are surely different ones.

    :param loss: from descriptors (B, D) and labels (B,) to a scalar.
    :param neighbours: how many places that are beside each other are drawn together.
    :param shares: how many of the places of each batch are of part 0, 1, ... of ``images``, which
        are then drawn each in its own way, numbered or by positions; an epoch lasts until the
        part that takes longest was seen once. Empty for any of all.
    """

    def __init__(self, images: PlaceImages, rule: PlaceRule, loss: Callable[[Tensor, Tensor],
                 Tensor], *, name: str, places: int, per_place: int, seed: int,
                 neighbours: int = 1, shares: Sequence[int] = ()) -> None:
        if shares and sum(shares) != places:
            raise ValueError(f'shares come to the {places} places of a batch, got {shares}')
        self._loss, self._name = loss, name
        self._places, self._per_place, self._seed = places, per_place, seed
        self._drawers: list[Drawer] = []
        fewer = 'a smaller share in places.shares' if shares else f'a smaller {name}.places'
        for part, count in enumerate(shares or [places]):
            rows = np.flatnonzero(images.parts == part) if shares else np.arange(len(images))
            drawer: Drawer
            if images.select(rows).labelled:
                drawer = NumberedPlaces(images, rows, places=count, seed=seed,
                                        neighbours=neighbours,
                                        stream=(part + 1,) if shares else ())
            else:
                drawer = PlacesApart(images, rows, rule, places=count, per_place=per_place,
                                     neighbours=neighbours, fewer=fewer)
            if len(drawer) < count:
                source = f' of source {part + 1} of data' if shares else ''
                raise VprError(f'a step takes {count} places{source}, but only {len(drawer)} have '
                               f'two images or more: give more data, {fewer}, or windows of fixed '
                               'cameras as places (places.windows=3)')
            self._drawers.append(drawer)
        self.steps_per_epoch = max(drawer.steps_per_epoch for drawer in self._drawers)
        self.steps_per_cycle = epochs_of_a_cycle(self.steps_per_epoch) * self.steps_per_epoch

    def plan(self, cycle: int, describe: Describe) -> Plan:
        """Return the batches of some epochs."""
        rng = generator(self._seed, 2, cycle)
        count = self.steps_per_cycle
        parts = [drawer.batches(cycle * count, count, rng) for drawer in self._drawers]
        examples = [self._draw([place for places in batch for place in places], rng)
                    for batch in zip(*parts, strict=True)]
        labels = np.tile(np.repeat(np.arange(self._places), self._per_place), (count, 1))
        return Plan(np.stack(examples), {'labels': labels})

    def _draw(self, batch: list[Array], rng: np.random.Generator) -> Array:
        k = self._per_place
        return np.concatenate([rng.choice(members, k, replace=len(members) < k)
                               for members in batch])

    def loss(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the loss of descriptors (B, D) under the labels of the batch."""
        return {self._name: self._loss(outputs['descriptors'], targets['labels'])}
