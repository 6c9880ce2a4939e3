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


"""Many systems on one panel: a row for each, and each mark where its number is."""

import re

from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.dense_panels import dense_keys
from vpr_ros.evaluation.comparison.dense_panels import dense_panel
from vpr_ros.evaluation.comparison.dense_panels import is_dense
from vpr_ros.evaluation.comparison.page import render_comparison
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.tables import build_tables

WAYS = (('single image', 'none'), ('single image', 'past'), ('single image', 'whole traverse'),
        ('over time', 'none'))


def many(make_result, pair='left', labels=('compact', 'b', 'c')):
    return [make_result((1 + 4 * k + j) / 20, pair=pair, label=label, method=method,
                        statistics=statistics)
            for k, label in enumerate(labels) for j, (method, statistics) in enumerate(WAYS)]


def rows_of(panel):
    return re.findall(r'<tr>.*?</tr>', panel[panel.index('<tbody>'):])


def outlines(markup):
    return re.findall(r'<path d="([^"]+)"', markup)


def test_only_many_systems_in_several_ways_share_rows(make_result, protocol):
    def dense(*results):
        return is_dense(build_tables(list(results), [protocol])[0])

    assert dense(*many(make_result))
    assert not dense(*many(make_result)[:8])
    assert not dense(*(make_result(label=f'n{k}') for k in range(12)))


def test_a_label_has_one_row_and_each_way_its_mark_and_its_number(make_result, protocol):
    table, = build_tables(many(make_result), [protocol])
    panel = dense_panel(table, 'left', 'recall@1')
    rows = rows_of(panel)
    assert [re.search(r'<th scope="row">(.*?)</th>', row)[1] for row in rows] == [
        'compact', 'b', 'c']
    # The paper has one number of the first.
    assert re.findall(r'<td>([^<]+)</td>', rows[0]) == ['5.0', '10.0', '15.0', '20.0', '75.0']
    assert re.findall(r'<td>([^<]+)</td>', rows[1]) == ['25.0', '30.0', '35.0', '40.0', '–']
    assert re.findall(r'left:([\d.]+%)" aria', rows[1]) == ['25%', '30%', '35%', '40%']
    assert 'left:15%;width:20%' in rows[1]
    tops = re.findall(r'class="way[^"]*" style="top:([\d.]+)px', rows[0])
    assert len(set(tops)) == len(tops) == 5
    # 60 % over time is the best of those that run.
    assert '<b>60.0</b>' in rows[2]
    assert re.findall(r'class="way best" style="top:[\d.]+px;left:60%"', rows[2])
    assert panel.count('<b>') == panel.count('way best') == 1
    assert '200 queries (190 with a place), 210 references' in panel


def test_ways_are_told_apart_by_their_shape_and_the_keys_name_them(make_result, protocol):
    table, = build_tables(many(make_result), [protocol])
    panel = dense_panel(table, 'left', 'recall@1')
    head = outlines(panel[:panel.index('<tbody>')])
    # What is printed has the ring of a single image, in dots.
    assert len(head) == 5
    assert len(set(head[:4])) == 4
    for row in rows_of(panel)[1:]:
        assert outlines(row) == head[:4]
    keys = dense_keys(table, 'recall@1')
    assert [outlines(key)[0] for key in keys[:5]] == head
    for key, words in zip(keys, ('single image, query statistics: none',
                                 'single image, query statistics: past',
                                 'single image, query statistics: whole traverse',
                                 'over time, query statistics: none', 'as published',
                                 'interval of 95 %', 'filled: the best'), strict=True):
        assert words in key


def test_of_a_group_it_is_the_mean(make_result, protocol):
    results = many(make_result, 'rain') + many(make_result, 'snow', ('c', 'b', 'compact'))
    table, = build_tables(results, [protocol])
    panel = dense_panel(table, 'weather', 'recall@1')
    assert 'mean of the pairs' in panel
    # 5 and 45 %.
    assert re.search(r'<td>([^<]+)</td>', rows_of(panel)[0])[1] == '25.0'
    assert 'class="range"' not in panel
    assert 'mean of' not in dense_panel(build_tables(many(make_result), [protocol])[0], 'left',
                                        'recall@1')


def test_only_shares_have_a_panel(make_result, protocol):
    protocol = protocol.model_copy(update={'measures': ('longest_unlocalized',), 'published': {}})
    table, = build_tables([make_result(numbers={'longest_unlocalized': Number(7.0, 9)})],
                          [protocol])
    assert dense_panel(table, 'left', 'longest_unlocalized') is None
    assert dense_panel(table, 'left', 'recall@1') is None


def test_the_page_takes_the_panel_that_fits(make_result, protocol, tmp_path):
    def summary(*results):
        page = render_comparison(Comparison(tmp_path, results, (protocol,)))
        return re.search('<section id="summary".*?</section>', page, re.S)[0]

    dense = summary(*many(make_result))
    assert dense.count('<table') == 1
    assert '<ol' not in dense
    assert 'filled: the best' in dense
    few = summary(*many(make_result)[:8])
    assert '<table' not in few
    assert few.count('<li') > 8
