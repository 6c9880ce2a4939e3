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
Where indexes are kept between runs, and which files there are read.

``$XDG_CACHE_HOME/vpr_ros/maps/<map>/<state>/`` (or below ``~/.cache``). FAISS parses its files in
native code, so only what this user alone can have written is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
import hashlib
import logging
import os
from pathlib import Path
import re
import secrets
import shutil
import stat
import time
from typing import BinaryIO
from typing import TypeVar

import pydantic

__all__ = ['CacheFolder', 'Facts', 'is_ours', 'read_facts', 'write_facts', 'write_whole']

_LOG = logging.getLogger(__name__)
_LARGEST_FACTS = 1024 * 1024
# What a process that died was writing.
_UNFINISHED = '.part'
_UNFINISHED_FOR_S = 24 * 3600


class Facts(pydantic.BaseModel):
    """What a JSON file says of the data beside it; anything else than expected is refused."""

    model_config = pydantic.ConfigDict(frozen=True, extra='forbid', strict=True,
                                       allow_inf_nan=False)

    version: int


_F = TypeVar('_F', bound=Facts)


class CacheFolder:
    """
    The folder of one map, with a folder for each of its states.

    :param map_id: as a map file says, so anything.
    """

    def __init__(self, map_id: str) -> None:
        home = os.environ.get('XDG_CACHE_HOME', '')
        # As its specification says: a relative path there counts for nothing.
        above = Path(home) if os.path.isabs(home) else Path.home() / '.cache'
        self.path = above / 'vpr_ros' / 'maps' / _file_name(map_id)

    def of(self, state: str) -> Path:
        """Return the folder of a state, whether it is there or not."""
        return self.path / _file_name(state)

    def make(self, state: str) -> Path:
        """Return the folder of a state, made for this user alone where it is not there."""
        folder = self.of(state)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def others(self, state: str) -> list[Path]:
        """Return the folders of other states, the newest first."""
        if not self.path.is_dir():
            return []
        with os.scandir(self.path) as entries:
            found = [(entry.stat().st_mtime_ns, entry.path) for entry in entries
                     if entry.is_dir() and entry.name != _file_name(state)]
        return [Path(path) for _, path in sorted(found, reverse=True)]

    def rename(self, folder: Path, state: str) -> Path:
        """Let the folder of an earlier state, of which nothing has changed, be that of another."""
        shutil.rmtree(self.of(state), ignore_errors=True)
        return folder.rename(self.of(state))

    def forget(self, folders: Iterable[Path]) -> None:
        """Remove folders of states; whoever has their files mapped keeps them."""
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _file_name(text: str) -> str:
    """Return a name of a file for what may come from a stranger's map."""
    if re.fullmatch('[0-9a-f-]{1,64}', text):
        return text
    return hashlib.sha256(text.encode()).hexdigest()


def is_ours(path: Path, size: int | None = None) -> bool:
    """Return whether a file and its folder are this user's to write, and it has a size."""
    try:
        found, above = path.lstat(), path.parent.lstat()
    except OSError:
        return False
    ours = all(s.st_uid == os.geteuid() and not s.st_mode & 0o022 for s in (found, above))
    return ours and stat.S_ISREG(found.st_mode) and size in (None, found.st_size)


def read_facts(path: Path, kind: type[_F], version: int) -> _F | None:
    """Return what a file of :func:`write_facts` says, or None for what is no such file."""
    if not is_ours(path) or path.stat().st_size > _LARGEST_FACTS:
        return None
    try:
        facts = kind.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        _LOG.info('%s is made again: %s', path, error)
        return None
    return facts if facts.version == version else None


def write_facts(path: Path, facts: Facts) -> None:
    """Write facts; the data that they tell of is whole by then."""
    write_whole(path, lambda file: file.write(facts.model_dump_json(indent=1).encode()))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file under another name, and give it its own when it is whole and on the disk."""
    for left in path.parent.glob(f'*{_UNFINISHED}'):
        if time.time() - left.stat().st_mtime > _UNFINISHED_FOR_S:
            left.unlink(missing_ok=True)
    unfinished = path.with_name(f'{path.name}.{secrets.token_hex(4)}{_UNFINISHED}')
    try:
        with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), 'w+b') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
