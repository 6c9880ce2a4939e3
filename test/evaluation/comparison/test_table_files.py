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


"""Tables as people and programs read them."""

import csv
import io
import re

import pytest
from vpr_ros.evaluation.comparison.meanings import MEASURES
from vpr_ros.evaluation.comparison.number_words import interval_text
from vpr_ros.evaluation.comparison.number_words import number_text
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.table_csv import CSV_COLUMNS
from vpr_ros.evaluation.comparison.table_csv import results_csv
from vpr_ros.evaluation.comparison.table_latex import results_latex
from vpr_ros.evaluation.comparison.table_markdown import results_markdown
from vpr_ros.evaluation.comparison.table_words import how_to_read
from vpr_ros.evaluation.comparison.table_words import pair_notes
from vpr_ros.evaluation.comparison.table_words import unit_text
from vpr_ros.evaluation.comparison.tables import build_tables
from vpr_ros.evaluation.run import Provenance


@pytest.fixture
def results(make_result):
    return [make_result(0.5, 0.25, notes=('random weights',)),
            make_result(0.7, 0.2, label='seq_vlad{a: 1}|b', method='over time'),
            *(make_result(0.4, 0.1, pair=pair) for pair in ('rain', 'snow'))]


def markdown_rows(text, first):
    """Return the cells of the Markdown table whose head begins so."""
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith(f'| {first}'))
    rows = []
    for line in lines[start:]:
        if not line.startswith('|'):
            break
        rows.append([cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]])
    return rows


@pytest.mark.parametrize(('value', 'name', 'text'), [
    (0.98512, 'recall@1', '98.5'), (1.0, 'recall@1', '100'), (0.0, 'recall@1', '0'),
    (0.9999, 'recall@1', '99.9'), (0.0001, 'recall@1', '0.1'), (-0.012, 'brier', '-1.2'),
    (float('nan'), 'auc', '–'), (7.0, 'longest_unlocalized', '7'),
    (12.34, 'longest_unlocalized_m', '12.3'), (123.4, 'longest_unlocalized_m', '123'),
])
def test_a_number_has_the_digits_that_can_be_read(value, name, text):
    assert number_text(value, MEASURES[name]) == text


def test_an_interval_is_there_or_nothing(make_result):
    measure = MEASURES['recall@1']
    assert interval_text(Number(0.5, 9, 0.41, 1.0), measure) == '41.0–100'
    assert interval_text(Number(0.5, 9), measure) == ''
    assert interval_text(Number(0.5, 9, float('nan'), 1.0), measure) == ''


def test_the_csv_has_every_number_with_what_it_depends_on(results, protocol):
    rows = list(csv.DictReader(io.StringIO(results_csv(results, [protocol]))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert rows[0] == {
        'protocol': 'campus', 'protocol_hash': protocol.hash, 'pair': 'left', 'group': '',
        'rule': protocol.pairs[0].hash, 'data': 'digest-left', 'truth': 'within 3 frames',
        'label': 'compact', 'network': '{"name": "compact"}', 'method': 'single image',
        'statistics': 'none', 'queries': '200', 'references': '210', 'with_place': '190',
        'measure': 'recall@1', 'value': '0.5', 'low': '0.4', 'high': '0.6', 'count': '190',
        'source': 'measured', 'notes': 'random weights'}
    measured = [row for row in rows if row['source'] == 'measured' and row['pair']]
    assert len(measured) == 8
    groups = {row['measure']: row for row in rows if row['group'] and not row['pair']
              and row['source'] == 'measured'}
    assert sorted(groups) == ['auc mean', 'auc worst', 'recall@1 mean', 'recall@1 worst']
    assert groups['recall@1 mean']['value'] == '0.4'
    assert groups['recall@1 mean']['low'] == ''
    published = [(r['label'], r['pair'], r['group'], r['measure'], r['value'], r['notes'])
                 for r in rows if r['source'] == 'published']
    assert published == [
        ('compact', 'left', '', 'recall@1', '0.75', protocol.source),
        ('compact', '', 'weather', 'recall@1 worst', '0.25', protocol.source),
        ('Theirs', '', 'weather', 'recall@1 mean', '0.5', protocol.source)]


def test_a_number_that_is_none_is_empty_in_the_csv(make_result, protocol):
    result = make_result(numbers={'auc': Number(float('nan'), 0)})
    row = next(csv.DictReader(io.StringIO(results_csv([result], [protocol]))))
    assert (row['value'], row['low'], row['count']) == ('', '', '0')


def test_markdown_prints_the_protocol_its_counts_and_the_numbers(results, protocol):
    text = results_markdown(results, [protocol])
    assert text.startswith('## A campus by night & day\n')
    assert 'Taken \\<twice\\>.' in text
    assert f'Protocol `campus`, hash `{protocol.hash}`. Published as: Doe et al.' in text
    assert markdown_rows(text, 'pair')[2] == [
        'left', 'day', 'left', 'within 3 frames', '210', '200', '190',
        f'`{protocol.pairs[0].hash}`', '`digest-left`']
    rows = markdown_rows(text, 'system')
    assert rows[0] == ['system', 'conditions', 'left R@1', 'left AUC', 'weather R@1 mean',
                       'weather R@1 worst', 'weather AUC mean', 'weather AUC worst']
    assert rows[1] == [':--', ':--', *['--:'] * 6]
    assert rows[2] == ['compact [1]', 'single image', '50.0 (40.0–60.0)',
                       '**25.0**', '40.0', '40.0 (rain, 30.0–50.0)', '10.0', '10.0 (rain)']
    assert rows[3] == ['compact', 'as published', '75.0', '–', '–', '25.0', '–', '–']
    assert rows[4][:4] == [r'seq\_vlad\{a: 1\}\|b', 'over time',
                           '**70.0** (60.0–80.0)', '20.0']
    assert 'All rows: query statistics: none.' in text
    assert '\n- [1] random weights\n' in text
    assert '- **R@1**: The share of queries' in text
    assert '- **AUC**: The area' in text


def test_conditions_that_are_alike_are_said_above_the_table(make_result, protocol):
    protocol = protocol.model_copy(update={'published': {}})
    results = [make_result(label='a', notes=('wet lens',)),
               make_result(label='b', notes=('wet lens',))]
    text = results_markdown(results, [protocol])
    assert 'All rows: single image, query statistics: none.' in text
    assert '- On left: wet lens\n' in text
    assert markdown_rows(text, 'system')[0] == ['system', 'left R@1', 'left AUC']
    assert '- Not measured: rain, snow\n' in text


def test_groups_are_listed_pair_by_pair_too(results, protocol, make_result):
    text = results_markdown(results, [protocol])
    rows = markdown_rows(text[text.index('### Pair by pair'):], 'system')
    assert rows[0] == ['system', 'conditions', 'left R@1', 'rain R@1', 'snow R@1']
    assert rows[2][2:] == ['50.0 (40.0–60.0)', '40.0 (30.0–50.0)', '40.0 (30.0–50.0)']
    assert 'Pair by pair' not in results_markdown([make_result()], [protocol])


def test_what_is_said_of_pairs_is_said_once(make_result, protocol):
    def notes(**changes):
        results = [make_result(pair=pair, label=label, notes=('wet',) + changes.get(pair, ()))
                   for pair in ('rain', 'snow') for label in ('a', 'b')]
        return pair_notes(build_tables(results, [protocol])[0]), results_latex(results, [protocol])

    assert notes()[0] == ['On all pairs: wet']
    said, latex = notes(snow=('cold_',))
    assert said == ['On all pairs: wet', 'On snow: cold_']
    assert r'\footnotesize On all pairs: wet. On snow: cold\_.' in latex
    table, = build_tables([make_result(pair='rain')], [protocol])
    assert unit_text(table, 'weather') == '1 of 2 pairs, 200 queries (190 with a place)'


def test_how_to_read_says_what_is_there(make_result, protocol):
    def said(*results):
        return ' '.join(how_to_read(build_tables(list(results), [protocol])[0]))

    alone = said(make_result(numbers={'recall@1': Number(0.5, 9)}))
    assert alone == 'Shares in percent. All rows: single image, query statistics: none.'
    both = said(make_result(0.5), make_result(0.6, statistics='whole traverse'),
                make_result(0.7, label='b'))
    assert 'Shares in percent, with intervals of 95 %' in both
    assert 'bold' in both
    assert 'knew images that a robot has not seen yet and are not in the running' in both
    assert 'running' not in said(make_result(0.6, statistics='whole traverse'))
    assert 'Groups' in said(make_result(pair='rain'))


def test_latex_has_as_many_cells_as_columns_and_escapes(results, protocol):
    text = results_latex(results, [protocol])
    assert r'\caption{A campus by night \& day. Protocol campus' in text
    assert '200 queries, 190 of them with a place, 210 references' in text
    assert r'seq\_vlad\{a: 1\}\textbar{}b' in text
    assert r'\textbf{70.0} {\scriptsize 60.0--80.0}' in text
    assert r'\emph{compact, as published}' in text
    # How a system was used is a column where it differs.
    assert r'\begin{tabular}{llrrrrrr}' in text
    assert r'compact\textsuperscript{1} & single image & ' in text
    assert r' & method & R@1 & AUC & ' in text
    assert r'\textsuperscript{1}~random weights' in text
    assert r' &  & \multicolumn{2}{c}{left} & \multicolumn{4}{c}{weather} \\' in text
    assert r'\cmidrule(lr){3-4} \cmidrule(lr){5-8}' in text
    body = text[text.index(r'\midrule'):text.index(r'\bottomrule')].splitlines()[1:]
    assert len(body) == 4
    for line in body:
        assert len(re.findall(r'(?<!\\)&', line)) == 7
        assert line.endswith(r' \\')
    # Every brace that opens closes.
    bare = re.sub(r'\\[{}]', '', text)
    depth = 0
    for letter in bare:
        depth += {'{': 1, '}': -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0


def test_hostile_labels_are_only_text(make_result, protocol):
    hostile = '</td>\\input{x}|$1%&~^"\n# _*`'
    results = [make_result(label=hostile)]
    markdown = results_markdown(results, [protocol])
    assert len(markdown_rows(markdown, 'system')[2]) == 4
    assert r'\</td\>' in markdown
    latex = results_latex(results, [protocol])
    assert r'\input{' not in latex
    assert r'\textbackslash{}input\{x\}\textbar{}\$1\%\&\textasciitilde{}' in latex
    rows = list(csv.DictReader(io.StringIO(results_csv(results, [protocol]))))
    assert rows[0]['label'] == hostile


@pytest.mark.parametrize('label', ['[2cm] mine', '*mine'])
def test_a_label_is_no_option_of_the_row_before_it(make_result, protocol, label):
    latex = results_latex([make_result(), make_result(label=label)], [protocol])
    assert not re.search(r'(\\\\|\\midrule|\\cmidrule\S*)\s*[*\[]', latex)
    assert ('{[}2cm{]} mine' if label[0] == '[' else '{*}mine') in latex


def test_a_command_stays_code_whatever_it_has(make_result, protocol):
    text = results_markdown([make_result()], [protocol], provenance=Provenance(
        command="vpr_ros evaluate '``<b>`'\n# A heading", version='1', created='now'))
    assert "\nMade by ``` vpr_ros evaluate '``<b>`' # A heading ``` (vpr_ros 1, now)." in text


def test_what_is_found_over_time_reaches_further_than_its_number_says(make_result, protocol):
    deeper = protocol.model_copy(update={'measures': ('recall@1', 'recall@5')})
    numbers = {'recall@1': Number(0.5, 190), 'recall@5': Number(0.7, 190)}
    both = [make_result(numbers=numbers), make_result(numbers=numbers, method='over time')]

    def said(results, of):
        return ' '.join(how_to_read(build_tables(results, [of])[0]))

    assert 'one answer' in said(both, deeper)
    assert 'one answer' not in said(both[:1], deeper)
    assert 'one answer' not in said(both, protocol)
