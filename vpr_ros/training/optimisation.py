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
Optimisers, their state by the names of parameters, and how learning rates change.

Weight decay applies to all parameters alike, as in the papers. A checkpoint holds tensors and
numbers, never a pickle; rates are a function of the step alone, so a resumed training has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
import math

from torch import nn
from torch import Tensor
from torch.optim import Adam
from torch.optim import AdamW
from torch.optim import Optimizer
from torch.optim import SGD
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.training.freezing import matching

__all__ = ['learning_rate_factor', 'load_optimiser_state', 'make_optimiser', 'optimiser_state',
           'set_learning_rates']

_KINDS = ('sgd', 'adam', 'adamw')
_SCHEDULES = ('constant', 'step', 'cosine', 'linear')
# Numbers of a group of parameters that a recipe or the step decides.
_OF_GROUP = ('lr', 'initial_lr', 'momentum', 'weight_decay')


def make_optimiser(kind: str, parameters: Iterable[tuple[str, nn.Parameter]], *, rate: float,
                   slow: str = '', slow_rate: float = 0.0, momentum: float = 0.0,
                   weight_decay: float = 0.0) -> Optimizer:
    """
    Make an optimiser of named parameters; those that are frozen wait until they learn.

    :param kind: 'sgd', 'adam' or 'adamw'.
    :param parameters: their order does not matter, since they are sorted by name.
    :param slow: patterns of the names with a rate of their own, see
        :func:`vpr_ros.training.freezing.matching`.
    :param slow_rate: that rate; 0 for the same.
    :param momentum: of 'sgd' alone.
    """
    if kind not in _KINDS:
        raise unknown_name('optimiser', kind, _KINDS)
    if momentum and kind != 'sgd':
        raise VprError(f"momentum {momentum} belongs to optimiser 'sgd', got {kind!r}, which has "
                       'its own: leave momentum out')
    named = sorted(dict(parameters).items())
    slow_names = matching((name for name, _ in named), slow)
    groups = [{'params': [p for name, p in named if (name in slow_names) == is_slow],
               'lr': lr, 'initial_lr': lr}
              for is_slow, lr in ((False, rate), (True, slow_rate or rate))]
    groups = [group for group in groups if group['params']]
    if kind == 'sgd':
        return SGD(groups, lr=rate, momentum=momentum, weight_decay=weight_decay)
    return (Adam if kind == 'adam' else AdamW)(groups, lr=rate, weight_decay=weight_decay)


def set_learning_rates(optimiser: Optimizer, factor: float) -> None:
    """Give each parameter its own first rate times a factor."""
    for group in optimiser.param_groups:
        group['lr'] = group['initial_lr'] * factor


def optimiser_state(optimiser: Optimizer, parameters: Iterable[tuple[str, nn.Parameter]],
                    ) -> tuple[dict[str, Tensor], dict[str, float]]:
    """
    Return what an optimiser remembers, for :func:`load_optimiser_state`.

    :param parameters: all that the optimiser was made with.
    :returns: tensors like ``trunk.body.conv1.weight/exp_avg``, which the optimiser goes on to
        change in place, and numbers like ``group.0/lr``.
    """
    names = {id(parameter): name for name, parameter in parameters}
    tensors = {f'{names[id(parameter)]}/{key}': value.detach().contiguous()
               for parameter, state in optimiser.state.items() for key, value in state.items()
               if value is not None}
    numbers = {f'group.{i}/{key}': group[key] for i, group in enumerate(optimiser.param_groups)
               for key in _OF_GROUP if key in group}
    return dict(sorted(tensors.items())), numbers


def load_optimiser_state(optimiser: Optimizer, parameters: Iterable[tuple[str, nn.Parameter]],
                         tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
    """
    Let an optimiser go on where another stopped, exactly.

    :param parameters: all that this optimiser was made with, under the same names.
    :param tensors: and ``numbers``: from :func:`optimiser_state`.
    """
    named = dict(parameters)
    groups = optimiser.state_dict()['param_groups']
    own = {f'group.{i}/{key}' for i, group in enumerate(groups) for key in _OF_GROUP
           if key in group}
    if own != set(numbers):
        raise VprError('the state is that of another optimiser: its groups have '
                       f'{", ".join(sorted(numbers)) or "no numbers"}, expected '
                       f'{", ".join(sorted(own))}; resume with the recipe it was made by')
    for name, value in numbers.items():
        group, _, key = name.removeprefix('group.').partition('/')
        groups[int(group)][key] = value
    together = [parameter for group in optimiser.param_groups for parameter in group['params']]
    places = {id(parameter): place for place, parameter in enumerate(together)}
    state = {places[id(named[name])]: values
             for name, values in _by_parameter(optimiser, named, tensors).items()}
    optimiser.load_state_dict({'state': state, 'param_groups': groups})


def _by_parameter(optimiser: Optimizer, named: Mapping[str, nn.Parameter],
                  tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return the state of each parameter, and refuse what is none of this optimiser."""
    expected = ({'momentum_buffer'} if isinstance(optimiser, SGD)
                else {'step', 'exp_avg', 'exp_avg_sq'})
    found: dict[str, dict[str, Tensor]] = {}
    for full, tensor in tensors.items():
        name, _, key = full.rpartition('/')
        if name not in named:
            raise unknown_name('parameter in the state of the optimiser', name, named)
        shape = () if key == 'step' else tuple(named[name].shape)
        if tuple(tensor.shape) != shape:
            raise VprError(f'the state {full} of the optimiser has shape {tuple(tensor.shape)}, '
                           f'expected {shape}: resume with the recipe it was made by')
        found.setdefault(name, {})[key] = tensor.clone()
    for name, state in found.items():
        if set(state) != expected:
            raise VprError(f'the state of {name} in the optimiser is {", ".join(sorted(state))}, '
                           f'expected {", ".join(sorted(expected))}: resume with the recipe it '
                           'was made by')
    return found


def learning_rate_factor(step: int, *, schedule: str, steps: int = 0, every: int = 0,
                         gamma: float = 0.1, warm_up: int = 0) -> float:
    """
    Return what learning rates are multiplied by at a step.

    :param step: from 0.
    :param schedule: 'constant'; 'step', times ``gamma`` after ``every`` so many steps; 'cosine'
        or 'linear', to 0 at ``steps``. It begins after the warm-up.
    :param steps: of the whole training, for 'cosine' and 'linear'.
    :param warm_up: steps in which rates rise in a line, the first of them above 0.
    """
    if schedule not in _SCHEDULES:
        raise unknown_name('schedule', schedule, _SCHEDULES)
    # Told at the first step: a training that ends in its warm-up would never come to it.
    if schedule in ('cosine', 'linear') and steps <= warm_up:
        raise VprError(f'the {schedule} schedule ends after its warm-up of {warm_up} steps, got '
                       f'{steps} steps: train for more, or warm up for fewer')
    if step < warm_up:
        return (step + 1) / warm_up
    if schedule == 'constant':
        return 1.0
    if schedule == 'step':
        if every < 1:
            raise VprError(f'the step schedule drops every 1 steps or more, got {every}')
        return float(gamma ** ((step - warm_up) // every))
    done = min((step - warm_up) / (steps - warm_up), 1.0)
    return 0.5 * (1.0 + math.cos(math.pi * done)) if schedule == 'cosine' else 1.0 - done
