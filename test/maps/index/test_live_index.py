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

"""What is added is found at once, what is removed is not, and nothing stops a search."""

import logging
from threading import Event
from threading import Thread
import time

import numpy as np
import pytest
from vpr_ros.maps.index.approximate_search import ApproximateSearch
from vpr_ros.maps.index.exact_search import ExactSearch
from vpr_ros.maps.index.live_index import LiveIndex
from vpr_ros.maps.index.opening import make_search
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.settings import IndexSettings

from .conftest import brute_force
from .conftest import streets


def exactly(views, check):
    return ExactSearch(views)


@pytest.mark.parametrize('kind', ['exact', 'pq'])
def test_like_brute_force_through_any_changes(views, kind):
    rng = np.random.default_rng(0)
    base = (ExactSearch(views) if kind == 'exact'
            else make_search(views, IndexSettings(kind='pq', recall=0.999), lambda: None))
    ids, seen = views.place_ids, views.descriptors
    with LiveIndex(views, base, exactly) as index:
        for turn in range(30):
            n = int(rng.integers(1, 40))
            more = streets(n, seed=100 + turn)
            new = np.sort(rng.choice(np.arange(20_000, 20_040), n))  # several views of a place
            index.add(new, np.ones(n, np.int64), more)
            ids, seen = np.concatenate([ids, new]), np.concatenate([seen, more])
            gone = rng.choice(np.unique(ids), 60, replace=False)
            index.remove(gone)
            stay = ~np.isin(ids, gone)
            ids, seen = ids[stay], seen[stay]
            if turn == 15:
                index.rebuild()
            assert len(index) == len(ids)
            hits = []
            for query in np.concatenate([streets(3, seed=500 + turn), more[:2]]):
                found = index.search(query, 20)
                wanted = brute_force(ids, seen, query, 20)
                assert len(found.place_ids) == 20
                assert not np.isin(found.place_ids, gone).any()
                hits.append(len(set(found.place_ids.tolist()) & set(wanted)) / 20)
                if kind == 'exact':
                    assert found.place_ids.tolist() == wanted
            assert np.mean(hits) >= 0.95
        assert index.wait(60)


def test_a_place_comes_back_after_it_was_removed(views):
    query = views.descriptors[5]
    with LiveIndex(views, ExactSearch(views), exactly) as index:
        place = int(views.place_ids[5])
        assert index.search(query, 1).place_ids.tolist() == [place]
        index.remove([place, 999_999_999])
        assert index.search(query, 1).place_ids.tolist() != [place]
        index.add(np.array([place]), np.array([2]), query[None])
        found = index.search(query, 1)
        assert (found.place_ids.tolist(), found.cameras.tolist()) == ([place], [2])


def test_nothing_is_left_and_something_comes(views):
    with LiveIndex(views, ExactSearch(views), exactly) as index:
        index.remove(views.place_ids)
        assert index.wait(60)
        assert len(index) == 0
        assert len(index.search(views.descriptors[0], 5).place_ids) == 0
        index.add(np.array([4, 8]), np.array([0, 0]), views.descriptors[:2])
        assert index.search(views.descriptors[1], 5).place_ids.tolist() == [8, 4]


def test_changes_while_an_index_is_made_outlive_it(views):
    go, begun = Event(), Event()

    def slowly(all_views, check):
        begun.set()
        assert go.wait(60)
        return make_search(all_views, IndexSettings(kind='pq'), check)

    query, other = streets(2, seed=77)
    with LiveIndex(views, ExactSearch(views), slowly) as index:
        index.add(np.array([90_001]), np.array([0]), query[None])
        index.rebuild()
        assert begun.wait(60)
        index.add(np.array([90_002]), np.array([0]), other[None])
        index.remove([90_001, int(views.place_ids[3])])
        # Removed and added again, with another look.
        index.remove([int(views.place_ids[4])])
        index.add(views.place_ids[[4]], np.array([1]), -views.descriptors[[4]])
        before = [index.search(q, 5).place_ids.tolist() for q in (query, other)]
        assert isinstance(index.serving, ExactSearch)
        go.set()
        assert index.wait(60)
        assert isinstance(index.serving, ApproximateSearch)
        assert [index.search(q, 5).place_ids.tolist() for q in (query, other)] == before
        assert before[1][0] == 90_002
        assert int(views.place_ids[3]) not in index.search(views.descriptors[3], 50).place_ids
        assert index.search(-views.descriptors[4], 1).place_ids.tolist() == [
            int(views.place_ids[4])]
        assert len(index) == 3000 - 2 + 2


def test_a_long_tail_becomes_an_index_by_itself(views, monkeypatch):
    monkeypatch.setattr('vpr_ros.maps.index.live_index.LONGEST_TAIL', 100)
    with LiveIndex(views, ExactSearch(views), exactly) as index:
        first = index.serving
        index.add(np.arange(50_000, 50_101), np.zeros(101, np.int64), streets(101, seed=9))
        assert index.wait(60)
        assert index.serving is not first
        assert len(index) == 3101
        assert index.search(streets(101, seed=9)[50], 1).place_ids.tolist() == [50_050]


def test_an_error_is_logged_and_search_goes_on(views, caplog):
    def fail(all_views, check):
        raise MemoryError('no room')

    with LiveIndex(views, ExactSearch(views), fail) as index, caplog.at_level(logging.ERROR):
        index.rebuild()
        assert index.wait(60)
        assert 'no new index of the map: searching goes on without' in caplog.text
        assert 'no room' in caplog.text
        assert index.search(views.descriptors[9], 1).place_ids.tolist() == [views.place_ids[9]]
        index.rebuild()  # and it may be tried again
        assert index.wait(60)


def test_close_ends_the_thread(views, caplog):
    begun = Event()

    def endless(all_views, check):
        begun.set()
        while True:
            check()
            time.sleep(0.01)

    index = LiveIndex(views, ExactSearch(views), endless)
    index.rebuild()
    assert begun.wait(60)
    assert not index.wait(0.05)
    index.close()
    assert index.wait(0)
    assert not caplog.records
    index.rebuild()  # nothing starts any more
    assert index.wait(0)
    assert len(index.search(views.descriptors[0], 3).place_ids) == 3


def test_many_threads(views):
    """Searches never see half of a change, nor stop during one."""
    wrong, stop = [], Event()

    def look(index, seed):
        rng = np.random.default_rng(seed)
        while not stop.is_set():
            row = int(rng.integers(0, 1000))  # these stay
            found = index.search(views.descriptors[row], 10)
            if found.place_ids[0] != views.place_ids[row] or len(found.place_ids) != 10 or (
                    len(set(found.place_ids.tolist())) != 10):
                wrong.append((row, found))

    with LiveIndex(views, ExactSearch(views), exactly) as index:
        threads = [Thread(target=look, args=(index, seed)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(60):
            index.add(np.arange(10 ** 6 + 10 * turn, 10 ** 6 + 10 * turn + 10),
                      np.zeros(10, np.int64), streets(10, seed=turn))
            index.remove(views.place_ids[1000 + 20 * turn:1020 + 20 * turn])
            if turn % 10 == 0:
                index.rebuild()
        assert index.wait(60)
        stop.set()
        for thread in threads:
            thread.join()
        assert not wrong
        assert len(index) == 3000 + 600 - 1200


def test_what_is_no_addition_is_refused(views):
    with LiveIndex(views, ExactSearch(views), exactly) as index:
        one, many = np.zeros(1, np.int64), streets(2)
        for bad in [(one, one, many), (one, np.zeros(2, np.int64), many[:1]),
                    (one, one, many[:1, :5])]:
            with pytest.raises(ValueError, match='expected 1 places, cameras and descriptors'):
                index.add(*bad)
        with pytest.raises(ValueError, match='must be finite'):
            index.add(one, one, np.full((1, 32), np.nan, np.float32))
        assert len(index) == 3000
        with pytest.raises(ValueError, match='a query must have shape'):
            index.search(np.zeros(3), 1)


def test_views_of_one_look_and_an_empty_tail(views):
    empty = Views(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 32), np.float32))
    with LiveIndex(empty, ExactSearch(empty), exactly) as index:
        assert len(index.search(views.descriptors[0], 3).place_ids) == 0
        index.add(np.array([7, 7, 9]), np.array([0, 1, 0]), views.descriptors[[0, 1, 2]])
        found = index.search(views.descriptors[1], 3)
        assert found.place_ids.tolist() == [7, 9]
        assert found.cameras.tolist() == [1, 0]
