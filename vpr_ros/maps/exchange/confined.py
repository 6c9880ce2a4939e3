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

"""Folders that are made whole or not at all, and names that stay inside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import re
import shutil

from vpr_ros.errors import VprError
from vpr_ros.maps.unfinished import alone
from vpr_ros.maps.unfinished import refuse

__all__ = ['inside', 'plain_names', 'unfinished_folder']


@contextmanager
def unfinished_folder(out: Path) -> Iterator[Path]:
    """Yield a new folder beside ``out``, which must be new; in the end it becomes ``out``."""
    refuse(out)
    with alone(out) as path:
        shutil.rmtree(path, ignore_errors=True)
        try:
            path.mkdir()
            yield path
            path.rename(out)
        except OSError as error:
            raise VprError(f'cannot write {out}: {error.strerror or error}') from error
        finally:
            shutil.rmtree(path, ignore_errors=True)


def inside(folder: Path, name: str) -> Path:
    """Return a file of a folder that came from outside; a link that leads out is refused."""
    path = folder / name
    if not path.is_file():
        raise VprError(f'{folder} holds no file {name}, so it is not of this --format (numpy or '
                       'hloc; a folder of images is for "vpr_ros map build --images")')
    if not path.resolve().is_relative_to(folder.resolve()):
        raise VprError(f'{path} leads out of its folder: nothing outside of it is read')
    return path


def plain_names(names: list[str]) -> dict[str, str]:
    """Return for each name one that any file system takes, and that no other has."""
    plain: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        base = re.sub(r'[^A-Za-z0-9._()-]+', '_', name)[:100].strip('. _') or '_'
        new, number = base, 1
        while new.lower() in taken:  # some file systems do not tell cases apart
            number += 1
            new = f'{base}_{number}'
        taken.add(new.lower())
        plain[name] = new
    return plain
