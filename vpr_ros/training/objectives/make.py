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
"""From the settings of a recipe to its objective."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.training.graded_similarity import GradedPairs
from vpr_ros.training.losses.multi_similarity import multi_similarity
from vpr_ros.training.losses.supervised_contrastive import supervised_contrastive
from vpr_ros.training.losses.triplet import distance_weighted_triplets
from vpr_ros.training.losses.triplet import triplet_loss
from vpr_ros.training.objectives.base import Array
from vpr_ros.training.objectives.base import Objective
from vpr_ros.training.objectives.classification import Classification
from vpr_ros.training.objectives.graded import Graded
from vpr_ros.training.objectives.in_batch import InBatch
from vpr_ros.training.objectives.ranking import Ranking
from vpr_ros.training.objectives.ranking import Target
from vpr_ros.training.objectives.shares import read_shares
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.settings import ContrastiveSettings
from vpr_ros.training.settings import IN_BATCH
from vpr_ros.training.settings import InBatchSettings
from vpr_ros.training.settings import MultiSimilaritySettings
from vpr_ros.training.settings import RecipeSettings
from vpr_ros.training.settings import TripletSettings

__all__ = ['make_objective']

PairLoss = Callable[[Tensor, Tensor], Tensor]


def make_objective(recipe: RecipeSettings, images: PlaceImages, rule: PlaceRule, *,
                   target: Array | None = None) -> Objective:
    """
    Make the objective that a recipe names.

    :param images: what is trained on.
    :param target: the numbers of those examples that are of the domain to adapt to.
    """
    if recipe.places.shares and recipe.objective not in IN_BATCH:
        raise VprError(f'objective {recipe.objective!r} draws no places that could be shared out: '
                       f'leave places.shares out, or choose one of {", ".join(IN_BATCH)}')
    rows = np.setdiff1d(np.arange(len(images)), [] if target is None else target)
    if recipe.objective == 'ranking':
        return Ranking(images, rows, rule, recipe.ranking, seed=recipe.seed,
                       target=None if target is None else Target(target, recipe.adaptation))
    if recipe.objective == 'classification':
        return Classification(images, batch=recipe.classification.images, seed=recipe.seed)
    if recipe.objective == 'graded':
        graded = recipe.graded
        pairs = GradedPairs(images, angle_deg=graded.angle_deg, radius_m=graded.radius,
                            across=rule.across)
        return Graded(pairs, len(images), count=graded.pairs, margin=graded.margin,
                      seed=recipe.seed)
    settings: InBatchSettings = getattr(recipe, recipe.objective)
    return InBatch(images, rule, _pair_loss(settings), name=recipe.objective,
                   places=settings.places, per_place=settings.images,
                   neighbours=settings.neighbours, seed=recipe.seed,
                   shares=read_shares(recipe.places.shares, data=recipe.data, parts=images.parts,
                                      places=settings.places))


def _pair_loss(settings: InBatchSettings) -> PairLoss:
    if isinstance(settings, TripletSettings):
        return partial(_triplet, settings)
    if isinstance(settings, MultiSimilaritySettings):
        return partial(multi_similarity, alpha=settings.alpha, beta=settings.beta,
                       base=settings.base, epsilon=settings.epsilon)
    assert isinstance(settings, ContrastiveSettings)
    return partial(supervised_contrastive, temperature=settings.temperature)


def _triplet(settings: TripletSettings, descriptors: Tensor, labels: Tensor) -> Tensor:
    triplets = distance_weighted_triplets(
        descriptors.detach(), labels, cutoff=settings.cutoff,
        nonzero_cutoff=settings.nonzero_cutoff)
    return triplet_loss(descriptors, *triplets, margin=settings.margin, scale=settings.scale,
                        squared=settings.squared)
