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

"""How much two images show of the same, from their poses, and pairs drawn by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import logging
from typing import Any
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages

__all__ = ['graded_similarity', 'GradedPairs', 'SHARES']

_log = logging.getLogger(__name__)

Array = NDArray[Any]

# Of pairs with a similarity of at least a half, of less, and of none (Leyva-Vallina et al. 2023).
SHARES = (0.5, 0.25, 0.25)

# An arc is drawn with chords of at most so many degrees.
_CHORD_DEG = 3.0
# Less is rounding: two sectors that only touch show nothing of the same.
_NOTHING = 1e-6
# Pairs whose polygons are in memory at once, a kilobyte each.
_CHUNK = 20_000
# A smaller share of all pairs does not count.
_RARE = 1e-3


def graded_similarity(positions_a: Array, headings_a: Array, positions_b: Array,
                      headings_b: Array, *, angle_deg: float = 90.0,
                      radius_m: float = 50.0) -> Array:
    """
    Return the intersection over union of what two cameras see, each a sector of a circle.

    Arcs are chords of at most 3 degrees, their radius enlarged by up to 0.03 % so that a sector
    has its true area; the result is then within 0.0005 of that of true sectors.

    :param positions_a: (P, 2), as ``positions_b``.
    :param headings_a: (P,) radians, anticlockwise from the first axis, as ``headings_b``; of no
        account, and maybe NaN, where the angle is 360 degrees.
    :param angle_deg: of the sectors, more than 0 and at most 360; above 180 they are not convex.
    :param radius_m: of the sectors, in the unit of positions.
    :returns: (P,) in [0, 1]: 1 for one pose, 0 from twice the radius on.
    """
    import shapely

    if not 0.0 < angle_deg <= 360.0 or not radius_m > 0.0:
        raise VprError('a field of view has an angle of more than 0 and at most 360 degrees and '
                       f'a radius of more than 0, got {angle_deg:g} and {radius_m:g}')
    turns = headings_b - headings_a
    if angle_deg == 360.0:
        headings_a = turns = np.zeros(len(positions_a))
    offsets = np.asarray(positions_b, np.float64) - positions_a
    if not (np.isfinite(offsets).all() and np.isfinite(turns).all()):
        raise VprError('graded similarity needs positions and headings; without headings, an '
                       'angle of 360 degrees compares positions alone')
    # In the frame of a, where its sector is the same for all pairs.
    c, s = np.cos(headings_a), np.sin(headings_a)
    offsets = np.stack([c * offsets[:, 0] + s * offsets[:, 1],
                        c * offsets[:, 1] - s * offsets[:, 0]], axis=1)
    outline = _sector(np.radians(angle_deg), radius_m)
    field = shapely.polygons(outline)
    shapely.prepare(field)
    near = np.flatnonzero(np.hypot(offsets[:, 0], offsets[:, 1]) < 2.0 * radius_m)
    c, s = np.cos(turns[near])[:, None], np.sin(turns[near])[:, None]
    x, y = outline[:, 0], outline[:, 1]
    others = shapely.polygons(
        offsets[near][:, None] + np.stack([c * x - s * y, s * x + c * y], axis=2))
    meet = shapely.intersects(field, others)
    shared = shapely.area(shapely.intersection(field, others[meet]))
    psi = np.zeros(len(offsets))
    psi[near[meet]] = shared / (2.0 * shapely.area(field) - shared)
    psi[psi < _NOTHING] = 0.0
    return np.minimum(psi, 1.0)


def _sector(angle: float, radius: float) -> Array:
    """Return the corners (k, 2) of a sector at the origin that looks along the first axis."""
    chords = int(np.ceil(np.degrees(angle) / _CHORD_DEG))
    step = angle / chords
    directions = np.linspace(-angle / 2.0, angle / 2.0, chords + 1)
    arc = radius * np.sqrt(step / np.sin(step)) * np.stack(
        [np.cos(directions), np.sin(directions)], axis=1)
    return arc[:-1] if angle == 2.0 * np.pi else np.concatenate([np.zeros((1, 2)), arc])


class GradedPairs:
    """
    Pairs of examples with their graded similarity psi, drawn without mining.

    Half of them with psi >= 0.5, a quarter with 0 < psi < 0.5 and a quarter with psi = 0
    (:data:`SHARES`). First an example is drawn that has partners in the class, then one of these:
    where a camera stood still there are many pairs, and they count no more for it. Of those
    without similarity half are within twice the radius but look elsewhere, where there are such,
    and the others farther away or of another region.

    Where all examples have a place (folders), psi is 1 for the same place and 0 for another: the
    loss is then the binary contrastive one. Else all need a position, and a heading unless the
    angle is 360 degrees. Where no pair has 0 < psi < 0.5, as always with places, its share goes
    to psi = 0, and the other way round, with a note in the log; without pairs of psi >= 0.5, or
    without others, nothing can be learned: a VprError.

    All similarities are computed here, once, in about 15 microseconds for each pair within twice
    the radius; 16 bytes of it are kept, and at most 80 needed meanwhile.

    :param angle_deg: of the field of view.
    :param radius_m: of the field of view, in the unit of positions.
    :param across: pair different traverses only, where positions tell.
    """

    def __init__(self, images: PlaceImages, *, angle_deg: float = 90.0, radius_m: float = 50.0,
                 across: bool = True) -> None:
        if images.labelled:
            alike, partly, unlike = _by_places(images)
            remedy = 'a place needs two images or more'
        else:
            alike, partly, unlike = _by_poses(images, angle_deg, radius_m, across)
            remedy = (f'enlarge the radius ({radius_m:g} {images.unit}) or the angle '
                      f'({angle_deg:g} degrees)')
            remedy += ', or pair traverses with themselves too (across: false)' if across else ''
        if not alike:
            raise VprError(f'no two of {len(images)} examples show the same (psi >= 0.5): '
                           + remedy)
        if not partly and not unlike:
            raise VprError(f'all pairs of {len(images)} examples show the same (psi >= 0.5): add '
                           'images of other places')
        first, second, third = SHARES
        if not partly:
            _log.info('no pairs with 0 < psi < 0.5: those with psi = 0 are drawn for them')
            second, third = 0.0, second + third
        elif not unlike:
            _log.info('no pairs with psi = 0: those with 0 < psi < 0.5 are drawn for them')
            second, third = second + third, 0.0
        self._classes = (alike, partly, unlike)
        self._bounds = np.cumsum([first, second])

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """
        Draw pairs, with replacement; the shares are exact where ``count`` can be so divided.

        :returns: (count, 2) int64 examples, and (count,) float32 psi.
        """
        # An even grid moved by chance: where shares are no whole numbers they are so on average.
        grid = (np.arange(count) + rng.random()) / max(count, 1)
        numbers = rng.permutation(np.searchsorted(self._bounds, grid, side='right'))
        pairs, psi = np.empty((count, 2), np.int64), np.empty(count, np.float32)
        for number, sources in enumerate(self._classes):
            rows = np.flatnonzero(numbers == number)
            chosen = rng.integers(max(len(sources), 1), size=len(rows))
            for k, source in enumerate(sources):
                part = rows[chosen == k]
                pairs[part], psi[part] = source.draw(rng, len(part))
        return pairs, psi


class _Source(Protocol):
    """Where the pairs of a class come from."""

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Return (count, 2) examples and (count,) psi."""


@dataclass(frozen=True, eq=False)
class _Listed:
    """
    Pairs in a list, from each of their two examples.

    :param anchors: (k,) int32, the examples that have partners.
    :param starts: (k + 1,) int64, where the partners of each begin.
    :param partners: (2 m,) int32, in the order of anchors.
    :param psi: (2 m,) float32.
    """

    anchors: Array
    starts: Array
    partners: Array
    psi: Array

    @classmethod
    def of(cls, pairs: Array, psi: Array) -> _Listed:
        left = pairs.T.reshape(-1)
        order = np.argsort(left, kind='stable')
        anchors, starts = np.unique(left[order], return_index=True)
        return cls(anchors, np.append(starts, len(left)), pairs[:, ::-1].T.reshape(-1)[order],
                   np.tile(psi, 2)[order])

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        rows = rng.integers(len(self.anchors), size=count)
        at = rng.integers(self.starts[rows], self.starts[rows + 1])
        return np.stack([self.anchors[rows], self.partners[at]], axis=1), self.psi[at]


@dataclass(frozen=True, eq=False)
class _SamePlace:
    """
    Two different examples of one place.

    :param examples: (k,) those that have another of their place, place after place.
    :param starts: (k,) where in ``examples`` the place of each begins.
    :param sizes: (k,) how many its place has.
    """

    examples: Array
    starts: Array
    sizes: Array

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        rows = rng.integers(len(self.examples), size=count)
        starts, sizes = self.starts[rows], self.sizes[rows]
        others = starts + (rows - starts + rng.integers(1, sizes)) % sizes
        return self.examples[np.stack([rows, others], axis=1)], np.ones(count)


@dataclass(frozen=True, eq=False)
class _Elsewhere:
    """
    Two examples that surely have nothing in common, found by trying.

    :param number: of examples.
    :param share: of all pairs are such, more than 0.
    :param is_elsewhere: which of pairs, given as two arrays of examples.
    """

    number: int
    share: float
    is_elsewhere: Callable[[Array, Array], Array]

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array]:
        found = np.empty((0, 2), np.int64)
        while len(found) < count:
            tries = int((count - len(found)) / self.share) + 16
            left = rng.integers(self.number, size=tries)
            right = (left + rng.integers(1, self.number, size=tries)) % self.number
            kept = self.is_elsewhere(left, right)
            found = np.concatenate([found, np.stack([left[kept], right[kept]], axis=1)])
        return found[:count], np.zeros(count)


_Classes = tuple[list[_Source], list[_Source], list[_Source]]


def _by_places(images: PlaceImages) -> _Classes:
    """Return the sources of pairs that show the same place, of none, and of different places."""
    _, groups = np.unique(np.stack([images.regions, images.places], axis=1), axis=0,
                          return_inverse=True)
    groups = groups.reshape(-1)
    sizes = np.bincount(groups)[groups]
    examples = np.argsort(groups, kind='stable')
    examples = examples[sizes[examples] > 1]
    starts = np.searchsorted(groups[examples], groups[examples])
    same: list[_Source] = ([_SamePlace(examples, starts, sizes[examples])] if len(examples)
                           else [])
    others = _pairs(len(images)) - _pairs(np.bincount(groups)).sum()
    return same, [], _elsewhere(len(images), others, lambda a, b: groups[a] != groups[b])


def _by_poses(images: PlaceImages, angle_deg: float, radius_m: float, across: bool) -> _Classes:
    """Return the sources of pairs with much, with some and without similarity."""
    known = (images.places < 0) & np.isfinite(images.positions).all(axis=1)
    if angle_deg != 360.0:
        known &= np.isfinite(images.headings)
    if not known.all():
        raise VprError(f'{int((~known).sum())} of {len(images)} examples have no pose: graded '
                       'similarity needs the position and the heading of every one (without '
                       'headings, an angle of 360 degrees compares positions alone), or the place '
                       'of every one')
    pairs = _near(images, 2.0 * radius_m, across)
    _log.info('comparing the fields of view of %d pairs', len(pairs))
    psi = np.empty(len(pairs), np.float32)
    for at in range(0, len(pairs), _CHUNK):
        a, b = pairs[at:at + _CHUNK].T
        psi[at:at + _CHUNK] = graded_similarity(
            images.positions[a], images.headings[a], images.positions[b], images.headings[b],
            angle_deg=angle_deg, radius_m=radius_m)

    def listed(members: Array) -> list[_Source]:
        return [_Listed.of(pairs[members], psi[members])] if members.any() else []

    def is_elsewhere(a: Array, b: Array) -> Array:
        offsets = images.positions[a] - images.positions[b]
        far = np.hypot(offsets[:, 0], offsets[:, 1]) > 2.0 * radius_m
        if across:
            far &= images.traverses[a] != images.traverses[b]
        return np.asarray(far | (images.regions[a] != images.regions[b]))

    others = _pairs(len(images)) - len(pairs)
    if across:
        _, drives = np.unique(np.stack([images.regions, images.traverses], axis=1), axis=0,
                              return_inverse=True)
        others -= _pairs(np.bincount(drives.reshape(-1))).sum()
    return (listed(psi >= 0.5), listed((psi > 0.0) & (psi < 0.5)),
            listed(psi == 0.0) + _elsewhere(len(images), others, is_elsewhere))


def _near(images: PlaceImages, radius: float, across: bool) -> Array:
    """Return the pairs (m, 2) int32 of one region within a radius."""
    from scipy.spatial import cKDTree

    found = [np.empty((0, 2), np.int32)]
    for region in np.unique(images.regions):
        rows = np.flatnonzero(images.regions == region).astype(np.int32)
        near = cKDTree(images.positions[rows]).query_pairs(radius, output_type='ndarray')
        pairs = rows[near]
        if across:
            pairs = pairs[images.traverses[pairs[:, 0]] != images.traverses[pairs[:, 1]]]
        found.append(pairs)
    return np.concatenate(found)


def _elsewhere(number: int, pairs: Any,
               is_elsewhere: Callable[[Array, Array], Array]) -> list[_Source]:
    share = float(pairs) / max(_pairs(number), 1)
    # Where there are hardly any, trying would take too long, and they would come again and again.
    return [_Elsewhere(number, share, is_elsewhere)] if share >= _RARE else []


def _pairs(counts: Any) -> Any:
    """Return how many pairs there are of so many things."""
    return counts * (counts - 1) // 2
