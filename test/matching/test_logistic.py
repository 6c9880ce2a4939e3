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

"""Logistic regression against descent that is slow and plain, and against scikit-learn."""

import math

import numpy as np
import pytest
from vpr_ros.matching.logistic import fit_logistic

NO_PRIOR = np.zeros(3)


def sample(seed, n=120, *, weights=(0.5, 1.5, 0.75)):
    """Return features (n, 2), and what is right with the odds that weights give."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0.0, 1.5, (n, 2))
    odds = weights[0] + features @ np.array(weights[1:])
    return features, rng.random(n) < 1.0 / (1.0 + np.exp(-odds))


def gradient(at, features, right, prior, precision, counts):
    """Return the slope of the loss, number by number."""
    found = [precision * (at[k] - prior[k]) for k in range(len(at))]
    for row, is_right, count in zip(features, right, counts, strict=True):
        x = [1.0, *row]
        z = sum(a * b for a, b in zip(at, x, strict=True))
        error = 1.0 / (1.0 + math.exp(-z)) - float(is_right)
        for k in range(len(at)):
            found[k] += count * error * x[k]
    return found


def descended(features, right, prior, precision, counts, steps=1500, rate=0.02):
    """Go downhill in small steps, but never to a weight below 0."""
    at = list(prior)
    for _ in range(steps):
        slope = gradient(at, features, right, prior, precision, counts)
        at = [a - rate * s for a, s in zip(at, slope, strict=True)]
        at = [at[0], *(max(a, 0.0) for a in at[1:])]
    return at


@pytest.mark.parametrize(('seed', 'weights'), [(0, (0.5, 1.5, 0.75)), (1, (-1.0, 2.0, -1.0))])
def test_it_is_where_descent_ends(seed, weights):
    features, right = sample(seed, 40, weights=weights)
    counts = np.random.default_rng(seed).uniform(0.2, 2.0, 40)
    prior = np.array([0.25, 1.0, 0.5])
    found = fit_logistic(features, right, prior=prior, precision=0.5, weights=counts)
    slow = descended(features.tolist(), right.tolist(), prior.tolist(), 0.5, counts.tolist())
    assert found == pytest.approx(slow, abs=1e-3)
    assert (found[2] == 0.0) == (weights[2] < 0.0)


@pytest.mark.parametrize('seed', range(3))
def test_scikit_learn_finds_the_same(seed):
    linear_model = pytest.importorskip('sklearn.linear_model')
    features, right = sample(seed, 400)
    counts = np.random.default_rng(seed).uniform(0.2, 2.0, 400)
    # Theirs has no prior on the bias: with this one ours hardly has one either.
    precision = 1e-6
    theirs = linear_model.LogisticRegression(C=1.0 / precision, tol=1e-10, max_iter=10_000).fit(
        features, right, sample_weight=counts)
    found = fit_logistic(features, right, prior=NO_PRIOR, precision=precision, weights=counts)
    assert found == pytest.approx([*theirs.intercept_, *theirs.coef_[0]], rel=1e-4)


def test_a_weight_that_says_more_is_worse_is_none():
    features, right = sample(3, 500, weights=(0.0, -2.0, 1.0))
    found = fit_logistic(features, right, prior=NO_PRIOR)
    assert found[1] == 0.0
    # The rest is what is found without that feature.
    alone = fit_logistic(features[:, 1:], right, prior=NO_PRIOR[:2])
    assert found[[0, 2]] == pytest.approx(alone)
    assert found[2] > 0.2


def test_a_bias_may_have_any_sign():
    features, right = sample(4, 500, weights=(-2.0, 1.0, 1.0))
    assert fit_logistic(features, right, prior=NO_PRIOR)[0] < -1.0


def test_to_count_twice_is_to_be_there_twice():
    features, right = sample(5, 60)
    twice = np.where(np.arange(60) < 20, 2.0, 1.0)
    rows = np.concatenate([np.arange(60), np.arange(20)])
    weighed = fit_logistic(features, right, prior=NO_PRIOR, weights=twice)
    assert weighed == pytest.approx(fit_logistic(features[rows], right[rows], prior=NO_PRIOR))
    assert weighed != pytest.approx(fit_logistic(features, right, prior=NO_PRIOR), rel=1e-3)


def test_what_can_be_told_apart_fully_has_an_end():
    x = np.linspace(-1.0, 1.0, 200)[:, None]
    found = fit_logistic(x, x[:, 0] > 0.0, prior=np.zeros(2))
    assert np.isfinite(found).all()
    assert 5.0 < found[1] < 1000.0
    # Far from the solution whole steps of Newton would overshoot.
    far = fit_logistic(1e3 * x, x[:, 0] > 0.0, prior=np.array([50.0, 50.0]))
    assert np.isfinite(far).all()


@pytest.mark.parametrize('right', [True, False])
def test_where_nothing_differs_the_bias_says_so(right):
    features, _ = sample(6, 100)
    found = fit_logistic(features, np.full(100, right), prior=np.array([0.0, 1.0, 0.0]))
    p = 1.0 / (1.0 + np.exp(-(found[0] + features @ found[1:])))
    assert np.isfinite(found).all()
    assert (p > 0.9).all() if right else (p < 0.1).mean() > 0.9


def test_without_data_the_prior_holds_and_with_much_it_does_not():
    prior = np.array([-1.0, 4.0, 2.0])
    none = fit_logistic(np.zeros((0, 2)), np.zeros(0, bool), prior=prior)
    assert none == pytest.approx(prior)
    features, right = sample(7, 20_000)
    assert fit_logistic(features, right, prior=prior) == pytest.approx([0.5, 1.5, 0.75], abs=0.1)
    few = fit_logistic(features[:5], right[:5], prior=prior, precision=100.0)
    assert few == pytest.approx(prior, abs=0.1)
