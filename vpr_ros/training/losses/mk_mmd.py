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

"""How differently two domains are distributed: multi-kernel maximum mean discrepancy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast
from vpr_ros.training.losses.distances import safe_sqrt

__all__ = ['mk_mmd']


def mk_mmd(source: Tensor, target: Tensor, *,
           factors: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0), squared: bool = False,
           reduction: Literal['sum', 'mean'] = 'sum') -> Tensor:
    """
    Return the sum over locations of how far apart the features of two domains are there.

    At each of the N locations the distance, in the space of the kernel, of the mean over the
    source images from the mean over the target images (Wang et al. 2019, equation 7): the root of
    ``mean k(s, s') + mean k(t, t') - 2 mean k(s, t)``, each mean over all pairs, an image with
    itself too, so it is never negative (and, as any such estimate, above zero for two samples of
    one domain).

    Our choice: ``k(x, y)`` is the mean over the factors f of ``exp(-|x - y|^2 / (f m))``, with m
    the median of ``|x - y|^2`` over all pairs of two different images of both domains together at
    all locations (one m for all; the lower one of two medians). No gradient runs through m.

    :param source: (B, C, h, w) features, or (B, N, C).
    :param target: the same for its own number of images.
    :param squared: leave out the root.
    :param reduction: 'mean' divides by N.
    """
    domains = [_by_location(precise(source)), _by_location(precise(target))]
    if domains[0].shape[::2] != domains[1].shape[::2]:
        raise ValueError('both domains must have the same locations and channels, got '
                         f'{tuple(source.shape)} and {tuple(target.shape)}')
    if reduction not in ('sum', 'mean'):
        raise ValueError(f"reduction is 'sum' or 'mean', got {reduction!r}")
    signs = torch.cat([part.new_full((part.shape[1],), sign / part.shape[1])
                       for part, sign in zip(domains, (1.0, -1.0), strict=True)])
    with without_autocast(source):
        apart = _squared_distances(torch.cat(domains, dim=1))
        median = _median(apart)
        kernel = torch.stack([signs @ (torch.exp(apart / (-factor * median)) @ signs).mT
                              for factor in factors]).mean(dim=0)
    # What is below zero is rounding.
    discrepancy = kernel.relu() if squared else safe_sqrt(kernel)
    return discrepancy.sum() if reduction == 'sum' else discrepancy.mean()


def _by_location(features: Tensor) -> Tensor:
    """Return features as (N, B, C)."""
    if features.ndim == 4:
        return features.flatten(2).permute(2, 0, 1)
    if features.ndim == 3:
        return features.transpose(0, 1)
    raise ValueError('features are (B, C, h, w) or (B, N, C), got '
                     f'{tuple(features.shape)}')


def _squared_distances(features: Tensor) -> Tensor:
    """Return (N, M, M) from (N, M, C)."""
    # From products, which are fast; about their mean, because they lose digits far from zero.
    centred = features - features.detach().mean(dim=1, keepdim=True)
    products = centred @ centred.mT
    norms = centred.square().sum(dim=2)
    return (norms[:, :, None] + norms[:, None, :] - 2.0 * products).relu()


def _median(apart: Tensor) -> Tensor:
    rows, columns = torch.triu_indices(apart.shape[1], apart.shape[1], 1, device=apart.device)
    median = apart.detach()[:, rows, columns].median()
    return torch.where(median > 0.0, median, 1.0)  # all the same: any width will do
