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

"""Light, weather and season, and what they mean in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

__all__ = ['Atmosphere', 'atmosphere', 'Condition', 'CONDITIONS', 'parse_condition']

Array = NDArray[Any]
Rgb = tuple[float, float, float]

_LIGHTS = ('day', 'low_sun', 'dusk', 'night')
_WEATHERS = ('rain', 'fog', 'snow', 'leaf_off')
#: The names that :func:`parse_condition` takes, alone or joined by '+'.
CONDITIONS = (*_LIGHTS, *_WEATHERS)


@dataclass(frozen=True)
class Condition:
    """
    When and in what weather one drives.

    :param light: 'day', 'low_sun', 'dusk' or 'night'.
    :param leaf_off: trees are bare; so they are in snow.
    """

    light: str = 'day'
    rain: bool = False
    fog: bool = False
    snow: bool = False
    leaf_off: bool = False

    def __post_init__(self) -> None:
        if self.light not in _LIGHTS:
            raise unknown_name('light of the town', self.light, _LIGHTS)

    @property
    def name(self) -> str:
        """Return the name that :func:`parse_condition` understands."""
        weather = [name for name in _WEATHERS if getattr(self, name)]
        if weather and self.light == 'day':
            return '+'.join(weather)
        return '+'.join([self.light, *weather])

    @property
    def bare_trees(self) -> bool:
        """Whether trees have no leaves."""
        return self.leaf_off or self.snow


def parse_condition(text: str) -> Condition:
    """
    Read a condition such as ``night``, ``snow`` or ``night+snow``.

    Without a light it is day. VprError for an unknown name, or two lights at once.
    """
    names = [name.strip() for name in text.split('+')]
    if '' in names:
        raise VprError(f'a condition is one or more of {", ".join(CONDITIONS)}, joined by "+", '
                       f'got {text!r}')
    for name in names:
        if name not in CONDITIONS:
            raise unknown_name('condition of the town', name, CONDITIONS)
    lights = [name for name in names if name in _LIGHTS]
    if len(lights) > 1 or len(set(names)) != len(names):
        raise VprError(f'a condition has one light ({", ".join(_LIGHTS)}) and each weather once, '
                       f'got {text!r}')
    return Condition(lights[0] if lights else 'day',
                     **{name: name in names for name in _WEATHERS})


@dataclass(frozen=True, eq=False)
class Atmosphere:
    """
    What light and weather do to a picture; light 1 shows a colour as it is.

    :param to_sun: (3,) unit vector to the sun (or to the moon).
    :param sun: light from there.
    :param ambient: light from the sky.
    :param zenith: colour of the sky there, in [0, 1].
    :param horizon: colour of the sky there, and of the haze.
    :param clouds: how much of the sky they cover, 0 to 1.
    :param lamps: light under a street lamp; all that shines goes with it.
    :param headlights: light before the car.
    :param haze_per_m: extinction of the air.
    :param noise: of the sensor, in grey levels.
    """

    to_sun: Array
    sun: Rgb
    ambient: Rgb
    zenith: Rgb
    horizon: Rgb
    clouds: float
    lamps: float
    headlights: float
    haze_per_m: float
    noise: float
    wet: bool
    snow: bool


# light: azimuth and elevation of the sun in degrees, sun, ambient, zenith, horizon, clouds, lamps,
# headlights, noise
_TABLE: dict[str, tuple[Any, ...]] = {
    'day': (205.0, 48.0, (1.06, 1.00, 0.90), (0.66, 0.71, 0.78), (0.30, 0.50, 0.82),
            (0.82, 0.89, 0.95), 0.45, 0.0, 0.0, 2.0),
    'low_sun': (248.0, 13.0, (2.1, 1.42, 0.78), (0.50, 0.54, 0.68), (0.38, 0.50, 0.72),
                (1.0, 0.82, 0.58), 0.35, 0.0, 0.0, 2.5),
    'dusk': (275.0, 4.0, (0.08, 0.06, 0.05), (0.30, 0.31, 0.42), (0.14, 0.19, 0.38),
             (0.72, 0.46, 0.38), 0.5, 0.75, 0.3, 4.5),
    'night': (120.0, 35.0, (0.012, 0.014, 0.02), (0.066, 0.069, 0.092), (0.045, 0.05, 0.085),
              (0.16, 0.135, 0.13), 0.4, 1.3, 0.4, 7.0),
}


def atmosphere(condition: Condition) -> Atmosphere:
    """Return the numbers of a condition."""
    azimuth, elevation, sun, ambient, zenith, horizon, clouds, lamps, headlights, noise = \
        _TABLE[condition.light]
    haze = 0.0012
    if condition.leaf_off and condition.light == 'day':
        # Autumn: the sun stays low.
        elevation, sun = 24.0, (0.74, 0.64, 0.50)
    if condition.rain or condition.fog or condition.snow:
        # Clouds take the sun and spread its light.
        grey = float(np.mean(ambient) + 0.45 * np.mean(sun))
        shade = {'rain': 0.72, 'fog': 0.95, 'snow': 0.95}[
            'fog' if condition.fog else 'rain' if condition.rain else 'snow']
        sun = tuple(0.04 * c for c in sun)
        ambient = tuple(shade * (0.6 * grey + 0.4 * c * grey / float(np.mean(ambient)))
                        for c in ambient)
        overcast = float(np.mean(horizon)) * (0.78 if condition.rain else 0.95)
        tint = 0.25
        zenith = tuple(overcast * 0.86 * (1 - tint) + tint * c for c in zenith)
        horizon = tuple(overcast * (1 - tint) + tint * c for c in horizon)
        clouds = 0.15
        if condition.snow and condition.light == 'night':
            # Snow throws the light of the lamps back: a white night is a bright one.
            ambient = tuple(2.5 * c for c in ambient)
            zenith, horizon = (tuple(2.2 * c for c in sky) for sky in (zenith, horizon))
        haze = 0.028 if condition.fog else 0.005
    return Atmosphere(
        _direction(azimuth, elevation), sun, ambient, zenith, horizon, clouds, lamps, headlights,
        haze, noise, condition.rain, condition.snow)


def _direction(azimuth_deg: float, elevation_deg: float) -> Array:
    # Azimuth as on a compass: from the north, clockwise.
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    return np.array([np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation),
                     np.sin(elevation)])
