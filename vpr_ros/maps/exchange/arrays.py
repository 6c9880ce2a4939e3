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
A map as numpy arrays.

A folder of ``descriptors.npy`` (V, D) float32 with one row for each view, ``places.csv`` with the
same views line by line, and ``map.json``. Ids, stamps, sessions, cameras and poses come back
exactly; covariances, pictures, local features and calibrations are not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.exchange.confined import inside
from vpr_ros.maps.exchange.confined import unfinished_folder
from vpr_ros.maps.exchange.tables import Card
from vpr_ros.maps.exchange.tables import fill
from vpr_ros.maps.exchange.tables import Line
from vpr_ros.maps.exchange.tables import read_lines
from vpr_ros.maps.exchange.tables import TABLE
from vpr_ros.maps.exchange.tables import unit_length
from vpr_ros.maps.exchange.tables import write_line
from vpr_ros.maps.exchange.tables import write_lines_header
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import View

__all__ = ['export_arrays', 'import_arrays']

DESCRIPTORS = 'descriptors.npy'


def export_arrays(place_map: PlaceMap, out: Path, *,
                  advance: Callable[[], None] | None = None) -> int:
    """
    Write a map to a new folder, and return how many views it has.

    :param advance: is called after every place.
    """
    with unfinished_folder(out) as folder, place_map.one_state():
        Card.of(place_map).write(folder)
        ids = place_map.place_ids()
        count = place_map.view_count()
        descriptors = open_memmap(folder / DESCRIPTORS, mode='w+', dtype='<f4',
                                  shape=(count, place_map.network.dimension))
        at = 0
        with (folder / TABLE).open('w', encoding='utf-8', newline='') as stream:
            write_lines_header(stream)
            for place_id in ids:
                place = place_map.place(place_id)
                for view in place.views:
                    write_line(stream, place, view.camera)
                    descriptors[at] = view.descriptor
                    at += 1
                if advance is not None:
                    advance()
        descriptors.flush()
    return count


def import_arrays(folder: Path, out: Path, *, network_name: str = '',
                  advance: Callable[[], None] | None = None) -> Card:
    """
    Make a new map of arrays, and return what it was told of them.

    :param network_name: of the network, where there is no ``map.json``; ``places.csv`` then needs
        no more than a column ``stamp_ns``.
    :param advance: is called after every view.
    """
    descriptors = _descriptors(folder)
    card = Card.read(folder)
    if (card is None) == (not network_name):
        raise VprError(
            f'{folder} has no map.json: say with --network-name which network made the descriptors'
            if card is None else f'{folder} has a map.json, which names the network: leave out '
            '--network-name, or remove it')
    if card is None:
        card = Card.foreign(network_name, descriptors.shape[1])
    if card.network.dimension != descriptors.shape[1]:
        raise VprError(f'{folder} says that descriptors have {card.network.dimension} dimensions, '
                       f'{DESCRIPTORS} has {descriptors.shape[1]}')
    with PlaceMap.create(out, card.network, descriptor_type=card.descriptor_type,
                         frame=card.frame, datum=card.datum) as place_map:
        fill(place_map, card, _views(folder, descriptors, advance))
    return card


def _descriptors(folder: Path) -> NDArray[np.float32]:
    path = inside(folder, DESCRIPTORS)
    try:
        # Mapped: nothing is read before it is known to be there.
        descriptors = np.load(path, mmap_mode='r', allow_pickle=False)
    except (OSError, ValueError, EOFError, OverflowError) as error:
        raise VprError(f'cannot read {path}: {error}') from error
    if not isinstance(descriptors, np.ndarray) or descriptors.ndim != 2 or (
            descriptors.dtype.kind != 'f' or descriptors.dtype.itemsize > 8):
        raise VprError(f'{path} must be an array (views, dimensions) of floating point numbers')
    return descriptors


def _views(folder: Path, descriptors: NDArray[np.float32],
           advance: Callable[[], None] | None) -> Iterator[tuple[Line, View]]:
    at = 0
    for line in read_lines(folder, len(descriptors)):
        if at == len(descriptors):
            break
        descriptor = np.asarray(descriptors[at], np.float32)
        yield line, View(line.camera, unit_length(descriptor, f'line {line.number}'))
        at += 1
        if advance is not None:
            advance()
    else:
        if at == len(descriptors):
            return
    raise VprError(f'{folder}: {TABLE} and {DESCRIPTORS} must have one line for each view, the '
                   f'latter has {len(descriptors)}')
