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
"""The loop as a user runs it: it learns, resumes exactly, and does not mind how it is run."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file
import torch
from vpr_ros.errors import VprError
from vpr_ros.training.loop import share_of
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.run import train_recipe

_GEM = ('network=gem', 'options={trunk: resnet18, layer: layer1, weights: random, height: 32, '
        'width: 32}')
_PLACES = ('multi_similarity', *_GEM, 'multi_similarity.places=4', 'multi_similarity.images=2',
           'schedule.warm_up=0', 'places.held_out=0.4')
_TUPLES = ('attention_vlad', 'options={trunk: resnet18, layer: layer2, weights: random, clusters: '
           '4, height: 32, width: 32}', 'freeze.parameters=trunk.body.conv1.*', 'clusters=500',
           'ranking.positives=2', 'ranking.negatives=3', 'ranking.refresh=6',
           'optimiser.rate=1e-3', 'places.positive=5.0', 'places.negative=15.0',
           'places.held_out=0.3')
_SEQUENCES = ('spatiotemporal', 'options={weights: random, sequence_length: 2, height: 32, width: '
              '32, window: 2, stride: 1, clusters: 4}', 'clusters=200', 'ranking.queries=1',
              'ranking.negatives=2', 'ranking.refresh=3', 'ranking.pool=12', 'run.chunk=3',
              'places.positive=5.0', 'places.negative=15.0', 'places.held_out=0.3')
_COMPACT = ('compact', 'options={weights: random, dimension: 16, height: 32, width: 32}',
            'discriminants=40', 'contrastive.places=4', 'contrastive.images=3',
            'schedule.warm_up=0', 'places.held_out=0.4', 'run.precision=32-true')
_RUN = ('run.workers=0', 'run.tensorboard=false', 'run.accelerator=cpu',
        'run.validate_every=1000')


class Silent:
    """An observer that hears all and may stop the training, as a killed process would."""

    def __init__(self, stop=None):
        self.stop = stop
        self.terms = []
        self.described = 0

    def begins(self, step, steps):
        self.began = (step, steps)

    def describes(self, done, total):
        self.described = max(self.described, total)

    def steps(self, step, terms):
        self.terms.append(terms)
        if step == self.stop:
            raise KeyboardInterrupt

    def validates(self, step, recall):
        self.last = (step, recall)


def run(folder, recipe, *settings, data, observer=None, resume=False):
    name, *rest = recipe
    made = read_recipe(name, [*rest, *_RUN, f'data={data}', *settings])
    return train_recipe(made, folder, observer or Silent(), resume=resume)


def weights(folder):
    """Return the tensors of the network in the checkpoint."""
    found = load_file(folder / 'checkpoint.safetensors')
    return {n: t for n, t in found.items() if n.startswith('network:')}


def assert_same(one, other, **close):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        if close:
            torch.testing.assert_close(other[name], tensor, **close)
        else:
            assert torch.equal(other[name], tensor), name


def test_it_learns(places, tmp_path):
    """Places of one pattern each are soon told apart, whatever the light."""
    observer = Silent()
    trained = run(tmp_path, _PLACES, 'schedule.steps=30', 'optimiser.rate=2e-3',
                  'augmentation.enabled=false', data=places, observer=observer)
    losses = [terms['multi_similarity'] for terms in observer.terms]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert trained.recalls[trained.best] > trained.recalls[0]
    assert trained.weights.is_file() and trained.queries == 4 * 6 * 5


def test_the_weights_make_the_network_that_was_best(places, tmp_path):
    from vpr_ros.networks.registry import create_network

    run(tmp_path, _PLACES, 'schedule.steps=4', 'run.validate_every=2', data=places)
    file = tmp_path / 'weights.safetensors'
    network = create_network('gem', {'trunk': 'resnet18', 'layer': 'layer1', 'height': 32,
                                     'width': 32, 'weights': str(file)})
    assert_same(load_file(file), network.state_dict())


@pytest.mark.parametrize(('recipe', 'kind', 'settings'), [
    (_PLACES, 'places', ('optimiser.kind=sgd', 'optimiser.momentum=0.9')),
    (_TUPLES, 'street', ()),
    (_SEQUENCES, 'street', ()),
    (('context_attention', 'options={trunk: resnet18, taps: layer1, layers: 1, weights: random, '
      'height: 32, width: 32}', 'classification.images=8', 'schedule.kind=cosine',
      'places.held_out=0.4'), 'places',
     ('freeze.parameters=trunk.body.conv1.*', 'freeze.steps=4')),
    (('semantic_mask', 'options={input: learned_mask, trunk: resnet18, weights: random, '
      'height: 32, width: 32}', 'graded.pairs=3', 'places.held_out=0.4', 'optimiser.momentum=0.5'),
     'street', ('run.chunk=4',)),
    (('saane', *_GEM, 'triplet.places=3', 'triplet.images=2',
      'freeze.parameters=trunk.body.conv1.*', 'places.held_out=0.4'), 'places', ()),
    (_COMPACT, 'places', ()),
], ids=['in_batch', 'tuples', 'sequences', 'classes', 'graded', 'triplets', 'discriminants'])
def test_a_broken_run_ends_in_the_weights_of_an_unbroken_one(
        request, tmp_path, recipe, kind, settings):
    """The plan, the optimiser, dropout, augmentation and schedules all go on as they were."""
    data = request.getfixturevalue(kind)
    common = (*settings, 'schedule.steps=7', 'run.checkpoint_every=2', 'augmentation.enabled=true')
    run(tmp_path / 'whole', recipe, *common, data=data)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'broken', recipe, *common, data=data, observer=Silent(stop=5))
    observer = Silent()
    trained = run(tmp_path / 'broken', recipe, *common, data=data, observer=observer, resume=True)
    assert observer.began == (4, 7) and len(observer.terms) == 3
    assert sorted(trained.recalls) == [0, 7]
    assert_same(weights(tmp_path / 'whole'), weights(tmp_path / 'broken'))
    start = Silent()
    run(tmp_path / 'start', recipe, *settings, 'schedule.steps=1', data=data, observer=start)
    moved = weights(tmp_path / 'start')
    assert any(not torch.equal(moved[n], t) for n, t in weights(tmp_path / 'whole').items())


def test_a_killed_process_can_be_resumed(street, tmp_path):
    """SIGKILL at any moment; here while later steps are computed."""
    name, *settings = _TUPLES
    settings = [*settings, *_RUN, f'data={street}', 'schedule.steps=400', 'run.checkpoint_every=3']

    def command(folder, *more):
        return [sys.executable, '-m', 'vpr_ros', 'train', name, *settings, f'out={folder}', *more]

    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    process = subprocess.Popen(command(tmp_path / 'killed'), env=environment,
                               stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / 'killed' / 'checkpoint.safetensors').exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    from vpr_ros.training.checkpoint import read_checkpoint

    step = read_checkpoint(tmp_path / 'killed' / 'checkpoint.safetensors').step
    assert 3 <= step < 400
    stop = f'schedule.steps={400}'
    observer = Silent(stop=step + 3)
    torch.set_num_threads(1)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'killed', _TUPLES, stop, 'run.checkpoint_every=1', data=street,
            observer=observer, resume=True)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'whole', _TUPLES, stop, 'run.checkpoint_every=1', data=street,
            observer=Silent(stop=step + 3))
    assert_same(weights(tmp_path / 'whole'), weights(tmp_path / 'killed'))


@pytest.mark.parametrize('settings', [
    ('run.chunk=3',), ('run.workers=2',), ('run.checkpoint_every=1', 'run.log_every=1')],
    ids=['parts', 'workers', 'checkpoints'])
def test_how_it_runs_does_not_change_what_it_learns(street, tmp_path, settings):
    run(tmp_path / 'one', _TUPLES, 'schedule.steps=4', data=street)
    run(tmp_path / 'other', _TUPLES, 'schedule.steps=4', *settings, data=street)
    assert_same(weights(tmp_path / 'one'), weights(tmp_path / 'other'), rtol=1e-4, atol=2e-5)


def test_two_processes_learn_what_one_learns(street, tmp_path):
    name, *settings = _TUPLES
    settings = [*settings, *_RUN, f'data={street}', 'schedule.steps=4', 'optimiser.kind=sgd',
                'optimiser.rate=0.01', f'out={tmp_path / "two"}']
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
         '-m', 'vpr_ros', 'train', name, *settings],
        env={**os.environ, 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('at the start') == 1  # one of the two speaks
    run(tmp_path / 'one', _TUPLES, 'schedule.steps=4', 'optimiser.kind=sgd',
        'optimiser.rate=0.01', data=street)
    assert_same(weights(tmp_path / 'one'), weights(tmp_path / 'two'), rtol=1e-5, atol=1e-6)


def test_frozen_parameters_stay_and_slow_ones_are_slow(places, tmp_path):
    settings = ('freeze.parameters=trunk.body.conv1.*', 'optimiser.kind=sgd',
                'optimiser.slow=trunk.body.layer1.0.*', 'optimiser.slow_rate=1e-9',
                'optimiser.weight_decay=0.0', 'augmentation.enabled=false')
    run(tmp_path / 'start', _PLACES, 'schedule.steps=1', 'optimiser.rate=1e-12', *settings,
        data=places)
    run(tmp_path / 'end', _PLACES, 'schedule.steps=3', 'optimiser.rate=0.1', *settings,
        data=places)
    start, end = weights(tmp_path / 'start'), weights(tmp_path / 'end')

    def moved(name):
        return float((end[f'network:network.trunk.body.{name}'] -
                      start[f'network:network.trunk.body.{name}']).abs().max())

    assert moved('conv1.weight') == 0.0
    assert 0.0 < moved('layer1.1.conv1.weight')
    assert moved('layer1.0.conv1.weight') < 1e-4 * moved('layer1.1.conv1.weight')
    assert moved('bn1.running_mean') == 0.0 and moved('bn1.num_batches_tracked') == 0.0


def test_what_is_held_is_free_after_so_many_steps(places, tmp_path):
    settings = ('freeze.parameters=trunk.body.conv1.*', 'freeze.steps=2', 'optimiser.kind=adamw')
    moved = {}
    for steps in (2, 3):
        run(tmp_path / str(steps), _PLACES, f'schedule.steps={steps}', 'schedule.kind=constant',
            *settings, data=places)
        moved[steps] = weights(tmp_path / str(steps))['network:network.trunk.body.conv1.weight']
    run(tmp_path / '1', _PLACES, 'schedule.steps=1', 'schedule.kind=constant', *settings,
        data=places)
    first = weights(tmp_path / '1')['network:network.trunk.body.conv1.weight']
    assert torch.equal(first, moved[2]) and not torch.equal(first, moved[3])


def test_mixed_precision_is_close_to_single(places, tmp_path):
    settings = ('schedule.steps=3', 'optimiser.kind=sgd', 'optimiser.rate=0.01')
    for precision in ('32-true', 'bf16-mixed'):
        run(tmp_path / precision, _PLACES, *settings, f'run.precision={precision}', data=places)
    one, other = weights(tmp_path / '32-true'), weights(tmp_path / 'bf16-mixed')
    assert {t.dtype for t in other.values()} <= {torch.float32, torch.int64}
    name = 'network:network.trunk.body.layer1.0.conv1.weight'
    assert not torch.equal(one[name], other[name])
    torch.testing.assert_close(other[name], one[name], rtol=0.1, atol=2e-3)


def test_training_starts_from_discriminants(places, tmp_path):
    """Before the first step the network tells places apart better than by chance alone."""
    recalls = {}
    for images in (0, 72):
        folder = tmp_path / str(images)
        trained = run(folder, _COMPACT, f'discriminants={images}', 'schedule.steps=1',
                      'augmentation.enabled=false', data=places)
        recalls[images] = trained.recalls[0]
    assert recalls[72] > recalls[0]


def test_weights_in_half_precision(places, tmp_path):
    run(tmp_path, _COMPACT, 'schedule.steps=1', 'optimiser.rate=1e-12',
        'optimiser.slow_rate=1e-12', data=places)
    half = load_file(tmp_path / 'weights.safetensors')
    assert {tensor.dtype for tensor in half.values() if tensor.ndim > 1} == {torch.float16}
    assert {tensor.dtype for tensor in half.values() if tensor.ndim < 2} == {torch.float32}
    exact = {name.removeprefix('network:network.'): tensor
             for name, tensor in weights(tmp_path).items()}
    assert {tensor.dtype for tensor in exact.values()} == {torch.float32}
    for name, tensor in half.items():
        torch.testing.assert_close(tensor.float(), exact[name], rtol=1e-3, atol=1e-4)


def test_adaptation_to_images_without_poses(street, places, tmp_path):
    observer = Silent()
    run(tmp_path, _TUPLES, 'schedule.steps=2', f'target={places / "camera_0"}',
        'adaptation.images=4', 'run.log_every=1', data=street, observer=observer)
    assert all(terms['adaptation'] > 0.0 for terms in observer.terms)
    with open(tmp_path / 'log.csv', newline='', encoding='utf-8') as file:
        logged = {(row['step'], row['name']) for row in csv.DictReader(file)}
    assert {('1', 'loss/ranking'), ('2', 'loss/adaptation'), ('0', 'held_out/recall_at_1'),
            ('2', 'held_out/recall_at_1')} <= logged


def test_a_teacher(places, tmp_path):
    observer = Silent()
    run(tmp_path / 'run', _PLACES, 'schedule.steps=2', 'teacher.network=thumbnail',
        f'teacher.cache={tmp_path / "cache"}', data=places, observer=observer)
    assert all(terms['teacher'] > 0.0 for terms in observer.terms)
    assert list((tmp_path / 'cache').iterdir())


def test_a_folder_is_not_overwritten_nor_resumed_with_another_recipe(places, tmp_path):
    with pytest.raises(VprError, match='nothing to go on from'):
        run(tmp_path, _PLACES, data=places, resume=True)
    run(tmp_path, _PLACES, 'schedule.steps=1', data=places)
    with pytest.raises(VprError, match='recipe.yaml --resume'):
        run(tmp_path, _PLACES, 'schedule.steps=2', data=places)
    with pytest.raises(VprError, match=r'settings \(optimiser.rate\)'):
        run(tmp_path, _PLACES, 'schedule.steps=2', 'optimiser.rate=0.5', data=places, resume=True)
    # Longer is no other recipe.
    assert 3 in run(tmp_path, _PLACES, 'schedule.steps=3', data=places, resume=True).recalls


def test_other_images_are_no_images_to_go_on_with(places, tmp_path):
    """The plan of the checkpoint would take them for those that it was made of."""
    data = shutil.copytree(places, tmp_path / 'data')
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'run', _PLACES, 'schedule.steps=3', 'run.checkpoint_every=1', data=data,
            observer=Silent(stop=2))
    (data / 'camera_3' / '0.png').rename(data / 'camera_3' / '00.png')
    with pytest.raises(VprError, match='images are not those'):
        run(tmp_path / 'run', _PLACES, 'schedule.steps=3', data=data, resume=True)
    (data / 'camera_3' / '00.png').rename(data / 'camera_3' / '0.png')
    run(tmp_path / 'run', _PLACES, 'schedule.steps=3', data=data, resume=True)


def test_a_folder_of_something_else_is_left_alone(places, tmp_path):
    mine = tmp_path / 'weights.safetensors'
    mine.write_bytes(b'mine')
    for folder, message in ((tmp_path, 'holds no training'), (mine, 'is a file')):
        with pytest.raises(VprError, match=message):
            run(folder, _PLACES, 'schedule.steps=1', data=places)
    assert mine.read_bytes() == b'mine' and list(tmp_path.iterdir()) == [mine]


def test_what_was_killed_before_its_first_checkpoint_begins_again(places, tmp_path):
    folder = tmp_path / 'run'
    with pytest.raises(KeyboardInterrupt):
        run(folder, _PLACES, 'schedule.steps=2', data=places, observer=Silent(stop=1))
    assert folder.is_dir() and not (folder / 'checkpoint.safetensors').exists()
    with pytest.raises(VprError, match='leave --resume out'):
        run(folder, _PLACES, 'schedule.steps=2', data=places, resume=True)
    run(folder, _PLACES, 'schedule.steps=2', data=places)
    run(tmp_path / 'whole', _PLACES, 'schedule.steps=2', data=places)
    assert_same(weights(tmp_path / 'whole'), weights(folder))


@pytest.mark.parametrize(('settings', 'message'), [
    (('multi_similarity.places=40',), 'multi_similarity.places'),
    (('validation=nowhere',), 'no file or folder'),
    (('freeze.parameters=trunk.bdy.*',), 'pattern'),
    (('run.precision=16-mixed',), 'needs a GPU'),
    (('options.trunk=resnet19',), 'resnet18'),
    (('schedule.warm_up=5', 'schedule.steps=5'), 'warm-up of 5 steps, got 5'),
])
def test_bad_input_is_refused_before_anything_is_written(places, tmp_path, settings, message):
    with pytest.raises(VprError, match=message):
        run(tmp_path / 'run', _PLACES, *settings, data=places)
    assert not (tmp_path / 'run').exists()


def test_without_images_there_is_nothing_to_train_on(tmp_path):
    with pytest.raises(VprError, match='give data='):
        train_recipe(read_recipe('saane'), tmp_path, Silent())


def test_processes_share_a_step_evenly_or_not_at_all():
    assert share_of(12, 3) == 4
    with pytest.raises(VprError, match='12 examples.*5 processes'):
        share_of(12, 5)
