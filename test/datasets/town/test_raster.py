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

"""Drawing rectangles: checked against rays cast one pixel at a time."""

from itertools import permutations

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.town.raster import Canvas
from vpr_ros.datasets.town.raster import clip_near
from vpr_ros.datasets.town.raster import NEAR_M
from vpr_ros.datasets.town.raster import Quad
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.texture import blank
from vpr_ros.datasets.town.texture import CLEAR
from vpr_ros.datasets.town.texture import LIT
from vpr_ros.datasets.town.texture import OPAQUE
from vpr_ros.datasets.town.texture import Texture

RED, GREEN, BLUE, WHITE = (250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 250)


def plain(colour=RED):
    texture = Texture(blank(16, 16, colour))
    return lambda: texture


def facing(x, y, z, width, height, surface=20, texture=None, shape=None):
    """Return a quad at distance x that faces west: seen by who looks east."""
    return Quad(np.array([x, y + width / 2, z + height / 2]), np.array([0.0, -width, 0.0]),
                np.array([0.0, 0.0, -height]), texture or plain(), surface, shape)


def drawn(view, *quads):
    canvas = Canvas(view.camera.width, view.camera.height)
    canvas.clear()
    canvas.draw(view, quads)
    return canvas


@pytest.fixture
def ahead(camera, look):
    """Return the view of who stands at the origin and looks east."""
    return View(camera, look((0.0, 0.0, 0.0)))


@pytest.fixture
def cast(camera, rays):
    """Return a function that finds by rays which quad each pixel shows, and one over its depth."""
    def one(T_map_optical, quads, du, dv):
        ways, eye = rays(camera, T_map_optical, du, dv), T_map_optical.position
        shape = ways.shape[:2]
        best, which = np.zeros(shape), np.full(shape, -1)
        for i, quad in enumerate(quads):
            normal = np.cross(quad.down, quad.right)
            if normal @ (quad.origin - eye) >= 0:
                continue
            with np.errstate(divide='ignore', invalid='ignore'):
                depth = ((quad.origin - eye) @ normal) / (ways @ normal)
                hit = eye + ways * depth[..., None] - quad.origin
                basis = np.stack([quad.right, quad.down])
                shares = hit @ basis.T @ np.linalg.inv(basis @ basis.T)
                inside = (depth >= NEAR_M) & ((shares >= 0) & (shares <= 1)).all(axis=-1)
                if quad.shape is not None:
                    a, b = quad.shape, np.roll(quad.shape, -1, axis=0)
                    to = shares[..., None, :] - a
                    side = (b - a)[:, 0] * to[..., 1] - (b - a)[:, 1] * to[..., 0]
                    inside &= (side >= 0).all(axis=-1) | (side <= 0).all(axis=-1)
                near = np.where(inside, 1.0 / depth, 0.0)
            which[near > best] = i
            best = np.maximum(best, near)
        return which, best

    def cast(T_map_optical, quads):
        which, best = one(T_map_optical, quads, 0.0, 0.0)
        sure = np.ones(which.shape, bool)
        for du, dv in ((-1, -1), (-1, 1), (1, -1), (1, 1), (0, 1), (0, -1), (1, 0), (-1, 0)):
            sure &= one(T_map_optical, quads, du, dv)[0] == which
        return which, best, sure

    return cast


@pytest.fixture
def check(camera, cast, uniform):
    """Return a function that draws quads and compares with rays away from borders."""
    def check(T_map_optical, quads):
        numbered = [Quad(q.origin, q.right, q.down, q.texture, 20 + i, q.shape)
                    for i, q in enumerate(quads)]
        canvas = drawn(View(camera, T_map_optical), *numbered)
        which, best, sure = cast(T_map_optical, numbered)
        shown = np.where(canvas.surface == Surface.SKY, -1, canvas.surface.astype(int) - 20)
        # Slivers thinner than a pixel may be drawn or not.
        sure &= uniform(canvas.surface)
        assert not (sure & (shown != which)).any()
        good = sure & (which >= 0)
        assert canvas.nearness[good] == pytest.approx(best[good], rel=1e-3, abs=1e-6)
        assert (canvas.nearness[shown < 0] == 0.0).all()
        return int(good.sum())

    return check


def some_quads(rng, scale, upright):
    quads = []
    for _ in range(int(rng.integers(1, 6))):
        origin, right, down = rng.normal(0.0, scale, (3, 3))
        if upright:
            right[2] = 0.0
            down = np.array([0.0, 0.0, -abs(down[2])])
        quads.append(Quad(origin, right, down, plain(), 0))
    return quads


def test_points_project_as_opencv_says(camera, look):
    rng = np.random.default_rng(0)
    for _ in range(20):
        T_map_optical = look(rng.normal(0.0, 50.0, 3), *rng.uniform(-1.5, 1.5, 3))
        view = View(camera, T_map_optical)
        inside = np.column_stack([rng.normal(0.0, 3.0, (10, 2)), rng.uniform(0.5, 40.0, 10)])
        points = inside @ T_map_optical.rotation().T + T_map_optical.position
        assert view.to_camera(points) == pytest.approx(inside, abs=1e-9)
        T = np.linalg.inv(T_map_optical.matrix())
        turn, _ = cv2.Rodrigues(T[:3, :3])
        pixels, _ = cv2.projectPoints(points, turn, T[:3, 3], camera.matrix, None)
        assert view.project(view.to_camera(points)) == pytest.approx(pixels[:, 0], abs=1e-4)
        assert view.forward == pytest.approx(T_map_optical.rotation()[:, 2])
        height = float(rng.uniform(-1.0, 3.0))
        points[:, 2] = height
        seen = view.to_camera(points)
        image = np.column_stack([points[:, :2], np.ones(10)]) \
            @ view.ground_homography(height).T
        # To the same scale: the third number is the depth.
        assert image == pytest.approx(seen @ camera.matrix.T, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize('seed', range(4))
def test_walls_are_drawn_where_rays_meet_them(check, look, seed):
    rng = np.random.default_rng(seed)
    seen = 0
    for scale in (0.5, 3.0, 10.0, 100.0):
        for _ in range(4):
            eye = look(rng.normal(0.0, scale / 3, 3), float(rng.uniform(-3, 3)),
                       *rng.normal(0.0, 0.02, 2))
            seen += check(eye, some_quads(rng, scale, upright=True))
    assert seen > 300


def test_quads_at_any_angle_are_drawn_where_rays_meet_them(check, look):
    rng = np.random.default_rng(100)
    seen = 0
    for _ in range(16):
        scale = float(rng.choice([0.5, 3.0, 10.0, 100.0]))
        # All before the camera; what reaches behind it has a test of its own.
        quads = some_quads(rng, scale, upright=False)
        quads = [Quad(q.origin + np.array([scale * 5, 0, 0]), q.right, q.down, q.texture, 0)
                 for q in quads]
        seen += check(look((0.0, 0.0, 0.0), *rng.normal(0.0, 0.2, 3)), quads)
    assert seen > 3_000


def test_quads_all_around_are_drawn_where_rays_meet_them(check, look):
    rng = np.random.default_rng(0)
    for _ in range(100):
        scale = float(rng.choice([0.5, 3.0, 10.0, 100.0]))
        check(look(rng.normal(0.0, scale / 3, 3), *rng.uniform(-3, 3, 3)),
              some_quads(rng, scale, upright=False))


def test_a_bonnet_beside_the_camera_stays_beside_it(check, look):
    # As a parked car's: level, begun behind the camera, and a little askew.
    bonnet = Quad(np.array([-0.4, 0.8, 1.0]), np.array([-0.15, 1.8, 0.0]),
                  np.array([2.2, 0.15, 0.02]), plain(), 0)
    assert check(look((0.0, 0.0, 1.5)), [bonnet]) > 20


def test_what_is_nearer_hides_what_is_farther_in_any_order(ahead, check, look):
    quads = [facing(4.0, 0.5, 0.0, 3.0, 2.0, 20, plain(RED)),
             facing(7.0, 0.0, 0.3, 6.0, 3.0, 21, plain(GREEN)),
             facing(12.0, -1.0, 0.0, 20.0, 9.0, 22, plain(BLUE)),
             # Through the others, so that neither is nearer everywhere.
             Quad(np.array([3.0, 2.0, 0.7]), np.array([9.0, -4.0, 0.0]),
                  np.array([0.0, 0.0, -1.5]), plain(WHITE), 23)]
    assert check(look((0.0, 0.0, 0.0)), quads) > 2000
    first = drawn(ahead, *quads)
    assert set(np.unique(first.surface)) == {0, 20, 21, 22, 23}
    for order in permutations(quads):
        canvas = drawn(ahead, *order)
        assert np.array_equal(canvas.surface, first.surface)
        assert np.array_equal(canvas.colour, first.colour)
        assert np.array_equal(canvas.nearness, first.nearness)
    # One call or several.
    canvas = Canvas(ahead.camera.width, ahead.camera.height)
    canvas.clear()
    for quad in quads[::-1]:
        canvas.draw(ahead, [quad])
    assert np.array_equal(canvas.colour, first.colour)


def test_what_is_behind_the_camera_or_too_near_is_not_drawn(ahead):
    # Turned to face the camera from behind it.
    behind = Quad(np.array([-5.0, -2.0, 2.0]), np.array([0.0, 4.0, 0.0]),
                  np.array([0.0, 0.0, -4.0]), plain(), 20)
    near = facing(0.9 * NEAR_M, 0.0, 0.0, 1.0, 1.0)
    assert not drawn(ahead, behind, near).surface.any()
    assert drawn(ahead, facing(1.1 * NEAR_M, 0.0, 0.0, 1.0, 1.0)).surface.any()


def test_nothing_to_draw_is_fine(ahead):
    assert not drawn(ahead).surface.any()


def test_the_back_of_a_quad_is_not_drawn(ahead):
    front = facing(5.0, 0.0, 0.0, 2.0, 2.0)
    back = Quad(front.origin + front.right, -front.right, front.down, front.texture, 20)
    assert drawn(ahead, front).surface.any()
    assert not drawn(ahead, back).surface.any()


@pytest.mark.parametrize('tilt', [0.0, 1e-12, -1e-12, 1e-7, 1e-4])
def test_a_quad_seen_from_its_edge_is_at_most_a_line(ahead, tilt):
    edge = Quad(np.array([3.0, tilt, 1.0]), np.array([6.0, 0.0, 0.0]),
                np.array([0.0, 0.0, -2.0]), plain(), 20)
    flat = Quad(np.array([3.0, 1.0, tilt]), np.array([0.0, -2.0, 0.0]),
                np.array([6.0, 0.0, 0.0]), plain(), 20)
    surface = drawn(ahead, edge).surface
    assert surface.any(axis=0).sum() <= 3
    surface = drawn(ahead, flat).surface
    assert surface.any(axis=1).sum() <= 3


def test_a_quad_without_area_is_not_drawn(ahead):
    nothing = np.zeros(3)
    down = np.array([0.0, 0.0, -1.0])
    for right in (nothing, 2 * down):
        canvas = drawn(ahead, Quad(np.array([3.0, 0.0, 0.5]), right, down, plain(), 20))
        assert not canvas.surface.any()


@pytest.mark.parametrize('size', [1e-4, 1e-3, 0.02])
def test_a_tiny_quad_is_at_most_a_few_pixels(ahead, size):
    surface = drawn(ahead, facing(3.0, 0.4, 0.3, size, size)).surface
    rows, columns = np.nonzero(surface)
    assert len(rows) <= 16
    predicted = ahead.project(ahead.to_camera(np.array([[3.0, 0.4, 0.3]])))[0]
    for column, row in zip(columns, rows, strict=True):
        assert np.abs(predicted - (column, row)).max() < 2.0


def test_a_huge_quad_fills_the_picture(ahead):
    canvas = drawn(ahead, facing(50.0, 0.0, 0.0, 1e5, 1e5))
    assert (canvas.surface == 20).all()
    assert canvas.nearness == pytest.approx(1 / 50.0, rel=1e-4)


@pytest.mark.parametrize('yaw', [0.0, 0.01, -0.02, 0.3])
def test_a_long_wall_has_no_gaps(check, look, camera, cast, yaw):
    # Along the street from behind the camera into the distance: drawn in parts.
    for begin in (-20.0, 0.41, 2.0):
        wall = Quad(np.array([begin, 3.0, 8.0]), np.array([400.0, 0.0, 0.0]),
                    np.array([0.0, 0.0, -8.0]), plain(), 20)
        eye = look((0.0, 0.0, 1.5), yaw, 0.01, -0.02)
        assert check(eye, [wall]) > 1000
        which, _, _ = cast(eye, [wall])
        surface = drawn(View(camera, eye), wall).surface
        # Every pixel whose ray meets the wall, to its very border.
        assert ((surface == 20) | (which < 0)).mean() > 0.999


def test_walls_side_by_side_leave_no_gap(ahead):
    walls = [facing(9.0, y, 0.0, 1.7, 30.0) for y in np.arange(-17.0, 17.0, 1.7)]
    assert (drawn(ahead, *walls).surface == 20).all()


def test_holes_show_what_is_behind(ahead):
    pixels = blank(30, 30, RED)
    pixels[10:20, 10:20] = (*WHITE, CLEAR)
    window = facing(3.0, 0.0, 0.0, 1.5, 1.5, 20, lambda: Texture(pixels))
    wall = facing(6.0, 0.0, 0.0, 6.0, 6.0, 21, plain(BLUE))
    for quads in ((window, wall), (wall, window)):
        canvas = drawn(ahead, *quads)
        for point, surface, colour, depth in (
                ((3.0, 0.0, 0.0), 21, BLUE, 6.0), ((3.0, 0.5, 0.0), 20, RED, 3.0),
                ((3.0, 0.0, -0.5), 20, RED, 3.0), ((3.0, 1.0, 0.0), 21, BLUE, 6.0)):
            u, v = np.round(ahead.project(ahead.to_camera(np.array([point])))[0]).astype(int)
            assert canvas.surface[v, u] == surface
            assert canvas.colour[v, u, :3].tolist() == list(colour)
            assert canvas.nearness[v, u] == pytest.approx(1 / depth, rel=1e-4)


def test_a_shape_is_cut_out_of_its_quad(ahead, check, look):
    gable = np.array([[0.5, 0.0], [1.0, 1.0], [0.0, 1.0]])
    trapezium = np.array([[0.2, 0.0], [0.7, 0.0], [1.0, 1.0], [0.0, 1.0]])
    for shape in (gable, trapezium):
        quad = facing(4.0, 0.0, 0.0, 3.0, 2.0, shape=shape)
        assert check(look((0.0, 0.0, 0.0)), [quad]) > 500
        assert check(look((1.0, 0.5, 0.4), 0.4, 0.1, 0.1), [quad]) > 500
        whole = (drawn(ahead, facing(4.0, 0.0, 0.0, 3.0, 2.0)).surface > 0).sum()
        part = (drawn(ahead, quad).surface > 0).sum()
        x, y = shape.T
        share = 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        assert part / whole == pytest.approx(share, abs=0.05)


def test_a_texture_lies_on_its_quad_the_right_way_round(camera, look):
    pixels = blank(64, 64, RED)
    pixels[:32, 32:, :3], pixels[32:, :32, :3], pixels[32:, 32:, :3] = GREEN, BLUE, WHITE
    texture = Texture(pixels)
    for distance in (2.0, 6.0, 30.0):  # near and, from smaller copies, far
        view = View(camera, look((0.0, 0.3, 0.1), 0.02, 0.01, 0.2))
        size = distance / 3
        canvas = drawn(view, facing(distance, 0.0, 0.0, size, size, 20, lambda: texture))
        for y, z, colour in ((0.25, 0.25, RED), (-0.25, 0.25, GREEN), (0.25, -0.25, BLUE),
                             (-0.25, -0.25, WHITE)):
            point = np.array([[distance, y * size, z * size]])
            u, v = np.round(view.project(view.to_camera(point))[0]).astype(int)
            assert np.abs(canvas.colour[v, u, :3].astype(int) - colour).max() < 40


def test_detail_of_a_texture_is_where_it_should_be(camera, look):
    # A spot on a long wall seen askew, where parts of the wall meet their own small copies.
    rng = np.random.default_rng(3)
    for _ in range(20):
        at = float(rng.uniform(0.05, 0.95))
        pixels = blank(256, 2048, BLUE)
        column = int(at * 2048)
        pixels[120:136, column - 24:column + 24] = (*RED, OPAQUE)
        texture = Texture(pixels)
        wall = Quad(np.array([1.0, 2.0, 5.0]), np.array([30.0, 1.0, 0.0]),
                    np.array([0.0, 0.0, -6.0]), lambda texture=texture: texture, 20)
        view = View(camera, look((0.0, 0.0, 1.5), 0.3))
        canvas = drawn(view, wall)
        red = canvas.colour[..., 0].astype(float) * (canvas.surface == 20)
        if red.max() < 150:
            continue  # out of view
        rows, columns = np.nonzero(red > 0.6 * red.max())
        spot = wall.origin + column / 2048 * wall.right + 128 / 256 * wall.down
        predicted = view.project(view.to_camera(spot[None]))[0]
        assert (columns.mean(), rows.mean()) == pytest.approx(predicted, abs=1.0)


def test_a_small_thing_at_a_known_point_is_at_its_pixel(camera, look):
    rng = np.random.default_rng(4)
    for _ in range(50):
        T_map_optical = look(rng.normal(0.0, 30.0, 3), *rng.uniform(-3, 3, 3))
        depth = float(rng.uniform(1.0, 40.0))
        pixel = rng.uniform((10, 10), (150, 110))
        # One of 5 pixels' size that faces the camera.
        ray = np.linalg.inv(camera.matrix) @ [*pixel, 1.0]
        turn = T_map_optical.rotation()
        middle = T_map_optical.position + turn @ (ray * depth)
        right, down = turn[:, 0] * depth * 0.05, turn[:, 1] * depth * 0.05
        quad = Quad(middle - right / 2 - down / 2, right, down, plain(GREEN), 33)
        canvas = drawn(View(camera, T_map_optical), quad)
        rows, columns = np.nonzero((canvas.colour[..., :3] == GREEN).all(axis=2))
        assert (columns.mean(), rows.mean()) == pytest.approx(pixel, abs=0.8)
        assert canvas.nearness[rows, columns] == pytest.approx(1 / depth, rel=1e-4)


def test_shine_goes_along_with_the_colour(ahead):
    lamp = Texture(blank(8, 8, WHITE, LIT))
    canvas = drawn(ahead, facing(4.0, 0.0, 0.0, 2.0, 2.0, 20, lambda: lamp))
    assert (canvas.colour[canvas.surface == 20][:, 3] == LIT).all()
    assert (canvas.colour[canvas.surface == 0][:, 3] == OPAQUE).all()


@pytest.mark.parametrize(('pitch', 'roll', 'height'), [
    (0.0, 0.0, 1.5), (0.2, -0.3, 1.5), (-0.2, 0.4, 30.0), (1.5707, 0.0, 9.0), (-1.5, 0.0, 2.0)])
def test_the_ground_reaches_to_the_horizon(camera, look, rays, pitch, roll, height):
    T_map_optical = look((12.0, -7.0, height), 0.7, pitch, roll)
    canvas = Canvas(camera.width, camera.height)
    canvas.clear()
    canvas.ground(View(camera, T_map_optical))
    down = -rays(camera, T_map_optical)[..., 2] / height
    assert canvas.nearness == pytest.approx(np.maximum(down, 0.0), abs=1e-5)
    sure = np.abs(down) > 1e-6
    assert np.array_equal((canvas.surface == Surface.ASPHALT)[sure], down[sure] > 0)


def test_a_quad_hides_the_ground_and_the_ground_hides_cellars(camera, look):
    view = View(camera, look((0.0, 0.0, 1.5)))
    canvas = Canvas(camera.width, camera.height)
    canvas.clear()
    canvas.ground(view)
    canvas.draw(view, [facing(6.0, 0.0, 0.0, 2.0, 4.0)])
    for z, surface in ((1.0, 20), (0.3, 20), (-0.3, Surface.ASPHALT), (-1.0, Surface.ASPHALT)):
        u, v = np.round(view.project(view.to_camera(np.array([[6.0, 0.0, z]])))[0]).astype(int)
        assert canvas.surface[v, u] == surface


@pytest.mark.parametrize('height_m', [0.0, 0.13])
def test_paint_lies_on_the_ground_where_it_was_put(camera, look, rays, depth_inside, uniform,
                                                   height_m):
    polygon = np.array([[-3.0, -1.0], [30.0, -2.0], [32.0, 2.0], [4.0, 3.0]])
    T_map_optical = look((0.0, 0.0, 1.5), 0.1, 0.1, 0.05)
    view = View(camera, T_map_optical)
    canvas = Canvas(camera.width, camera.height)
    canvas.clear()
    canvas.ground(view)
    before = canvas.nearness.copy()
    canvas.paint(view, polygon, RED, Surface.PAINT, height_m)
    ways = rays(camera, T_map_optical)
    with np.errstate(divide='ignore'):
        depth = (height_m - 1.5) / ways[..., 2]
    points = (ways * depth[..., None])[..., :2]
    inside = (depth_inside(polygon, points.reshape(-1, 2)) > 0).reshape(depth.shape) & (depth > 0)
    painted = canvas.surface == Surface.PAINT
    sure = uniform(inside) & uniform(painted)
    assert np.array_equal(painted[sure], inside[sure])
    assert painted.sum() > 1000
    assert (canvas.colour[painted & sure][:, :3] == RED).all()
    # Paint has no height: depth stays that of the ground.
    assert np.array_equal(canvas.nearness, before)


def test_a_new_picture_begins_empty(ahead):
    canvas = drawn(ahead, facing(4.0, 0.0, 0.0, 2.0, 2.0))
    canvas.clear()
    assert not canvas.surface.any()
    assert not canvas.nearness.any()
    assert (canvas.colour == (0, 0, 0, OPAQUE)).all()


def test_clipping_cuts_at_the_near_plane():
    square = np.array([[-1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [1.0, 0.0, 3.0], [-1.0, 0.0, 3.0]])
    cut = clip_near(square)
    assert cut[:, 2].min() == pytest.approx(NEAR_M)
    assert cut[:, 2].max() == 3.0
    assert len(cut) == 4
    assert len(clip_near(square - [0.0, 0.0, 5.0])) == 0
    ahead = square + [0.0, 0.0, 5.0]
    assert np.array_equal(clip_near(ahead), ahead)
    corner = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 2.0], [-1.0, 0.0, 2.0]])
    assert len(clip_near(corner)) == 4


def test_hidden_things_need_no_texture(ahead):
    def never():
        raise AssertionError('the texture of a hidden thing was made')

    hidden = facing(9.0, 0.0, 0.0, 2.0, 2.0, 21, never)
    canvas = drawn(ahead, hidden, facing(4.0, 0.0, 0.0, 4.0, 4.0, 20))
    assert (canvas.surface != 21).all()
