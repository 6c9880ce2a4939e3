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

"""Optimisers that stop and go on, and the rates they move with."""

import json
import math
import warnings

import pytest
from safetensors.torch import load_file
from safetensors.torch import save_file
import torch
from torch import nn
from torch.optim import lr_scheduler
from vpr_ros.errors import VprError
from vpr_ros.training.optimisation import learning_rate_factor
from vpr_ros.training.optimisation import load_optimiser_state
from vpr_ros.training.optimisation import make_optimiser
from vpr_ros.training.optimisation import optimiser_state
from vpr_ros.training.optimisation import set_learning_rates

KINDS = {
    'sgd': {'kind': 'sgd', 'rate': 0.1, 'momentum': 0.9, 'weight_decay': 1e-3},
    'plain sgd': {'kind': 'sgd', 'rate': 0.1},
    'adam': {'kind': 'adam', 'rate': 1e-2, 'weight_decay': 1e-3},
    'adamw': {'kind': 'adamw', 'rate': 1e-2, 'weight_decay': 1e-2}}


def network():
    """Return three layers, of which the first is the trunk and the last one idle."""
    torch.manual_seed(0)
    return nn.ModuleDict({'trunk': nn.Conv2d(3, 4, 3), 'head': nn.Linear(4, 2),
                          'idle': nn.Linear(2, 2)})


def made(module, **options):
    return make_optimiser(parameters=module.named_parameters(), slow='trunk.*', slow_rate=1e-3,
                          **options)


def train(module, optimiser, first, last):
    for step in range(first, last):
        x = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(step))
        set_learning_rates(optimiser, learning_rate_factor(
            step, schedule='cosine', steps=10, warm_up=3))
        optimiser.zero_grad()
        module['head'](module['trunk'](x).mean(dim=(2, 3))).square().sum().backward()
        optimiser.step()


def alike(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype
        for name in one)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('pause', [0, 1, 4])
def test_a_resumed_training_is_an_unbroken_one(kind, pause, tmp_path):
    whole = network()
    optimiser = made(whole, **KINDS[kind])
    train(whole, optimiser, 0, 7)

    broken = network()
    stopped = made(broken, **KINDS[kind])
    train(broken, stopped, 0, pause)
    tensors, numbers = optimiser_state(stopped, broken.named_parameters())
    save_file(tensors, tmp_path / 'state.safetensors')
    text = json.dumps(numbers)
    saved = {name: tensor.clone() for name, tensor in broken.state_dict().items()}

    resumed = network()
    resumed.load_state_dict(saved)
    other = made(resumed, **KINDS[kind])
    load_optimiser_state(other, resumed.named_parameters(),
                         load_file(tmp_path / 'state.safetensors'), json.loads(text))
    again = optimiser_state(other, resumed.named_parameters())
    assert alike(again[0], tensors) and again[1] == numbers
    train(resumed, other, pause, 7)
    assert alike(resumed.state_dict(), whole.state_dict())
    assert alike(optimiser_state(other, resumed.named_parameters())[0],
                 optimiser_state(optimiser, whole.named_parameters())[0])


@pytest.mark.parametrize('kind', ['sgd', 'adam', 'adamw'])
def test_without_its_state_a_training_goes_on_differently(kind):
    whole, broken = network(), network()
    train(whole, made(whole, **KINDS[kind]), 0, 7)
    train(broken, made(broken, **KINDS[kind]), 0, 4)
    train(broken, made(broken, **KINDS[kind]), 4, 7)
    assert not torch.equal(broken['head'].weight, whole['head'].weight)


def test_state_is_named_after_parameters():
    module = network()
    optimiser = made(module, **KINDS['adam'])
    tensors, numbers = optimiser_state(optimiser, module.named_parameters())
    assert tensors == {}
    assert numbers == {
        'group.0/lr': 1e-2, 'group.0/initial_lr': 1e-2, 'group.0/weight_decay': 1e-3,
        'group.1/lr': 1e-3, 'group.1/initial_lr': 1e-3, 'group.1/weight_decay': 1e-3}
    train(module, optimiser, 0, 1)
    tensors, numbers = optimiser_state(optimiser, module.named_parameters())
    assert list(tensors) == [f'{layer}.{name}/{key}' for layer in ('head', 'trunk')
                             for name in ('bias', 'weight')
                             for key in ('exp_avg', 'exp_avg_sq', 'step')]
    assert numbers['group.0/lr'] == pytest.approx(1e-2 / 3)
    assert tensors['trunk.weight/exp_avg'].shape == (4, 3, 3, 3)
    momentum = made(module, **KINDS['sgd'])
    train(module, momentum, 0, 1)
    tensors, numbers = optimiser_state(momentum, module.named_parameters())
    assert list(tensors)[0] == 'head.bias/momentum_buffer'
    assert numbers['group.1/momentum'] == 0.9


def test_tensors_of_any_layout_can_be_written(tmp_path):
    module = network().to(memory_format=torch.channels_last)
    optimiser = made(module, **KINDS['adam'])
    train(module, optimiser, 0, 1)
    tensors, _ = optimiser_state(optimiser, module.named_parameters())
    save_file(tensors, tmp_path / 'state.safetensors')
    assert alike(load_file(tmp_path / 'state.safetensors'), tensors)


def test_what_was_loaded_is_the_optimisers_own():
    module = network()
    optimiser = made(module, **KINDS['sgd'])
    train(module, optimiser, 0, 1)
    tensors, numbers = optimiser_state(optimiser, module.named_parameters())
    kept = {name: tensor.clone() for name, tensor in tensors.items()}
    other = network()
    resumed = made(other, **KINDS['sgd'])
    load_optimiser_state(resumed, other.named_parameters(), kept, numbers)
    train(other, resumed, 1, 2)
    assert alike(kept, tensors)


def test_order_of_parameters_does_not_matter():
    module = network()
    named = list(module.named_parameters())
    one, other = (make_optimiser('adam', order, rate=1.0, slow='trunk.*', slow_rate=0.1)
                  for order in (named, named[::-1]))
    for group, same, names in zip(
            one.param_groups, other.param_groups,
            (['head.bias', 'head.weight', 'idle.bias', 'idle.weight'],
             ['trunk.bias', 'trunk.weight']), strict=True):
        assert [id(p) for p in group['params']] == [id(p) for p in same['params']]
        assert [id(p) for p in group['params']] == [id(dict(named)[name]) for name in names]


@pytest.mark.parametrize('kind', KINDS)
def test_optimisers_are_those_of_torch(kind):
    ours, theirs = network(), network()
    options = dict(KINDS[kind])
    rate = options.pop('rate')
    factory = {'sgd': torch.optim.SGD, 'adam': torch.optim.Adam,
               'adamw': torch.optim.AdamW}[options.pop('kind')]
    groups = [{'params': list(theirs['trunk'].parameters()), 'lr': 1e-3, 'initial_lr': 1e-3},
              {'params': [*theirs['head'].parameters(), *theirs['idle'].parameters()],
               'initial_lr': rate}]
    reference = factory(groups, lr=rate, **{'weight_decay': 0.0, **options})
    train(ours, made(ours, **KINDS[kind]), 0, 4)
    train(theirs, reference, 0, 4)
    assert alike(ours.state_dict(), theirs.state_dict())
    assert not torch.equal(ours['head'].weight, network()['head'].weight)
    assert torch.equal(ours['idle'].weight, network()['idle'].weight)  # it had no gradient


def test_rates_of_slow_parameters():
    module = network()
    optimiser = make_optimiser('sgd', module.named_parameters(), rate=0.5, slow='trunk.*')
    assert [group['lr'] for group in optimiser.param_groups] == [0.5, 0.5]
    optimiser = make_optimiser('sgd', module.named_parameters(), rate=0.5)
    assert [len(group['params']) for group in optimiser.param_groups] == [6]
    optimiser = make_optimiser('sgd', module.named_parameters(), rate=0.5, slow='*',
                               slow_rate=0.25)
    assert [group['lr'] for group in optimiser.param_groups] == [0.25]
    optimiser = made(module, **KINDS['adam'])
    for factor in (0.5, 0.1):
        set_learning_rates(optimiser, factor)
        assert [group['lr'] for group in optimiser.param_groups] == [1e-2 * factor, 1e-3 * factor]


def test_frozen_parameters_wait():
    module = network()
    module['head'].requires_grad_(False)
    start = network()
    optimiser = made(module, **KINDS['adam'])
    train(module, optimiser, 0, 2)
    assert torch.equal(module['head'].weight, start['head'].weight)
    assert not torch.equal(module['trunk'].weight, start['trunk'].weight)
    module['head'].requires_grad_(True)
    train(module, optimiser, 2, 3)
    assert not torch.equal(module['head'].weight, start['head'].weight)


@pytest.mark.parametrize(('options', 'text'), [
    ({'kind': 'adamm'}, "unknown optimiser 'adamm'; did you mean 'adam'"),
    ({'kind': 'adam', 'momentum': 0.9}, "momentum 0.9 belongs to optimiser 'sgd', got 'adam'"),
    ({'kind': 'sgd', 'slow': 'body.*'}, r"unknown pattern of parameters 'body\.\*'")])
def test_optimisers_that_cannot_be(options, text):
    with pytest.raises(VprError, match=text):
        make_optimiser(parameters=network().named_parameters(), rate=0.1, **options)


def damaged(**changes):
    """Return the state of Adam after a step, with some of it replaced, or left out if None."""
    module = network()
    optimiser = made(module, **KINDS['adam'])
    train(module, optimiser, 0, 1)
    tensors, numbers = optimiser_state(optimiser, module.named_parameters())
    tensors.update(changes)
    return {name: t for name, t in tensors.items() if t is not None}, numbers


@pytest.mark.parametrize(('changes', 'text'), [
    ({'hed.bias/step': torch.tensor(1.0)},
     "unknown parameter in the state of the optimiser 'hed.bias'; did you mean 'head.bias'"),
    ({'head.bias/exp_avg': torch.zeros(3)},
     r'head\.bias/exp_avg of the optimiser has shape \(3,\), expected \(2,\)'),
    ({'head.bias/step': torch.zeros(2)}, r'head\.bias/step .* expected \(\)'),
    ({'head.bias/exp_avg': None}, r'the state of head\.bias in the optimiser is exp_avg_sq, '
                                  'step, expected exp_avg, exp_avg_sq, step'),
    ({'head.bias/momentum_buffer': torch.zeros(2)}, 'momentum_buffer, step, expected')])
def test_states_that_do_not_fit(changes, text):
    module = network()
    optimiser = made(module, **KINDS['adam'])
    with pytest.raises(VprError, match=text):
        load_optimiser_state(optimiser, module.named_parameters(), *damaged(**changes))


def test_states_of_other_optimisers():
    module = network()
    tensors, numbers = damaged()
    with pytest.raises(VprError, match='its groups have group.0/initial_lr, .*, expected .*'
                                       'momentum'):
        load_optimiser_state(made(module, **KINDS['sgd']), module.named_parameters(), tensors,
                             numbers)
    with pytest.raises(VprError, match='another optimiser'):
        load_optimiser_state(make_optimiser('adam', module.named_parameters(), rate=0.1),
                             module.named_parameters(), tensors, numbers)


def factors_of_torch(count, warm_up, schedule):
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # SequentialLR calls what torch has deprecated
        scheduler = schedule(optimiser, count - warm_up)
        if warm_up:
            first = lr_scheduler.LinearLR(optimiser, start_factor=1.0 / warm_up,
                                          total_iters=max(warm_up - 1, 1))
            scheduler = lr_scheduler.SequentialLR(optimiser, [first, scheduler], [warm_up])
        factors = []
        for _ in range(count):
            factors.append(optimiser.param_groups[0]['lr'])
            optimiser.step()
            scheduler.step()
    return factors


SCHEDULES = {
    'constant': lambda o, steps: lr_scheduler.ConstantLR(o, factor=1.0),
    'step': lambda o, steps: lr_scheduler.StepLR(o, 7, gamma=0.3),
    'cosine': lambda o, steps: lr_scheduler.CosineAnnealingLR(o, steps),
    'linear': lambda o, steps: lr_scheduler.LinearLR(o, start_factor=1.0, end_factor=0.0,
                                                     total_iters=steps)}


@pytest.mark.parametrize('warm_up', [0, 1, 5])
@pytest.mark.parametrize('schedule', SCHEDULES)
def test_factors_are_those_of_torch(schedule, warm_up):
    got = [learning_rate_factor(step, schedule=schedule, steps=30, every=7, gamma=0.3,
                                warm_up=warm_up) for step in range(30)]
    assert got == pytest.approx(factors_of_torch(30, warm_up, SCHEDULES[schedule]), rel=1e-6)
    assert all(factor > 0.0 for factor in got)


def test_schedules_of_the_papers():
    chen = [learning_rate_factor(step, schedule='step', every=30_000, gamma=0.1)
            for step in (0, 29_999, 30_000, 59_999, 60_000, 79_999)]
    assert chen == pytest.approx([1.0, 1.0, 0.1, 0.1, 0.01, 0.01])
    gcl = [learning_rate_factor(step, schedule='step', every=25, gamma=0.1)
           for step in (24, 25, 49, 50)]
    assert gcl == pytest.approx([1.0, 0.1, 0.1, 0.01])
    assert learning_rate_factor(5, schedule='cosine', steps=10) == pytest.approx(
        0.5 + 0.5 * math.cos(math.pi / 2))
    for schedule in ('cosine', 'linear'):
        assert [learning_rate_factor(s, schedule=schedule, steps=10) for s in (10, 99)] == [0, 0]


@pytest.mark.parametrize(('options', 'text'), [
    ({'schedule': 'cosin'}, "unknown schedule 'cosin'; did you mean 'cosine'"),
    ({'schedule': 'step'}, 'every 1 steps or more, got 0'),
    ({'schedule': 'linear', 'steps': 5, 'warm_up': 5}, 'warm-up of 5 steps, got 5 steps')])
@pytest.mark.parametrize('step', [0, 5])
def test_schedules_that_cannot_be(options, text, step):
    with pytest.raises(VprError, match=text):
        learning_rate_factor(step, **options)
