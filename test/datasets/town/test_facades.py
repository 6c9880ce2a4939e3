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

"""Walls of houses: what stays, what the years change, and who is at home."""

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.town.facades import blind_wall
from vpr_ros.datasets.town.facades import facade
from vpr_ros.datasets.town.facades import hedge
from vpr_ros.datasets.town.facades import roof_tiles
from vpr_ros.datasets.town.texture import LIT
from vpr_ros.datasets.town.texture import OPAQUE

KINDS = ('dense', 'terrace', 'detached', 'works', 'hall')
# No ground floor is higher.
GROUND_M = 4.6


def rgb(texture):
    return texture.pixels[..., :3].astype(int)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(('width_m', 'height_m'), [
    (0.6, 2.6), (3.0, 3.2), (6.2, 5.9), (19.0, 20.0), (34.0, 9.0)])
def test_walls_of_any_size_can_be_built(kind, width_m, height_m):
    for number in range(3):
        wall = facade(kind, width_m, height_m, style=number, number=100 + number, years=number,
                      evening=number, front=number != 1)
        blind = blind_wall(kind, width_m, height_m, style=number)
        for texture in (wall, blind):
            assert texture.width / texture.height == pytest.approx(width_m / height_m, rel=0.12)
        assert not blind.has_holes
        assert not (blind.pixels[..., 3] != OPAQUE).any()


@pytest.mark.parametrize('kind', KINDS)
def test_another_evening_changes_what_shines_and_nothing_else(kind):
    shines = []
    for number in range(4):
        walls = [facade(kind, 18.0, 12.0, style=3, number=number, evening=e) for e in range(3)]
        for other in walls[1:]:
            assert np.array_equal(rgb(walls[0]), rgb(other))
        shines += [w.pixels[..., 3].tobytes() for w in walls]
    assert len(set(shines)) > 4
    # Some windows are dark, some are lit.
    alpha = facade(kind, 18.0, 12.0, style=3, number=1).pixels[..., 3]
    assert (alpha == OPAQUE).mean() > 0.3
    assert (alpha > OPAQUE).any()


def test_years_change_signs_of_shops_and_nothing_above_them():
    changed = 0
    for number in range(30):
        then = facade('dense', 14.0, 13.0, style=number, number=number)
        now = facade('dense', 14.0, 13.0, style=number, number=number, years=3)
        differs = (then.pixels != now.pixels).any(axis=2)
        above = int(then.height * (1 - GROUND_M / 13.0))
        assert not differs[:above].any()
        changed += bool(differs.any())
    # Two thirds of the houses have shops, and most of these a new one among theirs.
    assert 8 <= changed <= 28


@pytest.mark.parametrize('kind', ['terrace', 'detached', 'hall'])
def test_where_there_are_no_shops_the_years_change_nothing(kind):
    for number in range(6):
        walls = [facade(kind, 12.0, 6.0, style=5, number=number, years=years)
                 for years in (0, 10)]
        assert np.array_equal(walls[0].pixels, walls[1].pixels)


def test_more_years_change_more_shops():
    def changed(years):
        return sum(not np.array_equal(
            facade('dense', 12.0, 10.0, style=n, number=n).pixels,
            facade('dense', 12.0, 10.0, style=n, number=n, years=years).pixels)
            for n in range(25))

    assert 0 < changed(1) < changed(8)


def difference(textures):
    """Return the mean difference of grey levels between walls, contrast made equal."""
    small = []
    for texture in textures:
        grey = cv2.cvtColor(texture.pixels[..., :3], cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA).astype(float)
        small.append((grey - grey.mean()) / grey.std())
    gaps = [np.abs(a - b).mean() for i, a in enumerate(small) for b in small[:i]]
    return float(np.mean(gaps))


def test_terraces_look_alike_and_other_houses_do_not(plan):
    def fronts(kind, style=None):
        houses = [b for b in plan.buildings if b.kind == kind and style in (None, b.style)]
        # From all over the town.
        houses = houses[::max(1, len(houses) // 12)][:12]
        return [facade(kind, float(np.linalg.norm(b.corners[1] - b.corners[0])), b.height_m,
                       style=b.style, number=b.number) for b in houses]

    style = next(b.style for b in plan.buildings if b.kind == 'terrace')
    assert difference(fronts('terrace', style)) < 0.65 * difference(fronts('dense'))
    # Yet no two are the same picture.
    some = fronts('terrace', style)
    assert not np.array_equal(some[0].pixels, some[1].pixels)


def test_equal_arguments_make_equal_walls():
    first = facade('dense', 11.0, 9.0, style=77, number=78).pixels.copy()
    for number in range(200):  # until it is forgotten
        facade('terrace', 3.0, 3.0, style=1, number=number)
    assert np.array_equal(facade('dense', 11.0, 9.0, style=77, number=78).pixels, first)
    assert not np.array_equal(facade('dense', 11.0, 9.0, style=79, number=78).pixels, first)


def test_only_the_front_has_the_door():
    fronts, backs = ([facade('terrace', 6.2, 5.9, style=7, number=n, front=front)
                      for n in range(4)] for front in (True, False))
    for front, back in zip(fronts, backs, strict=True):
        low = int(front.height * 0.55)
        assert not np.array_equal(rgb(front)[low:], rgb(back)[low:])


@pytest.mark.parametrize('kind', ['dense', 'works'])
def test_walls_have_no_holes(kind):
    assert not any(facade(kind, 14.0, 9.0, style=n, number=n).has_holes for n in range(8))


@pytest.mark.parametrize('kind', ['terrace', 'detached', 'hall'])
def test_walls_without_signs_have_no_holes(kind):
    assert not any(facade(kind, 14.0, 9.0, style=n, number=n).has_holes for n in range(8))


def test_hedges_and_roofs_do_not_shine():
    for number in range(4):
        assert (hedge(number).pixels[..., 3] <= OPAQUE).all()
    for colour in range(5):
        tiles = roof_tiles(colour)
        assert not tiles.has_holes
        assert (tiles.pixels[..., 3] == OPAQUE).all()
    assert LIT > OPAQUE
