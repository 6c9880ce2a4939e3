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

"""From a run to its report: the numbers first, then pictures of the examples it chose."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from datetime import timezone
from itertools import islice
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from vpr_ros import __version__

if TYPE_CHECKING:
    from vpr_ros.cli.run import Run
    from vpr_ros.cli.sources import FrameSource
    from vpr_ros.datasets.ground_truth import GroundTruth
    from vpr_ros.evaluation.plan import Outline
    from vpr_ros.evaluation.plan import Plan
    from vpr_ros.evaluation.run import RunReport

__all__ = ['make_run_report', 'write_run_report']

# A similarity matrix beyond this many entries is left out of a report.
_LARGEST_MATRIX = 50_000_000


def write_run_report(run: Run, source: FrameSource, path: Path, *,
                     truth: GroundTruth | None = None,
                     plan_background: tuple[Outline, ...] = ()) -> RunReport:
    """
    Write the HTML report of a run.

    :param truth: for the places of the map in its order, and the frames of the source.
    :param plan_background: what lies around the drive, for the plan; a plan is drawn when the
        source knows where its frames were taken.
    """
    from vpr_ros.evaluation.report import write_report
    from vpr_ros.evaluation.run import choose_examples

    report = make_run_report(run, source, truth=truth, plan_background=plan_background)
    mistakes, spread = choose_examples(report)
    report = _with_pictures(report, run, source, {*mistakes, *spread})
    write_report(report, path)
    return report


def make_run_report(run: Run, source: FrameSource, *,
                    truth: GroundTruth | None = None,
                    plan_background: tuple[Outline, ...] = ()) -> RunReport:
    """Put the numbers of a run together, without pictures."""
    import numpy as np
    from vpr_ros.evaluation.run import MapSummary
    from vpr_ros.evaluation.run import Provenance
    from vpr_ros.evaluation.run import QueryResult
    from vpr_ros.evaluation.run import RunReport

    snapshot = run.snapshot
    results = []
    for index, answer in enumerate(run.answers):
        found = answer.localization.candidates
        place = int(snapshot.rows_of(np.array([found[0].place_id]))[0]) if found else None
        results.append(QueryResult(index, answer.localization, place,
                                   attention=answer.description.attention))
    similarity = None
    if 0 < len(results) * len(snapshot) <= _LARGEST_MATRIX:
        queries = np.stack([a.description.descriptor for a in run.answers])
        similarity = np.full((len(queries), len(snapshot)), -1.0, np.float32)
        np.maximum.at(similarity.T, snapshot.view_rows, snapshot.descriptors @ queries.T)
    reference = ', '.join(snapshot.sessions)
    return RunReport(
        title=f'{source.label} in {reference}', reference=reference, query=source.label,
        map=MapSummary(
            id=snapshot.map_id, revision=snapshot.revision,
            network=run.answers[0].localization.network if run.answers else '',
            places=len(snapshot), dimension=int(snapshot.descriptors.shape[1]),
            size_bytes=run.map_path.stat().st_size),
        results=tuple(results), similarity=similarity, truth=truth,
        provenance=Provenance(
            command=' '.join(['vpr_ros', *sys.argv[1:]]), version=__version__,
            created=f'{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC'),
        plan=_plan(run, plan_background))


def _plan(run: Run, background: tuple[Outline, ...]) -> Plan | None:
    """Return the plan of a run; None when nobody knows where any of its frames was taken."""
    from vpr_ros.evaluation.plan import Plan
    from vpr_ros.maps.poses import Poses

    if all(answer.T_map_base is None for answer in run.answers):
        return None
    return Plan(Poses.of([answer.T_map_base for answer in run.answers]).positions[:, :2],
                run.snapshot.poses.positions[:, :2], background)


def _with_pictures(report: RunReport, run: Run, source: FrameSource,
                   chosen: set[int]) -> RunReport:
    from vpr_ros.evaluation.pictures import fit_within
    from vpr_ros.maps.place_map import PlaceMap

    results = list(report.results)
    last = max(chosen, default=-1)
    with PlaceMap.open(run.map_path) as place_map:
        # An answer is of a moment: of several cameras the first leads.
        leading = (frame for frame in source.frames() if frame.camera == source.cameras[0])
        for index, frame in enumerate(islice(leading, last + 1)):
            if index in chosen:
                found = results[index].localization.candidates
                match = place_map.thumbnail(found[0].place_id, found[0].camera) if found else None
                results[index] = replace(results[index], match_image=match,
                                         query_image=fit_within(frame.image, 640, 480))
    return replace(report, results=tuple(results))
