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

"""Light on what was drawn."""

from dataclasses import replace

import numpy as np
import pytest
from vpr_ros.datasets.town.conditions import atmosphere
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.light import Lighting
from vpr_ros.datasets.town.plan import Building
from vpr_ros.datasets.town.raster import Canvas
from vpr_ros.datasets.town.raster import Quad
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.surfaces import wall
from vpr_ros.datasets.town.texture import blank
from vpr_ros.datasets.town.texture import LIT
from vpr_ros.datasets.town.texture import OPAQUE
from vpr_ros.datasets.town.texture import Texture
from vpr_ros.types import Camera

GREY = (128, 128, 128)
ABOVE = Camera('above', 200, 200, np.array([[200.0, 0.0, 99.5], [0.0, 200.0, 99.5],
                                            [0.0, 0.0, 1.0]]))
PLACE = np.array([300.0, 250.0])
TOWER = Building(PLACE + np.array([[-6.0, -4.0], [6.0, -4.0], [6.0, 4.0], [-6.0, 4.0]]), 18.0,
                 0.0, 'dense', (True, True, True, True), 1, 1)


@pytest.fixture(scope='module')
def empty(plan):
    """Return the town without houses and trees, and with a single lamp."""
    return replace(plan, buildings=(), trees=(), lamps=np.array([[*PLACE, 0.0]]))


def light(town, condition, view, canvas, sky=0.5):
    condition = parse_condition(condition)
    lighting = Lighting(town, condition, atmosphere(condition))
    return lighting.apply(canvas, view, np.full((canvas.height, canvas.width, 3), sky, np.float32))


def ground(view, colour=GREY):
    canvas = Canvas(view.camera.width, view.camera.height)
    canvas.clear()
    canvas.ground(view)
    canvas.colour[canvas.surface > 0] = (*colour, OPAQUE)
    return canvas


@pytest.fixture(scope='module')
def above(look):
    return View(ABOVE, look((*PLACE, 60.0), 0.0, np.pi / 2))


@pytest.mark.parametrize('condition', ['day', 'low_sun', 'leaf_off'])
def test_a_house_throws_its_shadow_away_from_the_sun(empty, above, look, rays, depth_inside,
                                                     uniform, condition):
    picture, glow = light(replace(empty, buildings=(TOWER,)), condition, above, ground(above))
    assert glow is None
    grey = picture.mean(axis=2)
    ways = rays(ABOVE, look((*PLACE, 60.0), 0.0, np.pi / 2))
    points = (np.array([*PLACE, 60.0]) - ways * 60.0 / ways[..., 2:])[..., :2].reshape(-1, 2)
    # A point is shaded where the way to the sun passes the tower below its roof.
    to_sun = atmosphere(parse_condition(condition)).to_sun
    shaded = np.zeros(len(points), bool)
    for height in np.arange(0.0, 18.0, 0.4):
        at = points + to_sun[:2] / to_sun[2] * height
        shaded |= depth_inside(TOWER.corners, at) > 0
    shaded &= depth_inside(TOWER.corners, points) < -1.0
    shaded = shaded.reshape(grey.shape)
    outside = (depth_inside(TOWER.corners, points) < -1.0).reshape(grey.shape)
    sure = uniform(shaded) & outside
    dark = grey < (grey[sure & shaded].mean() + grey[sure & ~shaded].mean()) / 2
    assert (sure & shaded).sum() > 500
    assert grey[sure & shaded].mean() < 0.92 * grey[sure & ~shaded].mean()
    assert (dark[sure] == shaded[sure]).mean() > 0.97


def test_under_clouds_there_are_no_shadows(empty, above):
    for condition in ('rain', 'fog', 'snow'):
        picture, _ = light(replace(empty, buildings=(TOWER,)), condition, above, ground(above))
        grey = picture.mean(axis=2)
        assert grey.std() < 0.1 * grey.mean()


def test_a_wall_to_the_sun_is_lighter_than_one_away_from_it(empty, camera, look):
    view = View(camera, look((*PLACE, 2.0)))
    texture = Texture(blank(4, 4, GREY))
    to_sun = atmosphere(parse_condition('day')).to_sun
    shades = []
    for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False):
        canvas = Canvas(camera.width, camera.height)
        canvas.clear()
        canvas.draw(view, [Quad(np.array([PLACE[0] + 5.0, PLACE[1] + 9.0, 9.0]),
                                np.array([0.0, -18.0, 0.0]), np.array([0.0, 0.0, -18.0]),
                                lambda: texture, wall(np.cos(angle), np.sin(angle)))])
        facing = np.cos(angle) * to_sun[0] + np.sin(angle) * to_sun[1]
        shades.append((facing, float(light(empty, 'day', view, canvas)[0].mean())))
    shades.sort()
    assert shades[-1][1] > 1.4 * shades[0][1]
    # Walls in the shade are all alike.
    assert np.std([s for f, s in shades if f < -0.1]) < 0.01


def test_the_ground_is_lightest_below_a_lamp(empty, above):
    picture, glow = light(empty, 'night', above, ground(above))
    grey = picture.mean(axis=2)
    v, u = np.unravel_index(np.argmax(grey), grey.shape)
    # Its head hangs over the street, east of its post; 0.3 m of ground for each pixel. East is
    # up: the camera looks down and its upper border is ahead.
    assert u == pytest.approx(99.5, abs=2.5)
    assert 99.5 - v == pytest.approx(1.2 / 0.3, abs=2.5)
    assert grey.max() > 3 * np.median(grey)
    assert glow is not None
    day, _ = light(empty, 'day', above, ground(above))
    assert day.std() < 0.02


def test_what_shines_is_seen_at_night_alone(empty, camera, look):
    view = View(camera, look((*(PLACE + 40.0), 2.0), 0.7))
    lit, dull = (Texture(blank(4, 4, GREY, alpha)) for alpha in (LIT, OPAQUE))
    values = {}
    for condition in ('day', 'night'):
        for texture in (lit, dull):
            canvas = Canvas(camera.width, camera.height)
            canvas.clear()
            # A wall that all of the camera sees.
            turn = view.rotation.T
            origin = view.position + turn @ [-20.0, -15.0, 15.0]
            canvas.draw(view, [Quad(origin, turn @ [40.0, 0, 0], turn @ [0, 30.0, 0],
                                    lambda texture=texture: texture, Surface.UPRIGHT)])
            assert (canvas.surface == Surface.UPRIGHT).all()
            picture, glow = light(empty, condition, view, canvas)
            values[condition, texture is lit] = picture.mean()
            assert (glow is None) == (condition == 'day')
            if glow is not None:
                assert (glow > 0).all() == (texture is lit)
    assert values['night', True] > 3 * values['night', False]
    assert values['day', True] == pytest.approx(values['day', False])


@pytest.mark.parametrize('condition', ['day', 'rain', 'fog', 'night'])
def test_haze_takes_contrast_with_distance(empty, camera, look, condition):
    air = atmosphere(parse_condition(condition))
    contrasts = []
    for distance in (10.0, 30.0, 90.0):
        # High up, so that all of the wall is above the ground.
        view = View(camera, look((*PLACE, 300.0), 1.0))
        turn = view.rotation.T
        means = []
        for shade in (0, 250):
            texture = Texture(blank(4, 4, (shade,) * 3))
            canvas = Canvas(camera.width, camera.height)
            canvas.clear()
            origin = view.position + turn @ [-2 * distance, -2 * distance, distance]
            canvas.draw(view, [Quad(origin, turn @ [4 * distance, 0, 0],
                                    turn @ [0, 4 * distance, 0],
                                    lambda texture=texture: texture, Surface.UPRIGHT)])
            means.append(light(empty, condition, view, canvas)[0][:, :, 1].mean())
        contrasts.append(means[1] - means[0])
    if condition != 'night':  # headlights fade on their own
        for i, (a, b) in enumerate(((10.0, 30.0), (30.0, 90.0))):
            assert contrasts[i + 1] / contrasts[i] == pytest.approx(
                np.exp(-air.haze_per_m * (b - a)), rel=0.03)
    assert contrasts[0] > contrasts[1] > contrasts[2] > 0


def test_snow_whitens_the_ground_and_not_the_walls(empty, look):
    above = View(ABOVE, look((*PLACE, 6.0), 0.0, np.pi / 2))
    for surface, whiter in ((Surface.ASPHALT, True), (Surface.PAVING, True),
                            (Surface.GRASS, True), (Surface.TOP, True), (Surface.ROOF + 3, True),
                            (Surface.WALL + 3, False), (Surface.UPRIGHT, False)):
        canvas = ground(above, (60, 80, 40))
        canvas.surface[:] = surface
        fog, snow = (light(empty, c, above, canvas)[0].reshape(-1, 3).mean(axis=0)
                     for c in ('fog', 'snow'))
        # Colour is what white has not.
        colour = [np.ptp(p) / p.mean() for p in (fog, snow)]
        assert (colour[1] < 0.8 * colour[0]) == whiter
        assert (snow.mean() > 1.3 * fog.mean()) == whiter


def test_the_sky_stays_as_it_was(empty, camera, look):
    view = View(camera, look((*PLACE, 2.0)))
    canvas = ground(view)
    for condition in ('day', 'night', 'fog+dusk', 'rain', 'snow'):
        picture, _ = light(empty, condition, view, canvas, sky=0.37)
        assert (picture[canvas.surface == Surface.SKY] == np.float32(0.37)).all()
        assert np.isfinite(picture).all()
        assert picture.min() >= 0.0


def test_wet_streets_mirror_the_sky(empty, camera, look):
    view = View(camera, look((*PLACE, 2.0)))
    dark, bright = (light(empty, 'rain', view, ground(view), sky=s)[0] for s in (0.1, 0.9))
    below = ground(view).surface == Surface.ASPHALT
    assert bright[below].mean() > dark[below].mean() + 0.05
    dry = [light(empty, 'day', view, ground(view), sky=s)[0][below] for s in (0.1, 0.9)]
    assert np.array_equal(*dry)


def test_light_leaves_the_canvas_as_it_is(empty, above):
    canvas = ground(above)
    before = [a.copy() for a in (canvas.colour, canvas.surface, canvas.nearness)]
    for condition in ('night+rain', 'snow'):
        light(empty, condition, above, canvas)
    for a, b in zip(before, (canvas.colour, canvas.surface, canvas.nearness), strict=True):
        assert np.array_equal(a, b)
