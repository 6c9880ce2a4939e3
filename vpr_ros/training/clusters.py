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
Clusters to start VLAD from: k-means on features of real images, before training begins.

They are sampled where VLAD will read them: at its input, L2-normalised. Attention that weighs
features there changes no direction, so it plays no part. A network with a spatial branch takes
what that makes of the first frame of each sequence, as Zhao et al. 2023 publish it (50,000 tokens
of 500 sequences); 50,000 features are also what Arandjelovic et al. 2016 take, 100 of each image.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.precision import precise
from vpr_ros.networks.spatiotemporal import SpatioTemporal
from vpr_ros.networks.vlad import Vlad
from vpr_ros.training.freezing import evaluating

__all__ = ['has_clusters', 'start_clusters']


def has_clusters(network: nn.Module) -> bool:
    """Tell whether a network has clusters that should start from real features."""
    return _vlad(network) is not None


def start_clusters(network: PlaceNetwork, images: Iterable[Tensor], *, features: int = 50_000,
                   seed: int = 0) -> bool:
    """
    Start the VLAD of a network, if it has one, from clusters of what it reads in images.

    Each image gives as many features as any other (to one), at random locations; no more are
    kept than asked for, however many images there are. All images are read.

    :param images: batches (B, 3, H, W) in [0, 1], or of sequences (B, S, 3, H, W).
    :param features: how many to cluster; fewer where the images have fewer.
    :param seed: of the locations and of k-means; the same images then give the same clusters,
        whatever their batches are.
    :returns: False for a network without VLAD, which stays as it is.
    """
    vlad = _vlad(network)
    if vlad is None:
        return False
    sample = _EvenSample(features, np.random.default_rng(seed))
    device = vlad.centroids.device
    with evaluating(network), torch.no_grad():
        for batch in images:
            for image in _read(network, vlad, batch.to(device)):
                sample.add(F.normalize(precise(image)).cpu().numpy())
    vlad.start_from(sample.features(), seed=seed)
    return True


def _vlad(network: nn.Module) -> Vlad | None:
    return next((part for part in network.modules() if isinstance(part, Vlad)), None)


def _read(network: PlaceNetwork, vlad: Vlad, images: Tensor) -> Iterator[Tensor]:
    """Yield the features (N, C) of each image, or sequence, as VLAD reads them."""
    if isinstance(network, SpatioTemporal) and network.spatial is not None:
        first = images if images.ndim == 4 else images[:, 0]
        yield from network.spatial_tokens(network.encode(first))
        return
    seen: list[Tensor] = []
    handle = vlad.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        if isinstance(network, SequenceNetwork) and images.ndim == 4:
            network.encode(images)
        else:
            network(images)
    finally:
        handle.remove()
    # Some read the same features twice, weighed in another way.
    yield from seen[0]


class _EvenSample:
    """
    A sample of the rows of tables, of bounded size, as many of each table as of any other.

    The rows of a table are ranked at random, and the sample are the rows of lowest rank.
    """

    def __init__(self, size: int, random: np.random.Generator) -> None:
        if size < 1:
            raise VprError(f'clusters need 1 feature at least, got {size}')
        self._size = size
        self._random = random
        self._limit = np.inf  # ranks from here on are not in the sample
        self._ranks: list[NDArray[np.float64]] = []
        self._rows: list[NDArray[np.float32]] = []

    def add(self, table: NDArray[np.float32]) -> None:
        """Take rows of a table (N, C)."""
        # Rows of the same rank, of different tables, are told apart by chance.
        ranks = self._random.permutation(len(table)) + self._random.random(len(table))
        low = ranks < self._limit
        self._ranks.append(ranks[low])
        self._rows.append(table[low])
        if sum(map(len, self._ranks)) >= 2 * self._size:  # now and then, for it copies all
            self._reduce()

    def features(self) -> NDArray[np.float32]:
        """Return the sample (n, C), in the order that it came."""
        if not self._rows:
            raise VprError('clusters start from features of images, but there are no images')
        self._reduce()
        return self._rows[0]

    def _reduce(self) -> None:
        """Leave one table, of no more rows than the sample has."""
        ranks, rows = np.concatenate(self._ranks), np.concatenate(self._rows)
        if len(ranks) > self._size:
            self._limit = np.partition(ranks, self._size)[self._size]
            low = ranks < self._limit
            ranks, rows = ranks[low], rows[low]
        self._ranks, self._rows = [ranks], [rows]
