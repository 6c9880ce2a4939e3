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


"""Differences on the same queries as the tables and the words of a report show them."""

import dataclasses
import re

import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.listed import write_listed
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.measures import measure
from vpr_ros.evaluation.comparison.report import write_comparison_report
from vpr_ros.evaluation.comparison.tables import pair_table
from vpr_ros.evaluation.comparison.verdict import verdicts
from vpr_ros.evaluation.run import Provenance

QUERIES = 200
# The last 10 queries have no place.
TRUTH = GroundTruth.from_lists(
    [np.arange(max(0, q - 3), q + 4) if q < 190 else [] for q in range(QUERIES)], 210)
# How many of each 20 queries in a row are answered rightly.
LEVELS = {'best': 15, 'close': 14, 'far': 4}


def answers(level):
    """Return matches that are right for the first of each 20 queries."""
    queries = np.arange(QUERIES)
    wrong = queries % 20 >= level
    best = np.where(wrong, (queries + 100) % 210, queries)
    # Not all that is hard for one is hard for the other.
    best[100:120] = np.where(level == 14, queries[100:120], best[100:120])
    return Matches(best[:, None], np.linspace(0.9, 0.1, QUERIES)[:, None])


@pytest.fixture
def compare(make_result, protocol, tmp_path):
    """Return what makes a comparison of systems whose matches are written."""
    protocol = protocol.model_copy(update={'published': {}})

    def make(*labels, pair='left', truths=None, statistics='none', written=True):
        results = []
        for label in labels:
            matches = answers(LEVELS[label])
            result = make_result(pair=pair, label=label, numbers=measure(matches, TRUTH),
                                 protocol_hash=protocol.hash)
            results.append(result)
            folder = Comparison(tmp_path, (), ()).folder(result)
            folder.path.mkdir(parents=True, exist_ok=True)
            if written:
                write_listed(folder.matches_path, matches, ['q'] * QUERIES, ['r'] * 210)
        return Comparison(tmp_path, tuple(results), (protocol,), truths=(
            {f'digest-{pair}': TRUTH} if truths is None else truths))

    return make


def below(table):
    return {row.system.label for row in table.rows for cell in row.cells if cell and cell.below}


def test_only_what_is_shown_to_be_below_the_best_is_marked(compare):
    comparison = compare('best', 'close', 'far')
    table, = comparison.tables
    assert below(table) == {'far'}
    by_label = {row.system.label: row.cells[0].number for row in table.rows}
    assert by_label['best'].value > by_label['close'].value > by_label['far'].value
    assert below(pair_table(table, comparison.results, ['recall@1'])) == {'far'}
    # Only R@1 is compared query by query.
    marked = [column.measure for row in table.rows
              for cell, column in zip(row.cells, table.columns, strict=True)
              if cell and cell.below]
    assert marked == ['recall@1']


def test_the_verdict_says_whether_a_difference_was_shown(compare):
    def said(*labels):
        return verdicts(compare(*labels).tables[0])[0]

    shown = re.search(r'by (.*) points \((.*) to (.*)\) on the same queries: a difference was '
                      r'shown\.$', said('best', 'far'))
    value, low, high = map(float, shown.groups())
    rights = [TRUTH.are_matches(np.arange(QUERIES), answers(LEVELS[name]).best).sum()
              for name in ('best', 'far')]
    assert value == pytest.approx(100 * (rights[0] - rights[1]) / 190, abs=0.05)
    assert 0 < low < value < high
    none = said('best', 'close')
    assert none.endswith('on the same queries: no difference was shown.')
    assert float(re.search(r'points \((\S+) to', none)[1]) <= 0
    assert 'overlap' not in none


def test_without_the_truth_or_the_matches_intervals_are_all_there_is(compare):
    assert compare('best', 'close', written=False).paired == {}
    without = compare('best', 'close', truths={'another': TRUTH})
    assert without.paired == {}
    assert 'Their intervals overlap' in verdicts(without.tables[0])[0]
    assert below(compare('best', 'far', truths={}).tables[0]) == set()


def test_matches_that_do_not_give_the_number_are_not_compared(compare):
    comparison = compare('best', 'close', 'far')
    changed = next(r for r in comparison.results if r.label == 'far')
    numbers = dict(changed.numbers)
    numbers['recall@1'] = dataclasses.replace(numbers['recall@1'], value=0.1)
    results = tuple(dataclasses.replace(r, numbers=numbers) if r.label == 'far' else r
                    for r in comparison.results)
    other = dataclasses.replace(comparison, results=results)
    same, = other.paired.values()
    systems = {row.system.label: row.system for row in other.tables[0].rows}
    assert [label for label, system in systems.items() if system in same] == ['best', 'close']
    assert below(other.tables[0]) == set()


def test_all_files_have_the_mark_and_say_what_it_means(compare, tmp_path):
    comparison = compare('best', 'close', 'far')
    write_comparison_report(tmp_path, comparison.results, comparison.protocols, Provenance(),
                            truths=comparison.truths)
    meaning = 'The signs are not corrected for how many there are.'
    markdown = (tmp_path / 'results.md').read_text()
    lines = {line.split(' | ')[0]: line for line in markdown.splitlines() if ' | ' in line}
    assert re.search(r'\| far \| [\d.]+ \([^)]+\) ▼ \|', lines['| far'] + ' |')
    assert markdown.count('▼') == 2
    assert meaning in markdown
    page = (tmp_path / 'index.html').read_text()
    sign = '<span class="below" role="img" aria-label="below the best">▼</span>'
    assert page.count(sign) == 1
    assert re.search(rf'far</span></span></th><td>[\d.]+{sign}', page)
    assert meaning in page
    latex = (tmp_path / 'results.tex').read_text()
    sign = r'{\scriptsize$\bigtriangledown$}'
    rows = latex[latex.index(r'\midrule'):].splitlines()
    assert [line[:3] for line in rows if f' {sign}' in line] == ['far']
    assert latex.count(sign) == 2
    assert '▼' not in latex
    assert meaning in latex
    # Where nothing is below, nothing is said of it.
    none = compare('best', 'close')
    write_comparison_report(tmp_path, none.results, none.protocols, Provenance(),
                            truths=none.truths)
    assert '▼' not in (tmp_path / 'results.md').read_text()
