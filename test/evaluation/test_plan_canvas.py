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

"""The ground that plans are drawn on."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from vpr_ros.evaluation.plan import Outline
from vpr_ros.evaluation.plan_canvas import apart
from vpr_ros.evaluation.plan_canvas import draw_plan
from vpr_ros.evaluation.plan_canvas import joined
from vpr_ros.evaluation.plan_canvas import lines
from vpr_ros.evaluation.plan_canvas import PlanView
from vpr_ros.evaluation.plan_canvas import start_sign
from vpr_ros.evaluation.plan_canvas import WIDTH


@pytest.mark.parametrize('points', [
    [(0, 0), (100, 50)], [(0, 0), (3, 900)], [(7, 8)], [(-5000, 2), (5000, 3)]])
def test_a_view_shows_all_points_with_a_margin(points):
    points = np.array(points, float)
    view = PlanView.around(points)
    x, y = view.at(points).T
    assert x.min() >= 28 - 1e-6
    assert x.max() <= WIDTH - 28 + 1e-6
    assert y.min() >= 28 - 1e-6
    assert y.max() <= view.height - 28 + 1e-6
    # In the middle, y up, one scale.
    assert x.min() + x.max() == pytest.approx(WIDTH)
    assert y.min() + y.max() == pytest.approx(view.height)
    step = np.diff(view.at(np.array([(0, 0), (1, 1)])), axis=0)[0]
    assert step == pytest.approx((view.scale, -view.scale))


def test_jumps_and_unknown_points_are_not_joined():
    points = np.array([(0, 0), (4, 0), (8, 0), (8, 0), (100, 0), (104, 0), (np.nan, np.nan),
                       (108, 0)], float)
    assert joined(points).tolist() == [True, True, True, False, True, False, False]
    assert joined(points[:1]).tolist() == []


def test_lines_go_where_segments_are_and_dots_stand_alone():
    points = np.array([(0, 0), (4, 0), (8, 0), (12, 0)], float)
    path = lines(points, np.array([True, True, False]), np.ones(4, bool), 'x', 'stroke:red')
    assert path == '<path class="x" d="M0 0 4 0 8 0M12 0h0" style="stroke:red"></path>'
    assert lines(points, np.zeros(3, bool), np.zeros(4, bool), 'x') == ''


def test_points_that_lie_together_are_one():
    assert apart(np.array([(0, 0), (0.4, 0), (0.9, 0), (1.1, 0)]), 1.0) == [(0, 0), (1.1, 0)]


def test_the_start_points_where_the_drive_goes():
    sign, label = start_sign(np.array([(50.0, 50.0), (51.0, 50.0), (50.0, 80.0)]), 200)
    assert 'translate(50 50) rotate(90)' in sign
    # The drive goes down the page, so the word stands above.
    assert float(re.search(r' y="([\d.]+)"', label)[1]) < 50
    still, _ = start_sign(np.array([(50.0, 50.0)]), 200)
    assert still.startswith('<circle')


def test_ground_out_of_sight_is_not_drawn():
    view = PlanView.around(np.array([(0.0, 0.0), (100.0, 100.0)]))
    square = np.array([(0, 0), (10, 0), (10, 10), (0, 10)], float)
    outlines = (Outline('green', square), Outline('building', square + 10_000))
    root = ElementTree.fromstring(draw_plan(
        view, outlines, view.at(square), [], 'title', 'words'))
    kinds = [e.get('class') for e in root.iter('path') if 'ground' in (e.get('class') or '')]
    assert kinds == ['ground green']
    assert root.find('title').text == 'title'
