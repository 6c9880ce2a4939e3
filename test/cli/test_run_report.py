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

"""From a run over real images to what its report is made of."""

from pathlib import Path
import shutil

import numpy as np
import pytest
from vpr_ros.cli.map import build_map
from vpr_ros.cli.run import localize_source
from vpr_ros.cli.run import Run
from vpr_ros.cli.run_report import make_run_report
from vpr_ros.cli.run_report import write_run_report
from vpr_ros.cli.sources import FrameSource
from vpr_ros.cli.sources import open_source
from vpr_ros.evaluation.plan import Outline
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.settings import BuildSettings
from vpr_ros.settings import LocalizeSettings

THUMBNAIL = ExtractionSettings(network='thumbnail', device='cpu')
HOUSE = Outline('building', [(0, 5), (20, 5), (20, 15), (0, 15)])


def localize(reference: Path, query: Path, map_path: Path) -> tuple[Run, FrameSource]:
    build_map(open_source(None, reference), map_path, BuildSettings(extraction=THUMBNAIL))
    source = open_source(None, query)
    return localize_source(
        source, LocalizeSettings(map=str(map_path), extraction=THUMBNAIL)), source


@pytest.fixture
def unposed(traverses: Path, tmp_path: Path) -> Path:
    """Return the evening without poses."""
    folder = Path(shutil.copytree(traverses / 'evening', tmp_path / 'unposed'))
    (folder / 'poses.csv').unlink()
    return folder


def test_the_plan_knows_where_queries_and_places_are(traverses, tmp_path):
    run, source = localize(traverses / 'morning', traverses / 'evening', tmp_path / 'a.vprmap')
    plan = make_run_report(run, source, plan_background=(HOUSE,)).plan
    wanted = [(place * 10.0, 0.0) for place in range(12)]
    np.testing.assert_allclose(plan.query_positions, wanted)
    np.testing.assert_allclose(plan.place_positions, wanted)
    assert plan.background == (HOUSE,)
    page = tmp_path / 'a.html'
    write_run_report(run, source, page, plan_background=(HOUSE,))
    assert 'ground building' in page.read_text()


def test_without_poses_of_the_queries_there_is_no_plan(traverses, unposed, tmp_path):
    run, source = localize(traverses / 'morning', unposed, tmp_path / 'a.vprmap')
    assert make_run_report(run, source, plan_background=(HOUSE,)).plan is None


def test_a_map_without_poses_leaves_the_drive_on_the_plan(traverses, unposed, tmp_path):
    run, source = localize(unposed, traverses / 'evening', tmp_path / 'a.vprmap')
    plan = make_run_report(run, source).plan
    assert plan.known_queries.all()
    assert plan.known_places.tolist() == [False] * 12


def test_a_run_remembers_no_local_features(traverses, tmp_path):
    orb = ExtractionSettings(network='thumbnail', local_features='orb', device='cpu')
    build_map(open_source(None, traverses / 'morning'), tmp_path / 'a.vprmap',
              BuildSettings(extraction=orb))
    run = localize_source(open_source(None, traverses / 'evening'), LocalizeSettings(
        map=str(tmp_path / 'a.vprmap'), extraction=orb))
    assert 'geometry' in run.answers[-1].localization.stage_times_ns  # they were looked at
    assert {answer.description.local_features for answer in run.answers} == {None}
