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
"""What may happen to an image in training, how often and how much."""

from __future__ import annotations

import pydantic
from vpr_ros.config import setting
from vpr_ros.config import Settings

__all__ = ['AugmentationSettings']


class AugmentationSettings(Settings):
    """
    How often each change happens, and how far it goes.

    Snow, fog and rain exclude each other; any of them can come at night. Shadows need the sun:
    they fall by day in clear weather. Probabilities are of an example, so that all images of a
    sequence are taken in one night from one viewpoint; what moves by itself (flakes, noise, what
    stands in front) is drawn for each image.
    """

    enabled: bool = setting(True, 'Whether training images are changed at all.')
    strength: float = setting(
        1.0, 'How far all changes go: 1 is what the words say, 0 changes nothing.', ge=0.0, le=1.0)
    light: float = setting(
        0.8, 'Probability of other exposure, contrast, colours of light.', ge=0.0, le=1.0)
    night: float = setting(
        0.2, 'Probability of night: a dark sky, lamps and what they shine on.', ge=0.0, le=1.0)
    snow: float = setting(0.1, 'Probability of snow that lies and falls.', ge=0.0, le=1.0)
    fog: float = setting(0.1, 'Probability of fog, denser with distance.', ge=0.0, le=1.0)
    rain: float = setting(0.1, 'Probability of rain.', ge=0.0, le=1.0)
    shadow: float = setting(
        0.3, 'Probability of shadows, by day in clear weather.', ge=0.0, le=1.0)
    occlusion: float = setting(
        0.3, 'Probability that something stands in front, for each image.', ge=0.0, le=1.0)
    blur: float = setting(0.2, 'Probability of blur.', ge=0.0, le=1.0)
    noise: float = setting(0.4, 'Probability of noise of the sensor.', ge=0.0, le=1.0)
    crop_smallest: float = setting(
        0.3, 'Smallest part of the area of an image that is seen, before perspective takes from '
        'it; 0.3 in Wang et al. 2019.', gt=0.0, le=1.0)
    crop_largest: float = setting(
        1.0, 'Largest part of the area of an image that is seen.', gt=0.0, le=1.0)
    stretch: float = setting(
        1.2, 'How much wider or narrower than the image its part may be.', ge=1.0, le=4.0)
    perspective: float = setting(
        0.2, 'How far corners move in: 1 would be to the middle of what is seen.', ge=0.0,
        le=0.5)
    rotation_deg: float = setting(4.0, 'How far the camera may roll.', ge=0.0, le=45.0)
    flip: float = setting(
        0.0, 'Probability that an example is mirrored. A mirrored place is another place: leave '
        'it at 0 unless all examples of a place are mirrored alike.', ge=0.0, le=1.0)

    @pydantic.model_validator(mode='after')
    def _agree(self) -> AugmentationSettings:
        if self.crop_smallest > self.crop_largest:
            raise ValueError('crop_smallest is at most crop_largest')
        if self.snow + self.fog + self.rain > 1.0:
            raise ValueError('snow, fog and rain exclude each other: their probabilities add up '
                             'to at most 1')
        return self
