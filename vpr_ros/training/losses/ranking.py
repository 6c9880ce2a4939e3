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

"""The weakly supervised triplet ranking loss (Arandjelovic et al. 2016, NetVLAD)."""

from __future__ import annotations

from torch import Tensor
from vpr_ros.training.losses.distances import distances

__all__ = ['ranking_loss']


def ranking_loss(queries: Tensor, positives: Tensor, negatives: Tensor, *, margin: float = 0.1,
                 squared: bool = True) -> Tensor:
    """
    Return the mean over queries of the sum over negatives of a hinge at the best positive.

    ``max(0, min over i of d(q, p_i) + margin - d(q, n_j))``, d the squared Euclidean distance
    (Wang et al. 2019, equation 3): of images near in space some show another view, and only the
    most similar one must be nearer than all negatives.

    :param queries: (T, D) descriptors.
    :param positives: (T, P, D), P at least 1: those of each query that may show its place.
    :param negatives: (T, N, D).
    :param squared: False for the distance itself.
    """
    anchors = queries[:, None]
    best = distances(anchors, positives, squared=squared).amin(dim=1, keepdim=True)
    others = distances(anchors, negatives, squared=squared)
    return (best + margin - others).relu().sum(dim=1).mean()
