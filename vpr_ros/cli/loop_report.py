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

"""From the loops of a run to their report: the numbers first, then pictures of examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from datetime import timezone
from pathlib import Path
import sys
from typing import Any
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from vpr_ros import __version__

if TYPE_CHECKING:
    from vpr_ros.cli.loop_run import LoopRun
    from vpr_ros.cli.sources import FrameSource
    from vpr_ros.evaluation.loop_run import LoopReport
    from vpr_ros.evaluation.loop_truth import LoopTruth
    from vpr_ros.settings import LoopsSettings
    from vpr_ros.types import Frame

__all__ = ['loop_truth', 'make_loop_report', 'write_loop_run_report']


def write_loop_run_report(run: LoopRun, source: FrameSource, settings: LoopsSettings,
                          path: Path) -> LoopReport:
    """Write the HTML report of the loops of a run; with truth where the source knows it."""
    from vpr_ros.evaluation.loop_report import write_loop_report

    report = _with_pictures(make_loop_report(run, settings, images=source.count), run, source)
    write_loop_report(report, path)
    return report


def loop_truth(run: LoopRun) -> LoopTruth | None:
    """Return where the robot truly was at each keyframe; None where that is not known of all."""
    from vpr_ros.evaluation.loop_truth import LoopTruth

    poses = [k.T_map_base for k in run.keyframes if k.T_map_base is not None]
    if not poses or len(poses) < len(run.keyframes):
        return None
    return LoopTruth(np.array([pose.position[:2] for pose in poses]),
                     np.array([pose.yaw() for pose in poses]),
                     np.array([k.detection.searchable for k in run.keyframes], np.int64))


def make_loop_report(run: LoopRun, settings: LoopsSettings, *, images: int = 0) -> LoopReport:
    """Put the numbers of a run together, without pictures."""
    from vpr_ros.evaluation.loop_run import LoopReport
    from vpr_ros.evaluation.metrics import precision_recall
    from vpr_ros.evaluation.run import Provenance

    rows = run.rows
    best = [k.detection.localization for k in run.keyframes]
    probabilities = np.array([np.nan if b is None else b.probability for b in best])
    truth = loop_truth(run)
    correct = revisits = curve = None
    if truth is not None:
        revisits = truth.revisits
        ends = np.array([(rows[c.query_place_id], rows[c.match_place_id]) for c in run.closures],
                        np.int64).reshape(-1, 2)
        correct = truth.right(ends[:, 0], ends[:, 1])
        named = np.array([rows[b.candidates[0].place_id] if b is not None and b.candidates else -1
                          for b in best], np.int64)
        right = (named >= 0) & truth.right(np.arange(len(named)), np.maximum(named, 0))
        curve = precision_recall(np.nan_to_num(probabilities), right, revisits)
    positions, source = _positions(run)
    loops, matching = settings.loops, settings.matching
    network = next((b.network for b in best if b is not None), '')
    return LoopReport(
        title=f'Loops of {run.session}', session=run.session, network=network,
        place_ids=np.array(list(rows), np.int64),
        stamps_ns=np.array([k.stamp_ns for k in run.keyframes], np.int64),
        closures=tuple(run.closures), positions=positions, positions_from=source, images=images,
        probabilities=probabilities, least_probability=matching.known_probability,
        correct=correct, revisits=revisits, curve=curve,
        right_means='' if truth is None else truth.meaning,
        settings=(
            ('left out', f'the last {loops.exclude_s:g} s and {loops.exclude_m:g} m'),
            ('keyframes', f'every {loops.keyframe_distance_m:g} m or '
                          f'{loops.keyframe_angle_rad:g} rad; without odometry every '
                          f'{loops.keyframe_interval_s:g} s'),
            ('drift of odometry', f'{loops.odometry_drift:.0%} of the way'
             if loops.odometry_drift else 'not asked'),
            ('least inliers', str(loops.least_inliers))),
        provenance=Provenance(
            command=' '.join(['vpr_ros', *sys.argv[1:]]), version=__version__,
            created=f'{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC'))


def _positions(run: LoopRun) -> tuple[NDArray[np.float64] | None, str]:
    """Return (K, 2) where the keyframes are, and who says so."""
    for poses, source in (([k.T_map_base for k in run.keyframes], 'truth'),
                          ([k.T_odom_base for k in run.keyframes], 'odometry')):
        if any(pose is not None for pose in poses):
            return np.array([(np.nan, np.nan) if pose is None else pose.position[:2]
                             for pose in poses]), source
    return None, ''


def _with_pictures(report: LoopReport, run: LoopRun, source: FrameSource) -> LoopReport:
    from vpr_ros.evaluation.loop_run import choose_loop_examples
    from vpr_ros.evaluation.loop_run import LoopExample
    from vpr_ros.evaluation.pictures import fit_within

    chosen = choose_loop_examples(report.closures, report.correct)
    wanted = {stamp for row in chosen for stamp in (report.closures[row].query_stamp_ns,
                                                    report.closures[row].match_stamp_ns)}
    pictures: dict[int, NDArray[Any]] = {}
    for frame in _frames_at(wanted, source):
        if frame.stamp_ns in wanted and frame.camera == source.cameras[0]:
            pictures[frame.stamp_ns] = fit_within(frame.image, 480, 360)
            if len(pictures) == len(wanted):
                break
    return replace(report, examples=tuple(
        LoopExample(row, pictures[report.closures[row].query_stamp_ns],
                    pictures[report.closures[row].match_stamp_ns]) for row in chosen))


def _frames_at(stamps_ns: set[int], source: FrameSource) -> Iterator[Frame]:
    """Yield at least the frames of these stamps, without those that can be left unread."""
    from vpr_ros.cli.sources import TraverseSource

    if not isinstance(source, TraverseSource):
        yield from source.frames()
        return
    for index in np.flatnonzero(np.isin(source.traverse.stamps_ns, list(stamps_ns))).tolist():
        yield source.traverse[index]
