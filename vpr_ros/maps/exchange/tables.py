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

"""What describes a map beside its descriptors: ``map.json``, and ``places.csv`` line by line."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
import csv
from dataclasses import dataclass
from itertools import groupby
import json
import math
from pathlib import Path
import re
from typing import cast
from typing import Literal
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.exchange.confined import inside
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.networks.identity import FOREIGN_WEIGHTS
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import View

__all__ = ['Card', 'fill', 'Line', 'read_lines', 'TABLE', 'unit_length', 'write_line',
           'write_lines_header']

CARD, TABLE = 'map.json', 'places.csv'
_FORMAT = 'vpr_ros map 1'
_POSE = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')
_COLUMNS = ('place_id', 'session', 'camera', 'stamp_ns', *_POSE, 'image')
_LARGEST_CARD = 4 * 1024 * 1024
_LONGEST_LINE = 4096
_PLACES_AT_ONCE = 256


@dataclass(frozen=True)
class Card:
    """
    What all places of a map have in common.

    :param sessions: name -> source, prefix of ids, created_ns, made; empty where ids are not kept.
    :param local_kind: what made its local features, '' where it has none.
    """

    network: NetworkIdentity
    descriptor_type: Literal['float16', 'float32'] = 'float16'
    frame: str = 'map'
    datum: Datum | None = None
    sessions: tuple[tuple[str, str, int, int, int], ...] = ()
    local_kind: str = ''

    @classmethod
    def of(cls, place_map: PlaceMap) -> Card:
        """Take what a map says of itself."""
        return cls(place_map.network, cast(Literal['float16', 'float32'],
                                           place_map.descriptor_type),
                   place_map.frame, place_map.datum,
                   tuple((s.name, s.source, s.id_prefix, s.created_ns, s.made)
                         for s in place_map.sessions()), place_map.local_kind)

    @classmethod
    def foreign(cls, name: str, dimension: int) -> Card:
        """
        Describe descriptors of a network that is none of ours.

        No network has such a hash: the map is refused by all of them. Two imports of one name can
        be merged.
        """
        return cls(NetworkIdentity(name, FOREIGN_WEIGHTS, dimension, Preprocessing(1, 1)))

    def write(self, folder: Path) -> None:
        """Write ``map.json``."""
        names = ('name', 'source', 'id_prefix', 'created_ns', 'made')
        (folder / CARD).write_text(json.dumps({
            'format': _FORMAT, 'network': json.loads(self.network.to_json()),
            'descriptor_type': self.descriptor_type, 'frame': self.frame,
            'datum': None if self.datum is None else json.loads(self.datum.to_text()),
            'sessions': [dict(zip(names, session, strict=True)) for session in self.sessions],
            'local_features': self.local_kind,
        }, indent=2) + '\n', encoding='utf-8')

    @classmethod
    def read(cls, folder: Path) -> Card | None:
        """Read what :meth:`write` wrote, None where there is none; VprError otherwise."""
        if not (folder / CARD).exists():
            return None
        path = inside(folder, CARD)
        if path.stat().st_size > _LARGEST_CARD:
            raise VprError(f'{path} is too large: at most {_LARGEST_CARD} bytes')
        try:
            values = json.loads(path.read_text(encoding='utf-8'))
            if values['format'] != _FORMAT:
                raise ValueError(f"format {values['format']!r}, expected {_FORMAT!r}")
            kind, frame = values['descriptor_type'], values['frame']
            if kind not in ('float16', 'float32') or not isinstance(frame, str):
                raise ValueError(f'descriptors of {kind!r} in frame {frame!r}')
            return cls(
                NetworkIdentity.from_json(json.dumps(values['network'])), kind, frame,
                None if values['datum'] is None else Datum.from_text(json.dumps(values['datum'])),
                tuple((_text(s['name']), _text(s['source']), _whole(s['id_prefix']),
                       _whole(s['created_ns']), _whole(s['made'])) for s in values['sessions']),
                _text(values.get('local_features', '')))  # added later
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise VprError(f'{path} does not describe a map: {str(error)[:300]}') from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is no text')
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f'{value!r} is no whole number')
    return value


@dataclass(frozen=True, eq=False)
class Line:
    """
    One view of a place.

    :param number: of the line, for messages.
    :param place_id: 0 where places have no ids: then every view is a place.
    :param image: its name for hloc; empty elsewhere.
    """

    number: int
    place_id: int
    session: str
    camera: str
    stamp_ns: int
    pose: Pose | None
    image: str = ''


def write_lines_header(stream: TextIO, *, images: bool = False) -> None:
    """Write the names of the columns."""
    csv.writer(stream).writerow(_COLUMNS if images else _COLUMNS[:-1])


def write_line(stream: TextIO, place: Place, camera: str, image: str = '') -> None:
    """Write one view of a place; numbers with all their digits."""
    pose = place.T_map_base
    values = [''] * 7 if pose is None else list(
        map(float, (*pose.position, *pose.quaternion)))
    csv.writer(stream).writerow([place.id, place.session, camera, place.stamp_ns, *values,
                                 *([image] if image else [])])


def read_lines(folder: Path, most: int) -> Iterator[Line]:
    """
    Yield the lines of ``places.csv``.

    :param most: how many there may be.
    """
    path = inside(folder, TABLE)
    if path.stat().st_size > (most + 1) * _LONGEST_LINE:
        raise VprError(f'{path} is too large for a table of {most} views')
    try:
        with path.open(encoding='utf-8-sig', newline='') as stream:
            table = csv.DictReader(stream)
            header = table.fieldnames or ()
            if unknown := set(header) - set(_COLUMNS):
                raise VprError(f"{path} has unknown columns {', '.join(sorted(unknown))}; known "
                               f"are {', '.join(_COLUMNS)}")
            if 'stamp_ns' not in header or {*_POSE} & {*header} not in (set(), {*_POSE}):
                raise VprError(f'{path} needs a column stamp_ns, and of a pose all of '
                               f"{', '.join(_POSE)} or none")
            for row in table:
                yield _line(path, table.line_num, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VprError(f'cannot read {path}: {error}') from error


def _line(path: Path, number: int, row: dict[str, str]) -> Line:
    if None in row or None in row.values():
        raise VprError(f'{path} line {number} has not as many values as there are columns')
    try:
        cells = [row.get(name, '') for name in _POSE]
        pose = None
        if any(cells):
            values = np.array([float(cell) for cell in cells])
            if not all(map(math.isfinite, values)):
                raise ValueError('a pose that is not finite')
            pose = Pose(values[:3], values[3:])
        return Line(number, _digits(row.get('place_id') or '0'), row.get('session') or 'imported',
                    row.get('camera') or 'front', _digits(row['stamp_ns']), pose,
                    row.get('image', ''))
    except ValueError as error:
        raise VprError(f'{path} line {number}: {error}') from error


def _digits(text: str) -> int:
    if not re.fullmatch(r'-?[0-9]{1,19}', text):
        raise ValueError(f'{text[:40]!r} is no whole number of 64 bits')
    return int(text)


def unit_length(descriptor: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Return a descriptor of unit length, which does not change cosines."""
    norm = float(np.linalg.norm(descriptor))
    if not (math.isfinite(norm) and norm > 1e-6):
        raise VprError(f'the descriptor of {name} is not finite, or zero')
    return descriptor if abs(norm - 1.0) <= 1e-3 else descriptor / np.float32(norm)


def fill(place_map: PlaceMap, card: Card, views: Iterable[tuple[Line, View]]) -> None:
    """
    Fill a new map, all or nothing: places keep their ids where the card knows their sessions.

    :param views: in order; those of a place one behind the other.
    """
    kept = {session[0]: session for session in card.sessions}
    with place_map.transaction():
        for name, source, prefix, created_ns, made in kept.values():
            place_map.add_session(name, source=source, id_prefix=prefix, created_ns=created_ns)
            place_map.adopt(name, (), made=made)
        group: list[Place] = []
        begun: set[str] = set(kept)
        for place in _places(views):
            if group and (place.session != group[0].session or len(group) == _PLACES_AT_ONCE):
                _add(place_map, group, keep=bool(kept))
                group = []
            if place.session not in begun:
                if kept:
                    raise VprError(f'{CARD} knows no session {place.session!r}')
                place_map.add_session(place.session, source='imported')
                begun.add(place.session)
            group.append(place)
        if group:
            _add(place_map, group, keep=bool(kept))


def _places(views: Iterable[tuple[Line, View]]) -> Iterator[Place]:
    def place(pair: tuple[Line, View]) -> tuple[str, int]:
        line, _ = pair
        return line.session, line.place_id or -line.number

    for (session, place_id), group in groupby(views, place):
        lines, seen = zip(*group, strict=True)
        if any(line.stamp_ns != lines[0].stamp_ns for line in lines):
            raise VprError(f'line {lines[-1].number}: place {place_id} has two stamps')
        yield Place(max(place_id, 0), lines[0].stamp_ns, session, lines[0].pose, seen)


def _add(place_map: PlaceMap, places: list[Place], *, keep: bool) -> None:
    session = places[0].session
    if not keep:
        place_map.append(session, [NewPlace(p.stamp_ns, p.views, p.T_map_base) for p in places])
        return
    try:
        place_map.adopt(session, places)
    except ValueError as error:
        raise VprError(str(error)) from error
