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

"""Triplets of a batch by distance-weighted sampling (Wu et al. 2017), and their loss."""

from __future__ import annotations

import torch
from torch import Tensor
from vpr_ros.training.losses.distances import distances

__all__ = ['distance_weighted_triplets', 'negative_probabilities', 'triplet_loss']


@torch.no_grad()
def negative_probabilities(descriptors: Tensor, labels: Tensor, *, cutoff: float = 0.5,
                           nonzero_cutoff: float = 1.4) -> Tensor:
    """
    Return how likely each descriptor is the negative of each anchor: (B, B) float64, on the CPU.

    Distances d of points spread over the unit sphere in n dimensions are distributed as
    ``q(d) ~ d^(n-2) (1 - d^2/4)^((n-3)/2)``; a negative is as likely as ``1 / q(d)``, so that
    those drawn are spread over all distances. With n in the thousands 1 / q spans thousands of
    decades, hence logarithms, each anchor by itself: the nearest negative is then drawn almost
    always, and where several are nearer than ``cutoff``, each of them alike.

    A row sums to 1, or is zero where all descriptors show the place of the anchor. An anchor with
    negatives, but none within ``nonzero_cutoff``, has them all alike.

    :param cutoff: below it distances count as this: the nearest are often mislabelled or noise.
    :param nonzero_cutoff: farther negatives are not drawn; less than 2, the largest distance.
    """
    if not 0.0 < cutoff < nonzero_cutoff < 2.0:
        raise ValueError('distances on the unit sphere are cut off at 0 < cutoff < nonzero_cutoff '
                         f'< 2, got {cutoff:g} and {nonzero_cutoff:g}')
    points = descriptors.detach().to('cpu', torch.float64)
    numbers = labels.cpu()
    n = points.shape[1]
    apart = torch.cdist(points, points)
    other = numbers[:, None] != numbers[None, :]
    within = other & (apart < nonzero_cutoff)
    d = apart.clamp(cutoff, nonzero_cutoff)
    log_weights = (2.0 - n) * d.log() - (n - 3.0) / 2.0 * (1.0 - d.square() / 4.0).log()
    log_weights = torch.where(within.any(dim=1, keepdim=True), log_weights, 0.0)
    drawable = torch.where(within.any(dim=1, keepdim=True), within, other)
    return log_weights.masked_fill(~drawable, -torch.inf).softmax(dim=1).nan_to_num(nan=0.0)


@torch.no_grad()
def distance_weighted_triplets(descriptors: Tensor, labels: Tensor, *, cutoff: float = 0.5,
                               nonzero_cutoff: float = 1.4) -> tuple[Tensor, Tensor, Tensor]:
    """
    Return every pair of one place, in both orders, each with a negative drawn for it.

    Draws from PyTorch's default generator on the CPU; see :func:`negative_probabilities`.

    :param descriptors: (B, D) L2-normalised.
    :param labels: (B,) equal labels are one place.
    :returns: anchors, positives and negatives, (T,) int64 each, on the device of the descriptors;
        T is 0 where no place has two descriptors or there is one place only.
    """
    numbers = labels.cpu()
    same = numbers[:, None] == numbers[None, :]
    pairs = same & ~torch.eye(len(numbers), dtype=torch.bool)
    anchors, positives = torch.where(pairs & ~same.all(dim=1, keepdim=True))
    probabilities = negative_probabilities(descriptors, labels, cutoff=cutoff,
                                           nonzero_cutoff=nonzero_cutoff)
    negatives = anchors[:0]
    if len(anchors):
        negatives = torch.multinomial(probabilities[anchors], 1).squeeze(1)
    device = descriptors.device
    return anchors.to(device), positives.to(device), negatives.to(device)


def triplet_loss(descriptors: Tensor, anchors: Tensor, positives: Tensor, negatives: Tensor, *,
                 margin: float, scale: float = 1.0, squared: bool = False) -> Tensor:
    """
    Return the mean over triplets of ``max(0, d(a, p) - d(a, n) + margin)``.

    The mean is over all triplets, also those that keep the margin (our choice): a mean over the
    others jumps whenever a triplet begins to keep it. Without triplets the loss is 0.

    :param descriptors: (B, D).
    :param anchors: (T,) rows of the descriptors, as are ``positives`` and ``negatives``.
    :param scale: the distances are those of ``scale * descriptors``.
    :param squared: whether d is the squared distance.
    """
    if not len(anchors):
        return descriptors.sum() * 0.0
    factor = scale * scale if squared else scale
    points = descriptors[anchors]
    nearer = distances(points, descriptors[positives], squared=squared)
    farther = distances(points, descriptors[negatives], squared=squared)
    return (factor * (nearer - farther) + margin).relu().mean()
