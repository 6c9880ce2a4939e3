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

"""Routes through the town, and the line that a car follows along them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.plan import TownPlan
from vpr_ros.errors import unknown_name

__all__ = ['Path', 'ROUTES', 'route_path']

Array = NDArray[Any]
Crossing = tuple[int, int]

#: The crossings (row from the south, column from the west) that a route passes, in order.
ROUTES: dict[str, tuple[Crossing, ...]] = {
    # Through all parts of the town; the first street is driven once more at the end.
    'loop': ((3, 1), (3, 4), (2, 4), (2, 6), (4, 6), (4, 2), (6, 2), (6, 1), (3, 1), (3, 3)),
    # The same, but for two streets that the loop never sees.
    'detour': ((3, 1), (3, 4), (2, 4), (2, 6), (4, 6), (4, 4), (5, 4), (5, 2), (6, 2), (6, 1),
               (3, 1), (3, 3)),
    # Streets of equal houses, one after the other.
    'terraces': ((6, 1), (6, 4), (5, 4), (5, 1), (6, 1)),
    # The inner streets from west to east, one after the other.
    'tour': ((1, 1), (1, 7), (2, 7), (2, 1), (3, 1), (3, 7), (4, 7), (4, 1), (5, 1), (5, 7),
             (6, 7), (6, 1)),
}

# Between two points of a path.
STEP_M = 0.25
_RIGHT_TURN_M, _LEFT_TURN_M, _BEND_M = 5.0, 9.0, 25.0


class Path:
    """
    A line on the ground.

    :ivar points: (n, 2) metres, ``STEP_M`` apart.
    :ivar yaw: (n,) radians, without jumps of a whole turn.
    :ivar crossings_m: where along the line it passes a crossing.
    """

    def __init__(self, corners: Array, radii_m: Array) -> None:
        fine, marks = _rounded_line(corners, radii_m)
        lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
        self.length_m = float(lengths[-1])
        self.at_m = np.arange(0.0, self.length_m, STEP_M)
        self.points = np.column_stack([np.interp(self.at_m, lengths, fine[:, i])
                                       for i in range(2)])
        step = np.gradient(self.points, axis=0)
        self.yaw = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
        self.crossings_m = np.interp(marks, np.arange(len(fine)), lengths)

    def curvature(self) -> Array:
        """Return (n,) one over the radius, smoothed over two metres."""
        turn = np.abs(np.gradient(self.yaw)) / STEP_M
        window = np.ones(9) / 9
        return np.asarray(np.convolve(turn, window, mode='same'))

    def at(self, along_m: Array, left_m: Array) -> tuple[Array, Array]:
        """Return (m, 2) points so far along and to the left of the line, and (m,) its yaw."""
        yaw = np.interp(along_m, self.at_m, self.yaw)
        x, y = (np.interp(along_m, self.at_m, self.points[:, i]) for i in range(2))
        return np.column_stack([x - left_m * np.sin(yaw), y + left_m * np.cos(yaw)]), yaw


def route_path(plan: TownPlan, route: str, *, reverse: bool = False) -> Path:
    """Return the middle of the right lane along a route; VprError for an unknown one."""
    if route not in ROUTES:
        raise unknown_name('route through the town', route, ROUTES)
    passed = list(_every_crossing(ROUTES[route]))
    if reverse:
        passed.reverse()
    nodes = np.array([plan.crossings[c] for c in passed])
    along = np.diff(nodes, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    right = np.column_stack([along[:, 1], -along[:, 0]])
    lanes = np.array([plan.street_between(a, b).lane_m
                      for a, b in zip(passed, passed[1:], strict=False)])
    begins = nodes[:-1] + lanes[:, None] * right
    corners, radii = [begins[0]], [0.0]
    for i in range(1, len(nodes) - 1):
        turn = float(along[i - 1, 0] * along[i, 1] - along[i - 1, 1] * along[i, 0])
        if abs(turn) < 0.02:  # straight on: the lanes hardly meet, halfway will do
            corners.append((begins[i] + nodes[i] + lanes[i - 1] * right[i - 1]) / 2)
        else:
            corners.append(_meet(begins[i - 1], along[i - 1], begins[i], along[i]))
        radii.append(_BEND_M if abs(turn) < 0.5 else _LEFT_TURN_M if turn > 0 else _RIGHT_TURN_M)
    corners.append(nodes[-1] + lanes[-1] * right[-1])
    return Path(np.array(corners), np.array([*radii, 0.0]))


def _every_crossing(turns: tuple[Crossing, ...]) -> list[Crossing]:
    """Return the turning points and every crossing between them."""
    passed = [turns[0]]
    for (r0, c0), (r1, c1) in zip(turns, turns[1:], strict=False):
        steps = max(abs(r1 - r0), abs(c1 - c0))
        passed += [(r0 + (r1 - r0) * i // steps, c0 + (c1 - c0) * i // steps)
                   for i in range(1, steps + 1)]
    return passed


def _meet(p: Array, u: Array, q: Array, v: Array) -> Array:
    """Return where the line from p along u meets the line from q along v."""
    t, _ = np.linalg.solve(np.column_stack([u, -v]), q - p)
    return np.asarray(p + t * u)


def _rounded_line(corners: Array, radii_m: Array) -> tuple[Array, list[float]]:
    """Return points along a line with arcs for corners, and which of them lie at the corners."""
    points, marks = [corners[0]], []
    for i in range(1, len(corners) - 1):
        before, after = corners[i - 1] - corners[i], corners[i + 1] - corners[i]
        room = 0.45 * min(np.linalg.norm(before), np.linalg.norm(after))
        u, v = before / np.linalg.norm(before), after / np.linalg.norm(after)
        half = np.arccos(np.clip(u @ v, -1.0, 1.0)) / 2  # half of the angle between them
        radius = min(float(radii_m[i]), room * np.tan(half))
        reach = radius / np.tan(half)
        middle = u + v
        if reach < 1e-3 or np.linalg.norm(middle) < 1e-9:
            points.append(corners[i])
        else:
            centre = corners[i] + middle / np.linalg.norm(middle) * radius / np.sin(half)
            begin, end = corners[i] + reach * u - centre, corners[i] + reach * v - centre
            first = np.arctan2(begin[1], begin[0])
            sweep = (np.arctan2(end[1], end[0]) - first + np.pi) % (2 * np.pi) - np.pi
            angles = first + sweep * np.linspace(0.0, 1.0, 17)
            points += list(centre + radius * np.column_stack([np.cos(angles), np.sin(angles)]))
        marks.append(len(points) - (1 if reach < 1e-3 else 9))
    points.append(corners[-1])
    return np.array(points), [float(m) for m in marks]
