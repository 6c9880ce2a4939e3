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

"""Mining against loops, and that rows and examples are never confused."""

import math

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.mining import hardest_negatives
from vpr_ros.training.mining import nearest_positives
from vpr_ros.training.mining import random_pool


def random_cache(n=40, dimension=6, seed=0, unit=True):
    """Return a query, descriptors, and examples that are no rows."""
    rng = np.random.default_rng(seed)
    query, descriptors = rng.normal(size=dimension), rng.normal(size=(n, dimension))
    if unit:
        query /= np.linalg.norm(query)
        descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    pool = rng.choice(np.arange(1000, 5000), size=n, replace=False)
    return query, descriptors, pool


def distance_of(query, descriptors, pool):
    return {int(example): math.sqrt(sum((x - y) ** 2 for x, y in zip(query, d, strict=True)))
            for example, d in zip(pool, descriptors, strict=True)}


@pytest.mark.parametrize('unit', [True, False])
@pytest.mark.parametrize('seed', range(5))
def test_the_nearest_positives_are_in_order(seed, unit):
    query, descriptors, pool = random_cache(seed=seed, unit=unit)
    rng = np.random.default_rng(seed)
    positives = np.append(rng.choice(pool, size=6, replace=False), [7, 8])  # two are not cached
    distances = distance_of(query, descriptors, pool)
    wanted = [e for _, e in sorted((d, e) for e, d in distances.items() if e in positives)]
    assert len(wanted) == 6
    for count in (1, 3, 6, 20):
        found = nearest_positives(query, descriptors, pool, positives, count=count)
        assert found.dtype == np.int64
        assert found.tolist() == wanted[:count]


@pytest.mark.parametrize('positives', [[], [3, 4]])  # rows of the pool, but no examples of it
def test_a_query_may_have_no_positive_in_the_pool(positives):
    query, descriptors, pool = random_cache()
    found = nearest_positives(query, descriptors, pool, np.array(positives, np.int64))
    assert found.shape == (0,)


@pytest.mark.parametrize('unit', [True, False])
@pytest.mark.parametrize('seed', range(5))
def test_hardest_negatives_of_all_are_the_nearest_in_order(seed, unit):
    query, descriptors, pool = random_cache(seed=seed, unit=unit)
    rng = np.random.default_rng(seed)
    allowed = rng.random(len(pool)) < 0.5
    distances = distance_of(query, descriptors, pool)
    wanted = sorted((distances[int(e)], int(e))
                    for e, may in zip(pool, allowed, strict=True) if may)
    found = hardest_negatives(query, descriptors, pool, allowed, rng=rng, hardest=7)
    assert found.dtype == np.int64
    assert found.tolist() == [e for _, e in wanted[:7]]


def test_only_so_many_are_looked_at_and_all_as_often():
    query, descriptors, pool = random_cache(n=12)
    allowed = np.ones(12, bool)
    allowed[[2, 5]] = False
    rng = np.random.default_rng(0)
    distances = distance_of(query, descriptors, pool)
    order = sorted(pool[allowed].tolist(), key=distances.__getitem__)
    draws = 4000
    counts = dict.fromkeys(order, 0)
    for _ in range(draws):
        found = hardest_negatives(query, descriptors, pool, allowed, rng=rng, sampled=4,
                                  hardest=1)
        counts[int(found[0])] += 1
    # The nearest of four of ten: the k-th nearest is it when three others are farther.
    for k, example in enumerate(order):
        share = math.comb(9 - k, 3) / math.comb(10, 4)
        error = math.sqrt(share * (1 - share) / draws)
        assert counts[example] / draws == pytest.approx(share, abs=4.5 * error + 1e-9)


def test_the_order_of_the_pool_does_not_matter():
    query, descriptors, pool = random_cache(n=50)
    descriptors[10:20] = descriptors[10]  # some are equally far
    allowed = np.random.default_rng(1).random(50) < 0.8
    positives = pool[~allowed]
    wanted = (nearest_positives(query, descriptors, pool, positives, count=4).tolist(),
              hardest_negatives(query, descriptors, pool, allowed, sampled=20, hardest=8,
                                rng=np.random.default_rng(2)).tolist())
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(50)
        assert wanted == (
            nearest_positives(query, descriptors[order], pool[order], positives,
                              count=4).tolist(),
            hardest_negatives(query, descriptors[order], pool[order], allowed[order], sampled=20,
                              hardest=8, rng=np.random.default_rng(2)).tolist())


@pytest.mark.parametrize(('sampled', 'hardest', 'allowed'), [(1000, 6, 5), (4, 5, 20)])
def test_too_few_negatives_are_an_error(sampled, hardest, allowed):
    query, descriptors, pool = random_cache(n=20)
    with pytest.raises(VprError, match=f'{hardest} hard negatives .* {allowed} of 20 cached'):
        hardest_negatives(query, descriptors, pool, np.arange(20) < allowed, sampled=sampled,
                          hardest=hardest, rng=np.random.default_rng(0))


def test_rows_taken_for_examples_are_refused():
    query, descriptors, pool = random_cache(n=20)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match='one example for each descriptor'):
        nearest_positives(query, descriptors, pool[:-1], pool)
    with pytest.raises(ValueError, match='allowed is bool'):
        hardest_negatives(query, descriptors, pool, pool[:10], rng=rng)
    with pytest.raises(ValueError, match='twice'):
        nearest_positives(query, descriptors, np.append(pool[:-1], pool[0]), pool)


def test_a_random_pool_has_different_numbers_in_order_and_all_as_often():
    rng = np.random.default_rng(0)
    counts = np.zeros(10)
    for _ in range(3000):
        pool = random_pool(rng, 10, 4)
        assert pool.dtype == np.int64
        assert (np.diff(pool) > 0).all()
        counts[pool] += 1
    assert counts.sum() == 3000 * 4
    assert np.abs(counts / 3000 - 0.4).max() < 4.5 * math.sqrt(0.4 * 0.6 / 3000)


def test_a_random_pool_of_few_is_all_of_them():
    assert random_pool(np.random.default_rng(0), 5, 1000).tolist() == [0, 1, 2, 3, 4]
