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

"""How places and sessions become rows of a shared map, and what rows of strangers may hold."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.ids import split_id
from vpr_ros.maps.rows import calibration_from
from vpr_ros.maps.rows import calibration_row
from vpr_ros.maps.rows import pose_from
from vpr_ros.maps.rows import pose_row
from vpr_ros.types import Camera
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import View

__all__ = [
    'FleetSession', 'LONGEST', 'place_from', 'pose_columns', 'session_from', 'session_row',
    'text_from', 'view_key', 'view_row', 'whole_from']

# Bytes of the columns that hold text. A pose has at most 43 float64, as base64.
LONGEST: Mapping[str, int] = {
    'key': 256, 'camera': 200, 'pose': 512, 'name': 512, 'source': 4096, 'calibrations': 65535}
_LARGEST = 2 ** 63 - 1

Row = Mapping[str, Any]


@dataclass(frozen=True)
class FleetSession:
    """
    One traverse of a shared map.

    :param id_prefix: what ids of its places begin with, in whatever map they are.
    :param source: where its images came from, for people.
    :param made: how many places it was given by the map that it comes from.
    :param calibrations: what is known of its cameras.
    """

    id_prefix: int
    name: str
    source: str
    created_ns: int
    made: int
    calibrations: tuple[Camera, ...] = ()


def view_key(place_id: int, camera: str) -> str:
    """Return the primary key of a view: a place has one of each camera."""
    return f'{place_id:016x}/{camera}'


def view_row(place_id: int, stamp_ns: int, camera: str, descriptor: NDArray[np.float32],
             pose: Row) -> dict[str, Any]:
    """
    Return the row of a view.

    :param descriptor: (D,), L2-normalised.
    :param pose: what :func:`pose_columns` made.
    """
    row = {'key': view_key(place_id, camera), 'place_id': place_id, 'stamp_ns': stamp_ns,
           'camera': camera, 'descriptor': descriptor, **pose}
    return _fitting(row)


def pose_columns(pose: Pose | None) -> dict[str, Any]:
    """Return the columns that say where a place is."""
    if pose is None:
        return {'posed': False, 'x': 0.0, 'y': 0.0, 'z': 0.0, 'pose': ''}
    values, covariance = pose_row(pose)
    assert values is not None
    x, y, z = (float(v) for v in pose.position)
    return {'posed': True, 'x': x, 'y': y, 'z': z, 'pose': _text(values + (covariance or b''))}


def place_from(rows: Sequence[Row], session: str, dimension: int) -> Place:
    """Read the views of one place; ValueError, KeyError or TypeError for what is none."""
    first = rows[0]
    place_id = whole_from(first, 'place_id')
    if split_id(place_id)[1] == 0:
        raise ValueError(f'{place_id} is no id of a place')
    views = [View(text_from(row, 'camera'), _descriptor(row['descriptor'], dimension))
             for row in sorted(rows, key=lambda row: text_from(row, 'camera'))]
    if len({view.camera for view in views}) < len(views):
        raise ValueError(f'place {place_id} has two views of one camera')
    pose = base64.b64decode(text_from(first, 'pose', empty=True), validate=True)
    if len(pose) not in (0, 7 * 8, 43 * 8):
        raise ValueError(f'a pose of {len(pose)} bytes')
    return Place(place_id, whole_from(first, 'stamp_ns', least=-_LARGEST), session,
                 pose_from(pose[:56] or None, pose[56:] or None), tuple(views))


def session_row(session: FleetSession) -> dict[str, Any]:
    """Return the row of a session."""
    calibrations = {camera.name: [
        {'bytes': _text(value)} if isinstance(value, bytes) else value
        for value in calibration_row(camera)] for camera in session.calibrations}
    return _fitting({
        'id_prefix': session.id_prefix, 'name': session.name, 'source': session.source,
        'created_ns': session.created_ns, 'made': session.made,
        'calibrations': json.dumps(calibrations), 'nothing': [0.0, 0.0]})


def session_from(row: Row) -> FleetSession:
    """Read what :func:`session_row` made; ValueError, KeyError or TypeError for anything else."""
    calibrations = json.loads(text_from(row, 'calibrations'))
    if not isinstance(calibrations, dict):
        raise ValueError('calibrations are no mapping')
    return FleetSession(
        whole_from(row, 'id_prefix'), text_from(row, 'name'),
        text_from(row, 'source', empty=True), whole_from(row, 'created_ns'),
        whole_from(row, 'made'), tuple(
            calibration_from(name, [
                base64.b64decode(value['bytes'], validate=True) if isinstance(value, dict)
                else value for value in values])
            for name, values in calibrations.items()))


def text_from(row: Row, column: str, *, empty: bool = False) -> str:
    """Return a text of a row, which can be printed and fits its column."""
    text = row[column]
    if not isinstance(text, str) or not text.isprintable() or not (text or empty) or (
            len(text.encode()) > LONGEST[column]):
        raise ValueError(f'{column} {str(text)[:100]!r}')
    return text


def whole_from(row: Row, column: str, *, least: int = 0) -> int:
    """Return a whole number of a row."""
    number = row[column]
    if type(number) is not int or not least <= number <= _LARGEST:
        raise ValueError(f'{column} {str(number)[:100]!r}')
    return number


def _descriptor(values: Any, dimension: int) -> NDArray[np.float32]:
    descriptor = np.asarray(values, np.float32)
    if descriptor.shape != (dimension,):
        raise ValueError(f'a descriptor of shape {descriptor.shape}, not ({dimension},)')
    norm = float(np.linalg.norm(descriptor))
    if not abs(norm - 1.0) <= 1e-2:  # NaN is not near 1 either
        raise ValueError(f'a descriptor of norm {norm:.3f}')
    return np.asarray(descriptor / np.float32(norm))


def _fitting(row: dict[str, Any]) -> dict[str, Any]:
    for column, value in row.items():
        if not isinstance(value, str):
            continue
        size, most = len(value.encode()), LONGEST[column]
        if size > most or not value.isprintable():
            raise VprError(f'the {column} {value[:60]!r} ({size} bytes) cannot enter a fleet map: '
                           f'up to {most} bytes can, which can be printed; rename it')
    return row


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode('ascii')
