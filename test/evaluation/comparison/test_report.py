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


"""The files that an evaluation leaves."""

import base64
import re

import numpy as np
import pytest
from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.gallery import gallery_section
from vpr_ros.evaluation.comparison.matrices import matrices_section
from vpr_ros.evaluation.comparison.page import render_comparison
from vpr_ros.evaluation.comparison.report import write_comparison_report
from vpr_ros.evaluation.comparison.result import Example
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.result_folder import PICTURES
from vpr_ros.evaluation.comparison.result_folder import StoredMatrix
from vpr_ros.evaluation.comparison.table_csv import results_csv
from vpr_ros.evaluation.comparison.table_latex import results_latex
from vpr_ros.evaluation.comparison.table_markdown import results_markdown
from vpr_ros.evaluation.pictures import decode_picture
from vpr_ros.evaluation.pictures import encode_jpeg
from vpr_ros.evaluation.run import Provenance

PROVENANCE = Provenance('vpr_ros evaluate --seed 4', '9.8.7', 'today', 4)
EXAMPLES = (*(Example('best', 10 * k, 10 * k, True, 0.9, 10 * k) for k in range(6)),
            *(Example('worst', 10 * k + 1, 80, False, 0.8 - k / 100, 10 * k) for k in range(6)))


@pytest.fixture
def compare(make_result, protocol, tmp_path):
    """Return what makes a comparison whose results have matrices and pictures."""
    picture = encode_jpeg(np.full((30, 60, 3), 128, np.uint8))

    def make(*results, pictures=True, protocols=None, provenance=PROVENANCE):
        comparison = Comparison(tmp_path, results, protocols or (protocol,), provenance)
        for result in results:
            folder = comparison.folder(result)
            levels = np.zeros((40, 20), np.uint8)
            levels[0, 0] = 255
            if pictures:
                folder.write_matrix(StoredMatrix(levels, 0.125, 0.875, 400, 200))
            for example in result.examples if pictures else ():
                for kind in PICTURES:
                    folder.write_picture(example.query, kind, picture)
            folder.write(result)
        return comparison

    return make


def text_of(page):
    body = re.sub(r'<style>.*?</style>', '', page, flags=re.S)
    return re.sub(r'\s+', ' ', re.sub(r'<[^>]+>', ' ', body))


def section(page, name):
    return re.search(f'<section id="{name}".*?</section>', page, re.S)[0]


def test_all_files_are_written_and_hold_the_same_tables(compare, make_result, protocol, tmp_path):
    results = [make_result(0.5), make_result(0.6, label='other')]
    comparison = compare(*results)
    path = write_comparison_report(tmp_path, results, [protocol], PROVENANCE)
    assert path == tmp_path / 'index.html'
    assert path.read_text() == render_comparison(comparison)
    assert (tmp_path / 'results.csv').read_text() == results_csv(results, [protocol])
    assert (tmp_path / 'results.md').read_text() == results_markdown(
        results, [protocol], provenance=PROVENANCE)
    assert (tmp_path / 'results.tex').read_text() == results_latex(results, [protocol])
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'index.html', 'results.csv', 'results.md', 'results.tex', 'runs']
    with pytest.raises(OSError, match='gone'):
        write_comparison_report(tmp_path / 'gone', results, [protocol], PROVENANCE)


def test_the_page_says_what_was_measured_and_how(compare, make_result, protocol):
    times = {'match_ms@50': Number(3.25, 190), 'match_ms@max': Number(99.0, 190)}
    page = render_comparison(compare(
        make_result(0.5, 0.25, examples=EXAMPLES, notes=('random weights',)),
        make_result(0.7, label='other', numbers={'recall@1': Number(0.7, 190), **times}),
        make_result(0.4, pair='rain'), make_result(0.3, pair='snow')))
    text = text_of(page)
    for words in ('A campus by night &amp; day', 'campus , hash ', protocol.hash,
                  'Right means within 3 frames', '200 queries (190 with a place), 210 references',
                  'All rows: single image, query statistics: none.', 'digest-left',
                  protocol.pairs[0].hash, 'Doe et al., 2020, Table 3', 'as published',
                  'weather, worst pair', 'random weights', 'vpr_ros evaluate --seed 4', 'today',
                  '{"name": "compact"}', 'Random seed 4', 'The share of queries with a place'):
        assert words in text, words
    table = section(page, 'tables')
    assert '<td>50.0<small>40.0–60.0</small></td>' in table
    assert '<b>70.0</b>' in table
    speed = section(page, 'speed')
    assert ('<th scope="row">match</th><td>–</td><td>3.25</td><td>–</td><td>–</td>'
            '<td>99.0</td><td>190</td></tr>') in speed
    # compact has no times.
    assert 'compact' not in text_of(speed)


def test_each_pair_of_a_group_has_a_panel_behind_a_fold(compare, make_result):
    page = render_comparison(compare(make_result(0.9, label='a'), *(
        make_result(recall, pair=pair, label=label) for pair, recall, label in (
            ('rain', 0.75, 'a'), ('snow', 0.25, 'a'), ('rain', 0.5, 'b'), ('snow', 0.5, 'b')))))
    fold, = re.findall(r'<details>.*?</details>', section(page, 'summary'), re.S)
    panels = re.findall(r'<div class="panel">.*?</ol>', fold, re.S)
    assert [re.search(r'<h4>(\w+)<', panel)[1] for panel in panels] == ['rain', 'snow']
    assert 'class="dot best" style="left:75%"' in panels[0]
    assert 'class="dot best" style="left:50%"' in panels[1]
    alone = section(render_comparison(compare(make_result())), 'summary')
    assert '<details' not in alone


def test_of_several_pairs_the_slowest_counts(compare, make_result):
    page = render_comparison(compare(
        make_result(pair='rain', numbers={'match_ms@50': Number(3.25, 190)}),
        make_result(pair='snow', numbers={'match_ms@50': Number(4.5, 150)})))
    assert '<td>4.50</td><td>–</td><td>–</td><td>–</td><td>150</td>' in section(page, 'speed')


def test_the_page_is_whole_and_loads_nothing(compare, make_result):
    page = render_comparison(compare(
        make_result(examples=EXAMPLES), make_result(label='other', examples=EXAMPLES),
        make_result(pair='rain', examples=EXAMPLES)))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for address in re.findall(r'(?:href|src)="([^"]+)"', page):
        assert address.startswith('data:image/') or address[1:] in ids
    assert not re.search(r'(https?:)?//[a-z]|@import|<script', page)
    # Every class has a look.
    style = page[page.index('<style>'):page.index('</style>')]
    used = {name for names in re.findall(r' class="([^"]+)"', page) for name in names.split()}
    for name in used:
        assert re.search(rf'\.{re.escape(name)}[\s,.:)>{{]', style), name


def test_a_matrix_has_queries_to_the_right_and_references_upwards(compare, make_result):
    shown = matrices_section(compare(make_result()))
    source = re.search(r'src="data:image/png;base64,([^"]+)" class="cells"', shown)[1]
    image = decode_picture(base64.b64decode(source))
    assert image.shape == (20, 40, 3)
    darkest = np.unravel_index(image.sum(axis=2).argmin(), (20, 40))
    # The first query and the first reference are alike: lower left.
    assert tuple(darkest) == (19, 0)
    assert 'aspect-ratio:2.000' in shown
    assert '0.12 ' in shown
    assert 'Similarity of 400 queries and 200 references: compact on left' in shown


def test_matrices_and_examples_are_capped_with_a_remark(compare, make_result):
    results = [make_result(label=f'n{k}', examples=EXAMPLES) for k in range(5)]
    comparison = compare(*results)
    shown = matrices_section(comparison, most=2)
    assert shown.count('class="cells"') == 2
    assert '3 more are left out of this page' in shown
    assert 'left out' not in matrices_section(comparison)
    gallery = gallery_section(comparison, most=20)
    assert gallery.count('<article') == 20
    assert gallery.count('class="example wrong"') == 10
    assert '40 more examples are left out' in gallery
    assert 'left out' not in gallery_section(comparison)
    # However many systems: each is seen failing.
    fewest = gallery_section(comparison, most=1)
    assert fewest.count('<article') == fewest.count('class="example wrong"') == 5


def test_an_example_shows_what_was_said_and_what_was_right(compare, make_result):
    gallery = gallery_section(compare(make_result(examples=(
        Example('worst', 7, 80, False, 0.75, 10), Example('worst', 8, None, False, 0.0, None),
        Example('best', 9, 9, True, 0.5, 9)))))
    wrong, nothing, right = re.findall(r'<article.*?</article>', gallery, re.S)
    assert text_of(wrong).split() == (
        'Query 7 wrong query attention its match the right place said reference 80 right '
        'reference 10 (70 away) score 0.750').split()
    assert 'said nothing right none' in re.sub(r' +', ' ', text_of(nothing))
    # A right answer is its own right place.
    assert 'the right place' not in right
    assert right.count('<img') == 3
    assert gallery.index('Wrong, the surest first') < gallery.index('Right, across the drive')


def test_a_list_without_scores_is_sure_of_nothing(compare, make_result):
    gallery = gallery_section(compare(make_result(examples=EXAMPLES, curves={})))
    assert '>score<' not in gallery
    assert 'the surest first' not in gallery
    assert '>Wrong<' in gallery
    assert '>score<' in gallery_section(compare(make_result(examples=EXAMPLES)))


def test_examples_across_the_drive_stay_spread_when_there_is_room_for_few(compare, make_result):
    best = tuple(example for example in EXAMPLES if example.kind == 'best')
    gallery = gallery_section(compare(make_result(examples=best)), most=2)
    assert re.findall(r'Query (\d+)', gallery) == ['10', '40']
    assert 'No answer was wrong.' in gallery


def test_what_nobody_has_is_not_shown(compare, make_result):
    page = render_comparison(compare(make_result(curves={}), pictures=False))
    for name in ('matrices', 'matches', 'speed', 'curves'):
        assert f'<section id="{name}"' not in page
    pictures = render_comparison(compare(make_result(examples=EXAMPLES), pictures=False))
    assert '<article' in pictures
    assert 'class="strip"' not in pictures


def test_the_best_curves_are_drawn_when_there_are_too_many(compare, make_result):
    page = render_comparison(compare(
        *(make_result(0.1 + k / 20, k / 20, label=f'n{k}') for k in range(10))))
    curves = section(page, 'curves')
    assert 'Of more than 8 systems the 8 best are drawn.' in curves
    assert re.findall(r'n(\d)<', curves) == [str(k) for k in range(2, 10)]


def test_the_curve_is_that_of_the_protocols_area(compare, make_result, protocol):
    protocol = protocol.model_copy(update={'measures': ('auc_ratio',), 'published': {}})
    result = make_result(numbers={'auc_ratio': Number(0.75, 9)}, curves={
        'score': ((1.0, 1.0),), 'ratio': ((0.5, 0.125),)})
    curves = section(render_comparison(compare(result, protocols=(protocol,))), 'curves')
    assert 'recall 0.50 and precision 0.12' in curves
    assert 'AUC (ratio) 75.0' in curves


def test_several_protocols_keep_their_pairs_apart(compare, make_result, protocol):
    other = protocol.model_copy(update={'name': 'other', 'title': 'Another campus'})
    page = render_comparison(compare(make_result(), make_result(protocol='other'),
                                     protocols=(protocol, other)))
    text = text_of(page)
    assert 'compact on 2 protocols' in text
    assert 'campus · left' in text
    assert 'other · left' in text
    names = re.findall(r'role="region" aria-label="([^"]+)"', page)
    assert len(names) == len(set(names)) == 6


def test_hostile_text_stays_text(compare, make_result, protocol):
    hostile = '"><script>alert(1)</script></style>'
    protocol = protocol.model_copy(update={
        'title': hostile, 'about': hostile, 'source': hostile,
        'published': {hostile: {'left': {'recall@1': 0.5}}}})
    page = render_comparison(compare(
        make_result(label=hostile, network=hostile, truth=hostile, notes=(hostile,),
                    examples=EXAMPLES),
        make_result(label='b', truth='within 3 frames'), protocols=(protocol,),
        provenance=Provenance(hostile, hostile, hostile)))
    assert '<script' not in page
    assert page.count('</style>') == 1
