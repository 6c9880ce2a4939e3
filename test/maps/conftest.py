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

import cv2
import numpy as np
import pytest
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import Camera
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose
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


@pytest.fixture(scope='session')
def jpeg():
    """Return a JPEG as maps keep them beside their places."""
    image = np.random.default_rng(3).integers(0, 256, (30, 40, 3), np.uint8)
    return cv2.imencode('.jpg', image)[1].tobytes()


@pytest.fixture
def rich(path, identity, unit, jpeg):
    """Return the path of a closed map that holds something of everything: 40 places, 2 cameras."""
    rng = np.random.default_rng(7)
    with PlaceMap.create(path, identity) as place_map:
        place_map.set_local_kind('sift')
        for session, count in (('monday', 25), ('tuesday', 15)):
            place_map.add_session(session, source='test')
            place_map.calibrate(session, Camera('front', 640, 480, np.eye(3)))
            place_map.append(session, [NewPlace(
                n, tuple(View(camera, descriptor, jpeg, LocalFeatures(
                    rng.random((9, 2)), rng.random((9, 16)), rng.random(9),
                    rng.uniform(1, 50, 9) if n % 2 else None))
                    for camera, descriptor in zip(('front', 'rear'), unit(2), strict=True)),
                Pose(rng.random(3), rng.random(4), np.eye(6))) for n in range(count)])
    return path
