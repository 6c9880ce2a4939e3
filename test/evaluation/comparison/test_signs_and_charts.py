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


"""Signs, charts and panels: each system is told apart, and each number stands where it belongs."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from vpr_ros.evaluation.comparison.curves_chart import curves_chart
from vpr_ros.evaluation.comparison.curves_chart import LEFT
from vpr_ros.evaluation.comparison.curves_chart import ROOM
from vpr_ros.evaluation.comparison.curves_chart import SIDE
from vpr_ros.evaluation.comparison.curves_chart import TOP
from vpr_ros.evaluation.comparison.rank_panels import rank_keys
from vpr_ros.evaluation.comparison.rank_panels import rank_panel
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.signs import SystemSigns
from vpr_ros.evaluation.comparison.tables import build_tables
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.report_style import STYLE

SYSTEMS = [System(f'network {k}', 'single image', 'none') for k in range(30)]


def letters(chart):
    return {text.text: (float(text.get('x')), float(text.get('y')))
            for text in ElementTree.fromstring(chart).iter('text')
            if text.get('class') == 'letter'}


def test_every_system_has_a_letter_and_a_line_of_its_own():
    signs = SystemSigns(SYSTEMS)
    assert [signs.letter(SYSTEMS[k]) for k in (0, 1, 25, 26, 29)] == ['A', 'B', 'Z', 'AA', 'AD']
    lines = {tuple(signs.line(system).items()) for system in SYSTEMS}
    assert len(lines) == 30
    for system in SYSTEMS:
        colour = signs.line(system)['class_'].split()[1]
        assert f'.{colour} {{ stroke: var(--{colour}); }}' in STYLE
        # By day and by night.
        assert STYLE.count(f'--{colour}: #') == 2


def test_what_a_paper_printed_has_no_sign():
    signs = SystemSigns(SYSTEMS)
    published = System('network 0', published=True)
    assert signs.letter(published) == ''
    assert signs.sign(published) == ''
    assert '<i>network 0</i><small>as published</small>' in signs.name(published, 'as published')


def test_curves_are_where_recall_and_precision_are():
    signs = SystemSigns(SYSTEMS)
    chart = curves_chart({SYSTEMS[0]: [(0.5, 1.0), (1.0, 0.25)]}, signs, 'a < b')
    root = ElementTree.fromstring(chart)
    line, = (path for path in root.iter('path') if 'system' in path.get('class'))
    points = [tuple(map(float, point.split())) for point in line.get('d')[1:].split('L')]
    assert points == [(LEFT, TOP), (LEFT + SIDE / 2, TOP), (LEFT + SIDE, TOP + SIDE * 0.75)]
    assert root.find('title').text == 'a < b'
    assert 'network 0, single image, query statistics: none, ends at recall 1.00 and precision ' \
        '0.25' in root.find('desc').text


def test_letters_stand_on_their_curves_and_not_on_one_another():
    signs = SystemSigns(SYSTEMS)
    rng = np.random.default_rng(0)
    curves = {}
    for k, system in enumerate(SYSTEMS[:8]):
        recall = np.linspace(0.02, 0.4 + 0.07 * k, 60)
        curves[system] = list(zip(recall, 0.95 - 0.3 * recall * (1 + k % 3)
                                  + rng.normal(0, 0.01, 60), strict=True))
    # Two that are the same have letters of their own too.
    curves[SYSTEMS[8]] = curves[SYSTEMS[0]]
    found = letters(curves_chart(curves, signs, 'title'))
    assert sorted(found) == list('ABCDEFGHI')
    at = np.array([found[letter] for letter in sorted(found)])
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) + 1e3 * np.eye(9)
    assert apart.min() >= ROOM
    for system, points in curves.items():
        x, y = found[signs.letter(system)]
        recall, precision = (x - LEFT) / SIDE, 1 - (y - 4 - TOP) / SIDE
        line = np.array([(0.0, points[0][1]), *points])
        assert precision == pytest.approx(np.interp(recall, *line.T), abs=0.02)


def test_curves_of_one_point_and_of_none_can_be_drawn():
    signs = SystemSigns(SYSTEMS)
    chart = curves_chart({SYSTEMS[0]: [(0.0, 0.0)], SYSTEMS[1]: []}, signs, 'title')
    assert list(letters(chart)) == ['A']
    ElementTree.fromstring(curves_chart({}, signs, 'title'))


def test_dots_bars_and_diamonds_stand_where_their_numbers_are(make_result, protocol):
    results = [make_result(0.5), make_result(0.25, label='other'),
               make_result(0.75, pair='rain'), make_result(0.25, pair='snow')]
    table, = build_tables(results, [protocol])
    signs = SystemSigns([row.system for row in table.rows if not row.system.published])
    panel = rank_panel(table, 'left', 'recall@1', signs)
    rows = re.findall(r'<li>.*?</li>', panel)
    assert len(rows) == 3
    assert 'class="range" style="left:40%;width:20%"' in rows[0]
    assert 'class="dot best" style="left:50%"' in rows[0]
    assert '<b>50.0</b><small>40.0–60.0</small>' in rows[0]
    assert 'class="dot printed" style="left:75%"' in rows[1]
    assert 'class="dot" style="left:25%"' in rows[2]
    assert '200 queries (190 with a place), 210 references' in panel
    group = rank_panel(table, 'weather', 'recall@1', signs)
    assert 'class="dot" style="left:50%"' in group
    assert 'class="diamond" style="left:25%"' in group
    assert 'worst 25.0 snow' in group
    assert '2 pairs, 400 queries (380 with a place)' in group
    keys = ' '.join(rank_keys(table, 'recall@1'))
    for words in ('R@1, %', '95 % interval', 'the best', 'worst pair of a group', 'as published'):
        assert words in keys


def test_only_shares_have_a_panel(make_result, protocol):
    protocol = protocol.model_copy(update={'measures': ('longest_unlocalized',), 'published': {}})
    table, = build_tables([make_result(numbers={'longest_unlocalized': Number(7.0, 9)})],
                          [protocol])
    signs = SystemSigns([row.system for row in table.rows])
    assert rank_panel(table, 'left', 'longest_unlocalized', signs) is None
    assert rank_panel(table, 'left', 'recall@1', signs) is None
