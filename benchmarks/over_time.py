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
Compare ways to follow a robot through a map, on a synchronised data set driven at other speeds.

Example::

    python benchmarks/over_time.py --data ../shared/data/benchmark/nordland_64x32 \
        --reference summer --query winter --network thumbnail

Every frame of the reference is a place. The query traverse is driven again as robots drive: at
constant speeds (frames are repeated or left out), in reverse, and mixed: segments of 10 to 60
frames at speeds from 0.5 to 2 with stops of 5 to 25 frames between some of them. A query comes
every period of the map. With odometry, the places lie on a line, a metre apart, and the length of
each step is measured with 10 % of noise.

All filters answer the same frame one after the other, so that their times are those of one state
of the machine; describing is done before and not counted. A filter is named as in the settings,
with the number of frames of a baseline ("seqslam:20"); "single" is the filter "none".

The filter "seqslam" moves whole vectors along its lines. The public implementation goes from place
to place, for the contrast and for the lines, and what that costs is measured beside it: the same
numbers, by its loops.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
import statistics
import tempfile
import time

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.seqslam import SPEEDS as SEQSLAM_SPEEDS
from vpr_ros.matching.seqslam import steps_back
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.uniqueness import WINDOW_PLACES
from vpr_ros.types import Description
from vpr_ros.types import Localization
from vpr_ros.types import Pose
from vpr_ros.types import View

SPEEDS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
ODOMETRY_NOISE = 0.1
# The stages that look at images of the whole map.
LOOKING = ('search', 'compare')
# The same neighbours are one answer with poses (a metre apart) as without (by default).
SETTINGS = {'same_place_m': 2.0, 'same_place_frames': 2}

Drive = Callable[[int, np.random.Generator], NDArray[np.float64]]


def main() -> None:
    """Print a table for each case, and what the search of lines costs."""
    given = _parse()
    dataset = open_dataset(given.data)
    truth = dataset.ground_truth(given.reference, given.query)
    if truth is None:
        raise SystemExit(f'{given.data} knows no truth for {given.reference} -> {given.query}')
    extractor = make_extractor(
        ExtractionSettings(network=given.network, options=given.options, device=given.device))
    reference, query = dataset.traverse(given.reference), dataset.traverse(given.query)
    places = [d for _, d in extractor.describe_all(reference.frames())]
    extractor.restart()
    looks = [d for _, d in extractor.describe_all(query.frames())]
    looks = looks[given.first:][:given.frames or None]
    period_ns = int(np.median(np.diff([d.stamp_ns for d in places])))
    filters = given.filters.split(',')
    print(f'{dataset.name}: {given.reference} ({len(places)} places) -> {given.query} '
          f'({len(looks)} frames from {given.first} on), network {given.network}{given.options}, '
          f'{truth.protocol}, query statistics none, seed {given.seed}')
    print(f'{"case":<24}{"filter":<18}{"R@1":>7}{"known":>8}{"right":>8}{"frames":>8}   '
          'median ms a frame: stages')
    plain, posed = (_map(extractor, places, posed=known) for known in (False, True))
    costs: dict[str, list[Localization]] = {name: [] for name in filters}
    for case, drive in CASES.items():
        if given.cases and case not in given.cases.split(','):
            continue
        way = drive(len(looks), np.random.default_rng(given.seed))
        driven = truth.select(np.floor(way + 0.5).astype(np.int64) + given.first,
                              np.arange(len(places)))
        run = _Run(looks, way, driven.are_matches, period_ns, given.noise)
        answers = run.drive(plain, extractor, filters)
        for name in filters:
            costs[name] += answers[name]
            _print_row(case, name, run.outcome(plain, answers[name]), answers[name])
        if 'forward' in filters:
            found = run.drive(posed, extractor, ['forward'],
                              _odometry(way, np.random.default_rng([given.seed, 1])))['forward']
            _print_row(f'{case}, odometry', 'forward', run.outcome(posed, found), found)
    _print_costs(costs)
    _print_place_by_place(costs.get('forward', []), len(places))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Ways to follow a robot through a map.')
    parser.add_argument('--data', required=True, help='a data set with synchronised traverses')
    parser.add_argument('--reference', required=True, help='the traverse that is the map')
    parser.add_argument('--query', required=True, help='the traverse that is driven again')
    parser.add_argument('--network', default='compact')
    parser.add_argument('--options', default='', help='of the network, as "{height: 8}"')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--filters', metavar='A,B:FRAMES',
                        default='single,sequence_sum:20,sequence_sum:40,seqslam:20,forward')
    parser.add_argument('--cases', default='', help=f'only these of: {", ".join(CASES)}')
    parser.add_argument('--first', type=int, default=0, help='first frame of the query')
    parser.add_argument('--frames', type=int, default=0,
                        help='so many frames of the query; 0: all. The map is always whole')
    parser.add_argument('--noise', type=float, default=0.0,
                        help='added anew to the descriptor of each query, relative to it')
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args()
    unknown = set(filter(None, given.cases.split(','))) - set(CASES)
    if unknown:
        raise SystemExit(f'no case is named {", ".join(sorted(unknown))}: there are '
                         f'{", ".join(CASES)}')
    return given


def _constant(speed: float) -> Drive:
    return lambda frames, _: np.arange(0.0, frames - 1 + 1e-9, speed)


def _mixed(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return where a robot is that changes its speed, and stops now and then."""
    steps: list[float] = []
    while sum(steps) < frames:
        steps += [float(rng.choice(SPEEDS))] * int(rng.integers(10, 61))
        if rng.random() < 0.5:
            steps += [0.0] * int(rng.integers(5, 26))
    way = np.cumsum(steps) - steps[0]
    return way[way <= frames - 1]


CASES: dict[str, Drive] = {
    '1x': _constant(1.0), '0.5x': _constant(0.5), '0.75x': _constant(0.75),
    '1.5x': _constant(1.5), '2x': _constant(2.0),
    'reverse': lambda frames, _: np.arange(frames - 1.0, -1.0, -1.0), 'mixed': _mixed,
}


def _odometry(way: NDArray[np.float64], rng: np.random.Generator) -> list[Pose]:
    """Return where odometry has the robot: the length of each step is off by some per cent."""
    steps = np.diff(way, prepend=way[0])
    noisy = steps * (1.0 + ODOMETRY_NOISE * rng.standard_normal(len(steps)))
    return [Pose.from_xy_yaw(float(x), 0.0, 0.0) for x in np.cumsum(noisy)]


def _map(extractor: Extractor, places: Iterable[Description], *, posed: bool) -> Snapshot:
    """Return a map of places, with poses on a straight line, a metre apart, or without."""
    with tempfile.TemporaryDirectory() as folder, PlaceMap.create(
            Path(folder) / 'map.vprmap', extractor.identity) as place_map:
        place_map.add_session('reference', source='benchmark')
        place_map.append('reference', [
            NewPlace(d.stamp_ns, (View(d.camera, d.descriptor),),
                     Pose.from_xy_yaw(float(n), 0.0, 0.0) if posed else None)
            for n, d in enumerate(places)])
        return place_map.snapshot()


@dataclass(frozen=True)
class Outcome:
    """
    What the answers of one filter are worth.

    :param recall: share of frames whose best answer is right.
    :param known: share of frames that were answered with "known".
    :param right: share of those that were right, nan for none.
    """

    recall: float
    known: float
    right: float


@dataclass(frozen=True, eq=False)
class _Run:
    """
    A query traverse, driven again.

    :param way: (n,) where the robot is at each query, in frames.
    :param are_matches: of (queries, rows).
    """

    looks: list[Description]
    way: NDArray[np.float64]
    are_matches: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]
    period_ns: int
    noise: float

    def drive(self, snapshot: Snapshot, extractor: Extractor, filters: list[str],
              odometry: list[Pose] | None = None) -> dict[str, list[Localization]]:
        """Return the answers of each filter; each frame is asked of all before the next."""
        localizers = {name: Localizer(snapshot, extractor, _settings(name)) for name in filters}
        answers: dict[str, list[Localization]] = {name: [] for name in filters}
        for n, at in enumerate(self.way):
            look = Description((n + 1) * self.period_ns,
                               self._seen(self.looks[int(at + 0.5)].descriptor, n))
            # Each begins as often as the others: what ran before fills the caches.
            for name in np.roll(filters, n).tolist():
                answers[name].append(localizers[name].match(
                    look, T_odom_base=odometry[n] if odometry else None))
        return answers

    def _seen(self, descriptor: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        """Return a descriptor as the n-th query has it: no camera sees the same twice."""
        if self.noise <= 0.0:
            return descriptor
        drawn = np.random.default_rng([n, 2]).standard_normal(len(descriptor), dtype=np.float32)
        noisy = descriptor + self.noise / np.sqrt(len(descriptor)) * drawn
        return np.asarray(noisy / np.linalg.norm(noisy), np.float32)

    def outcome(self, snapshot: Snapshot, answers: list[Localization]) -> Outcome:
        """Compare answers with the truth; no answer is a wrong one."""
        found = np.full(len(answers), -1, np.int64)
        some = np.array([bool(a.candidates) for a in answers])
        ids = [a.candidates[0].place_id for a in answers if a.candidates]
        found[some] = snapshot.rows_of(np.array(ids, np.int64))
        right = self.are_matches(np.arange(len(answers)), found)
        known = np.array([a.known for a in answers])
        return Outcome(float(right.mean()), float(known.mean()),
                       float(right[known].mean()) if known.any() else float('nan'))


def _settings(name: str) -> MatchingSettings:
    kind, _, frames = name.partition(':')
    values: dict[str, object] = {'filter': 'none' if kind == 'single' else kind, **SETTINGS}
    if frames:
        values['sequence_frames'] = int(frames)
    return MatchingSettings.model_validate(values)


def _milliseconds(answers: list[Localization]) -> dict[str, float]:
    """Return the median of each stage."""
    return {stage: statistics.median(a.stage_times_ns[stage] for a in answers) / 1e6
            for stage in answers[0].stage_times_ns}


def _total(answers: list[Localization], left_out: tuple[str, ...] = ()) -> float:
    """Return the median of a frame's milliseconds, without some stages."""
    return statistics.median(
        sum(ns for stage, ns in a.stage_times_ns.items() if stage not in left_out)
        for a in answers) / 1e6


def _print_row(case: str, name: str, outcome: Outcome, answers: list[Localization]) -> None:
    stages = ', '.join(f'{s} {ms:.2f}' for s, ms in _milliseconds(answers).items())
    right = '-' if np.isnan(outcome.right) else f'{outcome.right:.3f}'
    print(f'{case:<24}{name:<18}{outcome.recall:>7.3f}{outcome.known:>8.3f}{right:>8}'
          f'{len(answers):>8}   {_total(answers):.2f}: {stages}', flush=True)


def _print_costs(answers: dict[str, list[Localization]]) -> None:
    """Print what a frame costs, and in terms of what it costs the filter "forward"."""
    print(f'\n{"median ms a frame":<24}{"all stages":>12}{"/ forward":>12}'
          f'{"without " + " and ".join(LOOKING):>30}{"/ forward":>12}')
    base = answers.get('forward', [])
    for name, found in answers.items():
        whole, rest = _total(found), _total(found, LOOKING)
        ratios = ['-', '-'] if not base else [
            f'{whole / _total(base):.2f}', f'{rest / _total(base, LOOKING):.2f}']
        print(f'{name:<24}{whole:>12.3f}{ratios[0]:>12}{rest:>30.3f}{ratios[1]:>12}')


def _print_place_by_place(forward: list[Localization], places: int, frames: int = 20,
                          repeats: int = 5) -> None:
    """Print what SeqSLAM costs a frame in the loops of its public implementation."""
    differences = np.random.default_rng(0).random((places, frames))
    back = np.array([[steps_back(speed, ago) for ago in range(frames)]
                     for speed in SEQSLAM_SPEEDS])
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        column = differences[:, 0]
        for place in range(places):
            around = column[max(place - WINDOW_PLACES, 0):place + WINDOW_PLACES + 1]
            differences[place, -1] = (column[place] - around.mean()) / around.std()
        best = np.full(places, np.inf)
        for place in range(int(back.max()), places):
            best[place] = differences[place - back, np.arange(frames)].sum(axis=1).min()
        seconds.append(time.perf_counter() - began)
    took = statistics.median(seconds) * 1e3
    ratio = '-' if not forward else f'{took / _total(forward, LOOKING):.0f}'
    print(f'{f"seqslam:{frames}, place by place":<36}{"":>12}{took:>30.3f}{ratio:>12}')


if __name__ == '__main__':
    main()
