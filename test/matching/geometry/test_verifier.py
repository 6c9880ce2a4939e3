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

"""What two images say about a place and a pose, in scenes whose truth is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.town.town import DRIVES
from vpr_ros.datasets.town.town import Town
from vpr_ros.extraction.local.depths import with_depths
from vpr_ros.extraction.local.opencv_features import SiftFeatures
from vpr_ros.matching.geometry.covariance import inverted
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.geometry.sight import Sight
from vpr_ros.matching.geometry.verifier import verify
from vpr_ros.types import LocalFeatures

SETTINGS = GeometrySettings()


def turn_off_deg(said, truth):
    turn = truth.rotation() @ said.relative_pose.T_match_query.rotation().T
    return float(np.degrees(np.linalg.norm(cv2.Rodrigues(turn)[0])))


def assert_sound(said):
    """Check what holds of every covariance that leaves the verifier."""
    covariance = said.relative_pose.T_match_query.covariance
    assert np.isfinite(covariance).all()
    assert np.allclose(covariance, covariance.T)
    np.linalg.cholesky(covariance)


@pytest.mark.parametrize('wrong', [0.0, 0.4])
@pytest.mark.parametrize('shift', [(2.0, 0.3, 0.0), (0.5, 1.5, 0.0), (0.0, 0.0, 0.0)])
def test_depths_give_the_pose_between_bases_in_metres(rng, make_scene, make_street, make_pose,
                                                      shift, wrong):
    truth = make_pose(shift, 0.02, 0.01, -0.1)
    scene = make_scene(make_street(rng), truth)

    said = verify(*scene.sights(rng, wrong=wrong, depths=True), SETTINGS)

    assert said.model == 'pnp'
    assert said.matches == len(scene)
    assert 0.25 * len(scene) < said.inliers <= (1.0 - wrong) * len(scene) + 5
    assert said.relative_pose.translation_valid and said.relative_pose.rotation_valid
    assert said.relative_pose.T_match_query.distance_to(truth) < 0.1
    assert turn_off_deg(said, truth) < 0.15
    assert_sound(said)


@pytest.mark.parametrize('wrong', [0.0, 0.4])
@pytest.mark.parametrize('shift', [(2.0, 0.3, 0.0), (0.0, 0.0, 0.0)])
def test_depths_of_the_robot_do_where_the_map_has_none(rng, make_scene, make_street, make_pose,
                                                       shift, wrong):
    truth = make_pose(shift, 0.02, 0.01, -0.1)
    scene = make_scene(make_street(rng), truth)
    with_depths_, without = scene.sights(rng, wrong=wrong, depths=True)

    there, back = verify(with_depths_, without, SETTINGS), verify(without, with_depths_, SETTINGS)

    assert back.model == 'pnp'
    assert back.relative_pose.translation_valid and back.relative_pose.rotation_valid
    assert back.relative_pose.T_match_query.distance_to(truth.inverse()) < 0.1
    assert turn_off_deg(back, truth.inverse()) < 0.15
    assert_sound(back)
    if not wrong:
        # One measurement, told from either end.
        wanted = inverted(there.relative_pose.T_match_query)
        assert back.relative_pose.T_match_query.distance_to(wanted) < 1e-6
        assert np.allclose(back.relative_pose.T_match_query.covariance, wanted.covariance,
                           rtol=0.05, atol=2e-6)


@pytest.mark.parametrize('wrong', [0.0, 0.4])
def test_images_alone_give_the_turn_and_a_direction(rng, make_scene, make_street, make_pose,
                                                    wrong):
    # Far enough that the levers of the mountings, 2 m, do not decide the direction.
    truth = make_pose((3.0, -2.5, 0.0), 0.0, 0.02, 0.1)
    scene = make_scene(make_street(rng), truth)
    match, query = scene.cameras

    said = verify(*scene.sights(rng, wrong=wrong), SETTINGS)

    pose = said.relative_pose.T_match_query
    between = (truth @ query.T_base_optical).position - match.T_base_optical.position
    assert said.model == 'essential'
    assert said.relative_pose.rotation_valid and not said.relative_pose.translation_valid
    assert turn_off_deg(said, truth) < 0.5
    assert np.linalg.norm(pose.position) == pytest.approx(1.0)
    assert pose.position @ between / np.linalg.norm(between) > np.cos(np.radians(5.0))
    assert np.sqrt(np.diag(pose.covariance)[:3]).min() > 100.0  # nobody takes it for metres
    assert_sound(said)


def test_a_camera_that_turned_on_the_spot_has_a_turn_and_no_direction(
        rng, make_scene, make_street, make_pose):
    match, query = make_scene(make_street(rng, 9), make_pose((0, 0, 0))).cameras
    truth = (match.T_base_optical @ make_pose((0, 0, 0), 0.05, -0.1, 0.03)
             @ query.T_base_optical.inverse())

    said = verify(*make_scene(make_street(rng), truth).sights(rng, wrong=0.3), SETTINGS)

    assert said.model == 'rotation'
    assert turn_off_deg(said, truth) < 0.3
    assert not said.relative_pose.translation_valid
    assert (said.relative_pose.T_match_query.position == 0.0).all()
    assert_sound(said)


@pytest.mark.parametrize('depths', [False, True])
def test_a_wall_and_nothing_else(rng, make_scene, make_pose, depths):
    wall = np.column_stack([np.full(300, 12.0), rng.uniform(-9, 9, 300), rng.uniform(-6, 8, 300)])
    truth = make_pose((2.0, 1.0, 0.0), 0.0, 0.0, 0.1)

    said = verify(*make_scene(wall, truth).sights(rng, depths=depths), SETTINGS)

    # A plane has two explanations: the turn is right, or said to be unsure.
    turn = said.relative_pose
    sigma = np.degrees(np.sqrt(np.linalg.eigvalsh(turn.T_match_query.covariance[3:, 3:])[-1]))
    assert turn_off_deg(said, truth) < (0.3 if depths else max(0.5, 3.0 * sigma))
    if depths:
        assert turn.T_match_query.distance_to(truth) < 0.1
    assert_sound(said)


def test_a_facade_that_repeats_itself(rng, make_scene, make_pose):
    """Windows look alike: half of the matches are those of the window beside."""
    x, z = np.meshgrid(np.arange(4.0, 40.0, 1.5), np.arange(0.5, 9.0, 1.2))
    windows = np.column_stack([x.ravel(), np.full(x.size, 6.0), z.ravel()])
    others = np.column_stack([rng.uniform(6, 40, 150), rng.choice([-5.0, -7.0], 150),
                              rng.uniform(0, 8, 150)])
    truth = make_pose((1.0, 0.5, 0.0), 0.0, 0.0, 0.05)
    scene = make_scene(np.concatenate([windows, others]), truth)
    match, query = scene.sights(rng, depths=True)
    kind = query.features.descriptors.copy()
    kind[:60:2], kind[1:60:2] = kind[1:60:2].copy(), kind[:60:2].copy()
    query = Sight(replace(query.features, descriptors=kind), query.camera)

    said = verify(match, query, SETTINGS)

    assert said.relative_pose.T_match_query.distance_to(truth) < 0.15
    assert turn_off_deg(said, truth) < 0.3


def test_another_place_has_next_to_no_inliers(rng, make_scene, make_street, make_pose):
    scene = make_scene(make_street(rng), make_pose((1.0, 0.0, 0.0)))

    right = verify(*scene.sights(rng, wrong=0.4), SETTINGS)
    wrong = verify(*scene.sights(rng, wrong=1.0), SETTINGS)

    assert right.matches == wrong.matches
    assert wrong.inliers < 0.15 * right.inliers
    assert wrong.relative_pose is None or not wrong.relative_pose.translation_valid


@pytest.mark.parametrize('agreement', ['similarity', 'homography', 'essential'])
def test_what_matches_agree_on_is_a_setting(rng, make_scene, make_street, make_pose, agreement):
    scene = make_scene(make_street(rng), make_pose((0.5, 0.5, 0.0)))
    settings = GeometrySettings(agreement=agreement, least_inliers=1000)
    match, query = scene.sights(rng, wrong=0.3)

    said = verify(match, query, settings)
    uncalibrated = verify(Sight(match.features), Sight(query.features), settings)

    assert (said.model, said.relative_pose) == (agreement, None)
    assert said.inliers > 0.2 * said.matches
    assert uncalibrated.model == ('homography' if agreement == 'essential' else agreement)


def test_without_calibration_or_mounting_there_is_no_pose(rng, make_scene, make_street,
                                                          make_pose):
    scene = make_scene(make_street(rng), make_pose((0.5, 0.5, 0.0)))
    match, query = scene.sights(rng, depths=True)
    unmounted = Sight(query.features, replace(query.camera, T_base_optical=None))
    # What ROS sends of a camera without calibration.
    zeros = Sight(query.features, replace(query.camera, matrix=np.zeros((3, 3))))

    told = verify(match, query, SETTINGS)
    for other in (Sight(query.features), unmounted, zeros):
        said = verify(match, other, SETTINGS)
        assert (said.inliers, said.matches) == (told.inliers, told.matches)
        assert (said.model, said.relative_pose) == ('similarity', None)


@pytest.mark.parametrize('agreement', ['similarity', 'essential'])
def test_a_lens_that_nobody_knows_takes_the_pose_alone(rng, make_scene, make_street, make_pose,
                                                       agreement):
    match, query = make_scene(make_street(rng), make_pose((1.0, 0.3, 0.0), 0.0, 0.0, 0.05)).sights(
        rng)
    settings = GeometrySettings(agreement=agreement)
    strange = replace(query.camera, distortion_model='thin_prism', distortion=np.full(12, 0.01))

    said = verify(match, Sight(query.features, strange), settings)

    assert said.relative_pose is None
    assert said.inliers == verify(match, Sight(query.features), settings).inliers > 12


@pytest.mark.parametrize('focal_px', [0.0, 1e-300, 1e-3, 1e9, 1e300, np.nan])
def test_a_focal_length_that_no_camera_has_is_none(rng, make_scene, make_street, make_pose,
                                                   focal_px):
    match, query = make_scene(make_street(rng), make_pose((1.0, 0.3, 0.0), 0.0, 0.0, 0.05)).sights(
        rng)
    broken = replace(query.camera, matrix=np.diag([focal_px, focal_px, 1.0]))

    for agreement in ('similarity', 'essential'):
        said = verify(match, Sight(query.features, broken), GeometrySettings(agreement=agreement))
        assert said.relative_pose is None
        assert said.inliers > 12


def test_the_same_images_have_one_answer(rng, make_scene, make_street, make_pose):
    sights = make_scene(make_street(rng), make_pose((2.0, 0.5, 0.0))).sights(rng, wrong=0.4)

    first, second = (verify(*sights, SETTINGS) for _ in range(2))

    assert (first.inliers, first.model) == (second.inliers, second.model)
    for name in ('position', 'quaternion', 'covariance'):
        assert (getattr(first.relative_pose.T_match_query, name)
                == getattr(second.relative_pose.T_match_query, name)).all()


def test_images_without_features_say_nothing():
    nothing = Sight(LocalFeatures(np.zeros((0, 2)), np.zeros((0, 8)), np.zeros(0)))

    said = verify(nothing, nothing, SETTINGS)

    assert (said.matches, said.inliers, said.model, said.relative_pose) == (0, 0, 'none', None)


@pytest.mark.parametrize('damage', [
    {'points': np.nan}, {'points': np.inf}, {'descriptors': np.nan}, {'descriptors': 0.0},
    {'depths': -1.0}, {'depths': np.inf}, {'depths': 1e30}])
def test_damaged_features_are_left_out(rng, make_scene, make_street, make_pose, damage):
    truth = make_pose((2.0, 0.5, 0.0))
    match, query = make_scene(make_street(rng), truth).sights(rng, depths=True)
    (name, value), = damage.items()
    values = getattr(match.features, name).copy()
    values[::3] = value

    said = verify(Sight(replace(match.features, **{name: values}), match.camera), query, SETTINGS)

    assert said.inliers > 50
    assert said.relative_pose.T_match_query.distance_to(truth) < 0.15
    assert_sound(said)


def test_cells_give_a_turn_that_is_as_sure_as_it_says(rng, make_scene, make_street, make_pose):
    """Of points rounded to cells of 4.6 degrees, depths or not, nobody tells where one stood."""
    truth = make_pose((0.8, 0.3, 0.0), 0.0, 0.0, 0.12)
    camera = make_scene(make_street(rng, 9), truth).cameras[0]
    scene = make_scene(make_street(rng, 1500), truth, query_camera=camera)
    cells = [np.floor(p / 32.0) * 32.0 + 15.5 for p in scene.pixels]
    _, first = np.unique(cells[0], axis=0, return_index=True)
    descriptors = np.eye(len(first), dtype=np.float32)
    match, query = (Sight(LocalFeatures(c[first], descriptors, np.ones(len(first)), depths),
                          camera)
                    for c, depths in zip(cells, (scene.depths[first], None), strict=True))

    said = verify(match, query, SETTINGS)

    assert said.model == 'rotation'
    assert not said.relative_pose.translation_valid
    assert turn_off_deg(said, truth) < 3.0
    sigmas = np.degrees(np.sqrt(np.diag(said.relative_pose.T_match_query.covariance)[3:]))
    assert (sigmas > 0.3).all()
    assert_sound(said)


def test_a_fisheye_lens_and_another_camera(rng, make_scene, make_street, make_pose):
    truth = make_pose((1.5, 0.5, 0.0), 0.0, 0.02, -0.1)
    wide = make_scene(make_street(rng, 9), truth).cameras[1]
    wide = replace(wide, matrix=np.array([[420.0, 0, 640.0], [0, 420.0, 360.0], [0, 0, 1.0]]),
                   distortion_model='equidistant', distortion=np.array([0.02, -0.01, 0, 0]))
    scene = make_scene(make_street(rng), truth, query_camera=wide)
    match, query = scene.sights(rng, depths=True, wrong=0.3)

    said = verify(match, query, SETTINGS)
    without = verify(match, Sight(query.features, replace(wide, rectified=True)), SETTINGS)

    assert said.relative_pose.translation_valid
    assert said.relative_pose.T_match_query.distance_to(truth) < 0.15
    assert turn_off_deg(said, truth) < 0.3
    # The same picture, taken for one without distortion, is not where the robot was.
    assert without.relative_pose is None \
        or without.relative_pose.T_match_query.distance_to(truth) > 0.3


def test_two_pictures_of_the_town():
    traverse = Town().drive(replace(DRIVES['day'], depth=True))
    frames = [traverse.frame(index) for index in (60, 61)]
    assert frames[0].T_map_base.distance_to(frames[1].T_map_base) > 1.0
    found = SiftFeatures(256).extract(frames, None)
    match, query = (Sight(f, frame.calibration) for f, frame in zip(found, frames, strict=True))
    truth = frames[0].T_map_base.inverse() @ frames[1].T_map_base

    metric = verify(Sight(with_depths(match.features, frames[0]), match.camera), query, SETTINGS)
    images = verify(match, query, SETTINGS)

    assert metric.relative_pose.translation_valid
    assert metric.relative_pose.T_match_query.distance_to(truth) < 0.15
    assert turn_off_deg(metric, truth) < 0.3
    assert images.inliers == metric.inliers > 30
    assert not images.relative_pose.translation_valid
    assert not images.relative_pose.rotation_valid or turn_off_deg(images, truth) < 1.0
