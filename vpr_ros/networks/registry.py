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

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
import importlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.networks.identity import SOURCE_OPTIONS
from vpr_ros.networks.options import factory_options
from vpr_ros.networks.options import NetworkOption

if TYPE_CHECKING:
    from vpr_ros.networks.base import PlaceNetwork

__all__ = [
    'create_network', 'network_entry', 'network_names', 'network_options', 'network_variants',
    'NetworkEntry', 'register_network',
]


@dataclass(frozen=True)
class NetworkEntry:
    """
    What is known of a network without making it.

    :param factory: ``module:function``; the function's keyword arguments are the options.
    :param paper: where it was published; empty for one of our own.
    """

    factory: str
    paper: str = ''


_NETWORKS = {
    'attention_vlad': NetworkEntry(
        'vpr_ros.networks.attention_vlad:attention_vlad', 'Wang et al. 2019'),
    'compact': NetworkEntry('vpr_ros.networks.compact:compact'),
    'context_attention': NetworkEntry(
        'vpr_ros.networks.context_attention:context_attention', 'Chen et al., RA-L 2018'),
    'gem': NetworkEntry('vpr_ros.networks.gem:gem', 'Radenovic et al., TPAMI 2018'),
    'hub': NetworkEntry('vpr_ros.networks.hub:hub'),
    'netvlad': NetworkEntry('vpr_ros.networks.netvlad:netvlad', 'Arandjelovic et al., CVPR 2016'),
    'places365': NetworkEntry('vpr_ros.networks.places365:places365', 'Zhou et al., TPAMI 2017'),
    'saane': NetworkEntry('vpr_ros.networks.saane:saane', 'Seymour et al., BMVC 2019'),
    'semantic_mask': NetworkEntry(
        'vpr_ros.networks.semantic_mask:semantic_mask', 'Holder et al. 2023'),
    'seqvlad': NetworkEntry('vpr_ros.networks.seqvlad:seqvlad', 'Mereu et al., RA-L 2022'),
    'spatiotemporal': NetworkEntry(
        'vpr_ros.networks.spatiotemporal:spatiotemporal', 'Zhao et al., RA-L 2023'),
    'thumbnail': NetworkEntry('vpr_ros.networks.thumbnail:thumbnail', 'Milford et al., ICRA 2012'),
}


def network_entry(name: str) -> NetworkEntry:
    """Return what is known of a network; an unknown name is a VprError."""
    if name not in _NETWORKS:
        raise unknown_name('network', name, _NETWORKS)
    return _NETWORKS[name]


def network_variants(name: str) -> dict[str, dict[str, object]]:
    """
    Return the variants, ablations and comparisons that a network offers.

    :returns: what the paper calls it -> the options that make it. A module names its own in
        ``VARIANTS``; a network without has one, of no options.
    """
    module, _ = _factory(name)
    known = getattr(module, 'VARIANTS', {'': {}})
    return {label: dict(options) for label, options in known.items()}


def network_options(name: str) -> dict[str, NetworkOption]:
    """Return the options that :func:`create_network` takes for a network, by name."""
    _, factory = _factory(name)
    return {**factory_options(factory), **factory_options(_every_network)}


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
    if name in _NETWORKS and _NETWORKS[name].factory != factory:
        raise VprError(
            f'a network named {name!r} is registered already ({_NETWORKS[name].factory})')
    _NETWORKS[name] = NetworkEntry(factory)


def create_network(name: str, options: Mapping[str, object] | None = None) -> PlaceNetwork:
    """
    Make a network in evaluation mode; unknown names and options are refused by name.

    :param options: keyword arguments of the network's factory, and ``projection``: a file that
        :mod:`vpr_ros.networks.projection` wrote for this very network.
    """
    given = dict(options or {})
    projection = given.pop('projection', '')
    _, factory = _factory(name)
    signature = inspect.signature(factory)
    for option in given:
        if option not in signature.parameters:
            raise unknown_name(f'option of network {name!r}', option,
                               [*signature.parameters, 'projection'])
    try:
        network: PlaceNetwork = factory(**given)
        network.options = _told_options(signature, given)
    except (TypeError, ValueError) as error:
        raise VprError(f'network {name!r} does not take the options {given}: {error}') from error
    except (MemoryError, RuntimeError) as error:
        # PyTorch has no error of its own for memory of the CPU.
        if isinstance(error, RuntimeError) and 'tried to allocate' not in str(error).lower():
            raise
        raise VprError(f'there is not enough memory for network {name!r} with the options '
                       f'{given}: choose smaller ones ({str(error)[-200:]})') from error
    network.eval().requires_grad_(False)
    return _projected(network, projection) if projection else network


def _every_network(*, projection: str = '') -> None:
    """
    Stand for the options that every network takes.

    :param projection: a file of ``vpr_ros pca`` that makes its descriptors smaller.
    """


def _projected(network: PlaceNetwork, file: object) -> PlaceNetwork:
    from vpr_ros.networks.projection import project
    from vpr_ros.networks.projection import read_projection

    if not isinstance(file, str):
        raise VprError(f'projection must be a file of "vpr_ros pca", got {file!r}')
    return project(network, *read_projection(Path(file)))


def _factory(name: str) -> tuple[ModuleType, Callable[..., PlaceNetwork]]:
    entry = network_entry(name)
    module, function = entry.factory.split(':')
    try:
        found = importlib.import_module(module)
        return found, getattr(found, function)
    except (ImportError, AttributeError) as error:
        raise VprError(f'network {name!r} cannot be made: {entry.factory} is not there '
                       f'({error})') from error


def _told_options(signature: inspect.Signature, given: Mapping[str, object]) -> str:
    """Return all options as an identity tells them: JSON, without files and addresses."""
    told: dict[str, object] = {}
    for name, parameter in signature.parameters.items():
        if name not in SOURCE_OPTIONS:
            told[name] = _told(given.get(name, parameter.default), parameter.default)
    return json.dumps(told, sort_keys=True)


def _told(value: object, default: object) -> object:
    """Return a value of the type that the option has: 3 and 3.0 make one network."""
    if isinstance(default, tuple) and default and isinstance(value, list | tuple):
        return [_told(each, default[0]) for each in value]
    return float(value) if type(value) is int and type(default) is float else value
