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
Vectors of locally aggregated descriptors with soft assignment.

Arandjelovic, Gronat, Torii, Pajdla, Sivic: NetVLAD, CVPR 2016, equations 1 to 4.

Norms, softmax and sums are taken in float32 at least, whatever the precision of the network: the
logits of a sharp assignment differ by less than bfloat16 can tell, and float16 can hold neither
the sums nor the epsilon of a norm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast

__all__ = ['fit_clusters', 'locations', 'normalise_vlad', 'Vlad']

# How much more weight the nearest cluster gets than the next, on average.
_CONTRAST = 100.0


def locations(features: Tensor) -> Tensor:
    """Return the L2-normalised features of all locations: (B, C, H, W) to (B, H * W, C)."""
    return F.normalize(precise(features).flatten(2).transpose(1, 2), dim=2)


def normalise_vlad(sums: Tensor) -> Tensor:
    """Normalise (B, K, C) within each cluster, flatten, and normalise: (B, K * C)."""
    return F.normalize(F.normalize(sums, dim=2).flatten(1))


class Vlad(nn.Module):
    """
    Residuals to learned clusters, ``V_k = sum_i w_i a_k(x_i) (x_i - c_k)``.

    ``a`` is the softmax of ``assignment x_i`` over the clusters; as in the published networks it
    has no bias. Our choice: before :meth:`start_from` the clusters are random directions with the
    assignment that belongs to them, so that a network without clusters still tells images apart.
    """

    def __init__(self, channels: int, *, clusters: int = 64) -> None:
        super().__init__()
        if clusters < 2:
            raise ValueError(f'VLAD needs 2 clusters at least, got {clusters}')
        # The two highest of K projections of a random direction are about this far apart.
        gap = 1.0 / math.sqrt(2.0 * channels * math.log(clusters))
        directions = F.normalize(torch.randn(clusters, channels))
        self.centroids = nn.Parameter(directions)
        self.assignment = nn.Parameter(math.log(_CONTRAST) / gap * directions)

    @property
    def dimension(self) -> int:
        """Return how many numbers a flattened result has."""
        return self.centroids.numel()

    def forward(self, x: Tensor, weights: Tensor | None = None) -> Tensor:
        """
        Return the sums of residuals, not yet normalised, so that those of frames can be added.

        :param x: (B, N, C), L2-normalised unless a paper says otherwise.
        :param weights: (B, N) of each location, or None for 1.
        :returns: (B, K, C) in float32 at least.
        """
        x = precise(x)
        with without_autocast(x):
            assigned = torch.softmax(x @ precise(self.assignment).T, dim=2)
            if weights is not None:
                assigned = assigned * precise(weights)[:, :, None]
            mass = assigned.sum(dim=1)[:, :, None]
            return assigned.transpose(1, 2) @ x - mass * precise(self.centroids)

    def start_from(self, features: NDArray[Any], *, seed: int = 0) -> None:
        """Start from clusters of real features (n, C), see :func:`fit_clusters`."""
        centroids, assignment = fit_clusters(features, len(self.centroids), seed=seed)
        with torch.no_grad():
            self.centroids.copy_(torch.from_numpy(centroids))
            self.assignment.copy_(torch.from_numpy(assignment))


def fit_clusters(features: NDArray[Any], clusters: int, *,
                 seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """
    Cluster features by k-means, and derive the assignment that goes with them.

    ``assignment = alpha c / |c|`` with ``alpha = -ln(0.01) / mean(top1 - top2 of (c / |c|) x)``:
    on average the nearest cluster gets a hundred times the weight of the next, as published with
    NetVLAD. Our choice: k-means starts from features that lie far apart.

    :param features: (n, C), finite; they are L2-normalised here.
    :returns: centroids (clusters, C) and assignment (clusters, C).
    """
    import faiss

    points = np.array(features, dtype=np.float32, order='C')
    if points.ndim != 2 or len(points) < clusters or clusters < 2:
        raise VprError(f'{clusters} clusters need a table of at least as many features, and two '
                       f'clusters at least, got an array of shape {points.shape}')
    if not np.isfinite(points).all():
        raise VprError('features to cluster must be finite: the network that made them, or its '
                       'input, is broken')
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    kmeans = faiss.Kmeans(points.shape[1], clusters, niter=100, seed=seed,
                          min_points_per_centroid=1, max_points_per_centroid=len(points))
    kmeans.train(points, init_centroids=points[_far_apart(points, clusters, seed)])
    centroids = np.asarray(kmeans.centroids, np.float32).reshape(clusters, -1)
    directions = centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    best = np.sort(points @ directions.T, axis=1)
    gap = float(np.mean(best[:, -1] - best[:, -2]))
    if gap < 1e-6:
        raise VprError(f'{len(points)} features are too much alike for {clusters} clusters: '
                       'sample them from more images')
    return centroids, (math.log(_CONTRAST) / gap * directions).astype(np.float32)


def _far_apart(points: NDArray[np.float32], count: int, seed: int) -> list[int]:
    """Return rows to start k-means from: Arthur and Vassilvitskii 2007, k-means++."""
    random = np.random.default_rng(seed)
    squares = np.square(points).sum(axis=1)
    chosen = [int(random.integers(len(points)))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < count:
        last = chosen[-1]
        distances = squares + squares[last] - 2.0 * (points @ points[last])
        nearest = np.minimum(nearest, np.maximum(distances, 0.0, dtype=np.float64))
        total = nearest.sum()
        chosen.append(int(random.choice(len(points), p=nearest / total if total else None)))
    return chosen
