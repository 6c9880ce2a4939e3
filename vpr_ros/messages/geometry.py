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

"""Poses and transforms with their frames <-> geometry_msgs, nav_msgs, tf2_msgs."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.messages.stamps import stamp_from_ns
from vpr_ros.types import Pose

__all__ = [
    'POSE_READERS', 'StampedPose', 'header', 'odometry_message', 'pose_from_message',
    'pose_from_transform', 'pose_stamped_message', 'pose_to_message',
    'pose_with_covariance_from_message', 'pose_with_covariance_to_message',
    'tf_message', 'transforms_from_message', 'unknown_covariance',
]

# Without a measured covariance a pose is taken to be good to 5 m and about 30 degrees (one sigma):
# wider than the spacing of places, so that no filter trusts it more than place recognition earns.
_UNKNOWN_SIGMA = (5.0, 5.0, 5.0, 0.5, 0.5, 0.5)
# A velocity nobody measured: large enough that every estimator ignores it.
_UNKNOWN_TWIST_VARIANCE = 1e6


@dataclass(frozen=True, eq=False)
class StampedPose:
    """
    Where the frame ``child`` was in the frame ``parent`` at one time.

    :param child: empty where the message does not say (PoseStamped).
    """

    stamp_ns: int
    parent: str
    child: str
    pose: Pose


def unknown_covariance() -> NDArray[np.float64]:
    """Return the (6, 6) covariance written where none is known: 5 m and 0.5 rad, one sigma."""
    return np.diag(np.square(_UNKNOWN_SIGMA))


def header(factory: MessageFactory, stamp_ns: int, frame_id: str) -> Any:
    """Make a std_msgs/Header."""
    return factory.new(
        'std_msgs/msg/Header', stamp=stamp_from_ns(factory, stamp_ns), frame_id=frame_id)


def _vector(factory: MessageFactory, kind: str, values: Iterable[float]) -> Any:
    x, y, z = (float(value) for value in values)
    return factory.new(f'geometry_msgs/msg/{kind}', x=x, y=y, z=z)


def _quaternion(factory: MessageFactory, pose: Pose) -> Any:
    x, y, z, w = (float(value) for value in pose.quaternion)
    return factory.new('geometry_msgs/msg/Quaternion', x=x, y=y, z=z, w=w)


def pose_to_message(factory: MessageFactory, pose: Pose) -> Any:
    """Make a geometry_msgs/Pose."""
    return factory.new(
        'geometry_msgs/msg/Pose', position=_vector(factory, 'Point', pose.position),
        orientation=_quaternion(factory, pose))


def pose_with_covariance_to_message(factory: MessageFactory, pose: Pose) -> Any:
    """
    Make a geometry_msgs/PoseWithCovariance, never with a zero variance.

    A pose without covariance gets :func:`unknown_covariance`; so does every variance that is not
    positive, because consumers divide by it.
    """
    covariance = unknown_covariance()
    if pose.covariance is not None:
        variances = np.where(np.diag(pose.covariance) > 0, np.diag(pose.covariance),
                             np.diag(covariance))
        covariance = np.array(pose.covariance)
        np.fill_diagonal(covariance, variances)
    return factory.new(
        'geometry_msgs/msg/PoseWithCovariance', pose=pose_to_message(factory, pose),
        covariance=factory.floats(covariance.ravel()))


def _transform_stamped(factory: MessageFactory, transform: StampedPose) -> Any:
    return factory.new(
        'geometry_msgs/msg/TransformStamped',
        header=header(factory, transform.stamp_ns, transform.parent),
        child_frame_id=transform.child,
        transform=factory.new(
            'geometry_msgs/msg/Transform',
            translation=_vector(factory, 'Vector3', transform.pose.position),
            rotation=_quaternion(factory, transform.pose)))


def tf_message(factory: MessageFactory, transforms: Iterable[StampedPose]) -> Any:
    """Make a tf2_msgs/TFMessage."""
    return factory.new(
        'tf2_msgs/msg/TFMessage',
        transforms=[_transform_stamped(factory, transform) for transform in transforms])


def pose_stamped_message(factory: MessageFactory, stamped: StampedPose) -> Any:
    """Make a geometry_msgs/PoseStamped."""
    return factory.new(
        'geometry_msgs/msg/PoseStamped',
        header=header(factory, stamped.stamp_ns, stamped.parent),
        pose=pose_to_message(factory, stamped.pose))


def odometry_message(factory: MessageFactory, stamped: StampedPose) -> Any:
    """Make a nav_msgs/Odometry whose velocity is marked unknown (by its huge covariance)."""
    zero = np.zeros(3)
    twist = factory.new(
        'geometry_msgs/msg/Twist', linear=_vector(factory, 'Vector3', zero),
        angular=_vector(factory, 'Vector3', zero))
    return factory.new(
        'nav_msgs/msg/Odometry',
        header=header(factory, stamped.stamp_ns, stamped.parent),
        child_frame_id=stamped.child,
        pose=pose_with_covariance_to_message(factory, stamped.pose),
        twist=factory.new(
            'geometry_msgs/msg/TwistWithCovariance', twist=twist,
            covariance=factory.floats((_UNKNOWN_TWIST_VARIANCE * np.eye(6)).ravel())))


def _pose(position: Any, orientation: Any, covariance: NDArray[np.float64] | None = None) -> Pose:
    return Pose(np.array([position.x, position.y, position.z]),
                np.array([orientation.x, orientation.y, orientation.z, orientation.w]), covariance)


def pose_from_message(message: Any) -> Pose:
    """Read a geometry_msgs/Pose; ValueError when it is no pose (a quaternion of zeros)."""
    return _pose(message.position, message.orientation)


def pose_from_transform(message: Any) -> Pose:
    """Read a geometry_msgs/Transform; ValueError when it is none (a quaternion of zeros)."""
    return _pose(message.translation, message.rotation)


def pose_with_covariance_from_message(message: Any) -> Pose:
    """Read a geometry_msgs/PoseWithCovariance; a covariance of zeros or NaN means unknown."""
    covariance = np.array(message.covariance, dtype=np.float64).reshape(6, 6)
    known = bool(np.isfinite(covariance).all() and covariance.any())
    return _pose(message.pose.position, message.pose.orientation, covariance if known else None)


def _frame_name(name: str) -> str:
    # ROS 1 wrote '/map' where ROS 2 writes 'map'.
    return name[1:] if name.startswith('/') else name


def _stamped(message: Any, child: str, pose: Pose) -> StampedPose:
    return StampedPose(ns_from_stamp(message.header.stamp), _frame_name(message.header.frame_id),
                       _frame_name(child), pose)


def transforms_from_message(message: Any) -> list[StampedPose]:
    """Read a tf2_msgs/TFMessage; ValueError when one of its transforms is none."""
    return [_stamped(transform, transform.child_frame_id, pose_from_transform(transform.transform))
            for transform in message.transforms]


#: How to read a :class:`StampedPose` from each type that carries one.
POSE_READERS: dict[str, Callable[[Any], StampedPose]] = {
    'geometry_msgs/msg/PoseStamped': lambda message: _stamped(
        message, '', pose_from_message(message.pose)),
    'geometry_msgs/msg/PoseWithCovarianceStamped': lambda message: _stamped(
        message, '', pose_with_covariance_from_message(message.pose)),
    'geometry_msgs/msg/TransformStamped': lambda message: _stamped(
        message, message.child_frame_id, pose_from_transform(message.transform)),
    'nav_msgs/msg/Odometry': lambda message: _stamped(
        message, message.child_frame_id, pose_with_covariance_from_message(message.pose)),
}
