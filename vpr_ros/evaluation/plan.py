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

"""Where a run took place, seen from above: what a plan of it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

__all__ = ['KINDS', 'Outline', 'Plan']

Array = NDArray[Any]
KINDS = ('building', 'green', 'street')


@dataclass(frozen=True, eq=False)
class Outline:
    """
    A shape of the background, such as a house; shapes are drawn in the order given.

    :param kind: one of ``KINDS``.
    :param corners: (n, 2) x, y in metres in the map frame, n >= 3, finite, either way round.
    """

    kind: str
    corners: Array

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f'an outline is one of {", ".join(KINDS)}, got {self.kind!r}')
        corners = _points(self.corners, 'corners')
        if len(corners) < 3 or not np.isfinite(corners).all():
            raise ValueError('an outline needs at least 3 corners, all finite, got '
                             f'{corners.tolist()}')
        object.__setattr__(self, 'corners', corners)


@dataclass(frozen=True, eq=False)
class Plan:
    """
    Where the queries were taken and where the places of the map are, in the map frame.

    :param query_positions: (Q, 2) x, y in metres, the true ones; NaN where nobody knows. The row
        is the query index.
    :param place_positions: (P, 2) likewise; the row is the place index, in driving order.
    :param background: what lies around the drive, in the order to draw it in.
    """

    query_positions: Array
    place_positions: Array
    background: tuple[Outline, ...] = ()

    def __post_init__(self) -> None:
        for name in ('query_positions', 'place_positions'):
            object.__setattr__(self, name, _positions(getattr(self, name), name))
        object.__setattr__(self, 'background', tuple(self.background))

    @property
    def known_queries(self) -> Array:
        """Return (Q,) bool: whether the position of each query is known."""
        return np.asarray(np.isfinite(self.query_positions).all(axis=1))

    @property
    def known_places(self) -> Array:
        """Return (P,) bool: whether the position of each place is known."""
        return np.asarray(np.isfinite(self.place_positions).all(axis=1))


def _points(value: ArrayLike, name: str) -> Array:
    """Return ``value`` as a read-only (n, 2) float64 array of its own."""
    points = np.array(value, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f'{name} must have shape (n, 2), got {points.shape}')
    points.flags.writeable = False
    return points


def _positions(value: ArrayLike, name: str) -> Array:
    """Return positions of which each is finite or unknown as a whole."""
    positions = _points(value, name)
    unknown = np.isnan(positions)
    if np.isinf(positions).any() or (unknown.any(axis=1) != unknown.all(axis=1)).any():
        raise ValueError(f'each of {name} is two finite metres, or two NaN where it is not known')
    return positions
