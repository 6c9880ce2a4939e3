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
"""Draw what happens to an example, and let it happen to its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.training.augmentation.geometric import resized
from vpr_ros.training.augmentation.geometric import View
from vpr_ros.training.augmentation.occlusion import Occlusion
from vpr_ros.training.augmentation.photometric import Blur
from vpr_ros.training.augmentation.photometric import Light
from vpr_ros.training.augmentation.photometric import Noise
from vpr_ros.training.augmentation.pixels import Effect
from vpr_ros.training.augmentation.pixels import to_bytes
from vpr_ros.training.augmentation.pixels import to_pixels
from vpr_ros.training.augmentation.settings import AugmentationSettings
from vpr_ros.training.augmentation.shadows import Shadows
from vpr_ros.training.augmentation.weather import Fog
from vpr_ros.training.augmentation.weather import Night
from vpr_ros.training.augmentation.weather import Rain
from vpr_ros.training.augmentation.weather import Snow

__all__ = ['augment']

Image = NDArray[np.uint8]


def augment(images: Sequence[NDArray[Any]], settings: AugmentationSettings,
            rng: np.random.Generator, *, size: tuple[int, int] | None = None) -> list[Image]:
    """
    Return the images of one example as they would look at another time from elsewhere.

    Light, weather and viewpoint are drawn once, for the images were taken one after the other;
    noise, flakes and what stands in front are drawn for each.

    :param images: S images (H, W, 3) uint8 RGB; not changed.
    :param rng: the result depends on nothing else.
    :param size: (h, w) of the results; that of each image when None. Give it here: what comes
        after the change of view works on the smaller image.
    :returns: S images of their own memory. Where nothing is to happen they are exactly what
        :func:`vpr_ros.extraction.preparation.prepare` makes.
    """
    if not len(images):
        return []
    for image in images:
        if image.dtype != np.uint8 or image.shape[2:] != (3,) or not image.size:
            raise ValueError(f'an image is uint8 of shape (H, W, 3), got {image.dtype} '
                             f'{image.shape}')
    if not settings.enabled or settings.strength == 0.0:
        return [_own(resized(image, size or _size(image)), image) for image in images]
    height, width = _size(images[0])
    view = View.draw(settings, width / height, rng)
    effects = _draw_effects(settings, rng)
    changed = []
    for image in images:
        seen = view.take(image, size or _size(image))
        if effects:
            pixels = to_pixels(seen)
            for effect in effects:
                pixels = effect.apply(pixels, rng)
            seen = to_bytes(pixels)
        changed.append(_own(seen, image))
    return changed


def _draw_effects(settings: AugmentationSettings, rng: np.random.Generator) -> list[Effect]:
    """Draw what happens, in the order it does: the scene, then its light, then the camera."""
    strength = settings.strength
    effects: list[Effect] = []

    def happens(probability: float) -> bool:
        return bool(rng.random() < probability)

    night, shadow = happens(settings.night), happens(settings.shadow)
    weather, kind = rng.random(), None
    for drawn, probability in ((Snow, settings.snow), (Fog, settings.fog), (Rain, settings.rain)):
        if kind is None and weather < probability:
            kind = drawn
        weather -= probability
    if shadow and not night and kind is None:
        effects.append(Shadows.draw(strength, rng))
    if kind is not None:
        effects.append(kind.draw(strength, rng))
    if night:
        effects.append(Night.draw(strength, rng))
    if settings.occlusion:
        effects.append(Occlusion(settings.occlusion, largest=0.5 * strength))
    if happens(settings.light):
        effects.append(Light.draw(strength, rng))
    if happens(settings.blur):
        effects.append(Blur.draw(strength, rng))
    if happens(settings.noise):
        effects.append(Noise.draw(strength, rng))
    return effects


def _size(image: NDArray[Any]) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _own(image: NDArray[Any], given: NDArray[Any]) -> Image:
    """Return the image, or a copy where it is a part of what was given."""
    return np.array(image) if np.may_share_memory(image, given) else np.ascontiguousarray(image)
