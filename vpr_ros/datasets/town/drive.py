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

"""One drive through the town: when the car was where, and what its sensors made of it."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.plan import TownPlan
from vpr_ros.datasets.town.routes import Path
from vpr_ros.datasets.town.routes import route_path
from vpr_ros.datasets.town.routes import STEP_M
from vpr_ros.errors import VprError
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.sensors import SatelliteFix
from vpr_ros.types import Camera
from vpr_ros.types import Pose

__all__ = ['CAMERA', 'Drive', 'mounted_camera', 'T_BASE_GPS', 'Trajectory']

Array = NDArray[Any]

#: Its camera, behind the windscreen, as it should be mounted.
CAMERA = Camera(
    'front', 640, 480, np.array([[400.0, 0.0, 319.5], [0.0, 400.0, 239.5], [0.0, 0.0, 1.0]]),
    T_base_optical=Pose.from_matrix(
        np.array([[0.0, 0.0, 1.0, 1.6], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 1.5]])))
#: Its antenna, on the roof.
T_BASE_GPS = Pose(np.array([0.6, 0.0, 1.6]))

ODOMETRY_HZ, GPS_HZ = 20.0, 1.0
_ACCELERATION, _SIDEWAYS = 1.3, 2.0
# The share of crossings at which one has to wait.
_STOPPING = 0.22
# Where the map's origin lies on the Earth; the town stands nowhere in particular.
ORIGIN_DEG = (48.0, 8.0, 250.0)
# 2024-06-12 00:00 UTC; each seed drives on another day of ten years (ROS counts to 2038).
_DAYS = 3650
_FIRST_DAY_NS = 1_718_150_400 * 10**9
_HOUR = {'day': 12.0, 'low_sun': 19.5, 'dusk': 21.25, 'night': 23.0}


@dataclass(frozen=True)
class Drive:
    """
    What is to be driven.

    :param route: one of :data:`vpr_ros.datasets.town.routes.ROUTES`.
    :param seed: of all that differs between two drives: traffic, stops, the driver's hand, noise.
    :param years: since the town was first seen: shops have changed hands.
    :param reverse: the other way, on the other side of the street.
    :param lane_offset_m: how far left of the middle of the lane.
    :param camera_yaw_deg: how far to the left the camera is turned.
    :param rate_hz: of the camera.
    :param speed_mps: on a free street.
    :param depth: whether the camera measures depth as well, at every pixel and exactly.
    """

    route: str = 'loop'
    condition: Condition = Condition()
    seed: int = 0
    years: int = 0
    reverse: bool = False
    lane_offset_m: float = 0.0
    camera_yaw_deg: float = 0.0
    rate_hz: float = 5.0
    speed_mps: float = 7.0
    depth: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (('rate_hz', 0.1, 60.0), ('speed_mps', 0.5, 20.0),
                                ('lane_offset_m', -0.8, 4.5), ('camera_yaw_deg', -180.0, 180.0),
                                ('years', 0, 1000),
                                ('seed', 0, 2**31)):
            value = getattr(self, name)
            if not low <= value <= high:
                what = re.sub('_(hz|mps|m|deg)$', r' (\1)', name).replace('_', ' ')
                raise VprError(f'the {what} of a drive through the town must lie between {low} '
                               f'and {high}, got {value}')


def mounted_camera(drive: Drive) -> Camera:
    """Return the camera of a drive: each time it is mounted a little differently."""
    assert CAMERA.T_base_optical is not None
    rng = np.random.default_rng([drive.seed, 83])
    yaw, pitch, roll = np.radians(rng.uniform(-1.0, 1.0, 3) * (4.5, 1.5, 0.6))
    turned = Pose(rng.normal(0.0, 0.02, 3),
                  _quaternion(roll, pitch, yaw + math.radians(drive.camera_yaw_deg)))
    usual = CAMERA.T_base_optical
    return replace(CAMERA, T_base_optical=Pose(usual.position) @ turned
                   @ Pose(np.zeros(3), usual.quaternion))


class Trajectory:
    """
    Where the car of a drive is, exactly.

    :ivar duration_s: of the drive.
    :ivar first_ns: the stamp of its beginning.
    """

    def __init__(self, plan: TownPlan, drive: Drive) -> None:
        self._drive = drive
        self._path = route_path(plan, drive.route, reverse=drive.reverse)
        rng = np.random.default_rng([plan.seed, drive.seed, 80])
        self._times_s, self._along_m = _timetable(self._path, drive, rng)
        self.duration_s = float(self._times_s[-1])
        self.first_ns = _FIRST_DAY_NS + drive.seed % _DAYS * 86_400 * 10**9 + round(
            _HOUR[drive.condition.light] * 3600) * 10**9
        # The hand of the driver and the bumps of the road: sums of waves along the way.
        self._hand = _waves(rng, (31.0, 57.0, 110.0), 0.16)
        self._habit_m = float(np.clip(rng.normal(0.0, 0.4), -0.6, 0.6))
        self._pitch = _waves(rng, (2.3, 5.1, 13.0), 0.0028)
        self._roll = _waves(rng, (3.1, 6.7, 17.0), 0.0028)

    def frame_times_s(self) -> Array:
        """Return (n,) when pictures are taken, since the beginning."""
        return np.arange(math.floor(self.duration_s * self._drive.rate_hz) + 1) \
            / self._drive.rate_hz

    def stamps_ns(self, times_s: Array) -> Array:
        """Return (n,) int64 stamps of times since the beginning."""
        return self.first_ns + np.round(times_s * 1e9).astype(np.int64)

    def poses(self, times_s: Array) -> list[Pose]:
        """Return T_map_base at each time."""
        along = np.interp(times_s, self._times_s, self._along_m)
        points, yaw = self._path.at(along, self._left_m(along))
        # Who steers to the left looks to the left.
        yaw = yaw + np.arctan(self._left_m(along + 0.5) - self._left_m(along - 0.5))
        pitch, roll = _sum(self._pitch, along), _sum(self._roll, along)
        return [Pose(np.array([*point, 0.0]), _quaternion(r, p, y))
                for point, r, p, y in zip(points, roll, pitch, yaw, strict=True)]

    def odometry(self) -> tuple[StampedPose, ...]:
        """Return what the wheels say, T_odom_base: right at first, then drifting away."""
        times = np.arange(math.floor(self.duration_s * ODOMETRY_HZ) + 1) / ODOMETRY_HZ
        along = np.interp(times, self._times_s, self._along_m)
        points, yaw = self._path.at(along, self._left_m(along))
        rng = np.random.default_rng([self._drive.seed, 81])
        scale, turn_scale = 1.0 + rng.normal(0.0, 0.008), 1.0 + rng.normal(0.0, 0.012)
        steps = np.diff(points, axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        # Nothing drifts while the wheels stand.
        turns = np.diff(yaw) * turn_scale + rng.normal(0.0, 1.0, len(lengths)) * 0.0012 \
            * np.sqrt(lengths)
        lengths = lengths * (scale + rng.normal(0.0, 0.01, len(lengths)))
        headings = np.concatenate([[0.0], np.cumsum(turns)])
        middle = (headings[:-1] + headings[1:]) / 2
        moved = np.column_stack([lengths * np.cos(middle), lengths * np.sin(middle)])
        positions = np.concatenate([[[0.0, 0.0]], np.cumsum(moved, axis=0)])
        return tuple(
            StampedPose(int(stamp), 'odom', 'base_link', Pose.from_xy_yaw(x, y, heading))
            for stamp, (x, y), heading in zip(
                self.stamps_ns(times), positions.tolist(), headings.tolist(), strict=True))

    def _left_m(self, along_m: Array) -> Array:
        """Return how far left of the middle of the lane one drives."""
        return self._drive.lane_offset_m + self._habit_m + _sum(self._hand, along_m)

    def fixes(self) -> tuple[SatelliteFix, ...]:
        """Return what satellites say: noise, and an error that wanders between the houses."""
        times = np.arange(math.floor(self.duration_s * GPS_HZ) + 1) / GPS_HZ
        rng = np.random.default_rng([self._drive.seed, 82])
        keep = math.exp(-1.0 / (GPS_HZ * 40.0))
        wander = np.zeros((len(times), 3))
        shocks = rng.normal(0.0, 1.0, wander.shape) * (2.0, 2.0, 4.0)
        wander[0] = shocks[0]
        for i in range(1, len(times)):
            wander[i] = keep * wander[i - 1] + math.sqrt(1.0 - keep * keep) * shocks[i]
        errors = wander + rng.normal(0.0, 1.0, wander.shape) * (0.8, 0.8, 1.6)
        covariance = np.diag([2.0 ** 2 + 0.8 ** 2] * 2 + [4.0 ** 2 + 1.6 ** 2])
        found = []
        for stamp, pose, error in zip(self.stamps_ns(times), self.poses(times), errors,
                                      strict=True):
            latitude, longitude, altitude = geodetic((pose @ T_BASE_GPS).position + error)
            found.append(SatelliteFix(int(stamp), latitude, longitude, altitude,
                                      covariance=covariance))
        return tuple(found)


def geodetic(position: Array) -> tuple[float, float, float]:
    """
    Return latitude and longitude in degrees and altitude in metres of (3,) east, north, up.

    On the WGS 84 ellipsoid, by Bowring's formula (1976): exact for all that matters here.
    """
    a, e2 = 6378137.0, 6.69437999014e-3
    b = a * math.sqrt(1.0 - e2)
    latitude, longitude, altitude = ORIGIN_DEG
    sin_lat, cos_lat = math.sin(math.radians(latitude)), math.cos(math.radians(latitude))
    sin_lon, cos_lon = math.sin(math.radians(longitude)), math.cos(math.radians(longitude))
    normal = a / math.sqrt(1.0 - e2 * sin_lat ** 2)
    east, north, up = (float(v) for v in position)
    # To the centre of the Earth: outwards in the plane of the meridian, and along the axis.
    outwards = (normal + altitude) * cos_lat + up * cos_lat - north * sin_lat
    x = outwards * cos_lon - east * sin_lon
    y = outwards * sin_lon + east * cos_lon
    z = (normal * (1.0 - e2) + altitude) * sin_lat + up * sin_lat + north * cos_lat
    distance = math.hypot(x, y)
    slope = math.atan2(a * z, b * distance)
    found = math.atan2(z + e2 / (1.0 - e2) * b * math.sin(slope) ** 3,
                       distance - e2 * a * math.cos(slope) ** 3)
    height = distance / math.cos(found) - a / math.sqrt(1.0 - e2 * math.sin(found) ** 2)
    return math.degrees(found), math.degrees(math.atan2(y, x)), height


def _timetable(path: Path, drive: Drive, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return when the car is how far along its way: it brakes for turns and waits at crossings."""
    along = path.at_m
    mood = 1.0 + _sum(_waves(rng, (60.0, 140.0, 310.0), 0.07), along)
    speed = np.minimum(drive.speed_mps * mood,
                       np.sqrt(_SIDEWAYS / np.maximum(path.curvature(), 1e-4)))
    waits = np.zeros(len(along))
    for crossing in path.crossings_m:
        wait = rng.uniform(2.0, 8.0) if rng.random() < _STOPPING else 0.0
        stop = int((crossing - 13.0) / STEP_M)
        if wait and 0 < stop < len(along):
            speed[stop], waits[stop] = 0.0, wait
    speed[0] = min(float(speed[0]), 2.0)
    gain = 2.0 * _ACCELERATION * STEP_M
    for i in range(len(speed) - 2, -1, -1):
        speed[i] = min(speed[i], math.sqrt(speed[i + 1] ** 2 + gain))
    for i in range(1, len(speed)):
        speed[i] = min(speed[i], math.sqrt(speed[i - 1] ** 2 + gain))
    between = 2.0 * STEP_M / (speed[:-1] + speed[1:])
    arrives = np.concatenate([[0.0], np.cumsum(between + waits[:-1])])
    # Waiting is being at one place at two times.
    times = np.concatenate([arrives, (arrives + waits)[waits > 0]])
    places = np.concatenate([along, along[waits > 0]])
    order = np.argsort(times, kind='stable')
    return times[order], places[order]


def _waves(rng: np.random.Generator, lengths_m: tuple[float, ...], size: float) -> Array:
    """Return (n, 3): wavelength, phase and amplitude of waves along the way."""
    return np.array([[length, rng.uniform(0, 2 * math.pi), size * rng.uniform(0.5, 1.0)]
                     for length in lengths_m])


def _sum(waves: Array, along_m: Array) -> Array:
    return np.asarray(sum(size * np.sin(2 * math.pi * along_m / length + phase)
                          for length, phase, size in waves))


def _quaternion(roll: float, pitch: float, yaw: float) -> Array:
    """Return x, y, z, w of fixed-axis roll, pitch and yaw."""
    cr, sr = math.cos(roll / 2), math.sin(roll / 2)
    cp, sp = math.cos(pitch / 2), math.sin(pitch / 2)
    cy, sy = math.cos(yaw / 2), math.sin(yaw / 2)
    return np.array([sr * cp * cy - cr * sp * sy, cr * sp * cy + sr * cp * sy,
                     cr * cp * sy - sr * sp * cy, cr * cp * cy + sr * sp * sy])
