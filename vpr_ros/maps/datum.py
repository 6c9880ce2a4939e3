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

"""Where on earth a map lies."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
import json
import math

__all__ = ['Datum']


@dataclass(frozen=True)
class Datum:
    """
    The origin of a map's frame on the WGS 84 ellipsoid; x is east there, y north and z up.

    :param altitude_m: above the ellipsoid, as in sensor_msgs/NavSatFix.
    """

    latitude_deg: float
    longitude_deg: float
    altitude_m: float = 0.0

    def __post_init__(self) -> None:
        values = (self.latitude_deg, self.longitude_deg, self.altitude_m)
        if not all(map(math.isfinite, values)) or abs(self.latitude_deg) > 90.0 or (
                abs(self.longitude_deg) > 360.0):
            raise ValueError('a datum has a latitude within 90 degrees, a longitude and an '
                             f'altitude in metres, got {values}')

    def __str__(self) -> str:
        return (f'{self.latitude_deg:.7f}, {self.longitude_deg:.7f} degrees, '
                f'{self.altitude_m:.2f} m (WGS 84)')

    def to_text(self) -> str:
        """Return the datum as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Datum | None:
        """Read what :meth:`to_text` wrote, None where nothing is; ValueError otherwise."""
        if not text:
            return None
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f'not a datum: {text[:200]!r}')
        return cls(**{name: float(value) for name, value in values.items()})
