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

"""Small maps to test with."""

import numpy as np
import pytest
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import View

DIMENSION = 8


@pytest.fixture
def identity():
    return NetworkIdentity('test', 'abc123', DIMENSION, Preprocessing(32, 64))


@pytest.fixture
def unit():
    """Return a function that makes n random unit vectors, different each time."""
    rng = np.random.default_rng(0)

    def make(n, dimension=DIMENSION):
        vectors = rng.standard_normal((n, dimension)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return make


@pytest.fixture
def new_place(unit):
    """Return a function that makes a place with one view."""
    def make(stamp_ns, *, descriptor=None, T_map_base=None, camera='front', thumbnail=b''):
        if descriptor is None:
            descriptor = unit(1)[0]
        return NewPlace(stamp_ns, (View(camera, descriptor, thumbnail),), T_map_base)

    return make


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'town.vprmap'


@pytest.fixture
def saved(path, identity, new_place):
    """Return the path of a closed map with one session of three places."""
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='test')
        place_map.append('monday', [new_place(n, thumbnail=b'picture') for n in (10, 20, 30)])
    return path
