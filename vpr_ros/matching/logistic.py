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


"""Logistic regression with few numbers, which tells how often something is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ['fit_logistic']

_STEPS, _CONVERGED = 100, 1e-9


def fit_logistic(features: NDArray[np.float64], right: NDArray[np.bool_], *,
                 prior: NDArray[np.float64], precision: float = 0.05,
                 weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """
    Return the most likely bias and weights (1 + F,), by Newton's method.

    More of any feature never makes right less likely: a weight that would say so is 0.

    :param features: (n, F).
    :param right: (n,).
    :param prior: (1 + F,) the mean of a normal prior: what is said where data say nothing.
    :param precision: of the prior, for each number.
    :param weights: (n,) how often each row counts; once when left out.
    """
    design = np.column_stack([np.ones(len(features)), features])
    used = np.ones(design.shape[1], bool)
    counts = np.ones(len(right)) if weights is None else weights
    while True:
        found = np.zeros(design.shape[1])
        found[used] = _newton(design[:, used], right, prior[used], precision, counts)
        wrong = used & (found < 0.0)
        wrong[0] = False
        if not wrong.any():
            return found
        used &= ~wrong


def _newton(design: NDArray[np.float64], right: NDArray[np.bool_], prior: NDArray[np.float64],
            precision: float, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    found = prior.astype(np.float64).copy()
    value = _loss(design, right, prior, precision, counts, found)
    for _ in range(_STEPS):
        p: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(design @ found, -500.0, 500.0)))
        gradient = design.T @ (counts * (p - right)) + precision * (found - prior)
        hessian = (design.T * (counts * p * (1.0 - p))) @ design + precision * np.eye(len(found))
        step = np.linalg.solve(hessian, gradient)
        # A whole step may be too long far from the solution.
        size = 1.0
        while size > 1e-6:
            trial = found - size * step
            trial_value = _loss(design, right, prior, precision, counts, trial)
            if trial_value <= value:
                break
            size /= 2
        else:
            break
        found, gain, value = trial, value - trial_value, trial_value
        if gain < _CONVERGED:
            break
    return np.asarray(found)


def _loss(design: NDArray[np.float64], right: NDArray[np.bool_], prior: NDArray[np.float64],
          precision: float, counts: NDArray[np.float64], at: NDArray[np.float64]) -> float:
    z = design @ at
    surprise = np.logaddexp(0.0, np.where(right, -z, z))
    return float(counts @ surprise + precision / 2 * np.sum((at - prior) ** 2))
