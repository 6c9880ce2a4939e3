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

"""What a similarity is worth."""

import statistics

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.matching.evidence import Background
from vpr_ros.matching.evidence import log_evidence


def directions(n, dimension=16, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize('n', [3, 4, 51, 1024])
def test_standardise_like_the_definition(n):
    descriptors, query = directions(n), directions(1, seed=1)[0]
    similarities = [-0.3, 0.0, 0.9, 1.0]
    background = [sum(float(a) * float(b) for a, b in zip(row, query, strict=True))
                  for row in descriptors]
    median = statistics.median(background)
    robust = 1.4826 * statistics.median(abs(b - median) for b in background)
    spread = max(robust, 0.5 * statistics.pstdev(background))
    wanted = [(s - median) / spread for s in similarities]
    found = Background.of(descriptors).standardise(query, np.array(similarities, np.float32))
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def test_the_spread_is_that_of_a_normal_distribution():
    # Descriptors whose similarity to the query is what we choose: the quantiles of N(0.2, 0.05).
    normal = statistics.NormalDist(0.2, 0.05)
    chosen = np.array([normal.inv_cdf((n + 0.5) / 1000) for n in range(1000)], np.float32)
    query = np.array([1.0, 0.0], np.float32)
    descriptors = np.stack([chosen, np.sqrt(1 - chosen ** 2)], axis=1)
    found = Background.of(descriptors).standardise(query, np.array([0.2, 0.35]))
    assert found == pytest.approx([0.0, 3.0], abs=0.01)


def test_a_few_true_matches_do_not_move_the_background():
    descriptors = directions(500)
    query = descriptors[7]
    plain = Background.of(descriptors).standardise(query, np.array([1.0]))
    descriptors[100:140] = query
    crowded = Background.of(descriptors).standardise(query, np.array([1.0]))
    assert crowded[0] > 0.8 * plain[0]


@pytest.mark.parametrize('still', [0.6, 0.9])
def test_a_standstill_while_mapping_makes_nothing_stand_out_absurdly(still):
    """
    Most of the map is one place seen again and again, and its similarities are all but equal.

    The median deviation is that of the noise of one place, so a robust deviation alone calls any
    other place hundreds of deviations away.
    """
    descriptors = directions(500, 64)
    standing = int(500 * still)
    near = descriptors[0] + 0.002 * directions(standing, 64, seed=1)
    descriptors[:standing] = near / np.linalg.norm(near, axis=1, keepdims=True)
    query = directions(1, 64, seed=2)[0]
    background = descriptors @ query
    robust = 1.4826 * np.median(np.abs(background - np.median(background)))
    found = Background.of(descriptors).standardise(query, np.array([0.3]))[0]
    assert (0.3 - np.median(background)) / robust > 100
    # Over the whole of an ordinary map it would be 2.4; the floor keeps the order of magnitude.
    assert 2.4 < found < 20


def test_a_large_map_is_sampled_evenly_and_always_alike():
    descriptors = directions(5000)
    sample = Background.of(descriptors).sample
    assert sample.shape == (1024, 16)
    assert (sample == Background.of(descriptors).sample).all()
    rows = [int(np.flatnonzero((descriptors == s).all(axis=1))[0]) for s in sample]
    assert (rows[0], rows[-1]) == (0, 4999)
    assert set(np.diff(rows).tolist()) == {4, 5}
    small = descriptors[:1024]
    assert (Background.of(small).sample == small).all()


@pytest.mark.parametrize('n', [1, 2, 50])
def test_without_spread_nothing_stands_out(n):
    query = directions(1)[0]
    background = Background.of(np.repeat(directions(1, seed=1), n, axis=0))
    assert background.standardise(query, np.array([-1.0, 0.0, 1.0])).tolist() == [0, 0, 0]


def test_log_evidence_is_linear_within_its_bound():
    found = log_evidence(np.array([-100.0, 1.0, 2.0, 3.0, 100.0]), slope=1.5, threshold=2.0,
                         bound=4.0)
    assert found.tolist() == [-4.0, -1.5, 0.0, 1.5, 4.0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(0.01, 100),
       st.floats(0, 100), st.floats(0.01, 100))
def test_log_evidence_never_falls_as_similarity_rises(deviations, slope, threshold, bound):
    found = log_evidence(np.sort(deviations), slope=slope, threshold=threshold, bound=bound)
    assert (np.diff(found) >= 0).all()
    assert np.abs(found).max() <= bound
