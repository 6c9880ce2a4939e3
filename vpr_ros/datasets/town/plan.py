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
The plan of the town: streets, blocks, buildings and what stands along the kerbs.

Streets run along the lines of a grid whose crossings are moved about, so no street is quite
straight and no block quite square. Each block has a kind, which says how its sides are built up.
Coordinates are metres, x east, y north; polygons run counter-clockwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['Block', 'Building', 'Frontage', 'inset', 'make_plan', 'rounded', 'Street', 'TownPlan',
           'Tree']

Array = NDArray[Any]

# Crossings of the streets, from west to east and from south to north.
COLUMNS, ROWS = 9, 8
_SPACING_X_M, _SPACING_Y_M = 88.0, 76.0
_JITTER_M = 9.0
PARKING_M = 2.1

# What stands in each block, row by row from the north. The terraces (t) look alike on purpose.
_KINDS = (
    'gttthhgg',
    'htttdhpw',
    'hddddtth',
    'ddsdddtw',
    'dpdddttw',
    'hhddtthh',
    'gwwhhhgg',
)


@dataclass(frozen=True)
class Street:
    """
    One line of the grid.

    :param half_width_m: from its middle to the kerb.
    :param pavement_m: from the kerb to the building line.
    :param trees: whether trees stand along the kerb.
    """

    half_width_m: float
    pavement_m: float
    trees: bool = False
    parking: bool = True

    @property
    def lane_m(self) -> float:
        """Return how far right of the middle of the street one drives."""
        return (self.half_width_m - (PARKING_M if self.parking else 0.0)) / 2.0


@dataclass(frozen=True, eq=False)
class Frontage:
    """
    One side of a block, along the kerb.

    :param start: (2,) where the kerb lines of two streets would meet.
    :param along: (2,) unit vector; the block lies to the left.
    """

    start: Array
    along: Array
    length_m: float
    street: Street
    kind: str

    def point(self, along_m: float, inward_m: float) -> Array:
        """Return (2,): so far along the kerb and so far from it into the block."""
        x, y = self.along
        return np.asarray(self.start + along_m * self.along + inward_m * np.array([-y, x]))

    @property
    def yaw(self) -> float:
        """Return the direction of ``along`` in radians."""
        return float(np.arctan2(self.along[1], self.along[0]))


@dataclass(frozen=True, eq=False)
class Block:
    """
    What lies between four streets.

    :param kerb: (n, 2) with rounded corners.
    :param building_line: (4, 2).
    """

    kind: str
    kerb: Array
    building_line: Array
    frontages: tuple[Frontage, ...]


@dataclass(frozen=True, eq=False)
class Building:
    """
    A house.

    :param corners: (4, 2); the first side is the front.
    :param windows: which of its four sides have windows.
    :param roof_m: how far a pitched roof rises above the walls; 0 is a flat one.
    :param style: of the house: equal numbers look alike.
    :param number: of the house: what may change from house to house in one style.
    """

    corners: Array
    height_m: float
    roof_m: float
    kind: str
    windows: tuple[bool, bool, bool, bool]
    style: int
    number: int


@dataclass(frozen=True)
class Tree:
    """A tree; ``number`` chooses its shape."""

    x: float
    y: float
    height_m: float
    number: int


@dataclass(frozen=True, eq=False)
class TownPlan:
    """
    All that stays where it is.

    :param crossings: (ROWS, COLUMNS, 2).
    :param lamps: (n, 3) x, y and the direction in which the arm points, radians.
    :param hedges: (n, 2, 2) from, to; along front gardens and parks.
    """

    seed: int
    crossings: Array
    streets_ew: tuple[Street, ...]
    streets_ns: tuple[Street, ...]
    blocks: tuple[Block, ...]
    buildings: tuple[Building, ...]
    trees: tuple[Tree, ...]
    lamps: Array
    hedges: Array

    def street_between(self, a: tuple[int, int], b: tuple[int, int]) -> Street:
        """Return the street that joins two crossings (row, column) of one line."""
        return self.streets_ew[a[0]] if a[0] == b[0] else self.streets_ns[a[1]]


def make_plan(seed: int = 0) -> TownPlan:
    """Make the plan; equal seeds make equal towns."""
    rng = np.random.default_rng([seed, 1])
    grid = np.stack(np.meshgrid(np.arange(COLUMNS) * _SPACING_X_M, np.arange(ROWS) * _SPACING_Y_M),
                    axis=-1)
    crossings = grid + rng.uniform(-_JITTER_M, _JITTER_M, grid.shape)
    ordinary = Street(6.0, 2.6)
    streets_ew = [ordinary] * ROWS
    streets_ns = [ordinary] * COLUMNS
    streets_ew[3] = Street(8.5, 4.2, trees=True)
    streets_ns[4] = Street(7.5, 3.8, trees=True)
    streets_ew[5] = streets_ns[2] = Street(4.2, 2.0, parking=False)
    blocks, buildings, trees, hedges = [], [], [], []
    for row in range(ROWS - 1):
        for column in range(COLUMNS - 1):
            number = row * COLUMNS + column
            own = np.random.default_rng([seed, 2, number])
            corners = np.stack([crossings[row, column], crossings[row, column + 1],
                                crossings[row + 1, column + 1], crossings[row + 1, column]])
            around = (streets_ew[row], streets_ns[column + 1], streets_ew[row + 1],
                      streets_ns[column])
            kind = _KIND_NAMES[_KINDS[ROWS - 2 - row][column]]
            block = _block(kind, corners, around)
            blocks.append(block)
            buildings += list(_BUILD[kind](block, own))
            block_trees, block_hedges = _greenery(block, own)
            trees += block_trees
            hedges += block_hedges
    return TownPlan(seed, crossings, tuple(streets_ew), tuple(streets_ns), tuple(blocks),
                    tuple(buildings), tuple(trees), _lamps(blocks),
                    np.array(hedges).reshape(-1, 2, 2))


def inset(corners: Array, distances: Array | tuple[float, ...]) -> Array:
    """Move each side of a convex polygon inwards by its own distance; (n, 2)."""
    along = np.roll(corners, -1, axis=0) - corners
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    inward = np.stack([-along[:, 1], along[:, 0]], axis=1)
    points = corners + np.asarray(distances)[:, None] * inward
    moved = []
    for i in range(len(corners)):
        before = i - 1
        # Where this side and the one before it meet.
        matrix = np.stack([along[before], -along[i]], axis=1)
        t, _ = np.linalg.solve(matrix, points[i] - points[before])
        moved.append(points[before] + t * along[before])
    return np.array(moved)


def rounded(corners: Array, radius_m: float, steps: int = 6) -> Array:
    """Round the corners of a convex polygon; (n * steps, 2)."""
    points = []
    for i, corner in enumerate(corners):
        back = corners[i - 1] - corner
        ahead = corners[(i + 1) % len(corners)] - corner
        back, ahead = back / np.linalg.norm(back), ahead / np.linalg.norm(ahead)
        for t in np.linspace(0.0, 1.0, steps):
            # A parabola is round enough for a kerb.
            points.append(corner + radius_m * ((1 - t) ** 2 * back + t ** 2 * ahead))
    return np.array(points)


def _block(kind: str, corners: Array, around: tuple[Street, ...]) -> Block:
    kerb = inset(corners, tuple(s.half_width_m for s in around))
    line = inset(corners, tuple(s.half_width_m + s.pavement_m for s in around))
    ends = np.roll(kerb, -1, axis=0)
    frontages = []
    for start, end, street in zip(kerb, ends, around, strict=True):
        length = float(np.linalg.norm(end - start))
        frontages.append(Frontage(start, (end - start) / length, length, street, kind))
    return Block(kind, rounded(kerb, 4.0), line, tuple(frontages))


def _sides(line: Array, depth_m: float) -> Iterator[tuple[int, Array, Array, float]]:
    """Yield (side, start, along, length) of the building line; each corner has one owner."""
    for side in range(4):
        start, end = line[side], line[(side + 1) % 4]
        length = float(np.linalg.norm(end - start))
        along = (end - start) / length
        # The houses at the corners belong to the first and the third side.
        begin, rest = (depth_m / _sine(line, c) if side % 2 else 0.0 for c in (side, side + 1))
        yield side, start + begin * along, along, length - begin - rest


def _house(line: Array, side: int, begin: Array, end: Array, depth_m: float, *,
           at_start: bool, at_end: bool) -> Array:
    """Return (4, 2): a footprint whose walls at the corners follow the neighbouring side."""
    along = (end - begin) / np.linalg.norm(end - begin)
    inward = np.array([-along[1], along[0]])
    back_begin, back_end = begin + depth_m * inward, end + depth_m * inward
    if at_start:
        edge = line[side - 1] - line[side]
        back_begin = begin + depth_m / _sine(line, side) * edge / np.linalg.norm(edge)
    if at_end:
        edge = line[(side + 2) % 4] - line[(side + 1) % 4]
        back_end = end + depth_m / _sine(line, side + 1) * edge / np.linalg.norm(edge)
    return np.stack([begin, end, back_end, back_begin])


def _sine(line: Array, corner: int) -> float:
    """Return the sine of the angle at a corner."""
    u, v = line[(corner + 1) % 4] - line[corner % 4], line[corner % 4 - 1] - line[corner % 4]
    return float((u[0] * v[1] - u[1] * v[0]) / (np.linalg.norm(u) * np.linalg.norm(v)))


def _row(block: Block, rng: np.random.Generator, *, depth_m: float,
         widths_m: tuple[float, float]) -> Iterator[tuple[Array, tuple[bool, bool, bool, bool]]]:
    """Yield houses wall to wall: corners, and which of their sides have windows."""
    line = block.building_line
    for side, start, along, length in _sides(line, depth_m):
        count = max(1, int(round(length / rng.uniform(*widths_m))))
        shares = rng.uniform(*widths_m, count)
        ends = np.concatenate([[0.0], np.cumsum(shares) / shares.sum() * length])
        for i in range(count):
            first, last = i == 0, i == count - 1
            corners = _house(line, side, start + ends[i] * along, start + ends[i + 1] * along,
                             depth_m, at_start=first, at_end=last)
            # At a corner the side wall is another front.
            yield corners, (True, last and not side % 2, True, first and not side % 2)


def _dense(block: Block, rng: np.random.Generator) -> Iterator[Building]:
    usual = int(rng.integers(3, 6))
    for corners, windows in _row(block, rng, depth_m=11.0, widths_m=(9.0, 19.0)):
        floors = int(np.clip(usual + rng.integers(-1, 2), 2, 6))
        pitched = rng.random() < 0.55
        yield Building(corners, 0.9 + 3.2 * floors + float(rng.uniform(-0.3, 0.6)),
                       float(rng.uniform(2.2, 3.4)) if pitched else 0.0, 'dense', windows,
                       int(rng.integers(1 << 30)), int(rng.integers(1 << 30)))


def _terrace(block: Block, rng: np.random.Generator) -> Iterator[Building]:
    # One builder built all terraces: the same two houses again and again, street after street.
    line = inset(block.building_line, (3.2, 3.2, 3.2, 3.2))
    for side, start, along, length in _sides(line, 9.0):
        count = int(length // 6.2)
        margin = (length - 6.2 * count) / 2
        for i in range(count):
            begin = start + (margin + 6.2 * i) * along
            corners = _house(line, side, begin, begin + 6.2 * along, 9.0, at_start=i == 0,
                             at_end=i == count - 1)
            yield Building(corners, 5.9, 2.6, 'terrace', (True, False, True, False),
                           7 + (side % 2), int(rng.integers(1 << 30)))


def _detached(block: Block, rng: np.random.Generator) -> Iterator[Building]:
    line = inset(block.building_line, (4.0, 4.0, 4.0, 4.0))
    for side, start, along, length in _sides(line, 13.0):
        at = float(rng.uniform(0.0, 3.0))
        while True:
            width = float(rng.uniform(8.0, 12.5))
            if at + width > length:
                break
            begin = start + at * along + rng.uniform(0, 1.5) * np.array([-along[1], along[0]])
            corners = _house(line, side, begin, begin + width * along, 9.0, at_start=False,
                             at_end=False)
            yield Building(corners, float(rng.uniform(3.2, 6.4)), float(rng.uniform(2.4, 3.6)),
                           'detached', (True, True, True, True), int(rng.integers(1 << 30)),
                           int(rng.integers(1 << 30)))
            at += width + float(rng.uniform(3.5, 8.0))


def _works(block: Block, rng: np.random.Generator) -> Iterator[Building]:
    line = inset(block.building_line, (2.0, 2.0, 2.0, 2.0))
    for side, start, along, length in _sides(line, 18.0):
        at = 0.0
        while at + 16.0 <= length:
            width = min(float(rng.uniform(16.0, 34.0)), length - at)
            if length - at - width < 6.0:
                width = length - at
            begin = start + at * along
            corners = _house(line, side, begin, begin + width * along, 18.0, at_start=at == 0.0,
                             at_end=at + width >= length)
            yield Building(corners, float(rng.uniform(5.0, 9.5)), 0.0, 'works',
                           (True, True, False, True), int(rng.integers(1 << 30)),
                           int(rng.integers(1 << 30)))
            at += width + float(rng.choice([0.0, 6.0]))


def _hall(block: Block, rng: np.random.Generator) -> Iterator[Building]:
    # A hall with a tower in the middle of the square: the landmark of the town.
    middle = block.building_line.mean(axis=0)
    for half_x, half_y, height, roof in ((15.0, 8.0, 9.5, 4.5), (3.2, 3.2, 27.0, 6.0)):
        offset = np.array([0.0 if half_x > 5 else -12.0, 0.0])
        corners = middle + offset + np.array(
            [[-half_x, -half_y], [half_x, -half_y], [half_x, half_y], [-half_x, half_y]])
        yield Building(corners, height, roof, 'hall', (True, True, True, True), 11,
                       int(rng.integers(1 << 30)))


def _open(block: Block, rng: np.random.Generator) -> Iterator[Building]:
    return iter(())


_KIND_NAMES = {'d': 'dense', 't': 'terrace', 'h': 'detached', 'w': 'works', 's': 'square',
               'p': 'park', 'g': 'park'}
_BUILD = {'dense': _dense, 'terrace': _terrace, 'detached': _detached, 'works': _works,
          'square': _hall, 'park': _open}


def _greenery(block: Block, rng: np.random.Generator) -> tuple[list[Tree], list[Array]]:
    """Return trees and hedges of one block."""
    trees: list[Tree] = []
    hedges: list[Array] = []

    def plant(point: Array, low_m: float, high_m: float) -> None:
        trees.append(Tree(float(point[0]), float(point[1]), float(rng.uniform(low_m, high_m)),
                          int(rng.integers(1 << 30))))

    for side, frontage in enumerate(block.frontages):
        if frontage.street.trees:
            for at in np.arange(9.0, frontage.length_m - 8.0, 9.5):
                plant(frontage.point(at + rng.uniform(-0.6, 0.6), 0.9), 6.0, 8.5)
        if block.kind in ('terrace', 'detached', 'park'):
            a, b = block.building_line[side], block.building_line[(side + 1) % 4]
            hedges += _hedge(a, b, block.kind, rng)
    low, high = block.building_line.min(axis=0), block.building_line.max(axis=0)
    wanted = {'park': 46, 'detached': 16, 'terrace': 6, 'square': 10}.get(block.kind, 2)
    margin = {'park': 2.5, 'detached': 1.5, 'square': 4.0}.get(block.kind, 22.0)
    inner = inset(block.building_line, (margin,) * 4)
    for _ in range(wanted):
        point = rng.uniform(low, high)
        if _inside(inner, point) and not (
                block.kind == 'square' and np.abs(point - inner.mean(axis=0))[1] < 12.0):
            plant(point, 5.0, 11.0)
    return trees, hedges


def _hedge(a: Array, b: Array, kind: str, rng: np.random.Generator) -> list[Array]:
    """Return the stretches of a hedge from a to b, with gates."""
    length = float(np.linalg.norm(b - a))
    along = (b - a) / length
    gate, every = {'terrace': (1.4, 6.2), 'detached': (2.6, 14.0), 'park': (4.0, 30.0)}[kind]
    ends = np.arange(every, length, every)
    begins = np.concatenate([[1.0], ends])
    ends = np.concatenate([ends - gate, [length - 1.0]])
    return [np.stack([a + s * along, a + e * along]) for s, e in zip(begins, ends, strict=True)
            if e - s > 1.0 and (kind != 'detached' or rng.random() < 0.7)]


def _inside(corners: Array, point: Array) -> bool:
    edges = np.roll(corners, -1, axis=0) - corners
    to = point - corners
    return bool((edges[:, 0] * to[:, 1] - edges[:, 1] * to[:, 0] > 0).all())


def _lamps(blocks: list[Block]) -> Array:
    lamps = []
    for block in blocks:
        for side, frontage in enumerate(block.frontages):
            # Neighbouring blocks share a street: staggered, their lamps alternate along it.
            for at in np.arange(7.0 if side < 2 else 21.0, frontage.length_m - 5.0, 28.0):
                point = frontage.point(at, 0.55)
                lamps.append([point[0], point[1], frontage.yaw - np.pi / 2])
    return np.array(lamps)
