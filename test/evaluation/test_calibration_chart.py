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

"""The charts of a calibration as SVG."""

from xml.etree import ElementTree

import numpy as np
import pytest
from vpr_ros.evaluation.calibration import reliability
from vpr_ros.evaluation.calibration_chart import reliability_chart
from vpr_ros.evaluation.calibration_chart import reliability_keys
from vpr_ros.evaluation.calibration_chart import split_chart
from vpr_ros.evaluation.calibration_chart import split_keys

# Three of four answers at 0.9 are right, none of four at 0.1, and three of eight at 0.5.
PROBABILITIES = np.repeat([0.1, 0.5, 0.9], [4, 8, 4])
CORRECT = np.array([0] * 4 + [1, 1, 1] + [0] * 5 + [1, 1, 1, 0], bool)


def drawn():
    table = reliability(PROBABILITIES, CORRECT, 4)
    svg = reliability_chart(table, PROBABILITIES, CORRECT, 'title')
    return table, ElementTree.fromstring(svg)


def bars(root, kind):
    """Return x, y, width and height of the bars of one kind."""
    return [tuple(float(e.get(k)) for k in ('x', 'y', 'width', 'height'))
            for e in root.iter('rect') if e.get('class') == f'fill-{kind}']


def test_dots_stand_at_probability_and_share():
    _, root = drawn()
    plot = next(e for e in root.iter('rect') if e.get('class') == 'plot')
    left, top, side, high = (float(plot.get(k)) for k in ('x', 'y', 'width', 'height'))
    assert side == high
    dots = [(float(e.get('cx')), float(e.get('cy')), float(e.get('r')))
            for e in root.iter('circle')]
    expected = [(0.1, 0.0), (0.5, 3 / 8), (0.9, 3 / 4)]
    assert [(x, y) for x, y, _ in dots] == [
        pytest.approx((left + p * side, top + side - share * side), abs=0.06)
        for p, share in expected]
    # The area is the share of the answers.
    assert dots[1][2] ** 2 == pytest.approx(2 * dots[0][2] ** 2, rel=0.05)
    ideal = next(e for e in root.iter('line') if e.get('class') == 'ideal')
    assert [float(ideal.get(k)) for k in ('x1', 'y1', 'x2', 'y2')] == [
        left, top + side, left + side, top]


def test_whiskers_are_the_intervals():
    table, root = drawn()
    whiskers = [e.get('d') for e in root.iter('path') if e.get('class') == 'whisker']
    assert len(whiskers) == 3
    for d, low, high in zip(whiskers, table.low, table.high, strict=True):
        start, end = d[1:].split('M')[0].split()[1].split('V')
        assert float(start) - float(end) == pytest.approx(394 * (high - low), abs=0.11)


def test_bars_count_right_answers_upwards_and_wrong_ones_downwards():
    _, root = drawn()
    up, down = bars(root, 'right'), bars(root, 'wrong')
    # By probability: 0, 3, 3 right and 4, 5, 1 wrong.
    unit = up[0][3] / 3
    assert [round(b[3] / unit, 1) for b in up] == [3, 3]
    assert [round(b[3] / unit, 1) for b in down] == [4, 5, 1]
    base = down[0][1]
    assert all(b[1] == base for b in down)
    assert all(b[1] + b[3] == pytest.approx(base, abs=0.02) for b in up)
    assert [b[0] for b in up] == [b[0] for b in down[1:]]


def test_one_query_of_thousands_is_seen():
    probabilities = np.r_[np.full(5000, 0.99), 0.3]
    svg = split_chart(probabilities, probabilities > 0.5, 'title')
    assert bars(ElementTree.fromstring(svg), 'wrong')[0][3] >= 1
    assert 'median probability is 0.99 of those above the line and 0.30' in svg


def test_one_kind_alone_can_be_drawn():
    for up in np.ones(4, bool), np.zeros(4, bool):
        root = ElementTree.fromstring(split_chart(np.full(4, 0.5), up, 'title'))
        assert bool(bars(root, 'right')) == up.all()
        assert bool(bars(root, 'wrong')) != up.all()
        numbers = [e.text for e in root.iter('text') if e.text == '4']
        assert len(numbers) == 1


def test_keys_tell_kinds_apart_without_colour():
    up, down = split_keys('a & b', 'c')
    assert 'a &amp; b' in up
    assert up.split('y="')[1][:1] != down.split('y="')[1][:1]
    assert len(reliability_keys()) == 4
