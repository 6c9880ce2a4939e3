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

"""
The walls of houses: what a builder chose, what shopkeepers hang out, who is at home.

``style`` decides the architecture, ``number`` what differs between two houses of one style. Signs
change with the years, and lit windows with every evening.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.texture import blank
from vpr_ros.datasets.town.texture import letter
from vpr_ros.datasets.town.texture import LIT
from vpr_ros.datasets.town.texture import OPAQUE
from vpr_ros.datasets.town.texture import Texture

__all__ = ['blind_wall', 'facade', 'hedge', 'roof_tiles']

Array = NDArray[Any]
Colour = tuple[int, int, int]
Rng = np.random.Generator

PIXELS_PER_M = 24
# The share of shops that change hands in a year.
_SHOPS_CHANGING = 0.3

_PLASTER: tuple[Colour, ...] = (
    (222, 210, 184), (206, 190, 160), (230, 224, 212), (198, 170, 138), (214, 186, 150),
    (188, 196, 190), (210, 172, 140), (176, 182, 190), (226, 206, 160), (196, 150, 124),
    (170, 176, 160), (236, 232, 224))
_BRICK: tuple[Colour, ...] = (
    (150, 84, 64), (164, 100, 76), (128, 78, 62), (176, 124, 92), (142, 108, 86))
_METAL: tuple[Colour, ...] = ((150, 156, 160), (120, 134, 144), (166, 160, 146), (134, 140, 128))
_DOORS: tuple[Colour, ...] = (
    (40, 60, 96), (110, 34, 34), (36, 76, 52), (60, 44, 34), (30, 30, 34), (150, 110, 50))
_SIGNS: tuple[tuple[Colour, Colour], ...] = (
    ((170, 30, 36), (250, 246, 236)), ((24, 60, 130), (250, 240, 200)),
    ((20, 100, 70), (244, 244, 236)), ((240, 196, 40), (40, 36, 30)),
    ((36, 36, 40), (236, 220, 180)), ((240, 238, 230), (150, 40, 40)),
    ((226, 120, 30), (255, 250, 240)), ((90, 40, 110), (246, 236, 250)),
    ((244, 244, 246), (30, 60, 140)), ((60, 130, 170), (255, 255, 250)))
_SYLLABLES = ('ba', 'co', 'den', 'el', 'fa', 'gro', 'ha', 'jun', 'kel', 'lo', 'mar', 'nor',
              'pa', 'ri', 'sol', 'ta', 'ver', 'wil', 'zen', 'tor')
_TRADES = ('CAFE', 'BAKERY', 'BOOKS', 'OPTIC', 'FLOWERS', 'BANK', 'PIZZA', 'HAIR', 'SHOES',
           'PHARMACY', 'MARKET', 'BIKES', 'TOYS', 'BAR', 'MUSIC')


@dataclass(frozen=True)
class _Architecture:
    """What a builder chose, once for the whole house."""

    wall: Colour
    trim: Colour
    material: str
    bay_m: float
    window_m: tuple[float, float]
    ground_m: float
    floor_m: float
    panes: tuple[int, int]
    shutters: Colour | None
    balconies: float
    string_courses: bool
    shops: float
    arched: bool


@lru_cache(maxsize=160)
def facade(kind: str, width_m: float, height_m: float, *, style: int, number: int, years: int = 0,
           evening: int = 0, front: bool = True) -> Texture:
    """
    Make the wall of a house.

    :param kind: of the building, see :class:`vpr_ros.datasets.town.plan.Building`.
    :param years: how long ago the town was first seen.
    :param evening: which evening it is: other people are at home.
    :param front: the side with the door.
    """
    a = _architecture(kind, style)
    rng = np.random.default_rng([number, 3])
    home = np.random.default_rng([number, evening, 4])
    pixels = _wall(a, width_m, height_m, np.random.default_rng([style, number, 5]))
    if kind == 'works':
        _works_front(pixels, a, width_m, height_m, rng, home, years)
    else:
        _living_front(pixels, a, width_m, height_m, rng, home, number, years, front)
    _weather_stains(pixels, rng)
    return Texture(pixels)


@lru_cache(maxsize=64)
def blind_wall(kind: str, width_m: float, height_m: float, *, style: int) -> Texture:
    """Make a wall without windows, as towards a lower neighbour."""
    a = _architecture(kind, style)
    rng = np.random.default_rng([style, 6])
    pixels = _wall(a, width_m, height_m, rng)
    _weather_stains(pixels, rng)
    return Texture(pixels)


@lru_cache(maxsize=64)
def roof_tiles(colour: int) -> Texture:
    """Make a stretch of roof tiles, of one of a few colours."""
    colours = ((142, 78, 60), (112, 66, 56), (92, 92, 98), (74, 78, 86), (128, 92, 72))
    pixels = blank(160, 320, colours[colour % len(colours)])
    shade = np.ones((160, 320), np.float32)
    shade[::8] = 0.72
    shade[1::8] = 0.86
    shade *= 0.9 + 0.2 * _noise()[:160, :320]
    _scale(pixels, shade)
    if colour % 3 == 0:
        for x in (60, 220):  # skylights
            cv2.rectangle(pixels, (x, 50), (x + 34, 104), (60, 70, 84, OPAQUE), -1)
            cv2.rectangle(pixels, (x, 50), (x + 34, 104), (190, 190, 186, OPAQUE), 2)
    return Texture(pixels)


@lru_cache(maxsize=8)
def hedge(number: int) -> Texture:
    """Make a stretch of hedge or a low garden wall."""
    rng = np.random.default_rng([number, 7])
    if number % 4 == 3:
        pixels = blank(32, 256, (170, 160, 146))
        pixels[::8] = (132, 124, 112, OPAQUE)
        for row in range(0, 32, 8):
            pixels[row:row + 8, (row * 2) % 16::16] = (134, 126, 114, OPAQUE)
        return Texture(pixels)
    pixels = blank(40, 256, (58, 84, 44))
    for _ in range(900):
        x, y = int(rng.integers(256)), int(rng.integers(40))
        light = int(rng.integers(-26, 30)) + (14 - y // 2)
        cv2.circle(pixels, (x, y), int(rng.integers(1, 4)),
                   (58 + light, 86 + light, 42 + light // 2, OPAQUE), -1)
    pixels[:3, :, 3] = np.where(rng.random((3, 256)) < 0.5, 0, OPAQUE)
    return Texture(pixels)


@lru_cache(maxsize=1)
def _noise() -> Array:
    """Return (2048, 2048) float32 in [0, 1]: stains of all sizes, four times the same."""
    rng = np.random.default_rng(8)
    total = np.zeros((1024, 1024), np.float32)
    for size, weight in ((8, 0.3), (32, 0.3), (128, 0.2), (1024, 0.2)):
        total += weight * cv2.resize(rng.random((size, size), dtype=np.float32), (1024, 1024),
                                     interpolation=cv2.INTER_CUBIC)
    return np.tile(np.clip(total, 0.0, 1.0), (2, 2))


def _scale(pixels: Array, factor: Array) -> None:
    """Multiply the colours by factors (H, W), (H, 1) or (1, W)."""
    height, width = pixels.shape[:2]
    wide = np.broadcast_to(factor, (height, width)).astype(np.float32)
    pixels[..., :3] = cv2.multiply(pixels[..., :3], cv2.merge([wide] * 3), dtype=cv2.CV_8U)


def _px(metres: float) -> int:
    return round(metres * PIXELS_PER_M)


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    return tuple(round(x + share * (y - x)) for x, y in zip(a, b, strict=True))  # type: ignore


@lru_cache(maxsize=4096)
def _architecture(kind: str, style: int) -> _Architecture:
    rng = np.random.default_rng([style, 9])

    def pick(colours: tuple[Any, ...]) -> Any:
        return colours[int(rng.integers(len(colours)))]

    material = {'works': 'metal', 'terrace': 'brick', 'hall': 'stone'}.get(
        kind, 'brick' if rng.random() < 0.3 else 'plaster')
    if kind == 'works' and rng.random() < 0.5:
        material = 'brick'
    wall = pick({'brick': _BRICK, 'metal': _METAL}.get(material, _PLASTER))
    trim = pick(((240, 238, 230), (226, 220, 206), (200, 196, 188), _mix(wall, (255,) * 3, 0.45)))
    tall = rng.random() < 0.5
    return _Architecture(
        wall=wall, trim=trim, material=material,
        bay_m=float(rng.uniform(1.9, 3.3)) if kind != 'terrace' else 2.05,
        window_m=(float(rng.uniform(0.95, 1.25)), float(rng.uniform(1.6, 2.1))) if tall else
        (float(rng.uniform(1.2, 1.9)), float(rng.uniform(1.25, 1.5))),
        ground_m=float(rng.uniform(3.6, 4.3)) if kind == 'dense' else 2.9,
        floor_m=float(rng.uniform(2.9, 3.4)) if kind == 'dense' else 2.8,
        panes=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        shutters=pick(((60, 90, 70), (110, 60, 50), (70, 84, 110), (120, 110, 96)))
        if kind in ('detached', 'dense') and rng.random() < 0.3 else None,
        balconies=float(rng.choice([0.0, 0.0, 0.3, 0.6])) if kind == 'dense' else 0.0,
        string_courses=bool(rng.random() < 0.5), arched=kind == 'hall',
        shops=0.75 if kind == 'dense' else 0.0)


def _wall(a: _Architecture, width_m: float, height_m: float, rng: Rng) -> Array:
    height, width = max(8, _px(height_m)), max(8, _px(width_m))
    pixels = blank(height, width, a.wall)
    y, x = (int(v) for v in rng.integers(0, 400, 2))
    shade = 0.86 + 0.26 * _noise()[y:y + height, x:x + width]
    if a.material == 'brick':
        rows = np.where(np.arange(height) % 4 == 0, 0.87, 1.0).astype(np.float32)
        shade = shade * rows[:, None]
        bricks = rng.uniform(0.88, 1.1, (height // 4 + 1, width // 7 + 2)).astype(np.float32)
        large = cv2.resize(bricks, None, fx=7, fy=4, interpolation=cv2.INTER_NEAREST)
        shade = shade * large[:height, :width]
    elif a.material == 'metal':
        shade = shade * np.where(np.arange(width) % 9 < 2, 0.84, 1.0).astype(np.float32)
    elif a.material == 'stone':
        shade = shade * np.where(np.arange(height) % 14 == 0, 0.85, 1.0).astype(
            np.float32)[:, None]
    _scale(pixels, shade)
    return pixels


def _weather_stains(pixels: Array, rng: Rng) -> None:
    """Dirt below the eaves and above the ground."""
    height, width = pixels.shape[:2]
    rows = np.linspace(0.0, 1.0, height, dtype=np.float32)
    shade = 1.0 - 0.16 * np.exp(-rows * 14) - 0.2 * np.exp(-(1 - rows) * 22)
    streaks = cv2.resize(rng.random((1, max(2, width // 6)), dtype=np.float32), (width, 1))
    _scale(pixels, (shade[:, None] - 0.08 * streaks * rows[::-1, None]).astype(np.float32))


def _box(pixels: Array, x: int, y: int, w: int, h: int, colour: Colour,
         alpha: int = OPAQUE) -> None:
    cv2.rectangle(pixels, (x, y), (x + w - 1, y + h - 1), (*colour, alpha), -1)


def _living_front(pixels: Array, a: _Architecture, width_m: float, height_m: float, rng: Rng,
                  home: Rng, number: int, years: int, front: bool) -> None:
    height, width = pixels.shape[:2]
    bays = max(1, int((width_m - 0.6) // a.bay_m))
    margin = (width_m - bays * a.bay_m) / 2
    above_m = height_m - a.ground_m - 0.3
    floors = max(0, round(above_m / a.floor_m))
    floor_m = above_m / max(floors, 1)
    balcony_bays = rng.random(bays) < a.balconies
    for floor in range(floors):
        top = height_m - a.ground_m - (floor + 1) * floor_m
        sill = top + 0.55 + a.window_m[1]
        if a.string_courses:
            _box(pixels, 0, _px(top + floor_m) - 3, width, 4, a.trim)
        for bay in range(bays):
            x = margin + (bay + 0.5) * a.bay_m - a.window_m[0] / 2
            lit = home.random() < 0.42
            _window(pixels, a, x, sill - a.window_m[1], *a.window_m, rng, home, lit)
            if balcony_bays[bay]:
                _balcony(pixels, x - 0.3, sill - 0.2, a.window_m[0] + 0.6, a)
    _box(pixels, 0, 0, width, _px(0.28), a.trim)
    _box(pixels, 0, _px(0.28), width, 3, _mix(a.wall, (0, 0, 0), 0.5))
    if front and a.shops and rng.random() < a.shops:
        _shop_floor(pixels, a, width_m, height_m, rng, home, number, years)
    else:
        _ground_floor(pixels, a, width_m, height_m, bays, margin, rng, home, front)
    if rng.random() < 0.6:  # a rain pipe
        x = _px(0.18) if rng.random() < 0.5 else width - _px(0.3)
        _box(pixels, x, _px(0.2), 4, height, _mix(a.wall, (70, 74, 78), 0.6))


def _window(pixels: Array, a: _Architecture, x_m: float, y_m: float, w_m: float, h_m: float,
            rng: Rng, home: Rng, lit: bool) -> None:
    x, y, w, h = _px(x_m), _px(y_m), _px(w_m), _px(h_m)
    if w < 4 or h < 4 or y < 0 or y + h > pixels.shape[0]:
        return
    shadow = _mix(a.wall, (0, 0, 0), 0.45)
    _box(pixels, x - 4, y - 5, w + 8, h + 8, a.trim)
    _box(pixels, x - 1, y - 1, w + 2, h + 2, shadow)
    glass = blank(h, w, (44, 54, 66))
    # Glass mirrors the sky above and the houses across the street below.
    fade = np.linspace(rng.uniform(0.9, 1.9), rng.uniform(0.5, 0.9), h, dtype=np.float32)
    _scale(glass, fade[:, None])
    curtain = rng.random()
    pane = max(1, round(w * (0.18 + 0.2 * rng.random())))
    if curtain < 0.45:
        cloth = _mix((226, 220, 206), a.trim, 0.4)
        glass[:, :pane, :3] = _mix(cloth, (60, 60, 66), 0.35)
        glass[:, w - pane:, :3] = _mix(cloth, (60, 60, 66), 0.35)
    elif curtain < 0.65:
        glass[:round(h * (0.25 + 0.5 * rng.random())), :, :3] = (186, 180, 168)
    brightness = home.random()
    if lit:
        shine = round(OPAQUE + (LIT - OPAQUE) * (0.35 + 0.6 * brightness))
        glass[..., 3] = shine
        glass[:, :pane, 3] = OPAQUE + (shine - OPAQUE) // 2
    frame = (*_mix(a.trim, (255, 255, 255), 0.3), OPAQUE)
    for i in range(1, a.panes[0]):
        cv2.line(glass, (w * i // a.panes[0], 0), (w * i // a.panes[0], h), frame, 2)
    for i in range(1, a.panes[1]):
        cv2.line(glass, (0, h * i // a.panes[1]), (w, h * i // a.panes[1]), frame, 2)
    cv2.rectangle(glass, (0, 0), (w - 1, h - 1), frame, 2)
    room = pixels[y:y + h, x:x + w]
    if a.arched:
        hole = np.zeros((h, w), np.uint8)
        cv2.ellipse(hole, (w // 2, w // 2), (w // 2, w // 2), 0, 180, 360, 255, -1)
        hole[w // 2:] = 255
        cv2.copyTo(glass[:, :room.shape[1]], hole[:, :room.shape[1]], room)
    else:
        room[:] = glass[:, :room.shape[1]]
    _box(pixels, x, y, w, 3, shadow)  # the lintel's shadow on the glass
    _box(pixels, x - 6, y + h + 2, w + 12, 4, _mix(a.trim, (255, 255, 255), 0.2))
    _box(pixels, x - 6, y + h + 6, w + 12, 3, shadow)
    if a.shutters:
        for left in (x - w // 2 - 3, x + w + 3):
            if left >= 0:
                _box(pixels, left, y, w // 2, h, a.shutters)
                cv2.rectangle(pixels, (left + 2, y + 2), (left + w // 2 - 3, y + h - 3),
                              (*_mix(a.shutters, (0, 0, 0), 0.35), OPAQUE), 1)


def _balcony(pixels: Array, x_m: float, floor_m: float, w_m: float, a: _Architecture) -> None:
    x, y, w = _px(x_m), _px(floor_m), _px(w_m)
    rail = (52, 54, 58)
    _box(pixels, x, y, w, 5, _mix(a.trim, (120, 120, 120), 0.3))
    _box(pixels, x, y + 5, w, 9, _mix(a.wall, (0, 0, 0), 0.5))
    top = y - _px(0.95)
    cv2.line(pixels, (x, top), (x + w, top), (*rail, OPAQUE), 3)
    for i in range(x, x + w, 4):
        cv2.line(pixels, (i, top), (i, y), (*rail, OPAQUE), 1)


def _door(pixels: Array, a: _Architecture, x_m: float, colour: Colour) -> None:
    h, w = _px(2.2), _px(1.05)
    x, y = _px(x_m), pixels.shape[0] - h
    _box(pixels, x - 5, y - 8, w + 10, h + 8, a.trim)
    _box(pixels, x, y - 2, w, h + 2, _mix(colour, (0, 0, 0), 0.25))
    _box(pixels, x + 3, y + 2, w - 6, h, colour)
    _box(pixels, x + 7, y + 8, w - 14, _px(0.6), (50, 58, 66))
    _box(pixels, x + 7, y + _px(1.1), w - 14, _px(0.8), _mix(colour, (0, 0, 0), 0.2))
    _box(pixels, x - 3, pixels.shape[0] - 5, w + 6, 5, (150, 146, 140))


def _ground_floor(pixels: Array, a: _Architecture, width_m: float, height_m: float, bays: int,
                  margin: float, rng: Rng, home: Rng, front: bool) -> None:
    door_bay = int(rng.integers(bays)) if front else -1
    plinth = _px(0.5)
    _box(pixels, 0, pixels.shape[0] - plinth, pixels.shape[1], plinth,
         _mix(a.wall, (96, 94, 92), 0.6))
    colour = _DOORS[int(rng.integers(len(_DOORS)))]
    for bay in range(bays):
        centre = margin + (bay + 0.5) * a.bay_m
        if bay == door_bay:
            _door(pixels, a, centre - 0.52, colour)
            continue
        w, h = a.window_m[0], min(a.window_m[1], a.ground_m - 1.5)
        _window(pixels, a, centre - w / 2, height_m - 0.85 - h, w, h, rng, home,
                home.random() < 0.45)


def _shop_floor(pixels: Array, a: _Architecture, width_m: float, height_m: float, rng: Rng,
                home: Rng, number: int, years: int) -> None:
    height = pixels.shape[0]
    units = max(1, round(width_m / rng.uniform(5.0, 8.0)))
    unit = width_m / units
    top = height - _px(a.ground_m - 0.35)
    for i in range(units):
        shop = _Shop.of(number, i, years)
        x, w = _px(i * unit), _px(unit)
        _box(pixels, x, top, w, height - top, _mix(shop.ground, (40, 40, 44), 0.55))
        band = _px(0.62)
        glass_top = top + band + 3
        _display(pixels, x + 8, glass_top + 4, w - 16, height - glass_top - _px(0.4), shop,
                 lit=home.random() < 0.6)
        _sign(pixels, x + 4, top, w - 8, band, shop)
        if shop.awning:
            _awning(pixels, x + 6, top + band, w - 12, _px(0.75), shop)


@dataclass(frozen=True)
class _Shop:
    """Who rents a shop: ``seed`` changes when it changes hands."""

    name: str
    ground: Colour
    ink: Colour
    awning: bool
    seed: int

    @classmethod
    def of(cls, house: int, unit: int, years: int) -> _Shop:
        generation = 0
        for year in range(years):
            generation += bool(
                np.random.default_rng([house, unit, year, 10]).random() < _SHOPS_CHANGING)
        rng = np.random.default_rng([house, unit, generation, 11])
        ground, ink = _SIGNS[int(rng.integers(len(_SIGNS)))]
        word = ''.join(_SYLLABLES[int(i)] for i in rng.integers(len(_SYLLABLES), size=2)).upper()
        trade = _TRADES[int(rng.integers(len(_TRADES)))]
        name = trade if rng.random() < 0.3 else word if rng.random() < 0.5 else f'{word} {trade}'
        return cls(name, ground, ink, bool(rng.random() < 0.3), int(rng.integers(1 << 30)))


def _sign(pixels: Array, x: int, y: int, w: int, h: int, shop: _Shop) -> None:
    _box(pixels, x, y, w, h, shop.ground, OPAQUE + (LIT - OPAQUE) * 2 // 5)
    letter(pixels[y:y + h, x:x + w], shop.name, height=0.62 * h, colour=shop.ink, bold=True)


def _display(pixels: Array, x: int, y: int, w: int, h: int, shop: _Shop, *, lit: bool) -> None:
    if w < 12 or h < 12:
        return
    rng = np.random.default_rng([shop.seed, 12])
    glass = blank(h, w, (50, 58, 66), OPAQUE + (LIT - OPAQUE) // 2 if lit else OPAQUE)
    fade = np.linspace(1.5, 0.7, h, dtype=np.float32)
    _scale(glass, fade[:, None])
    for _ in range(max(3, w // 14)):  # goods
        gx, gw = int(rng.integers(w)), int(rng.integers(5, 16))
        gh = int(rng.integers(8, max(9, h // 2)))
        goods = tuple(int(c) for c in rng.integers(50, 220, 3))
        cv2.rectangle(glass, (gx, h - gh), (gx + gw, h), (*goods, int(glass[0, 0, 3])), -1)
    door = int(rng.integers(0, max(1, w - _px(1.1))))
    frame = (*_mix(shop.ground, (60, 60, 64), 0.5), OPAQUE)
    cv2.rectangle(glass, (door, 4), (door + _px(1.0), h), frame, 4)
    for i in range(0, w, max(20, _px(1.6))):
        cv2.line(glass, (i, 0), (i, h), frame, 3)
    cv2.rectangle(glass, (0, 0), (w - 1, h - 1), frame, 3)
    pixels[y:y + h, x:x + w] = glass[:pixels.shape[0] - y, :pixels.shape[1] - x]


def _awning(pixels: Array, x: int, y: int, w: int, h: int, shop: _Shop) -> None:
    stripe = max(6, _px(0.35))
    for i in range(0, w, stripe):
        colour = shop.ground if (i // stripe) % 2 else (236, 230, 218)
        _box(pixels, x + i, y, min(stripe, w - i), h, colour)
    for i in range(h):
        row = pixels[y + i, x:x + w, :3]
        pixels[y + i, x:x + w, :3] = (row * (1.0 - 0.35 * i / h)).astype(np.uint8)
    _box(pixels, x, y + h, w, 6, (40, 40, 42))


def _works_front(pixels: Array, a: _Architecture, width_m: float, height_m: float, rng: Rng,
                 home: Rng, years: int) -> None:
    height, width = pixels.shape[:2]
    _box(pixels, 0, 0, width, _px(0.3), _mix(a.wall, (60, 60, 64), 0.6))
    at = float(rng.uniform(0.5, 2.0))
    while at + 4.5 < width_m:
        if rng.random() < 0.35:  # a gate
            w, h = _px(4.0), _px(min(4.2, height_m - 1.0))
            gate = _mix(a.wall, (70, 90, 120), 0.6)
            _box(pixels, _px(at), height - h, w, h, gate)
            for y in range(height - h, height, 9):
                _box(pixels, _px(at), y, w, 2, _mix(gate, (0, 0, 0), 0.3))
        else:  # a band of windows high up
            y, h, w = _px(height_m * 0.22), _px(1.3), _px(3.8)
            shine = LIT if home.random() < 0.4 else OPAQUE
            _box(pixels, _px(at), y, w, h, (70, 84, 96), shine)
            for x in range(_px(at), _px(at) + w, _px(0.6)):
                _box(pixels, x, y, 2, h, (60, 62, 66))
            if rng.random() < 0.4:
                _door(pixels, a, at + 1.0, (70, 76, 84))
        at += float(rng.uniform(4.6, 6.5))
    if rng.random() < 0.7:
        shop = _Shop.of(int(rng.integers(1 << 30)), 0, years)
        _sign(pixels, width // 3, _px(height_m * 0.06), min(width // 3, _px(7.0)), _px(0.8), shop)
