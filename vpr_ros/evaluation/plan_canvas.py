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

"""The ground that plans are drawn on: metres seen from above, x to the right and y up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.evaluation.charts import svg_chart
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.markup import number
from vpr_ros.evaluation.plan import Outline

__all__ = [
    'apart', 'draw_plan', 'joined', 'line_key', 'lines', 'PlanView', 'SMALLEST_M', 'start_sign',
    'WIDTH', 'xy',
]

Array = NDArray[Any]
WIDTH = 520.0
MARGIN = 28.0
LOWEST, HIGHEST = 180.0, 620.0
# Below the map, for the scale bar.
STRIP = 26.0
# The width of the mapped route; see report_style.
BAND = 11.0
# Smaller than this much ground is not worth a plan of its own.
SMALLEST_M = 10.0


@dataclass(frozen=True)
class PlanView:
    """
    Takes metres in the map frame to units of the chart.

    :param left: x in metres at the upper left corner of the map; ``top`` is its y.
    :param scale: units per metre, the same along both axes.
    :param height: of the map.
    """

    left: float
    top: float
    scale: float
    height: float

    @classmethod
    def around(cls, points: Array) -> PlanView:
        """
        Choose the smallest area that shows all points with a margin.

        :param points: (n, 2) finite metres, n >= 1.
        """
        low, high = points.min(axis=0), points.max(axis=0)
        width, height = np.maximum(high - low, SMALLEST_M)
        scale = float(min((WIDTH - 2 * MARGIN) / width, (HIGHEST - 2 * MARGIN) / height))
        tall = max(LOWEST, float(height) * scale + 2 * MARGIN)
        middle = (low + high) / 2
        return cls(left=float(middle[0]) - WIDTH / 2 / scale,
                   top=float(middle[1]) + tall / 2 / scale, scale=scale, height=tall)

    def at(self, positions: Array) -> Array:
        """Return (n, 2) units, x to the right and y down, of (n, 2) metres."""
        return np.asarray(
            (positions - (self.left, self.top)) * (self.scale, -self.scale))


def draw_plan(view: PlanView, background: Sequence[Outline], drive: Array,
              drawn: Sequence[Markup], title: str, description: str) -> Markup:
    """
    Put a plan together: the ground, what is drawn on it, where the drive began, a scale.

    :param drive: (n, 2) units of the view, finite, in driving order.
    """
    # An svg inside another cuts off what is beyond its edges.
    area = element(
        'svg', element('rect', width='100%', height='100%', class_='plot'),
        *_background(background, view), *drawn, *start_sign(drive, view.height),
        width=number(WIDTH), height=number(view.height))
    return svg_chart([area, *_scale_bar(view)], view.height + STRIP, title, description,
                     width=WIDTH, class_='chart plan')


def line_key(line: str, text: str, end: str = '') -> Markup:
    """Return a key with a line of one class and, when named, the end of another."""
    return element('span', element(
        'svg', element('path', class_=line, d='M3 8H31'),
        element('path', class_=end, d='M31 8h0') if end else None, class_='stroke',
        viewBox='0 0 34 16', aria_hidden='true'), text, class_='key')


def _background(outlines: Sequence[Outline], view: PlanView) -> list[Markup]:
    """Draw the shapes in sight; neighbours of one kind become one path."""
    seen = []
    for outline in outlines:
        corners = view.at(outline.corners)
        low, high = corners.min(axis=0), corners.max(axis=0)
        if (high >= 0).all() and (low <= (WIDTH, view.height)).all():
            seen.append((outline.kind, _one_way_round(corners)))
    return [
        element('path', class_=f'ground {kind}', d=''.join(
            f'M{" ".join(xy(corner) for corner in corners)}Z' for _, corners in group))
        for kind, group in groupby(seen, key=lambda shape: shape[0])]


def _one_way_round(corners: Array) -> Array:
    """Order corners alike: where shapes of opposite order overlap, a path has a hole."""
    x, y = corners.T
    area = float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    return corners if area >= 0 else corners[::-1]


def joined(points: Array) -> Array:
    """Return (n - 1,) bool: whether a line may go from each of (n, 2) points to the next."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    moved = steps[steps > 0]  # neither unknown nor waiting
    # A jump is a gap or the next session, and nobody drove along it.
    longest = max(BAND, 5 * float(np.median(moved))) if moved.size else BAND
    return np.asarray(steps <= longest)


def lines(points: Array, segments: Array, dots: Array, class_: str,
          style: str | None = None) -> Markup:
    """
    Draw lines through points, as one path; '' when there is nothing to draw.

    :param segments: (n - 1,) bool: whether to draw the way from each point to the next.
    :param dots: (n,) bool: which points to draw though no line reaches them.
    """
    touched = np.zeros(len(points), bool)
    touched[:-1] |= segments
    touched[1:] |= segments
    parts = []
    starts = np.flatnonzero(segments & ~np.r_[False, segments[:-1]])
    ends = np.flatnonzero(segments & ~np.r_[segments[1:], False]) + 1
    for start, end in zip(starts, ends, strict=True):
        line = [*apart(points[start:end], 1.0), points[end]]
        parts.append(f'M{" ".join(xy(point) for point in line)}')
    # Round caps make a dot of a line without length.
    parts += [f'M{xy(points[i])}h0' for i in np.flatnonzero(dots & ~touched)]
    return element('path', class_=class_, d=''.join(parts), style=style) if parts else Markup('')


def apart(points: Array, distance: float) -> list[tuple[float, float]]:
    """Leave out points that lie closer than ``distance`` to the one before: they look alike."""
    kept: list[tuple[float, float]] = []
    for x, y in points.tolist():
        if not kept or math.hypot(x - kept[-1][0], y - kept[-1][1]) >= distance:
            kept.append((x, y))
    return kept


def xy(point: Array | tuple[float, float]) -> str:
    """Return a point as paths write it."""
    return f'{number(float(point[0]))} {number(float(point[1]))}'


def start_sign(drive: Array, height: float) -> list[Markup]:
    """
    Mark the first position, pointing where the drive went from there.

    :param drive: (n, 2) units, finite, in driving order, n >= 1.
    :param height: of the chart, in units.
    """
    first = drive[0]
    away = np.flatnonzero(np.hypot(*(drive - first).T) >= 8.0)
    ahead = drive[away[0]] - first if away.size else np.zeros(2)
    if away.size:
        angle = float(np.degrees(np.arctan2(ahead[1], ahead[0])))
        sign = element('path', class_='start', d='M9 0L-5.5 6.5L-2.5 0L-5.5 -6.5Z',
                       transform=f'translate({xy(first)}) rotate({number(angle)})')
    else:
        sign = element('circle', class_='start', cx=number(float(first[0])),
                       cy=number(float(first[1])), r='5')
    # Behind or beside the sign, where the drive does not go at first.
    below = ahead[1] < 0 and first[1] < height - 24
    label = element('text', 'start', x=number(float(first[0])), text_anchor='middle',
                    y=number(float(first[1]) + (22 if below else -13)), class_='place')
    return [sign, label]


def _scale_bar(view: PlanView) -> list[Markup]:
    """Draw a round length below the map."""
    powers = (m * 10.0 ** e for e in range(-2, 6) for m in (1, 2, 5))
    length = max(m for m in powers if m * view.scale <= 130 or m == 0.01)
    right = 1 + length * view.scale
    y = view.height + 13
    text = f'{length / 1000:g} km' if length >= 1000 else f'{length:g} m'
    return [element('path', class_='bar-line',
                    d=f'M1 {number(y - 4)}v8M1 {number(y)}H{number(right)}'
                      f'M{number(right)} {number(y - 4)}v8'),
            element('text', text, x=number(right + 8), y=number(y + 4), class_='tick')]
