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

"""The most similar references."""

import numpy as np
import pytest
from vpr_ros.evaluation.comparison.similarity import find_similar
from vpr_ros.evaluation.comparison.similarity import LARGEST_PICTURE
from vpr_ros.evaluation.metrics import rank
from vpr_ros.evaluation.pictures import shrink_matrix


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope='module')
def descriptors() -> tuple[np.ndarray, np.ndarray]:
    """Return references, some of them the same, and queries, some of them references."""
    random = np.random.default_rng(7)
    references = unit(random.normal(size=(311, 67)))
    references[[5, 90, 300]] = references[17]
    references[200:240] = references[100]
    queries = unit(random.normal(size=(53, 67)))
    queries[3], queries[9] = references[17], references[100]
    return references, queries


def exact(references: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return all similarities, each summed by itself."""
    return np.stack([(references.astype(np.float64) * query).sum(axis=1) for query in queries])


@pytest.mark.parametrize('at_once', [1, 311, 1000, 5000, 10 ** 9])
@pytest.mark.parametrize('k', [1, 20, 50, 400])
def test_blocks_of_any_size_find_what_ranking_the_whole_matrix_finds(descriptors, at_once, k):
    references, queries = descriptors
    whole = exact(references, queries)
    found = find_similar(references, queries, k, at_once=at_once).matches
    np.testing.assert_array_equal(found.references, rank(whole, k))
    np.testing.assert_array_equal(found.scores,
                                  np.take_along_axis(whole, rank(whole, k), axis=1))
    second = np.sort(whole, axis=1)[:, -2]
    np.testing.assert_array_equal(found.runner_up, second)
    assert found.score_kind == 'similarity'


def test_equal_references_come_by_number(descriptors):
    found = find_similar(*descriptors, 4, at_once=1000).matches
    assert found.references[3].tolist() == [5, 17, 90, 300]
    assert found.references[9].tolist() == [100, 200, 201, 202]
    assert found.runner_up[3] == found.scores[3, 0]


@pytest.mark.parametrize('apart', [0, 1, 3, 30, 400])
def test_the_runner_up_is_apart_from_the_best(descriptors, apart):
    references, queries = descriptors
    whole = exact(references, queries)
    found = find_similar(references, queries, 2, apart=apart).matches
    for row, best, runner_up in zip(whole, found.best, found.runner_up, strict=True):
        others = np.delete(row, np.arange(max(0, best - apart), min(len(row), best + apart + 1)))
        assert runner_up == (others.max() if others.size else -np.inf)


@pytest.mark.parametrize('at_once', [1, 4000, 10 ** 9])
def test_the_picture_is_the_whole_matrix_thinned(at_once):
    random = np.random.default_rng(3)
    references, queries = (unit(random.normal(size=(n, 8))) for n in (1234, 777))
    found = find_similar(references, queries, 1, at_once=at_once)
    expected = shrink_matrix(queries @ references.T, *LARGEST_PICTURE)
    assert found.picture.shape == LARGEST_PICTURE
    np.testing.assert_allclose(found.picture, expected, atol=1e-6)
    assert (found.picture < found.low).mean() == pytest.approx(0.1, abs=0.01)
    assert (found.picture > found.high).mean() == pytest.approx(0.001, abs=0.001)


def test_a_small_matrix_is_drawn_whole(descriptors):
    references, queries = descriptors
    found = find_similar(references, queries, 1, at_once=700)
    np.testing.assert_allclose(found.picture, queries @ references.T, atol=1e-6)


def test_one_reference_has_no_runner_up():
    found = find_similar(np.eye(1, 4, dtype=np.float32), np.eye(2, 4, dtype=np.float32), 20)
    assert found.matches.references.tolist() == [[0], [0]]
    assert found.matches.runner_up.tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize('references, queries, k', [
    (np.zeros((0, 4)), np.ones((1, 4)), 1), (np.ones((1, 4)), np.ones((1, 3)), 1),
    (np.ones((1, 4)), np.ones((1, 4)), 0), (np.ones(4), np.ones((1, 4)), 1)])
def test_what_cannot_be_compared_is_refused(references, queries, k):
    with pytest.raises(ValueError, match='expected'):
        find_similar(references, queries, k)
