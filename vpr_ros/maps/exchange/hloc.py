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
A map as hloc keeps features: HDF5 with a group for each image.

``global-feats.h5`` holds ``<image>/global_descriptor`` (D,), ``feats.h5`` ``<image>/keypoints``
(N, 2) pixels with an ``uncertainty``, ``descriptors`` (d, N), ``scores`` (N,), ``image_size``
(2,) width, height, and where they are known ``depths`` (N,) in metres. ``places.csv`` and
``map.json`` beside them, which hloc does not look for, say which place an image is of.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
import math
from pathlib import Path
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.exchange.confined import inside
from vpr_ros.maps.exchange.confined import plain_names
from vpr_ros.maps.exchange.confined import unfinished_folder
from vpr_ros.maps.exchange.tables import Card
from vpr_ros.maps.exchange.tables import fill
from vpr_ros.maps.exchange.tables import Line
from vpr_ros.maps.exchange.tables import read_lines
from vpr_ros.maps.exchange.tables import TABLE
from vpr_ros.maps.exchange.tables import unit_length
from vpr_ros.maps.exchange.tables import write_line
from vpr_ros.maps.exchange.tables import write_lines_header
from vpr_ros.maps.feature_rows import IMPORTED
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Camera
from vpr_ros.types import LocalFeatures
from vpr_ros.types import View

__all__ = ['export_hloc', 'import_hloc']

GLOBAL, LOCAL = 'global-feats.h5', 'feats.h5'
# Nothing honest comes near these; checked before anything is read.
_LARGEST_DESCRIPTOR, _MOST_FEATURES, _WIDEST_FEATURE = 1_000_000, 65_536, 4096
# Numbers of one array, or of one piece of it: HDF5 unpacks pieces whole, whatever is asked for.
_MOST_NUMBERS = 1 << 24
_PERIOD_NS = 10 ** 9


def _h5py() -> Any:
    try:
        import h5py  # an extra
    except ImportError as error:
        raise VprError("HDF5 needs the library h5py: pip install 'vpr_ros[hdf5]'") from error
    return h5py


def export_hloc(place_map: PlaceMap, out: Path, *,
                advance: Callable[[], None] | None = None) -> int:
    """
    Write a map to a new folder, and return how many images it names.

    Images are ``<session>/<camera>/<place id>.jpg``.

    :param advance: is called after every place.
    """
    h5py = _h5py()
    count = 0
    with unfinished_folder(out) as folder, place_map.one_state(), ExitStack() as stack:
        Card.of(place_map).write(folder)
        sessions = plain_names([session.name for session in place_map.sessions()])
        cameras = plain_names(place_map.cameras())
        known = {(session, camera.name): camera for session in sessions
                 for camera in place_map.calibrations(session)}
        descriptors = stack.enter_context(h5py.File(folder / GLOBAL, 'w', libver='latest'))
        stream = stack.enter_context(
            (folder / TABLE).open('w', encoding='utf-8', newline=''))
        write_lines_header(stream, images=True)
        features = None
        for place_id in place_map.place_ids():
            place = place_map.place(place_id)
            for view in place.views:
                image = f'{sessions[place.session]}/{cameras[view.camera]}/{place.id}.jpg'
                write_line(stream, place, view.camera, image)
                descriptors.create_group(image).create_dataset(
                    'global_descriptor', data=view.descriptor)
                if view.local_features is not None:
                    if features is None:
                        features = stack.enter_context(
                            h5py.File(folder / LOCAL, 'w', libver='latest'))
                    _write_features(features.create_group(image), view.local_features,
                                    known.get((place.session, view.camera)))
                count += 1
            if advance is not None:
                advance()
    return count


def _write_features(group: Any, features: LocalFeatures, camera: Camera | None) -> None:
    keypoints = group.create_dataset('keypoints', data=features.points)
    keypoints.attrs['uncertainty'] = 1.0  # pixels
    group.create_dataset('descriptors', data=features.descriptors.T)
    group.create_dataset('scores', data=features.scores)
    if features.depths is not None:
        group.create_dataset('depths', data=features.depths)
    # Matchers ask for the size; without a calibration, of what holds all points.
    size = (camera.width, camera.height) if camera is not None else (
        np.ceil(features.points.max(axis=0, initial=0.0)) + 1)
    group.create_dataset('image_size', data=np.array(size, np.int64))


def import_hloc(path: Path, out: Path, *, network_name: str = '',
                advance: Callable[[], None] | None = None) -> Card:
    """
    Make a new map of hloc's features, and return what it was told of them.

    :param path: a folder that :func:`export_hloc` wrote, or one HDF5 file of global descriptors;
        of that images are in natural order, a second apart, and places have no poses.
    :param network_name: of the network that made them, for one file.
    :param advance: is called after every image.
    """
    h5py = _h5py()
    folder = path if path.is_dir() else None
    card = None if folder is None else Card.read(folder)
    if (card is None) == (not network_name):
        raise VprError(f'say with --network-name which network made the descriptors of {path}'
                       if card is None else f'{path} has a map.json, which names the network: '
                       'leave out --network-name, or remove it')
    with ExitStack() as stack:
        source = inside(folder, GLOBAL) if folder is not None else path
        descriptors = _File(h5py, stack, source)
        names = descriptors.images('global_descriptor')
        if not names:
            raise VprError(f'{source} has no image with a global_descriptor')
        features = None
        if folder is not None and (folder / LOCAL).exists():
            features = _File(h5py, stack, inside(folder, LOCAL))
        if folder is not None and (folder / TABLE).exists():
            lines: Iterator[Line] = read_lines(folder, len(names))
        else:
            lines = (Line(n, 0, 'imported', 'front', n * _PERIOD_NS, None, name)
                     for n, name in enumerate(names, 1))
        if card is None:
            card = Card.foreign(network_name, len(descriptors.descriptor(names[0])))
        with PlaceMap.create(out, card.network, descriptor_type=card.descriptor_type,
                             frame=card.frame, datum=card.datum) as place_map:
            if features is not None:
                place_map.set_local_kind(card.local_kind or IMPORTED)
            fill(place_map, card, _views(lines, set(names), descriptors, features, advance))
    return card


def _views(lines: Iterator[Line], left: set[str], descriptors: _File, features: _File | None,
           advance: Callable[[], None] | None) -> Iterator[tuple[Line, View]]:
    for line in lines:
        if line.image not in left:
            raise VprError(f'{TABLE} line {line.number}: no image {line.image[:200]!r} in '
                           f'{GLOBAL}, or one that was there before')
        left.discard(line.image)
        descriptor = unit_length(descriptors.descriptor(line.image), line.image[:200])
        local = None if features is None else features.features(line.image)
        yield line, View(line.camera, descriptor, b'', local)
        if advance is not None:
            advance()
    if left:
        raise VprError(f'{TABLE} has no line for {len(left)} images, as {min(left)[:200]!r}')


class _File:
    """
    An HDF5 file of a stranger.

    Links are not followed, for they may lead to other files; sizes are checked before reading.
    """

    def __init__(self, h5py: Any, stack: ExitStack, path: Path) -> None:
        self._path = path
        self._names: set[str] = set()

        def visit(name: str, item: Any) -> None:  # links are not visited
            if isinstance(item, h5py.Dataset):
                self._names.add(name)

        try:
            self._file = stack.enter_context(h5py.File(path, 'r'))
            self._file.visititems(visit)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise VprError(f'cannot read {path} as HDF5: {error}') from error

    def images(self, array: str) -> list[str]:
        """Return the images that have an array, in natural order."""
        names = [name.rpartition('/')[0] for name in self._names if name.endswith(f'/{array}')]
        return sorted(names, key=lambda name: [
            (0, int(part), '') if part.isdecimal() and len(part) < 20 else (1, 0, part)
            for part in re.split('([0-9]+)', name) if part])

    def descriptor(self, image: str) -> NDArray[np.float32]:
        """Return what is known of an image as a whole: (D,)."""
        return self._read(f'{image}/global_descriptor', (_LARGEST_DESCRIPTOR,))

    def features(self, image: str) -> LocalFeatures | None:
        """Return the local features of an image, None where it has none."""
        if f'{image}/keypoints' not in self._names:
            return None
        points = self._read(f'{image}/keypoints', (_MOST_FEATURES, 2))
        descriptors = self._read(f'{image}/descriptors', (_WIDEST_FEATURE, _MOST_FEATURES))
        scores = self._read(f'{image}/scores', (_MOST_FEATURES,))
        depths = None
        if f'{image}/depths' in self._names:
            depths = self._read(f'{image}/depths', (_MOST_FEATURES,))
        try:
            return LocalFeatures(points, descriptors.T, scores, depths)
        except ValueError as error:
            raise VprError(f'local features of {image[:200]!r}: {error}') from error

    def _read(self, name: str, largest: tuple[int, ...]) -> NDArray[np.float32]:
        try:
            if name not in self._names:
                raise ValueError('there is no such array in this file')
            item = self._file[name]
            if item.external or item.is_virtual:
                raise ValueError('its numbers stand in another file')
            if item.dtype.kind != 'f' or item.dtype.itemsize > 8:
                raise ValueError(f'not of floating point numbers but {item.dtype}')
            if len(item.shape) != len(largest) or any(
                    size > most for size, most in zip(item.shape, largest, strict=True)):
                raise ValueError(f'of shape {item.shape}, expected at most {largest}')
            if max(math.prod(item.shape), math.prod(item.chunks or ())) > _MOST_NUMBERS:
                raise ValueError(f'of shape {item.shape} in pieces of {item.chunks}, expected at '
                                 f'most {_MOST_NUMBERS} numbers')
            return np.asarray(item[()], np.float32)
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise VprError(f'cannot read {name[:200]!r} of {self._path}: {error}') from error
