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

"""Which local features of two images show the same thing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.types import LocalFeatures

__all__ = ['correspondences']

Array = NDArray[Any]


def correspondences(match: LocalFeatures, query: LocalFeatures, *, ratio: float = 1.0) -> Array:
    """
    Return the pairs of features that are each other's nearest by cosine.

    :param ratio: the distance of a pair is at most this share of that of the second best in either
        image; 1 keeps all pairs.
    :returns: (n, 2) int64 rows of match and of query, the most alike first.
    :raises VprError: when the descriptors are of different lengths.
    """
    widths = match.descriptors.shape[1], query.descriptors.shape[1]
    if not len(match.points) or not len(query.points):
        return np.zeros((0, 2), np.int64)
    if widths[0] != widths[1]:
        raise VprError(
            'local features are compared with features of the same kind, got descriptors of '
            f'{widths[0]} and of {widths[1]} numbers; extract the kind that the map holds')
    similarities = match.descriptors @ query.descriptors.T
    of_match, of_query = similarities.argmax(axis=1), similarities.argmax(axis=0)
    rows = np.flatnonzero(of_query[of_match] == np.arange(len(of_match)))
    columns = of_match[rows]
    best = similarities[rows, columns]
    if ratio < 1.0:
        similarities[rows, columns] = -1.0
        second = np.maximum(similarities[rows].max(axis=1), similarities[:, columns].max(axis=0))
        kept = np.sqrt(np.maximum(1.0 - best, 0.0)) <= ratio * np.sqrt(1.0 - second)
        rows, columns, best = rows[kept], columns[kept], best[kept]
    # Stable: ties are broken alike on every machine.
    order = np.argsort(-best, kind='stable')
    return np.stack([rows[order], columns[order]], axis=1).astype(np.int64)
