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

"""The records: geometry against formulas written out, and what they refuse."""

import copy
import dataclasses
import pickle

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.types import Camera
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Localization
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import View


def rodrigues(axis, angle):
    """Return exp([axis angle]x), the rotation matrix by Rodrigues' formula."""
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)


def axis_angle_pose(position, axis, angle):
    unit = np.asarray(axis, float) / np.linalg.norm(axis)
    return Pose(np.asarray(position, float),
                np.append(unit * np.sin(angle / 2), np.cos(angle / 2)))


coordinate = st.floats(-100.0, 100.0)
positions = st.tuples(coordinate, coordinate, coordinate)
axes = st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda a: np.linalg.norm(a) > 1e-3)
angles = st.one_of(st.floats(-np.pi, np.pi), st.sampled_from(
    [0.0, np.pi, -np.pi, np.pi / 2, np.pi - 1e-9, np.pi - 1e-6, 1e-9, 1e-12]))
poses = st.builds(axis_angle_pose, positions, axes, angles)


@given(positions, axes, angles)
def test_rotation_is_rodrigues_formula(position, axis, angle):
    pose = axis_angle_pose(position, axis, angle)
    np.testing.assert_allclose(pose.rotation(), rodrigues(axis, angle), atol=1e-12)
    wanted = np.vstack([np.column_stack([rodrigues(axis, angle), position]), [0, 0, 0, 1]])
    np.testing.assert_allclose(pose.matrix(), wanted, atol=1e-12)


@given(positions, axes, angles)
def test_from_matrix_recovers_the_matrix(position, axis, angle):
    matrix = np.eye(4)
    matrix[:3, :3] = rodrigues(axis, angle)
    matrix[:3, 3] = position
    np.testing.assert_allclose(Pose.from_matrix(matrix).matrix(), matrix, atol=1e-10)
    np.testing.assert_allclose(Pose.from_matrix(matrix[:3]).matrix(), matrix, atol=1e-10)


@pytest.mark.parametrize('axis', [
    (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1), (-1, 2, 3)])
@pytest.mark.parametrize('angle', [np.pi, np.pi - 1e-8, -np.pi + 1e-8, np.pi - 1e-3])
def test_from_matrix_about_half_turns(axis, angle):
    rotation = rodrigues(axis, angle)
    pose = Pose.from_matrix(np.column_stack([rotation, np.zeros(3)]))
    np.testing.assert_allclose(pose.rotation(), rotation, atol=1e-14)
    assert np.linalg.norm(pose.quaternion) == pytest.approx(1.0, abs=1e-15)


@given(poses)
def test_quaternion_survives_the_matrix_up_to_sign(pose):
    back = Pose.from_matrix(pose.matrix()).quaternion
    assert abs(float(back @ pose.quaternion)) == pytest.approx(1.0, abs=1e-12)


@given(poses, poses, poses)
def test_composition_is_the_product_of_matrices(a, b, c):
    np.testing.assert_allclose((a @ b).matrix(), a.matrix() @ b.matrix(), atol=1e-9)
    np.testing.assert_allclose(((a @ b) @ c).matrix(), (a @ (b @ c)).matrix(), atol=1e-9)


@given(poses)
def test_inverse_is_the_inverse_matrix(pose):
    np.testing.assert_allclose(pose.inverse().matrix(), np.linalg.inv(pose.matrix()), atol=1e-9)
    np.testing.assert_allclose((pose @ pose.inverse()).matrix(), np.eye(4), atol=1e-9)


@given(poses)
def test_identity_changes_nothing(pose):
    for same in (pose @ Pose.identity(), Pose.identity() @ pose):
        np.testing.assert_allclose(same.matrix(), pose.matrix(), atol=1e-12)


@given(st.floats(-3.14159, 3.14159))
def test_yaw_of_a_planar_pose(yaw):
    pose = Pose.from_xy_yaw(1.0, -2.0, yaw)
    assert pose.yaw() == pytest.approx(yaw, abs=1e-12)
    assert pose.position.tolist() == [1.0, -2.0, 0.0]
    forward = pose.rotation() @ [1.0, 0.0, 0.0]
    np.testing.assert_allclose(forward, [np.cos(yaw), np.sin(yaw), 0.0], atol=1e-12)


def test_yaw_ignores_roll_and_pitch():
    rotation = rodrigues((0, 0, 1), 0.7) @ rodrigues((0, 1, 0), 0.3) @ rodrigues((1, 0, 0), -1.1)
    pose = Pose.from_matrix(np.column_stack([rotation, np.zeros(3)]))
    assert pose.yaw() == pytest.approx(0.7, abs=1e-12)


@given(poses, axes, st.floats(0.0, np.pi))
def test_angle_between_poses(pose, axis, angle):
    other = pose @ axis_angle_pose((0, 0, 0), axis, angle)
    assert pose.angle_to(other) == pytest.approx(angle, abs=1e-7)
    negated = Pose(other.position, -other.quaternion)
    assert pose.angle_to(negated) == pytest.approx(angle, abs=1e-7)


@pytest.mark.parametrize('angle', [0.0, 1e-12, 1e-9, 1e-8, 1e-6])
def test_small_angles_are_not_lost(angle):
    assert Pose.identity().angle_to(axis_angle_pose((0, 0, 0), (1, 2, 3), angle)) == (
        pytest.approx(angle, rel=1e-6, abs=1e-15))


def test_distance():
    assert Pose(np.array([1.0, 2.0, 3.0])).distance_to(Pose(np.array([1.0, 5.0, 7.0]))) == 5.0


def test_quaternion_is_normalised():
    assert Pose(np.zeros(3), [0, 0, 0, 2]).quaternion.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(('position', 'quaternion', 'text'), [
    ([0, 0, 0], [0, 0, 0, 0], r'\[0\.0, 0\.0, 0\.0, 0\.0\]'),
    ([0, np.nan, 0], [0, 0, 0, 1], 'nan'), ([0, 0, 0], [0, np.inf, 0, 1], 'inf'),
    ([0, 0], [0, 0, 0, 1], r'position must have shape \(3\), got \(2,\)'),
    ([0, 0, 0], [0, 0, 1], r'quaternion must have shape \(4\), got \(3,\)'),
    (np.zeros((3, 1)), [0, 0, 0, 1], r'got \(3, 1\)')])
def test_pose_refuses(position, quaternion, text):
    with pytest.raises(ValueError, match=text):
        Pose(position, quaternion)


@pytest.mark.parametrize('shape', [(36,), (3, 3), (6, 5), (1, 6, 6)])
def test_covariance_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r'covariance must have shape \(6 x 6\), got'):
        Pose(np.zeros(3), covariance=np.zeros(shape))


def test_covariance_is_kept():
    covariance = np.diag(np.arange(6.0))
    pose = Pose(np.zeros(3), covariance=covariance)
    assert np.array_equal(pose.covariance, covariance)
    assert pose.covariance.dtype == np.float64
    assert Pose.identity().covariance is None


@pytest.mark.parametrize(('matrix', 'text'), [
    (np.eye(3), r'\(3, 3\)'),
    (np.diag([1.0, 1.0, -1.0, 1.0]), 'reflection|rotation'),
    (np.diag([2.0, 2.0, 2.0, 1.0]), 'rotation'),
    (np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [5, 6, 7, 1.0]]), 'last row'),
    (np.full((4, 4), np.nan), 'nan|rotation|last row')])
def test_from_matrix_refuses_what_is_no_rigid_transform(matrix, text):
    with pytest.raises(ValueError, match=text):
        Pose.from_matrix(matrix)


def test_from_matrix_takes_rounded_numbers():
    # Files hold matrices with a few digits.
    matrix = np.round(rodrigues((1, 2, 3), 1.0), 4)
    pose = Pose.from_matrix(np.column_stack([matrix, [1, 2, 3]]))
    np.testing.assert_allclose(pose.rotation(), rodrigues((1, 2, 3), 1.0), atol=2e-4)


def camera(**changes):
    values = {'name': 'front', 'width': 64, 'height': 48, 'matrix': np.eye(3)} | changes
    return Camera(**values)


RECORDS = {
    'pose': lambda a: Pose(a.reshape(3)).position,
    'quaternion': lambda a: Pose(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])).quaternion,
    'normalised quaternion': lambda a: Pose(np.zeros(3), [0, 0, 0, 3.0]).quaternion,
    'camera': lambda a: camera(distortion=a).distortion,
    'description': lambda a: Description(0, a.astype(np.float32)).descriptor,
    'view': lambda a: View('front', a.astype(np.float32)).descriptor,
}


@pytest.mark.parametrize('record', RECORDS)
def test_arrays_are_read_only(record):
    array = RECORDS[record](np.array([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match='read-only'):
        array[0] = 5


def test_the_callers_array_stays_writeable():
    image = np.zeros((4, 5, 3), np.uint8)
    position = np.zeros(3)
    frame, pose = Frame(7, image), Pose(position)
    assert image.flags.writeable
    assert position.flags.writeable
    assert not frame.image.flags.writeable
    assert not pose.position.flags.writeable
    assert np.shares_memory(frame.image, image)  # images are large and not copied


@pytest.mark.parametrize('make', [
    lambda a: Pose(a[0, :3]).position,
    lambda a: Pose(np.zeros(3), a[0, :4]).quaternion,
    lambda a: Pose(np.zeros(3), covariance=a).covariance,
    lambda a: camera(matrix=a[:3, :3]).matrix,
    lambda a: camera(distortion=a[0]).distortion,
    lambda a: Description(0, a.astype(np.float32)[0]).descriptor,
    lambda a: Description(0, np.zeros(3), attention=a).attention,
    lambda a: View('front', a[0]).descriptor,
    lambda a: LocalFeatures(a[:, :2], a, a[0]).points,
    lambda a: LocalFeatures(a[:, :2], a, a[0]).descriptors,
    lambda a: LocalFeatures(a[:, :2], a, a[0]).scores,
])
@pytest.mark.parametrize('kind', [np.float32, np.float64])
def test_a_buffer_used_again_changes_no_record(make, kind):
    buffer = np.full((6, 6), 0.5, kind)
    array = make(buffer)
    before = array.copy()
    assert not np.shares_memory(array, buffer)
    assert array.base is None  # nor is anything larger kept in memory
    buffer[:] = 7.0
    assert np.array_equal(array, before)


def test_a_frozen_view_of_a_buffer_is_copied_too():
    buffer = np.zeros((2, 3), np.float32)
    row = buffer[0]
    row.flags.writeable = False
    descriptor = View('front', row).descriptor
    buffer[:] = 7.0
    assert descriptor.tolist() == [0.0, 0.0, 0.0]


def test_records_are_frozen():
    for record in (Pose.identity(), camera(), Place(1, 2, 'a')):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, dataclasses.fields(record)[0].name, None)


def test_records_with_arrays_compare_by_identity():
    a, b = Pose.identity(), Pose.identity()
    assert a != b
    assert len({a, b, a}) == 2


@pytest.mark.parametrize(('image', 'text'), [
    (np.zeros((4, 5, 3)), 'float64'), (np.zeros((4, 5), np.uint8), r'\(4, 5\)'),
    (np.zeros((4, 5, 4), np.uint8), r'\(4, 5, 4\)'),
    (np.zeros((0, 5, 3), np.uint8), 'non-empty'), (np.zeros((3, 4, 5), np.uint8), r'x 3')])
def test_frame_refuses(image, text):
    with pytest.raises(ValueError, match=text):
        Frame(0, image)


def test_frame_keeps_a_stamp_to_the_nanosecond():
    stamp = 1_700_000_000_123_456_789
    frame = Frame(np.int64(stamp), np.zeros((1, 1, 3), np.uint8))
    assert frame.stamp_ns == stamp
    assert type(frame.stamp_ns) is int


@pytest.mark.parametrize('stamp', [1.5, 1.7e18, '5', None])
def test_stamps_that_are_no_integers_are_refused(stamp):
    # A float cannot hold today's nanoseconds: rounding would tear frames from their odometry.
    for make in (lambda: Frame(stamp, np.zeros((1, 1, 3), np.uint8)),
                 lambda: Description(stamp, np.zeros(2))):
        with pytest.raises((TypeError, ValueError), match='integer nanoseconds'):
            make()


def test_camera_refuses():
    with pytest.raises(ValueError, match="'front'.*0 x 48"):
        camera(width=0)
    with pytest.raises(ValueError, match=r'matrix must have shape \(3 x 3\), got \(9,\)'):
        camera(matrix=np.zeros(9))
    with pytest.raises(ValueError, match=r'distortion must have shape \(n\), got \(1, 5\)'):
        camera(distortion=np.zeros((1, 5)))


def test_local_features_agree_in_number():
    features = LocalFeatures(np.zeros((3, 2)), np.zeros((3, 8)), np.zeros(3))
    assert features.points.dtype == features.scores.dtype == np.float32
    with pytest.raises(ValueError, match=r'descriptors must have shape \(3 x n\), got \(2, 8\)'):
        LocalFeatures(np.zeros((3, 2)), np.zeros((2, 8)), np.zeros(3))
    with pytest.raises(ValueError, match=r'scores must have shape \(3\), got \(4,\)'):
        LocalFeatures(np.zeros((3, 2)), np.zeros((3, 8)), np.zeros(4))
    with pytest.raises(ValueError, match=r'points must have shape \(n x 2\), got \(3, 3\)'):
        LocalFeatures(np.zeros((3, 3)), np.zeros((3, 8)), np.zeros(3))


def test_description_holds_float32():
    description = Description(5, np.ones(4), attention=np.ones((2, 3)))
    assert description.descriptor.dtype == description.attention.dtype == np.float32
    with pytest.raises(ValueError, match=r'descriptor must have shape \(n\), got \(1, 4\)'):
        Description(5, np.ones((1, 4)))
    with pytest.raises(ValueError, match=r'attention must have shape \(n x n\), got \(6,\)'):
        Description(5, np.ones(4), attention=np.ones(6))


def localization(**changes):
    values = {
        'stamp_ns': 1, 'camera': 'front', 'map_id': 'm', 'map_revision': 2,
        'network': 'compact', 'decision': Decision.KNOWN, 'reason': 'because',
        'probability': 0.9, 'probability_source': 'map',
        'candidates': (Candidate(7, 3, 's', 'front', 0.8, 0.9),)} | changes
    return Localization(**values)


def test_localization_cannot_be_changed_through_the_callers_dictionary():
    times = {'search': 5}
    answer = localization(stage_times_ns=times)
    times['search'] = 6
    assert answer.stage_times_ns['search'] == 5
    with pytest.raises(TypeError):
        answer.stage_times_ns['search'] = 7


def test_known():
    assert localization().known
    assert not localization(decision=Decision.UNKNOWN).known


def test_replace_keeps_the_rest():
    answer = dataclasses.replace(localization(stage_times_ns={'search': 5}), reason='other')
    assert answer.reason == 'other'
    assert dict(answer.stage_times_ns) == {'search': 5}


@pytest.mark.parametrize('duplicate', [
    copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))])
def test_an_answer_can_travel_between_processes(duplicate):
    answer = duplicate(localization(stage_times_ns={'search': 5}))
    assert dict(answer.stage_times_ns) == {'search': 5}
    assert answer.candidates[0].place_id == 7
    with pytest.raises(TypeError):
        answer.stage_times_ns['search'] = 7


@pytest.mark.parametrize('duplicate', [
    copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))])
def test_a_copied_pose_is_read_only_too(duplicate):
    pose = duplicate(Pose([1, 2, 3], [0, 0, 1, 0], np.eye(6)))
    np.testing.assert_array_equal(pose.matrix(), Pose([1, 2, 3], [0, 0, 1, 0]).matrix())
    for array in (pose.position, pose.quaternion, pose.covariance):
        assert not array.flags.writeable
