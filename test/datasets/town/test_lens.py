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

"""Sky and sensor."""

import numpy as np
import pytest
from vpr_ros.datasets.town.conditions import atmosphere
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.lens import draw_sky
from vpr_ros.datasets.town.lens import expose
from vpr_ros.datasets.town.raster import View
from vpr_ros.types import Camera


def air(name):
    return atmosphere(parse_condition(name))


def exposed(picture, name='day', glow=None, seed=0):
    return expose(picture, glow, air(name), rain='rain' in name, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(('width', 'height'), [(640, 480), (161, 123), (63, 200), (1400, 1100)])
def test_pictures_of_any_size_can_be_made(look, width, height):
    camera = Camera('any', width, height, np.array([[width, 0, width / 2], [0, width, height / 2],
                                                    [0, 0, 1.0]]))
    sky = draw_sky(View(camera, look((0, 0, 1.5), 1.0, -0.2, 0.1)), air('day'))
    assert sky.shape == (height, width, 3)
    assert sky.dtype == np.float32
    assert np.isfinite(sky).all()
    assert sky.min() >= 0.0
    image = exposed(sky)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize('condition', ['day', 'low_sun', 'dusk', 'night'])
def test_the_sky_stays_where_it_is_when_the_camera_turns(look, camera, condition):
    big = Camera('big', 640, 480, camera.matrix * np.array([[4.0], [4.0], [1.0]]))
    looks = [look((0, 0, 1.5), 0.3, -0.3, 0.0), look((0, 0, 1.5), 0.6, -0.4, 0.3)]
    pictures = [draw_sky(View(big, T), air(condition)) for T in looks]
    rng = np.random.default_rng(0)
    pairs = []
    for u, v in rng.uniform((60, 60), (580, 400), (400, 2)):
        way = looks[0].rotation() @ np.linalg.inv(big.matrix) @ [u, v, 1.0]
        other = big.matrix @ looks[1].rotation().T @ way
        x, y = other[:2] / other[2]
        if way[2] > 0.1 and other[2] > 0 and 2 < x < 637 and 2 < y < 477:
            pairs.append((pictures[0][round(v), round(u)], pictures[1][round(y), round(x)]))
    one, two = (np.array(p) for p in zip(*pairs, strict=True))
    assert len(one) > 100
    spread = np.abs(one - rng.permutation(one)).mean()
    assert np.abs(one - two).mean() < 0.2 * spread


def test_the_sky_is_lightest_at_the_sun(look, camera):
    for condition in ('day', 'low_sun'):
        to_sun = air(condition).to_sun
        yaw, up = np.arctan2(to_sun[1], to_sun[0]), np.arcsin(to_sun[2])
        sun, away = (draw_sky(View(camera, look((0, 0, 1.5), yaw + turn, -up)), air(condition))
                     for turn in (0.0, np.pi))
        assert sun.mean() > 1.15 * away.mean()
        v, u = np.unravel_index(sun.mean(axis=2).argmax(), sun.shape[:2])
        assert (u, v) == pytest.approx((camera.matrix[0, 2], camera.matrix[1, 2]), abs=8)


def test_equal_moments_look_equal_and_others_do_not():
    picture = np.full((120, 160, 3), 0.5, np.float32)
    glow = np.zeros((120, 160, 3), np.float32)
    for name in ('day', 'night', 'rain', 'snow'):
        before = picture.copy()
        one, again, other = (exposed(picture, name, glow, seed) for seed in (1, 1, 2))
        assert np.array_equal(one, again)
        assert not np.array_equal(one, other)
        assert np.array_equal(picture, before)


def test_brighter_light_gives_brighter_pixels_up_to_white():
    means = [exposed(np.full((64, 64, 3), level, np.float32)).mean()
             for level in (0.0, 0.1, 0.3, 0.6, 0.9, 1.5, 4.0, 50.0)]
    assert means == sorted(means)
    assert means[0] < 5
    assert means[-1] > 215


def test_darkness_is_noisy():
    grey = np.full((120, 160, 3), 0.3, np.float32)
    day, night = (exposed(grey, name).astype(float).std() for name in ('day', 'night'))
    assert night > 1.5 * day


def test_lamps_dazzle_around_themselves():
    picture = np.full((120, 160, 3), 0.05, np.float32)
    glow = np.zeros_like(picture)
    glow[55:65, 75:85] = 1.5
    plain, dazzled = (exposed(picture, 'night', g).astype(float).mean(axis=2)
                      for g in (np.zeros_like(glow), glow))
    near = dazzled[50:70, 90:95] - plain[50:70, 90:95]
    far = dazzled[:20, :20] - plain[:20, :20]
    assert near.mean() > 3.0
    assert abs(far.mean()) < 1.0


def test_rain_and_snow_fall_through_the_picture():
    picture = np.full((240, 320, 3), 0.2, np.float32)
    dry, rain, snow = (exposed(picture, name).astype(int).max(axis=2)
                       for name in ('day', 'rain', 'snow'))
    for wet in (rain, snow):
        bright = wet > dry.mean() + 10
        assert 0.001 < bright.mean() < 0.3
    # Streaks of rain are upright.
    bright = rain > dry.mean() + 10
    assert (bright[1:] & bright[:-1]).sum() > 1.5 * (bright[:, 1:] & bright[:, :-1]).sum()
