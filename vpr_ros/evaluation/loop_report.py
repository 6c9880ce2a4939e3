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

"""The loop closures of a session as one page for people."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from vpr_ros.evaluation.charts import Answer
from vpr_ros.evaluation.charts import decision_mark
from vpr_ros.evaluation.charts import outcome_mark
from vpr_ros.evaluation.charts import precision_recall_chart
from vpr_ros.evaluation.charts import probability_strip
from vpr_ros.evaluation.loop_chart import lifted_chart
from vpr_ros.evaluation.loop_chart import loop_chart
from vpr_ros.evaluation.loop_chart import loop_keys
from vpr_ros.evaluation.loop_chart import LOOP_WORDS
from vpr_ros.evaluation.loop_run import LoopExample
from vpr_ros.evaluation.loop_run import LoopReport
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.metrics import average_precision
from vpr_ros.evaluation.metrics import recall_at_full_precision
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.report_page import card
from vpr_ros.evaluation.report_page import facts
from vpr_ros.evaluation.report_page import half_figure
from vpr_ros.evaluation.report_page import heading
from vpr_ros.evaluation.report_page import inline_picture
from vpr_ros.evaluation.report_page import render_page
from vpr_ros.evaluation.report_page import scroll_table
from vpr_ros.evaluation.report_page import wide_figure
from vpr_ros.evaluation.report_page import write_page
from vpr_ros.evaluation.report_words import count_of
from vpr_ros.evaluation.report_words import decimal
from vpr_ros.evaluation.report_words import percent
from vpr_ros.evaluation.report_words import stamp_text
from vpr_ros.evaluation.report_words import were
from vpr_ros.types import RelativePose

__all__ = ['render_loop_report', 'write_loop_report']

# The table of all closures is left out of longer sessions: the page must stay quick to open.
MAX_TABLE_ROWS = 2000


def write_loop_report(report: LoopReport, path: str | Path) -> Path:
    """
    Write the report of the loop closures of a session as one HTML file.

    The file appears whole or not at all. OSError when the folder cannot be written.

    :returns: the path.
    """
    return write_page(render_loop_report(report), path)


def render_loop_report(report: LoopReport) -> str:
    """Return the HTML of the report; see :func:`write_loop_report`."""
    return render_page(report.title, 'vpr_ros · loop closures', _lead(report), [
        ('summary', 'Summary', _summary(report)),
        ('path', 'Path', _path(report)),
        ('probability', 'Probability', _probability(report)),
        ('precision', 'Precision', _precision(report)),
        ('examples', 'Examples', _examples(report)),
        ('origin', 'Origin', _origin(report)),
    ], version=report.provenance.version)


def _lead(report: LoopReport) -> str:
    """Say in two or three sentences what happened."""
    closures, right, found = len(report.closures), report.right_closures, report.found
    text = f'{count_of(len(report.place_ids), "keyframe")} of {report.session} made '
    text += f'{count_of(closures, "loop closure")}. '
    if right is None or found is None:
        return text + ('Nothing says which are right, because this session has no ground truth.'
                       if closures else '')
    if closures:
        wrong = closures - right
        text += ('All of them are right. ' if not wrong else
                 f'{right} of them {"is" if right == 1 else "are"} right and {wrong} '
                 f'{"is" if wrong == 1 else "are"} wrong. ')
    if not found[1]:
        return text + 'The robot came to no place twice.'
    return text + (f'{found[0]} of the {count_of(found[1], "keyframe")} at which the robot had '
                   f'been before {were(found[0])} recognised.')


def _summary(report: LoopReport) -> Markup:
    closures, right, found = len(report.closures), report.right_closures, report.found
    seconds = (report.stamps_ns[-1] - report.stamps_ns[0]) / 1e9 if len(report.stamps_ns) else 0
    cards = [
        card('Keyframes', str(len(report.place_ids)), '',
             (f'of {count_of(report.images, "image")}, ' if report.images else '')
             + f'in {_duration(float(seconds))}'),
        card('Loop closures', str(closures), '', _gaps(report))]
    if right is not None and closures:
        cards.append(card('Right', percent(right, closures), '', f'{right} of {closures}, '
                          f'{closures - right} wrong'))
    if found is not None and found[1]:
        cards.append(card('Found', percent(*found), '',
                          f'{found[0]} of {found[1]} keyframes where the robot had been before'))
    if report.curve is not None and report.curve.positives:
        flawless = recall_at_full_precision(report.curve)
        cards.append(card('Found without a mistake',
                          percent(flawless.correct, flawless.positives), '',
                          'at the lowest threshold without a wrong one'))
    return join([heading('summary', 'Summary'), element('dl', *cards, class_='cards')])


def _gaps(report: LoopReport) -> str:
    if not report.closures:
        return 'none'
    gaps = [abs(c.query_stamp_ns - c.match_stamp_ns) / 1e9 for c in report.closures]
    return f'back to {_duration(min(gaps))} to {_duration(max(gaps))} before'


def _path(report: LoopReport) -> Markup | None:
    path = report.path
    if path is None:
        return None
    about = 'The path from above, x to the right and y up'
    if report.positions_from:
        about += f', where {report.positions_from} had the robot'
    about += ('. Each closure leads from the later to the earlier visit. Beside it the same path '
              'rises with time: a right closure stands upright, as far as the positions have not '
              'drifted.')
    unknown = int((~path.known).sum())
    if unknown:
        about += (f' {count_of(unknown, "keyframe")} {were(unknown)} left out: where '
                  f'{"it" if unknown == 1 else "they"} {were(unknown)} is not known.')
    keys = loop_keys(path)
    return join([heading('path', 'Path', about), element(
        'div', half_figure('From above', loop_chart(path), keys),
        half_figure('Rising with time', lifted_chart(path), []), class_='plans')])


def _probability(report: LoopReport) -> Markup | None:
    if report.probabilities is None or not np.isfinite(report.probabilities).any():
        return None
    answers = [Answer(k, None, float(p), report.outcomes[k])
               for k, p in enumerate(report.probabilities) if np.isfinite(p)]
    about = 'How sure the detector was at each keyframe that the robot had been there before.'
    if report.least_probability is not None:
        about += f' A closure needs {report.least_probability:g} or more.'
    sources = sorted({c.probability_source for c in report.closures})
    if sources:
        about += f' Calibrated by: {", ".join(sources)}.'
    said = {answer.outcome for answer in answers}
    keys = [element('span', outcome_mark(o), LOOP_WORDS[o], class_='key')
            for o in Outcome if o in said]
    chart = probability_strip(answers, queries=len(report.place_ids), query='keyframe',
                              least=report.least_probability)
    return join([heading('probability', 'Probability over time', about),
                 wide_figure(chart, keys, 'Probability over time')])


def _precision(report: LoopReport) -> Markup | None:
    curve, found, right = report.curve, report.found, report.right_closures
    if curve is None or not curve.positives:
        return None
    chosen = None
    if found is not None and right is not None and found[1] and report.closures:
        chosen = (found[0] / found[1], right / len(report.closures))
    flawless = recall_at_full_precision(curve)
    beside = facts([
        ('Average precision', decimal(average_precision(curve))),
        ('Found without a mistake', 'none: the surest is wrong' if flawless.threshold is None else
         f'{flawless.correct} of {flawless.positives} '
         f'({percent(flawless.correct, flawless.positives)}), at probability '
         f'{decimal(flawless.threshold)} or more'),
        ('Closures of this session',
         f'recall {decimal(chosen[0])}, precision {decimal(chosen[1])}' if chosen else 'none'),
        ('Right means', report.right_means)])
    key = element('figcaption', element('span', decision_mark(), 'closures of this session',
                                        class_='key')) if chosen else None
    about = ('If every keyframe above some probability made a closure: how many of them would be '
             'right (precision), and how many revisits would be found (recall).')
    return join([heading('precision', 'Precision and recall', about), element(
        'div', element('figure', precision_recall_chart(curve, chosen), key), beside,
        class_='two')])


def _examples(report: LoopReport) -> Markup | None:
    if not report.examples:
        return None
    return join([heading('examples', 'Examples', 'The later visit on the left, the earlier one '
                         'that it was taken for on the right.'),
                 element('ol', *(element('li', _example(report, example))
                                 for example in report.examples), class_='gallery')])


def _example(report: LoopReport, example: LoopExample) -> Markup:
    closure = report.closures[example.closure]
    outcome = Outcome.KNOWN if report.correct is None else \
        Outcome.RIGHT if report.correct[example.closure] else Outcome.WRONG
    query, match = report.ends[example.closure]
    numbers = [('probability', decimal(closure.probability)),
               ('similarity', decimal(closure.similarity))]
    pose = closure.relative_pose
    if pose is not None:
        numbers += [('inliers', str(pose.inliers)), ('the later one', relative_text(pose))]
    gap = abs(closure.query_stamp_ns - closure.match_stamp_ns) / 1e9
    return element(
        'article',
        element('h3', outcome_mark(outcome), f'Keyframes {query} and {match}',
                element('span', f'{LOOP_WORDS[outcome]} · {_duration(gap)} apart')),
        element('div',
                inline_picture(example.query_image, stamp_text(closure.query_stamp_ns),
                               f'keyframe {query}'),
                inline_picture(example.match_image, stamp_text(closure.match_stamp_ns),
                               f'keyframe {match}'), class_='strip'),
        element('dl', *(element('div', element('dt', term), element('dd', value))
                        for term, value in numbers), class_='facts'),
        class_='example wrong' if outcome is Outcome.WRONG else 'example')


def relative_text(pose: RelativePose) -> str:
    """Return where the query is, seen from the place that it matched."""
    parts = []
    if pose.translation_valid:
        x, y, _ = pose.T_match_query.position
        parts += [f'{abs(x):.1f} m {"ahead" if x >= 0 else "behind"}',
                  f'{abs(y):.1f} m to the {"left" if y >= 0 else "right"}']
    if pose.rotation_valid:
        yaw = math.degrees(pose.T_match_query.yaw())
        parts.append(f'turned {abs(yaw):.0f}° {"left" if yaw >= 0 else "right"}')
    return ', '.join(parts) or 'not known'


def _origin(report: LoopReport) -> Markup:
    origin = report.provenance
    maps = sorted({closure.map_id for closure in report.closures if closure.map_id})
    return join([heading('origin', 'Origin'), facts([
        ('Session', report.session), ('Network', report.network),
        ('Map', element('code', ', '.join(maps)) if maps else ''), *report.settings,
        ('Positions', report.positions_from),
        ('Right means', report.right_means if report.correct is not None else 'nobody knows'),
        ('Random seed', 'none drawn' if origin.seed is None else str(origin.seed)),
        ('Command', element('code', origin.command) if origin.command else ''),
        ('vpr_ros', origin.version), ('Made', origin.created)]), _all_closures(report)])


def _all_closures(report: LoopReport) -> Markup | None:
    if not 0 < len(report.closures) <= MAX_TABLE_ROWS:
        return None
    rows = []
    for row, closure in enumerate(report.closures):
        query, match = report.ends[row]
        pose = closure.relative_pose
        rows.append([
            str(query), stamp_text(closure.query_stamp_ns), str(match),
            stamp_text(closure.match_stamp_ns), decimal(closure.probability),
            '' if pose is None else str(pose.inliers),
            '' if pose is None else relative_text(pose), _apart(report, row),
            '' if report.correct is None else 'right' if report.correct[row] else 'wrong'])
    table = scroll_table(
        'All closures', 'Every closure, in the order they were found; the distance is that '
        'between the positions of both ends.',
        ['keyframe', 'time', 'earlier', 'time', 'probability', 'inliers', 'the later one',
         'distance', ''], rows)
    return element('details', element('summary', f'All {len(rows)} closures'), table)


def _apart(report: LoopReport, row: int) -> str:
    if report.positions is None:
        return ''
    query, match = report.positions[report.ends[row]]
    distance = float(np.hypot(*(query - match)))
    return f'{distance:.1f} m' if math.isfinite(distance) else ''


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 6000 else f'{seconds / 3600:.1f} h'
