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

"""Cameras and satellite fixes survive the way through messages."""

import numpy as np
import pytest
from vpr_ros.messages.sensors import camera_from_info
from vpr_ros.messages.sensors import camera_info_message
from vpr_ros.messages.sensors import fix_from_message
from vpr_ros.messages.sensors import fix_message
from vpr_ros.messages.sensors import SatelliteFix
from vpr_ros.types import Camera
from vpr_ros.types import Pose

MATRIX = np.array([[500.0, 0.0, 321.5], [0.0, 510.0, 239.25], [0.0, 0.0, 1.0]])


@pytest.fixture
def info(factory):
    """Return the CameraInfo of a distorted camera."""
    camera = Camera('front', 640, 480, MATRIX, distortion_model='plumb_bob',
                    distortion=np.array([0.1, -0.2, 0.003, 0.004, 0.05]))
    return camera_info_message(factory, camera, stamp_ns=17, frame_id='optical')


@pytest.mark.parametrize(('model', 'distortion'), [
    ('', []), ('plumb_bob', [0.1, -0.2, 0.0, 0.0, 0.3]), ('equidistant', [1e-3, 0, 0, 2e-3]),
    ('rational_polynomial', [1, 2, 3, 4, 5, 6, 7, 8.5]),
])
def test_camera_round_trip(factory, through_cdr, model, distortion):
    camera = Camera('front', 640, 480, MATRIX, model, np.array(distortion, dtype=float))
    message = through_cdr(camera_info_message(factory, camera, stamp_ns=17, frame_id='optical'))
    mounting = Pose.from_xy_yaw(1, 2, 3)
    back = camera_from_info(message, name='front', T_base_optical=mounting)
    assert (back.name, back.width, back.height) == ('front', 640, 480)
    assert np.array_equal(back.matrix, MATRIX)
    assert back.distortion_model == model
    assert np.array_equal(back.distortion, distortion)
    assert back.T_base_optical is mounting
    assert message.header.frame_id == 'optical'


def test_no_distortion_is_written_so_that_others_rectify(factory):
    message = camera_info_message(
        factory, Camera('front', 640, 480, MATRIX), stamp_ns=0, frame_id='optical')
    assert message.distortion_model == 'plumb_bob' and message.d.tolist() == [0.0] * 5
    assert message.p.reshape(3, 4)[:, :3].tolist() == MATRIX.tolist()


def test_rectified_topic_uses_the_projection(info):
    info.p = np.array([400.0, 0, 300, 9, 0, 410, 200, 0, 0, 0, 1, 0])
    camera = camera_from_info(info, name='front', rectified=True)
    assert camera.matrix.tolist() == [[400, 0, 300], [0, 410, 200], [0, 0, 1]]
    assert camera.rectified and camera.distortion_model == '' and camera.distortion.size == 0


def test_region_and_binning(info):
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 21, 39, 400, 300
    info.binning_x, info.binning_y = 2, 3
    camera = camera_from_info(info, name='front')
    assert (camera.width, camera.height) == (200, 100)
    assert np.allclose(camera.matrix,
                       [[250, 0, 300.5 / 2], [0, 170, 200.25 / 3], [0, 0, 1]])


def test_uncalibrated_is_none(info):
    info.k = np.zeros(9)
    assert camera_from_info(info, name='front') is None


def test_names_of_ros1(info):
    class Ros1:
        K, D, P = info.k, info.d, info.p
        width, height, distortion_model, roi = 640, 480, 'plumb_bob', info.roi
        binning_x = binning_y = 0

    camera = camera_from_info(Ros1(), name='front')
    assert np.array_equal(camera.matrix, MATRIX)
    assert np.array_equal(camera.distortion, info.d)


@pytest.mark.parametrize('covariance', [None, np.diag([1.0, 2.0, 9.0])])
@pytest.mark.parametrize('valid', [True, False])
def test_fix_round_trip(factory, through_cdr, covariance, valid):
    fix = SatelliteFix(1_234_567_890_123_456_789, -27.5, 153.01, 12.5, valid, covariance)
    message = through_cdr(fix_message(factory, fix, frame_id='gps'))
    back = fix_from_message(message)
    assert (back.stamp_ns, back.latitude_deg, back.longitude_deg, back.altitude_m, back.valid) == (
        fix.stamp_ns, -27.5, 153.01, 12.5, valid)
    assert (back.covariance is None) == (covariance is None)
    if covariance is not None:
        assert np.array_equal(back.covariance, covariance)
