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

"""What moves, or stands elsewhere the next time: cars and people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.plan import Frontage
from vpr_ros.datasets.town.plan import TownPlan
from vpr_ros.datasets.town.props import PEOPLE
from vpr_ros.datasets.town.props import person
from vpr_ros.datasets.town.props import PERSON_HEIGHT_M
from vpr_ros.datasets.town.raster import Quad
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.scenery import billboard
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.vehicles import MODELS
from vpr_ros.datasets.town.vehicles import PAINTS
from vpr_ros.datasets.town.vehicles import vehicle_quads
from vpr_ros.types import Pose

__all__ = ['Traffic', 'Vehicle']

Array = NDArray[Any]
_CARS_M, _PEOPLE_M = 130.0, 70.0
_LONGEST_M = max(model.length_m for model in MODELS.values()) + 2.0
_SLOT_M = 6.3
# Share of the parking lots that are taken.
_PARKED = {'dense': 0.75, 'terrace': 0.6, 'detached': 0.35, 'works': 0.4, 'square': 0.6,
           'park': 0.3}
# Metres of pavement for each person.
_ROOM_M = {'dense': 16.0, 'square': 10.0, 'park': 40.0, 'terrace': 45.0, 'detached': 60.0,
           'works': 90.0}
# Metres of lane for each car on its way.
_LANE_M = 75.0


@dataclass(frozen=True)
class Vehicle:
    """A vehicle at one time: the middle of its front bumper, and where it is headed."""

    model: str
    paint: int
    x: float
    y: float
    yaw: float

    def quads(self, *, lights: bool) -> tuple[Quad, ...]:
        """Return its surfaces."""
        return vehicle_quads(self.model, self.x, self.y, self.yaw, PAINTS[self.paint],
                             lights=lights)

    def footprint(self, margin_m: float = 0.0) -> Array:
        """Return (4, 2): what it covers of the ground."""
        m = MODELS[self.model]
        ahead = np.array([math.cos(self.yaw), math.sin(self.yaw)])
        left = np.array([-ahead[1], ahead[0]]) * (m.width_m / 2 + margin_m)
        front = np.array([self.x, self.y]) + margin_m * ahead
        back = front - (m.length_m + 2 * margin_m) * ahead
        return np.stack([front - left, front + left, back + left, back - left])


class Traffic:
    """
    All cars and people of one drive.

    :param seed: of the drive: another one has other cars elsewhere.
    """

    def __init__(self, plan: TownPlan, condition: Condition, seed: int) -> None:
        frontages = [f for block in plan.blocks for f in block.frontages]
        rng = np.random.default_rng([plan.seed, seed, 40])
        self._parked = [v for f in frontages for v in _park(f, rng)]
        self._parked_at = np.array([[v.x, v.y] for v in self._parked]).reshape(-1, 2)
        busy = 0.35 if condition.light == 'night' else 0.7 if condition.rain else 1.0
        self._moving = [r for f in frontages for r in _drive(f, rng, busy)]
        self._people = [w for f in frontages for w in _walk(f, rng, busy)]
        self._moving_routes = _Routes.of([m.route for m in self._moving])
        self._people_routes = _Routes.of([w.route for w in self._people])

    def moving(self, view: View, time_s: float,
               T_map_base: Pose | None = None) -> list[Vehicle]:
        """
        Return the vehicles on their way near the camera.

        :param T_map_base: of a car; without those that would drive through it.
        """
        points, directions = self._moving_routes.at(time_s)
        found = []
        for i in _near(points, view, _CARS_M):
            moving = self._moving[i]
            vehicle = Vehicle(moving.model, moving.paint, float(points[i, 0]),
                              float(points[i, 1]),
                              math.atan2(directions[i, 1], directions[i, 0]))
            if T_map_base is None or not _in_the_way(vehicle, T_map_base):
                found.append(vehicle)
        return found

    def parked(self, view: View) -> list[Vehicle]:
        """Return the parked vehicles near the camera."""
        return [self._parked[i] for i in _near(self._parked_at, view, _CARS_M)]

    def people(self, view: View, time_s: float) -> Iterator[Quad]:
        """Yield the people near the camera at a time since the beginning of the drive."""
        points, directions = self._people_routes.at(time_s)
        for i in _near(points, view, _PEOPLE_M):
            to_right = directions[i] @ np.array([view.forward[1], -view.forward[0]]) > 0
            stride = int(time_s * 2.2 + i) % 2 + (0 if to_right else 2)
            number = self._people[i].number
            yield billboard(view, points[i], PERSON_HEIGHT_M * (0.92 + 0.016 * number), 0.41,
                            partial(person, number, stride), Surface.UPRIGHT)


@dataclass(frozen=True, eq=False)
class _Route:
    """One side of a block; who reaches its end begins anew at its start."""

    start: Array
    along: Array
    length_m: float
    offset_m: float
    speed_mps: float


@dataclass(frozen=True, eq=False)
class _Moving:
    route: _Route
    model: str
    paint: int


@dataclass(frozen=True, eq=False)
class _Walker:
    route: _Route
    number: int


@dataclass(frozen=True, eq=False)
class _Routes:
    """Many routes at once."""

    starts: Array
    alongs: Array
    lengths_m: Array
    offsets_m: Array
    speeds_mps: Array

    @classmethod
    def of(cls, routes: list[_Route]) -> _Routes:
        return cls(np.array([r.start for r in routes]).reshape(-1, 2),
                   np.array([r.along for r in routes]).reshape(-1, 2),
                   np.array([r.length_m for r in routes]), np.array([r.offset_m for r in routes]),
                   np.array([r.speed_mps for r in routes]))

    def at(self, time_s: float) -> tuple[Array, Array]:
        """Return (n, 2) where and (n, 2) in which direction they go."""
        travelled = np.mod(self.offsets_m + self.speeds_mps * time_s, self.lengths_m)
        return self.starts + travelled[:, None] * self.alongs, \
            self.alongs * np.sign(self.speeds_mps)[:, None]


def _park(f: Frontage, rng: np.random.Generator) -> Iterator[Vehicle]:
    if not f.street.parking:
        return
    for at in np.arange(8.0, f.length_m - 12.0, _SLOT_M):
        if rng.random() < _PARKED[f.kind]:
            model = str(rng.choice(['sedan', 'hatch', 'van'], p=[0.42, 0.43, 0.15]))
            x, y = f.point(float(at + rng.uniform(0.0, 1.2)), -1.05 + float(rng.normal(0, 0.07)))
            # Traffic keeps right, so it passes a block against the direction of its frontage.
            yaw = f.yaw + math.pi + float(rng.normal(0, 0.015))
            yield Vehicle(model, int(rng.integers(len(PAINTS))), float(x), float(y), yaw)


def _drive(f: Frontage, rng: np.random.Generator, busy: float) -> Iterator[_Moving]:
    inward = -(f.street.half_width_m - f.street.lane_m)
    for _ in range(int(rng.poisson(busy * f.length_m / _LANE_M))):
        model = str(rng.choice(['sedan', 'hatch', 'van', 'bus'], p=[0.42, 0.38, 0.13, 0.07]))
        route = _Route(f.point(f.length_m, inward), -f.along, f.length_m,
                       float(rng.uniform(0, f.length_m)), float(rng.uniform(5.0, 9.5)))
        yield _Moving(route, model, int(rng.integers(len(PAINTS))))


def _walk(f: Frontage, rng: np.random.Generator, busy: float) -> Iterator[_Walker]:
    for _ in range(int(rng.poisson(busy * f.length_m / _ROOM_M[f.kind]))):
        inward = float(rng.uniform(0.9, max(1.0, f.street.pavement_m - 0.4)))
        speed = float(rng.uniform(0.9, 1.6)) * float(rng.choice([-1.0, 1.0]))
        route = _Route(f.point(0.0, inward), f.along, f.length_m,
                       float(rng.uniform(0, f.length_m)), speed)
        yield _Walker(route, int(rng.integers(PEOPLE)))


def _near(points: Array, view: View, reach_m: float) -> list[int]:
    # The rear of a bus is in view while its front is well behind the camera.
    near = view.near(points, reach_m, behind_m=_LONGEST_M)
    return [int(i) for i in np.flatnonzero(near)]


def _in_the_way(vehicle: Vehicle, T_map_base: Pose) -> bool:
    """Tell whether a vehicle would stand where a car drives."""
    ahead = np.array([math.cos(T_map_base.yaw()), math.sin(T_map_base.yaw())])
    # From the middle of the car, which is ahead of its rear axle.
    to = vehicle.footprint() - (T_map_base.position[:2] + 1.6 * ahead)
    along, aside = to @ ahead, to @ np.array([-ahead[1], ahead[0]])
    in_lane = along.min() < 9.0 and along.max() > 0.0 and aside.min() < 1.2 and aside.max() > -1.2
    return bool(in_lane) or _distance(to) < 1.7


def _distance(corners: Array) -> float:
    """Return how far a rectangle (4, 2) is from the origin; 0 when it holds it."""
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(sides, axis=1)
    across = (sides[:, 0] * corners[:, 1] - sides[:, 1] * corners[:, 0]) / lengths
    if (across <= 0).all() or (across >= 0).all():
        return 0.0
    share = np.clip(-(corners * sides).sum(axis=1) / lengths ** 2, 0.0, 1.0)
    return float(np.linalg.norm(corners + share[:, None] * sides, axis=1).min())
