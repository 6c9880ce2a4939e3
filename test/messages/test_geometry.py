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

"""Poses survive the way through messages; no covariance is ever zero."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.messages import geometry
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.types import Pose

_LENGTH = st.floats(-1e6, 1e6)
_PART = st.floats(-1.0, 1.0)


@st.composite
def poses(draw):
    """Draw any pose."""
    quaternion = np.array(draw(st.lists(_PART, min_size=4, max_size=4)))
    if np.linalg.norm(quaternion) < 1e-3:
        quaternion = np.array([0.0, 0.0, 0.0, 1.0])
    return Pose(np.array(draw(st.lists(_LENGTH, min_size=3, max_size=3))), quaternion)


def same(a, b):
    """Tell whether two poses are one, to the last bits of a normalisation."""
    return (np.array_equal(a.position, b.position)
            and np.allclose(a.quaternion, b.quaternion, rtol=0, atol=1e-15))


@given(poses())
def test_pose_and_transform(through_cdr, pose):
    factory = RosbagsFactory()
    assert same(geometry.pose_from_message(
        through_cdr(geometry.pose_to_message(factory, pose))), pose)
    sent = [geometry.StampedPose(3, 'a', 'b', pose), geometry.StampedPose(4, 'b', 'c', pose)]
    received = geometry.transforms_from_message(through_cdr(geometry.tf_message(factory, sent)))
    assert [(t.stamp_ns, t.parent, t.child) for t in received] == [(3, 'a', 'b'), (4, 'b', 'c')]
    assert all(same(t.pose, pose) for t in received)


@given(poses(), st.integers(0, 2**31 * 10**9 - 1))
def test_stamped(through_cdr, pose, stamp_ns):
    factory = RosbagsFactory()
    sent = geometry.StampedPose(stamp_ns, 'odom', 'base_link', pose)
    for make, child in ((geometry.odometry_message, 'base_link'),
                        (geometry.pose_stamped_message, '')):
        message = through_cdr(make(factory, sent))
        back = geometry.POSE_READERS[message.__msgtype__](message)
        assert (back.stamp_ns, back.parent, back.child) == (stamp_ns, 'odom', child)
        assert same(back.pose, pose)


def test_asymmetric_values_land_in_their_fields(factory):
    message = geometry.pose_to_message(factory, Pose([1.0, 2.0, 3.0], [0.5, -0.5, 0.1, 0.7]))
    assert (message.position.x, message.position.y, message.position.z) == (1.0, 2.0, 3.0)
    q = message.orientation
    assert np.allclose([q.x, q.y, q.z, q.w], [0.5, -0.5, 0.1, 0.7])


def test_known_covariance_survives(factory, through_cdr):
    root = np.random.default_rng(0).normal(size=(6, 6))
    covariance = root @ root.T
    pose = Pose([1, 2, 3], covariance=covariance)
    back = geometry.pose_with_covariance_from_message(
        through_cdr(geometry.pose_with_covariance_to_message(factory, pose)))
    assert np.array_equal(back.covariance, covariance)


@pytest.mark.parametrize('covariance', [None, np.zeros((6, 6))])
def test_unknown_covariance_is_never_zero(factory, covariance):
    message = geometry.pose_with_covariance_to_message(
        factory, Pose([1, 2, 3], covariance=covariance))
    written = message.covariance.reshape(6, 6)
    assert np.array_equal(written, np.diag([25, 25, 25, 0.25, 0.25, 0.25]))


def test_a_single_zero_variance_becomes_the_default(factory):
    planar = np.diag([0.1, 0.2, 0.0, 0.0, 0.0, 0.3])
    message = geometry.pose_with_covariance_to_message(
        factory, Pose([1, 2, 3], covariance=planar))
    assert message.covariance.reshape(6, 6).diagonal().tolist() == [
        0.1, 0.2, 25.0, 0.25, 0.25, 0.3]


@pytest.mark.parametrize('written', [0.0, np.nan])
def test_zero_and_nan_covariance_are_unknown(factory, written):
    message = geometry.pose_with_covariance_to_message(factory, Pose.identity())
    message.covariance = np.full(36, written)
    assert geometry.pose_with_covariance_from_message(message).covariance is None


def test_uninitialised_pose_is_refused(factory):
    message = geometry.pose_to_message(factory, Pose.identity())
    message.orientation.w = 0.0
    with pytest.raises(ValueError, match='not zero'):
        geometry.pose_from_message(message)


def test_leading_slashes_of_ros1_go(factory):
    sent = geometry.StampedPose(1, '/odom', '/base_link', Pose.identity())
    back = geometry.POSE_READERS['nav_msgs/msg/Odometry'](geometry.odometry_message(factory, sent))
    assert (back.parent, back.child) == ('odom', 'base_link')
