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

"""The tree of transforms as it comes in, asked at any stamp of the last seconds."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Condition

from vpr_ros.messages.geometry import StampedPose
from vpr_ros.runtime.live_track import is_due
from vpr_ros.runtime.live_track import LiveTrack
from vpr_ros.runtime.pose_track import Track
from vpr_ros.runtime.transform_chain import Chain
from vpr_ros.runtime.transform_chain import Edge
from vpr_ros.runtime.transform_chain import find_chain
from vpr_ros.runtime.transform_chain import StillTrack
from vpr_ros.types import Pose

__all__ = ['LiveTransforms']

# What has not moved for so long is not known now, whoever asks; it comes back when it moves.
_SILENT_NS = 20_000_000_000


class LiveTransforms:
    """
    The last ten seconds of each transform, and static ones.

    More is kept of them where earlier ones will yet be asked for. One thread tells while another
    asks. Each transform between two frames is interpolated alone, as
    :func:`vpr_ros.runtime.transform_tree.transform_track` does. A frame that a static transform
    places is not placed by moving ones.

    A robot publishes each of its joints: once somebody has asked, of transforms that were not
    needed for it only the last sample is kept.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._parents: dict[str, str] = {}
        self._still: dict[Edge, StillTrack] = {}
        self._moving: dict[Edge, LiveTrack] = {}
        self._asked: set[tuple[str, str]] = set()
        self._needed: frozenset[Edge] | None = None
        self._hurried = False

    def hear(self, transforms: Iterable[StampedPose], *, still: bool,
             asked_ns: int | None = None) -> None:
        """
        Take in transforms.

        :param still: whether they hold for all time (``/tf_static``).
        :param asked_ns: the earliest stamp that somebody waits to ask for, where one does.
        """
        with self._changed:
            self._hurried = False
            for transform in transforms:
                if still:
                    self._place(transform)
                else:
                    self._move(transform, asked_ns)
            self._changed.notify_all()

    def at(self, parent: str, child: str, stamp_ns: int) -> Pose | None:
        """Return where ``child`` was in ``parent``, or None when it is not known."""
        with self._changed:
            chain = self._chain(parent, child)
            track = None if chain is None else chain.track(self._tracks(chain))
        return None if track is None else track.at(stamp_ns)

    def last_ns(self, parent: str, child: str) -> int | None:
        """
        Return the stamp up to which all that moves between two frames is known.

        :return: None where nothing joins them, or nothing that moves.
        """
        with self._changed:
            chain = self._chain(parent, child)
            moving = [] if chain is None else [
                self._moving[edge] for edge in chain.edges if edge in self._moving]
            stamps_ns = [track.last_ns for track in moving if track.last_ns is not None]
        return min(stamps_ns, default=None)

    def wait(self, parent: str, child: str, stamp_ns: int, timeout_s: float) -> Pose | None:
        """
        Return where ``child`` was in ``parent``, once all between them has come.

        Where nothing :func:`is_due <vpr_ros.runtime.live_track.is_due>`, all is forgotten, or
        there is a :meth:`hurry`, what is known is returned at once.

        :param timeout_s: how long to wait at most, for what is known then.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._hurried or not is_due(stamp_ns, self.last_ns(parent, child)),
                timeout_s)
        return self.at(parent, child, stamp_ns)

    def hurry(self) -> None:
        """Let nobody wait before the next transform comes, as when nobody listens for one."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all that moved, as when time goes back; static transforms stay."""
        with self._changed:
            for child, _ in self._moving:
                del self._parents[child]
            self._moving.clear()
            self._changed.notify_all()

    def _place(self, transform: StampedPose) -> None:
        self._set_parent(transform.child, transform.parent)
        edge = transform.child, transform.parent
        self._moving.pop(edge, None)
        self._still[edge] = StillTrack(transform.pose)

    def _move(self, transform: StampedPose, asked_ns: int | None) -> None:
        edge = transform.child, transform.parent
        if (transform.child, self._parents.get(transform.child, '')) in self._still:
            return
        if edge not in self._moving:
            self._forget_silent(transform.stamp_ns)
            self._set_parent(*edge)
            self._moving[edge] = LiveTrack()
        if self._needed is not None and edge not in self._needed:
            self._moving[edge].clear()
        self._moving[edge].add(transform, asked_ns=asked_ns)

    def _set_parent(self, child: str, parent: str) -> None:
        before = self._parents.get(child, '')
        if before == parent:
            return
        self._still.pop((child, before), None)
        self._moving.pop((child, before), None)
        self._parents[child] = parent
        self._find_needed()

    def _forget_silent(self, now_ns: int) -> None:
        # Some give a name of its own to each thing that they see.
        silent = [edge for edge, track in self._moving.items()
                  if track.last_ns is not None and track.last_ns < now_ns - _SILENT_NS]
        for child, parent in silent:
            del self._moving[child, parent], self._parents[child]

    def _chain(self, parent: str, child: str) -> Chain | None:
        if (parent, child) not in self._asked:
            self._asked.add((parent, child))
            self._find_needed()
        return find_chain(self._parents, parent, child)

    def _find_needed(self) -> None:
        chains = [find_chain(self._parents, *asked) for asked in self._asked]
        needed = [edge for chain in chains if chain is not None for edge in chain.edges]
        # While something that was asked for is not joined, all may be needed for it.
        self._needed = frozenset(needed) if chains and None not in chains else None

    def _tracks(self, chain: Chain) -> dict[Edge, Track]:
        return {edge: self._still.get(edge) or self._moving[edge] for edge in chain.edges}
