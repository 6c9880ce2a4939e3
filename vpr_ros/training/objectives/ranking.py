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

"""Ranking of a query's positives before its hardest negatives (Wang et al. 2019; Zhao et al.)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.training.losses.mk_mmd import mk_mmd
from vpr_ros.training.losses.ranking import ranking_loss
from vpr_ros.training.mining import hardest_negatives
from vpr_ros.training.mining import nearest_positives
from vpr_ros.training.mining import random_pool
from vpr_ros.training.objectives.base import Array
from vpr_ros.training.objectives.base import Describe
from vpr_ros.training.objectives.base import Outputs
from vpr_ros.training.objectives.base import Plan
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.randomness import generator
from vpr_ros.training.randomness import shuffled_stream
from vpr_ros.training.settings import AdaptationSettings
from vpr_ros.training.settings import RankingSettings

__all__ = ['Ranking', 'Target']


@dataclass(frozen=True, eq=False)
class Target:
    """
    Unlabelled examples of another domain to adapt to.

    :param examples: (M,) their numbers, in the table they share with what is trained on.
    """

    examples: Array
    settings: AdaptationSettings


class Ranking:
    """
    Weakly supervised triplets, mined in a cache of descriptors that is computed once a cycle.

    A step holds the queries, then the positives of each, then the negatives of each, then images
    of the target.

    :param images: all examples; only those in ``rows`` are trained on.
    """

    def __init__(self, images: PlaceImages, rows: Array, rule: PlaceRule,
                 settings: RankingSettings, *, seed: int, target: Target | None = None) -> None:
        self._images, self._rows, self._rule = images, rows, rule
        self._settings, self._seed, self._target = settings, seed, target
        self._positives = {int(rows[i]): rows[found] for i, found
                           in enumerate(rule.positives(images.select(rows)))}
        self._queries = np.array([q for q, p in self._positives.items() if len(p)], np.int64)
        if len(self._queries) < settings.queries:
            raise VprError(
                f'a step takes {settings.queries} queries, but {len(self._queries)} examples have '
                'another of their place: give traverses that meet, or a larger places.positive')
        cycle = min(settings.refresh, len(self._queries))
        self.steps_per_cycle = max(1, cycle // settings.queries)
        self.steps_per_epoch = max(1, len(self._queries) // settings.queries)

    def plan(self, cycle: int, describe: Describe) -> Plan:
        """Return the tuples of the next queries, with the negatives that are hardest now."""
        s = self._settings
        rng = generator(self._seed, 4, cycle)
        count = self.steps_per_cycle * s.queries
        queries = shuffled_stream(self._queries, cycle * count, count, self._seed)
        pool = self._rows[random_pool(rng, len(self._rows), s.pool or len(self._rows))]
        cached = np.unique(np.concatenate(
            [queries, pool, *(self._positives[int(q)] for q in queries)]))
        descriptors = describe(cached)
        in_pool = np.isin(cached, pool)
        positives, negatives = [], []
        for query in queries:
            own = descriptors[np.searchsorted(cached, query)]
            found = nearest_positives(own, descriptors, cached, self._positives[int(query)],
                                      count=s.positives)
            # Repeated where there are fewer: the nearest of them stays the nearest.
            positives.append(np.resize(found, s.positives))
            allowed = in_pool & self._rule.negatives(self._images, int(query), cached)
            negatives.append(hardest_negatives(
                own, descriptors, cached, allowed, rng=rng, sampled=s.sampled,
                hardest=s.negatives))
        n = self.steps_per_cycle
        parts = [queries.reshape(n, -1), np.stack(positives).reshape(n, -1),
                 np.stack(negatives).reshape(n, -1)]
        if self._target is not None:
            images = self._target.settings.images
            parts.append(shuffled_stream(self._target.examples, cycle * n * images, n * images,
                                         self._seed).reshape(n, -1))
        return Plan(np.concatenate(parts, axis=1))

    def loss(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the ranking loss, and the distance of the two domains where there are two."""
        s = self._settings
        sizes = [s.queries, s.queries * s.positives, s.queries * s.negatives]
        descriptors = outputs['descriptors']
        queries, positives, negatives = descriptors[:sum(sizes)].split(sizes)
        terms = {'ranking': ranking_loss(
            queries, positives.unflatten(0, (s.queries, -1)),
            negatives.unflatten(0, (s.queries, -1)), margin=s.margin, squared=s.squared)}
        if self._target is not None:
            adapt = self._target.settings
            source, target = outputs['features'].split([sum(sizes), adapt.images])
            terms['adaptation'] = adapt.weight * mk_mmd(
                source, target, squared=adapt.squared, reduction=adapt.reduction)
        return terms
