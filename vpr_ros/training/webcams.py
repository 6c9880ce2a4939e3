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
Places from fixed cameras: what changes between two images of a webcam is not the place.

A folder holds one folder per camera; every image of a camera shows one scene at another hour or
season. A window of the scene is a place: windows cut at one position from images of different
times match, windows elsewhere do not. So a few cameras give many places, and hard negatives (same
camera, same weather, other window) come free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.images import list_images
from vpr_ros.datasets.images import read_image
from vpr_ros.errors import VprError

__all__ = ['Scene', 'Window', 'cut', 'load_pairs', 'load_scenes', 'load_single', 'overlap',
           'random_window']

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Scene:
    """All images of one fixed camera, or all images known to show one place."""

    name: str
    images: Sequence[Image]


@dataclass(frozen=True)
class Window:
    """A part of an image, in fractions of its width and height."""

    x: float
    y: float
    width: float
    height: float


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise VprError(f'no folder of training images at {folder}')
    return folder


def _images(folder: Path) -> list[Path]:
    return list_images(_existing(folder))


def load_scenes(folder: Path, *, leave_out: Sequence[str] = (),
                least_contrast: float = 6.0) -> list[Scene]:
    """
    Load one scene per camera folder.

    :param least_contrast: images whose grey values deviate less (black nights, fog) are left out:
        they show no place.
    """
    scenes = []
    for camera in sorted(_existing(folder).iterdir()):
        if not camera.is_dir() or camera.name in leave_out:
            continue
        images = [read_image(path) for path in _images(camera)]
        images = [i for i in images if float(i.mean(axis=2).std()) >= least_contrast]
        if len(images) >= 2:
            scenes.append(Scene(camera.name, images))
    return scenes


def load_pairs(folder: Path) -> list[Scene]:
    """
    Load true pairs ``query/NAME``, ``reference/NAME`` as scenes of two or more images.

    Pairs whose reference image is the same (to the byte) become one scene.
    """
    groups: dict[bytes, list[Image]] = {}
    for query in _images(folder / 'query'):
        reference = folder / 'reference' / query.name
        if not reference.is_file():
            raise VprError(f'{query} has no partner {reference}')
        images = groups.setdefault(reference.read_bytes(), [read_image(reference)])
        images.append(read_image(query))
    return [Scene(f'pair {n}', images) for n, images in enumerate(groups.values())]


def load_single(folder: Path) -> list[Scene]:
    """Load images that each show a place once; two windows of one image make a pair."""
    return [Scene(path.stem, [read_image(path)]) for path in _images(folder)]


def random_window(rng: np.random.Generator, *, smallest: float, largest: float,
                  aspect: float = 1.0) -> Window:
    """Return a window whose width is ``smallest`` to ``largest`` of the image's."""
    width = rng.uniform(smallest, largest)
    height = min(1.0, width * aspect * rng.uniform(0.85, 1.15))
    return Window(rng.uniform(0.0, 1.0 - width), rng.uniform(0.0, 1.0 - height), width, height)


def overlap(a: Window, b: Window) -> float:
    """Return intersection over union of two windows, in [0, 1]."""
    w = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    h = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    if w <= 0.0 or h <= 0.0:
        return 0.0
    return w * h / (a.width * a.height + b.width * b.height - w * h)


def cut(image: Image, window: Window, size: tuple[int, int], *,
        rng: np.random.Generator | None = None, jitter: float = 0.0) -> Image:
    """
    Cut a window and resize it.

    :param size: (height, width) of the result.
    :param jitter: how far the window may move and grow, as a fraction of its size (a viewpoint
        is never met exactly); it stays inside the image.
    """
    h, w = image.shape[:2]
    x, y, width, height = window.x, window.y, window.width, window.height
    if rng is not None and jitter > 0.0:
        scale = 1.0 + rng.uniform(-jitter, jitter) / 2
        width, height = min(1.0, width * scale), min(1.0, height * scale)
        x = float(np.clip(x + rng.uniform(-jitter, jitter) * width, 0.0, 1.0 - width))
        y = float(np.clip(y + rng.uniform(-jitter, jitter) * height / 2, 0.0, 1.0 - height))
    left, top = int(x * w), int(y * h)
    right, bottom = max(left + 2, int((x + width) * w)), max(top + 2, int((y + height) * h))
    part: Any = image[top:bottom, left:right]
    shrinks = part.shape[0] > size[0]
    resized: Image = np.asarray(cv2.resize(
        part, (size[1], size[0]),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8)
    return resized
