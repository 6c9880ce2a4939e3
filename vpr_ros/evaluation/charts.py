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

"""The charts of the report, as inline SVG that follows the page's light or dark colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.markup import number
from vpr_ros.evaluation.metrics import PrecisionRecall
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.outcomes import OutcomeCounts
from vpr_ros.evaluation.pictures import colour_matrix
from vpr_ros.evaluation.pictures import data_uri
from vpr_ros.evaluation.pictures import encode_jpeg
from vpr_ros.evaluation.pictures import encode_png
from vpr_ros.evaluation.pictures import matrix_colours
from vpr_ros.evaluation.pictures import shrink_matrix

__all__ = [
    'Answer', 'decision_mark', 'marks', 'match_matrix', 'outcome_bar', 'outcome_legend',
    'outcome_mark', 'precision_recall_chart', 'probability_strip', 'similarity_scale',
    'svg_chart', 'svg_line', 'svg_text', 'ticks',
]

Array = NDArray[Any]
WIDTH = 1000.0
LEFT, RIGHT = 52.0, 12.0
PLOT_WIDTH = WIDTH - LEFT - RIGHT
# PNG keeps every cell of a small matrix sharp; a large one is a photograph, and JPEG is smaller.
PNG_CELLS = 60_000

CLASSES = {
    Outcome.RIGHT: 'right', Outcome.WRONG: 'wrong', Outcome.MISSED: 'missed',
    Outcome.REJECTED: 'rejected', Outcome.KNOWN: 'right', Outcome.UNKNOWN: 'missed',
}


@dataclass(frozen=True)
class Answer:
    """
    One query as the charts see it.

    :param place: index of its best candidate among the references, or None.
    """

    query: int
    place: int | None
    probability: float
    outcome: Outcome


def ticks(count: float, wanted: int = 7) -> list[int]:
    """Return round whole numbers from 0 up to ``count``, about ``wanted`` of them."""
    if count < 1:
        return [0]
    rough = max(count / wanted, 1.0)
    magnitude = 10 ** int(np.floor(np.log10(rough)))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough)
    return list(range(0, int(count) + 1, step))


def outcome_mark(outcome: Outcome) -> Markup:
    """Return the sign of an outcome; its shape alone tells which it is."""
    return element(
        'svg', marks(outcome, [(8.0, 8.0)], 4.5), class_='mark', viewBox='0 0 16 16',
        aria_hidden='true')


def decision_mark() -> Markup:
    """Return the sign of the decisions of a run on a precision-recall curve."""
    return element('svg', element('path', d='M2.5 8l5.5 -5.5l5.5 5.5l-5.5 5.5z', class_='chosen'),
                   class_='mark', viewBox='0 0 16 16', aria_hidden='true')


def marks(outcome: Outcome, points: Sequence[tuple[float, float]], radius: float) -> Markup:
    """
    Return the sign of ``outcome`` at every point; '' for no point.

    :param points: x, y in the units of the chart.
    """
    r = radius
    parts: list[str] = []
    for x, y in points:
        if outcome is Outcome.WRONG:
            k = r * 0.85
            parts.append(f'M{number(x - k)} {number(y - k)}l{number(2 * k)} {number(2 * k)}'
                         f'm0 {number(-2 * k)}l{number(-2 * k)} {number(2 * k)}')
        elif outcome is Outcome.REJECTED:
            parts.append(f'M{number(x - r)} {number(y)}h{number(2 * r)}')
        else:
            parts.append(f'M{number(x - r)} {number(y)}a{number(r)} {number(r)} 0 1 0 '
                         f'{number(2 * r)} 0a{number(r)} {number(r)} 0 1 0 {number(-2 * r)} 0')
    if not parts:
        return Markup('')
    kind = CLASSES[outcome]
    halo = element('path', class_=f'halo {kind}', d=''.join(parts))
    return join([halo, element('path', class_=f'dot {kind}', d=''.join(parts))])


def svg_text(x: float, y: float, text: str, *, anchor: str = 'middle', class_: str = 'tick',
             transform: str | None = None) -> Markup:
    """Return a text whose base line is at y."""
    return element('text', text, x=number(x), y=number(y), text_anchor=anchor, class_=class_,
                   transform=transform)


def svg_line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return element('line', x1=number(x1), y1=number(y1), x2=number(x2), y2=number(y2),
                   class_=class_)


def _x_axis(queries: int, bottom: float, label: str) -> list[Markup]:
    parts = []
    for tick in ticks(queries - 1):
        x = LEFT + (tick + 0.5) / queries * PLOT_WIDTH
        parts += [svg_line(x, bottom, x, bottom + 4, 'axis'), svg_text(x, bottom + 17, str(tick))]
    parts.append(svg_text(LEFT + PLOT_WIDTH / 2, bottom + 36, label, class_='label'))
    return parts


def svg_chart(parts: Sequence[Markup], height: float, title: str, description: str, *,
              width: float = WIDTH, class_: str = 'chart') -> Markup:
    """
    Put the parts of a chart together.

    :param height: of the chart in units of its own; likewise ``width``.
    :param description: what people read or hear who cannot see it.
    """
    return element(
        'svg', element('title', title), element('desc', description), *parts,
        class_=class_, viewBox=f'0 0 {number(width)} {number(height)}', role='img',
        aria_label=f'{title}. {description}')


def match_matrix(answers: Sequence[Answer], *, queries: int, places: int,
                 similarity: Array | None, truth: GroundTruth | None) -> Markup:
    """
    Draw which place each query matched, on the similarity of all pairs.

    :param similarity: (queries, places), or None to draw the answers alone.
    """
    top, plot_height = 10.0, 430.0
    bottom = top + plot_height
    parts = [element('rect', x=number(LEFT), y=number(top), width=number(PLOT_WIDTH),
                     height=number(plot_height), class_='plot')]
    if similarity is not None and similarity.size:
        parts += _matrix_image(similarity, top, plot_height)

    def x(query: float) -> float:
        return LEFT + query / queries * PLOT_WIDTH

    def y(place: float) -> float:
        return bottom - place / places * plot_height

    if truth is not None:
        for first, band in _truth_bands(truth):
            outline = ' '.join(
                f'{number(x(q))},{number(y(p))}' for q, p in _outline(first, band))
            parts.append(element('polygon', points=outline, class_='truth'))
    for outcome in Outcome:
        if outcome.recognised:
            at = [(x(a.query + 0.5), y(a.place + 0.5)) for a in answers
                  if a.outcome is outcome and a.place is not None]
            parts.append(marks(outcome, at, 2.6 if queries <= 400 else 1.6))
    for tick in ticks(places - 1, 6):
        parts += [svg_line(LEFT - 4, y(tick + 0.5), LEFT, y(tick + 0.5), 'axis'),
                  svg_text(LEFT - 8, y(tick + 0.5) + 4, str(tick), anchor='end')]
    middle = top + plot_height / 2
    parts.append(svg_text(12, middle, 'place of the map', class_='label',
                          transform=f'rotate(-90 12 {number(middle)})'))
    parts += _x_axis(queries, bottom, 'query image, in order of time')
    shown = sum(a.outcome.recognised and a.place is not None for a in answers)
    return svg_chart(parts, bottom + 42, 'Match matrix',
                     f'{queries} queries from left to right, {places} places of the map from '
                     f'bottom to top, {shown} chosen matches')


def _matrix_image(similarity: Array, top: float, height: float) -> list[Markup]:
    drawn = _drawn(similarity)
    low, high = _drawn_range(drawn)
    # Time runs to the right, places upwards.
    small = drawn.T[::-1]
    image = colour_matrix(small, low, high)
    data = data_uri(encode_png(image), 'image/png') if small.size <= PNG_CELLS else \
        data_uri(encode_jpeg(image, quality=82), 'image/jpeg')
    return [element('image', href=data, x=number(LEFT), y=number(top), width=number(PLOT_WIDTH),
                    height=number(height), preserveAspectRatio='none', class_='cells')]


def _drawn(similarity: Array) -> Array:
    """Return what is left of a similarity matrix at the resolution of the chart."""
    return shrink_matrix(similarity, 900, 430)


def _drawn_range(drawn: Array) -> tuple[float, float]:
    """Return the similarities drawn palest and darkest; what is below or above looks the same."""
    # The lowest tenth says nothing about places, and a few flukes must not fade all the rest.
    low, high = np.percentile(drawn, [10.0, 99.9])
    return float(low), float(high)


def similarity_scale(similarity: Array) -> Markup:
    """Return a small colour bar with the similarities at its ends."""
    if not similarity.size:
        return Markup('')
    low, high = _drawn_range(_drawn(similarity))
    ramp = matrix_colours()[None, ::4]
    bar = element('img', src=data_uri(encode_png(ramp), 'image/png'), alt='', class_='ramp')
    return element('span', f'similarity {low:.2f} ', bar, f' {high:.2f}', class_='scale')


def _truth_bands(truth: GroundTruth) -> list[tuple[int, list[tuple[int, int]]]]:
    """Chain the runs of right places of successive queries: (first query, [(low, high)])."""
    bands: list[tuple[int, list[tuple[int, int]]]] = []
    open_bands: list[list[tuple[int, int]]] = []
    for query in range(truth.n_queries):
        matches = truth.matches(query)
        runs = np.split(matches, np.flatnonzero(np.diff(matches) > 1) + 1) if matches.size else []
        still_open: list[list[tuple[int, int]]] = []
        for run in runs:
            low, high = int(run[0]), int(run[-1])
            band = next((b for b in open_bands
                         if b[-1][0] <= high + 1 and low <= b[-1][1] + 1), None)
            if band is None:
                band = []
                bands.append((query, band))
            else:
                # Each band goes on once; a second run starts one of its own.
                open_bands = [b for b in open_bands if b is not band]
            band.append((low, high))
            still_open.append(band)
        open_bands = still_open
    return bands


def _outline(first: int, band: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Return the corners around a band of cells: along its upper edge and back the lower."""
    middles = [first + 0.5 + i for i in range(len(band))]
    queries = [float(first), *middles, float(first + len(band))]
    rows = [band[0], *band, band[-1]]
    upper = [(query, high + 1.0) for query, (_, high) in zip(queries, rows, strict=True)]
    lower = [(query, float(low)) for query, (low, _) in zip(queries, rows, strict=True)]
    return [*_straight(upper), *_straight(lower)[::-1]]


def _straight(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out points on the line between their neighbours."""
    kept = points[:1]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        one = (here[0] - before[0]) * (after[1] - here[1])
        other = (here[1] - before[1]) * (after[0] - here[0])
        if one != other:
            kept.append(here)
    return kept + points[-1:]


def probability_strip(answers: Sequence[Answer], *, queries: int, query: str = 'query image',
                      least: float | None = None) -> Markup:
    """
    Draw how sure the system was of each query, on the time axis of the match matrix.

    :param query: what a query is.
    :param least: the probability that was asked for; a line is drawn there.
    """
    top, plot_height = 10.0, 150.0
    bottom = top + plot_height

    def x(query: float) -> float:
        return LEFT + (query + 0.5) / queries * PLOT_WIDTH

    def y(probability: float) -> float:
        return bottom - min(1.0, max(0.0, probability)) * plot_height

    parts = [element('rect', x=number(LEFT), y=number(top), width=number(PLOT_WIDTH),
                     height=number(plot_height), class_='plot')]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(svg_line(LEFT, y(value), WIDTH - RIGHT, y(value), 'grid'))
        if value in (0.0, 0.5, 1.0):
            parts.append(svg_text(LEFT - 8, y(value) + 4, f'{value:g}', anchor='end'))
    if least is not None:
        parts.append(svg_line(LEFT, y(least), WIDTH - RIGHT, y(least), 'least'))
    ordered = sorted(answers, key=lambda answer: answer.query)
    trace = ' '.join(f'{number(x(a.query))},{number(y(a.probability))}' for a in ordered)
    parts.append(element('polyline', points=trace, class_='trace'))
    for outcome in Outcome:
        at = [(x(a.query), y(a.probability)) for a in ordered if a.outcome is outcome]
        parts.append(marks(outcome, at, 2.8 if queries <= 400 else 1.7))
    middle = top + plot_height / 2
    parts.append(svg_text(12, middle, 'probability', class_='label',
                          transform=f'rotate(-90 12 {number(middle)})'))
    parts += _x_axis(queries, bottom, f'{query}, in order of time')
    return svg_chart(parts, bottom + 42, 'Probability over time',
                     f'the probability of the best place for each of {len(ordered)} answers')


def precision_recall_chart(curve: PrecisionRecall, chosen: tuple[float, float] | None) -> Markup:
    """
    Draw precision over recall as the steps that average precision adds up.

    :param chosen: (recall, precision) of the decisions that were taken, or None.
    """
    width, left, top, side = 460.0, 52.0, 12.0, 300.0
    plot_width = width - left - 14
    bottom = top + side

    def x(recall: float) -> float:
        return left + recall * plot_width

    def y(precision: float) -> float:
        return bottom - precision * side

    parts = [element('rect', x=number(left), y=number(top), width=number(plot_width),
                     height=number(side), class_='plot')]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [svg_line(left, y(value), left + plot_width, y(value), 'grid'),
                  svg_text(left - 8, y(value) + 4, f'{value:g}', anchor='end'),
                  svg_text(x(value), bottom + 17, f'{value:g}')]
    path: list[str] = []
    last = 0.0
    for recall, precision in zip(curve.recall, curve.precision, strict=True):
        start = 'L' if path else 'M'
        path.append(f'{start}{number(x(last))} {number(y(precision))}H{number(x(recall))}')
        last = float(recall)
    parts.append(element('path', d=''.join(path), class_='curve'))
    if chosen is not None:
        cx, cy = x(chosen[0]), y(chosen[1])
        d = f'M{number(cx - 6)} {number(cy)}l6 -6l6 6l-6 6z'
        parts.append(element('path', d=d, class_='chosen'))
    parts += [svg_text(left + plot_width / 2, bottom + 36, 'recall', class_='label'),
              svg_text(12, top + side / 2, 'precision', class_='label',
                       transform=f'rotate(-90 12 {number(top + side / 2)})')]
    return svg_chart(parts, bottom + 42, 'Precision and recall',
                     'precision over recall as the demanded probability falls', width=width,
                     class_='chart square')


def outcome_bar(counts: OutcomeCounts) -> Markup:
    """Draw the share of each outcome as one bar; hatching tells them apart without colour."""
    parts: list[Markup] = [element('defs', *(
        element('pattern', element('rect', width='7', height='7', class_=f'fill-{kind}'),
                element('path', d=d, class_='hatch'), id=f'hatch-{kind}', width='7', height='7',
                patternUnits='userSpaceOnUse')
        for kind, d in (('wrong', 'M-1 8L8 -1M-2 2L2 -2M5 9L9 5'), ('missed', 'M0 3.5h7'))))]
    at = 0.0
    total = max(1, counts.queries)
    for outcome, count in _counted(counts):
        width = count / total * WIDTH
        if count:
            kind = CLASSES[outcome]
            fill = f'url(#hatch-{kind})' if kind in ('wrong', 'missed') else None
            parts.append(element(
                'rect', x=number(at), y='0', width=number(max(0.0, width - 2)), height='22',
                rx='2', class_=f'fill-{kind}', style=f'fill:{fill}' if fill else None))
        at += width
    words = ', '.join(f'{count} {outcome.value}' for outcome, count in _counted(counts) if count)
    return element('svg', *parts, class_='bar', viewBox='0 0 1000 22', role='img',
                   preserveAspectRatio='none', aria_label=f'Outcomes: {words}')


def _counted(counts: OutcomeCounts) -> list[tuple[Outcome, int]]:
    return [(Outcome.RIGHT, counts.right), (Outcome.KNOWN, counts.known),
            (Outcome.WRONG, counts.wrong), (Outcome.MISSED, counts.missed),
            (Outcome.UNKNOWN, counts.unknown), (Outcome.REJECTED, counts.rejected)]


def outcome_legend(counts: OutcomeCounts) -> Markup:
    """Return the signs of all outcomes that occur, with their numbers."""
    return element('ul', *(
        element('li', outcome_mark(outcome), element('b', str(count)), ' ', outcome.value)
        for outcome, count in _counted(counts) if count), class_='legend')
