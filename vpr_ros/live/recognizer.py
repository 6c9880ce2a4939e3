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

"""What says where images were taken: in a map that is there, or in one that is being made."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vpr_ros.maps.datum import Datum
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure
from vpr_ros.types import Place
from vpr_ros.types import Pose

__all__ = ['MapFacts', 'Recognition', 'Recognizer']


@dataclass(frozen=True)
class MapFacts:
    """
    What there is to say about the map in use.

    :param name: its path, or what it is where it has none.
    :param datum: where on earth its origin lies, where that is known.
    """

    name: str
    map_id: str
    revision: int
    places: int
    network: str
    datum: Datum | None = None

    def __str__(self) -> str:
        if not self.map_id:
            return f'a map that is made on the way, described by {self.network}'
        return f'{self.places} places of {self.name}, described by {self.network}'


@dataclass(frozen=True)
class Recognition:
    """
    What became of the images of one moment.

    :param localization: None where there is nothing to compare them with yet.
    :param closure: where they are a loop closure.
    :param place: the place that they have become, without views; None where they have not.
    :param descriptions: that of the leading camera first; empty for images that were passed over.
    """

    localization: Localization | None = None
    closure: LoopClosure | None = None
    place: Place | None = None
    descriptions: tuple[Description, ...] = ()


class Recognizer(Protocol):
    """Used by one thread at a time; all may raise VprError, and then nothing has changed."""

    def facts(self) -> MapFacts:
        """Return what there is to say about the map."""
        ...

    def recognize(self, frames: Sequence[Frame]) -> Recognition:
        """Say where several cameras were at one moment; the first frame leads."""
        ...

    def change_settings(self, settings: LocalizeSettings) -> None:
        """Go on with other settings, those of which are live."""
        ...

    def reset(self) -> None:
        """Forget where the robot was; an online map is begun anew."""
        ...

    def resume(self) -> None:
        """Go on after a break, where it was: no image that comes follows the last one."""
        ...

    def update_poses(self, poses: Mapping[int, Pose]) -> None:
        """Move places, by their ids, to where a SLAM system has them now."""
        ...

    def save(self, path: Path, *, overwrite: bool) -> int:
        """Write the map to a file, and return how many places it has."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...
