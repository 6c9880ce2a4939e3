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

"""From the frame of one map to that of another."""

from __future__ import annotations

import numpy as np
from vpr_ros.maps.datum import Datum
from vpr_ros.types import Pose

__all__ = ['between_datums', 'moved']


def between_datums(target: Datum, source: Datum) -> Pose:
    """
    Return T_target_source of two frames that are east, north, up at their datums.

    Both are Cartesian: besides the shift, they are turned by the curvature of the earth.
    """
    from pymap3d import ecef2enu  # only where frames differ
    from pymap3d import enu2uvw
    from pymap3d import geodetic2ecef
    from pymap3d import uvw2enu

    here = target.latitude_deg, target.longitude_deg
    there = source.latitude_deg, source.longitude_deg
    matrix = np.eye(4)
    origin = geodetic2ecef(*there, source.altitude_m)
    matrix[:3, 3] = ecef2enu(*origin, *here, target.altitude_m)
    for axis in range(3):
        matrix[:3, axis] = uvw2enu(*enu2uvw(*np.eye(3)[axis], *there), *here)
    return Pose.from_matrix(matrix)


def moved(T_target_source: Pose, pose: Pose) -> Pose:
    """Return a pose of the source's frame in the target's, its covariance too."""
    result = T_target_source @ pose
    if pose.covariance is None:
        return result
    # Both halves are about the axes of the frame.
    turn = np.kron(np.eye(2), T_target_source.rotation())
    return Pose(result.position, result.quaternion, turn @ pose.covariance @ turn.T)
