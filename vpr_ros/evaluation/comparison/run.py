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
Systems on the pairs of protocols: what is described, matched, measured and written.

Each result is written as soon as it is there, with what it was made of. One that is there already
and was made of the same is not made again: an evaluation that was killed goes on, and one that is
extended measures what is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from dataclasses import replace
import hashlib
import json
import logging
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.description_cache import Described
from vpr_ros.evaluation.comparison.description_cache import DescriptionCache
from vpr_ros.evaluation.comparison.description_cache import Told
from vpr_ros.evaluation.comparison.description_cache import traverse_digest
from vpr_ros.evaluation.comparison.examples import choose_examples
from vpr_ros.evaluation.comparison.examples import write_pictures
from vpr_ros.evaluation.comparison.listed import read_listed
from vpr_ros.evaluation.comparison.listed import write_listed
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.matches import NOTHING
from vpr_ros.evaluation.comparison.meanings import NS
from vpr_ros.evaluation.comparison.measures import curves
from vpr_ros.evaluation.comparison.measures import measure
from vpr_ros.evaluation.comparison.over_time import localize_over_time
from vpr_ros.evaluation.comparison.over_time import over_time_digest
from vpr_ros.evaluation.comparison.query_statistics import standardise
from vpr_ros.evaluation.comparison.result import Counts
from vpr_ros.evaluation.comparison.result import Method
from vpr_ros.evaluation.comparison.result import NOT_KNOWN
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.result_folder import result_folder
from vpr_ros.evaluation.comparison.result_folder import ResultFolder
from vpr_ros.evaluation.comparison.result_folder import StoredMatrix
from vpr_ros.evaluation.comparison.similarity import find_similar
from vpr_ros.evaluation.comparison.similarity import Similarities
from vpr_ros.evaluation.comparison.stage_times import latency_numbers
from vpr_ros.evaluation.comparison.stage_times import mean_number
from vpr_ros.evaluation.comparison.systems import ListedSystem
from vpr_ros.evaluation.comparison.systems import NetworkSystem
from vpr_ros.evaluation.protocols.opening import OpenPair
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings

__all__ = ['Case', 'evaluate_list', 'evaluate_network', 'measured_before', 'Ways', 'Watcher']

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Case:
    """A pair of a protocol, opened."""

    protocol: Protocol
    opened: OpenPair


@dataclass(frozen=True)
class Ways:
    """
    In which ways networks are measured.

    :param statistics: what descriptors may know of the query traverse, for single images.
    :param over_time: the localizer too; with ``odometry`` also with that, where there is some.
    """

    statistics: tuple[str, ...] = ('none',)
    over_time: bool = False
    odometry: bool = False

    def of(self, opened: OpenPair) -> list[tuple[Method, str]]:
        """Return the (method, statistics) that are measured on a pair."""
        ways: list[tuple[Method, str]] = [('single image', kind) for kind in self.statistics]
        if self.over_time:
            ways.append(('over time', 'none'))
        # Odometry says how far the robot drove, which only a map with poses can be asked for.
        if self.odometry and opened.query.odometry and opened.reference.positions() is not None:
            ways.append(('over time with odometry', 'none'))
        return ways


class Watcher(Interface):
    """Is told what goes on."""

    def doing(self, what: str) -> AbstractContextManager[Told]:
        """Begin something that takes a while; what is returned is told how much of it is done."""
        ...

    def measured(self, result: PairResult, *, before: bool) -> None:
        """Take a result; ``before`` says that it was there before this run."""
        ...


def evaluate_network(system: NetworkSystem, cases: Sequence[Case], ways: Ways, *,
                     out: Path, cache: DescriptionCache, watcher: Watcher) -> list[PairResult]:
    """
    Measure a network on pairs, in their order; it is in memory until the last.

    :param out: folder of the evaluation.
    :param cache: where its descriptions are kept.
    """
    settings = system.settings
    if not (ways.over_time or ways.odometry):
        # What nobody asks for is not kept: it is far larger than the descriptors.
        settings = settings.model_copy(update={'local_features': 'none'})
    work = _Work(system, settings, make_extractor(settings), cache, watcher)
    return [result for case in cases
            for result in work.results(case, ways, out)]


def evaluate_list(system: ListedSystem, cases: Sequence[Case], *, out: Path,
                  watcher: Watcher) -> list[PairResult]:
    """Measure what some program wrote down, on the pairs that it has a table of."""
    results = []
    for case in cases:
        path = system.files.get((case.protocol.name, case.opened.pair.name))
        if path is None:
            continue
        opened = case.opened
        queries, references = _labels(opened)
        matches = read_listed(path, queries, references)
        blank = _blank(case, system.label, 'listed', NOT_KNOWN)
        result = _measured(replace(
            blank, notes=(*blank.notes, *_notes_on_list(matches)),
            settings=json.dumps({'table': _file_digest(path)})), case, matches)
        folder = _folder(result, out)
        _write(folder, result, case, matches)
        watcher.measured(result, before=False)
        results.append(result)
    return results


def measured_before(cases: Sequence[Case], results: Sequence[PairResult],
                    out: Path) -> list[PairResult]:
    """
    Return what lies in a folder of the same pairs beside some results: of other systems.

    Only what was measured by the same rule on the same frames, by networks on the same images;
    in the order of the names.
    """
    there = {_folder(result, out).path for result in results}
    found = []
    for case in cases:
        blank = _blank(case, '', 'listed', NOT_KNOWN)
        images: list[str] = []
        for file in sorted(_folder(blank, out).path.parent.glob('*/result.json')):
            result = None if file.parent in there else _kept(
                ResultFolder(file.parent), 'it is left out of the tables')
            # A folder that somebody copied is of no system.
            if result is None or _folder(result, out).path != file.parent or (
                    result.rule, result.data) != (blank.rule, blank.data):
                continue
            if result.network:
                images = images or [traverse_digest(case.opened.reference),
                                    traverse_digest(case.opened.query)]
                if json.loads(result.settings or '{}').get('images') != images:
                    _LOG.warning('%s was measured on other images: it is left out of the tables',
                                 file.parent)
                    continue
            found.append(replace(result, protocol_hash=blank.protocol_hash,
                                 pair=blank.pair, group=blank.group))
    return found


class _Work:
    """What one network does."""

    def __init__(self, system: NetworkSystem, settings: ExtractionSettings, extractor: Extractor,
                 cache: DescriptionCache, watcher: Watcher) -> None:
        self._system = system
        self._settings = settings
        self._extractor = extractor
        self._cache = cache
        self._watcher = watcher

    def results(self, case: Case, ways: Ways, out: Path) -> Iterator[PairResult]:
        """Yield the results on a pair; it is described when one of them is missing."""
        opened = case.opened
        described: tuple[Described, Described] | None = None
        for method, statistics in ways.of(opened):
            wanted = replace(
                _blank(case, self._system.label, method, statistics,
                       self._system.notes), network=self._extractor.identity.to_json(),
                settings=self._told_settings(opened, method))
            folder = _folder(wanted, out)
            found = _found(folder, wanted)
            if found is not None:
                self._watcher.measured(found, before=True)
                yield found
                continue
            if described is None:
                described = (self._described(case, 'reference'),
                             self._described(case, 'query'))
            result = self._measure(wanted, folder, case, *described)
            self._watcher.measured(result, before=False)
            yield result

    def _described(self, case: Case, which: str) -> Described:
        traverse = getattr(case.opened, which)
        with self._watcher.doing(f'{self._system.label}: {traverse.session}') as told:
            return self._cache.describe(self._extractor, self._settings, traverse, told)

    def _told_settings(self, opened: OpenPair, method: Method) -> str:
        told: dict[str, Any] = {
            'images': [traverse_digest(opened.reference), traverse_digest(opened.query)]}
        if self._extractor.frames > 1:
            told['sequence'] = [self._extractor.frames, self._settings.sequence_spacing_s]
        if method != 'single image':
            kind = self._extractor.local_kind
            told['local'] = [kind, self._settings.local_count] if kind else []
            told['localizer'] = over_time_digest(self._extractor, opened.reference, opened.query)
        return json.dumps(told, sort_keys=True)

    def _measure(self, wanted: PairResult, folder: ResultFolder, case: Case,
                 mapping: Described, asking: Described) -> PairResult:
        times = mean_number('describe', asking.seconds * 1e3)
        similar: Similarities | None = None
        if wanted.method == 'single image':
            similar = find_similar(
                *standardise(mapping.descriptors, asking.descriptors, wanted.statistics), max(NS))
            matches = similar.matches
        else:
            # Its name says what it does, and what it is called in tables.
            name = f'{self._system.label}: {case.opened.pair.name}, {wanted.method}'
            with self._watcher.doing(name) as told:
                over_time = localize_over_time(
                    self._extractor, mapping, asking, told=told,
                    odometry=wanted.method == 'over time with odometry')
            matches = over_time.matches
            times |= latency_numbers(over_time.times_ms)
        result = _measured(wanted, case, matches, times)
        _write(folder, result, case, matches, asking=asking, similar=similar)
        return result


def _blank(case: Case, label: str, method: Method, statistics: str,
           notes: tuple[str, ...] = ()) -> PairResult:
    """Return a result before anything was measured."""
    protocol, opened = case.protocol, case.opened
    with_place = int(opened.truth.has_match().sum())
    return PairResult(
        protocol=protocol.name, protocol_hash=protocol.hash, pair=opened.pair.name,
        group=opened.pair.group, rule=opened.pair.hash, data=opened.digest,
        truth=opened.truth.protocol, label=label, network='', method=method,
        statistics=statistics, numbers={}, notes=(*opened.notes, *notes),
        counts=Counts(len(opened.query), len(opened.reference), with_place))


def _folder(result: PairResult, out: Path) -> ResultFolder:
    return result_folder(out, protocol=result.protocol, pair=result.pair, label=result.label,
                         method=result.method, statistics=result.statistics)


def _found(folder: ResultFolder, wanted: PairResult) -> PairResult | None:
    """Return the result that is there, if it was made of the same."""
    found = _kept(folder, 'it is measured again')
    if found is None or any(getattr(found, name) != getattr(wanted, name) for name in (
            'rule', 'data', 'truth', 'network', 'method', 'statistics', 'settings', 'counts')):
        return None
    # What a protocol calls a pair, and what else it compares, changes no number.
    now = replace(found, **{name: getattr(wanted, name) for name in (
        'protocol', 'protocol_hash', 'pair', 'group', 'label', 'notes')})
    if now != found:
        try:
            folder.write(now)
        except OSError as error:
            raise _unwritable(folder, error) from error
    return now


def _kept(folder: ResultFolder, otherwise: str) -> PairResult | None:
    """Return the result of a folder; None where there is none, or one that is damaged."""
    try:
        return folder.read()
    except VprError as error:
        _LOG.warning('%s; %s', error, otherwise)
        return None


def _measured(blank: PairResult, case: Case, matches: Matches,
              times: Mapping[str, Number] | None = None) -> PairResult:
    opened = case.opened
    numbers = measure(matches, opened.truth, positions=opened.query.positions())
    return replace(
        blank, numbers={**numbers, **(times or {})},
        curves=curves(matches, opened.truth), examples=choose_examples(matches, opened.truth))


def _write(folder: ResultFolder, result: PairResult, case: Case, matches: Matches, *,
           asking: Described | None = None, similar: Similarities | None = None) -> None:
    opened = case.opened
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        # Whoever is stopped here must not leave older numbers beside newer matches.
        folder.clear()
        write_listed(folder.matches_path, matches, *_labels(opened))
        if similar is not None:
            folder.write_matrix(StoredMatrix.from_similarity(
                similar.picture, similar.low, similar.high, queries=len(opened.query),
                references=len(opened.reference)))
        write_pictures(folder, result.examples, opened, asking)
        # Last: who finds it finds all of it.
        folder.write(result)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: ResultFolder, error: OSError) -> VprError:
    return VprError(f'{folder.path} cannot be written ({error.strerror or error}): free some '
                    'space, or choose another folder with --out')


def _labels(opened: OpenPair) -> tuple[list[str], list[str]]:
    query, reference = ([traverse.label(i) for i in range(len(traverse))]
                        for traverse in (opened.query, opened.reference))
    return query, reference


def _notes_on_list(matches: Matches) -> tuple[str, ...]:
    silent = int((matches.best == NOTHING).sum())
    return (f'{silent} of {len(matches)} queries have no answer in the list',) if silent else ()


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise VprError(f'cannot read {path}: {error.strerror or error}') from error
