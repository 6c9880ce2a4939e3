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
"""Night, snow, fog and rain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from vpr_ros.training.augmentation.photometric import streak
from vpr_ros.training.augmentation.pixels import daylight
from vpr_ros.training.augmentation.pixels import grey
from vpr_ros.training.augmentation.pixels import mixed
from vpr_ros.training.augmentation.pixels import Pixels
from vpr_ros.training.augmentation.pixels import sky
from vpr_ros.training.augmentation.pixels import smooth_noise
from vpr_ros.training.augmentation.pixels import spread

__all__ = ['Fog', 'Night', 'Rain', 'Snow']

_COARSE = 48


@dataclass(frozen=True)
class Lamp:
    """
    A light in the picture; lengths are shares of its width and height.

    :param reach: how far it shines on its surroundings.
    :param size: of the lamp itself.
    :param power: how bright it makes what is near; daylight is 1.
    """

    x: float
    y: float
    reach: float
    size: float
    power: float
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Night:
    """
    Night: the sky is darker than all else, and lamps make islands of light.

    :param ambient: what is left of daylight, as energy; more where little came.
    :param glow: of the sky over a town.
    :param fading: share of colour that eyes and cameras lose in the dark.
    """

    ambient: float
    glow: tuple[float, float, float]
    fading: float
    lamps: tuple[Lamp, ...]

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> Night:
        """Draw a night."""
        depth = rng.uniform(0.5, 1.0) * strength
        tint = np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.3, 1.2)])
        lamps = []
        for _ in range(rng.integers(2, 10)):
            warmth = rng.uniform(0.0, 1.0)
            lamps.append(Lamp(
                x=float(rng.uniform(0.0, 1.0)), y=float(rng.uniform(0.35, 0.9)),
                reach=float(rng.uniform(0.05, 0.25)), size=float(rng.uniform(0.002, 0.012)),
                power=float(rng.uniform(0.2, 1.2)) * strength,
                colour=(1.0, 1.0 - 0.35 * float(warmth), 1.0 - 0.75 * float(warmth))))
        red, green, blue = (float(v) for v in tint * rng.uniform(0.0, 0.012) * strength)
        return cls(ambient=float(10.0 ** (-1.5 * depth)), glow=(red, green, blue),
                   fading=float(rng.uniform(0.0, 0.7)) * strength, lamps=tuple(lamps))

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Turn the day into this night."""
        h, w = image.shape[:2]
        above = sky(image)
        energy = np.square(np.clip(image, 0.0, 1.0))  # light adds up, brightness does not
        light, halo = self._lights(h, w)
        # What is a night already is not made black.
        ambient = min(1.0, max(self.ambient, 0.005 / (float(energy.mean()) + 1e-3)))
        # Lamps shine on what stands on the ground, seldom on the sky.
        light *= spread(1.0 - 0.9 * above)
        light += np.float32(ambient)
        energy *= light
        energy *= spread(1.0 - 0.85 * (1.0 - ambient) * above)
        energy = mixed(energy, grey(energy), self.fading)
        energy += halo
        for lamp in self.lamps:
            centre = (round(lamp.x * w), round(lamp.y * h))
            # Below the size of a pixel a lamp is as small, but dimmer.
            radius, share = max(1, round(lamp.size * w)), min(1.0, lamp.size * w)
            value = tuple(share * min(1.0, 0.5 + lamp.power) * c for c in lamp.colour)
            if lamp.power > 0.0:
                cv2.circle(energy, centre, radius, value, -1, cv2.LINE_AA)
        return np.sqrt(np.maximum(energy, 0.0))

    def _lights(self, h: int, w: int) -> tuple[Pixels, Pixels]:
        """Return what the lamps shine on things, and into the lens: (H, W, 3) both."""
        side = (min(h, _COARSE), min(w, _COARSE))
        ys = ((np.arange(side[0], dtype=np.float32) + 0.5) / side[0])[:, None]
        xs = ((np.arange(side[1], dtype=np.float32) + 0.5) / side[1])[None]
        light = np.zeros((*side, 3), np.float32)
        halo = np.tile(np.array(self.glow, np.float32), (*side, 1))
        for lamp in self.lamps:
            colour = np.array(lamp.colour, np.float32) * np.float32(lamp.power)
            below = ys - lamp.y
            # A lamp shines down.
            square = np.square(xs - lamp.x) + np.square(np.where(below > 0.0, 0.6, 1.3) * below)
            light += np.exp(-square / (2.0 * lamp.reach ** 2))[..., None] * colour
            near = square / (0.01 + 3.0 * lamp.size) ** 2
            halo += (0.35 / np.square(1.0 + near))[..., None] * colour
        light, halo = (np.asarray(cv2.resize(each, (w, h), interpolation=cv2.INTER_LINEAR),
                                  np.float32) for each in (light, halo))
        return light, halo


@dataclass(frozen=True)
class Snow:
    """
    Snow on the ground and on whatever looks up, and in the air.

    :param cover: how much of the ground is white.
    :param horizon: where the ground ends, from the top.
    :param flakes: in a picture.
    :param size: of a flake as a share of the width.
    :param wind: angle of the fall in radians; down is a right angle.
    """

    cover: float
    horizon: float
    flakes: int
    size: float
    wind: float

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> Snow:
        """Draw how snow lies and falls."""
        return cls(cover=float(rng.uniform(0.4, 1.0)) * strength,
                   horizon=float(rng.uniform(0.35, 0.6)),
                   flakes=int(rng.integers(0, 700) * strength),
                   size=float(rng.uniform(0.002, 0.006)),
                   wind=float(rng.normal(np.pi / 2.0, 0.5)))

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Let it snow; flakes are elsewhere in each image."""
        h, w = image.shape[:2]
        image = np.clip(image, 0.0, 1.0)
        light = grey(image)
        above = sky(image)
        height = ((np.arange(h, dtype=np.float32) + 0.5) / h)[:, None]
        ground = np.clip((height - self.horizon) / 0.3, 0.0, 1.0)
        # What is darker than the picture above it looks up to the light: roofs, branches, cars.
        blurred = cv2.GaussianBlur(light, (0, 0), max(0.5, 0.006 * w))
        rise = max(1, round(0.02 * h))
        upper = np.concatenate([np.repeat(blurred[:1], min(rise, h), axis=0), blurred])[:h]
        up = np.clip((upper - blurred) * 3.0, 0.0, 1.0)
        patches = smooth_noise((h, w), 6, rng)
        lying = 1.3 * ground + up + 0.7 * (light - 0.5) + 0.8 * (patches - 0.5)
        lying = np.clip(lying * 1.5 - 1.5 * (1.0 - self.cover), 0.0, 1.0)
        lying *= self.cover * (1.0 - above)
        # An overcast day: little colour, and a white sky.
        image = mixed(image, light, 0.6 * self.cover)
        day = daylight(image)
        image = mixed(image, np.array([0.82, 0.84, 0.87]) * day, 0.6 * self.cover * above)
        white = spread(0.7 * day + 0.3 * light, (0.97, 0.98, 1.0))
        image = mixed(image, white, 0.92 * lying)
        falling = self._falling(h, w, rng)
        return mixed(image, max(0.5, 0.97 * day), falling) if self.flakes else image

    def _falling(self, h: int, w: int, rng: np.random.Generator) -> Pixels:
        air = np.zeros((h, w), np.float32)
        # Most flakes are far and small, some are near.
        for share, larger, opacity in ((0.8, 1.0, 0.8), (0.2, 2.2, 0.6)):
            layer: Pixels = np.zeros((h, w), np.float32)
            count = int(share * self.flakes)
            layer[rng.integers(0, h, count), rng.integers(0, w, count)] = 1.0
            width = self.size * larger * w
            layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), max(0.45, 0.5 * width)))
            layer = np.asarray(cv2.filter2D(layer, -1, streak(1.5 * width, self.wind)))
            most = float(layer.max())
            air = np.maximum(air, layer * np.float32(opacity / most) if most else layer)
        return air


@dataclass(frozen=True)
class Fog:
    """
    Fog: what is far fades into its light.

    :param density: how much of the light of the farthest is lost, as an exponent.
    :param horizon: where the farthest is, from the top.
    :param light: its brightness in daylight.
    """

    density: float
    horizon: float
    light: float

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> Fog:
        """Draw a fog."""
        return cls(density=float(rng.uniform(0.6, 2.5)) * strength,
                   horizon=float(rng.uniform(0.35, 0.55)), light=float(rng.uniform(0.6, 0.9)))

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Fill the air with fog."""
        h, w = image.shape[:2]
        height = ((np.arange(h, dtype=np.float32) + 0.5) / h)[:, None]
        # On level ground distance goes with 1 / (how far below the horizon).
        depth = 1.0 / (1.0 + np.maximum(height - self.horizon, 0.0) * 7.0)
        drifting = 0.7 + 0.6 * smooth_noise((h, w), 4, rng)
        lost = 1.0 - np.exp(-self.density * depth * drifting)
        colour = np.array([0.98, 0.99, 1.0]) * (self.light * daylight(image))
        return mixed(image, colour, lost)


@dataclass(frozen=True)
class Rain:
    """
    Rain: grey light, haze, and streaks.

    :param drops: in a picture.
    :param length: of a streak as a share of the height.
    :param wind: angle of the fall in radians.
    """

    drops: int
    length: float
    wind: float
    grey: float
    haze: Fog

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> Rain:
        """Draw a rain."""
        return cls(drops=int(rng.integers(100, 700) * strength),
                   length=float(rng.uniform(0.03, 0.1)),
                   wind=float(rng.normal(np.pi / 2.0, 0.2)),
                   grey=float(rng.uniform(0.3, 0.9)) * strength,
                   haze=Fog(density=float(rng.uniform(0.1, 0.6)) * strength,
                            horizon=float(rng.uniform(0.35, 0.55)),
                            light=float(rng.uniform(0.5, 0.7))))

    def apply(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Let it rain; drops are elsewhere in each image."""
        h, w = image.shape[:2]
        day = daylight(image)
        image = mixed(image, grey(image), 0.7 * self.grey)
        image = self.haze.apply(image * np.float32(1.0 - 0.35 * self.grey), rng)
        drops = np.zeros((h, w), np.float32)
        at = rng.integers(0, h, self.drops), rng.integers(0, w, self.drops)
        drops[at] = rng.uniform(0.4, 1.0, self.drops)
        kernel = streak(max(2.0, self.length * h), self.wind)
        drops = np.minimum(cv2.filter2D(drops, -1, kernel / kernel.max()), 1.0)
        return mixed(image, 0.85 * day, np.float32(0.35) * drops)
