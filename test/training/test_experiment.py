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
"""What a recipe says is what happens: each setting reaches the part that it is about."""

import csv
import sys
from types import ModuleType

import cv2
import numpy as np
import pytest
from safetensors.torch import load_file
import torch
from torch import nn
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.extraction.preparation import prepare
from vpr_ros.networks import registry
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.semantic_mask import trainable_parts
from vpr_ros.training.experiment import prepare_experiment
from vpr_ros.training.launch import launch
from vpr_ros.training.loading import step_keys
from vpr_ros.training.loop import train
from vpr_ros.training.losses.distillation import relational_distillation
from vpr_ros.training.losses.multi_similarity import multi_similarity
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.run import train_recipe

_GEM = ('network=gem', 'options={trunk: resnet18, layer: layer1, weights: random, height: 32, '
        'width: 32}')
_PLACES = ('multi_similarity', *_GEM, 'multi_similarity.places=4', 'multi_similarity.images=2',
           'schedule.warm_up=0', 'places.held_out=0.4')
_TUPLES = ('attention_vlad', *_GEM, 'freeze.parameters=', 'clusters=0', 'ranking.positives=4',
           'ranking.negatives=3', 'ranking.refresh=1000')
_RUN = ('run.workers=0', 'run.tensorboard=false', 'run.accelerator=cpu',
        'run.validate_every=1000')


class Listening:
    """An observer that keeps the terms of each step and may draw random numbers meanwhile."""

    def __init__(self, *, drawing=False):
        self.drawing = drawing
        self.terms = []
        self.recalls = {}

    def begins(self, step, steps):
        self._draw()

    def describes(self, done, total):
        self._draw()

    def steps(self, step, terms):
        self.terms.append(terms)
        self._draw()

    def validates(self, step, recall):
        self.recalls[step] = recall.value
        self._draw()

    def _draw(self):
        if self.drawing:
            torch.rand(len(self.terms) + 3)
            np.random.random()


def recipe(base, *settings):
    name, *rest = base
    return read_recipe(name, [*rest, *_RUN, *settings])


def prepared(base, *settings):
    return prepare_experiment(recipe(base, *settings))


def trained(folder, base, *settings, drawing=False):
    """Train; return what an observer heard, and the network's tensors at the end."""
    observer = Listening(drawing=drawing)
    train_recipe(recipe(base, *settings), folder, observer)
    start = 'network:network.'
    tensors = {name.removeprefix(start): tensor for name, tensor in
               load_file(folder / 'checkpoint.safetensors').items() if name.startswith(start)}
    return observer, tensors


def logged(folder, name):
    """Return step -> value of one curve of the log."""
    with open(folder / 'log.csv', newline='', encoding='utf-8') as file:
        return {int(row['step']): float(row['value']) for row in csv.DictReader(file)
                if row['name'] == name}


def random_descriptions(rows):
    return np.random.default_rng(7).normal(size=(400, 6)).astype(np.float32)[rows]


# Which images show one place


@pytest.fixture(scope='module')
def avenue(tmp_path_factory):
    """Return three drives of 24 images, 10 m apart, with 70 m to the 13th; one is oblique."""
    root = tmp_path_factory.mktemp('avenue')
    for drive, yaw in enumerate((0.2, 0.3, 1.3)):
        folder = root / f'drive_{drive}'
        folder.mkdir()
        lines = ['file,x,y,yaw']
        for number in range(24):
            image = np.random.default_rng(100 * drive + number).integers(0, 256, (32, 32, 3))
            cv2.imwrite(str(folder / f'{number:02d}.png'), image.astype(np.uint8))
            x = 10.0 * number + (60.0 if number >= 12 else 0.0)
            lines.append(f'{number:02d}.png,{x},{drive},{yaw}')
        (folder / 'poses.csv').write_text('\n'.join(lines) + '\n')
    return root


def tuples(avenue, *settings):
    """Return the experiment, and for each query of a cycle its positives and negatives."""
    experiment = prepared(_TUPLES, f'data={avenue}', f'validation={avenue}', *settings)
    plan = experiment.objective.plan(0, random_descriptions)
    queries, positives, negatives = np.split(plan.examples, [2, 10], axis=1)
    return (experiment, queries.reshape(-1, 1), positives.reshape(-1, 4),
            negatives.reshape(-1, 3))


def apart(experiment, ones, others):
    positions = experiment.images.positions
    return np.linalg.norm(positions[ones] - positions[others], axis=-1)


@pytest.mark.parametrize('metres', [5, 15])
def test_positives_are_within_their_radius(avenue, metres):
    experiment, queries, positives, _ = tuples(avenue, f'places.positive={metres}')
    farthest = apart(experiment, queries, positives).max()
    assert farthest <= metres and (farthest > 9.0) == (metres > 9)


@pytest.mark.parametrize('metres', [30, 100])
def test_negatives_are_beyond_theirs(avenue, metres):
    experiment, queries, _, negatives = tuples(
        avenue, 'places.positive=5.0', f'places.negative={metres}')
    assert metres < apart(experiment, queries, negatives).min() < metres + 20.0


@pytest.mark.parametrize('degrees', [40, 180])
def test_headings_may_differ_by_so_much(avenue, degrees):
    """The third drive looks 60 degrees aside."""
    experiment, queries, positives, _ = tuples(
        avenue, 'places.positive=5.0', f'places.heading_deg={degrees}')
    drives = experiment.images.traverses
    turned = (drives[queries] == 2) != (drives[positives] == 2)
    assert turned.any() == (degrees == 180)
    # The first of the drives is the map of the validation.
    recall = experiment.validation(random_descriptions)
    assert recall.queries == (48 if degrees == 180 else 24)


@pytest.mark.parametrize('across', ['true', 'false'])
def test_positives_are_of_other_drives_unless_the_recipe_says_so(avenue, across):
    experiment, queries, positives, _ = tuples(avenue, 'places.positive=15.0',
                                               f'places.across={across}')
    drives = experiment.images.traverses
    assert (drives[queries] == drives[positives]).any() == (across == 'false')


@pytest.mark.parametrize('metres', [15, 45])
def test_what_is_held_out_lies_apart_by_the_rule(street, metres):
    experiment = prepared(_TUPLES, f'data={street}', 'places.positive=5.0',
                          f'places.negative={metres}', 'places.held_out=0.3')
    own, held = experiment.images.positions, experiment.validation.images.positions
    nearest = np.linalg.norm(own[:, None] - held[None], axis=2).min()
    assert metres < nearest <= metres + 10.0
    assert len(held) / 72 == pytest.approx(0.3, abs=0.05)


_SEQUENCES = ('spatiotemporal', 'options={weights: random, sequence_length: 3, height: 32, width: '
              '32, window: 2, stride: 1, clusters: 4}', 'freeze.parameters=', 'clusters=0',
              'ranking.queries=1', 'ranking.negatives=2', 'places.positive=5.0')


@pytest.mark.parametrize(('settings', 'stride', 'gap'), [
    ((), 1, 70.0), (('places.sequence_stride=5',), 5, 70.0),
    (('places.sequence_gap=20.0',), 1, 10.0)], ids=['any', 'stride', 'gap'])
def test_sequences_begin_so_far_apart_and_have_no_gap(avenue, settings, stride, gap):
    experiment = prepared(_SEQUENCES, f'data={avenue}', f'validation={avenue}', *settings)
    every = prepared(_TUPLES, f'data={avenue}', f'validation={avenue}').images.positions
    for images in (experiment.images, experiment.validation.images):
        assert images.length == 3
        assert (np.diff(images.frames, axis=1) == 1).all()
        firsts = np.unique(images.frames[:, 0] % 24)
        assert (firsts % stride == 0).all() and firsts[1] == stride
        steps = np.linalg.norm(np.diff(every[images.frames], axis=1), axis=2)
        assert steps.max() == gap
    assert experiment.prepared(experiment.images)[(0, ())].shape == (3, 3, 32, 32)


@pytest.mark.parametrize(('overlap', 'side'), [(0.0, 0.5), (0.5, 2 / 3)])
def test_windows_overlap_by_so_much(places, overlap, side):
    experiment = prepared(_PLACES, f'data={places}', 'places.windows=2',
                          f'places.overlap={overlap}')
    for images in (experiment.images, experiment.validation.images):
        assert images.boxes[:, 2:] == pytest.approx(np.full((len(images), 2), side))


# Which images are trained on


@pytest.fixture(scope='module')
def halves(tmp_path_factory):
    """Return cameras 'own_N' that all see one grey wall, and 'held_N' that see a place each."""
    root = tmp_path_factory.mktemp('halves')
    for number in range(4):
        place = np.random.default_rng(number).integers(0, 256, (32, 32, 3)).astype(np.uint8)
        for name, image in (('own', np.full((32, 32, 3), 128, np.uint8)), ('held', place)):
            (root / name / f'{name}_{number}').mkdir(parents=True)
            for time in range(3):
                cv2.imwrite(str(root / name / f'{name}_{number}' / f'{time}.png'), image)
    return root


@pytest.mark.parametrize('way', ['region', 'other'])
def test_what_is_held_out_is_validated_on_and_never_trained_on(halves, tmp_path, way):
    """Of one wall all descriptors are alike, and known is the loss; no place is mistaken."""
    data = [f'data={halves / "own"}', f'validation={halves / "held"}']
    if way == 'region':
        data = [f'data={halves / "own"},{halves / "held"}',
                'places.held_out_regions=held_0+held_1+held_2+held_3']
    observer, _ = trained(tmp_path, _PLACES, *data, 'schedule.steps=3', 'optimiser.kind=sgd',
                          'optimiser.rate=1e-12', 'optimiser.weight_decay=0.0',
                          'augmentation.enabled=false')
    alike = F.normalize(torch.ones(8, 4))
    expected = float(multi_similarity(alike, torch.arange(8) // 2))
    assert [terms['multi_similarity'] for terms in observer.terms] == pytest.approx(
        [expected] * 3, rel=1e-4)
    assert observer.recalls == {0: 1.0, 3: 1.0}


def test_a_share_is_held_out_as_whole_places(places):
    experiment = prepared(_PLACES, f'data={places}', 'places.held_out=0.4')
    own, held = experiment.images, experiment.validation.images
    cameras = [{images.label(i).split('/')[0] for i in range(len(images))}
               for images in (own, held)]
    assert len(cameras[0]) == 6 and len(cameras[1]) == 4 and not cameras[0] & cameras[1]
    plan = experiment.objective.plan(0, random_descriptions)
    assert 0 <= plan.examples.min() and plan.examples.max() < len(own)
    others = prepared(_PLACES, f'data={places}', 'places.held_out=0.4', 'seed=3').validation.images
    assert {others.label(i) for i in range(len(others))} != {
        held.label(i) for i in range(len(held))}


def test_shares_of_cameras_and_a_street(places, street, halves):
    """Held out are cameras alone; each kind is drawn in its own way, and single images too."""
    settings = (f'data={places},{street},singles:{halves / "held"}?every=2',
                'places.held_out_regions=camera_1+camera_2', 'multi_similarity.places=6',
                'places.shares=3+1+2', 'places.positive=5.0')
    experiment = prepared(_PLACES, *settings)
    images = experiment.images
    plan = experiment.objective.plan(0, random_descriptions)
    assert (images.parts[plan.examples] == [0] * 6 + [1] * 2 + [2] * 4).all()
    assert np.isfinite(images.positions[plan.examples[:, 6:8]]).all()
    pairs = images.frames[plan.examples[:, 8:]].reshape(-1, 2, 2)
    assert (pairs[:, :, 0] == pairs[:, :, 1]).all()
    cameras = ''.join(f'+camera_{number}' for number in range(10))
    with pytest.raises(VprError, match=f'3 places of each step from {places}, but nothing of it'):
        prepared(_PLACES, *settings, f'places.held_out_regions={cameras}')
    for moves in (0.0, 0.25):
        with pytest.raises(VprError, match=r'8 images .*\(singles\).*held_out_regions'):
            prepared(_PLACES, *settings, 'places.held_out_regions=camera_1+camera_2+held',
                     'places.shares=', f'run.validation_moves={moves}')


def test_held_out_cameras_move_and_the_others_do_not(places):
    settings = (f'data={places}', 'places.held_out_regions=camera_1+camera_2',
                'run.validation_moves=0.25')
    experiment = prepared(_PLACES, *settings)
    assert (experiment.images.boxes == (0.0, 0.0, 1.0, 1.0)).all()
    held = experiment.validation.images
    assert (held.boxes[:, 2:] == 0.75).all() and len(np.unique(held.boxes[:, 0])) > 1


def test_neighbours_reach_the_plan(halves):
    """Windows of one image are drawn by twos."""
    settings = (f'data={halves / "own"}', f'validation={halves / "held"}', 'places.windows=2')
    together = []
    for neighbours in (1, 2):
        experiment = prepared(_PLACES, *settings, f'multi_similarity.neighbours={neighbours}')
        plan = experiment.objective.plan(0, random_descriptions)
        regions = experiment.images.regions[plan.examples[:, ::2]]
        together.append((regions[:, ::2] == regions[:, 1::2]).mean())
    assert together[1] == 1.0 > together[0]


@pytest.mark.parametrize('weight', [1.0, 3.0])
def test_a_teacher_tells_of_the_images_of_a_step(places, tmp_path, weight):
    experiment = prepared(_PLACES, f'data={places}', 'teacher.network=thumbnail',
                          f'teacher.cache={tmp_path}', f'teacher.weight={weight}')
    teacher = create_network('thumbnail')
    plan = experiment.objective.plan(1, random_descriptions)
    targets = {name: torch.from_numpy(values[4]) for name, values in plan.targets.items()}
    seen = np.stack([prepare(experiment.images.read(example)[0], teacher.preprocessing)
                     for example in plan.examples[4]])
    with torch.no_grad():
        taught = teacher(torch.from_numpy(seen).permute(0, 3, 1, 2) / 255.0).descriptors
    descriptors = F.normalize(torch.randn(8, 5, generator=torch.Generator().manual_seed(0)))
    term = experiment.objective.loss({'descriptors': descriptors}, targets)['teacher']
    expected = weight * float(relational_distillation(descriptors, taught))
    assert float(term) == pytest.approx(expected, rel=1e-3)  # the cache is in half precision


def test_a_target_has_no_labels_and_is_shown_as_it_is(street, avenue, tmp_path):
    """Even where it has poses, near to those of what is trained on."""
    settings = (f'data={street}', f'validation={street}', f'target={avenue}', 'schedule.steps=1',
                'adaptation.images=5', 'places.positive=5.0', 'ranking.positives=2',
                'augmentation.light=1.0', 'augmentation.night=0.5', 'seed=4')
    experiment = prepared(_TUPLES, *settings)
    assert (experiment.own, len(experiment.images)) == (72, 144)
    assert np.isnan(experiment.images.positions[72:]).all()
    assert not np.isnan(experiment.images.positions[:72]).any()
    read = experiment.prepared(experiment.images)

    def outputs(keys):
        with torch.no_grad():
            return experiment.module(torch.stack([read[key] for key in keys]) / 255.0)

    plan = experiment.objective.plan(
        0, lambda rows: outputs([(row, ()) for row in rows])['descriptors'].numpy())
    step = plan.examples[0]
    assert (step[:-5] < 72).all() and (step[-5:] >= 72).all()
    keys = step_keys(step, seed=4, step=0)
    shown = outputs([*keys[:-5], *((number, ()) for number, _ in keys[-5:])])
    expected = experiment.objective.loss(shown, {})
    changed = experiment.objective.loss(outputs(keys), {})
    assert float(expected['adaptation']) != pytest.approx(float(changed['adaptation']), rel=1e-3)
    observer, _ = trained(tmp_path, _TUPLES, *settings)
    assert observer.terms == [{name: pytest.approx(float(term), rel=1e-3)
                               for name, term in expected.items()}]


# How parameters move


@pytest.mark.parametrize('settings', [('freeze.stages=0-2',), ('freeze.stages=1-0',),
                                      ('freeze.stages=0-2', 'freeze.steps=5')])
def test_stages_of_the_trunk_are_frozen(street, settings):
    experiment = prepared(
        ('semantic_mask', 'options={input: learned_mask, trunk: resnet18, weights: random, '
         'height: 32, width: 32}', 'graded.pairs=3', 'freeze.parameters=trunk.body.layer4.0.*'),
        f'data={street}', *settings)
    network = experiment.network
    parts = trainable_parts(network, settings[0].partition('=')[2])
    chosen = {id(parameter) for part in parts.values() for parameter in part}
    learning = {name for name, parameter in network.named_parameters()
                if id(parameter) in chosen and not name.startswith('trunk.body.layer4.0.')}
    found = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert learning and learning == found - experiment.held
    assert bool(experiment.held) == (len(settings) == 2)


def test_epochs_are_passes_over_the_places(places):
    """Six places, three in a batch."""
    experiment = prepared(_PLACES, f'data={places}', 'multi_similarity.places=3',
                          'schedule.steps=0', 'schedule.epochs=7.5')
    assert experiment.objective.steps_per_epoch == 2 and experiment.steps == 15


def test_rates_fall_after_so_many_epochs_and_are_logged(places, tmp_path):
    settings = ('multi_similarity.places=3', 'schedule.kind=step', 'schedule.every_epochs=1.5',
                'schedule.every=1', 'schedule.gamma=0.5', 'schedule.steps=7', 'run.log_every=1')
    experiment = prepared(_PLACES, f'data={places}', *settings)
    factors = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]
    assert [experiment.rate_factor(step) for step in range(7)] == factors
    trained(tmp_path, _PLACES, f'data={places}', *settings, 'optimiser.rate=0.02')
    rates = logged(tmp_path, 'rate')
    assert rates == {step + 1: pytest.approx(0.02 * f) for step, f in enumerate(factors)}


def test_steps_are_as_long_as_the_rate_of_their_time(places, tmp_path):
    """By plain gradient descent of gradients that are cut to one length."""
    settings = (f'data={places}', 'optimiser.kind=sgd', 'optimiser.rate=1.0', 'schedule.every=2',
                'optimiser.clip=0.02', 'optimiser.weight_decay=0.0', 'schedule.kind=step',
                'schedule.gamma=0.25')
    before = prepared(_PLACES, *settings).network.state_dict()
    for steps, factor in ((1, 1.0), (2, 1.0), (3, 0.25)):
        _, after = trained(tmp_path / str(steps), _PLACES, *settings, f'schedule.steps={steps}')
        moved = torch.cat([(after[name].double() - before[name].double()).flatten()
                           for name in after])
        assert float(moved.norm()) == pytest.approx(0.02 * factor, rel=0.02)
        before = after


def test_the_log_has_the_mean_since_its_last_line(places, tmp_path):
    observer, _ = trained(tmp_path, _PLACES, f'data={places}', 'schedule.steps=7',
                          'run.log_every=3')
    losses = [terms['multi_similarity'] for terms in observer.terms]
    assert len(set(losses)) == 7
    assert logged(tmp_path, 'loss/multi_similarity') == {
        3: pytest.approx(np.mean(losses[:3])), 6: pytest.approx(np.mean(losses[3:6])),
        7: pytest.approx(losses[6])}
    assert logged(tmp_path, 'held_out/recall_at_1') == pytest.approx(observer.recalls)
    assert all(rate > 0.0 for rate in logged(tmp_path, 'steps_per_s').values())


class Spare(PlaceNetwork):
    """Dropout, and a layer that no descriptor depends on."""

    def __init__(self):
        super().__init__(name='spare', dimension=32,
                         preprocessing=Preprocessing(height=32, width=32))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.used, self.unused = nn.Conv2d(3, 32, 5, stride=4), nn.Conv2d(3, 3, 1)
        self.dropout = nn.Dropout(0.5)

    def describe(self, images):
        """Describe images as any network does."""
        return NetworkOutput(F.normalize(self.dropout(self.used(images)).mean(dim=(2, 3))))


@pytest.fixture
def spare(monkeypatch):
    """Return the beginning of a recipe for a network of one's own."""
    module = ModuleType('networks_to_spare')
    module.spare = lambda: Spare()
    monkeypatch.setitem(sys.modules, 'networks_to_spare', module)
    monkeypatch.setitem(registry._NETWORKS, 'spare',
                        registry.NetworkEntry('networks_to_spare:spare'))
    return ('multi_similarity', 'network=spare', 'multi_similarity.places=4',
            'multi_similarity.images=2', 'schedule.warm_up=0')


def test_what_no_descriptor_depends_on_is_frozen(places, tmp_path, spare):
    """Else processes wait for its gradient for ever; and decay does not shrink it."""
    settings = recipe(spare, f'data={places}', 'optimiser.kind=adamw', 'optimiser.rate=0.1',
                      'optimiser.weight_decay=0.5', 'schedule.steps=2', 'places.held_out=0.4')
    experiment = prepare_experiment(settings)
    before = {name: tensor.clone() for name, tensor in experiment.network.state_dict().items()}
    train(launch(settings.run), experiment, tmp_path, Listening())
    for name, parameter in experiment.network.named_parameters():
        used = name.startswith('used.')
        assert parameter.requires_grad == used
        assert torch.equal(parameter, before[name]) != used


def test_chance_is_a_function_of_the_seed_and_the_step_alone(halves, tmp_path, spare):
    """Of one wall nothing differs but what dropout leaves of it."""
    settings = (f'data={halves / "own"}', f'validation={halves / "held"}', 'schedule.steps=3',
                'optimiser.kind=sgd', 'optimiser.rate=1e-12', 'augmentation.enabled=false')

    def losses(name, *more, **how):
        observer, _ = trained(tmp_path / name, spare, *settings, *more, **how)
        return [terms['multi_similarity'] for terms in observer.terms]

    quiet = losses('quiet')
    torch.rand(5)
    assert losses('loud', drawing=True) == quiet
    assert len(set(quiet)) == 3
    assert not set(losses('other', 'seed=1')) & set(quiet)
    torch.manual_seed(0)  # as if nothing had come before
    assert losses('again') == quiet


def test_chance_in_the_loss_is_the_same_however_a_batch_is_divided(places, tmp_path):
    """Which negatives of a triplet are drawn."""
    base = ('saane', *_GEM, 'triplet.places=5', 'triplet.images=2', 'places.held_out=0.4',
            'freeze.parameters=')
    settings = (f'data={places}', 'schedule.steps=3', 'optimiser.rate=1e-12')
    whole, parts = (
        [terms['triplet'] for terms in trained(
            tmp_path / str(chunk), base, *settings, f'run.chunk={chunk}',
            drawing=bool(chunk))[0].terms] for chunk in (0, 4))
    assert parts == pytest.approx(whole, rel=1e-4) and len(set(whole)) == 3


def test_discriminants_replace_nothing_that_was_trained(places):
    """Without a trunk to train upon, training goes on with the embedded network."""
    for options, expected in (('{height: 32, width: 32}', 0),
                              ('{weights: random, height: 32, width: 32}', 600)):
        experiment = prepared(('compact', f'options={options}', 'places.held_out=0.4'),
                              f'data={places}', 'discriminants=600', 'contrastive.places=4')
        assert experiment.discriminants == expected


def test_clusters_start_from_what_the_network_sees(street, tmp_path):
    base = ('attention_vlad', 'options={trunk: resnet18, layer: layer1, weights: random, clusters:'
            ' 4, height: 32, width: 32}', 'freeze.parameters=', 'ranking.positives=2',
            'ranking.negatives=3', 'ranking.refresh=6', 'places.positive=5.0',
            'places.negative=15.0', 'places.held_out=0.3', f'data={street}', 'schedule.steps=1',
            'optimiser.kind=sgd', 'optimiser.rate=1e-12')
    network = prepared(base, 'clusters=0').network
    name = next(n for n, _ in network.named_parameters() if n.endswith('centroids'))
    start = network.state_dict()
    found = {}
    for clusters in (0, 300):
        _, found[clusters] = trained(tmp_path / str(clusters), base, f'clusters={clusters}')
    torch.testing.assert_close(found[0][name], start[name], rtol=0.0, atol=1e-6)
    assert float((found[300][name] - start[name]).norm(dim=1).min()) > 0.1
    # A centroid of features is near some of them; a random one is not.
    experiment = prepared(base, 'clusters=0')
    seen = []
    vlad = network.get_submodule(name.rpartition('.')[0])
    vlad.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    read = experiment.prepared(experiment.images)
    with torch.no_grad():
        network(torch.stack([read[(i, ())] for i in range(0, len(experiment.images), 3)]) / 255.0)
    features = F.normalize(seen[0].flatten(0, 1))
    nearest = {clusters: float(torch.cdist(F.normalize(tensors[name]), features).amin(dim=1).max())
               for clusters, tensors in found.items()}
    assert nearest[300] < 0.5 * nearest[0]
