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

"""The town as a data set: drives through it, with exact truth."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.dataset import check_traverse
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.drive import mounted_camera
from vpr_ros.datasets.town.drive import T_BASE_GPS
from vpr_ros.datasets.town.drive import Trajectory
from vpr_ros.datasets.town.plan import make_plan
from vpr_ros.datasets.town.plan import TownPlan
from vpr_ros.datasets.town.renderer import Renderer
from vpr_ros.datasets.traverse import session_label
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.types import Camera
from vpr_ros.types import Pose

__all__ = ['DRIVES', 'drive_name', 'Town']

Array = NDArray[Any]
RADIUS_M = 10.0


def _drive(condition: str, seed: int, **values: Any) -> Drive:
    return Drive(condition=parse_condition(condition), seed=seed, rate_hz=1.0, **values)


#: The traverses that the data set lists, one picture a second. Any other :class:`Drive` can be
#: made.
DRIVES: MappingProxyType[str, Drive] = MappingProxyType({
    'day': _drive('day', 0),
    'another_day': _drive('day', 1),
    'other_lane': _drive('day', 2, lane_offset_m=3.0),
    'low_sun': _drive('low_sun', 3, years=1),
    'leaf_off': _drive('leaf_off', 4, years=1),
    'rain': _drive('rain', 5, years=1),
    'fog': _drive('fog', 6, years=1),
    'snow': _drive('snow', 7, years=1),
    'dusk': _drive('dusk', 8, years=1),
    'night': _drive('night', 9, years=1),
    'opposite': _drive('day', 10, reverse=True),
    'night_snow': _drive('night+snow', 19, years=1, route='detour'),
})


class Town:
    """
    A procedural town, driven through as often and in whatever weather one likes.

    Nothing is read from disk: pictures are made when they are asked for. Frames within 10 m of
    each other show the same place. All poses lie in the town's own map frame, metres.

    :param seed: of the town itself: another one has other houses.
    """

    name = 'town'

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.root = Path(self.name)

    @cached_property
    def plan(self) -> TownPlan:
        """Return what stays where it is."""
        return make_plan(self.seed)

    def traverses(self) -> list[str]:
        """Return the names of the drives that are prepared; see :data:`DRIVES`."""
        return list(DRIVES)

    def traverse(self, name: str) -> Traverse:
        """Return a prepared drive."""
        check_traverse(self.name, name, self.traverses())
        return self.drive(DRIVES[name], name=name)

    def drive(self, drive: Drive, *, name: str = '') -> Traverse:
        """Return any drive through the town; VprError for a route that there is not."""
        trajectory = Trajectory(self.plan, drive)
        times = trajectory.frame_times_s()
        poses = tuple(trajectory.poses(times))
        camera = mounted_camera(drive)
        name = name or drive_name(drive)
        pictures = _Pictures(self, drive, camera, times, poses)
        return Traverse.of(
            pictures, depths=pictures if drive.depth else None, name=name,
            session=session_label(f'{self.name}_{self.seed}' if self.seed else self.name, name),
            stamps_ns=trajectory.stamps_ns(times), poses=poses, camera=camera.name,
            calibration=camera, odometry=trajectory.odometry(), fixes=trajectory.fixes(),
            T_base_gps=T_BASE_GPS)

    def ground_truth(self, reference: str, query: str, *,
                     tolerance: float | None = None) -> GroundTruth:
        """Return the frames within ``tolerance`` metres (default 10)."""
        references, queries = (self._positions(name) for name in (reference, query))
        return GroundTruth.from_radius(queries, references,
                                       RADIUS_M if tolerance is None else tolerance)

    def _positions(self, name: str) -> Array:
        check_traverse(self.name, name, self.traverses())
        trajectory = Trajectory(self.plan, DRIVES[name])
        poses = trajectory.poses(trajectory.frame_times_s())
        return np.array([pose.position for pose in poses])


def drive_name(drive: Drive) -> str:
    """Return a name for a drive, from what sets it apart."""
    parts = [drive.route, drive.condition.name.replace('+', '_'), str(drive.seed)]
    usual = Drive()
    for name, word in (('years', 'years'), ('reverse', 'reverse'), ('lane_offset_m', 'left'),
                       ('camera_yaw_deg', 'turned'), ('speed_mps', 'speed'), ('rate_hz', 'rate')):
        value = getattr(drive, name)
        if value != getattr(usual, name):
            parts.append(word if value is True else f'{word}{value:g}')
    return '_'.join(parts)


class _Pictures:
    """The pictures of a drive, made one at a time."""

    def __init__(self, town: Town, drive: Drive, camera: Camera, times_s: Array,
                 poses: tuple[Pose, ...]) -> None:
        self._town, self._drive, self._camera = town, drive, camera
        self._times_s, self._poses = times_s, poses
        self._newest = -1

    def __len__(self) -> int:
        return len(self._poses)

    def read(self, index: int) -> Array:
        """Make picture ``index``."""
        mounting = self._camera.T_base_optical
        assert mounting is not None
        base = self._poses[index]
        picture = self._renderer.render(self._camera, base @ mounting,
                                        float(self._times_s[index]), T_map_base=base)
        self._newest = index
        return picture

    def read_depth(self, index: int) -> Array:
        """Return the depth of picture ``index``; at once where that was made last."""
        if self._newest != index:
            self.read(index)
        return self._renderer.depth()

    def label(self, index: int) -> str:
        """Return what a person would call picture ``index``."""
        return f'{drive_name(self._drive)} at {self._times_s[index]:.2f} s'

    @cached_property
    def _renderer(self) -> Renderer:
        drive = self._drive
        return Renderer(self._town.plan, drive.condition, seed=drive.seed, years=drive.years)
