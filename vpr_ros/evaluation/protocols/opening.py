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
The pairs of a protocol, opened from the data sets that are there.

Every data set that the package can read may be compared; where it lies is not part of a protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from vpr_ros.config import make_settings
from vpr_ros.config import parse_assignments
from vpr_ros.datasets.crop import CroppedImages
from vpr_ros.datasets.dataset import Dataset
from vpr_ros.datasets.dataset import PublishedDataset
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.datasets.listing import folder_names
from vpr_ros.datasets.reading import choose_frames
from vpr_ros.datasets.reading import ReadingSettings
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.datasets.registry import published
from vpr_ros.datasets.registry import recognised
from vpr_ros.datasets.town.town import Town
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import VprError
from vpr_ros.evaluation.protocols.protocol import Crop
from vpr_ros.evaluation.protocols.protocol import Pair
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.protocols.truth import find_truth

__all__ = ['MissingData', 'open_pair', 'OpenPair', 'OWN_FOLDER']

#: What a pair calls a folder of traverses that is no published set.
OWN_FOLDER = 'folder'
# Folders of real images hold several sets below one of this name.
_SETS_BELOW = 'benchmark'
_NAMES_SHOWN = 6
_DIGEST_DIGITS = 12
# Positions are computed from degrees, and no two machines agree in the last bits.
_DIGEST_STEP_M = 0.01


class MissingData(VprError):
    """What a pair compares is in none of the folders; others of its protocol may be."""


@dataclass(frozen=True, eq=False)
class OpenPair:
    """
    Two traverses, and which of their frames show one place.

    :param digest: of the frames and of which are right, not of their pixels, nor of where they
        lie: two who have one digest compared the same frames by the same truth.
    :param notes: what a person should know of the data, with the name of the traverse in front.
    """

    pair: Pair
    reference: Traverse
    query: Traverse
    truth: GroundTruth
    digest: str
    notes: tuple[str, ...] = ()


def open_pair(pair: Pair, folders: Sequence[Path], *,
              protocol: Protocol | None = None) -> OpenPair:
    """
    Open a pair; no image is read but where a data set is chosen by its images.

    :param folders: where data sets lie: each is the folder of one, or one that holds it, or one
        that holds ``benchmark`` with it. The first with both traverses is taken. The town needs
        none.
    :param protocol: of the pair, for messages, and for where the lists of its truth lie: without
        it, in the working directory.
    :raises MissingData: when the traverses are in none of the folders.
    :raises VprError: when they are damaged, or do not give the truth that the pair asks for.
    """
    where = f'{protocol.name}, {pair.name}' if protocol else pair.name
    try:
        dataset = _find(pair, folders)
        whole = [dataset.traverse(name) for name in (pair.reference, pair.query)]
        reference, query = (choose_frames(_part(traverse, pair), settings)
                            for traverse, settings in zip(whole, _thinned(pair), strict=True))
        truth = find_truth(pair, dataset, whole, (reference, query),
                           lists=protocol.folder if protocol else Path())
    except MissingData as error:
        raise MissingData(f'{where}: {error}') from error
    except VprError as error:
        raise VprError(f'{where}: {error}') from error
    if not truth.has_match().any():
        raise VprError(f'{where}: no reference of {pair.reference} shows the place of any query '
                       f'of {pair.query} ({truth.protocol}): do they belong together?')
    return OpenPair(pair, _cropped(reference, pair.reference_crop),
                    _cropped(query, pair.query_crop), truth, _digest(reference, query, truth),
                    (*_notes(reference, query), *_itself(reference, query)))


def _part(traverse: Traverse, pair: Pair) -> Traverse:
    if pair.part is None:
        return traverse
    first, behind = pair.part
    numbers = traverse.source_indices
    kept = np.flatnonzero((numbers >= first) & (numbers < behind))
    if not len(kept) or behind > len(traverse.images):
        raise VprError(f'frames {first} to {behind - 1} are compared, but {traverse.name} has '
                       f'{len(traverse.images)}')
    return traverse.select(kept)


def _thinned(pair: Pair) -> tuple[ReadingSettings, ReadingSettings]:
    return (ReadingSettings(every_m=pair.reference_every_m, every_s=pair.reference_every_s),
            ReadingSettings(every_m=pair.query_every_m, every_s=pair.query_every_s))


def _find(pair: Pair, folders: Sequence[Path]) -> Dataset:
    """Return the first data set that has both traverses."""
    if pair.data == Town.name:
        return open_dataset(Town.name, options=pair.options)
    for folder in folders:
        if not folder.exists():
            raise VprError(f'there is no folder {folder}, where data sets should lie')
    known = None if pair.data == OWN_FOLDER else published(pair.data)
    # Before any folder is looked at: an option that is wrong is so in all of them.
    model = ReadingSettings if known is None else known.settings_type
    settings = make_settings(model, parse_assignments(model, pair.options))
    there: list[str] = []
    damaged: list[VprError] = []
    for dataset in _opened(known, settings, pair, folders, damaged):
        if _has(dataset, pair.reference) and _has(dataset, pair.query):
            return dataset
        names = dataset.traverses()
        there.append(f'{dataset.root} has {", ".join(names[:_NAMES_SHOWN])} '
                     + ('alone' if len(names) <= _NAMES_SHOWN
                        else f'and {len(names) - _NAMES_SHOWN} more'))
    if damaged:
        raise damaged[0]
    raise MissingData(_missing(known, pair, folders, there))


def _opened(known: type[PublishedDataset[Any]] | None, settings: ReadingSettings, pair: Pair,
            folders: Sequence[Path], damaged: list[VprError]) -> Iterator[Dataset]:
    """Yield what may be the data set; errors of what is, but cannot be read, go to a list."""
    if known is None:
        for folder in folders:
            try:
                yield open_dataset(folder, options=pair.options)
            except VprError:
                continue
        return
    roots = list(dict.fromkeys(root for folder in folders for root in _roots(known, folder)))
    # A set that looks as it was published goes before what may be a part of it, or another one.
    roots.sort(key=lambda root: not known.recognises(root))
    for root in roots:
        other = recognised(root)
        # Several sets are made of the same folder, and none of those knows it for its own.
        if other not in (None, known) and not set(other.folder_names) & set(known.folder_names):
            continue
        try:
            yield known(root, settings)
        except VprError as error:
            if known.recognises(root):
                damaged.append(error)


def _roots(known: type[PublishedDataset[Any]], folder: Path) -> Iterator[Path]:
    for base in (folder, folder / _SETS_BELOW):
        if base.is_dir():
            yield from (base / name for name in folder_names(base) if name in known.folder_names)
            yield base


def _has(dataset: Dataset, name: str) -> bool:
    real = getattr(dataset, 'aliases', {}).get(name, name)
    # Parts of a traverse are named below it, and are too many to be listed.
    return any(real == listed or real.startswith(f'{listed}/') for listed in dataset.traverses())


def _missing(known: type[PublishedDataset[Any]] | None, pair: Pair, folders: Sequence[Path],
             there: Sequence[str]) -> str:
    title = 'a folder of traverses' if known is None else known.title
    places = ', '.join(map(str, folders))
    text = f'{pair.reference} and {pair.query} of {title} are needed'
    text += (f', and are in none of these folders: {places}' if places
             else ', and no folder with data sets is given')
    if there:
        text += f' ({"; ".join(there)})'
    if known is not None:
        text += f'; expected {known.layout}; it comes from {known.source}'
    return f'{text}. Say with --data where it lies'


def _cropped(traverse: Traverse, crop: Crop) -> Traverse:
    parts = crop.parts()
    if not parts:
        return traverse
    camera = traverse.calibration
    # A depth camera is cut by no reader, so its depths would no longer fit the images.
    return replace(traverse, images=CroppedImages(traverse.images, parts), depths=None,
                   calibration=None if camera is None else parts.camera(camera))


def _notes(reference: Traverse, query: Traverse) -> tuple[str, ...]:
    both = [note for note in dict.fromkeys(reference.notes) if note in query.notes]
    return (*both, *(f'{traverse.name}: {note}' for traverse in (reference, query)
                     for note in dict.fromkeys(traverse.notes) if note not in both))


def _itself(reference: Traverse, query: Traverse) -> tuple[str, ...]:
    if reference.session != query.session or not np.intersect1d(
            reference.source_indices, query.source_indices).size:
        return ()
    return ('reference and query are the same images, so each finds itself: this measures '
            'nothing',)


def _digest(reference: Traverse, query: Traverse, truth: GroundTruth) -> str:
    digest = hashlib.sha256()
    for part in (*_told(reference), *_told(query), truth.match_counts(),
                 *(truth.matches(index) for index in range(truth.n_queries))):
        known = part.encode() if isinstance(part, str) else np.asarray(part, '<i8').tobytes()
        # Their lengths too, so that nothing can move from one part into the next.
        digest.update(len(known).to_bytes(8, 'little') + known)
    return digest.hexdigest()[:_DIGEST_DIGITS]


def _told(traverse: Traverse) -> Iterator[Any]:
    yield np.array([len(traverse)])
    yield from (traverse.label(index) for index in range(len(traverse)))
    yield traverse.source_indices
    yield traverse.stamps_ns
    for pose in traverse.poses or ():
        yield np.zeros(0) if pose is None else np.rint(pose.position / _DIGEST_STEP_M)
