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
The plan of a run as inline SVG: a drive from above, what was true beside what the run said.

Both charts have one scale and show one area: x of the map frame to the right, y up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.evaluation.charts import Answer
from vpr_ros.evaluation.charts import marks
from vpr_ros.evaluation.charts import outcome_mark
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.plan import Plan
from vpr_ros.evaluation.plan_canvas import apart
from vpr_ros.evaluation.plan_canvas import draw_plan
from vpr_ros.evaluation.plan_canvas import joined
from vpr_ros.evaluation.plan_canvas import line_key
from vpr_ros.evaluation.plan_canvas import lines
from vpr_ros.evaluation.plan_canvas import PlanView
from vpr_ros.evaluation.plan_canvas import SMALLEST_M
from vpr_ros.evaluation.plan_canvas import xy

__all__ = ['answer_chart', 'answer_keys', 'truth_chart', 'truth_keys']

Array = NDArray[Any]
# Radius of the signs of answers, depending on the room between them.
SMALLEST, LARGEST = 1.3, 3.2
# Mistakes last: they must not be covered.
ORDER = (Outcome.RIGHT, Outcome.KNOWN, Outcome.MISSED, Outcome.UNKNOWN, Outcome.REJECTED,
         Outcome.WRONG)


def truth_chart(plan: Plan, in_map: Array) -> Markup:
    """
    Draw which stretches of the drive are in the map.

    :param plan: with at least one known query position.
    :param in_map: (Q,) bool: whether the map holds the place of each query.
    """
    view = _view(plan)
    drive = view.at(plan.query_positions)
    known = plan.known_queries
    linked = joined(drive)
    both = in_map[1:] & in_map[:-1]
    # The way from a place in the map to one that is not is none that the map holds.
    parts = [
        lines(drive, linked & ~both, known & ~in_map, 'drive halo'),
        lines(drive, linked & both, known & in_map, 'drive halo'),
        lines(drive, linked & ~both, known & ~in_map, 'drive outside'),
        lines(drive, linked & both, known & in_map, 'drive inside')]
    inside = int((known & in_map).sum())
    return _map(plan, view, parts, 'What was true',
                f'the drive from above: {inside} of {int(known.sum())} images show a place of the '
                'map')


def answer_chart(plan: Plan, answers: Sequence[Answer]) -> Markup:
    """
    Draw what the run said at each position; wrong answers lead to the place they named.

    :param plan: with at least one known query position.
    """
    view = _view(plan)
    drive, places = view.at(plan.query_positions), view.at(plan.place_positions)
    shown = _shown(plan, answers)
    linked = joined(drive)
    parts = [lines(drive, linked, np.zeros(len(drive), bool), 'drive way')]
    # Neighbours do not cover each other as long as the signs stay large enough to read.
    length = float(np.hypot(*np.diff(drive, axis=0)[linked].T).sum())
    radius = min(LARGEST, max(SMALLEST, length / max(1, len(shown)) / 2))
    wrong = [a for a in shown if _is_error(plan, a)]
    if wrong:
        named = [xy(places[a.place]) for a in wrong]
        parts += [
            element('path', class_='error', d=''.join(
                f'M{xy(drive[a.query])} {end}' for a, end in zip(wrong, named, strict=True))),
            element('path', class_='error end', d=''.join(f'M{end}h0' for end in named))]
    said = []
    for outcome in ORDER:
        rows = [a.query for a in shown if a.outcome is outcome]
        at = apart(drive[rows], 0.5)
        parts.append(marks(outcome, at, _size(outcome, radius)))
        if rows:
            said.append(f'{len(rows)} {outcome.value}')
    drawn = element('g', *parts, class_='dense' if radius < 2 else None)
    return _map(plan, view, [drawn], 'What the run said',
                f'the answer at the true position of each image: {"; ".join(said) or "none"}')


def truth_keys(plan: Plan, in_map: Array) -> list[Markup]:
    """Return the keys of the signs on :func:`truth_chart`."""
    known = plan.known_queries
    keys = []
    if (known & in_map).any():
        keys.append(line_key('drive inside', 'in the map'))
    if (known & ~in_map).any():
        keys.append(line_key('drive outside', 'not in the map'))
    return keys + _route_key(plan)


def answer_keys(plan: Plan, answers: Sequence[Answer]) -> list[Markup]:
    """Return the keys of the signs on :func:`answer_chart`."""
    shown = _shown(plan, answers)
    keys = [element('span', outcome_mark(outcome), outcome.value, class_='key')
            for outcome in Outcome if any(a.outcome is outcome for a in shown)]
    if any(_is_error(plan, a) for a in shown):
        keys.append(line_key('error', 'to the place that was answered', 'error end'))
    return keys + _route_key(plan)


def _size(outcome: Outcome, radius: float) -> float:
    if outcome is Outcome.WRONG:
        return max(radius, 2.4)  # rare, one hopes, and to be found
    # Dashes in a row along a street must not run into one line.
    return 0.7 * radius if outcome is Outcome.REJECTED and radius < LARGEST else radius


def _shown(plan: Plan, answers: Sequence[Answer]) -> list[Answer]:
    known = plan.known_queries
    return [answer for answer in answers if known[answer.query]]


def _is_error(plan: Plan, answer: Answer) -> bool:
    """Tell whether a line leads from an answer to a place that is elsewhere."""
    return (answer.outcome is Outcome.WRONG and answer.place is not None
            and bool(np.isfinite(plan.place_positions[answer.place]).all()))


def _route_key(plan: Plan) -> list[Markup]:
    return [line_key('route', 'mapped route')] if plan.known_places.any() else []


def _map(plan: Plan, view: PlanView, drawn: Sequence[Markup], title: str,
         description: str) -> Markup:
    """Draw on the mapped route."""
    route = view.at(plan.place_positions)
    return draw_plan(
        view, plan.background, view.at(plan.query_positions[plan.known_queries]),
        [lines(route, joined(route), plan.known_places, 'route'), *drawn], title, description)


def _view(plan: Plan) -> PlanView:
    """Choose what to show: the drive, and as much of the map as lies around it."""
    drive = plan.query_positions[plan.known_queries]
    low, high = drive.min(axis=0), drive.max(axis=0)
    # The map may be of a whole city.
    reach = max(float((high - low).max()) / 2, SMALLEST_M)
    places = plan.place_positions[plan.known_places]
    near = places[((places >= low - reach) & (places <= high + reach)).all(axis=1)]
    return PlanView.around(np.concatenate([drive, near]))
