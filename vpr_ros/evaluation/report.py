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

"""One localization run as one page for people: no other file, no network, no script."""

from __future__ import annotations

from pathlib import Path

from vpr_ros.evaluation.charts import Answer
from vpr_ros.evaluation.charts import decision_mark
from vpr_ros.evaluation.charts import match_matrix
from vpr_ros.evaluation.charts import outcome_bar
from vpr_ros.evaluation.charts import outcome_legend
from vpr_ros.evaluation.charts import outcome_mark
from vpr_ros.evaluation.charts import precision_recall_chart
from vpr_ros.evaluation.charts import probability_strip
from vpr_ros.evaluation.charts import similarity_scale
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.metrics import average_precision
from vpr_ros.evaluation.metrics import Recall
from vpr_ros.evaluation.metrics import recall_at_full_precision
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.pictures import decode_picture
from vpr_ros.evaluation.pictures import fit_within
from vpr_ros.evaluation.plan_chart import answer_chart
from vpr_ros.evaluation.plan_chart import answer_keys
from vpr_ros.evaluation.plan_chart import truth_chart
from vpr_ros.evaluation.plan_chart import truth_keys
from vpr_ros.evaluation.report_page import card
from vpr_ros.evaluation.report_page import facts
from vpr_ros.evaluation.report_page import half_figure
from vpr_ros.evaluation.report_page import heading
from vpr_ros.evaluation.report_page import inline_picture
from vpr_ros.evaluation.report_page import PICTURE_SIZE
from vpr_ros.evaluation.report_page import render_page
from vpr_ros.evaluation.report_page import wide_figure
from vpr_ros.evaluation.report_page import write_page
from vpr_ros.evaluation.report_words import count_of
from vpr_ros.evaluation.report_words import decimal
from vpr_ros.evaluation.report_words import file_size
from vpr_ros.evaluation.report_words import percent
from vpr_ros.evaluation.report_words import stamp_text
from vpr_ros.evaluation.report_words import were
from vpr_ros.evaluation.run import choose_examples
from vpr_ros.evaluation.run import QueryResult
from vpr_ros.evaluation.run import RunReport
from vpr_ros.messages.overlay import attention_overlay

__all__ = ['render_report', 'write_report']

EXAMPLES = 24
# The table of all answers is left out of longer runs: the page must stay quick to open.
MAX_TABLE_ROWS = 2000


def write_report(report: RunReport, path: str | Path, *, examples: int = EXAMPLES) -> Path:
    """
    Write the report of a run as one HTML file.

    The file appears whole or not at all. OSError when the folder cannot be written.

    :param examples: how many queries to show with pictures (those that have pictures).
    :returns: the path.
    """
    return write_page(render_report(report, examples=examples), path)


def render_report(report: RunReport, *, examples: int = EXAMPLES) -> str:
    """Return the HTML of the report; see :func:`write_report`."""
    sections = [
        ('summary', 'Summary', _summary(report)),
        ('plan', 'Plan', _plan(report)),
        ('matrix', 'Match matrix', _matrix(report)),
        ('probability', 'Probability', _probability(report)),
        ('precision', 'Precision', _precision(report)),
        ('examples', 'Examples', _examples(report, examples)),
        ('speed', 'Speed', _speed(report)),
        ('origin', 'Map and origin', _origin(report)),
    ]
    return render_page(report.title, 'vpr_ros · localization run', _lead(report), sections,
                       version=report.provenance.version)


def _lead(report: RunReport) -> str:
    """Say in two or three sentences what happened."""
    counts = report.counts
    if not counts.queries:
        return f'No image of {report.query} was looked up.'
    text = (f'{count_of(counts.queries, "image")} of {report.query} {were(counts.queries)} looked '
            f'up in a map of {count_of(report.map.places, "place")} from {report.reference}. ')
    recognised = f'{counts.recognised} {were(counts.recognised)} recognised'
    if not counts.judged:
        return text + (f'{recognised}; nothing says which are right, because this run has no '
                       'ground truth.')
    if not counts.recognised:
        return f'{text}None was recognised. {_unrecognised(report)}'
    text += f'{recognised}, {counts.right} of them at the right place'
    if counts.wrong:
        text += f' and {counts.wrong} at a wrong one'
    return f'{text}. {_unrecognised(report)}'


def _unrecognised(report: RunReport) -> str:
    counts = report.counts
    parts = []
    if counts.missed:
        parts.append(f'{counts.missed} {"more " if counts.recognised else ""}could have been: '
                     f'{_their_place(counts.missed)} in the map')
    if counts.rejected:
        parts.append(f'{counts.rejected} {were(counts.rejected)} rightly not recognised: '
                     f'{_their_place(counts.rejected)} not in the map')
    return f'{"; ".join(parts)}.' if parts else ''


def _their_place(count: int) -> str:
    return 'its place is' if count == 1 else 'their places are'


def _summary(report: RunReport) -> Markup:
    counts = report.counts
    cards = [card('Recognised', str(counts.recognised), f' of {counts.queries}',
                  f'{percent(counts.recognised, counts.queries)} of the images')]
    if counts.judged and counts.recognised:
        cards.append(card(
            'Right when recognised', percent(counts.right, counts.recognised), '',
            f'{counts.right} of {counts.recognised}'
            + (f', {counts.wrong} wrong' if counts.wrong else '')))
    statistics = report.provenance.query_statistics
    if report.single_frame and report.single_frame[0].queries:
        first = report.single_frame[0]
        cards.append(card(
            'Right first, one image', percent(first.hits, first.queries), '',
            f'{first.hits} of {first.queries}, from similarity alone '
            f'(query statistics: {statistics})'))
    over_time = report.over_time
    if over_time is not None and over_time.queries:
        cards.append(card(
            'Right first, over time', percent(over_time.hits, over_time.queries), '',
            f'{over_time.hits} of {over_time.queries}, after the evidence of earlier images'))
    if report.latencies:
        total = report.latencies[-1]
        cards.append(card('Time per image', _ms(total.median_ms), ' ms',
                          f'in the middle; 95 of 100 within {_ms(total.p95_ms)} ms'))
    return join([heading('summary', 'Summary'), outcome_bar(counts), outcome_legend(counts),
                 element('dl', *cards, class_='cards'), _recall_table(report)])


def _recall_table(report: RunReport) -> Markup | None:
    rows: list[tuple[str, Recall]] = [
        ('one image, similarity alone', recall) for recall in report.single_frame]
    if report.over_time is not None:
        rows.append(('answers, with evidence over time', report.over_time))
    if not rows or report.truth is None:
        return None
    left_out = rows[0][1].left_out
    caption = (f'Recall: the share of images with a right place among the best n. Right means '
               f'{report.truth.protocol}. Query statistics: '
               f'{report.provenance.query_statistics}.')
    if left_out:
        caption += (f' {count_of(left_out, "image")} {"is" if left_out == 1 else "are"} left out: '
                    f'{_their_place(left_out)} not in the map.')
    return element('div', element('h3', 'Recall'), element(
        'div', element(
            'table', element('caption', caption),
            element('thead', element('tr', *(
                element('th', name, scope='col', class_='text' if name == 'from' else None)
                for name in ('from', 'n', 'recall', 'right', 'images')))),
            element('tbody', *(element(
                'tr', element('th', name, scope='row'), element('td', str(recall.n)),
                element('td', _share(recall.hits, recall.queries)),
                element('td', str(recall.hits)), element('td', str(recall.queries)))
                for name, recall in rows))),
        class_='scroll', tabindex='0', role='region', aria_label='Recall table'))


def _answers(report: RunReport) -> list[Answer]:
    return [Answer(result.index, result.place, result.localization.probability,
                   report.outcome(result)) for result in report.results]


def _plan(report: RunReport) -> Markup | None:
    plan = report.plan
    if plan is None or not plan.known_queries.any():
        return None
    about = ('The drive seen from above, x of the map to the right and y up. Every answer stands '
             'where its image was taken.')
    unknown = sum(not plan.known_queries[result.index] for result in report.results)
    if unknown:
        about += (f' {count_of(unknown, "image")} {were(unknown)} left out: where '
                  f'{"it was" if unknown == 1 else "they were"} taken is not known.')
    answers = _answers(report)
    figures = [half_figure('What the run said', answer_chart(plan, answers),
                           answer_keys(plan, answers))]
    if report.truth is not None:
        in_map = report.truth.has_match()
        figures.insert(0, half_figure('What was true', truth_chart(plan, in_map),
                                      truth_keys(plan, in_map)))
    return join([heading('plan', 'Plan', about), element(
        'div', *figures, class_='plans' if len(figures) > 1 else 'plans one')])


def _matrix(report: RunReport) -> Markup | None:
    if not report.results or not report.places:
        return None
    chart = match_matrix(_answers(report), queries=report.queries, places=report.places,
                         similarity=report.similarity, truth=report.truth)
    about = ('Every image of the run from left to right, every place of the map from bottom to '
             'top. A robot that drives the mapped route again moves along a line; a gap is an '
             'image that was not recognised.')
    keys = [_key(outcome) for outcome in Outcome if outcome.recognised
            and any(report.outcome(result) is outcome for result in report.results)]
    if report.truth is not None:
        keys.append(element('span', element('span', class_='line'),
                            f'right places ({report.truth.protocol})', class_='key'))
    if report.similarity is not None:
        keys.append(similarity_scale(report.similarity))
    return join([heading('matrix', 'Match matrix', about),
                 wide_figure(chart, keys, 'Match matrix')])


def _key(outcome: Outcome) -> Markup:
    return element('span', outcome_mark(outcome), outcome.value, class_='key')


def _probability(report: RunReport) -> Markup | None:
    if not report.results:
        return None
    sources = sorted({result.localization.probability_source for result in report.results})
    about = ('How sure the run was that the robot is at its best place, image by image. '
             f'Calibrated by: {", ".join(sources)}.')
    keys = [_key(outcome) for outcome in Outcome
            if any(report.outcome(result) is outcome for result in report.results)]
    chart = probability_strip(_answers(report), queries=report.queries)
    return join([heading('probability', 'Probability over time', about),
                 wide_figure(chart, keys, 'Probability over time')])


def _precision(report: RunReport) -> Markup | None:
    curve = report.curve
    if curve is None or not curve.positives:
        return None
    counts = report.counts
    chosen = None
    if counts.recognised:
        chosen = (counts.right / curve.positives, counts.right / counts.recognised)
    flawless = recall_at_full_precision(curve)
    if flawless.threshold is None:
        without_mistake = 'none: the surest answer is wrong'
    else:
        without_mistake = (f'{flawless.correct} of {flawless.positives} '
                           f'({percent(flawless.correct, flawless.positives)}), at probability '
                           f'{decimal(flawless.threshold)} or more')
    beside = facts([
        ('Average precision', decimal(average_precision(curve))),
        ('Found without a mistake', without_mistake),
        ('Decisions of this run',
         f'recall {decimal(chosen[0])}, precision {decimal(chosen[1])}' if chosen
         else 'nothing was recognised'),
        ('Images that count', f'{curve.positives} with a place in the map')])
    key = element('figcaption', element('span', decision_mark(), 'decisions of this run',
                                        class_='key')) if chosen else None
    about = ('If every answer above some probability were accepted: how many of those would be '
             'right (precision), and how many of the places in the map would be found (recall).')
    return join([heading('precision', 'Precision and recall', about), element(
        'div', element('figure', precision_recall_chart(curve, chosen), key), beside,
        class_='two')])


def _examples(report: RunReport, count: int) -> Markup | None:
    mistakes, spread = choose_examples(report, count, pictured=True)
    looked = ', where the network looked (brighter is more),' if any(
        report.results[i].attention is not None for i in mistakes + spread) else ''
    parts: list[Markup | None] = [heading(
        'examples', 'Examples',
        f'From left to right: the image of the robot{looked} and its best place of the map.')]
    for name, positions in (('Mistakes, the surest first', mistakes),
                            ('Across the run', spread)):
        results = [report.results[i] for i in positions]
        if results:
            parts += [element('h3', name), element('ol', *(
                element('li', _example(report, result)) for result in results),
                class_='gallery')]
    return join(parts) if len(parts) > 1 else None


def _example(report: RunReport, result: QueryResult) -> Markup:
    outcome = report.outcome(result)
    place = 'none' if result.place is None else str(result.place)
    pictures = []
    if result.query_image is not None:
        pictures.append(inline_picture(result.query_image, 'query', f'query {result.index}'))
        if result.attention is not None:
            small = fit_within(decode_picture(result.query_image), *PICTURE_SIZE)
            pictures.append(inline_picture(attention_overlay(small, result.attention),
                                           'attention', f'attention on query {result.index}'))
    # A map without thumbnails gives empty bytes.
    if result.match_image is not None and len(result.match_image):
        pictures.append(inline_picture(result.match_image, f'place {place}',
                                       f'place {place} of the map'))
    numbers = [('place', place)]
    if report.truth is not None:
        numbers.append(('right', _ranges(report.truth.matches(result.index).tolist())))
    if result.similarity is not None:
        numbers.append(('similarity', decimal(result.similarity)))
    numbers.append(('probability', decimal(result.localization.probability)))
    return element(
        'article',
        element('h4', outcome_mark(outcome), f'Query {result.index}',
                element('span', f'{outcome.value} · {stamp_text(result.stamp_ns)}')),
        element('div', *pictures, class_='strip'),
        element('dl', *(element('div', element('dt', term), element('dd', value))
                        for term, value in numbers), class_='facts'),
        element('p', element('b', result.localization.decision.value), ': ',
                result.localization.reason, class_='why'),
        class_='example wrong' if outcome is Outcome.WRONG else 'example')


def _speed(report: RunReport) -> Markup | None:
    if not report.latencies:
        return None
    rows = [element(
        'tr', element('th', row.stage, scope='row'), element('td', _ms(row.median_ms)),
        element('td', _ms(row.p95_ms)), element('td', _ms(row.max_ms)),
        element('td', str(row.frames)), class_='sum' if row is report.latencies[-1] else None)
        for row in report.latencies]
    table = element(
        'table', element('caption', 'Milliseconds per image'),
        element('thead', element('tr', *(element('th', name, scope='col') for name in (
            'stage', 'median', '95 of 100 within', 'longest', 'images')))),
        element('tbody', *rows))
    return join([heading('speed', 'Speed'), element(
        'div', table, class_='scroll', tabindex='0', role='region', aria_label='Speed table')])


def _origin(report: RunReport) -> Markup:
    origin, map_ = report.provenance, report.map
    rows: list[tuple[str, str | Markup | None]] = [
        ('Map', element('code', map_.id)), ('Revision', str(map_.revision)),
        ('Built from', report.reference), ('Places', str(map_.places)),
        ('Network', map_.network), ('Descriptor', f'{map_.dimension} numbers'),
        ('Size', file_size(map_.size_bytes)), ('Looked up', report.query),
        ('Query statistics', origin.query_statistics),
        ('Ground truth', report.truth.protocol if report.truth else 'none'),
        ('Random seed', 'none drawn' if origin.seed is None else str(origin.seed)),
        ('Command', element('code', origin.command) if origin.command else ''),
        ('vpr_ros', origin.version), ('Made', origin.created),
    ]
    return join([heading('origin', 'Map and origin'), facts(rows), _all_answers(report)])


def _all_answers(report: RunReport) -> Markup | None:
    if not 0 < len(report.results) <= MAX_TABLE_ROWS:
        return None
    rows = (element(
        'tr', element('th', str(result.index), scope='row'),
        element('td', stamp_text(result.stamp_ns)),
        element('td', '' if result.place is None else str(result.place)),
        element('td', '' if result.similarity is None else decimal(result.similarity)),
        element('td', decimal(result.localization.probability)),
        element('td', report.outcome(result).value, class_='text'),
        element('td', result.localization.reason, class_='text'))
        for result in report.results)
    table = element(
        'table', element('caption', 'Every answer, in order of time'),
        element('thead', element('tr', *(
            element('th', name, scope='col', class_='text' if name in ('outcome', 'why') else None)
            for name in ('query', 'time', 'place', 'similarity', 'probability', 'outcome',
                         'why')))),
        element('tbody', *rows))
    return element('details', element('summary', f'All {len(report.results)} answers'), element(
        'div', table, class_='all', tabindex='0', role='region', aria_label='All answers'))


def _share(part: int, whole: int) -> str:
    return decimal(part / whole) if whole else '–'


def _ms(value: float) -> str:
    return f'{value:.2f}' if value < 10 else f'{value:.1f}' if value < 100 else f'{value:.0f}'


def _ranges(numbers: list[int]) -> str:
    """Return a sorted list in short: 3–9, 14."""
    runs: list[list[int]] = []
    for value in numbers:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    shown = [str(a) if a == b else f'{a}–{b}' for a, b in runs[:3]]
    return ', '.join(shown) + (', ...' if len(runs) > 3 else '') if runs else 'not in the map'
