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

"""Networks by name; importing this module imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
import importlib
import inspect
from typing import TYPE_CHECKING

from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.networks.base import PlaceNetwork

__all__ = ['create_network', 'network_names', 'register_network']

# name -> 'module:function'; the function's keyword arguments are the network's options.
_NETWORKS = {
    'compact': 'vpr_ros.networks.compact:compact',
    'gem': 'vpr_ros.networks.gem:gem',
    'thumbnail': 'vpr_ros.networks.thumbnail:thumbnail',
}


def network_names() -> list[str]:
    """Return the names that :func:`create_network` knows."""
    return sorted(_NETWORKS)


def register_network(name: str, factory: str) -> None:
    """
    Add a network of your own.

    :param factory: ``module:function``; the function takes keyword options and returns a
        :class:`vpr_ros.networks.base.PlaceNetwork`.
    """
    module, colon, function = factory.partition(':')
    if not (module and colon and function):
        raise VprError(f"a network's factory is given as module:function, got {factory!r}")
    if name in _NETWORKS and _NETWORKS[name] != factory:
        raise VprError(f'a network named {name!r} is registered already ({_NETWORKS[name]})')
    _NETWORKS[name] = factory


def create_network(name: str, options: Mapping[str, object] | None = None) -> PlaceNetwork:
    """Make a network in evaluation mode; unknown names and options are refused by name."""
    if name not in _NETWORKS:
        raise unknown_name('network', name, _NETWORKS)
    module, function = _NETWORKS[name].split(':')
    try:
        factory = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise VprError(f'network {name!r} cannot be made: {_NETWORKS[name]} is not there '
                       f'({error})') from error
    known = inspect.signature(factory).parameters
    for option in options or {}:
        if option not in known:
            raise unknown_name(f'option of network {name!r}', option, known)
    try:
        network: PlaceNetwork = factory(**(options or {}))
    except (TypeError, ValueError) as error:
        raise VprError(f'network {name!r} does not take the options {dict(options or {})}: '
                       f'{error}') from error
    return network.eval().requires_grad_(False)
