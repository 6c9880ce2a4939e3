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
Learning what beliefs and inliers are worth in a map, from runs whose truth is known.

A run is a traverse of the map itself, which is then localized in the others, or a traverse for
this purpose. Stretches of its way are taken out of the map first: a calibration that has never
seen an unknown place would know no doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.calibration import GeometryEvidence
from vpr_ros.matching.calibration import log_odds
from vpr_ros.matching.calibration import Logistic
from vpr_ros.matching.calibration import mode_name
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.geometry.sight import Sight
from vpr_ros.matching.geometry.verifier import Verification
from vpr_ros.matching.geometry.verifier import verify
from vpr_ros.matching.logistic import fit_logistic
from vpr_ros.matching.matcher import Matcher
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.verification import PlaceSights
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import Pose

__all__ = ['Answers', 'calibrate', 'Learnt', 'Run', 'runs_of_map']

# Share of a run that the map is made not to know, and the length of a stretch of it.
_WITHHELD, _STRETCH = 0.2, 0.1
# Fewer pictures of right or of wrong places say nothing about inliers.
_LEAST_PAIRS = 30
# Where right and wrong are not told apart more often than this, geometry is left out.
_LEAST_AUC = 0.65
# What is believed where the data say nothing: the filter.
_PRIOR = np.array([0.0, 1.0, 0.0])
# One run is split for honest numbers: what is learnt in the other parts is asked of each.
_PARTS = 5


@dataclass(frozen=True, eq=False)
class Run:
    """
    A drive whose truth is known.

    :param moments: Q, each with what the cameras saw, the leading one first.
    :param odometry: (Q,) T_odom_base, None where it is not known.
    :param calibrations: of its cameras, by name.
    :param matches: (Q,) int64 arrays: the rows of the map that show the place of each moment.
    :param without: the traverse of the map that it is, empty for none: not searched.
    """

    name: str
    moments: Sequence[tuple[Description, ...]]
    odometry: Sequence[Pose | None]
    matches: Sequence[NDArray[np.int64]]
    calibrations: Mapping[str, Camera] = field(default_factory=dict)
    without: str = ''


@dataclass(frozen=True, eq=False)
class Answers:
    """
    What was answered on one run in one way of localizing.

    :param belief: (Q,) in the best place, before any calibration.
    :param support: (Q,) of geometry.
    :param right: (Q,) whether the best place was.
    :param in_map: (Q,) whether the map knew the place.
    """

    belief: NDArray[np.float64]
    support: NDArray[np.float64]
    right: NDArray[np.bool_]
    in_map: NDArray[np.bool_]

    @classmethod
    def joined(cls, parts: Sequence[Answers]) -> Answers:
        """Return the answers on several runs, one after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts])
                     for name in ('belief', 'support', 'right', 'in_map')))

    def features(self) -> NDArray[np.float64]:
        """Return (Q, 2) what a calibration looks at."""
        return np.column_stack([[log_odds(p) for p in self.belief.tolist()], self.support])


@dataclass(frozen=True, eq=False)
class Learnt:
    """
    A calibration, and what it was learnt from.

    :param answers: of each mode, by the name of the run.
    :param honest: of each mode, by the name of the run: (Q,) probabilities that were learnt
        without this run (of a single run: without this part of it).
    """

    calibration: Calibration
    answers: Mapping[str, Mapping[str, Answers]]
    honest: Mapping[str, Mapping[str, NDArray[np.float64]]]

    def joined(self, mode: str) -> tuple[Answers, NDArray[np.float64]]:
        """Return the answers and the honest probabilities of a mode, run after run."""
        of_runs = self.answers[mode]
        return (Answers.joined(list(of_runs.values())),
                np.concatenate([self.honest[mode][name] for name in of_runs]))


def runs_of_map(snapshot: Snapshot, sights: PlaceSights | None, *,
                tolerance_m: float) -> Iterator[Run]:
    """
    Yield each traverse of a map as a run through the others.

    :param tolerance_m: places so far apart show the same.
    :raises VprError: for a map of one traverse, or one whose poses are not all known.
    """
    if len(np.unique(snapshot.session_of)) < 2:
        raise VprError('this map has one traverse, and a calibration takes two: add another drive '
                       'through the same places, or name a validation traverse (--bag, --images '
                       'or --data)')
    if not snapshot.poses.known.all():
        raise VprError('not all places of this map have poses, so nobody knows which of its '
                       'traverses show the same: name a validation traverse of a data set that '
                       'knows (--data NAME --traverse T --reference R)')
    positions = snapshot.poses.positions
    for number in np.unique(snapshot.session_of):
        name = snapshot.sessions[number]
        rows = np.flatnonzero(snapshot.session_of == number)
        others = np.flatnonzero(snapshot.session_of != number)
        moments = [tuple(_descriptions(snapshot, sights, int(row))) for row in rows]
        cameras = {d.camera for moment in moments for d in moment}
        known = {camera: sights.calibration(name, camera) for camera in cameras} if sights else {}
        yield Run(
            name, moments, [snapshot.poses[int(row)] for row in rows],
            [others[np.linalg.norm(positions[others] - positions[row], axis=1) <= tolerance_m]
             for row in rows],
            {camera: found for camera, found in known.items() if found is not None}, name)


def _descriptions(snapshot: Snapshot, sights: PlaceSights | None,
                  row: int) -> Iterator[Description]:
    for view in snapshot.views_of(row):
        camera = snapshot.cameras[int(snapshot.view_cameras[view])]
        features = sights.features(int(snapshot.place_ids[row]), camera) if sights else None
        yield Description(int(snapshot.stamps_ns[row]),
                          np.asarray(snapshot.descriptors[view], np.float32), camera,
                          local_features=features)


def calibrate(snapshot: Snapshot, runs: Sequence[Run], settings: MatchingSettings, *,
              sights: PlaceSights | None = None, local_kind: str = '', source: str = 'map',
              seed: int = 0, about: Mapping[str, Any] | None = None) -> Learnt:
    """
    Learn a calibration from runs through a map.

    :param sights: local features of the places; without them geometry is left out.
    :param seed: of which stretches are withheld.
    :param about: what the calibration is to tell people, beside its counts.
    :raises VprError: when a run has too few moments to learn from, or no run is where the map is.
    """
    for run in runs:
        if len(run.moments) < 2 * _PARTS:
            raise VprError(f'run {run.name!r} has {len(run.moments)} moments: to learn from it '
                           f'takes at least {2 * _PARTS}, and some hundreds to learn much')
    if not any(len(rows) for run in runs for rows in run.matches):
        # It would be learnt that no answer is ever right.
        raise VprError('none of these moments was taken at a place of the map, so nobody can see '
                       'when an answer is right: is all in one frame, and the tolerance large '
                       'enough? Else add a drive through the same places, or name a validation '
                       'traverse (--bag, --images or --data)')
    compare = _Memory()
    courses = [_Course(snapshot, run, sights, compare, np.random.default_rng([seed, number]))
               for number, run in enumerate(runs)]
    odometry = bool(snapshot.poses.known.all()) and all(
        pose is not None for run in runs for pose in run.odometry)
    evidence, told = GeometryEvidence(), 0.5
    if sights is not None:
        evidence, told = _learn_geometry(courses, settings)
    answers: dict[str, dict[str, Answers]] = {}
    for geometry in ((False, True) if sights is not None and evidence.slope > 0.0 else (False,)):
        for sequence, driven in ((False, False), (True, False), *([(True, True)] * odometry)):
            mode = mode_name(sequence=sequence, odometry=driven, geometry=geometry)
            chosen = _settings(settings, sequence=sequence, geometry=geometry)
            answers[mode] = {course.run.name: course.answers(chosen, evidence, odometry=driven)
                             for course in courses}
    modes = {mode: _fitted(list(of_runs.values())) for mode, of_runs in answers.items()}
    counts = {'runs': [run.name for run in runs], 'seed': seed, 'geometry_auc': round(told, 4),
              'moments': sum(len(run.moments) for run in runs)}
    return Learnt(
        Calibration(source, local_kind, evidence, modes, {**(about or {}), **counts}),
        answers, {mode: _honest(of_runs) for mode, of_runs in answers.items()})


class _Memory:
    """Compares two images once, however often that is asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Sight, Sight, Verification]] = {}

    def __call__(self, match: Sight, query: Sight, settings: GeometrySettings) -> Verification:
        key = id(match.features), id(query.features)
        if key not in self._known:
            # They are kept: an id is one object's while that lives.
            self._known[key] = match, query, verify(match, query, settings)
        return self._known[key][2]


class _Kept:
    """Local features of places, each read once."""

    def __init__(self, sights: PlaceSights) -> None:
        self._sights = sights
        self._known: dict[tuple[int, str], Any] = {}

    def features(self, place_id: int, camera: str) -> Any:
        key = place_id, camera
        if key not in self._known:
            self._known[key] = self._sights.features(place_id, camera)
        return self._known[key]

    def calibration(self, session: str, camera: str) -> Camera | None:
        return self._sights.calibration(session, camera)


class _Course:
    """A run through the map that it is localized in: without itself, and without stretches."""

    def __init__(self, snapshot: Snapshot, run: Run, sights: PlaceSights | None,
                 compare: _Memory, rng: np.random.Generator) -> None:
        self.run = run
        kept = np.ones(len(snapshot), bool)
        if run.without:
            kept &= snapshot.session_of != snapshot.sessions.index(run.without)
        for moment in np.flatnonzero(_stretches(len(run.moments), rng)).tolist():
            kept[run.matches[moment]] = False
        if not kept.any():
            raise VprError(f'nothing of the map is left to localize {run.name!r} in')
        self._map = snapshot.only(kept)
        self._rows = np.where(kept, np.cumsum(kept) - 1, -1)
        self._sights = None if sights is None else _Kept(sights)
        self._compare = compare
        self._matches = [self._rows[rows][self._rows[rows] >= 0] for rows in run.matches]

    def answers(self, settings: MatchingSettings, evidence: GeometryEvidence, *,
                odometry: bool) -> Answers:
        """Localize the run."""
        found = [(belief, support, right, len(matches) > 0) for belief, support, right, matches, _
                 in self._replay(settings, evidence, odometry=odometry)]
        belief, support, right, in_map = zip(*found, strict=True)
        return Answers(np.array(belief), np.array(support), np.array(right, bool),
                       np.array(in_map, bool))

    def pairs(self, settings: MatchingSettings) -> Iterator[tuple[float, bool]]:
        """Yield how far the inliers of each candidate stand above usual ones, and if it is."""
        for *_, pairs in self._replay(settings, GeometryEvidence(), odometry=False):
            yield from pairs

    def _replay(self, settings: MatchingSettings, evidence: GeometryEvidence, *,
                odometry: bool) -> Iterator[tuple[float, float, bool, NDArray[np.int64],
                                                  list[tuple[float, bool]]]]:
        matcher = Matcher(self._map, settings, sights=self._sights, compare=self._compare,
                          calibration=Calibration(geometry=evidence))
        for moment, pose, matches in zip(self.run.moments, self.run.odometry, self._matches,
                                         strict=True):
            answer = matcher.match(*moment, T_odom_base=pose if odometry else None,
                                   calibrations=self.run.calibrations)
            right = False
            if answer.candidates:
                row = self._map.rows_of(np.array([answer.candidates[0].place_id]))[0]
                right = bool(np.isin(row, matches))
            usual = matcher.support.usual
            # Before anything is known of wrong places nobody knows how far above them one stands.
            pairs = [] if usual is None else [
                (math.log1p(c.verification.inliers) - usual,
                 bool(np.isin(c.hypothesis.row, matches))) for c in matcher.checks]
            yield answer.probability, matcher.support.mean, right, matches, pairs


def _stretches(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return (count,) which moments of a run the map shall not know: some stretches of it."""
    withheld = np.zeros(count, bool)
    length = max(round(_STRETCH * count), 1)
    while withheld.sum() < _WITHHELD * count - length / 2:
        begin = int(rng.integers(0, count - length + 1))
        withheld[begin:begin + length] = True
    return withheld


def _settings(settings: MatchingSettings, *, sequence: bool, geometry: bool) -> MatchingSettings:
    return settings.model_copy(update={
        'filter': 'forward' if sequence else 'none',
        'verify': max(settings.verify, 1) if geometry else 0})


def _learn_geometry(courses: Sequence[_Course],
                    settings: MatchingSettings) -> tuple[GeometryEvidence, float]:
    """Return what inliers are worth, and how often more of them tell right from wrong."""
    pairs = [pair for course in courses for sequence in (False, True)
             for pair in course.pairs(_settings(settings, sequence=sequence, geometry=True))]
    above = np.array([pair[0] for pair in pairs])
    right = np.array([pair[1] for pair in pairs], bool)
    usual = GeometryEvidence()
    if min(right.sum(), (~right).sum()) < _LEAST_PAIRS:
        return usual, 0.5
    told = _auc(above[right], above[~right])
    if told < _LEAST_AUC:
        return GeometryEvidence(slope=0.0), told
    # Right and wrong count alike: a likelihood ratio does not know how often each comes.
    share = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum()) * len(right)
    bias, slope = fit_logistic(
        above[:, None], right, weights=share,
        prior=np.array([-usual.slope * usual.midpoint, usual.slope])).tolist()
    if slope <= 0.0:
        # A few far off outweigh the ranks.
        return GeometryEvidence(slope=0.0), told
    return GeometryEvidence(slope, -bias / slope, usual.bound, float(above[right].mean())), told


def _auc(high: NDArray[np.float64], low: NDArray[np.float64]) -> float:
    """Return how often one of the high is above one of the low; ties count half."""
    order = np.sort(low)
    below = np.searchsorted(order, high, 'left') + np.searchsorted(order, high, 'right')
    return float(below.sum() / (2.0 * len(high) * len(low)))


def _fitted(answers: Sequence[Answers]) -> Logistic:
    joined = Answers.joined(answers)
    return Logistic(*fit_logistic(joined.features(), joined.right, prior=_PRIOR).tolist())


def _honest(of_runs: Mapping[str, Answers]) -> dict[str, NDArray[np.float64]]:
    """Return probabilities (Q,) of each run by what was learnt without it."""
    if len(of_runs) > 1:
        return {name: _told(_fitted([a for other, a in of_runs.items() if other != name]), answers)
                for name, answers in of_runs.items()}
    (name, answers), = of_runs.items()
    probabilities = np.zeros(len(answers.right))
    for part in np.array_split(np.arange(len(answers.right)), _PARTS):
        rest = np.setdiff1d(np.arange(len(answers.right)), part)
        probabilities[part] = _told(_fitted([_some(answers, rest)]), _some(answers, part))
    return {name: probabilities}


def _some(answers: Answers, rows: NDArray[np.int64]) -> Answers:
    return Answers(answers.belief[rows], answers.support[rows], answers.right[rows],
                   answers.in_map[rows])


def _told(logistic: Logistic, answers: Answers) -> NDArray[np.float64]:
    return np.array([logistic.probability(belief, support) for belief, support in zip(
        answers.belief.tolist(), answers.support.tolist(), strict=True)])
