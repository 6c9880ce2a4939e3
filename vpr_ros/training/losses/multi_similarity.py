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

"""The multi-similarity loss and its pairs (Wang et al., CVPR 2019)."""

from __future__ import annotations

import torch
from torch import Tensor
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast

__all__ = ['multi_similarity', 'multi_similarity_pairs']


@torch.no_grad()
def multi_similarity_pairs(descriptors: Tensor, labels: Tensor, *, epsilon: float = 0.1,
                           ignore: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """
    Return the pairs that teach something (equations 7 and 8).

    A positive less similar than the anchor's most similar negative plus epsilon, and a negative
    more similar than its least similar positive less epsilon. An anchor without positives or
    without negatives has no pairs. (The miner of pytorch-metric-learning finds the same, but
    cannot leave pairs out.)

    :param descriptors: (B, D) L2-normalised.
    :param labels: (B,) equal labels are one place.
    :param ignore: (B, B) bool, pairs that are neither positive nor negative.
    :returns: the anchors and positives of positive pairs, the anchors and negatives of negative
        pairs, int64.
    """
    with without_autocast(descriptors):
        similarity = precise(descriptors) @ precise(descriptors).T
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    negative = ~same
    if ignore is not None:
        positive, negative = positive & ~ignore, negative & ~ignore
    hardest_positive = similarity.masked_fill(~positive, torch.inf).amin(dim=1, keepdim=True)
    hardest_negative = similarity.masked_fill(~negative, -torch.inf).amax(dim=1, keepdim=True)
    anchors, positives = torch.where(positive & (similarity - epsilon < hardest_negative))
    others, negatives = torch.where(negative & (similarity + epsilon > hardest_positive))
    return anchors, positives, others, negatives


def multi_similarity(descriptors: Tensor, labels: Tensor, *, alpha: float = 1.0,
                     beta: float = 50.0, base: float = 0.0, epsilon: float = 0.1,
                     ignore: Tensor | None = None) -> Tensor:
    """
    Return the multi-similarity loss of the pairs that :func:`multi_similarity_pairs` finds.

    The mean over all B anchors of ``log(1 + sum over positives exp(-alpha (s - base))) / alpha +
    log(1 + sum over negatives exp(beta (s - base))) / beta``, s the cosine similarity
    (equation 9). Our defaults are those that became usual for places (Ali-bey et al. 2022,
    GSV-Cities), not those of the paper (2, 50, 1, 0.1).

    :param descriptors: (B, D) L2-normalised.
    :param labels: (B,) equal labels are one place.
    :param ignore: (B, B) bool, pairs that are neither positive nor negative.
    """
    from pytorch_metric_learning.distances import DotProductSimilarity
    from pytorch_metric_learning.losses import MultiSimilarityLoss

    pairs = multi_similarity_pairs(descriptors, labels, epsilon=epsilon, ignore=ignore)
    # Twice, which changes nothing: the library takes one pair of a kind for none at all.
    pairs_twice = tuple(torch.cat([rows, rows]) for rows in pairs)
    loss = MultiSimilarityLoss(alpha=alpha, beta=beta, base=base,
                               distance=DotProductSimilarity(normalize_embeddings=False))
    with without_autocast(descriptors):
        return loss(precise(descriptors), labels, pairs_twice)
