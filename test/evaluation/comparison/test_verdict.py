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


"""Who is best, in words."""

from dataclasses import replace
from pathlib import Path

import pytest
from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.verdict import lead_text
from vpr_ros.evaluation.comparison.verdict import title_text
from vpr_ros.evaluation.comparison.verdict import verdicts


@pytest.fixture
def said(protocol):
    def say(*results):
        table, = Comparison(Path(), results, (protocol,)).tables
        return verdicts(table)

    return say


def test_the_best_is_named_before_the_next_network(make_result, said):
    assert said(make_result(0.9, label='a'), make_result(0.85, label='a', method='over time'),
                make_result(0.5, label='b')) == [
        'left: a (single image) is best with R@1 90.0 % (80.0–100), before the best of the other '
        'networks, b (single image) with '
        '50.0 % (40.0–60.0).']
    assert said(make_result(0.9), make_result(0.3, method='over time')) == [
        'left: compact (single image) is best with R@1 90.0 % (80.0–100), before compact (over '
        'time) with 30.0 % (20.0–40.0).']


def test_intervals_that_overlap_are_said_so(make_result, said):
    close, = said(make_result(0.6, label='a'), make_result(0.5, label='b'))
    assert close.endswith('Their intervals overlap: another drive could turn the order round.')
    apart, = said(make_result(0.8, label='a'), make_result(0.5, label='b'))
    assert 'overlap' not in apart
    without = {'recall@1': Number(0.5, 9)}
    assert 'overlap' not in said(make_result(0.6, label='a'),
                                 make_result(label='b', numbers=without))[0]


def test_one_alone_is_not_called_best_and_equals_share(make_result, said):
    assert said(make_result(0.5)) == ['left: compact has R@1 50.0 % (40.0–60.0).']
    assert said(make_result(0.5, label='a'), make_result(0.5, label='b'),
                make_result(0.4, label='c')) == [
        'left: a and b share the best R@1, 50.0 % (40.0–60.0).']


def test_who_knew_the_whole_traverse_is_not_named(make_result, said):
    text, = said(make_result(0.5, label='a'), make_result(0.4, label='b'),
                 make_result(0.9, label='b', statistics='whole traverse'))
    assert text.startswith('left: a (query statistics: none) is best with R@1 50.0 %')
    assert '90.0' not in text


def test_groups_are_judged_by_their_mean(make_result, said):
    assert said(make_result(0.7, pair='rain'), make_result(0.3, pair='snow')) == [
        'weather, mean of its pairs: compact has R@1 50.0 %.']
    two, = said(*(make_result(recall, pair=pair, label=label) for pair in ('rain', 'snow')
                  for label, recall in (('a', 0.7), ('b', 0.69))))
    assert two == ('weather, mean of its pairs: a is best with R@1 70.0 %, before b with 69.0 %. '
                   'A mean over pairs has no interval: the order may be chance.')


def test_the_lowest_is_best_where_low_is_better(make_result, protocol):
    protocol = protocol.model_copy(update={'measures': ('longest_unlocalized',), 'published': {}})
    results = tuple(make_result(label=label, numbers={'longest_unlocalized': Number(value, 9)})
                    for label, value in (('a', 12.0), ('b', 4.0)))
    table, = Comparison(Path(), results, (protocol,)).tables
    assert verdicts(table) == ['left: b is best with longest lost 4, before a with 12.']


def test_title_and_lead_say_what_was_compared(make_result, protocol):
    one = Comparison(Path(), (make_result(label='a'), make_result(label='b')), (protocol,))
    assert title_text(one) == 'A campus by night & day'
    assert lead_text(one) == ('a and b were compared on 1 pair of traverses: 200 queries, 10 of '
                              'which show a place that no reference shows.')
    other = protocol.model_copy(update={'name': 'other'})
    two = Comparison(Path(), (make_result(label='a'), make_result(label='a', protocol='other',
                                                                  statistics='whole traverse')),
                     (protocol, other))
    assert title_text(two) == 'a on 2 protocols'
    many = replace(two, results=(*two.results, *(make_result(label=label) for label in 'bcd')))
    assert title_text(many) == '4 systems on 2 protocols'
    assert lead_text(two).startswith('a was compared on 2 pairs of traverses: 400 queries, 20 of')
    assert 'Some rows use statistics of the whole query traverse' in lead_text(two)
    many = Comparison(Path(), tuple(make_result(label=f'n{k}') for k in range(8)), (protocol,))
    assert lead_text(many).startswith('n0, n1, n2, n3, n4 and 3 more were compared')
    alone = Comparison(Path(), (make_result(label='a'),), (protocol,))
    assert lead_text(alone).startswith('a was measured on 1 pair')
    assert lead_text(Comparison(Path(), (), ())) == 'Nothing was measured.'
