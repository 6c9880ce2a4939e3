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

"""What a pixel can be a part of, for light and weather: a small number each."""

from __future__ import annotations

from enum import IntEnum
import math

__all__ = ['DIRECTIONS', 'roof', 'Surface', 'wall']

# In how many directions walls and roofs can face.
DIRECTIONS = 16


class Surface(IntEnum):
    """Kinds of surfaces; walls and roofs follow, one for each direction that they can face."""

    SKY = 0
    ASPHALT = 1
    PAVING = 2
    GRASS = 3
    PAINT = 4
    LEAVES = 5
    UPRIGHT = 6  # people, poles, signs: turned towards the camera
    TOP = 7      # whatever faces up: bonnets, flat roofs
    WALL = 8
    ROOF = 8 + DIRECTIONS


def _direction(x: float, y: float) -> int:
    return round(math.atan2(y, x) / (2 * math.pi) * DIRECTIONS) % DIRECTIONS


def wall(x: float, y: float) -> int:
    """Return the surface of a wall that faces (x, y)."""
    return Surface.WALL + _direction(x, y)


def roof(x: float, y: float) -> int:
    """Return the surface of a roof that slopes down towards (x, y)."""
    return Surface.ROOF + _direction(x, y)
