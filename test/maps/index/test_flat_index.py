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

"""Exact search against brute force."""

from types import SimpleNamespace

import numpy as np
import pytest
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing


def snapshot_of(descriptors, view_rows, view_cameras=None):
    places = int(max(view_rows, default=-1)) + 1
    if view_cameras is None:
        view_cameras = np.zeros(len(view_rows))
    return Snapshot(
        map_id='m', revision=1, network=NetworkIdentity('test', '00', 6, Preprocessing(1, 1)),
        sessions=('a',), cameras=('front', 'rear', 'left', 'right'),
        place_ids=1000 - 7 * np.arange(places, dtype=np.int64),
        stamps_ns=np.arange(places, dtype=np.int64), session_of=np.zeros(places, np.int64),
        poses=Poses.of((None,) * places), view_rows=np.asarray(view_rows, np.int64),
        view_cameras=np.asarray(view_cameras, np.int64), descriptors=descriptors)


def brute_force(snapshot, query, k):
    """For each place its best view; then sort the places."""
    best = {}
    for row, camera, descriptor in zip(
            snapshot.view_rows, snapshot.view_cameras, snapshot.descriptors, strict=True):
        similarity = float(np.dot(descriptor.astype(np.float64), query.astype(np.float64)))
        if row not in best or similarity > best[row][0]:
            best[row] = (similarity, int(camera))
    order = sorted(best, key=lambda row: -best[row][0])[:k]
    return SimpleNamespace(
        place_ids=[int(snapshot.place_ids[row]) for row in order],
        similarities=[best[row][0] for row in order], cameras=[best[row][1] for row in order])


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('most_views', [1, 2, 4])
def test_like_brute_force(unit, seed, most_views):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, most_views + 1, 40)
    rows = np.repeat(np.arange(40), counts)
    cameras = np.concatenate([rng.permutation(4)[:n] for n in counts])
    shuffled = rng.permutation(len(rows))  # views come in the order of ids, not of rows
    snapshot = snapshot_of(unit(len(rows), 6), rows[shuffled], cameras[shuffled])
    index = FlatIndex(snapshot)
    for query in unit(5, 6):
        for k in (1, 3, 17, 40, 41, 1000):
            found, wanted = index.search(query, k), brute_force(snapshot, query, k)
            assert found.place_ids.tolist() == wanted.place_ids
            assert found.cameras.tolist() == wanted.cameras
            assert np.abs(found.similarities - wanted.similarities).max() < 1e-6
            assert len(set(found.place_ids.tolist())) == min(k, 40)


def test_one_place_with_all_the_best_views_leaves_room_for_others(unit):
    query = unit(1, 6)[0]
    descriptors = np.concatenate([np.repeat(query[None], 4, axis=0), unit(3, 6)])
    snapshot = snapshot_of(descriptors, [0, 0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 0, 0, 0])
    found = FlatIndex(snapshot).search(query, 2)
    assert found.place_ids.tolist() == brute_force(snapshot, query, 2).place_ids
    assert len(found.place_ids) == 2


def test_ties_give_different_places_and_repeat_themselves(unit):
    same = unit(1, 6)[0]
    snapshot = snapshot_of(np.repeat(same[None], 10, axis=0), np.arange(10))
    index = FlatIndex(snapshot)
    first = index.search(same, 4)
    assert len(set(first.place_ids.tolist())) == 4
    assert np.ptp(first.similarities) == 0
    for _ in range(5):
        assert index.search(same, 4).place_ids.tolist() == first.place_ids.tolist()
    assert sorted(index.search(same, 10).place_ids.tolist()) == sorted(snapshot.place_ids)


def test_types_and_an_empty_map(unit):
    found = FlatIndex(snapshot_of(unit(3, 6), [0, 1, 2])).search(unit(1, 6)[0], 2)
    empty = FlatIndex(snapshot_of(np.zeros((0, 6), np.float32), [])).search(unit(1, 6)[0], 2)
    for neighbours, n in ((found, 2), (empty, 0)):
        assert (neighbours.place_ids.dtype, neighbours.place_ids.shape) == (np.int64, (n,))
        assert (neighbours.similarities.dtype, neighbours.similarities.shape) == (
            np.float32, (n,))
        assert (neighbours.cameras.dtype, neighbours.cameras.shape) == (np.int64, (n,))


def test_what_is_no_query_is_refused(unit):
    index = FlatIndex(snapshot_of(unit(3, 6), [0, 1, 2]))
    query = unit(1, 6)[0]
    for shape in ((5,), (1, 6), ()):
        with pytest.raises(ValueError, match=r'a query must have shape \(6,\), got'):
            index.search(np.zeros(shape, np.float32), 1)
    for k in (0, -1):
        with pytest.raises(ValueError, match='k must be positive'):
            index.search(query, k)
    for bad in (np.nan, np.inf):
        query = query.copy()
        query[2] = bad
        with pytest.raises(ValueError, match='a query must be finite'):
            index.search(query, 1)
