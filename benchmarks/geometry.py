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
Measure what local features say of two images: is it one place, and how was the robot turned.

Example::

    python benchmarks/geometry.py --pairs day:another_day,day:night --kinds network,sift,orb
    python benchmarks/geometry.py --data ../shared/data/benchmark/gardens_point

Each query is compared with the place of the reference that is most like it among those it was
taken at, and with the three that are most like it among those it was not (by the descriptors of
the default network: look-alikes). "tells" is the area under the curve of the number of matches
that agree, right places against wrong: 1 tells them apart, 0.5 is chance.

In the town cameras are calibrated and poses known, so the relative pose is compared with the
truth, of all right places: first from the images alone, then with the depths of the map's image.
"doubt" is the median of the normalised squared error of the valid ones: 2.4 where three numbers
are as uncertain as their covariance says, 5.3 for six; less is too careful, more too sure.
Times are processor time of one comparison, right and wrong ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from itertools import combinations
from itertools import islice
import time
from typing import Any

import cv2
import numpy as np
from vpr_ros.datasets.dataset import Dataset
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.datasets.town.town import DRIVES
from vpr_ros.datasets.town.town import Town
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.geometry.sight import Sight
from vpr_ros.matching.geometry.verifier import Verification
from vpr_ros.matching.geometry.verifier import verify
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

AGREEMENTS = ('similarity', 'homography', 'essential')
LOOK_ALIKES = 3
# Between right and wrong lies what may be either.
WRONG_FRAMES = 6
WRONG_M = 15.0
# Radians; who looks elsewhere at a place sees another one.
LARGEST_TURN = 0.7


def main() -> None:
    """Print what each kind of features tells, for each pair of traverses."""
    parser = argparse.ArgumentParser(description='What local features say of two images.')
    parser.add_argument('--data', default='town')
    parser.add_argument('--pairs', default='', help='only these, as reference:query,...')
    parser.add_argument('--kinds', default='network,sift,orb', help='of local features')
    parser.add_argument('--local-weights', default='', help='file of ALIKED-n16')
    parser.add_argument('--every', type=int, default=3, help='of so many queries, one is compared')
    parser.add_argument('--frames', type=int, default=0,
                        help='only so many of each traverse, the first; 0: all')
    given = parser.parse_args()
    cv2.setNumThreads(1)
    dataset = open_dataset(given.data)
    pairs = [tuple(p.split(':')) for p in given.pairs.split(',') if p] or list(
        combinations(dataset.traverses(), 2))
    kinds = given.kinds.split(',')
    extractors = [make_extractor(ExtractionSettings(
        threads=1, local_features=kind,
        local_weights=given.local_weights if kind == 'aliked' else '')) for kind in kinds]
    seen = {name: _read(dataset, name, extractors, given.frames)
            for name in dict.fromkeys(sum(pairs, ()))}
    for reference, query in pairs:
        print(f'{reference} -> {query}')
        for kind in kinds:
            _measure(kind, seen[reference][kind], seen[query][kind], given.every)


@dataclass(frozen=True)
class _Seen:
    """A traverse: what was seen with one kind of features, and where."""

    frames: list[Frame]
    descriptions: list[Description]

    def sight(self, index: int, *, depths: bool = False, calibrated: bool = True) -> Sight:
        features = self.descriptions[index].local_features
        assert features is not None
        if not depths:
            features = LocalFeatures(features.points, features.descriptors, features.scores)
        return Sight(features, self.frames[index].calibration if calibrated else None)


@dataclass
class _Poses:
    """Relative poses against the truth."""

    right: int = 0
    turns_deg: list[float] = field(default_factory=list)
    directions_deg: list[float] = field(default_factory=list)
    shifts_m: list[float] = field(default_factory=list)
    turn_doubts: list[float] = field(default_factory=list)
    pose_doubts: list[float] = field(default_factory=list)

    def add(self, said: Verification, truth: Pose) -> None:
        self.right += 1
        relative = said.relative_pose
        if relative is None or not relative.rotation_valid:
            return
        pose = relative.T_match_query
        assert pose.covariance is not None
        turn = cv2.Rodrigues(truth.rotation() @ pose.rotation().T)[0].ravel()
        off = np.concatenate([truth.position - pose.position, turn])
        self.turns_deg.append(float(np.degrees(np.linalg.norm(turn))))
        self.turn_doubts.append(float(turn @ np.linalg.solve(pose.covariance[3:, 3:], turn)))
        if relative.translation_valid:
            self.shifts_m.append(float(np.linalg.norm(off[:3])))
            self.pose_doubts.append(float(off @ np.linalg.solve(pose.covariance, off)))
        elif pose.position.any() and np.linalg.norm(truth.position) > 0.5:
            cosine = pose.position @ truth.position / np.linalg.norm(truth.position)
            self.directions_deg.append(float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))))


def _read(dataset: Dataset, name: str, extractors: Sequence[Extractor],
          frames: int) -> dict[str, _Seen]:
    """Describe a traverse with every kind of features; its images are read, or drawn, once."""
    traverse = dataset.traverse(name) if not isinstance(dataset, Town) else dataset.drive(
        replace(DRIVES[name], depth=True))
    kept: list[Frame] = []
    found: list[list[Description]] = [[] for _ in extractors]
    read = islice(traverse.frames(), frames or None)
    while batch := list(islice(read, 16)):
        for descriptions, extractor in zip(found, extractors, strict=True):
            descriptions += extractor.describe_batch(batch)
        kept += [replace(f, image=f.image[:1, :1].copy(), depth=None) for f in batch]
    return {extractor.local_kind.split('-')[0]: _Seen(kept, descriptions)
            for extractor, descriptions in zip(extractors, found, strict=True)}


def _measure(kind: str, reference: _Seen, query: _Seen, every: int) -> None:
    right, wrong = _chosen(reference, query, every)
    settings = GeometrySettings()
    calibrated = reference.frames[0].calibration is not None
    counts: dict[str, float] = {}
    for agreement in AGREEMENTS if calibrated else AGREEMENTS[:2]:
        asked = settings.model_copy(update={'agreement': agreement, 'least_inliers': 10_000})
        n = [[verify(reference.sight(m), query.sight(q), asked).inliers for m, q in pairs]
             for pairs in (right, wrong)]
        counts[agreement] = _auc(*n)
        if agreement == settings.agreement:
            print(f'  {kind:<8} {len(right)} right and {len(wrong)} wrong pairs; agree '
                  f'{np.median(n[0]):.0f} and {np.median(n[1]):.0f} (median)')
    print('    tells: ' + ', '.join(f'{name} {area:.3f}' for name, area in counts.items()))
    for depths in (False, True):
        if depths and reference.sight(0, depths=True).features.depths is None:
            continue
        poses, times = _Poses(), []
        for pairs in (right, wrong):
            for m, q in pairs:
                sights = reference.sight(m, depths=depths), query.sight(q)
                began = time.process_time()
                said = verify(*sights, settings)
                times.append((time.process_time() - began) * 1e3)
                if pairs is right and calibrated:
                    poses.add(said, _between(reference.frames[m], query.frames[q]))
        print(f'    {"with depths" if depths else "images alone"}: {np.median(times):.1f} ms, '
              f'95 % below {np.percentile(times, 95):.1f}' + (_told(poses) if calibrated else ''),
              flush=True)


def _told(poses: _Poses) -> str:
    n = max(poses.right, 1)
    text = (f'; turn {len(poses.turns_deg) / n:.0%} valid, off {_spread(poses.turns_deg)} deg, '
            f'doubt {_spread(poses.turn_doubts)}')
    if poses.directions_deg:
        text += (f'; direction {len(poses.directions_deg) / n:.0%} told, off '
                 f'{_spread(poses.directions_deg, 0)} deg')
    if poses.shifts_m:
        text += (f'; metres {len(poses.shifts_m) / n:.0%} valid, off {_spread(poses.shifts_m)} m, '
                 f'doubt {_spread(poses.pose_doubts)}')
    return text


def _spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median and the 90th percentile."""
    return ' / '.join(f'{np.percentile(values, p):.{digits}f}' for p in (50, 90)) \
        if values else '-'


def _between(match: Frame, query: Frame) -> Pose:
    assert match.T_map_base is not None and query.T_map_base is not None
    return match.T_map_base.inverse() @ query.T_map_base


def _chosen(reference: _Seen, query: _Seen,
            every: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return pairs (reference, query) of one place, and of places that look alike."""
    alike = np.stack([d.descriptor for d in query.descriptions]) @ np.stack(
        [d.descriptor for d in reference.descriptions]).T
    positions = [[f.T_map_base.position for f in s.frames if f.T_map_base is not None]
                 for s in (query, reference)]
    if all(positions):
        apart = np.linalg.norm(np.array(positions[0])[:, None] - np.array(positions[1]), axis=2)
        near, far = np.maximum(3.5, apart.min(axis=1) + 0.1), WRONG_M
        possible = apart.min(axis=1) <= 5.0
    else:
        apart = np.abs(np.arange(len(alike))[:, None] - np.arange(alike.shape[1])).astype(float)
        near, far, possible = np.ones(len(alike)), WRONG_FRAMES, np.ones(len(alike), bool)
    right, wrong = [], []
    for q in range(0, len(alike), every):
        if not possible[q]:
            continue
        here = np.array([m for m in np.flatnonzero(apart[q] <= near[q])
                         if _one_way(reference.frames[m], query.frames[q])], np.int64)
        if not len(here):
            continue
        right.append((int(here[alike[q, here].argmax()]), q))
        others = np.flatnonzero(apart[q] > far)
        wrong += [(int(m), q) for m in others[np.argsort(-alike[q, others])][:LOOK_ALIKES]]
    return right, wrong


def _one_way(match: Frame, query: Frame) -> bool:
    """Whether both look the same way, as far as is known."""
    a, b = match.T_map_base, query.T_map_base
    return a is None or b is None or a.angle_to(b) < LARGEST_TURN


def _auc(positive: Any, negative: Any) -> float:
    positive, negative = np.array(positive)[:, None], np.array(negative)
    return float((positive > negative).mean() + 0.5 * (positive == negative).mean())


if __name__ == '__main__':
    main()
