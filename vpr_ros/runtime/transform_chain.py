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

"""The way from one frame to another, up and down the tree of transforms."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

from vpr_ros.runtime.pose_track import Track
from vpr_ros.types import Pose

__all__ = ['Chain', 'Edge', 'find_chain', 'StillTrack']

#: A transform by the names of its frames: child, parent.
Edge = tuple[str, str]


@dataclass(frozen=True)
class StillTrack:
    """A transform that never changes."""

    pose: Pose

    def at(self, stamp_ns: int) -> Pose:
        """Return the transform."""
        return self.pose


@dataclass(frozen=True)
class Chain:
    """The edges from ``child`` and from ``parent`` up to where they meet, lowest first."""

    from_child: tuple[Edge, ...]
    from_parent: tuple[Edge, ...]

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Return all of them."""
        return self.from_child + self.from_parent

    def track(self, tracks: Mapping[Edge, Track]) -> Track:
        """
        Return what knows where the child was in the parent: at any stamp at which all edges do.

        :param tracks: of each edge.
        """
        return _Followed([tracks[edge] for edge in self.from_child],
                         [tracks[edge] for edge in self.from_parent])


def find_chain(parents: Mapping[str, str], parent: str, child: str) -> Chain | None:
    """
    Return the way from ``child`` to ``parent``, which as in tf2 meet where their ways up do.

    :param parents: of each frame that has one.
    :return: None where they do not meet.
    """
    ours, theirs = _way_up(parents, child), _way_up(parents, parent)
    for steps, name in enumerate(ours):
        if name in theirs:
            return Chain(tuple((low, parents[low]) for low in ours[:steps]),
                         tuple((low, parents[low]) for low in theirs[:theirs.index(name)]))
    return None


def _way_up(parents: Mapping[str, str], name: str) -> list[str]:
    way = [name]
    while (name := parents.get(name, '')) and name not in way:  # a loop must not hold us
        way.append(name)
    return way


@dataclass(frozen=True)
class _Followed:
    from_child: list[Track]
    from_parent: list[Track]

    def at(self, stamp_ns: int) -> Pose | None:
        T_meet_child = _composed(self.from_child, stamp_ns)
        T_meet_parent = _composed(self.from_parent, stamp_ns)
        if T_meet_child is None or T_meet_parent is None:
            return None
        return T_meet_parent.inverse() @ T_meet_child


def _composed(tracks: Iterable[Track], stamp_ns: int) -> Pose | None:
    pose = Pose.identity()
    for track in tracks:
        step = track.at(stamp_ns)
        if step is None:
            return None
        pose = step @ pose
    return pose
