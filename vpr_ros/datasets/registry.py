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
The data sets that are known, by name and by the look of their folders.

A new data set is one file with one class (see :class:`KnownDataset`) and one line here.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar
from typing import Protocol

from vpr_ros.datasets.corridor import Corridor
from vpr_ros.datasets.dataset import Dataset
from vpr_ros.datasets.folders import FolderOfTraverses
from vpr_ros.datasets.folders import SingleFolder
from vpr_ros.datasets.gardens_point import GardensPoint
from vpr_ros.datasets.images import IMAGE_SUFFIXES
from vpr_ros.datasets.nordland import NordlandHd
from vpr_ros.datasets.nordland import NordlandSmall
from vpr_ros.datasets.town.town import Town
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

__all__ = ['dataset_names', 'KnownDataset', 'open_dataset']


class KnownDataset(Dataset, Protocol):
    """
    What a class that reads one published data set adds to :class:`Dataset`.

    :cvar folder_names: what its folder is usually called.
    """

    name: ClassVar[str]
    folder_names: ClassVar[tuple[str, ...]]

    def __init__(self, root: Path) -> None:
        """Open the data set in ``root``; VprError when it is not there."""
        ...

    @classmethod
    def recognises(cls, folder: Path) -> bool:
        """Tell whether ``folder`` looks like this data set; never raises for another one."""
        ...


# The most particular structure first: the first that recognises a folder reads it.
KNOWN: tuple[type[KnownDataset], ...] = (GardensPoint, NordlandSmall, NordlandHd, Corridor)


def dataset_names() -> list[str]:
    """Return the names of the data sets that are known: the town, and the published ones."""
    return [Town.name, *(dataset.name for dataset in KNOWN)]


def open_dataset(path_or_name: str | Path, root: str | Path | None = None) -> Dataset:
    """
    Open a data set.

    * ``open_dataset('town')`` is the generated town; a folder of that name is ``Path('town')`` or
      ``'./town'``.
    * ``open_dataset(folder)`` finds out what it is: a published set, else a folder of traverses
      (every subfolder with images), else one traverse (a folder of images).
    * ``open_dataset(name, root)`` opens a published set by name; ``root`` is its folder or the
      folder that contains it.

    Whatever is missing or not as published is a VprError that says so.
    """
    if root is not None:
        return _open_by_name(str(path_or_name), Path(root))
    if path_or_name == Town.name:
        return Town()
    folder = Path(path_or_name)
    if not folder.exists():
        if str(path_or_name) in dataset_names():
            raise VprError(
                f'{path_or_name} is a known data set, but where is it? Give its folder')
        if folder.name == str(path_or_name):
            unknown = unknown_name('data set', folder.name, dataset_names())
            raise VprError(f'there is no folder {folder} here; taken as a name: {unknown}')
        raise VprError(f'there is no folder {folder}')
    for known in KNOWN:
        if known.recognises(folder):
            return known(folder)
    if FolderOfTraverses.recognises(folder):
        return FolderOfTraverses(folder)
    if SingleFolder.recognises(folder):
        return SingleFolder(folder)
    raise VprError(_nothing_there(folder))


def _open_by_name(name: str, root: Path) -> Dataset:
    by_name = {known.name: known for known in KNOWN}
    if name == Town.name:
        raise VprError(f'the {name} is generated and lies in no folder: open it by name alone')
    if name not in by_name:
        raise unknown_name('data set', name, by_name)
    known = by_name[name]
    if not root.exists():
        raise VprError(f'there is no folder {root}')
    candidates = [root, *(root / folder for folder in known.folder_names)]
    for folder in candidates:
        if folder.exists() and known.recognises(folder):
            return known(folder)
    # Not as published: its own reader knows best what is missing.
    return known(next((folder for folder in candidates[1:] if folder.is_dir()), root))


def _nothing_there(folder: Path) -> str:
    if not folder.is_dir():
        return f'{folder} is a file; expected a folder of traverses or of images'
    inside = [path.name for path in sorted(folder.iterdir()) if path.is_dir() and (
        any(known.recognises(path) for known in KNOWN) or FolderOfTraverses.recognises(path))]
    if inside:
        return f'{folder} holds several data sets ({", ".join(inside)}); open one of them'
    return (f'no images in {folder} or its subfolders: expected files ending in '
            f'{", ".join(IMAGE_SUFFIXES)}')
