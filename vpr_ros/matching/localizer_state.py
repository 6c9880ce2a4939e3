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


"""What a localizer remembers, to be kept while it is switched off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.matching.follower import FollowerState

__all__ = ['LocalizerState']

_FORMAT = 2
_LARGEST_BYTES = 1 << 28
# What reading a damaged or a hostile file raises: an array that claims to be huge, a member that
# is encrypted, or packed in a way that nobody knows.
_UNREADABLE = (OSError, ValueError, TypeError, KeyError, EOFError, MemoryError, RuntimeError,
               zipfile.BadZipFile, zlib.error)
_ABOUT = ('format', 'map_id', 'map_revision', 'kind', 'last_ns', 'support')


@dataclass(frozen=True, eq=False)
class LocalizerState:
    """
    All that a localizer remembers of earlier frames.

    :param last_ns: the latest stamp it has seen, None for none.
    :param support: (5,) what is remembered of geometry, see
        :class:`vpr_ros.matching.support.Support`.
    """

    map_id: str
    map_revision: int
    last_ns: int | None
    follower: FollowerState
    support: NDArray[np.float64]

    def check(self, map_id: str, map_revision: int) -> None:
        """Raise a VprError when it is of another map, or of another revision of this one."""
        if (self.map_id, self.map_revision) != (map_id, map_revision):
            raise VprError(
                f'this state is of map {self.map_id}, revision {self.map_revision}, and not of '
                f'{map_id}, revision {map_revision}: places may have moved; start anew')

    def write(self, path: Path) -> None:
        """Write a file of arrays (NumPy's .npz, without pickles)."""
        about: dict[str, NDArray[Any]] = {
            'format': np.array(_FORMAT), 'map_id': np.array(self.map_id),
            'map_revision': np.array(self.map_revision), 'kind': np.array(self.follower.kind),
            'last_ns': np.array([] if self.last_ns is None else [self.last_ns], np.int64),
            'support': self.support}
        with path.open('wb') as file:
            np.savez(file, allow_pickle=False, **about,
                     **{f'follower.{name}': a for name, a in self.follower.arrays.items()})

    @classmethod
    def read(cls, path: Path) -> LocalizerState:
        """Read such a file; VprError for anything else."""
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
            if size > _LARGEST_BYTES:
                raise VprError(f'{path} holds {size} bytes, more than a state ever has '
                               f'({_LARGEST_BYTES})')
            with np.load(path, allow_pickle=False) as arrays:
                about = {name: arrays[name] for name in _ABOUT}
                held = {name.removeprefix('follower.'): arrays[name] for name in arrays.files
                        if name.startswith('follower.')}
            found = int(about['format'])
            last = about['last_ns']
            state = cls(str(about['map_id']), int(about['map_revision']),
                        int(last[0]) if len(last) else None,
                        FollowerState(str(about['kind']), held), about['support'])
        except _UNREADABLE as error:
            raise VprError(f'{path} is no saved state of a localizer: {error}') from error
        if found != _FORMAT:
            raise VprError(f'{path} has format {found}, this version reads {_FORMAT}: start anew')
        return state
