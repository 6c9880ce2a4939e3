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

"""Standardised descriptors against naive loops, and what may be known of a drive."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.query_statistics import PRIOR_FRAMES
from vpr_ros.evaluation.comparison.query_statistics import standardise
from vpr_ros.evaluation.comparison.result import QUERY_STATISTICS

HELD = 'vpr_ros.evaluation.comparison.query_statistics._NUMBERS_HELD'


def descriptors(seed, frames=12, dimensions=9, season=0.0):
    rng = np.random.default_rng(seed)
    made = rng.normal(season, rng.uniform(0.5, 2.0, dimensions), size=(frames, dimensions))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def unit(rows):
    return np.array([row / np.linalg.norm(row) for row in rows])


def naive_past(references, queries):
    """Return the queries, each by frames that have the references' statistics and by the past."""
    made = []
    for t in range(len(queries)):
        row = []
        for d in range(queries.shape[1]):
            known, seen = references[:, d].astype(float), queries[:t + 1, d].astype(float)
            # Frames with that mean and that deviation: half of them above, half of them below.
            prior = [known.mean() + known.std(), known.mean() - known.std()] * (PRIOR_FRAMES // 2)
            frames = np.array([*prior, *seen])
            row.append((seen[-1] - frames.mean()) / frames.std())
        made.append(row)
    return unit(made)


def test_none_leaves_descriptors_as_they_are():
    references, queries = descriptors(1), descriptors(2) * 3
    found = standardise(references, queries, 'none')
    assert found[0] is references
    assert found[1] is queries


@pytest.mark.parametrize('held', [4_000_000, 24, 1])
def test_the_whole_traverse_by_the_statistics_of_each_side(held, monkeypatch):
    monkeypatch.setattr(HELD, held)
    references, queries = descriptors(1), descriptors(2, frames=7, season=1.0)
    for given_, made in zip((references, queries),
                            standardise(references, queries, 'whole traverse'), strict=True):
        expected = unit((given_ - given_.mean(axis=0)) / given_.std(axis=0))
        assert made.dtype == np.float32
        assert made == pytest.approx(expected, abs=2e-6)


def test_it_is_the_standard_scaler_of_scikit_learn():
    preprocessing = pytest.importorskip('sklearn.preprocessing')
    references = descriptors(4, frames=50, season=0.5)
    theirs = preprocessing.normalize(preprocessing.StandardScaler().fit_transform(
        references.astype(float)))
    assert standardise(references, references, 'whole traverse')[0] == pytest.approx(
        theirs, abs=2e-6)


@pytest.mark.parametrize('held', [4_000_000, 24])
def test_the_past_is_the_queries_so_far_and_20_frames_like_the_references(held, monkeypatch):
    monkeypatch.setattr(HELD, held)
    references, queries = descriptors(1), descriptors(2, frames=30, season=0.4)
    mapped, asked = standardise(references, queries, 'past')
    assert mapped.tolist() == standardise(references, references, 'whole traverse')[0].tolist()
    assert asked == pytest.approx(naive_past(references, queries), abs=2e-6)


@given(st.integers(1, 14), st.integers(0, 100))
def test_no_query_depends_on_later_ones_under_past(seen, seed):
    references, queries = descriptors(1), descriptors(2, frames=15, season=0.4)
    other = queries.copy()
    other[seen:] = descriptors(seed + 10, frames=15 - seen, season=-3.0)
    before = standardise(references, queries, 'past')[1]
    assert standardise(references, other, 'past')[1][:seen].tolist() == before[:seen].tolist()
    assert standardise(references, queries[:seen], 'past')[1].tolist() == before[:seen].tolist()
    # The whole traverse is told apart by just this.
    assert (standardise(references, other, 'whole traverse')[1][:seen] !=
            standardise(references, queries, 'whole traverse')[1][:seen]).any()


def test_the_longer_the_drive_the_more_the_past_is_like_the_whole():
    references, queries = descriptors(1, 400, 32), descriptors(2, 2000, 32, season=0.6)
    whole = standardise(references, queries, 'whole traverse')[1]
    past = standardise(references, queries, 'past')[1]
    likeness = (whole * past).sum(axis=1)
    assert likeness[:5].mean() < 0.9
    assert likeness[-100:].min() > 0.995


def test_a_season_that_all_queries_share_is_taken_off():
    rng = np.random.default_rng(5)
    places, season = rng.normal(size=(200, 32)), 2.0 * rng.normal(size=32)
    references = unit(places).astype(np.float32)
    queries = unit(places + season + rng.normal(scale=0.5, size=(200, 32))).astype(np.float32)

    def recall(kind):
        mapped, asked = standardise(references, queries, kind)
        return np.mean((asked @ mapped.T).argmax(axis=1) == np.arange(200))

    assert recall('none') < 0.4
    assert recall('past') > 0.9
    assert recall('whole traverse') > 0.99


@pytest.mark.parametrize('kind', ['whole traverse', 'past'])
def test_what_never_varies_is_zero_and_not_noise(kind):
    references, queries = descriptors(1), descriptors(2)
    references[:, 3] = queries[:, 3] = 0.1
    references[:, 5] = queries[:, 5] = 0.0
    references[:, 7] = queries[:, 7] = 0.1
    references[::3, 7] = queries[::4, 7] = np.nextafter(np.float32(0.1), np.float32(1))
    for made in standardise(references, queries, kind):
        assert (made[:, [3, 5, 7]] == 0.0).all()
        assert np.linalg.norm(made, axis=1) == pytest.approx(1.0, abs=1e-6)
    same = np.full((6, 4), 0.5, np.float32)
    assert all((made == 0.0).all() for made in standardise(same, same, kind))


def test_all_kinds_of_the_tables_are_known_and_make_unit_lengths():
    for kind in QUERY_STATISTICS:
        for made in standardise(descriptors(1), descriptors(2), kind):
            assert np.linalg.norm(made, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_one_query_has_a_past_but_no_whole():
    references, queries = descriptors(1), descriptors(2, frames=1)
    assert standardise(references, queries, 'past')[1].shape == (1, 9)
    with pytest.raises(VprError, match='the queries are one frame: compare longer traverses'):
        standardise(references, queries, 'whole traverse')
    with pytest.raises(VprError, match='the references are one frame'):
        standardise(queries, references, 'past')
    assert standardise(references, queries[:0], 'whole traverse')[1].shape == (0, 9)


@pytest.mark.parametrize(('references', 'queries', 'kind', 'words'), [
    (np.zeros((3, 2)), np.zeros((3, 2)), 'future', "query statistics of .* got 'future'"),
    (np.zeros((3, 2)), np.zeros((3, 4)), 'past', 'shapes'),
    (np.zeros(3), np.zeros((3, 4)), 'none', 'shapes'),
])
def test_what_cannot_be_standardised_is_refused(references, queries, kind, words):
    with pytest.raises(ValueError, match=words):
        standardise(references, queries, kind)


@pytest.mark.parametrize('kind', ['whole traverse', 'past'])
def test_little_more_memory_is_held_than_what_is_returned(kind, monkeypatch):
    monkeypatch.setattr(HELD, 10_000)
    references, queries = descriptors(1, 50, 20_000), descriptors(2, 50, 20_000)
    tracemalloc.start()
    try:
        made = standardise(references, queries, kind)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < sum(each.nbytes for each in made) + 2_000_000
