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

"""Drawing the places of batches: as they are numbered, or as positions tell."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from vpr_ros.errors import VprError
from vpr_ros.training.objectives.base import Array
from vpr_ros.training.places import groups_by_number
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.randomness import generator
from vpr_ros.training.randomness import shuffled_stream

__all__ = ['Drawer', 'NumberedPlaces', 'PlacesApart']

# How many images are tried, for each place of a batch, as the middle of another place.
_TRIES = 200


class Drawer(Protocol):
    """Draws so many places for each batch."""

    def __len__(self) -> int:
        """Return how many places there are to draw from."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """Return how many batches see all there is about once."""
        ...

    def batches(self, first: int, count: int, rng: np.random.Generator) -> list[list[Array]]:
        """
        Return the numbers of the examples of each place of each batch.

        :param first: the number of the first of ``count`` batches since training began.
        """
        ...


class NumberedPlaces:
    """
    Labelled places with two examples or more, in shuffled epochs.

    :param rows: (n,) the examples to draw from.
    :param places: for each batch.
    :param neighbours: how many of them, one region's and next to each other in number, are drawn
        together where there are as many: windows of one camera, single images along one drive,
        of which the next one then has to show another place.
    :param stream: numbers that tell several drawers of one seed apart.
    """

    def __init__(self, images: PlaceImages, rows: Array, *, places: int, seed: int,
                 neighbours: int = 1, stream: tuple[int, ...] = ()) -> None:
        self._members = [rows[same] for same in groups_by_number(images.places[rows])
                         if len(same) > 1]
        self._regions = groups_by_number(images.regions[[same[0] for same in self._members]])
        self._places, self._neighbours = places, neighbours
        self._seed, self._stream = seed, stream
        self.steps_per_epoch = max(1, len(self._members) // places)

    def __len__(self) -> int:
        """Return how many places there are to draw from."""
        return len(self._members)

    def batches(self, first: int, count: int, rng: np.random.Generator) -> list[list[Array]]:
        """Return the examples of each place of each batch; these depend on the seed alone."""
        epoch, skipped = divmod(first, self.steps_per_epoch)
        found: list[list[Array]] = []
        while len(found) < skipped + count:
            found += self._epoch(epoch)
            epoch += 1
        return found[skipped:skipped + count]

    def _epoch(self, epoch: int) -> list[list[Array]]:
        """
        Return the members of the places of each batch of an epoch.

        The beginning of a shuffled epoch, other places being left out of the next: two epochs in
        one batch might hold a place twice, under two labels.
        """
        count = self.steps_per_epoch * self._places
        if self._neighbours == 1:
            chosen = shuffled_stream(np.arange(len(self)), epoch * len(self), count, self._seed,
                                     *self._stream)
        else:
            chosen = self._in_groups(generator(self._seed, 1, epoch, *self._stream))[:count]
        return [[self._members[place] for place in batch]
                for batch in chosen.reshape(self.steps_per_epoch, -1)]

    def _in_groups(self, rng: np.random.Generator) -> Array:
        """Return all places once: neighbours side by side, the groups of them shuffled."""
        groups = []
        for places in self._regions:
            # Another first one each time, so that all who are neighbours meet.
            turned = np.roll(places, rng.integers(len(places)))
            groups += np.split(turned, range(self._neighbours, len(places), self._neighbours))
        return np.concatenate([groups[number] for number in rng.permutation(len(groups))])


class PlacesApart:
    """
    Places by the rule: an example and others that match it, far from those of the other places.

    :param rows: (n,) the examples to draw from.
    :param places: for each batch.
    :param per_place: examples that are taken of each, for the length of an epoch.
    :param neighbours: how many of the places lie together, where there are as many: not much
        farther from each other than they must be apart.
    :param fewer: what could be smaller where there is no room for so many, for messages.
    """

    def __init__(self, images: PlaceImages, rows: Array, rule: PlaceRule, *, places: int,
                 per_place: int, fewer: str, neighbours: int = 1) -> None:
        self._rows, self._rule, self._images = rows, rule, images.select(rows)
        self._places, self._neighbours, self._fewer = places, neighbours, fewer
        self._positives = rule.positives(self._images)
        self._centres = np.flatnonzero([len(p) > 0 for p in self._positives])
        self.steps_per_epoch = max(1, len(self._centres) // (places * per_place))

    def __len__(self) -> int:
        """Return how many examples could be the middle of a place."""
        return len(self._centres)

    def batches(self, first: int, count: int, rng: np.random.Generator) -> list[list[Array]]:
        """Return the examples of each place of each batch, drawn by ``rng``."""
        return [self._batch(rng) for _ in range(count)]

    def _batch(self, rng: np.random.Generator) -> list[Array]:
        """Return the members of places no image of which may show another of them."""
        chosen: list[Array] = []
        taken = np.zeros(0, np.int64)
        for centre in rng.choice(self._centres, self._places * _TRIES):
            room = min(len(chosen) + self._neighbours, self._places)
            for candidate in self._around(centre, rng):
                members = np.concatenate([[candidate], self._positives[candidate]])
                if all(self._rule.negatives(self._images, int(m), taken).all() for m in members):
                    chosen.append(self._rows[members])
                    taken = np.concatenate([taken, members])
                elif candidate == centre:
                    break
                if len(chosen) == room:
                    break
            if len(chosen) == self._places:
                return chosen
        raise VprError(f'found only {len(chosen)} places that lie apart by the rule, and a step '
                       f'takes {self._places}: give more data, or {self._fewer}')

    def _around(self, centre: int, rng: np.random.Generator) -> Array:
        """Return the middle of a place, and then those of others near it in any order."""
        if self._neighbours == 1:
            return np.array([centre])
        images, others = self._images, self._centres
        # Between two middles there is room for the images of both places, and for the gap.
        reach = max(3.0 * self._rule.negative, 2.0 * (self._rule.positive + self._rule.negative))
        offsets = images.positions[others] - images.positions[centre]
        near = others[(images.regions[others] == images.regions[centre])
                      & (np.hypot(offsets[:, 0], offsets[:, 1]) <= reach)]
        near = near[self._rule.negatives(images, centre, near)]
        return np.concatenate([[centre], rng.permutation(near)])
