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

"""Loop closures drawn on the path."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from vpr_ros.evaluation.loop_chart import lifted_chart
from vpr_ros.evaluation.loop_chart import loop_chart
from vpr_ros.evaluation.loop_chart import loop_keys
from vpr_ros.evaluation.report_style import STYLE

NUMBER = r'-?[\d.]+'


def subpaths(svg, class_):
    """Return the subpaths of all paths of a class, each as a list of points."""
    found = [e.get('d') for e in ElementTree.fromstring(svg).iter('path')
             if e.get('class') == class_]
    return [[(float(x), float(y)) for x, y in re.findall(rf'({NUMBER}) ({NUMBER})', part)]
            for d in found for part in d.split('M')[1:]]


def centre(svg, kind):
    """Return the middle of every sign of one kind."""
    found = [e.get('d') for e in ElementTree.fromstring(svg).iter('path')
             if e.get('class') == f'dot {kind}']
    if kind == 'wrong':
        signs = [re.findall(rf'M({NUMBER}) ({NUMBER})l({NUMBER}) ', d) for d in found]
        return [(float(x) + float(k) / 2, float(y) + float(k) / 2)
                for part in signs for x, y, k in part]
    signs = [re.findall(rf'M({NUMBER}) ({NUMBER})a({NUMBER}) ', d) for d in found]
    return [(float(x) + float(r), float(y)) for part in signs for x, y, r in part]


def near(points):
    return [pytest.approx(point, abs=0.15) for point in points]


def units(positions):
    """Return where the plan draws metres of the square: 30 m wide and 31 m high."""
    scale = min((520 - 56) / 30, (620 - 56) / 31)
    x, y = np.asarray(positions, float).T
    return [(260 + (a - 15) * scale, (31 * scale + 56) / 2 - (b - 15.5) * scale)
            for a, b in zip(x, y, strict=True)]


def test_closures_lead_from_the_later_to_the_earlier_visit(make_loops):
    path = make_loops().path
    svg = loop_chart(path)
    at = units(path.positions)
    assert subpaths(svg, 'closure') == [near([at[4], at[0]]), near([at[5], at[1]])]
    assert subpaths(svg, 'closure wrong') == [near([at[6], at[0]])]
    assert subpaths(svg, 'closure wrong end') == [near([at[0]])]
    assert centre(svg, 'right') == near([at[4], at[5]])
    assert centre(svg, 'wrong') == near([at[6]])
    assert centre(svg, 'missed') == near([at[7]])
    assert '2 right closure; 1 wrong closure; 1 been here before' in svg


def test_ends_that_lie_together_have_no_sign_of_their_own(make_loops):
    far = make_loops().path
    positions = far.positions.copy()
    positions[4:6] = positions[0:2]
    assert len(subpaths(loop_chart(far), 'closure end')) == 2
    assert subpaths(loop_chart(make_loops(positions=positions).path), 'closure end') == []


def test_the_path_is_whole_and_changes_its_look(make_loops):
    path = make_loops().path
    svg = loop_chart(path)
    at = units(path.positions)
    segments = [tuple(part) for part in subpaths(svg, 'path') if len(part) > 1]
    expected = list(zip(at, at[1:], strict=False))
    # One look for each keyframe here; the way from the last to the next lap is part of it.
    assert segments == [tuple(near(pair)) for pair in expected]
    styles = [e.get('style') for e in ElementTree.fromstring(svg).iter('path')
              if e.get('class') == 'path']
    assert len(set(styles)) == len(styles) == 8
    widths = [float(re.search(r'stroke-width:([\d.]+)px', style)[1]) for style in styles]
    assert widths == sorted(widths, reverse=True)
    assert 'var(--late) 0%' in styles[0]
    assert 'var(--late) 100%' in styles[-1]
    for name in '--early', '--late':
        assert STYLE.count(f'{name}:') == 2


def test_time_lifts_the_path_and_right_closures_stand_upright(make_loops):
    square = make_loops().path.positions[:4]
    path = make_loops(positions=np.concatenate([square, square])).path
    svg = lifted_chart(path)
    posts = subpaths(svg, 'closure')
    assert len(posts) == 2
    for (x1, y1), (x2, y2) in posts:
        assert x1 == pytest.approx(x2, abs=0.11)
        # Four of seven minutes of 210 units.
        assert y2 - y1 == pytest.approx(120, abs=0.11)
    ((x1, _), (x2, _)), = subpaths(svg, 'closure wrong')
    assert abs(x1 - x2) > 20
    assert '7 min' in svg
    assert centre(svg, 'right') == []
    assert len(centre(svg, 'wrong')) == 1


def test_all_that_is_drawn_is_in_sight(make_loops):
    for positions in (make_loops().path.positions, np.arange(16.0).reshape(8, 2) * (100, 1),
                      np.arange(16.0).reshape(8, 2) * (1, 100), np.zeros((8, 2))):
        path = make_loops(positions=positions).path
        for svg in loop_chart(path), lifted_chart(path):
            root = ElementTree.fromstring(svg)
            width, height = (float(v) for v in root.get('viewBox').split()[2:])
            drawn = [p for name in ('path', 'closure', 'closure wrong', 'shadow')
                     for part in subpaths(svg, name) for p in part]
            assert drawn
            assert all(0 <= x <= width and 0 <= y <= height for x, y in drawn)


def test_unknown_positions_are_left_out(make_loops):
    positions = make_loops().path.positions.copy()
    positions[[0, 7]] = np.nan
    path = make_loops(positions=positions).path
    for svg in loop_chart(path), lifted_chart(path):
        assert 'nan' not in svg
        # Two of three closures lead to keyframe 0.
        assert len(subpaths(svg, 'closure')) == 1
        assert subpaths(svg, 'closure wrong') == []
        assert centre(svg, 'missed') == []


def test_one_keyframe_alone_can_be_drawn(make_loops):
    path = make_loops(place_ids=[5], stamps_ns=[7], positions=[(3, 4)], probabilities=None,
                      closures=(), correct=[], revisits=[False], pictures=False).path
    for svg in loop_chart(path), lifted_chart(path):
        assert 'nan' not in svg
        assert len(subpaths(svg, 'path')) == 1


@pytest.mark.parametrize(('minutes', 'text'), [(0.5, '30 s'), (30, '30 min'), (300, '5 h')])
def test_time_has_a_unit_that_suits_it(make_loops, minutes, text):
    stamps = np.linspace(0, minutes * 60e9, 8).astype(np.int64)
    assert f'>{text}</text>' in lifted_chart(make_loops(stamps_ns=stamps).path)


def test_keys_name_what_is_drawn_and_nothing_else(make_loops):
    def words(path):
        return [re.sub('<.*?>', '', key) for key in loop_keys(path)]

    assert words(make_loops().path) == [
        'path, from early to late', 'right closure', 'been here before, no closure',
        'wrong closure', 'to the earlier visit', 'to a place elsewhere']
    assert words(make_loops(correct=None, revisits=None).path) == [
        'path, from early to late', 'closure', 'to the earlier visit']
    assert words(make_loops(closures=(), correct=[], revisits=np.zeros(8, bool),
                            pictures=False).path) == ['path, from early to late']


def test_wrong_closures_are_told_apart_without_colour():
    assert 'stroke-dasharray' in re.search(r'\.closure\.wrong {[^}]*}', STYLE)[0]
    assert 'stroke-dasharray' not in re.search(r'\.closure {[^}]*}', STYLE)[0]
