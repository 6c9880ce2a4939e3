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

"""The map that a robot makes while it drives, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
import hashlib
from typing import Any
import uuid

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.feature_rows import features_from
from vpr_ros.maps.feature_rows import features_row
from vpr_ros.maps.ids import make_id
from vpr_ros.maps.ids import PREFIX_BITS
from vpr_ros.maps.ids import split_id
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.rows import Row
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose
from vpr_ros.types import View

__all__ = ['OnlineMap']


class OnlineMap:
    """
    The keyframes of one run, in the order they were taken: a map that only grows.

    A keyframe lies where odometry had the robot, or where a SLAM system says since then.

    :param first_ns: the stamp of the first keyframe to come; ids are made of it and the names, so
        that two runs over one recording give the same ones, and those of other runs differ.
    :param map_id: UUID of the map that keeps these keyframes, if there is one.
    """

    def __init__(self, network: NetworkIdentity, *, session: str, first_ns: int,
                 map_id: str = '') -> None:
        self.network = network
        self.session = session
        digest = hashlib.blake2b(f'{map_id}|{session}|{first_ns}'.encode(), digest_size=16)
        self.map_id = map_id or str(uuid.UUID(bytes=digest.digest(), version=4))
        #: What the ids of all keyframes begin with.
        self.id_prefix = int.from_bytes(digest.digest()[:8], 'big') >> (64 - PREFIX_BITS)
        self.revision = 0
        self.cameras: tuple[str, ...] = ()
        self._stamps = _Column((), np.int64)
        self._odometry = _Column((7,), np.float64)
        self._poses = _Column((7,), np.float64)
        self._ways = _Column((), np.float64)
        self._first_views = _Column((), np.int64)
        self._view_cameras = _Column((), np.int64)
        self._view_rows = _Column((), np.int64)
        self._descriptors = _Column((network.dimension,), np.float32)
        self._features: dict[tuple[int, str], Row] = {}
        self._calibrations: dict[str, Camera] = {}

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def posed(self) -> bool:
        """Whether keyframes have poses; all have, or none."""
        return len(self) > 0 and bool(np.isfinite(self._odometry.values[0, 0]))

    def add(self, descriptions: Sequence[Description], *, T_odom_base: Pose | None = None,
            calibrations: Mapping[str, Camera] | None = None) -> int:
        """
        Add a keyframe and return its place id; the first description gives it its stamp.

        :param T_odom_base: given for every keyframe or for none.
        :param calibrations: of cameras, by name; the first that comes of each holds.
        """
        stamp_ns = descriptions[0].stamp_ns
        if len(self) and stamp_ns <= self._stamps.values[-1]:
            raise ValueError('keyframes come in the order they were taken')
        if len(self) and self.posed != (T_odom_base is not None):
            raise ValueError('all keyframes have odometry, or none has')
        row = len(self)
        self._stamps.append(stamp_ns)
        self._odometry.append(np.full(7, np.nan) if T_odom_base is None else _values(T_odom_base))
        self._poses.append(self._odometry.values[-1])
        if T_odom_base is not None and row:
            correction = _pose(self._poses.values[-2]) @ _pose(self._odometry.values[-2]).inverse()
            self._poses.values[-1] = _values(correction @ T_odom_base)
        self._ways.append(0.0 if T_odom_base is None or not row else
                          self._ways.values[-1] + self._step_m(row))
        self._first_views.append(len(self._descriptors))
        for description in descriptions:
            self._see(row, description)
        for name, camera in (calibrations or {}).items():
            self._calibrations.setdefault(name, camera)
        self.revision += 1
        return self.place_id(row)

    def _see(self, row: int, description: Description) -> None:
        name = description.camera
        if name not in self.cameras:
            self.cameras = (*self.cameras, name)
        self._view_rows.append(row)
        self._view_cameras.append(self.cameras.index(name))
        self._descriptors.append(description.descriptor)
        if description.local_features is not None:
            # A quarter of the memory, and what a map file would give back.
            self._features[row, name] = features_row(description.local_features)

    def place_id(self, row: int) -> int:
        """Return the id of a keyframe by its number, from 0."""
        return make_id(self.id_prefix, row + 1)

    def place_id_at(self, stamp_ns: int) -> int:
        """Return the id of the keyframe of a stamp; VprError where there is none."""
        row = int(np.searchsorted(self._stamps.values, stamp_ns))
        if row == len(self) or self._stamps.values[row] != stamp_ns:
            raise VprError(f'no keyframe was taken at {stamp_ns} ns')
        return self.place_id(row)

    def row_of(self, place_id: int) -> int:
        """Return the number of a keyframe; VprError for another id."""
        prefix, count = split_id(place_id)
        if prefix != self.id_prefix or not 1 <= count <= len(self):
            raise VprError(f'{place_id} is no keyframe of session {self.session!r}')
        return count - 1

    def old_enough(self, *, seconds: float, metres: float) -> int:
        """
        Return how many keyframes, from the first, are older than this and further back.

        :param metres: along the way driven; without odometry only time counts.
        """
        if not len(self):
            return 0
        latest_ns = self._stamps.values[-1] - round(seconds * 1e9)
        old = int(np.searchsorted(self._stamps.values, latest_ns, side='right'))
        if not self.posed:
            return old
        way = self._ways.values[-1] - metres
        return min(old, int(np.searchsorted(self._ways.values, way, side='right')))

    def apart(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far (n,) keyframes are from the newest one: as it lies, and as was driven."""
        positions = self._poses.values[:, :3]
        return (np.linalg.norm(positions[rows] - positions[-1], axis=1),
                np.asarray(self._ways.values[-1] - self._ways.values[rows]))

    def pose(self, place_id: int) -> Pose | None:
        """Return where a keyframe lies, None without odometry."""
        return _pose(self._poses.values[self.row_of(place_id)]) if self.posed else None

    def snapshot(self, count: int) -> Snapshot:
        """Return the first keyframes as a map to search; later ones do not change it."""
        views = (int(self._first_views.values[count]) if count < len(self)
                 else len(self._descriptors))
        return Snapshot(
            map_id=self.map_id, revision=self.revision, network=self.network,
            sessions=(self.session,), cameras=self.cameras,
            place_ids=make_id(self.id_prefix, 1) + np.arange(count),
            stamps_ns=self._stamps.values[:count].copy(),
            session_of=np.zeros(count, np.int64),
            poses=Poses(self._poses.values[:count].copy(), np.zeros((0, 6, 6)),
                        np.zeros(0, np.int64)),
            view_rows=self._view_rows.values[:views].copy(),
            view_cameras=self._view_cameras.values[:views].copy(),
            descriptors=self._descriptors.values[:views])

    def features(self, place_id: int, camera: str) -> LocalFeatures | None:
        """Return the local features that a camera saw at a keyframe, None where it saw none."""
        row = self._features.get((self.row_of(place_id), camera))
        return None if row is None else features_from(row)

    def places(self) -> Iterator[NewPlace]:
        """Iterate over the keyframes in driving order, as places of which a map file is made."""
        for row in range(len(self)):
            first = int(self._first_views.values[row])
            end = (int(self._first_views.values[row + 1]) if row + 1 < len(self)
                   else len(self._descriptors))
            place_id = self.place_id(row)
            views = []
            for view in range(first, end):
                camera = self.cameras[int(self._view_cameras.values[view])]
                views.append(View(camera, self._descriptors.values[view],
                                  local_features=self.features(place_id, camera)))
            yield NewPlace(int(self._stamps.values[row]), tuple(views), self.pose(place_id))

    def calibrations(self) -> list[Camera]:
        """Return what is known of the cameras, each under the name that views have."""
        return [replace(camera, name=name) for name, camera in self._calibrations.items()]

    def calibration(self, session: str, camera: str) -> Camera | None:
        """Return what is known of a camera."""
        return self._calibrations.get(camera) if session == self.session else None

    def update_poses(self, poses: Mapping[int, Pose]) -> None:
        """
        Move keyframes to where a SLAM system has them now, by place id.

        Those that it does not name move rigidly with the last one before them that it names, as
        do those to come; those before the first one that it names stay.

        :raises VprError: for an id that is none of a keyframe, or where there is no odometry that
            says how keyframes lie to each other; nothing is moved.
        """
        rows = {self.row_of(place_id): pose for place_id, pose in poses.items()}
        if rows and not self.posed:
            raise VprError('keyframes without odometry have no poses that could be moved')
        correction = None
        for row in range(min(rows, default=len(self)), len(self)):
            if row in rows:
                correction = rows[row] @ _pose(self._odometry.values[row]).inverse()
            assert correction is not None
            self._poses.values[row] = _values(correction @ _pose(self._odometry.values[row]))
        steps = np.linalg.norm(np.diff(self._poses.values[:, :3], axis=0), axis=1)
        if rows:
            self._ways.values[1:] = np.cumsum(steps)
        self.revision += 1

    def _step_m(self, row: int) -> float:
        positions = self._poses.values[row - 1:row + 1, :3]
        return float(np.linalg.norm(positions[1] - positions[0]))


class _Column:
    """An array that grows at its end, at a cost that does not grow with it."""

    def __init__(self, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        self._room: NDArray[Any] = np.zeros((64, *shape), dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> NDArray[Any]:
        """Return what was appended, as a view: writing into it writes here."""
        return self._room[:self._count]

    def append(self, value: object) -> None:
        if self._count == len(self._room):
            # Views of the old one stay as they are.
            self._room = np.concatenate([self._room, np.zeros_like(self._room)])
        self._room[self._count] = value
        self._count += 1


def _values(pose: Pose) -> NDArray[np.float64]:
    return np.concatenate([pose.position, pose.quaternion])


def _pose(values: NDArray[np.float64]) -> Pose:
    return Pose(values[:3], values[3:])
