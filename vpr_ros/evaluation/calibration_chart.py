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

"""Whether probabilities mean what they say, as inline SVG in the colours of the page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.evaluation.calibration import Reliability
from vpr_ros.evaluation.charts import svg_chart
from vpr_ros.evaluation.charts import svg_line
from vpr_ros.evaluation.charts import svg_text
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.markup import number

__all__ = ['reliability_chart', 'reliability_keys', 'split_chart', 'split_keys']

Array = NDArray[Any]
WIDTH = 460.0
LEFT, RIGHT, TOP = 52.0, 14.0, 12.0
SIDE = WIDTH - LEFT - RIGHT
GAP = 14.0
BARS = 20
# Radii of the dots of a bin with few and with all answers; the area is the share.
SMALLEST, LARGEST = 2.6, 11.0


def reliability_chart(table: Reliability, probabilities: Array, correct: Array,
                      title: str) -> Markup:
    """
    Draw the share of right answers over the probability, and below how often it was said.

    :param table: the bins.
    :param probabilities: (Q,) in [0, 1], those of the table; ``correct`` (Q,) bool likewise.
    """
    bottom = TOP + SIDE

    def x(probability: float) -> float:
        return LEFT + probability * SIDE

    def y(share: float) -> float:
        return bottom - share * SIDE

    parts = [element('rect', x=number(LEFT), y=number(TOP), width=number(SIDE),
                     height=number(SIDE), class_='plot')]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [svg_line(LEFT, y(value), LEFT + SIDE, y(value), 'grid'),
                  svg_line(x(value), TOP, x(value), bottom, 'grid'),
                  svg_text(LEFT - 8, y(value) + 4, f'{value:g}', anchor='end')]
    parts += [
        svg_line(x(0), y(0), x(1), y(1), 'ideal'),
        svg_text(x(0.04), y(0.94), 'right more often than it says', anchor='start'),
        svg_text(x(0.96), y(0.04), 'right less often than it says', anchor='end')]
    centres = [(x(p), y(o)) for p, o in zip(table.predicted, table.observed, strict=True)]
    parts.append(element('polyline', class_='curve thin', points=' '.join(
        f'{number(cx)},{number(cy)}' for cx, cy in centres)))
    parts += [_whisker(cx, y(low), y(high)) for (cx, _), low, high in zip(
        centres, table.low, table.high, strict=True)]
    radii = np.maximum(SMALLEST, LARGEST * np.sqrt(table.counts / table.counts.sum()))
    parts += [element('circle', class_='bin', cx=number(cx), cy=number(cy), r=number(r))
              for (cx, cy), r in zip(centres, radii, strict=True)]
    top = bottom + GAP
    parts += _split(probabilities, correct, top, 96.0)
    parts += _probability_axis(top + 96.0, 'probability that it gave')
    middle = TOP + SIDE / 2
    parts += [svg_text(12, middle, 'share that is right', class_='label',
                       transform=f'rotate(-90 12 {number(middle)})'),
              svg_text(12, top + 48, 'answers', class_='label',
                       transform=f'rotate(-90 12 {number(top + 48)})')]
    said = ', '.join(f'{p:.2f}: {o:.2f}' for p, o in zip(table.predicted, table.observed,
                                                         strict=True))
    return svg_chart(parts, top + 96 + 42, title,
                     f'mean probability and share of right answers in {len(table.counts)} bins: '
                     f'{said}', width=WIDTH, class_='chart square')


def reliability_keys() -> list[Markup]:
    """Return the keys of the signs on :func:`reliability_chart`."""
    dot = element('svg', _whisker(8.0, 1.5, 14.5),
                  element('circle', class_='bin', cx='8', cy='8', r='3.4'), class_='mark',
                  viewBox='0 0 16 16', aria_hidden='true')
    ideal = element('svg', svg_line(2, 8, 32, 8, 'ideal'), class_='stroke', viewBox='0 0 34 16',
                    aria_hidden='true')
    return [element('span', dot, 'a bin, with its 95 % interval', class_='key'),
            element('span', ideal, 'calibrated', class_='key'),
            *split_keys('right answers', 'wrong answers')]


def split_chart(probabilities: Array, up: Array, title: str) -> Markup:
    """
    Draw how often each probability was said, of two kinds of queries on two sides of a line.

    :param probabilities: (Q,) in [0, 1].
    :param up: (Q,) bool: which are counted upwards; the others are counted downwards.
    """
    height = 230.0
    parts = [*_split(probabilities, up, TOP, height),
             *_probability_axis(TOP + height, 'probability that it gave'),
             svg_text(12, TOP + height / 2, 'images', class_='label',
                      transform=f'rotate(-90 12 {number(TOP + height / 2)})')]
    medians = [f'{np.median(p):.2f}' if p.size else 'none'
               for p in (probabilities[up], probabilities[~up])]
    return svg_chart(parts, TOP + height + 42, title,
                     f'the median probability is {medians[0]} of those above the line and '
                     f'{medians[1]} of those below', width=WIDTH, class_='chart square')


def split_keys(up: str, down: str) -> list[Markup]:
    """Return the keys of what is counted upwards and downwards."""
    return [element('span', element(
        'svg', element('rect', class_=f'fill-{kind}', x='3', width='10', y=y, height='7'),
        element('path', class_='axis', d='M0 8H16'), class_='mark', viewBox='0 0 16 16',
        aria_hidden='true'), text, class_='key')
        for kind, y, text in (('right', '1', up), ('wrong', '8', down))]


def _split(probabilities: Array, up: Array, top: float, height: float) -> list[Markup]:
    """Draw the counts of both kinds away from a line between them, at one scale."""
    edges = np.linspace(0.0, 1.0, BARS + 1)
    above, _ = np.histogram(probabilities[up], edges)
    below, _ = np.histogram(probabilities[~up], edges)
    highest, lowest = int(above.max()), int(below.max())
    unit = height / max(1, highest + lowest)
    base = top + highest * unit
    parts = [element('rect', x=number(LEFT), y=number(top), width=number(SIDE),
                     height=number(height), class_='plot')]
    parts += [svg_line(LEFT + value * SIDE, top, LEFT + value * SIDE, top + height, 'grid')
              for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    for counts, kind, sign in (above, 'right', -1), (below, 'wrong', 1):
        for k in np.flatnonzero(counts):
            # One query among a thousand must be seen.
            tall = max(1.2, float(counts[k]) * unit)
            parts.append(element(
                'rect', class_=f'fill-{kind}', x=number(LEFT + edges[k] * SIDE + 0.75),
                y=number(base - tall if sign < 0 else base, 2), width=number(SIDE / BARS - 1.5),
                height=number(tall, 2)))
    parts.append(svg_line(LEFT, base, LEFT + SIDE, base, 'axis'))
    if highest:
        parts.append(svg_text(LEFT - 8, top + 9, str(highest), anchor='end'))
    # Two numbers side by side must not meet.
    if lowest and (not highest or height >= 24):
        parts.append(svg_text(LEFT - 8, top + height, str(lowest), anchor='end'))
    return parts


def _probability_axis(bottom: float, label: str) -> list[Markup]:
    parts = [svg_text(LEFT + value * SIDE, bottom + 17, f'{value:g}')
             for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return [*parts, svg_text(LEFT + SIDE / 2, bottom + 36, label, class_='label')]


def _whisker(x: float, low: float, high: float) -> Markup:
    return element('path', class_='whisker', d=f'M{number(x)} {number(low)}V{number(high)}'
                                               f'M{number(x - 3)} {number(low)}h6'
                                               f'M{number(x - 3)} {number(high)}h6')
