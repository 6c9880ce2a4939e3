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

"""How far the probabilities of a map can be trusted, as one page for people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.evaluation.calibration import Auroc
from vpr_ros.evaluation.calibration import auroc
from vpr_ros.evaluation.calibration import brier_score
from vpr_ros.evaluation.calibration import CalibrationError
from vpr_ros.evaluation.calibration import expected_calibration_error
from vpr_ros.evaluation.calibration import reliability
from vpr_ros.evaluation.calibration_chart import reliability_chart
from vpr_ros.evaluation.calibration_chart import reliability_keys
from vpr_ros.evaluation.calibration_chart import split_chart
from vpr_ros.evaluation.calibration_chart import split_keys
from vpr_ros.evaluation.intervals import Interval
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.report_page import card
from vpr_ros.evaluation.report_page import facts
from vpr_ros.evaluation.report_page import half_figure
from vpr_ros.evaluation.report_page import heading
from vpr_ros.evaluation.report_page import render_page
from vpr_ros.evaluation.report_page import scroll_table
from vpr_ros.evaluation.report_page import write_page
from vpr_ros.evaluation.report_words import count_of
from vpr_ros.evaluation.report_words import decimal
from vpr_ros.evaluation.report_words import file_size
from vpr_ros.evaluation.report_words import percent
from vpr_ros.evaluation.run import MapSummary
from vpr_ros.evaluation.run import Provenance

__all__ = ['CalibrationReport', 'render_calibration_report', 'write_calibration_report']

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class CalibrationReport:
    """
    Answers with their probabilities and the truth; all numbers are derived from them.

    Rows are queries, traverse after traverse, each in order of time. What is reported as
    calibrated must come from a calibration that did not see the query.

    :param map: the map that was searched.
    :param protocol: in words, which answers calibrated and which are judged here, such as
        'leave one traverse out'.
    :param correct: (Q,) bool, whether the best place is right; Q at least 2.
    :param after: (Q,) calibrated probability that it is, in [0, 1].
    :param before: (Q,) the same without this calibration, or None.
    :param in_map: (Q,) bool, whether the map holds the place of the query at all; None when
        nobody knows.
    :param traverses: (Q,) name of the traverse of each query; empty when there is but one.
    :param right_means: when an answer is right, such as 'within 10 m'.
    :param model: of the calibration, such as 'isotonic'.
    :param source: that answers will name, such as 'map'.
    :param block: how many consecutive answers depend on each other.
    """

    title: str
    map: MapSummary  # noqa: A003
    protocol: str
    correct: Array
    after: Array
    before: Array | None = None
    in_map: Array | None = None
    traverses: tuple[str, ...] = ()
    right_means: str = ''
    model: str = ''
    source: str = ''
    provenance: Provenance = Provenance()
    block: int = 10

    def __post_init__(self) -> None:
        rows = len(np.asarray(self.correct))
        if rows < 2:
            raise ValueError(f'a calibration is judged by at least 2 answers, got {rows}')
        for name, kind in (('correct', np.bool_), ('in_map', np.bool_), ('after', np.float64),
                           ('before', np.float64)):
            value = getattr(self, name)
            if value is None:
                continue
            if kind is np.bool_ and np.asarray(value).dtype != np.bool_:
                raise ValueError(f'{name} must be bool, got {np.asarray(value).dtype}')
            array = np.array(value, dtype=kind)
            array.flags.writeable = False
            if array.shape != (rows,):
                raise ValueError(f'{name} must have shape ({rows},) like correct, got '
                                 f'{array.shape}')
            object.__setattr__(self, name, array)
        object.__setattr__(self, 'traverses', tuple(self.traverses))
        if self.traverses and len(self.traverses) != rows:
            raise ValueError(f'expected the traverse of each of {rows} queries, got '
                             f'{len(self.traverses)}')
        if self.in_map is not None and (self.correct & ~self.in_map).any():
            query = int(np.flatnonzero(self.correct & ~self.in_map)[0])
            raise ValueError(f'query {query} is correct but its place is not in the map: one of '
                             'the two is wrong')

    @property
    def seed(self) -> int:
        """Return the seed of the intervals: that of the run, or 0."""
        return self.provenance.seed or 0

    @cached_property
    def error_after(self) -> CalibrationError:
        """Return the expected calibration error of the calibrated probabilities."""
        return self._error(self.after)

    @cached_property
    def error_before(self) -> CalibrationError | None:
        """Return that of the probabilities without this calibration, None without them."""
        return None if self.before is None else self._error(self.before)

    @cached_property
    def known_or_unknown(self) -> Auroc | None:
        """Return how well the probability tells known from unknown places; None without truth."""
        return None if self.in_map is None else self._auroc(self.after, self.in_map)

    def _error(self, probabilities: Array) -> CalibrationError:
        return expected_calibration_error(probabilities, self.correct, block=self.block,
                                          seed=self.seed)

    def _auroc(self, probabilities: Array, positive: Array) -> Auroc:
        return auroc(probabilities, positive, block=self.block, seed=self.seed)


def write_calibration_report(report: CalibrationReport, path: str | Path) -> Path:
    """
    Write the report of a calibration as one HTML file.

    The file appears whole or not at all. OSError when the folder cannot be written.

    :returns: the path.
    """
    return write_page(render_calibration_report(report), path)


def render_calibration_report(report: CalibrationReport) -> str:
    """Return the HTML of the report; see :func:`write_calibration_report`."""
    return render_page(report.title, 'vpr_ros · calibration of a map', _lead(report), [
        ('summary', 'Summary', _summary(report)),
        ('reliability', 'Reliability', _reliability(report)),
        ('unknown', 'Known and unknown', _unknown(report)),
        ('numbers', 'Numbers', _numbers(report)),
        ('origin', 'Map and origin', _origin(report)),
    ], version=report.provenance.version)


def _lead(report: CalibrationReport) -> str:
    """Say in two or three sentences how far the probability can be trusted."""
    error, before = report.error_after, report.error_before
    names = len(set(report.traverses))
    text = (f'{count_of(error.answers, "answer")}'
            f'{f" from {names} traverses" if names > 1 else ""} with known truth say how far the '
            f'probability can be trusted. It is off by {_points(error.value)} percentage points '
            f'on average (95 % interval {_points(error.interval.low)} to '
            f'{_points(error.interval.high)})')
    if before is not None:
        text += f'; without this calibration it is off by {_points(before.value)}'
    return text + '.'


def _summary(report: CalibrationReport) -> Markup:
    error, before, known = report.error_after, report.error_before, report.known_or_unknown
    right = int(report.correct.sum())
    cards = [
        card('Calibration error', decimal(error.value),
             '' if before is None else f' from {decimal(before.value)}',
             f'{_range(error.interval)}; corrected for chance'),
        card('Right answers', percent(right, error.answers), '', f'{right} of {error.answers}')]
    if known is not None and known.interval is not None:
        cards.insert(1, card(
            'Known or unknown place', decimal(known.value), ' AUROC',
            f'{_range(known.interval)}; {known.positives} images of places in the map, '
            f'{known.negatives} of others'))
    return join([heading('summary', 'Summary'), element('dl', *cards, class_='cards')])


def _reliability(report: CalibrationReport) -> Markup:
    about = ('Of the answers given with a probability of 0.8, four in five should be right. Each '
             'dot is about a fifteenth of all answers, larger where many answers share a '
             'probability, at their mean probability and the share of them that was right. The '
             'intervals are those of independent answers. The bars below count how often each '
             'probability was given.')
    figures = []
    if report.before is not None:
        figures.append(_diagram('Before', report.before, report.correct))
    name = 'After' if report.before is not None else 'Reliability'
    figures.append(_diagram(name, report.after, report.correct))
    return join([heading('reliability', 'Reliability', about), element(
        'div', *figures, class_='plans' if len(figures) > 1 else 'plans one')])


def _diagram(name: str, probabilities: Array, correct: Array) -> Markup:
    table = reliability(probabilities, correct)
    return half_figure(name, reliability_chart(table, probabilities, correct,
                                               f'Reliability: {name.lower()}'),
                       reliability_keys())


def _unknown(report: CalibrationReport) -> Markup | None:
    known = report.known_or_unknown
    if known is None or report.in_map is None or known.interval is None:
        return None
    about = ('A robot comes to places that are not in the map. The probability should be low '
             'there and high where the map can help.')
    chart = split_chart(report.after, report.in_map, 'Probability of known and unknown places')
    keys = split_keys('the place is in the map', 'it is not')
    beside = facts([
        ('AUROC', f'{decimal(known.value)} ({_range(known.interval)})'),
        ('Which means', 'so often an image of a place in the map has a higher probability than '
                        'one of a place that is not; 0.5 is chance'),
        ('In the map', count_of(known.positives, 'image')),
        ('Not in the map', count_of(known.negatives, 'image')),
        *_quantiles(report.after, report.in_map)])
    return join([heading('unknown', 'Known and unknown places', about), element(
        'div', element('figure', chart, element('figcaption', *keys)), beside, class_='two')])


def _quantiles(probabilities: Array, in_map: Array) -> list[tuple[str, str]]:
    """Say what a threshold would do."""
    rows = []
    for threshold in (0.5, 0.9):
        accepted = probabilities >= threshold
        known, unknown = int((accepted & in_map).sum()), int((accepted & ~in_map).sum())
        rows.append((f'At {threshold:g} or more',
                     f'{known} of {int(in_map.sum())} known and {unknown} of '
                     f'{int((~in_map).sum())} unknown'))
    return rows


def _numbers(report: CalibrationReport) -> Markup:
    sets = [('after', report.after, report.error_after)]
    if report.before is not None and report.error_before is not None:
        sets.insert(0, ('before', report.before, report.error_before))
    rows = [
        ['expected calibration error (ECE), corrected for chance',
         *(_with(error.value, error.interval) for _, _, error in sets)],
        ['ECE, not corrected', *(decimal(error.plain) for _, _, error in sets)],
        ['root mean square error, corrected for chance',
         *(decimal(error.root_mean_square) for _, _, error in sets)],
        ['Brier score', *(decimal(brier_score(p, report.correct)) for _, p, _ in sets)],
        ['AUROC of right and wrong answers',
         *(_auroc_text(report._auroc(p, report.correct)) for _, p, _ in sets)]]
    if report.in_map is not None:
        rows.append(['AUROC of known and unknown places',
                     *(_auroc_text(report._auroc(p, report.in_map)) for _, p, _ in sets)])
    caption = ('With 95 % intervals from blocks of '
               f'{count_of(report.block, "consecutive answer")}. Bins hold equally many '
               f'answers: {" and ".join(str(error.bins) for _, _, error in sets)} of them.')
    table = scroll_table('Numbers of the calibration', caption,
                         ['', *(name for name, _, _ in sets)], rows)
    return join([heading('numbers', 'Numbers'), table, _traverses(report)])


def _traverses(report: CalibrationReport) -> Markup | None:
    names = list(dict.fromkeys(report.traverses))
    if len(names) < 2:
        return None
    of = np.array(report.traverses)
    rows = []
    for name in names:
        chosen = of == name
        right, answers = int(report.correct[chosen].sum()), int(chosen.sum())
        error = '–'
        if answers > 1:
            found = expected_calibration_error(
                report.after[chosen], report.correct[chosen], block=report.block,
                seed=report.seed)
            error = _with(found.value, found.interval)
        rows.append([name, str(answers), percent(right, answers),
                     f'{100 * report.after[chosen].mean():.1f} %', error])
    return join([element('h3', 'Each traverse'), scroll_table(
        'Calibration of each traverse', 'After the calibration; few answers leave wide '
        'intervals.', ['traverse', 'answers', 'right', 'mean probability', 'ECE'], rows)])


def _origin(report: CalibrationReport) -> Markup:
    origin, map_ = report.provenance, report.map
    in_map = report.in_map
    return join([heading('origin', 'Map and origin'), facts([
        ('Map', element('code', map_.id)), ('Revision', str(map_.revision)),
        ('Places', str(map_.places)), ('Network', map_.network),
        ('Size', file_size(map_.size_bytes)), ('Protocol', report.protocol),
        ('Model', report.model), ('Answers name as source', report.source),
        ('Right means', report.right_means), ('Answers', str(len(report.correct))),
        ('Not in the map', '' if in_map is None else str(int((~in_map).sum()))),
        ('Query statistics', origin.query_statistics),
        ('Random seed', str(report.seed)),
        ('Command', element('code', origin.command) if origin.command else ''),
        ('vpr_ros', origin.version), ('Made', origin.created)])])


def _points(value: float) -> str:
    return f'{100 * value:.1f}'


def _range(interval: Interval) -> str:
    return f'{decimal(interval.low)} to {decimal(interval.high)}'


def _with(value: float, interval: Interval) -> str:
    return f'{decimal(value)} ({_range(interval)})'


def _auroc_text(result: Auroc) -> str:
    return '–' if result.interval is None else _with(result.value, result.interval)
