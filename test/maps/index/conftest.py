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

"""Maps that are large enough for an index, in a cache of their own."""

import numpy as np
import pytest
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import View

DIMENSION = 32


def normalised(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def streets(n, seed=0):
    """Return descriptors (n, D) in groups of ten that look alike."""
    rng = np.random.default_rng(seed)
    scenes = np.repeat(rng.standard_normal((-(-n // 10), DIMENSION)), 10, axis=0)[:n]
    return normalised(scenes + 0.7 * rng.standard_normal((n, DIMENSION)))


def brute_force(place_ids, descriptors, query, k):
    """Return the ids of the best places, each by its best view."""
    similarities = descriptors.astype(np.float64) @ query.astype(np.float64)
    best = {}
    for place_id, similarity in zip(place_ids.tolist(), similarities.tolist(), strict=True):
        best[place_id] = max(similarity, best.get(place_id, -2.0))
    return sorted(best, key=lambda place_id: -best[place_id])[:k]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Return where the user's cache is during a test."""
    folder = tmp_path / 'cache'
    monkeypatch.setenv('XDG_CACHE_HOME', str(folder))
    return folder


@pytest.fixture
def views():
    """Return 3000 views of 3000 places."""
    descriptors = streets(3000)
    return Views(np.arange(3000) * 3 + 1, np.zeros(3000, np.int64), descriptors)


def places(descriptors, first_ns=0, cameras=('front',)):
    """Return a place for each group of descriptors, one of each camera."""
    return [NewPlace(first_ns + n, tuple(
        View(camera, descriptor) for camera, descriptor in zip(cameras, group, strict=True)))
        for n, group in enumerate(descriptors.reshape(-1, len(cameras), DIMENSION))]


@pytest.fixture
def large(tmp_path):
    """Return the path of a map of 2000 places with two cameras each."""
    path = tmp_path / 'large.vprmap'
    identity = NetworkIdentity('test', 'abc123', DIMENSION, Preprocessing(32, 64))
    with PlaceMap.create(path, identity) as place_map:
        for number, session in enumerate(('monday', 'tuesday')):
            place_map.add_session(session, source='test')
            place_map.append(session, places(streets(2000, number), cameras=('front', 'rear')))
    return path
