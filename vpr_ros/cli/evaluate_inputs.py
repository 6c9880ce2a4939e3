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

"""What "vpr_ros evaluate" is asked to compare, from its options."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
import os
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.cli.console import plural
from vpr_ros.cli.console import remark
from vpr_ros.cli.options import read_settings
from vpr_ros.cli.options import refuse_outputs
from vpr_ros.cli.options import split_networks
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.evaluation.comparison.run import Case
    from vpr_ros.evaluation.comparison.systems import ListedSystem
    from vpr_ros.evaluation.comparison.systems import NetworkSystem
    from vpr_ros.evaluation.protocols.protocol import Pair
    from vpr_ros.evaluation.protocols.protocol import Protocol
    from vpr_ros.extraction.settings import ExtractionSettings

__all__ = ['asked_protocols', 'asked_statistics', 'data_folders', 'DATA_VARIABLE', 'describing',
           'list_system', 'make_folder', 'network_systems', 'open_cases', 'output_folder',
           'USUAL_NETWORKS']

DATA_VARIABLE = 'VPR_ROS_DATA'
USUAL_NETWORKS = 'compact,thumbnail'
_STATISTICS = {'none': 'none', 'past': 'past', 'whole': 'whole traverse'}


def asked_protocols(given: Sequence[str]) -> list[Protocol]:
    """Return the protocols that are named, each once."""
    from vpr_ros.evaluation.protocols.protocol import read_protocol

    names = [name.strip() for text in given for name in text.split(',') if name.strip()]
    if not names:
        raise VprError('say what is compared: --protocol NAME, one of "vpr_ros protocols", or a '
                       'YAML file')
    found: dict[str, Protocol] = {}
    for name in dict.fromkeys(names):
        protocol = read_protocol(name)
        if found.setdefault(protocol.name, protocol) is not protocol:
            raise VprError(f'two protocols are called {protocol.name!r}, and results are kept by '
                           'that name: rename one of the files')
    return list(found.values())


def asked_statistics(text: str) -> tuple[str, ...]:
    """Return what descriptors may know of the query traverse."""
    names = [name.strip() for name in text.split(',') if name.strip()]
    for name in names:
        if name not in _STATISTICS:
            raise unknown_name('statistics', name, _STATISTICS)
    if not names:
        raise VprError(f'--statistics is empty: give one or more of {", ".join(_STATISTICS)}')
    return tuple(dict.fromkeys(_STATISTICS[name] for name in names))


def data_folders(given: Sequence[Path]) -> list[Path]:
    """Return the folders with data sets, of the options or else of the environment."""
    if given:
        return list(given)
    return [Path(folder) for folder in os.environ.get(DATA_VARIABLE, '').split(os.pathsep)
            if folder]


def output_folder(out: Path | None, data: Sequence[Path]) -> Path:
    """Return where results go; refuse before the work a place where they cannot."""
    if out is None:
        raise VprError('say where the results go: --out FOLDER')
    refuse_outputs({'--out': out}, [('folder of data sets', folder) for folder in data],
                   overwrite=True, folders=['--out'])
    if out.exists() and not out.is_dir():
        raise VprError(f'--out {out} is a file; name a folder')
    if out.is_dir() and not os.access(out, os.W_OK | os.X_OK):
        raise VprError(f'--out {out}: nothing can be written there; choose another folder')
    return out


def make_folder(out: Path) -> None:
    """Make the folder of the results, when all that was asked for can be done."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VprError(f'--out {out} cannot be made ({error.strerror or error}); choose another '
                       'folder') from error


def describing(config: Path | None, param: list[str]) -> ExtractionSettings:
    """Return how networks are run."""
    from vpr_ros.settings import EvaluateSettings

    settings = read_settings(EvaluateSettings, 'evaluate', config, param).extraction
    for name in ('network', 'options'):
        if getattr(settings, name):
            raise VprError(f'extraction.{name} is of one network: name networks and their options '
                           'with --networks "name{option: value}"')
    return settings


def network_systems(
        text: str, protocols: Sequence[Protocol], settings: ExtractionSettings,
        weights: Path | None, *, allow_random: bool,
        taken: Collection[str] = ()) -> list[tuple[NetworkSystem, set[str]]]:
    """
    Return the networks, each with the protocols that it is measured by.

    :param text: of ``--networks``; empty for the rows of each protocol, or for the usual ones.
    :param taken: labels that other systems have.
    """
    if weights is not None and not weights.is_dir():
        raise VprError(f'there is no folder {weights}, where weights should lie')
    if text:
        found = [(system, {p.name for p in protocols}) for system in _named(
            text, protocols, settings, weights, allow_random=allow_random)]
    else:
        found = _rows_of_all(protocols, settings, weights, allow_random=allow_random)
    labels: dict[str, set[str]] = {label: {p.name for p in protocols} for label in taken}
    for system, names in found:
        if labels.setdefault(system.label, set()) & names:
            raise VprError(f'two systems are called {system.label!r}: give one of them another '
                           'label, as in --networks "LABEL=name{options}" or --label')
        labels[system.label] |= names
    return found


def _named(text: str, protocols: Sequence[Protocol], settings: ExtractionSettings,
           weights: Path | None, *, allow_random: bool) -> list[NetworkSystem]:
    from vpr_ros.evaluation.comparison.systems import NetworkSystem
    from vpr_ros.evaluation.comparison.systems import row_system
    from vpr_ros.networks.registry import network_names

    rows = {row.label: row for protocol in reversed(protocols) for row in protocol.networks}
    systems = []
    for named, options in split_networks(text):
        label, equals, name = (part.strip() for part in named.partition('='))
        if not equals:
            name, label = label, label + options
        if not (label and name):
            raise VprError(f'expected LABEL=name, got {named!r}')
        if name in network_names():
            systems.append(NetworkSystem(label, settings.model_copy(
                update={'network': name, 'options': options})))
        elif name in rows and not options:
            system = row_system(rows[name], settings, weights, allow_random=allow_random)
            systems.append(NetworkSystem(label, system.settings, system.notes))
        else:
            raise unknown_name('network', name, [*network_names(), *rows])
    return [_trained(system, allow_random=allow_random) for system in systems]


def _rows_of_all(protocols: Sequence[Protocol], settings: ExtractionSettings,
                 weights: Path | None, *,
                 allow_random: bool) -> list[tuple[NetworkSystem, set[str]]]:
    """Return the networks of the papers; those that cannot run are told and left out."""
    from vpr_ros.evaluation.comparison.systems import NoWeights
    from vpr_ros.evaluation.comparison.systems import row_system

    found: dict[tuple[str, str], tuple[NetworkSystem, set[str]]] = {}
    problems = []
    for protocol in protocols:
        systems = [] if protocol.networks else _named(USUAL_NETWORKS, (), settings, None,
                                                      allow_random=allow_random)
        lacking = []
        for row in protocol.networks:
            try:
                systems.append(_trained(row_system(
                    row, settings, weights, allow_random=allow_random),
                    allow_random=allow_random))
            except NoWeights as error:
                lacking.append(error.label)
            except VprError as error:
                problems.append(f'{protocol.name}: {error}')
        if lacking:
            problems.append(
                f'{protocol.name}: there are no weights for {", ".join(map(repr, lacking))}: put '
                f'LABEL.safetensors (or .pth) of each into {weights or "a folder"}'
                f'{"" if weights else " and name it with --weights"}, or give --allow-random for '
                'a trial with random ones')
        for system in systems:
            key = system.label, system.settings.model_dump_json()
            found.setdefault(key, (system, set()))[1].add(protocol.name)
    if not found:
        raise VprError(f'no network can run: {"; ".join(problems)}; or name others with '
                       '--networks, such as ' + USUAL_NETWORKS)
    for problem in problems:
        remark(f'left out: {problem}')
    return list(found.values())


def _trained(system: NetworkSystem, *, allow_random: bool) -> NetworkSystem:
    """Return a network that is trained, or else one whose label says that it is not."""
    from vpr_ros.evaluation.comparison.systems import RANDOM
    from vpr_ros.evaluation.comparison.systems import untrained

    if not untrained(system.settings):
        return system
    if not allow_random:
        raise VprError(f'{system.label!r} would run on random weights, all or some of them: give '
                       'the file of the trained network in weights, or --allow-random for a trial')
    return replace(system, label=f'{system.label} ({RANDOM})')


def list_system(given: Sequence[str], label: str,
                protocols: Sequence[Protocol]) -> ListedSystem | None:
    """
    Return what some program answered, None when nothing is given.

    :param given: of ``--matches``: a file, or ``PAIR=FILE``, where PAIR may be ``PROTOCOL/PAIR``.
    """
    from vpr_ros.evaluation.comparison.systems import ListedSystem

    if not given:
        return None
    if not label.strip():
        raise VprError('--label is empty: say what tables call the program that made the matches')
    pairs = [(protocol.name, pair) for protocol in protocols for pair in protocol.pairs]
    files: dict[tuple[str, str], Path] = {}
    for text in given:
        named, equals, file = text.partition('=')
        path, wanted = (Path(text), '') if not equals or Path(text).exists() else (
            Path(file), named)
        of = _pair_of(wanted, pairs)
        if of in files:
            raise VprError(f'two tables of matches are given for {"/".join(of)}: {files[of]} and '
                           f'{path}; a program has one answer')
        if not path.is_file():
            raise VprError(f'there is no file {path} with matches')
        files[of] = path
    return ListedSystem(label, files)


def _pair_of(name: str, pairs: Sequence[tuple[str, Pair]]) -> tuple[str, str]:
    found = [(protocol, pair.name) for protocol, pair in pairs
             if name in ('', pair.name, f'{protocol}/{pair.name}')]
    if not found:
        raise unknown_name('pair', name, [f'{protocol}/{pair.name}' for protocol, pair in pairs])
    if len(found) > 1:
        raise VprError('a table of matches is of one pair, and '
                       + (f'{len(found)} are called {name!r}' if name else f'{len(found)} are '
                          'compared') + f': give --matches {"/".join(found[0])}=FILE')
    return found[0]


def open_cases(protocols: Sequence[Protocol], folders: Sequence[Path]) -> list[Case]:
    """Open the pairs whose data is there; those that are left out are told."""
    from vpr_ros.evaluation.comparison.run import Case
    from vpr_ros.evaluation.protocols.opening import MissingData
    from vpr_ros.evaluation.protocols.opening import open_pair

    found: list[Case] = []
    missing: dict[str, dict[str, list[str]]] = {}
    for protocol in protocols:
        for pair in protocol.pairs:
            try:
                found.append(Case(protocol, open_pair(pair, folders, protocol=protocol)))
            except MissingData as error:
                missing.setdefault(protocol.name, {}).setdefault(pair.data, []).append(
                    str(error))
    told = [text for problems in missing.values() for text in _told(problems)]
    if not found:
        raise VprError(told[0] + ''.join(f'; {text}' for text in told[1:]))
    for text in told:
        remark(f'left out: {text}')
    return found


def _told(problems: Mapping[str, list[str]]) -> list[str]:
    """Return what is missing of each data set, by the first pair that needs it."""
    return [texts[0] + _more(len(texts) - 1) for texts in problems.values()]


def _more(count: int) -> str:
    return f' (and {count} more {plural(count, "pair")} of this set)' if count else ''
