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


"""Precision over recall of several systems in one chart, told apart without colour too."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.evaluation.charts import svg_chart
from vpr_ros.evaluation.charts import svg_line
from vpr_ros.evaluation.charts import svg_text
from vpr_ros.evaluation.comparison.signs import SystemSigns
from vpr_ros.evaluation.comparison.tables import System
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.markup import number

__all__ = ['curves_chart']

Array = NDArray[Any]
Points = Sequence[tuple[float, float]]
# As wide as a telephone, so that its letters are never made smaller.
WIDTH, LEFT, TOP, SIDE = 340.0, 46.0, 12.0, 282.0
# Where letters may stand on a curve, and how far from another letter at least.
PLACES = 60
ROOM = 17.0


def curves_chart(curves: Mapping[System, Points], signs: SystemSigns, title: str) -> Markup:
    """
    Draw the curves, each with the letter of its system where it is farthest from the others.

    :param curves: (recall, precision) points of each system, from the highest threshold on.
    """
    bottom = TOP + SIDE
    parts = [element('rect', x=number(LEFT), y=number(TOP), width=number(SIDE),
                     height=number(SIDE), class_='plot')]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = LEFT + value * SIDE, bottom - value * SIDE
        parts += [svg_line(LEFT, y, LEFT + SIDE, y, 'grid'), svg_line(x, TOP, x, bottom, 'grid'),
                  svg_text(LEFT - 7, y + 4, f'{100 * value:.0f}', anchor='end'),
                  svg_text(x, bottom + 17, f'{100 * value:.0f}')]
    drawn = {system: _on_paper(points) for system, points in curves.items() if len(points)}
    # The first system lies on top.
    for system, line in reversed(drawn.items()):
        d = 'M' + 'L'.join(f'{number(x)} {number(y)}' for x, y in line)
        parts.append(element('path', d=d, **signs.line(system)))
    for system, (x, y) in _places(drawn).items():
        parts.append(svg_text(x, y + 4, signs.letter(system), class_='letter'))
    middle = TOP + SIDE / 2
    parts += [svg_text(LEFT + SIDE / 2, bottom + 36, 'recall, %', class_='label'),
              svg_text(11, middle, 'precision, %', class_='label',
                       transform=f'rotate(-90 11 {number(middle)})')]
    said = '; '.join(f'{signs.letter(system)} {system.label}, {system.conditions}, ends at recall '
                     f'{points[-1][0]:.2f} and precision {points[-1][1]:.2f}'
                     for system, points in curves.items() if len(points))
    return svg_chart(parts, bottom + 42, title, said, width=WIDTH, class_='chart small')


def _on_paper(points: Points) -> Array:
    """Return the points (n, 2) on paper, from the left edge on, without those that look alike."""
    line = np.array([(0.0, points[0][1]), *points], np.float64)
    line = np.column_stack([LEFT + line[:, 0] * SIDE, TOP + SIDE - line[:, 1] * SIDE]).round(1)
    new = np.append(True, (np.diff(line, axis=0) != 0).any(axis=1))
    return np.asarray(line[new])


def _places(drawn: Mapping[System, Array]) -> dict[System, tuple[float, float]]:
    """Return where each letter stands: on its curve, far from other curves and letters."""
    candidates = {system: _along(line) for system, line in drawn.items()}
    placed: dict[System, tuple[float, float]] = {}
    for system, own in candidates.items():
        others = [points for other, points in candidates.items() if other != system]
        free = _least_distance(own, np.concatenate(others)) if others else np.zeros(len(own))
        if placed:
            letters = _least_distance(own, np.array(list(placed.values())))
            # Two letters on one another are worse than a letter on another curve.
            free = np.minimum(free, letters) - np.where(letters < ROOM, 1e3, 0.0)
        # Far enough is enough: then in the middle of the plot rather than in its corners.
        middle = np.abs(own - (LEFT + SIDE / 2, TOP + SIDE / 2)).sum(axis=1)
        free = np.minimum(free, 2 * ROOM) - 0.05 * middle
        k = int(np.argmax(free))
        placed[system] = (float(own[k, 0]), float(own[k, 1]))
    return placed


def _along(line: Array) -> Array:
    """Return points on a curve that are equally far from one another."""
    at = np.append(0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T)))
    wanted = np.linspace(0.03, 0.97, PLACES) * at[-1]
    return np.column_stack([np.interp(wanted, at, line[:, k]) for k in (0, 1)])


def _least_distance(points: Array, others: Array) -> Array:
    return np.asarray(np.hypot(*(points[:, None] - others[None]).transpose(2, 0, 1)).min(axis=1))
