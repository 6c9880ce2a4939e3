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

"""What is compared: networks with their weights, and lists from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from vpr_ros.errors import VprError
from vpr_ros.evaluation.protocols.protocol import NetworkRow
from vpr_ros.extraction.settings import ExtractionSettings
import yaml

__all__ = ['ListedSystem', 'NetworkSystem', 'NoWeights', 'RANDOM', 'row_system', 'untrained']

#: Behind the label of a network that nobody trained, so that every table says it.
RANDOM = 'random weights'
_WEIGHT_FILES = ('.safetensors', '.pth')


class NoWeights(VprError):
    """
    A network of a paper's table is there, but not what it learnt.

    :param label: what the table calls it.
    """

    def __init__(self, label: str, text: str) -> None:
        super().__init__(text)
        self.label = label


@dataclass(frozen=True)
class NetworkSystem:
    """
    A network that describes images.

    :param label: what tables call it.
    :param settings: with its name and its options, and how it is run.
    :param notes: what a reader should know, such as which weights the paper used.
    """

    label: str
    settings: ExtractionSettings
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListedSystem:
    """
    A program that wrote down its answers.

    :param files: (protocol, pair) -> the table of its matches.
    """

    label: str
    files: Mapping[tuple[str, str], Path]


def row_system(row: NetworkRow, settings: ExtractionSettings, weights: Path | None, *,
               allow_random: bool = False) -> NetworkSystem:
    """
    Return the network of a paper's table, with the weights of somebody who has them.

    :param settings: how it is run.
    :param weights: a folder with LABEL.safetensors or LABEL.pth, None for none.
    :raises NoWeights: when it has none and random ones are not allowed.
    """
    from vpr_ros.networks.registry import network_options

    options = dict(row.options)
    file = _weight_file(row.label, weights)
    known = network_options(row.network)
    if file is not None:
        if 'weights' not in known:
            raise VprError(f'{file} is there, but the network {row.network!r} of {row.label!r} '
                           'takes no weights: remove the file')
        # One file holds all of it.
        options = {name: value for name, value in options.items() if name != 'trunk_weights'}
        options['weights'] = str(file)
    elif 'weights' in known and not ({'weights', 'trunk_weights'} & set(options)
                                     or _has_own_weights(row.network)):
        if not allow_random:
            where = f'{weights}/' if weights else 'a folder, named with --weights, as '
            raise NoWeights(row.label, f'{row.label!r} ({row.network}) has no weights: put them '
                            f'into {where}{_file_name(row.label)}.safetensors (or .pth), or give '
                            '--allow-random for a trial with random ones')
        options['weights'] = 'random'
    return NetworkSystem(row.label, settings.model_copy(update={
        'network': row.network, 'options': _as_text(options)}), (row.note,) if row.note else ())


def untrained(settings: ExtractionSettings) -> bool:
    """
    Return whether a part of a network has random weights.

    Its weights are read where only they can tell.
    """
    from vpr_ros.networks.registry import create_network
    from vpr_ros.networks.registry import network_options

    options: Any = yaml.safe_load(settings.options) if settings.options else {}
    if not isinstance(options, dict):
        return False  # who makes it says what is wrong
    if 'random' in options.values():
        return True
    if options.get('weights') or not options.get('trunk_weights') \
            or 'weights' not in network_options(settings.network):
        return False
    network = create_network(settings.network, options)
    return any(not name.startswith('trunk.') for name, _ in network.named_parameters())


def _has_own_weights(network: str) -> bool:
    return (resources.files('vpr_ros') / 'weights' / f'{network}.safetensors').is_file()


def _weight_file(label: str, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    there = [path for suffix in _WEIGHT_FILES
             if (path := folder / f'{_file_name(label)}{suffix}').is_file()]
    if len(there) > 1:
        raise VprError(f'{there[0]} and {there[1]} are both weights of {label!r}: remove one')
    return there[0] if there else None


def _file_name(label: str) -> str:
    return label.replace('/', '_')


def _as_text(options: Mapping[str, object]) -> str:
    if not options:
        return ''
    return str(yaml.safe_dump(dict(options), default_flow_style=True, width=10 ** 6)).strip()
