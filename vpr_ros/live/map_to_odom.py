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

"""How far odometry has drifted: the transform from the map to the frame of the odometry."""

from __future__ import annotations

import numpy as np
from vpr_ros.types import Pose

__all__ = ['MapToOdom']

# Fixed-axis covariances are in the order x y z roll pitch yaw.
_YAW = 5


class MapToOdom:
    """
    Holds the transform that joins odometry to a map, as poses in the map correct it.

    Between two poses that are certain enough odometry carries the robot, and the transform stays.

    :param sigma_m: a pose is certain enough where the standard deviation of its position is at
        most this along every direction of the ground,
    :param sigma_rad: and that of its heading at most this.
    """

    def __init__(self, *, sigma_m: float, sigma_rad: float) -> None:
        self._sigma_m = sigma_m
        self._sigma_rad = sigma_rad
        self._T_map_odom: Pose | None = None

    @property
    def T_map_odom(self) -> Pose | None:
        """Return the pose of the odometry's frame in the map, None before the first correction."""
        return self._T_map_odom

    def update(self, T_map_base: Pose, T_odom_base: Pose) -> str:
        """
        Correct the transform by where the robot was in both frames at one moment.

        :param T_map_base: with its covariance, about the axes of the map.
        :return: why the pose was not taken; empty where it was.
        """
        refusal = self._refusal(T_map_base)
        if not refusal:
            self._T_map_odom = T_map_base @ T_odom_base.inverse()
        return refusal

    def reset(self) -> None:
        """Forget the transform, as when odometry begins anew."""
        self._T_map_odom = None

    def change(self, *, sigma_m: float, sigma_rad: float) -> None:
        """Ask for another certainty from now on; the transform stays."""
        self._sigma_m = sigma_m
        self._sigma_rad = sigma_rad

    def _refusal(self, pose: Pose) -> str:
        if pose.covariance is None:
            return 'the pose in the map has no covariance: how certain it is, is not known'
        ground = np.asarray(pose.covariance[:2, :2])
        yaw = float(pose.covariance[_YAW, _YAW])
        # The variances along the axes of the ellipse, the smaller first.
        variances = (np.linalg.eigvalsh((ground + ground.T) / 2)
                     if np.isfinite(ground).all() else np.full(2, np.nan))
        if not (variances[0] > 0.0 and 0.0 < yaw < np.inf):
            return ('the covariance of the pose in the map is none: variances are finite and '
                    f'more than zero, got {ground.tolist()} of its position and {yaw:g} of its '
                    'heading')
        sigma_m, sigma_rad = float(np.sqrt(variances[1])), float(np.sqrt(yaw))
        if sigma_m > self._sigma_m:
            return (f'the position in the map is too uncertain: {sigma_m:.2f} m, and '
                    f'tf_sigma_m is {self._sigma_m:g}')
        if sigma_rad > self._sigma_rad:
            return (f'the heading in the map is too uncertain: {sigma_rad:.2f} rad, and '
                    f'tf_sigma_rad is {self._sigma_rad:g}')
        return ''
