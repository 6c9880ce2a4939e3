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

"""Opening a large map: it answers at once, and the fast index is there the next time."""

import logging

import numpy as np
import pytest
from vpr_ros.maps.index.approximate_search import ApproximateSearch
from vpr_ros.maps.index.exact_search import ExactSearch
from vpr_ros.maps.index.opening import open_index
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import IndexSettings

from .conftest import brute_force
from .conftest import places
from .conftest import streets

LARGE = IndexSettings(exact_views=1000, device='cpu')
QUERIES = streets(60, seed=0)[::3] + 0.05


def recall(index, snapshot, k=20):
    """Return the share of the best places that an index finds."""
    ids = snapshot.place_ids[snapshot.view_rows]
    hits = []
    for query in QUERIES / np.linalg.norm(QUERIES, axis=1, keepdims=True):
        found = index.search(query, k).place_ids.tolist()
        assert len(found) == len(set(found)) == k
        hits.append(len(set(found) & set(brute_force(ids, snapshot.descriptors, query, k))) / k)
    return np.mean(hits)


@pytest.mark.parametrize('kind', ['auto', 'int8', 'ivf', 'hnsw', 'pq'])
def test_at_once_then_fast_then_kept(large, kind, caplog):
    settings = IndexSettings(kind=kind, exact_views=1000, device='cpu')
    snapshot, index = open_index(large, settings)
    with index, caplog.at_level(logging.INFO):
        assert isinstance(index.serving, ExactSearch)
        assert recall(index, snapshot) > 0.999
        assert index.wait(120)
        made = index.serving
        assert isinstance(made, ApproximateSearch)
        assert recall(index, snapshot) >= 0.97
        assert f'recall@1 {made.tuning.recall_1:.3f}' in caplog.text
    again, index = open_index(large, settings)
    with index:
        assert isinstance(index.serving, ApproximateSearch)
        assert index.wait(0)  # nothing is made
        assert index.serving.tuning == made.tuning
        assert recall(index, again) >= 0.97


@pytest.mark.parametrize(('settings', 'kind'), [
    (IndexSettings(), np.float32), (IndexSettings(kind='exact', exact_views=0), np.float32),
    (IndexSettings(kind='fp16'), np.float16)])
def test_what_needs_no_index_is_there_at_once(large, cache, settings, kind):
    snapshot, index = open_index(large, settings)
    with index:
        assert index.wait(0)
        assert isinstance(index.serving, ExactSearch)
        assert snapshot.descriptors.dtype == kind
        assert recall(index, snapshot) > 0.999
    assert cache.exists() == (kind is np.float16)


def test_a_map_that_changed_a_little_is_served_from_what_there_is(large, cache):
    snapshot, index = open_index(large, LARGE)
    with index:
        assert index.wait(120)
        first = index.serving
    removed = snapshot.place_ids[100:140]
    new = streets(20, seed=70)
    with PlaceMap.open(large, writeable=True) as place_map:
        place_map.remove(removed.tolist())
        added = place_map.append('monday', places(new, first_ns=10 ** 6,
                                                  cameras=('front', 'rear')))
    snapshot, index = open_index(large, LARGE)
    with index:
        at_first = index.serving
        assert isinstance(at_first, ApproximateSearch)
        assert at_first.tuning == first.tuning

        def changes_are_seen():
            assert index.search(new[0], 1).place_ids.tolist() == added[:1]
            assert index.search(new[19], 1).place_ids.tolist() == added[-1:]
            for view in np.flatnonzero(np.isin(snapshot.place_ids[snapshot.view_rows], removed)):
                pytest.fail(f'view {view} is of a place that was removed')
            for query in QUERIES[:5]:
                assert not np.isin(index.search(query, 500).place_ids, removed).any()

        changes_are_seen()
        assert recall(index, snapshot) >= 0.97
        assert len(index) == 4000 - 80 + 20
        assert index.wait(120)
        assert index.serving is not at_first
        changes_are_seen()
        assert recall(index, snapshot) >= 0.97
    # What is old is forgotten once the new is whole.
    assert len(list((cache / 'vpr_ros' / 'maps').glob('*/*'))) == 1


def test_a_map_whose_places_only_moved_keeps_its_index(large):
    snapshot, index = open_index(large, LARGE)
    with index:
        assert index.wait(120)
        made = index.serving
    for turn in range(2):
        with PlaceMap.open(large, writeable=True) as place_map:
            place_map.update_poses({int(snapshot.place_ids[turn]): None})
        moved, index = open_index(large, LARGE)
        with index:
            assert moved.revision == snapshot.revision + turn + 1
            assert isinstance(index.serving, ApproximateSearch)
            assert index.serving.tuning == made.tuning
            assert index.wait(0)
            assert recall(index, moved) >= 0.97


def newest(cache, pattern):
    path, = cache.rglob(pattern)
    return path


def broken(path):
    content = bytearray(path.read_bytes())
    content[:200] = bytes(200)
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def shared(path):
    path.chmod(0o622)


@pytest.mark.parametrize('spoil', [broken, cut, shared])
def test_a_broken_index_is_made_again(large, cache, spoil):
    settings = IndexSettings(kind='ivf')
    _, index = open_index(large, settings)
    with index:
        assert index.wait(120)
    spoil(newest(cache, 'ivf-*.faiss'))
    snapshot, index = open_index(large, settings)
    with index:
        assert isinstance(index.serving, ExactSearch)
        assert index.wait(120)
        assert isinstance(index.serving, ApproximateSearch)
        assert recall(index, snapshot) >= 0.97
    assert newest(cache, 'ivf-*.faiss')
    _, index = open_index(large, settings)
    with index:
        assert isinstance(index.serving, ApproximateSearch)


def test_an_index_of_another_content_is_noticed(large, cache, tmp_path):
    """A file of the right kind and size that finds nothing of the map."""
    import faiss
    settings = IndexSettings(kind='int8')
    _, index = open_index(large, settings)
    with index:
        assert index.wait(120)
    file = newest(cache, 'int8-*.faiss')
    wrong = faiss.read_index(str(file))
    rows = wrong.sa_encode(streets(4000, seed=99))
    faiss.copy_array_to_vector(rows.ravel(), wrong.codes)
    faiss.write_index(wrong, str(tmp_path / 'wrong'))
    assert (tmp_path / 'wrong').stat().st_size == file.stat().st_size
    file.write_bytes((tmp_path / 'wrong').read_bytes())
    _, index = open_index(large, settings)
    with index:
        assert isinstance(index.serving, ExactSearch)


def test_without_a_cache_an_index_is_made_in_memory(large, cache):
    cache.write_text('a file where the folder should be', encoding='utf-8')
    snapshot, index = open_index(large, LARGE)
    with index:
        assert recall(index, snapshot) > 0.99
        assert index.wait(120)
        assert isinstance(index.serving, ApproximateSearch)
        assert recall(index, snapshot) >= 0.97


def test_one_who_asks_for_more_does_not_take_what_was_made_for_less(large):
    for wanted in (0.9, 0.99):
        settings = IndexSettings(kind='pq', recall=wanted)
        _, index = open_index(large, settings)
        with index:
            assert isinstance(index.serving, ExactSearch)
            assert index.wait(120)
            assert index.serving.tuning.recall_1 >= wanted
    _, index = open_index(large, IndexSettings(kind='pq', recall=0.9))
    with index:
        assert isinstance(index.serving, ApproximateSearch)


def test_an_empty_map_and_a_few_places(tmp_path, large):
    with PlaceMap.open(large) as place_map:
        network = place_map.network
    for count in (0, 1, 300):
        path = tmp_path / f'{count}.vprmap'
        with PlaceMap.create(path, network) as place_map:
            place_map.add_session('monday', source='')
            place_map.append('monday', places(streets(count)))
        snapshot, index = open_index(path, IndexSettings(kind='pq', exact_views=0))
        with index:
            assert len(snapshot) == count
            assert index.wait(60)
            assert len(index.search(streets(1)[0], 5).place_ids) == min(count, 5)
