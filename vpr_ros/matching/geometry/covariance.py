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
"""
Covariances of poses, and how they travel with frames of reference.

Errors are as ROS defines them: of a pose with position p and rotation R, the true one has position
p + dp and rotation exp(dr) R, both in the frame that the pose is given in. So dr is the turn about
the fixed axes, roll pitch yaw where it is small.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.types import Pose

__all__ = ['carried', 'cross', 'inverted']

Array = NDArray[Any]


def cross(v: Array) -> Array:
    """Return the (3, 3) matrix that takes w to v x w; (n, 3, 3) of (n, 3)."""
    v = np.asarray(v, np.float64)
    matrix = np.zeros((*v.shape, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        matrix[..., k, j] = v[..., i]
        matrix[..., j, k] = -v[..., i]
    return matrix


def inverted(pose: Pose) -> Pose:
    """Return ``T_b_a`` of ``T_a_b``, with its covariance where there is one."""
    plain = pose.inverse()
    if pose.covariance is None:
        return plain
    back = pose.rotation().T
    jacobian = np.zeros((6, 6))
    jacobian[:3, :3] = jacobian[3:, 3:] = -back
    jacobian[:3, 3:] = -back @ cross(pose.position)
    return Pose(plain.position, plain.quaternion, _moved(jacobian, pose.covariance))


def carried(T_c_a: Pose, T_a_b: Pose, T_b_d: Pose) -> Pose:
    """
    Return ``T_c_d = T_c_a @ T_a_b @ T_b_d``, with the covariance that of ``T_a_b`` becomes.

    :param T_c_a: known exactly, as is ``T_b_d``; for two mountings of cameras this takes the pose
        between cameras to the pose between bases.
    """
    plain = T_c_a @ T_a_b @ T_b_d
    if T_a_b.covariance is None:
        return plain
    turn = T_c_a.rotation()
    jacobian = np.zeros((6, 6))
    jacobian[:3, :3] = jacobian[3:, 3:] = turn
    # A turn moves what is mounted at the end of it.
    lever = turn @ T_a_b.rotation() @ T_b_d.position
    jacobian[:3, 3:] = -cross(lever) @ turn
    return Pose(plain.position, plain.quaternion, _moved(jacobian, T_a_b.covariance))


def _moved(jacobian: Array, covariance: Array) -> Array:
    moved = jacobian @ covariance @ jacobian.T
    return np.asarray((moved + moved.T) / 2.0)
