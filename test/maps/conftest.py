# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
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
