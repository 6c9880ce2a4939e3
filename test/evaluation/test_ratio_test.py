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

"""The ratio test against distances of descriptors."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.evaluation.ratio_test import ratio_scores

similarities = st.floats(-1.0, 1.0, width=32) | st.just(-np.inf)


def test_it_is_the_ratio_of_the_euclidean_distances_of_descriptors():
    rng = np.random.default_rng(0)
    made = rng.normal(size=(3, 50, 8))
    query, one, other = made / np.linalg.norm(made, axis=2, keepdims=True)
    near, far = np.linalg.norm(query - one, axis=1), np.linalg.norm(query - other, axis=1)
    swap = near > far
    first, second = (query * one).sum(axis=1), (query * other).sum(axis=1)
    first[swap], second[swap] = second[swap], first[swap]
    expected = -np.minimum(near, far) / np.maximum(near, far)
    assert ratio_scores(first, second) == pytest.approx(expected)


@given(st.lists(st.tuples(similarities, similarities), max_size=20))
def test_scores_are_finite_and_lie_between_minus_1_and_0(pairs):
    best = np.array([max(pair) for pair in pairs], float)
    runner_up = np.array([min(pair) for pair in pairs], float)
    scores = ratio_scores(best, runner_up)
    assert scores.shape == best.shape
    assert ((scores >= -1.0) & (scores <= 0.0)).all()
    assert (scores[np.isneginf(runner_up)] == -1.0).all()


@given(st.floats(-1.0, 0.9), st.floats(0.0, 1.9), st.floats(0.0, 1.9))
def test_the_further_the_next_place_the_surer(best, less, still_less):
    near = max(-1.0, best - less)
    far = max(-1.0, near - still_less)
    scores = ratio_scores([best, best], [near, far])
    assert scores[1] >= scores[0]


def test_the_same_image_is_surest_and_two_equals_are_unsure():
    assert ratio_scores([1.0, 0.5, 1.0, -1.0], [0.5, 0.5, 1.0, -1.0]).tolist() == [0, -1, -1, -1]


def test_rounding_is_let_through():
    assert ratio_scores([1.0000001, 0.9], [0.5, 0.9000001]).tolist() == [0.0, -1.0]


@pytest.mark.parametrize(('best', 'runner_up', 'words'), [
    ([0.5], [0.6], 'query 0 has a runner-up that is better'),
    ([3.0], [0.6], 'best must hold cosine similarities'),
    ([0.5], [-7.0], 'runner_up must hold cosine similarities'),
    ([np.nan], [0.1], 'cosine'),
    ([0.5, 0.4], [0.6], 'same shape'),
])
def test_what_are_no_similarities_is_refused(best, runner_up, words):
    with pytest.raises(ValueError, match=words):
        ratio_scores(best, runner_up)
