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

"""Where one frame was in another, along the transforms that join them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from vpr_ros.errors import VprError
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.runtime.pose_track import Track
from vpr_ros.runtime.transform_chain import Edge
from vpr_ros.runtime.transform_chain import find_chain
from vpr_ros.runtime.transform_chain import StillTrack
from vpr_ros.types import Pose

__all__ = ['fixed_transform', 'transform_track']

_EDGES_SHOWN = 20


def fixed_transform(still: Iterable[StampedPose], parent: str, child: str) -> Pose | None:
    """Return the pose of ``child`` in ``parent``; None when static transforms do not join them."""
    tracks = _still(still)
    chain = find_chain(dict(tracks.keys()), parent, child)
    return None if chain is None else chain.track(tracks).at(0)


def transform_track(moving: Iterable[StampedPose], still: Iterable[StampedPose], parent: str,
                    child: str, *, max_gap_ns: int = 2_000_000_000) -> Track:
    """
    Return where ``child`` was in ``parent``; each transform between them is interpolated alone.

    As in tf2 the two are joined where their ways up the tree meet. What lies on neither way is
    forgotten as soon as they are known: a robot publishes each of its joints.

    :param moving: in any order of stamps; read once.
    :param still: static transforms; a frame that one of them places is not placed by moving ones.
    :param max_gap_ns: samples further apart than this are not interpolated between.
    :raises VprError: when the transforms do not join the two.
    """
    tracks = _still(still)
    parents = dict(tracks.keys())
    placed = set(parents)
    chain = find_chain(parents, parent, child)
    samples: dict[Edge, _Samples] = {}
    for moved in moving:
        edge = moved.child, moved.parent
        if moved.child in placed:
            continue
        if chain is None and parents.get(moved.child) != moved.parent:
            parents[moved.child] = moved.parent
            chain = find_chain(parents, parent, child)
            if chain is not None:
                samples = {e: samples.get(e, _Samples()) for e in chain.edges if e not in tracks}
        if edge in samples or chain is None:
            samples.setdefault(edge, _Samples()).add(moved)
    if chain is None:
        raise VprError(_not_joined(parents, parent, child))
    for edge, collected in samples.items():
        tracks[edge] = collected.track(max_gap_ns)
    return chain.track(tracks)


def _still(transforms: Iterable[StampedPose]) -> dict[Edge, Track]:
    # Of several transforms of one frame the last counts.
    last = {transform.child: transform for transform in transforms}
    return {(child, transform.parent): StillTrack(transform.pose)
            for child, transform in last.items()}


def _not_joined(parents: Mapping[str, str], parent: str, child: str) -> str:
    edges = sorted(f'{above} -> {below}' for below, above in parents.items())
    shown = ', '.join(edges[:_EDGES_SHOWN]) or 'none'
    if len(edges) > _EDGES_SHOWN:
        shown += f' and {len(edges) - _EDGES_SHOWN} more'
    return f'no transforms join {parent!r} and {child!r}; there are: {shown}'


@dataclass
class _Samples:
    """The samples of one transform, 64 bytes each."""

    stamps_ns: array[int] = field(default_factory=lambda: array('q'))
    numbers: array[float] = field(default_factory=lambda: array('d'))

    def add(self, sample: StampedPose) -> None:
        self.stamps_ns.append(sample.stamp_ns)
        self.numbers.extend(sample.pose.position)
        self.numbers.extend(sample.pose.quaternion)

    def track(self, max_gap_ns: int) -> PoseTrack:
        return PoseTrack.of_arrays(
            np.asarray(self.stamps_ns, np.int64),
            np.asarray(self.numbers, np.float64).reshape(-1, 7), max_gap_ns=max_gap_ns)
