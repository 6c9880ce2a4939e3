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
"""The weights that are kept are those of the last of the best validations."""

import pytest
from safetensors import safe_open
from safetensors.torch import load_file
import torch
from vpr_ros.evaluation.metrics import Recall
from vpr_ros.training.experiment import prepare_experiment
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.run import train_recipe
from vpr_ros.training.validation import Validation

_RECIPE = ('network=gem', 'options={trunk: resnet18, layer: layer1, weights: random, height: 32, '
           'width: 32}', 'multi_similarity.places=4', 'multi_similarity.images=2',
           'schedule.kind=constant', 'schedule.warm_up=0', 'places.held_out=0.4', 'run.workers=0',
           'run.tensorboard=false', 'run.accelerator=cpu', 'run.validate_every=1')


class Stopping:
    """An observer that stops the training after a step, as a killed process would."""

    def __init__(self, stop=None):
        self.stop = stop

    def begins(self, step, steps):
        pass

    def describes(self, done, total):
        pass

    def steps(self, step, terms):
        if step == self.stop:
            raise KeyboardInterrupt

    def validates(self, step, recall):
        pass


def run(places, folder, steps, *, stop=None, resume=False):
    recipe = read_recipe('multi_similarity', [
        *_RECIPE, f'data={places}', f'schedule.steps={steps}', 'run.checkpoint_every=1'])
    return recipe, train_recipe(recipe, folder, Stopping(stop), resume=resume)


def validations_find(monkeypatch, *hundredths):
    """Let validations find, one after the other, so many of a hundred queries."""
    coming = list(hundredths)
    monkeypatch.setattr(Validation, '__call__',
                        lambda self, describe: Recall(1, coming.pop(0), 100, 0))
    return coming


def network_after(places, folder, steps):
    """Return the tensors of the network after so many steps: of a run that ended there."""
    recipe, _ = run(places, folder, steps)
    start = 'network:network.'
    names = prepare_experiment(recipe).network.state_dict()
    found = load_file(folder / 'checkpoint.safetensors')
    return {name: found[f'{start}{name}'] for name in names}


def kept(folder):
    """Return the tensors that are kept, and after which step and with which recall."""
    path = folder / 'weights.safetensors'
    with safe_open(path, framework='pt') as file:
        metadata = file.metadata()
    return load_file(path), int(metadata['step']), float(metadata['recall_at_1'])


def same(ones, others):
    return ones.keys() == others.keys() and all(
        torch.equal(tensor, others[name]) for name, tensor in ones.items())


@pytest.mark.parametrize('stop', [None, 2, 3])
def test_the_last_of_the_best_is_kept(places, tmp_path, monkeypatch, stop):
    """Of equals the one that learnt from more, also where the training was killed in between."""
    coming = validations_find(monkeypatch, 20, 50, 50, 10)
    if stop is not None:
        with pytest.raises(KeyboardInterrupt):
            run(places, tmp_path / 'run', 3, stop=stop)
    _, trained = run(places, tmp_path / 'run', 3, resume=stop is not None)
    assert not coming
    assert trained.recalls == {0: 0.2, 1: 0.5, 2: 0.5, 3: 0.1}
    assert (trained.best, trained.queries) == (2, 100)
    monkeypatch.undo()
    tensors, step, recall = kept(tmp_path / 'run')
    assert (step, recall) == (2, 0.5)
    assert same(tensors, network_after(places, tmp_path / 'two', 2))
    assert not same(tensors, network_after(places, tmp_path / 'one', 1))


@pytest.mark.parametrize(('found', 'best'), [((50, 20, 60), 2), ((20, 60, 50), 1)])
def test_what_is_best_is_kept_whatever_came_before_and_after(
        places, tmp_path, monkeypatch, found, best):
    validations_find(monkeypatch, *found)
    _, trained = run(places, tmp_path / 'run', 2)
    monkeypatch.undo()
    tensors, step, recall = kept(tmp_path / 'run')
    assert (trained.best, step, recall) == (best, best, 0.6)
    assert same(tensors, network_after(places, tmp_path / 'again', best))


def test_the_start_is_kept_where_training_makes_all_worse(places, tmp_path, monkeypatch):
    validations_find(monkeypatch, 50, 40, 49)
    recipe, trained = run(places, tmp_path / 'run', 2)
    tensors, step, recall = kept(tmp_path / 'run')
    assert (trained.best, step, recall) == (0, 0, 0.5)
    assert same(tensors, prepare_experiment(recipe).network.state_dict())
