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

"""The report as people get it."""

import base64
from dataclasses import replace
from html.parser import HTMLParser
import re

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.plan import Outline
from vpr_ros.evaluation.plan import Plan
from vpr_ros.evaluation.report import render_report
from vpr_ros.evaluation.report import write_report
from vpr_ros.evaluation.run import MapSummary
from vpr_ros.evaluation.run import Provenance
from vpr_ros.evaluation.run import QueryResult
from vpr_ros.evaluation.run import RunReport

VOID = {'br', 'hr', 'img', 'link', 'meta'}


class Page(HTMLParser):
    """Reads a page, checks that its elements nest, and keeps text, elements and addresses."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.elements = []
        self.addresses = []
        self.texts = []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = re.sub(r'\s+', ' ', ' '.join(self.texts))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self.addresses += [value for key, value in attrs if key in ('src', 'href', 'action')]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f'</{tag}> closes nothing'
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != 'style':
            self.texts.append(data)

    def all(self, tag):  # noqa: A003
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_is_whole_and_loads_nothing(make_report):
    text = render_report(make_report())
    page = Page(text)
    assert text.startswith('<!DOCTYPE html>')
    ids = [attributes['id'] for _, attributes in page.elements if 'id' in attributes]
    assert len(ids) == len(set(ids))
    for address in page.addresses:
        assert address.startswith('data:image/') or address[1:] in ids
    without_pictures = re.sub(r'data:image/[a-z]+;base64,[A-Za-z0-9+/=]+', '', text)
    assert not re.search(
        r'(https?:)?//[a-z]|@import|url\((?!#)|<script|\son[a-z]+=', without_pictures)
    for _, attributes in page.elements:
        for name in (attributes.get('aria-labelledby') or '').split():
            assert name in ids
    assert {a['http-equiv'] for a in page.all('meta') if 'http-equiv' in a} == {
        'Content-Security-Policy'}
    assert page.all('html')[0]['lang'] == 'en'
    assert 'prefers-color-scheme: dark' in text


def test_the_page_says_what_was_measured(make_report):
    page = Page(render_report(make_report()))
    for words in (
            'night against day',
            '7 images of night were looked up in a map of 6 places from day.',
            '4 were recognised, 3 of them at the right place and 1 at a wrong one.',
            '2 more could have been: their places are in the map',
            '1 was rightly not recognised: its place is not in the map',
            'Recognised 4 of 7', '57.1 % of the images',
            'Right when recognised 75.0 %',
            'Right first, one image 100 %',
            '6 of 6, from similarity alone (query statistics: none)',
            'Right first, over time 66.7 %', '4 of 6',
            'Right means within 1 frame', '1 image is left out: its place is not in the map',
            'Calibrated by: map',
            'total 5.00', 'describe 4.00', 'search 1.00',
            'recall 0.500, precision 0.750', 'none: the surest answer is wrong',
            'map-uuid', '512 numbers', '123.5 kB', 'vpr_ros localize --seed 4', '9.8.7', 'today',
            'Random seed 4', 'All 7 answers', 'not in the map'):
        assert words in page.text, words


def along(count, step=10.0):
    return np.stack([np.arange(count) * step, np.zeros(count)], axis=1)


def test_the_plan_shows_truth_beside_answers(make_report):
    square = Outline('building', [(5, 5), (9, 5), (9, 9), (5, 9)])
    queries = along(8)
    queries[4] = np.nan
    text = render_report(make_report(plan=Plan(queries, along(6), (square,))))
    page = Page(text)
    sections = [attributes['id'] for attributes in page.all('section')]
    assert sections[:3] == ['summary', 'plan', 'matrix']
    assert '#plan' in page.addresses
    plan = text[text.index('id="plan"'):text.index('id="matrix"')]
    titles = re.findall(r'<title>(.*?)</title>', plan)
    assert titles == ['What was true', 'What the run said']
    assert plan.count('ground building') == 2
    # Query 6 was not asked, but drove there; 6 is within a frame of place 5, 7 is not in the map.
    assert '6 of 7 images show a place of the map' in plan
    assert '2 recognised, right place; 2 not recognised, though the place is in the map; ' \
        '1 rightly not recognised: the place is not in the map; 1 recognised, wrong place' in plan
    assert '1 image was left out: where it was taken is not known.' in page.text
    ids = [attributes['id'] for _, attributes in page.elements if 'id' in attributes]
    assert len(ids) == len(set(ids))
    whole = Page(render_report(make_report(plan=Plan(along(8), along(6)))))
    assert 'left out: where' not in whole.text


def test_without_truth_the_plan_shows_the_answers_alone(make_report):
    text = render_report(make_report(truth=None, plan=Plan(along(8), along(6))))
    assert 'What the run said' in text
    assert 'What was true' not in text
    assert 'class="error' not in text


def test_without_positions_there_is_no_plan(make_report):
    unknown = np.full((8, 2), np.nan)
    for plan in None, Plan(unknown, along(6)):
        page = Page(render_report(make_report(plan=plan)))
        assert 'plan' not in [attributes['id'] for attributes in page.all('section')]
        assert '#plan' not in page.addresses


def test_examples_show_query_attention_and_match(make_report):
    page = Page(render_report(make_report()))
    assert len(page.all('article')) == 7
    assert page.all('article')[0]['class'] == 'example wrong'
    pictures = [a for a in page.all('img') if a.get('class') != 'ramp']
    # Seven queries with attention, six of them with a match.
    assert len(pictures) == 7 * 2 + 6
    assert all(picture['alt'] for picture in pictures)
    alts = [picture['alt'] for picture in pictures[:3]]
    assert alts == ['query 2', 'attention on query 2', 'place 5 of the map']
    assert 'Mistakes, the surest first' in page.text
    assert 'where the network looked' in page.text
    few = Page(render_report(make_report(), examples=3))
    assert len(few.all('article')) == 3


def test_pictures_are_small_jpegs_of_the_stated_size(make_report):
    report = make_report()
    large = np.zeros((1080, 1920, 3), np.uint8)
    results = (replace(report.results[0], query_image=large, match_image=large),)
    page = Page(render_report(replace(report, results=results)))
    pictures = [a for a in page.all('img') if a.get('class') != 'ramp']
    assert len(pictures) == 3
    for picture in pictures:
        data = base64.b64decode(picture['src'].removeprefix('data:image/jpeg;base64,'))
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (180, 320, 3)
        assert (picture['width'], picture['height']) == ('320', '180')


def test_thumbnails_may_be_encoded_or_missing(make_report):
    report = make_report()
    jpeg = cv2.imencode('.jpg', np.full((9, 16, 3), 128, np.uint8))[1].tobytes()
    results = (replace(report.results[0], match_image=jpeg, attention=None),
               replace(report.results[1], match_image=b'', attention=None))
    page = Page(render_report(replace(report, results=results)))
    assert len([a for a in page.all('img') if a.get('class') != 'ramp']) == 3
    assert 'where the network looked' not in page.text


HOSTILE = '"><script>alert(1)</script><img src=x onerror=\'alert(2)\'>&amp;</style>'


def test_hostile_text_stays_text(make_report):
    plain = Page(render_report(make_report()))
    report = make_report(
        reason=HOSTILE, title=HOSTILE, reference=HOSTILE, query=HOSTILE,
        map=MapSummary(HOSTILE, 1, HOSTILE, 6, 512, 5),
        provenance=Provenance(HOSTILE, HOSTILE, HOSTILE, 4, HOSTILE),
        truth=GroundTruth.from_lists([[]] * 8, 6, protocol=HOSTILE))
    text = render_report(report)
    page = Page(text)
    assert page.all('script') == []
    assert '<script' not in text
    assert all(a['src'].startswith('data:image/') for a in page.all('img'))
    assert HOSTILE in ''.join(page.texts)
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements}


def test_without_truth_the_page_claims_nothing_about_right_and_wrong(make_report):
    page = Page(render_report(make_report(truth=None)))
    assert 'this run has no ground truth' in page.text
    assert 'Recognised 4 of 7' in page.text
    for words in ('Right when recognised', 'Precision and recall', 'right place', 'Recall'):
        assert words not in page.text
    assert 'Ground truth none' in page.text


def test_a_bare_run_and_an_empty_one(make_report):
    bare = Page(render_report(make_report(truth=None, similarity=None, pictures=False)))
    assert bare.all('article') == []
    assert bare.all('img') == []
    empty = Page(render_report(make_report(results=())))
    assert 'No image of night was looked up.' in empty.text
    assert 'Recognised 0 of 0' in empty.text


def test_nothing_recognised(make_report):
    report = make_report()
    page = Page(render_report(replace(report, results=report.results[3:4])))
    assert 'None was recognised.' in page.text
    assert 'nothing was recognised' in page.text


def test_keyboards_reach_everything_that_scrolls(make_report):
    page = Page(render_report(make_report()))
    scrolling = [a for _, a in page.elements
                 if {'scroll', 'all'} & set((a.get('class') or '').split())]
    assert len(scrolling) >= 4
    for attributes in scrolling:
        assert attributes['tabindex'] == '0'
        assert attributes['aria-label']
    assert page.all('a')[0] == {'class': 'skip', 'href': '#summary'}


def test_stamps_are_dates_when_they_can_be(make_report, localization):
    report = make_report()
    later = replace(report.results[0].localization, stamp_ns=1_700_000_000_123_456_789)
    page = Page(render_report(replace(
        report, results=(replace(report.results[0], localization=later), report.results[1]))))
    assert '2023-11-14 22:13:20.123 UTC' in page.text
    assert '2.000 s' in page.text


def test_a_share_is_full_only_when_it_is(make_report, localization):
    truth = GroundTruth.from_frame_tolerance(5000, 5000, 0)
    results = tuple(QueryResult(index=i, place=min(i, 4998),
                                localization=localization(i, min(i, 4998), 0.5, True))
                    for i in range(5000))
    report = make_report(results=results, truth=truth, similarity=None)
    page = Page(render_report(report))
    assert 'Right when recognised 99.9 %' in page.text
    # The table of all answers would be too long.
    assert page.all('details') == []


def test_two_hundred_queries_stay_below_four_megabytes(localization):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (135, 240, 3), dtype=np.uint8)
    image = cv2.resize(noise, (960, 540), interpolation=cv2.INTER_CUBIC)
    results = tuple(QueryResult(
        index=i, place=i, localization=localization(i, i, 0.5, i % 3 > 0), query_image=image,
        match_image=image, attention=rng.uniform(size=(17, 30))) for i in range(200))
    report = RunReport(
        'noise', 'a', 'b', MapSummary('m', 1, 'n', 200, 512, 1), results,
        rng.normal(size=(200, 200)).astype(np.float32), GroundTruth.from_frame_tolerance(
            200, 200, 3))
    assert len(render_report(report).encode()) < 4_000_000


def test_the_file_appears_whole(make_report, tmp_path):
    path = tmp_path / 'run.html'
    path.write_text('the last one')
    assert write_report(make_report(), str(path)) == path
    assert 'night against day' in path.read_text(encoding='utf-8')
    assert [p.name for p in tmp_path.iterdir()] == ['run.html']
    with pytest.raises(OSError, match='gone'):
        write_report(make_report(), tmp_path / 'gone' / 'run.html')


def test_a_failed_report_leaves_the_last_one(make_report, tmp_path):
    path = tmp_path / 'run.html'
    path.write_text('the last one')
    report = make_report()
    broken = replace(report.results[0], attention=np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match='attention must be finite'):
        write_report(replace(report, results=(broken,)), path)
    assert path.read_text() == 'the last one'


def test_command_lines_that_are_no_text_can_be_written(make_report, tmp_path):
    odd = Provenance(command=b'vpr_ros \xff.mcap'.decode('utf-8', 'surrogateescape'))
    path = write_report(make_report(provenance=odd), tmp_path / 'run.html')
    assert 'vpr_ros ?.mcap' in path.read_text(encoding='utf-8')
