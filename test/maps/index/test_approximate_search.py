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

"""Fast kinds against brute force, with queries that none of them was tuned on."""

import numpy as np
import pytest
from vpr_ros.maps.index.approximate_search import ApproximateSearch
from vpr_ros.maps.index.exact_search import exact_index
from vpr_ros.maps.index.exact_search import ExactSearch
from vpr_ros.maps.index.kinds import build_index
from vpr_ros.maps.index.kinds import efforts
from vpr_ros.maps.index.kinds import read_index
from vpr_ros.maps.index.opening import make_search
from vpr_ros.maps.index.tuning import exact_best
from vpr_ros.maps.index.tuning import looks_again
from vpr_ros.maps.index.tuning import tune
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.settings import IndexSettings

from .conftest import normalised

KINDS = ['int8', 'ivf', 'hnsw', 'pq']


def go_on():
    """Let a build go on."""


def queries_of(views, n=200, seed=5):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(views), n)
    noise = normalised(rng.standard_normal((n, views.dimension)))
    return normalised(views.read(rows) + 0.8 * noise)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('recall', [0.9, 0.98])
def test_a_kind_reaches_the_recall_that_is_asked_for(views, kind, recall):
    search = make_search(views, IndexSettings(kind=kind, recall=recall), go_on)
    assert isinstance(search, ApproximateSearch)
    tuning = search.tuning
    assert min(tuning.recall_1, tuning.recall_20) >= recall
    queries = queries_of(views)
    truth = queries @ views.descriptors.T
    order = np.argsort(-truth, axis=1)[:, :20]
    hits = np.zeros(2)
    for row, query in enumerate(queries):
        similarities, found = search.search(query, 20)
        # What is found is told with its exact similarity, whatever the index rounds.
        assert np.abs(similarities - truth[row, found]).max() < 1e-5
        assert (np.diff(similarities) <= 0).all()
        assert len(set(found.tolist())) == 20
        hits += order[row, 0] == found[0], len(np.intersect1d(order[row], found)) / 20
    assert (hits / len(queries) >= recall - 0.03).all(), hits / len(queries)


@pytest.mark.parametrize('kind', KINDS)
def test_a_deep_search_finds_as_much_as_is_asked_for(views, kind):
    search = make_search(views, IndexSettings(kind=kind), go_on)
    query = queries_of(views, 1)[0]
    for depth in (1, 50, 1000, 2999, 3000, 10_000):
        similarities, found = search.search(query, depth)
        assert len(similarities) == len(found) == len(set(found.tolist()))
        if kind == 'hnsw':  # no walk along a graph comes to all of it
            assert len(found) >= min(depth, 1000)
        else:
            assert len(found) == min(depth, 3000)


def test_compressed_vectors_take_an_eighth_at_most(tmp_path):
    import faiss
    rng = np.random.default_rng(0)
    views = Views(np.arange(20_000), np.zeros(20_000, np.int64),
                  normalised(rng.standard_normal((20_000, 128))))
    index = build_index('pq', views, go_on)
    lists = index.nlist * 128 * 4  # the middles of lists, which become few as a map grows
    learnt = 256 * 128 * 4
    faiss.write_index(index, str(tmp_path / 'pq'))
    size = (tmp_path / 'pq').stat().st_size - lists - learnt
    assert size / len(views) <= 128 * 4 / 8
    assert index.ntotal == len(views)


@pytest.mark.parametrize('kind', KINDS)
def test_what_a_file_holds_is_mapped_and_of_its_kind(views, tmp_path, kind):
    import faiss
    index = build_index(kind, views, go_on)
    faiss.write_index(index, str(tmp_path / kind))
    mapped = read_index(tmp_path / kind, kind)
    queries = queries_of(views, 20)
    assert (mapped.search(queries, 10)[1] == index.search(queries, 10)[1]).all()
    for other in set(KINDS) - {kind}:
        with pytest.raises(RuntimeError, match='it is Index'):
            read_index(tmp_path / kind, other)


def test_a_build_ends_between_its_steps(views):
    calls = 0

    def stop():
        nonlocal calls
        calls += 1
        if calls > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index('pq', views, stop)


def test_exact_best(views):
    queries = queries_of(views, 30)
    wanted = -np.sort(-(queries @ views.descriptors.T), axis=1)
    for depth in (1, 20, 3000):
        found, numbers = exact_best(views, queries, depth, go_on)
        assert np.abs(found - wanted[:, :depth]).max() < 1e-5
        again = np.einsum('nkd,nd->nk', views.descriptors[numbers], queries)
        assert np.abs(again - found).max() < 1e-5


def test_queries_to_tune_with_are_as_far_off_as_a_revisit(views):
    queries = looks_again(views, 300)
    assert np.abs(np.linalg.norm(queries, axis=1) - 1.0).max() < 1e-5
    similarities = queries @ views.descriptors.T
    assert similarities.max() < 0.95  # none of them is a view
    assert (similarities >= 0.5 - 1e-3).any(axis=1).mean() > 0.99
    assert np.median(similarities.max(axis=1)) < 0.75
    assert np.array_equal(queries, looks_again(views, 300))


def test_an_exact_index_finds_all_and_a_wrong_one_is_measured_as_such(views):
    tuning = tune(exact_index(views), views, 0.98, go_on)
    assert (tuning.recall_1, tuning.recall_20, tuning.reranked) == (1.0, 1.0, 20)
    shuffled = Views(views.place_ids, views.cameras,
                     views.descriptors[np.random.default_rng(0).permutation(3000)])
    wrong = build_index('ivf', shuffled, go_on)
    tuning = tune(wrong, views, 0.98, go_on)
    assert tuning.recall_1 < 0.7
    assert tuning.effort == efforts(wrong)[-1]


def test_any_of_several_equal_views_will_do(views):
    """A robot that stood still: forty views of one look, which are one answer."""
    same = Views(views.place_ids[:2000], views.cameras[:2000],
                 np.repeat(views.descriptors[:50], 40, axis=0))
    tuning = tune(exact_index(same), same, 0.98, go_on)
    assert (tuning.recall_1, tuning.recall_20, tuning.reranked) == (1.0, 1.0, 20)


def test_auto_takes_what_reaches_the_recall(views):
    settings = IndexSettings(exact_views=1000)
    search = make_search(views, settings, go_on)
    assert isinstance(search, ApproximateSearch)
    assert type(search.index).__name__ == 'IndexIVFPQFastScan'
    # One byte for all of a descriptor of a prime number of dimensions is too little.
    rng = np.random.default_rng(0)
    odd = Views(views.place_ids, views.cameras, normalised(rng.standard_normal((3000, 37))))
    search = make_search(odd, settings, go_on)
    assert isinstance(search, ApproximateSearch)
    assert type(search.index).__name__ == 'IndexIVFScalarQuantizer'
    assert isinstance(make_search(views, IndexSettings(), go_on), ExactSearch)
