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

"""Images of places, and the rule that says which of them show the same place."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.datasets.traverse import ImageSource
from vpr_ros.errors import VprError

__all__ = ['groups_by_number', 'JoinedImages', 'PlaceImages', 'PlaceRule']

Array = NDArray[Any]
UNITS = ('m', 'frames')
_NUMBERS = 2 ** 31  # more than there are, and products of them fit 64 bits
_AT_ONCE = 4096  # examples whose neighbours are in memory
_WHOLE = ('source', 'unit', 'region_names')  # what is not one value per example


@dataclass(frozen=True, eq=False)
class PlaceImages:
    """
    What a network is trained on: N examples, each an image or a sequence of images of a place.

    Every source of training data becomes this table, and every objective reads it alone. Two
    examples are compared by their places where both have one, else by their positions, and never
    show one place when their regions differ. Indices of images and numbers of examples are two
    things: only :meth:`read` and :meth:`label` look at images.

    :param source: where images are read from.
    :param frames: (N, S) int64, the images of each example, oldest first; S is 1 but for
        sequences.
    :param regions: (N,) int64: a city, a route; for fixed cameras the camera.
    :param traverses: (N,) int64: a drive, or a camera; the examples of one are in the order of
        time.
    :param places: (N,) int64: one number, one place; -1 where positions tell.
    :param positions: (N, 2) float64, in ``unit``; NaN where unknown.
    :param headings: (N,) float64 radians, anticlockwise from the first axis; NaN where unknown.
    :param parts: (N,) int64 from 0: which of the tables that were joined; 0 for one alone.
    :param boxes: (N, 4) float64, the part of the image that is the example: left, top, width and
        height as fractions of the image.
    :param unit: of positions: metres, or frames where traverses are aligned frame by frame.
    :param region_names: what a person calls region 0, 1, ...; empty when they have no names.
    """

    source: ImageSource
    frames: Array
    regions: Array
    traverses: Array
    places: Array
    positions: Array
    headings: Array
    boxes: Array
    parts: Array
    unit: str = 'm'
    region_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.frames)
        shapes: dict[str, tuple[tuple[int, ...], type]] = {
            'frames': ((n, self.frames.shape[-1] if self.frames.ndim == 2 else 1), np.int64),
            'regions': ((n,), np.int64), 'traverses': ((n,), np.int64),
            'places': ((n,), np.int64), 'positions': ((n, 2), np.float64),
            'headings': ((n,), np.float64), 'boxes': ((n, 4), np.float64),
            'parts': ((n,), np.int64)}
        for name, (shape, kind) in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != kind:
                raise ValueError(f'{name} must be {np.dtype(kind)} of shape {shape}, got '
                                 f'{array.dtype} {array.shape}')
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)
        if self.unit not in UNITS:
            raise ValueError(f'positions are in one of {UNITS}, got {self.unit!r}')
        if n and not (self.frames.min() >= 0 and self.frames.max() < len(self.source)):
            raise ValueError(f'there are images 0 to {len(self.source) - 1}, asked for '
                             f'{self.frames.min()} to {self.frames.max()}')
        if self.region_names and self.regions.max(initial=-1) >= len(self.region_names):
            raise ValueError(f'there are names of {len(self.region_names)} regions, but one has '
                             f'the number {self.regions.max()}')
        if n and (min(self.regions.min(), self.traverses.min(), self.parts.min()) < 0 or max(
                self.regions.max(), self.traverses.max(), self.parts.max(),
                self.places.max()) >= _NUMBERS):
            raise ValueError('regions, traverses and parts have numbers from 0 to '
                             f'{_NUMBERS - 1}, as have places that are known')
        corners = self.boxes[:, :2]
        if not ((corners >= 0.0) & (self.boxes[:, 2:] > 0.0)
                & (corners + self.boxes[:, 2:] <= 1.0 + 1e-9)).all():
            raise ValueError('boxes are left, top, width and height as fractions of the image, '
                             'and lie inside it')

    @classmethod
    def of(cls, source: ImageSource, *, regions: ArrayLike = 0, traverses: ArrayLike = 0,
           places: ArrayLike = -1, positions: ArrayLike = np.nan, headings: ArrayLike = np.nan,
           boxes: ArrayLike = (0.0, 0.0, 1.0, 1.0), parts: ArrayLike = 0,
           frames: ArrayLike | None = None, unit: str = 'm',
           region_names: Sequence[str] = ()) -> PlaceImages:
        """
        Make the table; what is one value holds for all examples.

        :param frames: (N,) or (N, S); every image once when None.
        """
        chosen = np.arange(len(source)) if frames is None else np.asarray(frames)
        chosen = chosen.astype(np.int64)
        chosen = chosen[:, None] if chosen.ndim == 1 else chosen
        n = len(chosen)

        def full(values: ArrayLike, shape: tuple[int, ...], kind: type) -> Array:
            return np.array(np.broadcast_to(np.asarray(values, dtype=kind), shape))

        return cls(
            source=source, frames=chosen, regions=full(regions, (n,), np.int64),
            traverses=full(traverses, (n,), np.int64), places=full(places, (n,), np.int64),
            positions=full(positions, (n, 2), np.float64),
            headings=full(headings, (n,), np.float64), boxes=full(boxes, (n, 4), np.float64),
            parts=full(parts, (n,), np.int64), unit=unit, region_names=tuple(region_names))

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.frames)

    @property
    def length(self) -> int:
        """Return S, how many images an example has."""
        return int(self.frames.shape[1])

    @property
    def posed(self) -> bool:
        """Return whether every example has a position."""
        return bool(len(self)) and bool(np.isfinite(self.positions).all())

    @property
    def labelled(self) -> bool:
        """Return whether every example has the number of its place."""
        return bool(len(self)) and bool((self.places >= 0).all())

    @cached_property
    def single(self) -> Array:
        """Return (N,) bool: which examples show a place twice, but in one image alone."""
        found = np.zeros(len(self), bool)
        for rows in groups_by_number(self.places):
            first, others = rows[0], rows[1:]
            found[rows] = self.places[first] >= 0 and len(others) and (
                (self.frames[others] == self.frames[first]).all()
                and (self.boxes[others] == self.boxes[first]).all())
        return found

    def read(self, example: int) -> list[Array]:
        """Return the S images of an example, cut out, each (H, W, 3) uint8 RGB."""
        return [_cut(self.source.read(int(image)), self.boxes[example])
                for image in self.frames[example]]

    def label(self, example: int) -> str:
        """Return what a person would call the (newest) image of an example."""
        return self.source.label(int(self.frames[example, -1]))

    def digest(self) -> str:
        """Return 64 hexadecimal digits that change with anything but the pixels of images."""
        found = sha256(f'{self.unit} {self.region_names} {self.frames.shape}'.encode())
        for field in fields(self):
            if field.name not in _WHOLE:
                found.update(np.ascontiguousarray(getattr(self, field.name)).tobytes())
        for image in np.unique(self.frames):
            found.update(f'{self.source.label(int(image))}\0'.encode(errors='surrogateescape'))
        return found.hexdigest()

    def select(self, examples: ArrayLike) -> PlaceImages:
        """Return some of the examples, renumbered; the images stay where they are."""
        chosen = np.asarray(examples)
        if not chosen.size:
            chosen = np.zeros(0, np.int64)  # an empty list has no type of its own
        rows = {f.name: getattr(self, f.name)[chosen] for f in fields(self)
                if f.name not in _WHOLE}
        return replace(self, **rows)

    def sequences(self, length: int, *, stride: int = 1,
                  gap: float = float('inf')) -> PlaceImages:
        """
        Return every run of images of one traverse as an example at the pose of its centre.

        :param length: images of a run; where it is even, the later of the two middle ones is the
            centre.
        :param stride: how many examples the next run begins later.
        :param gap: no run holds two successive images farther apart than this, in ``unit``:
            frames without pose, or that were left out, tear a drive apart.
        """
        if length < 1 or stride < 1:
            raise ValueError(f'length and stride are 1 or more, got {length} and {stride}')
        if self.length != 1:
            raise ValueError(f'these are sequences already, of {self.length} images')
        starts = []
        for rows in groups_by_number(self.traverses):
            starts += [rows[s:s + length] for s in range(0, len(rows) - length + 1, stride)]
        if not starts:
            raise VprError(f'no traverse has {length} images: a sequence needs as many')
        runs = np.stack(starts)
        steps = np.linalg.norm(np.diff(self.positions[runs], axis=1), axis=2)
        runs = runs[~(steps > gap).any(axis=1)]  # unknown positions tear nothing
        if not len(runs):
            raise VprError(f'every run of {length} images has a gap of more than {gap:g} '
                           f'{self.unit}; allow a wider one')
        return replace(self.select(runs[:, length // 2]), frames=self.frames[runs, 0])

    @staticmethod
    def joined(tables: Sequence[PlaceImages]) -> PlaceImages:
        """
        Return the examples of several tables; none of two tables show one place.

        The first is part 0, and so on; a table that was joined before keeps its parts apart.

        :raises VprError: unless all have one length and, where there are positions, one unit.
        """
        if not tables:
            raise ValueError('there are no tables to join')
        if len(tables) == 1:
            return tables[0]
        units = {table.unit for table in tables if np.isfinite(table.positions).any()}
        lengths = sorted({table.length for table in tables})
        if len(units) > 1:
            raise VprError('training data to be joined must measure in one unit, but some '
                           'positions are metres and some frames of aligned traverses; train on '
                           'one kind, or give the aligned traverses poses')
        if len(lengths) > 1:
            raise VprError('training data to be joined must have one number of images per '
                           f'example, got {" and ".join(map(str, lengths))}; make sequences of '
                           'one length of all')
        source = JoinedImages([table.source for table in tables])
        first = {'regions': 0, 'traverses': 0, 'places': 0, 'parts': 0}
        names: list[str] = []
        joined: list[dict[str, Array]] = []
        for table, image in zip(tables, source.starts[:-1], strict=True):
            columns = {f.name: getattr(table, f.name) for f in fields(table)
                       if f.name not in _WHOLE}
            columns['frames'] = table.frames + image
            names += [table.region_names[region] if table.region_names else ''
                      for region in np.unique(table.regions)]
            for name, number in first.items():
                columns[name], count = _renumbered(columns[name], number)
                first[name] += count
            joined.append(columns)
        return PlaceImages(
            source=source, unit=min(units, default='m'),
            region_names=tuple(names) if any(names) else (),
            **{name: np.concatenate([columns[name] for columns in joined])
               for name in joined[0]})


class JoinedImages:
    """
    The images of several sources, one after the other.

    :param names: of the sources, put before the labels of their images; none when empty.
    """

    def __init__(self, sources: Sequence[ImageSource], names: Sequence[str] = ()) -> None:
        self.sources = tuple(sources)
        self.names = tuple(names)
        #: (n + 1,) the number of the first image of each source, and how many there are.
        self.starts = np.cumsum([0, *(len(source) for source in sources)])

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self.starts[-1])

    def read(self, index: int) -> Array:
        """Return image ``index`` as (H, W, 3) uint8 RGB."""
        number, within = self._find(index)
        return self.sources[number].read(within)

    def label(self, index: int) -> str:
        """Return what a person would call image ``index``."""
        number, within = self._find(index)
        label = self.sources[number].label(within)
        return f'{self.names[number]}/{label}' if self.names else label

    def _find(self, index: int) -> tuple[int, int]:
        number = int(np.searchsorted(self.starts, index, side='right')) - 1
        return number, index - int(self.starts[number])


def _cut(image: Array, box: Array) -> Array:
    h, w = image.shape[:2]
    left, top, width, height = box
    # Both ends are rounded alike, so that windows side by side share no pixel and leave none out.
    x, y = min(round(left * w), w - 1), min(round(top * h), h - 1)
    return image[y:max(y + 1, round((top + height) * h)), x:max(x + 1, round((left + width) * w))]


@dataclass(frozen=True)
class PlaceRule:
    """
    Which examples show the same place.

    Where both have a place: its number. Else within ``positive`` of each other, and looking the
    same way. Between ``positive`` and ``negative``, and near but looking elsewhere, they are
    neither the same nor another place.

    :param positive: in the unit of positions, as is ``negative``.
    :param heading_deg: how far headings may differ; 180 for any. Unknown headings do not count.
    :param across: whether positions match two traverses only: a drive beside itself teaches
        nothing about change. Examples of one traverse are then never positives.
    """

    positive: float = 10.0
    negative: float = 25.0
    heading_deg: float = 180.0
    across: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.positive <= self.negative:
            raise VprError('two images show the same place within a radius, and another beyond '
                           f'one that is not smaller, got {self.positive:g} and '
                           f'{self.negative:g}')
        if not 0.0 < self.heading_deg <= 180.0:
            raise VprError('headings differ by more than 0 and at most 180 degrees, got '
                           f'{self.heading_deg:g}')

    def positives(self, images: PlaceImages) -> list[Array]:
        """Return for each example the others, in order, that show its place."""
        found: list[Array] = [np.zeros(0, np.int64)] * len(images)
        for rows in groups_by_number(images.regions):
            labelled = rows[images.places[rows] >= 0]
            for same in groups_by_number(images.places[labelled]):
                same = labelled[same]
                for row in same:
                    found[row] = same[same != row]
            posed = rows[np.isfinite(images.positions[rows]).all(axis=1)]
            if (images.places[posed] < 0).any():
                for row, near in self._near(images, posed):
                    found[row] = np.sort(np.concatenate([found[row], near]))
        return found

    def _near(self, images: PlaceImages, posed: Array) -> Iterator[tuple[int, Array]]:
        """Yield each of ``posed`` (n,), increasing, with those of them that match by position."""
        from scipy.spatial import cKDTree

        positions = images.positions[posed]
        tree = cKDTree(positions)
        # The tree compares squares, which may round the other way at the very radius.
        reach = self.positive * (1.0 + 1e-9)
        for start in range(0, len(posed), _AT_ONCE):
            rows = posed[start:start + _AT_ONCE]
            lists = tree.query_ball_point(positions[start:start + _AT_ONCE], reach)
            near = posed[np.fromiter(chain.from_iterable(lists), np.int64)]
            row = np.repeat(rows, [len(found) for found in lists])
            matches = self._is_match(images, row, near)
            row, near = row[matches], near[matches]
            yield from zip(rows, np.split(near, np.searchsorted(row, rows[1:])), strict=True)

    def _is_match(self, images: PlaceImages, row: Array, near: Array) -> Array:
        offsets = images.positions[near] - images.positions[row]
        turned = np.abs(_wrapped(images.headings[near] - images.headings[row]))
        matches = (near != row) & (np.hypot(offsets[:, 0], offsets[:, 1]) <= self.positive)
        # The margin is for headings written in degrees; a comparison with NaN is False.
        matches &= ~(turned > np.radians(self.heading_deg) + 1e-9)
        matches &= (images.places[near] < 0) | (images.places[row] < 0)
        if self.across:
            matches &= images.traverses[near] != images.traverses[row]
        return np.asarray(matches)

    def negatives(self, images: PlaceImages, example: int, candidates: Array) -> Array:
        """Return (n,) bool: which of the candidates (n,) surely show another place."""
        elsewhere = images.regions[candidates] != images.regions[example]
        place, places = images.places[example], images.places[candidates]
        both = (places >= 0) & (place >= 0)
        offsets = images.positions[candidates] - images.positions[example]
        far = np.hypot(offsets[:, 0], offsets[:, 1]) > self.negative  # False for NaN
        return np.asarray(elsewhere | np.where(both, places != place, far))


def groups_by_number(numbers: Array) -> list[Array]:
    """Return the indices that hold each number, in the order of numbers."""
    order = np.argsort(numbers, kind='stable')
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1) if len(order) else []


def _renumbered(numbers: Array, first: int) -> tuple[Array, int]:
    """Return numbers from ``first`` on in place of others, -1 where they are, and how many."""
    known = numbers >= 0
    values, dense = np.unique(numbers[known], return_inverse=True)
    result = np.full(len(numbers), -1, np.int64)
    result[known] = dense + first
    return result, len(values)


def _wrapped(angles: Array) -> Array:
    return np.asarray((angles + np.pi) % (2.0 * np.pi) - np.pi)
