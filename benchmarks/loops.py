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
Measure how well a robot that builds its own map finds the places where it was before.

Example::

    python benchmarks/loops.py
    python benchmarks/loops.py --seeds 0 --no-odometry

One session in the generated town: the loop by day, a break of a minute, the same loop by night a
year later, another break, and then streets of equal houses where it never was. Odometry drifts
all the while and goes on over the breaks. A keyframe should be found again where an older one that
may be searched lies within 10 m and faces the same way within 45 degrees.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import time

import numpy as np
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.town import Town
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.evaluation.loop_truth import LoopTruth
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.metrics import recall_at_full_precision
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.matching.loop_detector import LoopDetection
from vpr_ros.matching.loop_detector import LoopDetector
from vpr_ros.settings import LoopsSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

DRIVES = {'day': Drive(rate_hz=1.0),
          'night': Drive(condition=parse_condition('night'), seed=9, years=1, rate_hz=1.0),
          'look-alikes': Drive('terraces', seed=2, rate_hz=1.0)}
BREAK_NS = 60 * 10**9


def main() -> None:
    """Read the command line, drive, print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='of the town')
    parser.add_argument('--rate', type=float, default=1.0, help='images a second')
    parser.add_argument('--network', default='', help='the default one when left out')
    parser.add_argument('--local-features', default='auto')
    parser.add_argument('--no-odometry', action='store_true', help='images and clock alone')
    parser.add_argument('--drift', type=float, help='standard deviation of odometry that is '
                        'believed, per metre; 0: as far as one likes')
    parser.add_argument('--threads', type=int, default=0)
    arguments = parser.parse_args()
    settings = LoopsSettings()
    if arguments.drift is not None:
        settings = settings.model_copy(update={'loops': settings.loops.model_copy(
            update={'odometry_drift': arguments.drift})})
    extractor = make_extractor(ExtractionSettings(
        network=arguments.network, threads=arguments.threads,
        local_features=arguments.local_features))
    print(f'{"seed":>4}{"keyframes":>10}{"revisits":>9}{"R@100P":>8}{"recall":>8}{"precision":>10}'
          f'  closures right+wrong by drive{"":11}ms a keyframe, without describing')
    for seed in arguments.seeds:
        drives = [replace(drive, rate_hz=arguments.rate) for drive in DRIVES.values()]
        print(drive_town(seed, drives, extractor, settings, odometry=not arguments.no_odometry),
              flush=True)


@dataclass(frozen=True)
class Seen:
    """A keyframe: of which drive it is, where, what was found, and how long that took."""

    drive: int
    pose: Pose
    found: LoopDetection
    ms: float


def drive_town(seed: int, drives: Sequence[Drive], extractor: Extractor,
               settings: LoopsSettings, *, odometry: bool) -> str:
    """Return a line of the table."""
    town = Town(seed)
    detector = LoopDetector(extractor, settings.loops, settings.matching, session=f'town {seed}')
    seen = []
    for number, frame in one_after_the_other([town.drive(drive) for drive in drives]):
        began = time.perf_counter()
        found = detector.detect([frame if odometry else replace(frame, T_odom_base=None)])
        ms = (time.perf_counter() - began) * 1e3
        if found.place_id is not None:
            assert frame.T_map_base is not None
            if found.localization is not None:
                ms -= found.localization.stage_times_ns.get('describe', 0) / 1e6
            seen.append(Seen(number, frame.T_map_base, found, ms))
    return line(seed, seen)


def one_after_the_other(traverses: Sequence[Traverse]) -> Iterator[tuple[int, Frame]]:
    """Yield the frames of traverses as of one session, with the number of the traverse."""
    last: Frame | None = None
    for number, traverse in enumerate(traverses):
        shift_ns, T_odom_other = 0, Pose.identity()
        begun = False
        for frame in traverse.frames():
            assert frame.T_odom_base is not None
            assert frame.T_map_base is not None
            if not begun and last is not None:
                assert last.T_odom_base is not None
                assert last.T_map_base is not None
                shift_ns = last.stamp_ns + BREAK_NS - frame.stamp_ns
                # Where it goes on is where it truly is from where it stopped.
                way = last.T_map_base.inverse() @ frame.T_map_base
                T_odom_other = last.T_odom_base @ way @ frame.T_odom_base.inverse()
            begun = True
            shifted = replace(frame, stamp_ns=frame.stamp_ns + shift_ns,
                              T_odom_base=T_odom_other @ frame.T_odom_base)
            yield number, shifted
            latest = shifted
        last = latest


def line(seed: int, seen: Sequence[Seen]) -> str:
    """Judge what was found, and say it in one line."""
    truth = LoopTruth(np.array([s.pose.position[:2] for s in seen]),
                      np.array([s.pose.yaw() for s in seen]),
                      np.array([s.found.searchable for s in seen], np.int64))
    rows = {s.found.place_id: row for row, s in enumerate(seen)}
    best = np.array([rows[s.found.localization.candidates[0].place_id]
                     if s.found.localization and s.found.localization.candidates else -1
                     for s in seen])
    right = (best >= 0) & truth.right(np.arange(len(seen)), np.maximum(best, 0))
    closed = np.array([s.found.closure is not None for s in seen])
    scores = np.array([s.found.closure.probability if s.found.closure else 0.0 for s in seen])
    # A keyframe that closes nothing is not accepted at any threshold.
    offered = np.where(closed, scores, -1.0)
    curve = precision_recall(offered, right & closed, truth.revisits)
    full = recall_at_full_precision(curve)
    drive = np.array([s.drive for s in seen])
    each = ', '.join(f'{name} {(closed & right & (drive == n)).sum()}'
                     f'+{(closed & ~right & (drive == n)).sum()}'
                     for n, name in enumerate(DRIVES))
    ms = np.array([s.ms for s in seen if s.found.localization is not None])
    return (f'{seed:>4}{len(seen):>10}{truth.revisits.sum():>9}{full.recall:>8.3f}'
            f'{(closed & right).sum() / max(truth.revisits.sum(), 1):>8.3f}'
            f'{(closed & right).sum() / max(closed.sum(), 1):>10.3f}  {each:40}'
            f'median {np.median(ms):.0f}, 95 % {np.quantile(ms, 0.95):.0f}')


if __name__ == '__main__':
    main()
