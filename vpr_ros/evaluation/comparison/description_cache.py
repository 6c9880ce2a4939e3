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
Descriptions that are made once: by one network, of the frames of one traverse.

A long traverse takes hours to describe, so what was described is written some dozens of frames at
a time: a run that is killed goes on with the frames that it had not written.

A traverse is known by the names, stamps and sizes of its images and by the pixels of some of them.
One image that was replaced by another is noticed by its size in bytes, or when it is one of those
that are read; where images are no files (a film), by the latter alone.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from functools import lru_cache
import hashlib
import json
import logging
import os
from pathlib import Path
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.bags.fingerprint import fingerprints
from vpr_ros.datasets.crop import CroppedImages
from vpr_ros.datasets.files import FilesIn
from vpr_ros.datasets.images import ImageFiles
from vpr_ros.datasets.traverse import ImageSource
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.shards import LacksFeatures
from vpr_ros.evaluation.comparison.shards import pack
from vpr_ros.evaluation.comparison.shards import Shard
from vpr_ros.evaluation.comparison.shards import unpack
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.sequences import FrameWindow
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.runtime.whole_file import write_whole
from vpr_ros.types import Description
from vpr_ros.types import Frame

__all__ = ['default_cache_folder', 'Described', 'DescriptionCache', 'Told', 'traverse_digest']

_LOG = logging.getLogger(__name__)
Array = NDArray[Any]
# Done and total, in frames.
Told = Callable[[int, int], None]

# Raised when descriptions of the same key would come out otherwise.
_VERSION = 1
# Of so many traverses the digest is remembered: those of a large protocol.
_TRAVERSES = 128
# A run that is killed describes at most so many frames again.
_FRAMES = 64
# Of so many images of a traverse the pixels are compared.
_SAMPLED = 16
_DIGITS = 20


def default_cache_folder() -> Path:
    """Return where descriptions are kept: ``$XDG_CACHE_HOME/vpr_ros/descriptions``."""
    home = os.environ.get('XDG_CACHE_HOME', '')
    # As its specification says: a relative path there counts for nothing.
    above = Path(home) if os.path.isabs(home) else Path.home() / '.cache'
    return above / 'vpr_ros' / 'descriptions'


@dataclass(frozen=True, eq=False)
class Described:
    """
    A traverse as a network sees it.

    :param files: the shards, in the order of the frames; each but the last of one length.
    :param kind: which local features were asked for, empty for none.
    """

    traverse: Traverse
    files: tuple[Path, ...]
    dimension: int
    frames_of_file: int
    kind: str

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.traverse)

    @cached_property
    def descriptors(self) -> Array:
        """Return (n, D) float32."""
        found = np.empty((len(self), self.dimension), np.float32)
        for start, shard in self._shards():
            found[start:start + len(shard)] = shard.descriptors
        return found

    @cached_property
    def seconds(self) -> Array:
        """Return (n,) float32 how long it took to describe each frame, when that was done."""
        return np.concatenate([
            np.zeros(0, np.float32), *(s.seconds for _, s in self._shards())])

    def descriptions(self) -> Iterator[Description]:
        """Yield the descriptions of all frames in order, some hundred in memory at a time."""
        for start, shard in self._shards(self.kind):
            for row in range(len(shard)):
                yield Description(
                    int(self.traverse.stamps_ns[start + row]), shard.descriptors[row],
                    self.traverse.camera,
                    local_features=None if shard.features is None else shard.features[row])

    def attention(self, index: int) -> Array | None:
        """Return (h, w) uint8 where the network looked in a frame, None where it does not say."""
        file, row = divmod(index, self.frames_of_file)
        shard = _read(self.files[file], count=self._count(file), dimension=self.dimension)
        return None if shard is None or shard.attention is None else shard.attention[row]

    def _shards(self, kind: str = '') -> Iterator[tuple[int, Shard]]:
        for number, path in enumerate(self.files):
            shard = _read(path, count=self._count(number), dimension=self.dimension, kind=kind)
            if shard is None:
                raise VprError(f'{path} was there and cannot be read any more: do not clear the '
                               'cache while an evaluation runs, and begin it again')
            yield number * self.frames_of_file, shard

    def _count(self, file: int) -> int:
        return min(self.frames_of_file, len(self) - file * self.frames_of_file)


class DescriptionCache:
    """
    Keeps descriptions in a folder, with one folder for each network and traverse.

    :param folder: made when the first is written.
    :param frames: how many go into one file: so many a run that is killed describes again at
        most.
    """

    def __init__(self, folder: Path, *, frames: int = _FRAMES) -> None:
        self._folder = folder
        self._frames = frames

    def describe(self, extractor: Extractor, settings: ExtractionSettings, traverse: Traverse,
                 told: Told | None = None) -> Described:
        """
        Return the descriptions of a traverse; frames that were described before are not read.

        :param settings: those that the extractor was made with.
        :param told: is told how many frames are done.
        :raises VprError: when an image cannot be read, or the folder not be written.
        """
        folder = self._open(extractor, settings, traverse)
        files = tuple(folder / f'{start // self._frames:06d}.npz'
                      for start in range(0, len(traverse), self._frames))
        dimension = extractor.identity.dimension
        kind = f'{extractor.local_kind}, {settings.local_count}' if extractor.local_kind else ''
        if told is not None:
            told(0, len(traverse))
        extractor.restart()
        fed = 0  # the extractor has seen all frames before this one
        for number, path in enumerate(files):
            start = number * self._frames
            rows = range(start, min(start + self._frames, len(traverse)))
            if _read(path, count=len(rows), dimension=dimension, kind=kind) is None:
                if fed != start:
                    self._replay(extractor, settings, traverse, rows)
                shard = self._described(extractor, settings, traverse, rows, kind, told)
                fed = rows.stop
                try:
                    write_whole(path, pack(shard))
                except OSError as error:
                    raise _unwritable(self._folder, error) from error
            if told is not None:
                told(rows.stop, len(traverse))
        return Described(traverse, files, dimension, self._frames, kind)

    def _open(self, extractor: Extractor, settings: ExtractionSettings,
              traverse: Traverse) -> Path:
        network = json.dumps({
            'version': _VERSION, 'identity': json.loads(extractor.identity.to_json()),
            'frames': extractor.frames,
            'spacing_s': settings.sequence_spacing_s if extractor.frames > 1 else 0.0,
            'device': _kind_of(settings.device), 'frames_of_file': self._frames}, sort_keys=True)
        name = extractor.identity.name.replace('/', '_')
        above = self._folder / f'{name}-{_digest(network)}'
        folder = above / traverse_digest(traverse)
        try:
            # For this user alone: images of a home may be told from their descriptors.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = above / 'network.json'
            if not about.exists():
                write_whole(about, network.encode())
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return folder

    def _described(self, extractor: Extractor, settings: ExtractionSettings, traverse: Traverse,
                   rows: range, kind: str, told: Told | None) -> Shard:
        found: list[Description] = []
        seconds: list[float] = []
        for at in range(rows.start, rows.stop, settings.batch_size):
            batch = [traverse.frame(i)
                     for i in range(at, min(at + settings.batch_size, rows.stop))]
            began = time.perf_counter()
            found += extractor.describe_batch(batch)
            seconds += [(time.perf_counter() - began) / len(batch)] * len(batch)
            if told is not None:
                told(at + len(batch), len(traverse))
        return Shard.of(found, seconds, kind)

    @staticmethod
    def _replay(extractor: Extractor, settings: ExtractionSettings, traverse: Traverse,
                rows: range) -> None:
        """Show a network of sequences the earlier frames that belong to those of some rows."""
        extractor.restart()
        if extractor.frames < 2:
            return
        for frame in _frames_before(traverse, rows, extractor.frames,
                                    round(settings.sequence_spacing_s * 1e9)):
            extractor.describe_batch([frame])


def _frames_before(traverse: Traverse, rows: range, length: int,
                   spacing_ns: int) -> Iterator[Frame]:
    """Yield the frames before some rows that are in sequences of those or of later ones."""
    window: Any = FrameWindow(length, spacing_ns)
    wanted: set[int] = set()
    stamps = [int(stamp) for stamp in traverse.stamps_ns]
    for index, stamp in enumerate(stamps):
        sequence = window.push(stamp, index)
        if index >= rows.start:
            wanted.update(sequence)
        # Of the frames that are kept, the last is in a sequence once the spacing has passed: until
        # then it decides which of the rows are kept for those behind them.
        if index >= rows.stop - 1 and stamp - stamps[rows.start - 1] >= spacing_ns:
            break
    for index in sorted(i for i in wanted if i < rows.start):
        yield traverse.frame(index)


@lru_cache(maxsize=_TRAVERSES)
def traverse_digest(traverse: Traverse) -> str:
    """Return what tells the images of a traverse from others; reads some of them, once."""
    known = fingerprints([traverse])
    digest = hashlib.sha256(f'{known["images"]} {known["stamps"]}'.encode())
    for index in traverse.source_indices:
        digest.update(f'{_file_size(traverse.images, int(index))} '.encode())
    for index in np.unique(np.linspace(0, max(0, len(traverse) - 1), _SAMPLED).round()):
        if len(traverse):
            image = traverse.frame(int(index)).image
            digest.update(str(image.shape).encode() + np.ascontiguousarray(image).tobytes())
    # The geometry of local features is in pixels, which a crop moves.
    digest.update(known.get('calibration', '').encode())
    return digest.hexdigest()[:_DIGITS]


def _file_size(images: ImageSource, index: int) -> int:
    """Return the bytes of an image file, -1 where it is none of its own."""
    if isinstance(images, CroppedImages):
        return _file_size(images.source, index)
    if isinstance(images, ImageFiles):
        path = str(images.paths[index])
    elif isinstance(images, FilesIn):
        path = os.path.join(images.folder, images.names[index])
    else:
        return -1
    try:
        return os.stat(path).st_size
    except OSError:  # who reads it says what is wrong
        return -1


def _read(path: Path, *, count: int, dimension: int, kind: str = '') -> Shard | None:
    """Return a shard; None where there is none, or one that is damaged, which is told."""
    try:
        return unpack(path.read_bytes(), count=count, dimension=dimension, kind=kind)
    except (FileNotFoundError, LacksFeatures):
        return None
    except (OSError, ValueError) as error:
        _LOG.warning('%s is damaged (%s): its frames are described again', path, error)
        return None


def _kind_of(device: str) -> str:
    """Return what describes: another kind of device rounds otherwise and takes another time."""
    import torch

    if device == 'auto':
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    return device.partition(':')[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _unwritable(folder: Path, error: OSError) -> VprError:
    return VprError(f'descriptions cannot be kept in {folder} ({error.strerror or error}): name '
                    'another folder with --cache, or give --no-cache')
