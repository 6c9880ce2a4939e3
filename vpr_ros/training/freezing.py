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
What of a network learns, and how it computes while it does.

Patterns name parameters as a shell names files, ``trunk.* scene.*``, separated by spaces or
commas; ``*`` stands for dots as well. The papers' own, in the names of our parameters:

- Chen 2018: nothing is frozen.
- Seymour 2019: ``trunk.* scene.*``, with PSPNet's last convolution, which nothing uses here.
- Holder 2023: :func:`frozen_for` of a schedule such as '0-2'.
- Wang 2019: ``trunk.body.features.[036].*``, AlexNet's layers before conv4.
- Zhao 2023: ``tokeniser.* *.positions *.norm.*``; only last norms are called ``norm``.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
import re

from torch import nn
from torch import Tensor
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.networks.semantic_mask import SemanticActivations
from vpr_ros.networks.semantic_mask import SemanticMask
from vpr_ros.networks.semantic_mask import trainable_parts

__all__ = ['evaluating', 'freeze', 'freeze_unused', 'frozen_for', 'matching', 'set_training_mode']


def set_training_mode(network: nn.Module) -> None:
    """
    Let a network train, but no batch norm: statistics stay, and images of a batch do not meet.

    A batch norm goes on to scale by its trained weight and bias. Segmentations stay in evaluation
    mode by themselves; dropout and stochastic depth begin.
    """
    network.train()
    for part in network.modules():
        if hasattr(part, 'running_mean'):  # batch norms of any make, TorchScript's too
            part.eval()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and back into :func:`set_training_mode` if it was."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        if was_training:
            set_training_mode(network)


def matching(names: Iterable[str], patterns: str) -> set[str]:
    """Return the names that any of the patterns matches; a pattern without a name is an error."""
    known = list(names)
    matched: set[str] = set()
    for pattern in filter(None, re.split(r'[\s,]+', patterns)):
        found = {name for name in known if fnmatchcase(name, pattern)}
        if not found:
            firsts = {name.partition('.') for name in known}
            raise unknown_name('pattern of parameters', pattern,
                               {f'{first}.*' if dot else first for first, dot, _ in firsts})
        matched |= found
    return matched


def freeze(network: nn.Module, patterns: str) -> list[str]:
    """
    Freeze the parameters that patterns match, and let all others learn.

    What never learns stays frozen without being named: the segmentation of a mask.

    :returns: the names of the parameters that learn, in the order of the network.
    """
    parameters = dict(network.named_parameters())
    frozen = matching(parameters, patterns)
    fixed = {id(parameter) for part in network.modules() if isinstance(part, SemanticActivations)
             for parameter in part.parameters()}
    for name, parameter in parameters.items():
        parameter.requires_grad_(name not in frozen and id(parameter) not in fixed)
    learning = [name for name, parameter in parameters.items() if parameter.requires_grad]
    if not parameters:
        raise VprError(f'a {type(network).__name__} has no parameters: there is nothing to train')
    if not learning:
        raise VprError(f'nothing is left to train: {patterns!r} freezes all {len(parameters)} '
                       'parameters of the network; freeze less')
    return learning


def frozen_for(network: nn.Module, schedule: str) -> str:
    """
    Return the patterns, for :func:`freeze`, of a schedule of Holder et al. 2023.

    :param network: a ``semantic_mask``.
    :param schedule: as :func:`vpr_ros.networks.semantic_mask.trainable_parts` takes it.
    """
    if not isinstance(network, SemanticMask):
        raise VprError(f'schedules such as {schedule!r} are those of semantic_mask, got a '
                       f'{type(network).__name__}: name what is frozen by patterns')
    try:
        parts = trainable_parts(network, schedule)
    except ValueError as error:
        raise VprError(str(error)) from error
    learning = {id(parameter) for part in parts.values() for parameter in part}
    return ' '.join(name for name, parameter in network.named_parameters()
                    if id(parameter) not in learning)


def freeze_unused(module: nn.Module, outputs: Iterable[Tensor]) -> list[str]:
    """
    Freeze the parameters that outputs do not depend on: data-parallel training refuses them.

    :param outputs: what the loss will see, of one forward pass of ``module`` with gradients.
    :returns: the names of those that were not frozen before.
    """
    used = {id(parameter) for parameter in _leaves(outputs)}
    if not used:
        raise ValueError('outputs that depend on no parameter: compute them with gradients')
    unused = [name for name, parameter in module.named_parameters()
              if parameter.requires_grad and id(parameter) not in used]
    for name in unused:
        module.get_parameter(name).requires_grad_(False)
    return unused


def _leaves(outputs: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield what gradients of outputs arrive at, following the graph that computed them."""
    ahead = [output.grad_fn for output in outputs]
    seen = set()
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, 'variable'):  # where gradients are accumulated
            yield node.variable
        ahead += [before for before, _ in node.next_functions]
