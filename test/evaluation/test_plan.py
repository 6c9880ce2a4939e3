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

"""The plan of a run: what it is made from, and what is drawn where."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from vpr_ros.evaluation.charts import Answer
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.plan import Outline
from vpr_ros.evaluation.plan import Plan
from vpr_ros.evaluation.plan_chart import answer_chart
from vpr_ros.evaluation.plan_chart import answer_keys
from vpr_ros.evaluation.plan_chart import truth_chart
from vpr_ros.evaluation.plan_chart import truth_keys
from vpr_ros.evaluation.report_style import STYLE

# 100 m to the right, then 50 m up, a position every 10 m. The map area is 520 wide with margins
# of 28, so one metre is 4.64 units and the area is 50 * 4.64 + 56 = 288 high.
DRIVE = np.array([(x, 0) for x in range(0, 101, 10)] + [(100, y) for y in range(10, 51, 10)])
SQUARE = np.array([(0, 0), (10, 0), (10, 10), (0, 10)])
NUMBER = r'-?[\d.]+'


def paths(svg, class_):
    """Return the subpaths of all paths of a class, each as a list of points."""
    found = [e.get('d') for e in ElementTree.fromstring(svg).iter('path')
             if e.get('class') == class_]
    return [[(float(x), float(y)) for x, y in re.findall(rf'({NUMBER}) ({NUMBER})', part)]
            for d in found for part in d.split('M')[1:]]


def marks(svg, kind):
    """Return the centres and the radius of the round signs of one kind."""
    found = [e.get('d') for e in ElementTree.fromstring(svg).iter('path')
             if e.get('class') == f'dot {kind}']
    signs = [tuple(map(float, m)) for d in found
             for m in re.findall(rf'M({NUMBER}) ({NUMBER})a({NUMBER}) ', d)]
    return [(round(x + r, 1), y) for x, y, r in signs], {r for _, _, r in signs}


def near(points):
    return [pytest.approx(point, abs=0.11) for point in points]


def right(plan):
    return [Answer(i, None, 0.9, Outcome.RIGHT) for i in range(len(plan.query_positions))]


def test_outlines_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="one of building, green, street, got 'lake'"):
        Outline('lake', SQUARE)
    with pytest.raises(ValueError, match='at least 3 corners'):
        Outline('green', SQUARE[:2])
    with pytest.raises(ValueError, match='all finite'):
        Outline('green', [(0, 0), (1, 0), (np.inf, 1)])
    with pytest.raises(ValueError, match=r'corners must have shape \(n, 2\), got \(4, 3\)'):
        Outline('green', np.zeros((4, 3)))


def test_positions_are_known_or_not_as_a_whole():
    plan = Plan([(0, 0), (np.nan, np.nan)], [(1, 2)])
    assert plan.known_queries.tolist() == [True, False]
    assert plan.known_places.tolist() == [True]
    for wrong in [(np.nan, 0)], [(0, np.inf)]:
        with pytest.raises(ValueError, match='place_positions is two finite metres'):
            Plan([(0, 0)], wrong)
        with pytest.raises(ValueError, match='query_positions is two finite metres'):
            Plan(wrong, [(0, 0)])
    with pytest.raises(ValueError, match=r'query_positions must have shape \(n, 2\), got \(2,\)'):
        Plan([0, 0], [(0, 0)])


def test_what_is_given_is_copied_and_kept():
    positions = np.zeros((2, 2))
    plan = Plan(positions, positions, background=[Outline('street', SQUARE)])
    positions[:] = 7
    assert plan.query_positions.tolist() == plan.place_positions.tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match='read-only'):
        plan.query_positions[0] = 1
    assert isinstance(plan.background, tuple)


def test_x_goes_right_and_y_up_at_one_scale():
    plan = Plan(DRIVE, DRIVE)
    svg = answer_chart(plan, right(plan))
    centres, _ = marks(svg, 'right')
    expected = [(28 + 4.64 * x, 260 - 4.64 * y) for x, y in DRIVE]
    assert centres == near(expected)
    assert expected[0] == (28, 260)
    assert ElementTree.fromstring(svg).find('svg').get('height') == '288'


def test_both_charts_show_one_area_and_the_mapped_route():
    plan = Plan(DRIVE, DRIVE + (0, 20))
    one = truth_chart(plan, np.ones(len(DRIVE), bool))
    other = answer_chart(plan, right(plan))
    boxes = {ElementTree.fromstring(svg).get('viewBox') for svg in (one, other)}
    assert len(boxes) == 1
    assert paths(one, 'route') == paths(other, 'route')
    assert len(paths(one, 'route')) == 1
    assert len(paths(one, 'route')[0]) == len(DRIVE)
    for svg, title in (one, 'What was true'), (other, 'What the run said'):
        assert ElementTree.fromstring(svg).find('title').text == title


def test_the_scale_bar_is_as_long_as_it_says():
    for metres, said, length in (1, '20 m', 92.8), (100, '2 km', 92.8), (0.25, '5 m', 92.8):
        svg = truth_chart(Plan(DRIVE * metres, DRIVE * metres), np.ones(len(DRIVE), bool))
        bar, = (e.get('d') for e in ElementTree.fromstring(svg).iter('path')
                if e.get('class') == 'bar-line')
        left, to = map(float, re.search(rf'M({NUMBER}) {NUMBER}H({NUMBER})', bar).groups())
        assert to - left == pytest.approx(length, abs=0.11)
        assert f'>{said}</text>' in svg


def test_stretches_outside_the_map_are_other_lines_with_dashes():
    in_map = np.ones(len(DRIVE), bool)
    in_map[4:8] = False
    plan = Plan(DRIVE, DRIVE)
    svg = truth_chart(plan, in_map)
    units = [(28 + 4.64 * x, 260 - 4.64 * y) for x, y in DRIVE]
    assert paths(svg, 'drive inside') == [near(units[:4]), near(units[8:])]
    # The way out of the map and back is not in the map.
    assert paths(svg, 'drive outside') == [near(units[3:9])]
    assert 'stroke-dasharray' in re.search(r'\.drive\.outside {[^}]*}', STYLE)[0]
    assert 'stroke-dasharray' not in re.search(r'\.drive\.inside {[^}]*}', STYLE)[0]
    assert f'{len(DRIVE) - 4} of {len(DRIVE)} images' in svg
    assert [re.sub('<.*?>', '', key) for key in truth_keys(plan, in_map)] == [
        'in the map', 'not in the map', 'mapped route']
    assert [re.sub('<.*?>', '', key) for key in truth_keys(plan, in_map | True)] == [
        'in the map', 'mapped route']


def test_a_single_image_outside_the_map_is_seen_and_so_is_one_inside():
    in_map = np.arange(len(DRIVE)) == 5
    svg = truth_chart(Plan(DRIVE, DRIVE), in_map)
    assert paths(svg, 'drive inside') == [near([(260, 260)])]
    assert len(paths(svg, 'drive outside')) == 1
    svg = truth_chart(Plan(DRIVE, DRIVE), ~in_map)
    assert len(paths(svg, 'drive inside')) == 2
    assert paths(svg, 'drive outside') == [near([(213.6, 260), (260, 260), (306.4, 260)])]


def test_lines_break_where_nobody_knows_and_where_nobody_drove():
    drive = DRIVE.astype(float)
    drive[5] = np.nan
    places = DRIVE.astype(float)
    # A stretch that the map leaves out, 60 m of steps that are 10 m.
    places = np.delete(places, range(3, 8), axis=0)
    svg = truth_chart(Plan(drive, places), np.ones(len(DRIVE), bool))
    assert [len(line) for line in paths(svg, 'drive inside')] == [5, 10]
    assert [len(line) for line in paths(svg, 'route')] == [3, 8]
    answers = [Answer(i, None, 0.9, Outcome.RIGHT) for i in range(len(DRIVE))]
    svg = answer_chart(Plan(drive, places), answers)
    assert len(marks(svg, 'right')[0]) == len(DRIVE) - 1
    assert f'{len(DRIVE) - 1} recognised, right place' in svg
    assert 'nan' not in svg


def test_answers_have_the_signs_of_the_report_where_they_were_taken():
    plan = Plan(DRIVE, DRIVE)
    outcomes = [Outcome.RIGHT, Outcome.MISSED, Outcome.REJECTED, Outcome.WRONG]
    answers = [Answer(i, 0, 0.5, outcomes[i % 4]) for i in range(len(DRIVE))]
    svg = answer_chart(plan, answers)
    assert [len(marks(svg, kind)[0]) for kind in ('right', 'missed')] == [4, 4]
    assert len(paths(svg, 'dot rejected')) == 4
    # A cross has two strokes.
    assert len(re.findall('m0 ', re.search('class="dot wrong" d="([^"]+)"', svg)[1])) == 4
    # Nothing covers a mistake.
    classes = re.findall(r'class="dot (\w+)"', svg)
    assert classes == ['right', 'missed', 'rejected', 'wrong']
    assert [re.sub('<.*?>', '', key) for key in answer_keys(plan, answers)] == [
        Outcome.RIGHT.value, Outcome.WRONG.value, Outcome.MISSED.value, Outcome.REJECTED.value,
        'to the place that was answered', 'mapped route']


def test_a_line_leads_from_a_wrong_answer_to_the_place_it_named():
    places = DRIVE.astype(float)
    places[2] = np.nan
    answers = [Answer(0, 15, 0.9, Outcome.WRONG), Answer(1, 2, 0.9, Outcome.WRONG),
               Answer(2, None, 0.9, Outcome.WRONG), Answer(3, 9, 0.9, Outcome.RIGHT)]
    svg = answer_chart(Plan(DRIVE, places), answers)
    assert paths(svg, 'error') == [near([(28, 260), (492, 28)])]
    assert paths(svg, 'error end') == [near([(492, 28)])]
    right_only = answer_chart(Plan(DRIVE, places), answers[3:])
    assert 'class="error' not in right_only
    assert not any('answered' in key for key in answer_keys(Plan(DRIVE, places), answers[1:]))


def test_the_background_is_a_path_per_kind_in_its_order():
    shapes = [Outline('green', SQUARE), Outline('green', SQUARE + 20),
              Outline('street', SQUARE), Outline('building', SQUARE),
              Outline('building', SQUARE + (500, 0)), Outline('building', SQUARE - (0, 500))]
    svg = truth_chart(Plan(DRIVE, DRIVE, tuple(shapes)), np.ones(len(DRIVE), bool))
    ground = [(e.get('class'), e.get('d')) for e in ElementTree.fromstring(svg).iter('path')
              if e.get('class').startswith('ground')]
    assert [class_ for class_, _ in ground] == ['ground green', 'ground street', 'ground building']
    # What lies beyond the edges is left out.
    assert [d.count('Z') for _, d in ground] == [2, 1, 1]
    assert sorted(paths(svg, 'ground street')[0]) == near(
        [(28, 213.6), (28, 260), (74.4, 213.6), (74.4, 260)])
    # It is drawn below all else.
    assert svg.index('ground building') < svg.index('class="route"') < svg.index('drive inside')


def test_shapes_that_overlap_make_no_hole():
    shapes = (Outline('street', SQUARE), Outline('street', (SQUARE + 5)[::-1]))
    svg = truth_chart(Plan(DRIVE, DRIVE, shapes), np.ones(len(DRIVE), bool))
    turns = [np.sign(sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(
        shape, shape[1:] + shape[:1], strict=True))) for shape in paths(svg, 'ground street')]
    assert len(turns) == 2
    assert turns[0] == turns[1] != 0


@pytest.mark.parametrize(('turn', 'angle'), [((1, 0), '0'), ((0, 1), '-90'), ((0, -1), '90')])
def test_the_start_points_where_the_drive_went(turn, angle):
    drive = np.arange(10)[:, None] * np.array(turn) * 5.0
    # A wait at the start, and not knowing where, do not matter.
    drive = np.concatenate([[(np.nan, np.nan)], np.zeros((3, 2)), drive])
    svg = truth_chart(Plan(drive, drive), np.ones(len(drive), bool))
    start, = (e for e in ElementTree.fromstring(svg).iter('path') if e.get('class') == 'start')
    x, y, rotated = re.fullmatch(
        rf'translate\(({NUMBER}) ({NUMBER})\) rotate\(({NUMBER})\)',
        start.get('transform')).groups()
    assert float(rotated) == float(angle)
    assert (float(x), float(y)) == paths(svg, 'drive inside')[0][0]
    assert '>start</text>' in svg


def test_a_robot_that_stands_still_and_a_map_without_poses():
    plan = Plan(np.full((3, 2), 5.0), np.full((2, 2), np.nan))
    answers = [Answer(i, 0, 0.9, Outcome.WRONG) for i in range(3)]
    for svg in truth_chart(plan, np.ones(3, bool)), answer_chart(plan, answers):
        assert 'class="route"' not in svg
        assert '<circle' in svg
        ElementTree.fromstring(svg)
    assert 'class="error' not in answer_chart(plan, answers)
    assert not any('mapped route' in key for key in answer_keys(plan, answers))
    lonely = Plan([(1.0, 2.0)], np.zeros((0, 2)))
    assert len(paths(truth_chart(lonely, np.zeros(1, bool)), 'drive outside')) == 1


def test_a_map_of_a_city_leaves_the_drive_in_sight():
    city = np.random.default_rng(0).uniform(-5000, 5000, (500, 2))
    in_map = np.ones(len(DRIVE), bool)
    alone = truth_chart(Plan(DRIVE, DRIVE), in_map)
    svg = truth_chart(Plan(DRIVE, np.concatenate([DRIVE, city + 6000])), in_map)
    assert paths(svg, 'drive inside') == paths(alone, 'drive inside')


def test_a_long_drive_has_small_signs_and_stays_small():
    angle = np.linspace(0, 2 * np.pi, 5000)
    drive = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 2000
    # It waits for half of the time.
    drive[2500:] = drive[2500]
    plan = Plan(drive, drive)
    svg = answer_chart(plan, right(plan))
    _, radii = marks(svg, 'right')
    _, few = marks(answer_chart(Plan(DRIVE, DRIVE), right(Plan(DRIVE, DRIVE))), 'right')
    assert max(radii) < min(few) / 2
    assert '5000 recognised, right place' in svg
    assert len(svg) < 250_000
    assert not re.search(r'\d\.\d\d', svg)
    assert len(truth_chart(plan, np.ones(5000, bool))) < 50_000
