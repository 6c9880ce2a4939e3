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

"""The report of a calibration as people get it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from vpr_ros.evaluation.calibration import auroc
from vpr_ros.evaluation.calibration import expected_calibration_error
from vpr_ros.evaluation.calibration_report import CalibrationReport
from vpr_ros.evaluation.calibration_report import render_calibration_report
from vpr_ros.evaluation.calibration_report import write_calibration_report
from vpr_ros.evaluation.run import MapSummary
from vpr_ros.evaluation.run import Provenance

MAP = MapSummary(id='map-uuid', revision=3, network='compact', places=60, dimension=256,
                 size_bytes=123_456)


def make(**changes):
    rng = np.random.default_rng(0)
    in_map = np.arange(200) % 50 < 40
    after = np.where(in_map, rng.uniform(0.4, 1.0, 200), rng.uniform(0.0, 0.5, 200))
    fields = {
        'title': 'Calibration of a town', 'map': MAP, 'protocol': 'leave one traverse out',
        'correct': (rng.random(200) < after) & in_map, 'after': after, 'before': after ** 0.25,
        'in_map': in_map, 'traverses': ['day'] * 120 + ['night'] * 80,
        'right_means': 'within 10 m', 'model': 'isotonic', 'source': 'map',
        'provenance': Provenance('vpr_ros map calibrate a.vprmap', '9.8.7', 'today', 4)}
    return CalibrationReport(**{**fields, **changes})


def text_of(page):
    body = re.sub(r'<style>.*?</style>', '', page, flags=re.S)
    return re.sub(r'\s+', ' ', re.sub(r'<[^>]+>', ' ', body))


def test_numbers_are_those_of_the_metrics():
    report = make()
    after = expected_calibration_error(report.after, report.correct, seed=4)
    before = expected_calibration_error(report.before, report.correct, seed=4)
    known = auroc(report.after, report.in_map, seed=4)
    assert report.error_after == after
    assert report.error_before == before
    assert report.known_or_unknown == known
    text = text_of(render_calibration_report(report))
    for value in after.value, before.value, known.value, after.interval.high, after.plain:
        assert f'{value:.3f}' in text
    assert f'off by {100 * after.value:.1f} percentage points on average' in text
    assert f'without this calibration it is off by {100 * before.value:.1f}.' in text


def test_the_page_says_what_was_done():
    text = text_of(render_calibration_report(make()))
    for words in ('Calibration of a town', '200 answers from 2 traverses', 'map-uuid', 'compact',
                  'leave one traverse out', 'isotonic', 'within 10 m', 'Random seed 4',
                  'vpr_ros map calibrate a.vprmap', '9.8.7', 'today', 'Not in the map 40',
                  'blocks of 10 consecutive answers', 'day 120', 'night 80',
                  'Before', 'After', '160 images of places in the map, 40 of others'):
        assert words in text, words


def test_the_page_is_whole_and_loads_nothing():
    page = render_calibration_report(make())
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert all(address[1:] in ids for address in re.findall(r'(?:href|src)="([^"]+)"', page))
    assert not re.search(r'(https?:)?//[a-z]|@import|<script', page)
    charts = re.findall(r'<svg class="chart.*?</svg>', page, flags=re.S)
    assert len(charts) == 3
    for chart in charts:
        ElementTree.fromstring(chart)
    # Every class that is drawn has a look.
    style = page[page.index('<style>'):page.index('</style>')]
    for name in ('bin', 'whisker', 'ideal', 'curve.thin'):
        assert f'.{name} {{' in style


def test_what_nobody_knows_is_not_shown():
    page = render_calibration_report(make(before=None, in_map=None, traverses=()))
    text = text_of(page)
    assert 'without this calibration' not in text
    assert 'Known' not in text
    assert 'Each traverse' not in text
    assert 'Before' not in text
    assert text.startswith(' Calibration of a town')
    assert page.count('class="bin"') > 10
    all_known = text_of(render_calibration_report(make(in_map=np.ones(200, bool))))
    assert 'Known and unknown places' not in all_known
    assert 'AUROC of known and unknown places –' in all_known


def test_hostile_text_stays_text():
    hostile = '"><script>alert(1)</script></style>'
    page = render_calibration_report(make(
        title=hostile, protocol=hostile, model=hostile, right_means=hostile,
        traverses=[hostile] * 100 + ['b'] * 100,
        map=MapSummary(hostile, 1, hostile, 1, 1, 1), provenance=Provenance(hostile, hostile)))
    assert '<script' not in page
    assert page.count('</style>') == 1


def test_the_file_appears_whole(tmp_path):
    path = write_calibration_report(make(), str(tmp_path / 'calibration.html'))
    assert path.read_text(encoding='utf-8') == render_calibration_report(make())
    assert [p.name for p in tmp_path.iterdir()] == ['calibration.html']


def test_a_traverse_of_one_answer_has_no_error():
    text = text_of(render_calibration_report(make(traverses=['day'] + ['night'] * 199)))
    assert re.search(r'day 1 (0|100) % [\d.]+ % – night 199', text)


def test_what_is_given_is_copied_and_kept():
    after = np.full(200, 0.5)
    report = make(after=after)
    after[:] = 2
    assert (report.after == 0.5).all()
    with pytest.raises(ValueError, match='read-only'):
        report.after[0] = 1


@pytest.mark.parametrize(('changes', 'words'), [
    ({'correct': np.zeros(1, bool)}, 'at least 2 answers, got 1'),
    ({'correct': np.zeros(200)}, 'correct must be bool'),
    ({'after': np.zeros(7)}, r'after must have shape \(200,\) like correct, got \(7,\)'),
    ({'before': np.zeros((200, 2))}, 'before must have shape'),
    ({'traverses': ['day']}, 'the traverse of each of 200 queries, got 1'),
    ({'in_map': np.zeros(200, bool)}, 'is correct but its place is not in the map'),
])
def test_records_that_contradict_themselves_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        make(**changes)
