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

"""
Loop closures on the path of the robot as inline SVG: from above, and lifted by time.

From above, both ends of a right closure lie where the robot was twice, as far apart as the
positions have drifted. Lifted by time, every later visit lies above the earlier one, and closures
stand between them like posts; a wrong one leans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.evaluation.charts import marks
from vpr_ros.evaluation.charts import outcome_mark
from vpr_ros.evaluation.charts import svg_chart
from vpr_ros.evaluation.charts import svg_text
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.markup import number
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.plan import Outline
from vpr_ros.evaluation.plan_canvas import apart
from vpr_ros.evaluation.plan_canvas import draw_plan
from vpr_ros.evaluation.plan_canvas import joined
from vpr_ros.evaluation.plan_canvas import line_key
from vpr_ros.evaluation.plan_canvas import lines
from vpr_ros.evaluation.plan_canvas import PlanView
from vpr_ros.evaluation.plan_canvas import start_sign
from vpr_ros.evaluation.plan_canvas import WIDTH
from vpr_ros.evaluation.plan_canvas import xy

__all__ = ['lifted_chart', 'LOOP_WORDS', 'loop_chart', 'loop_keys', 'LoopPath']

Array = NDArray[Any]
# What an outcome means where closures are looked for.
LOOP_WORDS = {
    Outcome.RIGHT: 'right closure', Outcome.WRONG: 'wrong closure',
    Outcome.MISSED: 'been here before, no closure', Outcome.REJECTED: 'new place, no closure',
    Outcome.KNOWN: 'closure', Outcome.UNKNOWN: 'no closure',
}
# Shades of the path from its beginning to its end.
SHADES = 16
# The width of the path at its beginning and at its end: a later visit must not hide an earlier.
WIDEST, NARROWEST = 7.0, 2.2
# Radius of the signs, depending on the room between them.
SMALLEST, LARGEST = 1.4, 3.2
# The lifted path: how far it is turned, how flat the ground lies, how high time rises.
TURN, FLAT, RISE = math.radians(-24.0), 0.5, 210.0
SIDE, MARGIN, DEEPEST = 78.0, 24.0, 260.0


@dataclass(frozen=True, eq=False)
class LoopPath:
    """
    What the charts are drawn from.

    :param positions: (K, 2) metres of the keyframes in driving order, NaN where unknown; at least
        one is known.
    :param seconds: (K,) since the first of them.
    :param ends: (C, 2) rows of the keyframes at the query and the match end of each closure.
    :param outcomes: of each keyframe: a closure (right or wrong), or none (missed or not).
    :param wrong: (C,) bool: which closures are known to be wrong.
    """

    positions: Array
    seconds: Array
    ends: Array
    outcomes: tuple[Outcome, ...]
    wrong: Array
    background: tuple[Outline, ...] = ()

    @property
    def known(self) -> Array:
        """Return (K,) bool: whether the position of each keyframe is known."""
        return np.asarray(np.isfinite(self.positions).all(axis=1))


def loop_chart(path: LoopPath) -> Markup:
    """Draw the path from above, early pale and wide, late dark and narrow, with its closures."""
    known = path.known
    view = PlanView.around(path.positions[known])
    points = view.at(path.positions)
    drawn = [*_path(points, known, halo=False), *_closures(points, path.ends, path.wrong),
             *_signs(points, path)]
    return draw_plan(view, path.background, points[known], drawn, 'Closures from above',
                     f'the path from above: {_said(path)}')


def lifted_chart(path: LoopPath) -> Markup:
    """Draw the path at a slant, rising with time, with its closures."""
    known = path.known
    c, s = math.cos(TURN), math.sin(TURN)
    x, y = path.positions.T
    across, away = c * x - s * y, s * x + c * y
    width = max(float(np.ptp(across[known])), 1.0)
    depth = max(float(np.ptp(away[known])), 1.0)
    scale = min((WIDTH - SIDE - MARGIN) / width, DEEPEST / (depth * FLAT))
    left = SIDE + (WIDTH - SIDE - MARGIN - width * scale) / 2
    ground = np.stack([left + (across - across[known].min()) * scale,
                       -(away - away[known].min()) * scale * FLAT], axis=1)
    ends = max(float(path.seconds[-1]), 1e-9)
    lift = np.stack([np.zeros(len(x)), -RISE * path.seconds / ends], axis=1)
    points = ground + lift
    top = float(points[known, 1].min())
    height = 2 * MARGIN - top
    # The first keyframe of all is the lowest in time, not on the page.
    shift = np.array([0.0, height - MARGIN])
    ground, points = ground + shift, points + shift
    linked = joined(ground)
    right = ~path.wrong
    drawn = [
        lines(ground, linked, known, 'shadow'),
        *_closures(points, path.ends[right], path.wrong[right]),
        *_path(points, known, halo=True, linked=linked),
        *_closures(points, path.ends[path.wrong], path.wrong[path.wrong]),
        *_signs(points, path, Outcome.WRONG), *start_sign(points[known], height)]
    plot = element('rect', width=number(WIDTH), height=number(height), class_='plot')
    return svg_chart([plot, *drawn, *_time_axis(height - MARGIN, ends)], height,
                     'Closures between visits',
                     f'the path at a slant, rising with time: {_said(path)}', width=WIDTH,
                     class_='chart plan')


def loop_keys(path: LoopPath) -> list[Markup]:
    """Return the keys of the signs on :func:`loop_chart`; the other chart has no others."""
    keys = [element('span', element(
        'svg', *(element('path', class_='path', d=f'M{3 + 7 * k} 8h7', style=_shade(k, 4))
                 for k in range(4)), class_='stroke', viewBox='0 0 34 16', aria_hidden='true'),
        'path, from early to late', class_='key')]
    for outcome in (Outcome.RIGHT, Outcome.KNOWN, Outcome.MISSED, Outcome.WRONG):
        if outcome in path.outcomes:
            keys.append(element('span', outcome_mark(outcome), LOOP_WORDS[outcome],
                                class_='key'))
    if (~path.wrong).any():
        keys.append(line_key('closure', 'to the earlier visit', 'closure end'))
    if path.wrong.any():
        keys.append(line_key('closure wrong', 'to a place elsewhere', 'closure wrong end'))
    return keys


def _path(points: Array, known: Array, *, halo: bool, linked: Array | None = None) -> list[Markup]:
    """Draw the path in shades; later parts lie above earlier ones."""
    if linked is None:
        linked = joined(points)
    shades = min(SHADES, len(points))
    shade_of = np.arange(len(points)) * shades // len(points)
    parts = []
    for shade in range(shades):
        segments = linked & (shade_of[:-1] == shade)
        dots = known & (shade_of == shade)
        if halo:
            parts.append(lines(points, segments, dots, 'path halo', 'stroke-width:6px'))
        style = _shade(shade, shades)
        parts.append(lines(points, segments, dots, 'path',
                           f'{style};stroke-width:2.4px' if halo else style))
    return parts


def _shade(shade: int, shades: int) -> str:
    """Return the look of a part of the path; where colours cannot be mixed it keeps one."""
    t = shade / max(1, shades - 1)
    width = WIDEST + (NARROWEST - WIDEST) * t
    return (f'stroke:color-mix(in oklab,var(--late) {100 * t:.0f}%,var(--early));'
            f'stroke-width:{width:.1f}px')


def _closures(points: Array, ends: Array, wrong: Array) -> list[Markup]:
    """Draw lines from the query to the match ends, wrong ones last; ends where they lie apart."""
    parts = []
    for kind, chosen in (('closure', ends[~wrong]), ('closure wrong', ends[wrong])):
        query, match = points[chosen[:, 0]], points[chosen[:, 1]]
        seen = np.isfinite(query).all(axis=1) & np.isfinite(match).all(axis=1)
        query, match = query[seen], match[seen]
        if not len(query):
            continue
        parts.append(element('path', class_=kind, d=''.join(
            f'M{xy(a)} {xy(b)}' for a, b in zip(query, match, strict=True))))
        far = np.hypot(*(query - match).T) > 6.0
        if far.any():
            parts.append(element('path', class_=f'{kind} end', d=''.join(
                f'M{xy(b)}h0' for b in match[far])))
    return parts


def _signs(points: Array, path: LoopPath, only: Outcome | None = None) -> list[Markup]:
    """Mark keyframes with a closure, and those that miss one."""
    known = path.known
    length = float(np.hypot(*np.diff(points, axis=0)[joined(points)].T).sum())
    radius = min(LARGEST, max(SMALLEST, length / max(1, int(known.sum())) / 2))
    parts = []
    # Mistakes last: they must not be covered.
    for outcome in (Outcome.MISSED, Outcome.KNOWN, Outcome.RIGHT, Outcome.WRONG):
        rows = [row for row, o in enumerate(path.outcomes) if o is outcome and known[row]]
        if rows and only in (None, outcome):
            size = max(radius, 3.0) if outcome is Outcome.WRONG else radius
            parts.append(marks(outcome, apart(points[rows], 0.5), size))
    return [element('g', *parts, class_='dense' if radius < 2 else None)] if parts else []


def _time_axis(bottom: float, seconds: float) -> list[Markup]:
    """Draw how high time rises, beside the path."""
    unit, name = next((u, n) for u, n in ((3600.0, 'h'), (60.0, 'min'), (0.0, 's'))
                      if seconds >= 2 * u)
    value = seconds / unit if unit else seconds
    x, top = 18.0, bottom - RISE
    return [element('path', class_='bar-line', d=f'M{number(x - 4)} {number(bottom)}h8'
                                                 f'M{number(x)} {number(bottom)}V{number(top)}'
                                                 f'M{number(x - 4)} {number(top)}h8'),
            svg_text(x + 8, bottom + 4, '0', anchor='start'),
            svg_text(x + 8, top + 4, f'{value:.0f} {name}', anchor='start'),
            svg_text(x - 6, bottom - RISE / 2, 'time', class_='label',
                     transform=f'rotate(-90 {number(x - 6)} {number(bottom - RISE / 2)})')]


def _said(path: LoopPath) -> str:
    counted: Sequence[tuple[Outcome, int]] = [
        (o, path.outcomes.count(o)) for o in LOOP_WORDS]
    return '; '.join(f'{count} {LOOP_WORDS[o]}' for o, count in counted if count)
