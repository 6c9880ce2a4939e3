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

"""A map as a folder of images for each traverse, with a table of stamps and poses."""

from __future__ import annotations

from collections.abc import Callable
import csv
from dataclasses import dataclass
from pathlib import Path

from vpr_ros.errors import VprError
from vpr_ros.maps.exchange.confined import plain_names
from vpr_ros.maps.exchange.confined import unfinished_folder
from vpr_ros.maps.place_map import PlaceMap

__all__ = ['export_folder', 'ImageFolder']

_POSE = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')


@dataclass
class ImageFolder:
    """
    What one camera saw on one traverse.

    :param images: how many were written.
    :param left_out: how many places were not: without a picture, without a pose though others
        have one, or with the stamp of the place before.
    """

    path: Path
    images: int = 0
    left_out: int = 0


def export_folder(place_map: PlaceMap, out: Path, *,
                  advance: Callable[[], None] | None = None) -> list[ImageFolder]:
    """
    Write thumbnails to a new folder, one in it for each traverse and camera.

    Each is what :func:`.read_image_folder` reads, ``<place id>.jpg`` and ``poses.csv``: its stamps
    rise, and poses are known of all images or of none.

    :param advance: is called for every place and camera.
    """
    with unfinished_folder(out) as folder, place_map.one_state():
        several = len(place_map.cameras()) > 1
        sessions = {session.name: session for session in place_map.sessions()}
        parts = [(session, camera) for session in sessions for camera in place_map.cameras()]
        # Of "a_b", "c" and "a", "b_c" titles differ, and so do the names that are made of them.
        titles = {part: '\0'.join(part) if several else part[0] for part in parts}
        names = plain_names([titles[part] for part in parts])
        written = []
        for session, camera in parts:
            name = names[titles[session, camera]]
            (folder / name).mkdir()
            result = _write(place_map, session, camera, folder / name,
                            posed=sessions[session].posed > 0, advance=advance)
            if result.images:
                written.append(ImageFolder(out / name, result.images, result.left_out))
            else:
                (folder / name / 'poses.csv').unlink()
                (folder / name).rmdir()
        if not written:
            raise VprError(f'{place_map.path} has no thumbnails to export: build it with some, or '
                           'export it as numpy')
    return written


def _write(place_map: PlaceMap, session: str, camera: str, folder: Path, *, posed: bool,
           advance: Callable[[], None] | None) -> ImageFolder:
    result = ImageFolder(folder)
    last_ns = -1
    with (folder / 'poses.csv').open('w', encoding='utf-8', newline='') as stream:
        table = csv.writer(stream)
        table.writerow(['file', 'stamp_ns', *(_POSE if posed else ())])
        for place in place_map.places(session):
            jpeg = place_map.thumbnail(place.id, camera)
            pose = place.T_map_base
            if jpeg is None or (posed and pose is None) or place.stamp_ns <= last_ns:
                result.left_out += 1
            else:
                (folder / f'{place.id}.jpg').write_bytes(jpeg)
                # Python writes as many digits as give back the very number.
                values = () if pose is None else (*pose.position, *pose.quaternion)
                table.writerow([f'{place.id}.jpg', place.stamp_ns, *map(float, values)])
                last_ns = place.stamp_ns
                result.images += 1
            if advance is not None:
                advance()
    return result
