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
"""What a recipe comes to: the images, the network, what it is trained for and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextlib import nullcontext
from dataclasses import dataclass
from dataclasses import replace
from functools import cached_property
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.registry import create_network
from vpr_ros.training.classifier import PlaceClassifier
from vpr_ros.training.clusters import has_clusters
from vpr_ros.training.discriminants import has_discriminants
from vpr_ros.training.freezing import freeze
from vpr_ros.training.freezing import frozen_for
from vpr_ros.training.freezing import matching
from vpr_ros.training.loading import PreparedExamples
from vpr_ros.training.objectives.base import Objective
from vpr_ros.training.objectives.base import Outputs
from vpr_ros.training.objectives.classification import Classification
from vpr_ros.training.objectives.distilled import Distilled
from vpr_ros.training.objectives.make import make_objective
from vpr_ros.training.optimisation import learning_rate_factor
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.recipe import recipe_options
from vpr_ros.training.settings import IN_BATCH
from vpr_ros.training.settings import RecipeSettings
from vpr_ros.training.sources.places import moved
from vpr_ros.training.sources.registry import open_images
from vpr_ros.training.splits import hold_out
from vpr_ros.training.splits import hold_out_regions
from vpr_ros.training.teacher import teacher_features
from vpr_ros.training.validation import Validation

__all__ = ['Experiment', 'prepare_experiment']

Array = NDArray[Any]


class Describer(nn.Module):
    """
    A network as an objective sees it: images to named outputs, a row for each.

    :param features: whether the loss also looks at the feature map.
    """

    def __init__(self, network: PlaceNetwork, *, features: bool) -> None:
        super().__init__()
        self.network = network
        self._features = features

    def forward(self, images: Tensor) -> Outputs:
        """Describe images in [0, 1]."""
        output = self.network(images)
        found = {'descriptors': output.descriptors}
        if self._features:
            if output.features is None:
                raise VprError(f'network {self.network.name!r} shows no feature map, which '
                               'adaptation needs: leave target out, or choose another network')
            found['features'] = output.features
        return found


@dataclass(frozen=True, eq=False)
class Experiment:
    """
    A recipe with everything it names.

    :param images: what is trained on, and behind it the target's.
    :param own: how many of the images are trained on; the target's are shown as they are.
    :param module: what is trained: the network, and what is thrown away after training.
    :param held: names of the parameters of ``network`` that stay for the first steps only.
    """

    recipe: RecipeSettings
    images: PlaceImages
    own: int
    validation: Validation
    network: PlaceNetwork
    module: nn.Module
    objective: Objective
    held: frozenset[str]

    @property
    def steps(self) -> int:
        """Return how many steps the training takes."""
        schedule = self.recipe.schedule
        return schedule.steps or max(1, round(schedule.epochs * self.objective.steps_per_epoch))

    @property
    def clusters(self) -> int:
        """Return how many features VLAD starts from; none where a file gave it clusters."""
        given = recipe_options(self.recipe.options).get('weights', 'random')
        return self.recipe.clusters if given == 'random' else 0

    @property
    def discriminants(self) -> int:
        """Return how many images linear maps start from; none where they are trained ones."""
        options = recipe_options(self.recipe.options)
        # Without either of them it is the embedded network that training goes on with.
        untrained = options.get('weights') == 'random' or options.get('trunk_weights')
        return self.recipe.discriminants if untrained else 0

    @cached_property
    def data(self) -> list[str]:
        """Return digests of what is trained on and of what is held out."""
        return [self.images.digest(), self.validation.images.digest()]

    def rate_factor(self, step: int) -> float:
        """Return what learning rates are multiplied by at a step, from 0."""
        s, epoch = self.recipe.schedule, self.objective.steps_per_epoch
        every = max(1, round(s.every_epochs * epoch)) if s.every_epochs else s.every
        return learning_rate_factor(step, schedule=s.kind, steps=self.steps, every=every,
                                    gamma=s.gamma, warm_up=s.warm_up)

    def prepared(self, images: PlaceImages) -> PreparedExamples:
        """Return examples at the input size of the network."""
        return PreparedExamples(images, self.network.preprocessing, self.recipe.augmentation,
                                sequences=isinstance(self.network, SequenceNetwork))


def prepare_experiment(recipe: RecipeSettings, *, in_turn: Callable[
        [], AbstractContextManager[object]] = nullcontext) -> Experiment:
    """
    Open the images and make the network that a recipe names.

    :param in_turn: what one of several processes computes and keeps in there, others then read.
    """
    if not recipe.data:
        raise VprError('nothing to train on: give data=<packed file or folder>, or data=town')
    network = create_network(recipe.network, recipe_options(recipe.options))
    if recipe.clusters and not has_clusters(network):
        raise VprError(f'network {recipe.network!r} has no VLAD that could start from clusters: '
                       'give clusters=0')
    if recipe.discriminants and not has_discriminants(network):
        raise VprError(f'network {recipe.network!r} has no linear maps that could start from '
                       'discriminants: give discriminants=0')
    if recipe.discriminants and recipe.objective not in IN_BATCH:
        raise VprError('discriminants are taken from batches of known places, as the objectives '
                       f'{", ".join(IN_BATCH)} make them, not {recipe.objective!r}: give '
                       'discriminants=0')
    images, held_out, target = _open(recipe, network)
    rule = _rule(recipe)
    objective = make_objective(recipe, images, rule, target=target)
    if recipe.teacher.network:
        with in_turn():
            features = teacher_features(
                images, recipe.teacher.network, recipe_options(recipe.teacher.options),
                cache=Path(recipe.teacher.cache) if recipe.teacher.cache else None)
        objective = Distilled(objective, features, weight=recipe.teacher.weight)
    module: nn.Module = Describer(network, features=target is not None)
    if isinstance(objective, Classification):
        module = PlaceClassifier(network, objective.classes, seed=recipe.seed)
    experiment = Experiment(
        recipe=recipe, images=images, own=len(images) - (0 if target is None else len(target)),
        network=network, module=module, objective=objective,
        validation=Validation(moved(held_out, recipe.run.validation_moves), rule,
                              times=recipe.run.validation_times),
        held=_freeze(recipe, network))
    experiment.rate_factor(0)  # refuses a schedule that cannot be
    return experiment


def _rule(recipe: RecipeSettings) -> PlaceRule:
    p = recipe.places
    return PlaceRule(positive=p.positive, negative=p.negative, heading_deg=p.heading_deg,
                     across=p.across)


def _open(recipe: RecipeSettings,
          network: PlaceNetwork) -> tuple[PlaceImages, PlaceImages, Array | None]:
    """Return what is trained on, what is held out, and which of the first is the target."""
    length = network.length if isinstance(network, SequenceNetwork) else 1

    def opened(spec: str) -> PlaceImages:
        images = open_images(spec, windows=recipe.places.windows, overlap=recipe.places.overlap)
        if length == 1:
            return images
        stride = recipe.places.sequence_stride
        # Sequences of one place that share images would be alike for nothing.
        return images.sequences(length, stride=max(stride, length) if images.labelled else stride,
                                gap=recipe.places.sequence_gap or math.inf)

    images = opened(recipe.data)
    if recipe.validation:
        if recipe.places.held_out_regions:
            raise VprError('validation names other images, so places.held_out_regions would hold '
                           'out nothing: give one of the two')
        held_out = opened(recipe.validation)
    else:
        training, apart = _held_out(recipe, images)
        images, held_out = images.select(training), images.select(apart)
    if not recipe.target:
        return images, held_out, None
    target = opened(recipe.target)
    # It has no labels: nothing in it is the place of anything.
    target = replace(target, unit=images.unit, places=np.full(len(target), -1),
                     positions=np.full((len(target), 2), np.nan))
    return (PlaceImages.joined([images, target]), held_out,
            np.arange(len(images), len(images) + len(target)))


def _held_out(recipe: RecipeSettings, images: PlaceImages) -> tuple[Array, Array]:
    """Return which examples are trained on and which are held out."""
    names = [name for name in recipe.places.held_out_regions.split('+') if name]
    if names:
        return hold_out_regions(images, names)
    return hold_out(images, recipe.places.held_out, seed=recipe.seed, rule=_rule(recipe))


def _freeze(recipe: RecipeSettings, network: PlaceNetwork) -> frozenset[str]:
    """Freeze what never learns, and return what is only held for a while."""
    patterns = recipe.freeze.parameters
    if recipe.freeze.stages:
        patterns = f'{patterns} {frozen_for(network, recipe.freeze.stages)}'
    if not recipe.freeze.steps:
        freeze(network, patterns)
        return frozenset()
    freeze(network, '')
    return frozenset(matching((name for name, _ in network.named_parameters()), patterns))
