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

"""What every data set offers, and what the readers of known ones share."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar
from typing import Protocol
from typing import runtime_checkable

from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.datasets.images import list_images
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

__all__ = ['check_traverse', 'Dataset', 'numbered_images', 'SynchronisedDataset']


@runtime_checkable
class Dataset(Protocol):
    """Traverses through the same places, and which of their frames show the same place."""

    @property
    def name(self) -> str:
        """Return the name of the data set."""
        ...

    @property
    def root(self) -> Path:
        """Return the folder it was read from."""
        ...

    def traverses(self) -> list[str]:
        """Return the names of the traverses that are there, in a useful order."""
        ...

    def traverse(self, name: str) -> Traverse:
        """Return a traverse; VprError for a name that is not there, or damaged files."""
        ...

    def ground_truth(
            self, reference: str, query: str, *, tolerance: float | None = None,
    ) -> GroundTruth | None:
        """
        Return which frames of ``reference`` are correct for each frame of ``query``.

        :param tolerance: in place of the published one: frames or metres, as the data set uses.
        :returns: None when the data set does not know.
        """
        ...


def check_traverse(dataset: str, name: str, present: list[str]) -> None:
    """Raise the error for a traverse that is not there."""
    if name not in present:
        raise unknown_name(f'traverse of {dataset}', name, present)


def numbered_images(folder: Path, pattern: str, *, first: int, published: int,
                    source: str) -> list[Path]:
    """
    Return the images of a traverse whose file numbers are its ground truth.

    A gap would shift every frame behind it against the other traverses, so each number from
    ``first`` on must be there.

    :param pattern: file name of image ``n``, for ``str.format``, such as ``Image{:03d}.jpg``.
    :param published: how many images the published traverse has.
    :param source: where the data set comes from, for the message.
    """
    images = list_images(folder)
    wanted = {pattern.format(first + i) for i in range(len(images))}
    missing = sorted(wanted - {path.name for path in images})
    if not images or missing:
        last = pattern.format(first + published - 1)
        what = f'{missing[0]} is missing' if missing else 'there are no images'
        raise VprError(
            f'{folder}: {what}; expected {pattern.format(first)} to {last} without a gap, '
            f'because the frame number is the ground truth ({source})')
    return images


class SynchronisedDataset:
    """
    Base of data sets whose frames show the same place when their number is the same.

    :cvar name: what users call it.
    :cvar folder_names: what its folder is usually called.
    :cvar tolerance_frames: how far apart the published protocol lets the numbers be.
    """

    name: ClassVar[str]
    folder_names: ClassVar[tuple[str, ...]]
    tolerance_frames: ClassVar[int]

    def traverse(self, name: str) -> Traverse:
        """Return a traverse."""
        raise NotImplementedError

    def ground_truth(self, reference: str, query: str, *,
                     tolerance: float | None = None) -> GroundTruth:
        """Return the truth: same frame number, give or take ``tolerance`` frames."""
        frames = self.tolerance_frames if tolerance is None else tolerance
        if frames != int(frames) or frames < 0:
            raise VprError(
                f'the tolerance of {self.name} is a whole number of frames, got {frames:g}')
        references = self.traverse(reference)
        queries = self.traverse(query)
        if len(references) != len(queries):
            raise VprError(
                f'{self.name}: {reference} has {len(references)} frames but {query} has '
                f'{len(queries)}; frames are the same place when their number is the same, so '
                'one of the two is incomplete')
        return GroundTruth.from_frame_tolerance(len(queries), len(references), int(frames))
