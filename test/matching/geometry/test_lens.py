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

"""Rays of pixels, through lenses of several models."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.geometry.lens import calibrated
from vpr_ros.matching.geometry.lens import focal_px
from vpr_ros.matching.geometry.lens import normalised
from vpr_ros.types import Camera

MATRIX = np.array([[400.0, 0.0, 330.0], [0.0, 390.0, 236.0], [0.0, 0.0, 1.0]])
PLAIN = Camera('plain', 640, 480, MATRIX)
LENSES = {
    'plumb_bob': [-0.25, 0.07, 0.001, -0.002, 0.0],
    'rational_polynomial': [-0.3, 0.1, 0.001, -0.002, 0.01, 0.05, -0.02, 0.003],
    'equidistant': [0.02, -0.01, 0.004, -0.001],
}


def grid_of_rays(most):
    x, y = np.meshgrid(np.linspace(-most, most, 9), np.linspace(-most, most, 7))
    return np.stack([x, y], axis=-1).reshape(-1, 2)


@pytest.mark.parametrize('model', LENSES)
def test_rays_come_back_from_the_pixels_that_they_made(model):
    camera = replace(PLAIN, distortion_model=model, distortion=np.array(LENSES[model]))
    rays = grid_of_rays(0.8)
    points = np.column_stack([rays, np.ones(len(rays))])[:, None]
    project = cv2.fisheye.projectPoints if model == 'equidistant' else cv2.projectPoints
    pixels = project(points, np.zeros(3), np.zeros(3), MATRIX, np.array(LENSES[model]))[0][:, 0]

    found = normalised(pixels, camera)

    assert np.abs(found - rays).max() < 1e-4
    assert np.abs(normalised(pixels, PLAIN) - rays).max() > 1e-2  # the lens did something


def test_a_rectified_image_has_no_distortion_left():
    camera = replace(PLAIN, distortion_model='plumb_bob', rectified=True,
                     distortion=np.array(LENSES['plumb_bob']))
    pixels = np.array([[330.0, 236.0], [730.0, 626.0]])

    assert np.allclose(normalised(pixels, camera), [[0.0, 0.0], [1.0, 1.0]])


def test_pixels_without_a_ray_are_nan():
    # Of this polynomial r + k r^3 turns back at r = 0.58: no ray makes the corner.
    camera = replace(PLAIN, distortion_model='plumb_bob',
                     distortion=np.array([-1.0, 0.0, 0.0, 0.0]))

    rays = normalised(np.array([[330.0, 236.0], [640.0, 480.0]]), camera)

    assert np.allclose(rays[0], 0.0)
    assert np.isnan(rays[1]).all()


def test_a_model_that_is_not_known_is_refused_with_those_that_are():
    camera = replace(PLAIN, name='rear', distortion_model='omni', distortion=np.ones(4))

    with pytest.raises(VprError, match="camera 'rear'.*equidistant.*got 'omni' with 4"):
        normalised(np.ones((3, 2)), camera)


def test_a_lens_of_a_model_that_is_not_known_is_as_good_as_none_and_told_once(caplog):
    camera = replace(PLAIN, name='dome', distortion_model='omni', distortion=np.ones(4))

    assert not calibrated(camera)
    assert not calibrated(replace(camera, matrix=2.0 * MATRIX))
    assert caplog.text.count("there is no relative pose: camera 'dome'") == 1
    assert calibrated(replace(camera, rectified=True))
    assert calibrated(replace(camera, distortion=np.zeros(4)))
    assert calibrated(PLAIN)


def test_no_points_have_no_rays_and_a_focal_length_lies_between_both():
    assert normalised(np.zeros((0, 2)), PLAIN).shape == (0, 2)
    assert 390.0 < focal_px(PLAIN) < 400.0
