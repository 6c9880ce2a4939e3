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

"""
What descriptors may know of the query traverse: nothing, the past, or all of it.

Descriptors that are standardised, each dimension by its mean and standard deviation over a
traverse, lose what all images of the traverse have in common, such as the season, and match far
better across seasons (Schubert, Neubert and Protzel, ICRA 2020). A table must say so: a robot has
its references before it drives, but never the whole of the drive that it is on.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.result import QUERY_STATISTICS

__all__ = ['PRIOR_FRAMES', 'standardise']

Array = NDArray[Any]
#: How many query frames the statistics of the references count as, before there are any: our
#: choice, enough for the first frames not to be divided by chance, few enough to be outweighed.
PRIOR_FRAMES = 20
# Numbers held in float64 at a time: about 32 MB of each of a few arrays.
_NUMBERS_HELD = 4_000_000
# What varies by less, compared with its mean, varies by the rounding of float32 alone.
_ROUNDING = 1e-6


def standardise(references: ArrayLike, queries: ArrayLike, kind: str) -> tuple[Array, Array]:
    """
    Standardise the descriptors of two traverses, and make them of unit length again.

    ``none`` leaves both as they are. ``whole traverse`` takes each traverse's own mean and
    standard deviation, over all of its frames. ``past`` does so for the references, which are
    known beforehand; frame t of the queries is standardised by the mean and standard deviation of
    the queries 0 to t together with :data:`PRIOR_FRAMES` frames that have those of the
    references, so that no query depends on later ones.

    A dimension that does not vary tells no images apart and becomes 0. A descriptor that is 0 in
    all dimensions stays so.

    :param references: (R, D) descriptors in the order they were taken; likewise ``queries``.
    :param kind: one of :data:`~vpr_ros.evaluation.comparison.result.QUERY_STATISTICS`.
    :returns: (R, D) and (Q, D) float32.
    :raises VprError: where one frame is all that there is to take statistics of.
    """
    if kind not in QUERY_STATISTICS:
        raise ValueError(f'expected query statistics of {QUERY_STATISTICS}, got {kind!r}')
    mapped, asked = np.asarray(references, np.float32), np.asarray(queries, np.float32)
    if mapped.ndim != 2 or asked.ndim != 2 or mapped.shape[1] != asked.shape[1]:
        raise ValueError('descriptors must have shapes (references, D) and (queries, D), got '
                         f'{mapped.shape} and {asked.shape}')
    if kind == 'none':
        return mapped, asked
    needed = {'references': mapped} if kind == 'past' else {'references': mapped, 'queries': asked}
    for what, descriptors in needed.items():
        if len(descriptors) == 1:
            raise VprError(f'one frame has no standard deviation, but the {what} are one frame: '
                           'compare longer traverses, or with query statistics none')
    past = kind == 'past'
    return _standardised(mapped, mapped, _by_own), _standardised(
        asked, mapped, _by_past if past else _by_own)


def _standardised(frames: Array, references: Array,
                  of_block: Callable[[Array, Array], Array]) -> Array:
    """Return (n, D) float32 of unit length, made of some dimensions at a time."""
    made = np.empty(frames.shape, np.float32)
    squares = np.zeros(len(frames))
    for block in _blocks(frames.shape[1], max(len(frames), len(references), 1)):
        standard = of_block(frames[:, block].astype(np.float64), references[:, block])
        squares += (standard ** 2).sum(axis=1)
        made[:, block] = standard
    lengths = np.sqrt(squares)
    made /= np.where(lengths > 0, lengths, 1.0)[:, None].astype(np.float32)
    return made


def _by_own(frames: Array, _: Array) -> Array:
    """Return (n, d) frames by their own mean and standard deviation."""
    if not len(frames):
        return frames
    return _divided(frames - frames.mean(axis=0), frames.mean(axis=0), frames.var(axis=0))


def _by_past(frames: Array, references: Array) -> Array:
    """Return (n, d) frames by those up to each, and by the references as some frames more."""
    known = references.astype(np.float64)
    mean, variance = (known.mean(axis=0), known.var(axis=0)) if len(known) else (
        np.zeros(frames.shape[1]), np.zeros(frames.shape[1]))
    # Around the mean of the references, sums of squares keep their digits.
    moved = frames - mean
    counts = PRIOR_FRAMES + np.arange(1, len(frames) + 1)[:, None]
    means = np.cumsum(moved, axis=0) / counts
    variances = (PRIOR_FRAMES * variance + np.cumsum(moved ** 2, axis=0)) / counts - means ** 2
    return _divided(moved - means, mean + means, variances)


def _divided(differences: Array, means: Array, variances: Array) -> Array:
    """Return the differences in standard deviations, 0 where nothing varies."""
    deviations = np.sqrt(np.maximum(variances, 0.0))
    varies = np.broadcast_to(deviations > _ROUNDING * np.abs(means), differences.shape)
    return np.divide(differences, deviations, out=np.zeros_like(differences), where=varies)


def _blocks(dimensions: int, frames: int) -> Iterator[slice]:
    """Return slices of the dimensions, as many as may be held of all frames."""
    step = max(1, _NUMBERS_HELD // frames)
    for first in range(0, dimensions, step):
        yield slice(first, min(first + step, dimensions))
