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

"""A street of places that look like no other, and a map of it."""

from pathlib import Path

import numpy as np
import pytest
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

PLACES = 30
SECOND = 10 ** 9


def place_image(number: int) -> np.ndarray:
    """Return an image that looks like no other place's."""
    coarse = np.random.default_rng(number).integers(0, 256, (8, 16, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(15, axis=0).repeat(10, axis=1))


def make_map(path: Path) -> Path:
    extractor = make_extractor(ExtractionSettings(network='thumbnail', device='cpu'))
    frames = (Frame((n + 1) * SECOND, place_image(n),
                    T_map_base=Pose(np.array([10.0 * n, 0.0, 0.0]))) for n in range(PLACES))
    with PlaceMap.create(path, extractor.identity) as place_map:
        list(build_session(place_map, 'first drive', frames, extractor, MapSettings(),
                           source='test'))
    return path


@pytest.fixture(scope='session')
def image_of():
    """Return what makes the image of a place by its number."""
    return place_image


@pytest.fixture
def own(tmp_path) -> Path:
    """Return a map of this test alone."""
    return make_map(tmp_path / 'own.vprmap')


@pytest.fixture(scope='session')
def street(tmp_path_factory) -> Path:
    """Return a map that nobody changes."""
    return make_map(tmp_path_factory.mktemp('street') / 'street.vprmap')
