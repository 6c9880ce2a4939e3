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
Where the linear maps of the embedded network start: discriminants of features of real places.

Fisher's linear discriminants, as Mikolajczyk and Matas 2007 and Radenovic et al. 2018 (section
3.2, L_w) use them for descriptors: features are rescaled so that what changes between images of
one place, which is light, weather and viewpoint, is small and alike in all directions, and of what
is left those directions stay in which places differ most.

Our choice: the rescaling is regularised and what is left is whitened only in part, for the places
of a small training set do not fill the space; and it is learnt on cells of the image, all cells
alike, so that a hundred places are thousands of samples.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.compact import Compact
from vpr_ros.networks.compact import GRID
from vpr_ros.networks.pooling import attentive_pyramid_pool
from vpr_ros.networks.precision import precise
from vpr_ros.training.freezing import evaluating

__all__ = ['has_discriminants', 'start_discriminants']

# Added to the variances within places, as a share of their mean.
_RIDGE = 1.0
# How far each map whitens: 0 leaves variances as they are, 1 makes them equal.
_FUSE_WHITENING = 0.5
_PROJECT_WHITENING = 0.25


def has_discriminants(network: nn.Module) -> bool:
    """Tell whether a network has linear maps that should start from discriminants."""
    return isinstance(network, Compact)


def start_discriminants(network: PlaceNetwork, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """
    Start the linear maps of the embedded network from images of known places.

    The map of features becomes their discriminants; the projection the principal components of
    what these make of the images.

    :param batches: images (B, 3, H, W) in [0, 1] and the labels (B,) of their places; equal labels
        of two batches are two places. In all at least as many images as a descriptor has
        dimensions.
    :raises VprError: for fewer, or where no place is seen twice.
    """
    if not isinstance(network, Compact):
        raise ValueError(f'{network.name!r} does not start from discriminants')
    device = network.fuse.weight.device
    cells: list[Tensor] = []
    labels: list[Tensor] = []
    places = 0
    with evaluating(network), torch.no_grad():
        for images, names in batches:
            cells.append(_cells(network, images.to(device)))
            _, numbers = torch.unique(names, return_inverse=True)
            labels.append(numbers.to(device) + places)
            places += int(numbers.max()) + 1
    if sum(map(len, cells)) < network.dimension:
        raise VprError(f'discriminants need at least {network.dimension} images, one for each '
                       f'dimension of a descriptor, got {sum(map(len, cells))}: give a larger '
                       'discriminants, or a smaller options.dimension')
    samples, place = torch.cat(cells).double(), torch.cat(labels)
    fuse = _discriminants(samples, place, network.fuse.out_channels)
    pooled = (samples @ fuse.T).transpose(1, 2).flatten(1)
    project, bias = _components(pooled, network.dimension)
    with torch.no_grad():
        network.fuse.weight.copy_(fuse[:, :, None, None])
        network.project.weight.copy_(project)
        network.project.bias.copy_(bias)


def _cells(network: Compact, images: Tensor) -> Tensor:
    """Return the features of each cell, (B, cells, C)."""
    features, attention = network.encode(network.normalise(images))
    pooled = attentive_pyramid_pool(precise(features), precise(attention), (GRID,))
    return pooled.unflatten(1, (features.shape[1], GRID * GRID)).transpose(1, 2)


def _discriminants(samples: Tensor, place: Tensor, count: int) -> Tensor:
    """
    Return (count, C): the directions that tell places apart best.

    :param samples: (N, cells, C) float64.
    :param place: (N,) int64 from 0 without a gap.
    """
    seen = torch.bincount(place)
    if not (seen > 1).any():
        raise VprError('discriminants need places that are seen twice at least, but all of these '
                       'images show places of their own: give discriminants=0')
    means = torch.zeros(len(seen), *samples.shape[1:], dtype=samples.dtype, device=samples.device)
    means = means.index_add(0, place, samples) / seen[:, None, None]
    # Bessel's correction: images lie nearer to their own mean than to that of their place.
    often = seen[place] > 1
    correction = (seen[place] / (seen[place] - 1).clamp(min=1)).sqrt()[:, None, None]
    within = ((samples - means[place]) * correction)[often].flatten(0, 1)
    values, basis = torch.linalg.eigh(within.T @ within)
    scaled = basis * (values / values.mean() + _RIDGE).rsqrt()
    between = (means - means.mean(dim=(0, 1))).flatten(0, 1) @ scaled
    values, directions = torch.linalg.eigh(between.T @ between)
    whitening = values.clamp(min=1e-12) ** (-_FUSE_WHITENING / 2)
    chosen = scaled @ (directions * whitening).flip(1)[:, :count]
    return (chosen / (samples @ chosen).std()).T


def _components(pooled: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return (count, inputs) and (count,): principal components of pooled (N, inputs)."""
    mean = pooled.mean(dim=0)
    _, values, basis = torch.linalg.svd(pooled - mean, full_matrices=False)
    shares = (values[:count] / values[0]).clamp(min=1e-3)
    chosen = basis[:count] * shares[:, None] ** -_PROJECT_WHITENING
    chosen = chosen / ((pooled - mean) @ chosen.T).std()
    return chosen, -chosen @ mean
