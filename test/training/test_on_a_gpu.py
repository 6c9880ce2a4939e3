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
Training on a GPU; skipped where there is none.

Where there is one: ``python -m pytest test/training/test_on_a_gpu.py``.
"""

import pytest
from safetensors.torch import load_file
import torch
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.run import train_recipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no GPU here')

_RECIPE = ('network=gem', 'options={trunk: resnet18, layer: layer2, weights: random, height: 64, '
           'width: 64}', 'multi_similarity.places=4', 'multi_similarity.images=2',
           'places.held_out=0.4', 'schedule.warm_up=0', 'run.tensorboard=false', 'run.workers=2',
           'run.validate_every=1000')


class Silent:
    """An observer that may stop the training."""

    def __init__(self, stop=None):
        self.stop = stop
        self.losses = []

    def begins(self, step, steps):
        pass

    def describes(self, done, total):
        pass

    def steps(self, step, terms):
        self.losses.append(sum(terms.values()))
        if step == self.stop:
            raise KeyboardInterrupt

    def validates(self, step, recall):
        pass


def run(folder, data, *settings, stop=None, resume=False):
    observer = Silent(stop)
    recipe = read_recipe('multi_similarity', [*_RECIPE, f'data={data}', *settings])
    train_recipe(recipe, folder, observer, resume=resume)
    return observer.losses


def weights(folder):
    return {n: t for n, t in load_file(folder / 'checkpoint.safetensors').items()
            if n.startswith('network:')}


def test_a_gpu_learns_what_a_cpu_learns(places, tmp_path):
    settings = ('schedule.steps=3', 'optimiser.kind=sgd', 'optimiser.rate=0.01')
    for device in ('cpu', 'gpu'):
        run(tmp_path / device, places, *settings, f'run.accelerator={device}')
    on_gpu = weights(tmp_path / 'gpu')
    for name, tensor in weights(tmp_path / 'cpu').items():
        torch.testing.assert_close(on_gpu[name], tensor, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize('precision', ['32-true', 'bf16-mixed', '16-mixed'])
def test_every_precision_learns(places, tmp_path, precision):
    losses = run(tmp_path, places, 'schedule.steps=40', 'optimiser.rate=2e-3',
                 'augmentation.enabled=false', f'run.precision={precision}', 'run.chunk=5')
    assert all(map(torch.isfinite, map(torch.tensor, losses)))
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.parametrize('precision', ['32-true', '16-mixed'])
def test_a_broken_run_goes_on_close_to_an_unbroken_one(places, tmp_path, precision):
    """On a GPU sums may change their order from run to run: close, and the scale is kept."""
    settings = ('schedule.steps=6', 'run.checkpoint_every=2', f'run.precision={precision}',
                'optimiser.kind=sgd', 'optimiser.rate=0.01')
    run(tmp_path / 'whole', places, *settings)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'broken', places, *settings, stop=3)
    run(tmp_path / 'broken', places, *settings, resume=True)
    broken = weights(tmp_path / 'broken')
    for name, tensor in weights(tmp_path / 'whole').items():
        torch.testing.assert_close(broken[name], tensor, rtol=1e-3, atol=1e-4)
