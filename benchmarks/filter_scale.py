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
Measure what a frame costs to follow in maps of many places, search apart.

Example::

    python benchmarks/filter_scale.py --places 10000,100000,1000000

Places are random directions in 64 numbers, in traverses of 1,000; a robot drives through 60 of
them and sees each with noise. Search is exact, and its time is that of this width.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.followers import make_follower
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing

WIDTH, TRAVERSE, FRAMES, FIRST = 64, 1000, 60, 500
SECOND = 10 ** 9


def main() -> None:
    """Print one row per size of map."""
    parser = argparse.ArgumentParser(description='Following a robot in large maps.')
    parser.add_argument('--places', default='10000,100000,1000000')
    parser.add_argument('--noise', type=float, default=1.0, help='relative to the descriptor')
    given = parser.parse_args()
    stages = ('search', 'evidence', 'motion', 'filter')
    print(f'{"places":>10}{"open, s":>10}' + ''.join(f'{f"{s}, ms":>14}' for s in stages)
          + f'{"all but search":>16}{"right":>8}')
    for count in map(int, given.places.split(',')):
        rng = np.random.default_rng(0)
        snapshot = _map(rng, count)
        index = FlatIndex(snapshot)
        began = time.perf_counter()
        follower = make_follower(snapshot, index, MatchingSettings())
        opened = time.perf_counter() - began
        times, right = [], 0
        for n in range(FRAMES):
            seen = snapshot.descriptors[FIRST + n] + given.noise * _directions(rng, 1)[0]
            spent = StageTimes()
            belief = follower.follow(
                Look(n * SECOND, (seen / np.linalg.norm(seen)).astype(np.float32)), spent)
            best = belief.rows[np.argmax(belief.probabilities)] if len(belief.rows) else -1
            right += best == FIRST + n
            times.append({stage: spent.get(stage, 0) / 1e6 for stage in stages})
        medians = {s: statistics.median(t[s] for t in times) for s in stages}
        rest = statistics.median(sum(t.values()) - t['search'] for t in times)
        print(f'{count:>10}{opened:>10.2f}' + ''.join(f'{medians[s]:>14.2f}' for s in stages)
              + f'{rest:>16.2f}{right / FRAMES:>8.2f}', flush=True)


def _map(rng: np.random.Generator, count: int) -> Snapshot:
    numbers = np.arange(count)
    sessions = numbers // TRAVERSE
    return Snapshot(
        map_id='benchmark', revision=1,
        network=NetworkIdentity('benchmark', '', WIDTH, Preprocessing(8, 8)),
        sessions=tuple(f'{n}' for n in range(int(sessions[-1]) + 1)), cameras=('front',),
        place_ids=numbers + 1, stamps_ns=numbers * SECOND, session_of=sessions,
        poses=Poses(np.full((count, 7), np.nan), np.zeros((0, 6, 6)), np.zeros(0, np.int64)),
        view_rows=numbers, view_cameras=np.zeros(count, np.int64),
        descriptors=_directions(rng, count))


def _directions(rng: np.random.Generator, count: int) -> np.ndarray:
    drawn = rng.standard_normal((count, WIDTH), dtype=np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn


if __name__ == '__main__':
    main()
