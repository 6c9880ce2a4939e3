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

"""Whole pictures: equal whenever and wherever they are made, and true to the plan."""

from dataclasses import replace
import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.drive import CAMERA
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.drive import Trajectory
from vpr_ros.datasets.town.plan import Building
from vpr_ros.datasets.town.plan import make_plan
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.renderer import Renderer
from vpr_ros.types import Camera

HALF = Camera('half', 320, 240, np.array([[200.0, 0.0, 159.5], [0.0, 200.0, 119.5],
                                          [0.0, 0.0, 1.0]]))
TIMES = (12.0, 60.0)
# What a fresh process runs; it prints the same hash as this one finds.
FRESH = """
import hashlib
import numpy as np
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.plan import make_plan
from vpr_ros.datasets.town.renderer import Renderer
from vpr_ros.types import Camera
from vpr_ros.types import Pose
camera = Camera('c', 160, 120, np.array([[100.0, 0, 79.5], [0, 100.0, 59.5], [0, 0, 1.0]]))
T = Pose.from_matrix(np.array([[0.6, 0, 0.8, 250.0], [-0.8, 0, 0.6, 224.0], [0, -1.0, 0, 1.5]]))
renderer = Renderer(make_plan(4), parse_condition('night+rain'), seed=9, years=2)
print(hashlib.sha256(renderer.render(camera, T, 3.5).tobytes()).hexdigest())
"""


@pytest.fixture(scope='module')
def places(plan):
    """Return T_map_optical at some times of a drive round the loop."""
    poses = Trajectory(plan, Drive()).poses(np.array(TIMES))
    return [pose @ CAMERA.T_base_optical for pose in poses]


@pytest.fixture(scope='module')
def renderer(plan):
    return Renderer(plan, Condition())


@pytest.fixture(scope='module')
def pictures(plan, places):
    """Return a function: the pictures of a condition at all places, made once."""
    found = {}

    def pictures(condition):
        if condition not in found:
            renderer = Renderer(plan, parse_condition(condition))
            found[condition] = [renderer.render(HALF, place, time)
                                for place, time in zip(places, TIMES, strict=True)]
        return found[condition]

    return pictures


@pytest.fixture(scope='module')
def night(plan):
    return Renderer(plan, parse_condition('night+rain+fog'))


def test_a_picture_is_rgb_of_the_size_of_the_camera(pictures):
    for picture in pictures('day'):
        assert picture.shape == (240, 320, 3)
        assert picture.dtype == np.uint8
        # Neither black nor white nor flat.
        assert 40 < picture.mean() < 215
        assert picture.std() > 25


def test_equal_arguments_make_equal_pixels_in_any_order(plan, places, pictures):
    other = Renderer(plan, parse_condition('rain'))
    # A picture of another size between them changes nothing.
    small = Camera('small', 100, 80, HALF.matrix / 3)
    for i in (1, 0, 1):
        assert np.array_equal(other.render(HALF, places[i], TIMES[i]), pictures('rain')[i])
        other.render(small, places[i], TIMES[i])


def test_a_picture_stays_as_it_was_when_the_next_is_made(renderer, places):
    first = renderer.render(HALF, places[0], 0.0)
    copy = first.copy()
    renderer.render(HALF, places[1], 1.0)
    assert np.array_equal(first, copy)


def test_a_fresh_process_makes_the_same_pixels(capsys):
    done = subprocess.run([sys.executable, '-c', FRESH], capture_output=True, text=True,
                          check=True)
    exec(FRESH, {})
    assert len(done.stdout.strip()) == 64
    assert capsys.readouterr().out == done.stdout


def test_another_drive_sees_the_same_houses_and_other_traffic(plan, places, pictures):
    other = Renderer(plan, Condition(), seed=1)
    for place, time, picture in zip(places, TIMES, pictures('day'), strict=True):
        again = other.render(HALF, place, time)
        gap = np.abs(again.astype(int) - picture).max(axis=2)
        assert (gap > 30).mean() > 0.002
        # Houses and sky, above the horizon: but for noise the same.
        assert np.median(gap[:100]) < 12
        assert (gap[:80] < 25).mean() > 0.9


def test_another_town_looks_different(places, pictures):
    other = Renderer(make_plan(1), Condition())
    for place, time, picture in zip(places, TIMES, pictures('day'), strict=True):
        gap = np.abs(other.render(HALF, place, time).astype(int) - picture).max(axis=2)
        assert (gap > 40).mean() > 0.2


def test_time_passes(renderer, places):
    pictures = [renderer.render(HALF, places[0], t).astype(int) for t in (0.0, 0.05, 4.0)]
    moved = [(np.abs(p - pictures[0]).max(axis=2) > 30).mean() for p in pictures[1:]]
    # Noise is new with each picture; cars and people need a while.
    assert not np.array_equal(pictures[0], pictures[1])
    assert moved[0] < moved[1]


def test_night_is_dark_and_dusk_between(pictures):
    for day, dusk, night in zip(*(pictures(c) for c in ('day', 'dusk', 'night')), strict=True):
        assert night.mean() < 0.5 * day.mean()
        assert night.mean() < dusk.mean() < day.mean()


def test_fog_hides_what_is_far(pictures):
    # Contrast in a strip about the horizon, where things are far.
    def contrast(picture):
        grey = picture[100:125].astype(float).mean(axis=2)
        return np.abs(np.diff(grey, axis=1)).mean()

    for day, fog in zip(pictures('day'), pictures('fog'), strict=True):
        assert contrast(fog) < 0.6 * contrast(day)


def test_snow_lies_on_the_ground(pictures):
    for snow, rain in zip(pictures('snow'), pictures('rain'), strict=True):
        assert snow[180:].mean() > 1.25 * rain[180:].mean()


def test_conditions_are_all_different_pictures(pictures):
    names = ('day', 'low_sun', 'dusk', 'night', 'rain', 'fog', 'snow')
    for i, one in enumerate(names):
        for other in names[:i]:
            gap = np.abs(pictures(one)[1].astype(int) - pictures(other)[1]).mean()
            assert gap > 3.0, (one, other)


@pytest.mark.parametrize(('yaw', 'pitch', 'roll'), [(0.0, 0.0, 0.0), (0.2, -0.1, 0.15)])
def test_a_house_is_at_the_pixels_that_calibration_and_pose_say(plan, look, yaw, pitch, roll):
    # The same picture without and with a tower ahead: what differs is the tower.
    begin, end = plan.crossings[3, 1], plan.crossings[3, 2]
    along = (end - begin) / np.linalg.norm(end - begin)
    left = np.array([-along[1], along[0]])
    middle = begin + 60.0 * along
    size = np.array([-5.0 * along - 5.0 * left, 5.0 * along - 5.0 * left,
                     5.0 * along + 5.0 * left, -5.0 * along + 5.0 * left])
    tower = Building(middle + size, 18.0, 0.0, 'works', (True,) * 4, 5, 5)
    T = look((*(begin + 10.0 * along), 2.0), np.arctan2(along[1], along[0]) + yaw, pitch, roll)
    towns = plan, replace(plan, buildings=(*plan.buildings, tower))
    without, with_it = (Renderer(t, parse_condition('dusk')).render(HALF, T, 5.0).astype(int)
                        for t in towns)
    gap = np.abs(with_it - without).max(axis=2).astype(np.uint8)
    front = np.array([[*tower.corners[3], 18.0], [*tower.corners[0], 18.0]])
    turn, _ = cv2.Rodrigues(T.rotation().T)
    shift = -T.rotation().T @ T.position
    # The upper corners of its front, and points of its edges below these.
    corners, below = (cv2.projectPoints(front - [0, 0, z], turn, shift, HALF.matrix, None)[0][:, 0]
                      for z in (0.0, 8.0))
    assert (corners > 5).all()
    assert (corners < (315, 235)).all()
    # The tower's upper edge, its sides: walk across each border and find the step.
    a, b = corners
    down = below - corners
    for start, way, inward in ((a, b - a, down[0]), (a, down[0], b - a), (b, down[1], a - b)):
        inward = inward / np.linalg.norm(inward)
        steps = []
        for share in np.linspace(0.15, 0.85, 15):
            at = start + share * way
            line = np.array([at + t * inward for t in np.arange(-6.0, 6.01, 0.25)], np.float32)
            values = cv2.remap(gap, line[None, :, 0], line[None, :, 1], cv2.INTER_LINEAR)[0] * 1.0
            inside, outside = values[-8:].mean(), values[:8].mean()
            if inside > outside + 15:
                steps.append(np.argmax(values > (inside + outside) / 2) * 0.25 - 6.0)
        assert len(steps) >= 8
        # Half a pixel is OpenCV's, who draws the outline too; the lens smooths a little.
        assert abs(np.median(steps)) < 1.3


@pytest.mark.parametrize(('position', 'turn'), [
    ((300.0, 230.0, 400.0), (0.0, 1.57, 0.0)), ((300.0, 230.0, 1.5), (0.0, -1.57, 0.0)),
    ((-900.0, -900.0, 2.0), (0.7, 0.0, 0.0)), ((2000.0, 200.0, 2.0), (0.0, 0.0, 3.1)),
    ((300.0, 230.0, 0.05), (1.0, 0.0, 0.5)), ((210.0, 270.0, 3.0), (2.0, 0.0, 0.0))],
    ids=['from above', 'at the sky', 'outside', 'beyond', 'on the ground', 'anywhere'])
def test_any_pose_makes_a_picture(renderer, night, look, camera, position, turn):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for any_light in (renderer, night):
            picture = any_light.render(camera, look(position, *turn), 0.0)
            assert picture.shape == (120, 160, 3)


def test_the_view_of_a_camera_follows_its_intrinsics(renderer, places, pictures):
    # A camera of twice the focal length sees the middle of what the other sees.
    tele = Camera('tele', 320, 240, HALF.matrix * np.array([[2.0, 1, 1], [1, 2.0, 1], [1, 1, 1]]))
    near = renderer.render(tele, places[1], TIMES[1]).astype(float)
    whole = pictures('day')[1].astype(float)
    part = cv2.resize(whole[60:180, 80:240], (320, 240), interpolation=cv2.INTER_LINEAR)
    same = np.corrcoef(near[..., 1].ravel(), part[..., 1].ravel())[0, 1]
    assert same > 0.9
    assert np.array_equal(View(tele, places[1]).matrix, tele.matrix)


def points_in_map(depth, camera, T_map_optical, step=5):
    """Return (n, 3) where every fifth pixel lies in the map, and (n, 2) which these are."""
    y, x = (v[np.isfinite(depth[::step, ::step])] * step
            for v in np.mgrid[:depth[::step].shape[0], :depth[:, ::step].shape[1]])
    rays = np.column_stack([x, y, np.ones(len(x))]) @ np.linalg.inv(camera.matrix).T
    points = rays * depth[y, x, None]
    return points @ T_map_optical.rotation().T + T_map_optical.position, np.column_stack([x, y])


def test_depth_is_that_of_the_street_and_the_sky(plan, places):
    renderer = Renderer(plan, Condition())
    with pytest.raises(ValueError, match='no picture was made yet'):
        renderer.depth()
    for place, time in zip(places, TIMES, strict=True):
        renderer.render(HALF, place, time)
        depth = renderer.depth()
        assert depth.shape == (240, 320)
        assert depth.dtype == np.float32
        assert np.isnan(depth[0]).any()
        assert np.nanmin(depth) > 0.4
        points, pixels = points_in_map(depth, HALF, place)
        assert points[:, 2].min() > -0.05  # nothing lies below the street
        ahead = points[(pixels[:, 1] > 225) & (np.abs(pixels[:, 0] - 160) < 40)]
        assert np.abs(ahead[:, 2]).max() < 0.02


def test_two_pictures_agree_in_the_depth_of_what_both_show(plan):
    renderer = Renderer(plan, parse_condition('night+rain'))
    first, second = (pose @ CAMERA.T_base_optical for pose in
                     Trajectory(plan, Drive()).poses(np.array([20.0, 20.6])))
    renderer.render(HALF, first, 20.0)
    points, _ = points_in_map(renderer.depth(), HALF, first)
    renderer.render(HALF, second, 20.0)
    depth = renderer.depth()
    view = View(HALF, second)
    seen = view.to_camera(points)
    seen = seen[seen[:, 2] > 1.0]
    x, y = np.rint(view.project(seen)).astype(int).T
    inside = (x >= 0) & (x < 320) & (y >= 0) & (y < 240)
    ratio = depth[y[inside], x[inside]] / seen[inside, 2]
    assert inside.sum() > 500
    assert np.abs(np.nanmedian(ratio) - 1.0) < 0.002
    # What the first sees stands in the way of the second only at edges.
    assert (np.abs(ratio - 1.0) < 0.03).mean() > 0.8
