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

"""Where the weights of a network come from: one file, or a public trunk and the rest untrained."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import logging
from pathlib import Path

from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

__all__ = ['load_network', 'load_whole', 'part_weights']

_LOGGER = logging.getLogger(__name__)


def part_weights(network: str, weights: str, **parts: str) -> dict[str, str]:
    """
    Return what each part of a network is made with before the network itself is loaded.

    :param weights: the option of that name: a file of the whole network, 'random', or empty.
    :param parts: option -> its value, for each part that has public weights of its own.
    :returns: the parts as given, or all 'random' where one file holds the whole network.
    """
    given = [option for option, value in parts.items() if value]
    if weights:
        if given:
            raise VprError(f'network {network!r} takes weights for all of it or {given[0]}, not '
                           'both: leave one out')
        return dict.fromkeys(parts, 'random')
    missing = [option for option, value in parts.items() if not value]
    if missing:
        wanted = ' and '.join(parts)
        raise VprError(f'network {network!r} needs weights: give the file of a trained network in '
                       f'weights, or {wanted} (missing: {", ".join(missing)}), where '
                       "'imagenet' lets torchvision download a trunk of its own, or "
                       "'random' for training and trials")
    return dict(parts)


def load_network(network: PlaceNetwork, weights: str,
                 convert: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] | None = None,
                 ) -> None:
    """
    Load a file into a whole network.

    :param weights: the file; 'random' or empty leaves the network as it was made.
    :param convert: what makes our names of tensors from those of public checkpoints; it leaves
        ours as they are.
    """
    if not weights:
        _LOGGER.warning('network %s: only the parts with public weights are trained; its own '
                        'parts are random until it is trained', network.name)
    elif weights != 'random':
        if weights == 'imagenet':
            raise VprError(f"network {network.name!r} has no weights 'imagenet' for all of it: "
                           "give 'imagenet' in trunk_weights, or a file in weights")
        tensors, _ = read_weights(Path(weights))
        converted = convert(tensors) if convert else tensors
        try:
            load_whole(network, converted, weights)
        except VprError as error:
            if set(converted) & set(network.state_dict()):
                raise
            raise VprError(f'{error}. It has no part of {network.name!r}: where it is the file of '
                           'a trunk alone, give it in trunk_weights') from error


def load_whole(network: PlaceNetwork, tensors: Mapping[str, Tensor], source: object) -> None:
    """
    Load the tensors of a whole network, as :func:`.weights.load_weights` does.

    A network that was trained from a trunk with folded batch norms has none, and neither has its
    file: the trunk is then made so too.
    """
    for name, part in network.named_modules():
        own = [n for n in tensors if n.startswith(f'{name}.')] if isinstance(part, Trunk) else []
        if own and not any(n.endswith('running_mean') for n in own):
            part.fold()
    load_weights(network, tensors, source)
