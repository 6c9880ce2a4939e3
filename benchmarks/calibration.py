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
Measure how far probabilities can be trusted, and whether unknown places are told from known ones.

Example::

    python benchmarks/calibration.py --gardens ../shared/data/benchmark/gardens_point

On the town (seed 0): a map of one drive by day, with the calibration that ships with the network,
and a map of two (day, snow), calibrated by itself (each localized in the other, stretches of it
withheld). Both are asked by drives that neither has seen, three of which leave the mapped streets;
one picture a second. An answer is right within 10 m; a place is in the map when one of its places
is within 10 m. On Gardens Point (+-3 images): calibrated on one pair of traverses, asked by
another. Query statistics: none. The error is the expected calibration error (15 bins of equal
mass, corrected for chance), AUROC that of the probability for "in the map"; 95 % intervals are
bootstrapped over blocks of ten images.

Below each of these stands what geometry gains: the precision at the same recall (right answers
over images of places in the map) without it and with it, by the uncalibrated belief, of single
images and over time.

With --ship FILE the calibration of the network itself is learnt instead, in another town (seed 1):
one map by day, asked by five drives, with stretches withheld.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import tempfile

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.town import Town
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.evaluation.calibration import auroc
from vpr_ros.evaluation.calibration import expected_calibration_error
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.feature_store import FeatureStore
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.calibrating import calibrate
from vpr_ros.matching.calibrating import Run
from vpr_ros.matching.calibrating import runs_of_map
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.matcher import Matcher
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.shipped import shipped_calibration
from vpr_ros.types import Description
from vpr_ros.types import Pose

_RADIUS_M = 10.0


def _drive(condition: str, seed: int, route: str = 'loop', years: int = 0) -> Drive:
    return Drive(condition=parse_condition(condition), seed=seed, route=route, years=years,
                 rate_hz=1.0)


_MAP = _drive('day', 0)
_SECOND = _drive('snow', 7, years=1)
_ASKED = (_drive('night', 9, years=1), _drive('rain', 5, years=1),
          _drive('day', 22, 'detour', 1), _drive('dusk', 21, 'detour', 1),
          _drive('night+snow', 19, 'detour', 1))
_LEARNT = (_drive('day', 31, 'detour', 1), _drive('dusk', 32, years=1),
           _drive('night', 33, 'detour', 1), _drive('night+snow', 34, years=1),
           _drive('fog', 35, years=1))


@dataclass(frozen=True, eq=False)
class _Described:
    """A traverse, described once and asked often."""

    name: str
    descriptions: Sequence[Description]
    traverse: Traverse
    odometry: Sequence[Pose | None]
    poses: Sequence[Pose | None]

    @classmethod
    def of(cls, traverse: Traverse, extractor: Extractor) -> _Described:
        described, odometry, poses = [], [], []
        for frame, description in extractor.describe_all(traverse.frames()):
            described.append(description)
            odometry.append(frame.T_odom_base)
            poses.append(frame.T_map_base)
        return cls(traverse.name, described, traverse, odometry, poses)

    def run(self, matches: Sequence[NDArray[np.int64]]) -> Run:
        calibration = self.traverse.calibration
        return Run(self.name, [(d,) for d in self.descriptions], self.odometry, matches,
                   {} if calibration is None else {self.traverse.camera: calibration})


def _build(path: Path, traverses: Sequence[Traverse], extractor: Extractor) -> None:
    with PlaceMap.create(path, extractor.identity) as place_map:
        for traverse in traverses:
            for _ in build_session(place_map, traverse.name, traverse.frames(), extractor,
                                   MapSettings(), source=''):
                pass


def _within(positions: NDArray[np.float64], asked: _Described) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(np.linalg.norm(positions - pose.position, axis=1) <= _RADIUS_M)
            for pose in asked.poses if pose is not None]


@dataclass(frozen=True, eq=False)
class _Answers:
    """
    What was answered on some runs.

    :param probability: (Q,).
    :param right: (Q,) whether the best place was.
    :param in_map: (Q,) whether the map knows the place.
    :param source: of the probabilities.
    """

    probability: NDArray[np.float64]
    right: NDArray[np.bool_]
    in_map: NDArray[np.bool_]
    source: str

    def precision_at(self, recall: float) -> float:
        """Return the best share of right answers among those that are right so often; or nan."""
        order = np.argsort(-self.probability, kind='stable')
        right = np.cumsum(self.right[order])
        reached = right >= recall * self.in_map.sum()
        precision = right / np.arange(1, len(right) + 1)
        return float(precision[reached].max()) if reached.any() else float('nan')


def _answers(path: Path, runs: Sequence[Run], calibration: Calibration,
             settings: MatchingSettings, *, odometry: bool) -> _Answers:
    probabilities, right, in_map = [], [], []
    with PlaceMap.open(path) as place_map, FeatureStore(path) as sights:
        snapshot = place_map.snapshot()
        matcher = Matcher(snapshot, settings, sights=sights, calibration=calibration)
        for run in runs:
            matcher.reset()
            for moment, pose, matches in zip(run.moments, run.odometry, run.matches, strict=True):
                answer = matcher.match(*moment, T_odom_base=pose if odometry else None,
                                       calibrations=run.calibrations)
                probabilities.append(answer.probability)
                best = answer.candidates[0].place_id if answer.candidates else 0
                right.append(best in snapshot.place_ids[matches])
                in_map.append(len(matches) > 0)
    return _Answers(np.array(probabilities), np.array(right), np.array(in_map),
                    answer.probability_source)


def _gain(path: Path, runs: Sequence[Run], calibration: Calibration, *, odometry: bool) -> None:
    """Print what geometry is worth."""
    uncalibrated = Calibration(geometry=calibration.geometry)
    for kept in ('none', 'forward'):
        if kept == 'none' and odometry:
            continue
        found = [_answers(path, runs, uncalibrated, MatchingSettings(filter=kept, verify=verify),
                          odometry=odometry) for verify in (0, 3)]
        words = ', '.join(
            f'{found[0].precision_at(recall):.3f} -> {found[1].precision_at(recall):.3f} at '
            f'recall {recall}' for recall in (0.5, 0.8, 0.9))
        rights = ' -> '.join(f'{a.right[a.in_map].mean():.3f}' for a in found)
        print(f'    geometry, {"single images" if kept == "none" else "over time":<14} '
              f'R@1 {rights}; precision {words}', flush=True)


def _ask(path: Path, runs: Sequence[Run], calibration: Calibration, title: str, *,
         odometry: bool) -> None:
    """Print a line: all runs together."""
    answers = _answers(path, runs, calibration, MatchingSettings(), odometry=odometry)
    p, correct, there = answers.probability, answers.right, answers.in_map
    error, known = expected_calibration_error(p, correct), p >= 0.5
    interval = error.interval
    line = (f'{title:<46} {answers.source:<8} n {len(p):4} in map {there.mean():.2f} '
            f'right {correct.mean():.3f} ECE {error.value:.3f} '
            f'[{interval.low:.3f}, {interval.high:.3f}] known {known.sum():4} of which right '
            f'{correct[known].mean():.3f}')
    if not there.all():
        told = auroc(p, there)
        line += f' AUROC {told.value:.3f}'
        if told.interval is not None:
            line += f' [{told.interval.low:.3f}, {told.interval.high:.3f}]'
    print(line, flush=True)


def _town(extractor: Extractor, folder: Path) -> None:
    town = Town()
    asked = [_Described.of(town.drive(drive), extractor) for drive in _ASKED]
    for name, drives in (('day', [_MAP]), ('day + snow', [_MAP, _SECOND])):
        path = folder / f'{len(drives)}.vprmap'
        _build(path, [town.drive(drive) for drive in drives], extractor)
        with PlaceMap.open(path) as place_map, FeatureStore(path) as sights:
            snapshot = place_map.snapshot()
            runs = [each.run(_within(snapshot.poses.positions, each)) for each in asked]
            calibration = shipped_calibration(snapshot.network, place_map.local_kind)
            if len(drives) > 1:
                calibration = calibrate(
                    snapshot, list(runs_of_map(snapshot, sights, tolerance_m=_RADIUS_M)),
                    MatchingSettings(), sights=sights, local_kind=place_map.local_kind).calibration
        for odometry in (False, True):
            words = 'odometry' if odometry else 'images alone'
            _ask(path, runs, calibration, f'town, map {name}, {words}', odometry=odometry)
            for run in runs:
                _ask(path, [run], calibration, f'    {run.name}', odometry=odometry)
            _gain(path, runs, calibration, odometry=odometry)


def _gardens(data: Path, extractor: Extractor, folder: Path) -> None:
    dataset = open_dataset(str(data))
    described = {name: _Described.of(dataset.traverse(name), extractor)
                 for name in dataset.traverses()}
    for reference, learnt, asked in (('day_right', 'day_left', 'night_right'),
                                     ('day_left', 'day_right', 'night_right'),
                                     ('day_right', 'night_right', 'day_left')):
        path = folder / f'{reference}_{asked}.vprmap'
        _build(path, [dataset.traverse(reference)], extractor)

        def run(name: str, reference: str = reference) -> Run:
            truth = dataset.ground_truth(reference, name)
            assert truth is not None
            return described[name].run([truth.matches(n) for n in range(truth.n_queries)])

        with PlaceMap.open(path) as place_map, FeatureStore(path) as sights:
            snapshot, kind = place_map.snapshot(), place_map.local_kind
            found = calibrate(snapshot, [run(learnt)], MatchingSettings(), sights=sights,
                              local_kind=kind)
        for source in (shipped_calibration(snapshot.network, kind), found.calibration):
            _ask(path, [run(asked)], source, f'gardens, map {reference}, {learnt} -> {asked}',
                 odometry=False)
        _gain(path, [run(asked)], source, odometry=False)


def _ship(out: Path, extractor: Extractor, folder: Path) -> None:
    town, path = Town(1), folder / 'ship.vprmap'
    _build(path, [town.drive(_MAP)], extractor)
    with PlaceMap.open(path) as place_map, FeatureStore(path) as sights:
        snapshot = place_map.snapshot()
        described = [_Described.of(town.drive(drive), extractor) for drive in _LEARNT]
        learnt = calibrate(
            snapshot, [each.run(_within(snapshot.poses.positions, each)) for each in described],
            MatchingSettings(), sights=sights, local_kind=place_map.local_kind, source='network',
            about={'weights_hash': extractor.identity.weights_hash,
                   'protocol': 'town (seed 1), a map by day, within 10 m; made by '
                               'benchmarks/calibration.py --ship'})
    out.write_text(learnt.calibration.to_json() + '\n', encoding='utf-8')
    print(f'{out}: {learnt.calibration.to_json()}')


def main() -> None:
    """Measure, or learn what ships."""
    parser = argparse.ArgumentParser(description='How far can probabilities be trusted?')
    parser.add_argument('--network', default='compact')
    parser.add_argument('--gardens', type=Path, help='the folder gardens_point')
    parser.add_argument('--no-town', action='store_true')
    parser.add_argument('--ship', type=Path, help='write the calibration of the network')
    given = parser.parse_args()
    extractor = make_extractor(ExtractionSettings(network=given.network))
    with tempfile.TemporaryDirectory() as folder:
        if given.ship is not None:
            _ship(given.ship, extractor, Path(folder))
            return
        if not given.no_town:
            _town(extractor, Path(folder))
        if given.gardens is not None:
            _gardens(given.gardens, extractor, Path(folder))


if __name__ == '__main__':
    main()
