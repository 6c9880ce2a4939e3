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
"""
The loop: plan, read, compare, learn; on one process or many, and on from where it was.

All that is random is a function of the seed and of the number of the step, so a checkpoint holds
no state of a generator, and a training that was killed ends in the weights of an unbroken one.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
import logging
import math
from pathlib import Path
import time
from typing import Any
from typing import Protocol

from lightning.fabric import Fabric
import numpy as np
import torch
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.evaluation.metrics import Recall
from vpr_ros.networks.weights import cast_weights
from vpr_ros.networks.weights import load_weights
from vpr_ros.training.checkpoint import Checkpoint
from vpr_ros.training.checkpoint import save_whole
from vpr_ros.training.checkpoint import write_checkpoint
from vpr_ros.training.clusters import start_clusters
from vpr_ros.training.describing import describe_examples
from vpr_ros.training.discriminants import start_discriminants
from vpr_ros.training.experiment import Experiment
from vpr_ros.training.freezing import freeze_unused
from vpr_ros.training.freezing import set_training_mode
from vpr_ros.training.gradients import accumulate_gradients
from vpr_ros.training.launch import load_scaler_state
from vpr_ros.training.launch import network_input
from vpr_ros.training.launch import scaler_state
from vpr_ros.training.loading import batches
from vpr_ros.training.loading import PreparedExamples
from vpr_ros.training.loading import step_keys
from vpr_ros.training.loading import worker_count
from vpr_ros.training.logs import RunLog
from vpr_ros.training.objectives.base import Describe
from vpr_ros.training.objectives.base import Plan
from vpr_ros.training.optimisation import load_optimiser_state
from vpr_ros.training.optimisation import make_optimiser
from vpr_ros.training.optimisation import optimiser_state
from vpr_ros.training.optimisation import set_learning_rates
from vpr_ros.training.randomness import generator
from vpr_ros.training.recipe import dump_recipe

__all__ = ['CHECKPOINT', 'Observer', 'share_of', 'train', 'Trained', 'WEIGHTS']

_log = logging.getLogger(__name__)

CHECKPOINT, WEIGHTS = 'checkpoint.safetensors', 'weights.safetensors'
# Images that clusters are started from, as published with NetVLAD and by Zhao et al.
_CLUSTER_IMAGES = 500


class Observer(Protocol):
    """Who is told how a training goes."""

    def begins(self, step: int, steps: int) -> None:
        """Hear after which step training goes on, 0 for a new one, and where it ends."""

    def describes(self, done: int, total: int) -> None:
        """Hear how many examples are described for mining, or for validation."""

    def steps(self, step: int, terms: Mapping[str, float]) -> None:
        """Hear the terms of the loss of a step."""

    def validates(self, step: int, recall: Recall) -> None:
        """Hear the recall on held-out places after a step."""


@dataclass(frozen=True)
class Trained:
    """
    What came of a training.

    :param recalls: step -> R@1 on held-out places; step 0 is the start.
    :param queries: of each of these validations.
    :param weights: the file of the network as it was when it was best on them.
    """

    recalls: Mapping[int, float]
    queries: int
    weights: Path

    @property
    def best(self) -> int:
        """Return the last step with the highest recall."""
        return max(self.recalls, key=lambda step: (self.recalls[step], step))


def train(fabric: Fabric, experiment: Experiment, folder: Path, observer: Observer, *,
          checkpoint: Checkpoint | None = None) -> Trained:
    """
    Train from the first step, or on from a checkpoint, to the last.

    :param folder: where checkpoint, logs and weights are written.
    :param checkpoint: of the same recipe.
    """
    return _Training(fabric, experiment, folder, observer, checkpoint).run()


def share_of(examples: int, processes: int) -> int:
    """Return how many examples of a step each process takes; all take as many."""
    share, left = divmod(examples, processes)
    if left:
        raise VprError(f'a step takes {examples} examples, which {processes} processes cannot '
                       'share evenly: change the number of processes or of examples')
    return share


class _Means:
    """Means of terms, and steps a second, since they were last taken."""

    def __init__(self) -> None:
        self._began, self._seen = time.monotonic(), 0
        self._sums: dict[str, float] = {}

    def add(self, terms: Mapping[str, float]) -> None:
        self._seen += 1
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        taken = {f'loss/{name}': total / self._seen for name, total in self._sums.items()}
        taken['steps_per_s'] = self._seen / (time.monotonic() - self._began)
        self._began, self._seen, self._sums = time.monotonic(), 0, {}
        return taken


class _Training:
    def __init__(self, fabric: Fabric, experiment: Experiment, folder: Path, observer: Observer,
                 checkpoint: Checkpoint | None) -> None:
        self._fabric, self._experiment, self._folder = fabric, experiment, folder
        self._observer = observer
        self._recipe = experiment.recipe
        self._module = experiment.module
        self._images = experiment.prepared(experiment.images)
        self._held_out = experiment.prepared(experiment.validation.images)
        self._workers = worker_count(self._recipe.run.workers)
        self._step = 0
        self._recalls: dict[int, float] = {}
        self._queries = 0
        self._plan: Plan | None = None
        set_training_mode(self._module)
        # Convolutions read the channels of a pixel side by side faster, most of all on a CPU.
        fabric.to_device(self._module).to(memory_format=torch.channels_last)
        if checkpoint is None and experiment.clusters:
            self._start_clusters()
        if checkpoint is None and experiment.discriminants:
            self._start_discriminants()
        self._freeze_unused()
        # Those of the network as it calls them, whatever stands around it in training.
        self._parameters = [(name.removeprefix('network.'), parameter)
                            for name, parameter in self._module.named_parameters()]
        o = self._recipe.optimiser
        self._optimiser = make_optimiser(
            o.kind, self._parameters, rate=o.rate, slow=o.slow, slow_rate=o.slow_rate,
            momentum=o.momentum, weight_decay=o.weight_decay)
        if checkpoint is not None:
            self._load(checkpoint)
        self._parallel, self._stepper = fabric.setup(self._module, self._optimiser)

    def run(self) -> Trained:
        fabric, run, steps = self._fabric, self._recipe.run, self._experiment.steps
        log = RunLog(self._folder, step=self._step, tensorboard=run.tensorboard) \
            if fabric.is_global_zero else None
        self._observer.begins(self._step, steps)
        if not self._recalls:
            self._validate(log)
            if self._recalls[0] == 1.0:
                _log.warning('all %d queries of held-out places are right before training, so '
                             'they will not tell what is learnt: hold out more (places.held_out, '
                             'places.windows for fixed cameras) or give validation=<images>',
                             self._queries)
        means = _Means()
        for images, targets in self._batches(steps):
            terms = self._learn(images, targets)
            self._step += 1
            means.add(terms)
            self._observer.steps(self._step, terms)
            last = self._step == steps
            if log is not None and (last or self._step % run.log_every == 0):
                log.write(self._step, {**means.take(), 'rate': self._rate()})
            # Weights that were best and the checkpoint that says so go together.
            better = (last or self._step % run.validate_every == 0) and self._validate(log)
            if last or better or self._step % run.checkpoint_every == 0:
                self._save()
        if log is not None:
            log.close()
        return Trained(dict(self._recalls), self._queries, self._folder / WEIGHTS)

    def _batches(self, steps: int) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Yield this process's images of each step, and the targets of the whole batch."""
        length = self._experiment.objective.steps_per_cycle
        while self._step < steps:
            cycle, within = divmod(self._step, length)
            if self._plan is None or not within:
                # The same for all, also where processors round in their own ways.
                self._plan = self._fabric.broadcast(
                    self._experiment.objective.plan(cycle, self._describes(self._images)))
            ahead = range(within, min(length, within + steps - self._step))
            keys = [self._keys(self._plan, cycle * length + k, k) for k in ahead]
            for k, images in zip(ahead, batches(self._images, keys, workers=self._workers),
                                 strict=True):
                targets = {name: torch.from_numpy(np.ascontiguousarray(values[k]))
                           for name, values in self._plan.targets.items()}
                yield network_input(self._fabric, images), self._fabric.to_device(targets)

    def _keys(self, plan: Plan, step: int, within: int) -> list[Any]:
        examples = plan.examples[within]
        share = share_of(len(examples), self._fabric.world_size)
        first = self._fabric.global_rank * share
        return step_keys(examples[first:first + share], seed=self._recipe.seed, step=step,
                         first=first, own=self._experiment.own)

    def _learn(self, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, float]:
        set_learning_rates(self._optimiser, self._experiment.rate_factor(self._step))
        terms = accumulate_gradients(
            self._fabric, self._parallel, images,
            lambda outputs: self._experiment.objective.loss(outputs, targets),
            chunk=self._recipe.run.chunk, seeds=(self._recipe.seed, 6, self._step))
        self._refuse_endless(terms)
        if self._step < self._recipe.freeze.steps:
            for name in self._experiment.held:
                self._experiment.network.get_parameter(name).grad = None
        if self._recipe.optimiser.clip:
            self._fabric.clip_gradients(self._parallel, self._stepper,
                                        max_norm=self._recipe.optimiser.clip)
        self._stepper.step()
        self._stepper.zero_grad()
        return terms

    def _rate(self) -> float:
        return float(self._optimiser.param_groups[0]['lr'])

    def _refuse_endless(self, terms: Mapping[str, float]) -> None:
        """Stop before numbers that are none reach the weights."""
        if all(map(math.isfinite, terms.values())):
            return
        told = ', '.join(f'{name} {value}' for name, value in terms.items())
        raise VprError(f'the loss at step {self._step + 1} is no number any more ({told}): lower '
                       'optimiser.rate, give optimiser.clip=5.0, or run.precision=32-true')

    def _describes(self, examples: PreparedExamples) -> Describe:
        """Return what describes some of the examples by the network as it is then."""
        return partial(describe_examples, self._fabric, self._experiment.network, examples,
                       workers=self._workers, told=self._observer.describes)

    def _validate(self, log: RunLog | None) -> bool:
        """Validate, keep the weights if none were better, and tell whether that is so."""
        recall = self._experiment.validation(self._describes(self._held_out))
        # Of equals the later: it has learnt from more.
        better = all(recall.value >= before for before in self._recalls.values())
        self._recalls[self._step], self._queries = recall.value, recall.queries
        if better and self._fabric.is_global_zero:
            tensors = self._experiment.network.state_dict()
            if self._recipe.run.half_weights:
                # Biases are few, and half precision would round away what a little training adds.
                tensors = {**tensors, **cast_weights(
                    {name: tensor for name, tensor in tensors.items() if tensor.ndim > 1})}
            save_whole(self._folder / WEIGHTS, tensors, {
                'network': self._experiment.network.name, 'step': str(self._step),
                'recall_at_1': f'{recall.value:.6f}', 'recipe': dump_recipe(self._recipe)})
        if log is not None:
            log.write(self._step, {'held_out/recall_at_1': recall.value})
        self._observer.validates(self._step, recall)
        return better

    def _start_clusters(self) -> None:
        """Cluster features of images spread over all that is trained on."""
        rng = generator(self._recipe.seed, 7)
        count = min(_CLUSTER_IMAGES, self._experiment.own)
        chosen = np.sort(rng.choice(self._experiment.own, count, replace=False))
        keys = [[(int(example), ()) for example in part]
                for part in np.array_split(chosen, -(-count // 16))]
        images = (network_input(self._fabric, batch)
                  for batch in batches(self._images, keys, workers=self._workers))
        start_clusters(self._experiment.network, images, features=self._experiment.clusters,
                       seed=self._recipe.seed)

    def _start_discriminants(self) -> None:
        """Take discriminants from batches as training will see them."""
        keys, labels, missing, cycle = [], [], self._experiment.discriminants, 0
        while missing > 0:
            plan = self._experiment.objective.plan(cycle, self._describes(self._images))
            length = self._experiment.objective.steps_per_cycle
            for k, (examples, names) in enumerate(zip(plan.examples, plan.targets['labels'],
                                                      strict=True)):
                if missing <= 0:
                    break
                keys.append(step_keys(examples, seed=self._recipe.seed, step=cycle * length + k,
                                      own=self._experiment.own))
                labels.append(torch.from_numpy(names))
                missing -= len(examples)
            cycle += 1
        images = (network_input(self._fabric, batch)
                  for batch in batches(self._images, keys, workers=self._workers))
        _log.info('linear maps start from discriminants of %d images', sum(map(len, keys)))
        start_discriminants(self._experiment.network, zip(images, labels, strict=True))

    def _freeze_unused(self) -> None:
        """Freeze what no output depends on: processes wait for each other's gradients."""
        image = next(batches(self._images, [[(0, ())]], workers=0))
        outputs = self._module(network_input(self._fabric, image))
        freeze_unused(self._module, outputs.values())

    def _save(self) -> None:
        if not self._fabric.is_global_zero:
            return
        assert self._plan is not None
        moments, numbers = optimiser_state(self._optimiser, self._parameters)
        write_checkpoint(self._folder / CHECKPOINT, Checkpoint(
            step=self._step, recipe=dump_recipe(self._recipe),
            tensors={
                'network': self._module.state_dict(), 'optimiser': moments,
                'plan': {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in
                         {'examples': self._plan.examples, **self._plan.targets}.items()}},
            numbers={'data': self._experiment.data, 'optimiser': numbers,
                     'scaler': scaler_state(self._fabric), 'recalls': list(self._recalls.items()),
                     'queries': self._queries}))

    def _load(self, checkpoint: Checkpoint) -> None:
        # The plan has numbers of examples, which would now be other images.
        if checkpoint.numbers.get('data') != self._experiment.data:
            raise VprError('the images are not those that this training was begun with: some '
                           'came, went or were renamed; bring them back, or train into another '
                           'folder by out=')
        self._step = checkpoint.step
        load_weights(self._module, checkpoint.tensors['network'], 'the checkpoint')
        load_optimiser_state(self._optimiser, self._parameters,
                             checkpoint.tensors.get('optimiser', {}),
                             checkpoint.numbers['optimiser'])
        load_scaler_state(self._fabric, checkpoint.numbers['scaler'])
        self._recalls = {int(step): recall for step, recall in checkpoint.numbers['recalls']}
        self._queries = int(checkpoint.numbers['queries'])
        plan = {name: values.numpy() for name, values in checkpoint.tensors['plan'].items()}
        self._plan = Plan(plan.pop('examples'), plan)
