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

"""Where a command takes its frames from: a bag or a folder of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.datasets.traverse import Traverse
    from vpr_ros.types import Frame

__all__ = ['BagSource', 'FrameSource', 'open_source', 'TraverseSource']


class FrameSource(Protocol):
    """Frames that can be read more than once."""

    @property
    def label(self) -> str:
        """Return a short name: of the session, when a map is built."""
        ...

    @property
    def path(self) -> Path:
        """Return where the frames come from."""
        ...

    @property
    def count(self) -> int:
        """Return about how many frames there are."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Read the frames from the beginning."""
        ...


@dataclass(frozen=True)
class TraverseSource:
    """The frames of a traverse."""

    path: Path
    traverse: Traverse

    @property
    def label(self) -> str:
        """Return the name of the session."""
        return self.traverse.session

    @property
    def count(self) -> int:
        """Return how many frames there are."""
        return len(self.traverse)

    def frames(self) -> Iterator[Frame]:
        """Read the frames from the beginning."""
        return self.traverse.frames()


@dataclass(frozen=True)
class BagSource:
    """The images of one topic of a bag."""

    path: Path
    topic: str
    camera: str
    pose_topic: str | None
    count: int

    @property
    def label(self) -> str:
        """Return the name of the session."""
        return self.path.stem

    def frames(self) -> Iterator[Frame]:
        """Read the frames from the beginning."""
        from vpr_ros.bags.reader import BagReader

        with BagReader(self.path) as bag:
            yield from bag.frames(self.topic, camera=self.camera, pose_topic=self.pose_topic)


def open_source(bag: Path | None, images: Path | None, *, topic: str = '', camera: str = 'front',
                pose_topic: str = '') -> FrameSource:
    """Open the bag or the folder of images that the user named; exactly one of them."""
    if (bag is None) == (images is None):
        raise VprError('name one source of images: --bag FILE, or --images FOLDER')
    if bag is not None:
        return _open_bag(bag, topic, camera, pose_topic)
    from vpr_ros.datasets.image_folder import read_image_folder

    assert images is not None
    if topic or pose_topic:
        raise VprError('--topic and --pose-topic belong to --bag; a folder of images takes its '
                       'poses from its poses.csv')
    return TraverseSource(images, read_image_folder(images, camera=camera))


def _open_bag(path: Path, topic: str, camera: str, pose_topic: str) -> BagSource:
    from vpr_ros.bags.reader import BagReader

    with BagReader(path) as bag:
        chosen = bag.image_topic(topic or None)
        counts = {t.name: t.count for t in bag.topics()}
    if not counts[chosen]:
        raise VprError(f'{path}: no images on {chosen}')
    return BagSource(path, chosen, camera, pose_topic or None, counts[chosen])
