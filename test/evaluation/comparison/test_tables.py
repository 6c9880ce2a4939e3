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


"""What stands in which row and column."""

from dataclasses import replace

import pytest
from vpr_ros.evaluation.comparison.result import Counts
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.tables import build_tables
from vpr_ros.evaluation.comparison.tables import Column
from vpr_ros.evaluation.comparison.tables import pair_table
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.comparison.tables import systems_of


def values(table):
    """Return what the rows say: (label, conditions) -> values, None where there is nothing."""
    return {(row.system.label, row.system.conditions): [
        cell and cell.number.value for cell in row.cells] for row in table.rows}


def best(table):
    return [[bool(cell and cell.best) for cell in row.cells] for row in table.rows]


def test_pairs_stand_alone_and_groups_have_mean_and_worst(make_result, protocol):
    table, = build_tables([
        make_result(0.5, 0.25), make_result(0.7, 0.6, pair='rain'),
        make_result(0.3, 0.8, pair='snow')], [protocol])
    assert table.columns == (
        Column('left', 'recall@1'), Column('left', 'auc'),
        Column('weather', 'recall@1', 'mean'), Column('weather', 'recall@1', 'worst'),
        Column('weather', 'auc', 'mean'), Column('weather', 'auc', 'worst'))
    row = table.rows[0]
    assert [cell.number.value for cell in row.cells] == pytest.approx(
        [0.5, 0.25, 0.5, 0.3, 0.7, 0.6])
    assert [cell.pair for cell in row.cells] == ['', '', '', 'snow', '', 'rain']
    # A mean over pairs has no interval that was measured, and counts all their queries.
    assert row.cells[2].number == Number(pytest.approx(0.5), 380)
    assert row.cells[3].number.low == pytest.approx(0.2)
    assert table.units == ('left', 'weather')
    assert [m.pair.name for m in table.pairs] == ['left', 'rain', 'snow']
    assert table.missing == ()


def test_the_worst_of_a_measure_that_should_be_low_is_the_highest(make_result, protocol):
    protocol = protocol.model_copy(update={'measures': ('calibration_error',), 'published': {}})
    results = [make_result(pair=pair, numbers={'calibration_error': Number(value, 5)})
               for pair, value in (('rain', 0.1), ('snow', 0.4))]
    table, = build_tables(results, [protocol])
    assert table.rows[0].cells[1].number.value == 0.4
    assert table.rows[0].cells[1].pair == 'snow'


def test_a_mean_over_other_pairs_is_not_shown(make_result, protocol):
    table, = build_tables([
        make_result(0.7, pair='rain'), make_result(0.3, pair='snow'),
        make_result(0.9, pair='snow', label='other')], [protocol])
    assert table.missing == ('left',)
    found = values(table)
    assert found['compact', 'single image, query statistics: none'][0] == pytest.approx(0.5)
    assert found['other', 'single image, query statistics: none'] == [None] * 4
    # Nobody has the pair: the mean of what there is can be compared.
    table, = build_tables([make_result(0.7, pair='rain')], [protocol])
    assert next(iter(values(table).values()))[0] == pytest.approx(0.7)
    assert table.missing == ('left', 'snow')


def test_rows_are_ordered_by_network_then_by_what_it_knew(make_result):
    results = [
        make_result(label='b', method='over time'), make_result(label='b'),
        make_result(label='a', statistics='whole traverse'), make_result(label='a'),
        make_result(label='a', statistics='past'),
        make_result(label='t', method='listed', statistics='not known')]
    assert systems_of(results) == [
        System('b', 'single image', 'none'), System('b', 'over time', 'none'),
        System('a', 'single image', 'none'), System('a', 'single image', 'past'),
        System('a', 'single image', 'whole traverse'), System('t', 'listed', 'not known')]
    assert systems_of(results)[-1].conditions == 'listed matches, query statistics: not known'


def test_the_best_is_marked_to_the_digits_that_are_printed(make_result, protocol):
    table, = build_tables([
        make_result(0.5, 0.1, label='a'), make_result(0.7, 0.3, label='b'),
        make_result(0.70004, 0.2, label='c')], [protocol])
    measured = best(table)[:3]
    assert measured == [[False, False], [True, True], [True, False]]
    # One alone is not the best, and where all are alike none is.
    table, = build_tables([make_result(label='a')], [protocol])
    assert not any(any(row) for row in best(table))
    table, = build_tables([make_result(label='a'), make_result(label='b')], [protocol])
    assert not any(any(row) for row in best(table))


def test_the_best_of_what_should_be_low_is_the_lowest(make_result, protocol):
    protocol = protocol.model_copy(update={'measures': ('brier',), 'published': {}})
    table, = build_tables([make_result(label=label, numbers={'brier': Number(value, 5)})
                           for label, value in (('a', 0.3), ('b', 0.1))], [protocol])
    assert best(table) == [[False], [True]]


def test_who_knew_the_whole_traverse_is_not_in_the_running(make_result, protocol):
    results = [make_result(0.5, label='a'), make_result(0.4, label='b'),
               make_result(0.9, label='a', statistics='whole traverse')]
    table, = build_tables(results, [protocol])
    marked = {row.system: row.cells[0].best for row in table.rows if not row.system.published}
    assert marked == {System('a', 'single image', 'none'): True,
                      System('a', 'single image', 'whole traverse'): False,
                      System('b', 'single image', 'none'): False}
    # Among themselves they can be compared.
    table, = build_tables([replace(r, statistics='whole traverse') for r in results[:2]],
                          [protocol])
    assert [row[0] for row in best(table)[:2]] == [True, False]


def test_what_a_paper_printed_stands_below_its_network_and_is_never_best(make_result, protocol):
    table, = build_tables([
        make_result(0.5, label='compact'), make_result(0.6, label='last'),
        make_result(0.1, pair='rain', label='last'), make_result(0.1, pair='snow', label='last'),
    ], [protocol])
    rows = [(row.system.label, row.system.conditions) for row in table.rows]
    assert rows[1] == ('compact', 'as published')
    assert rows[-1] == ('Theirs', 'as published')
    assert values(table)['compact', 'as published'] == [0.75, None, None, 0.25, None, None]
    assert values(table)['Theirs', 'as published'] == [None, None, 0.5, None, None, None]
    assert not any(best(table)[1])
    assert not any(best(table)[-1])
    assert best(table)[2][0]


def test_published_rows_without_a_column_are_left_out(make_result, protocol):
    protocol = protocol.model_copy(
        update={'published': {'Theirs': {'weather': {'recall@1': 0.5}}}})
    table, = build_tables([make_result()], [protocol])
    assert [row.system.label for row in table.rows] == ['compact']


def test_notes_of_all_are_of_the_pair_and_others_of_the_system(make_result, protocol):
    table, = build_tables([
        make_result(label='a', notes=('dark images', 'random weights')),
        make_result(label='b', notes=('dark images',)),
        make_result(label='b', pair='rain', notes=('one query is missing',))], [protocol])
    assert table.pairs[0].notes == ('dark images',)
    assert table.notes == ('random weights', 'one query is missing')
    assert [row.notes for row in table.rows if not row.system.published] == [(0,), (1,)]


def test_conditions_are_said_once_when_they_are_alike(make_result, protocol):
    table, = build_tables([make_result(label='a'), make_result(label='b')], [protocol])
    assert table.conditions == 'single image, query statistics: none'
    assert [table.words(row.system) for row in table.rows[:2]] == ['', '']
    table, = build_tables([make_result(), make_result(method='over time')], [protocol])
    assert table.conditions == 'query statistics: none'
    assert [table.words(row.system) for row in table.rows] == [
        'single image', 'over time', 'as published']
    assert table.varying == (True, False)
    # What a list from elsewhere knew nobody knows.
    table, = build_tables([make_result(), make_result(
        label='t', method='listed', statistics='not known')], [protocol])
    assert table.conditions == ''
    assert [table.words(row.system) for row in table.rows] == [
        'single image, query statistics: none', 'as published',
        'listed matches, query statistics: not known']
    assert table.varying == (True, True)


def test_every_pair_of_a_group_has_a_table_too(make_result, protocol):
    results = [make_result(0.7, pair='rain'), make_result(0.3, pair='snow')]
    table, = build_tables(results, [protocol])
    pairs = pair_table(table, results, ['recall@1'])
    assert pairs.columns == (Column('rain', 'recall@1'), Column('snow', 'recall@1'))
    assert [cell.number.value for cell in pairs.rows[0].cells] == [0.7, 0.3]


@pytest.mark.parametrize('changes', [
    {'data': 'other'}, {'rule': 'other'}, {'counts': Counts(200, 210, 189)}])
def test_results_of_other_frames_or_rules_are_refused(make_result, protocol, changes):
    with pytest.raises(ValueError, match=r'campus, pair left, .* cannot stand in one table'):
        build_tables([make_result(), make_result(label='b', **changes)], [protocol])


def test_results_of_another_rule_than_the_protocols_are_refused(make_result, protocol):
    with pytest.raises(ValueError, match='cannot stand in one table'):
        build_tables([make_result(rule='other')], [protocol])
    with pytest.raises(ValueError, match='campus other, which is not among those given'):
        build_tables([make_result(protocol_hash='other')], [protocol])
    with pytest.raises(ValueError, match='not among those given'):
        build_tables([make_result()], [])
    with pytest.raises(ValueError, match='has no pair gone'):
        build_tables([make_result(), replace(make_result(), pair='gone')], [protocol])
    with pytest.raises(ValueError, match='two results of campus, pair left, are of compact, sing'):
        build_tables([make_result(), make_result()], [protocol])


def test_protocols_without_results_have_no_table(protocol):
    assert build_tables([], [protocol]) == []
