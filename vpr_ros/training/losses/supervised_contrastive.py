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

"""The supervised contrastive loss over a batch of descriptors."""

from __future__ import annotations

import torch
from torch import Tensor
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast

__all__ = ['supervised_contrastive']


def supervised_contrastive(descriptors: Tensor, labels: Tensor, ignore: Tensor | None = None, *,
                           temperature: float) -> Tensor:
    """
    Return the supervised contrastive loss (Khosla et al. 2020, equation 2).

    For each anchor the mean over its positives p of
    ``-log(exp(s_p / t) / (exp(s_p / t) + sum over negatives exp(s_n / t)))``; unlike the paper,
    other positives stay out of the denominator, so that an easy positive does not hide a hard one.
    Anchors without a positive do not count; a batch of nothing else is a ValueError.

    :param descriptors: (B, D) L2-normalised.
    :param labels: (B,) equal labels are one place.
    :param ignore: (B, B) bool, pairs that are neither positive nor negative.
    """
    with without_autocast(descriptors):
        similarity = precise(descriptors) @ precise(descriptors).T / temperature
    same = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive, negative = same & ~itself, ~same
    if ignore is not None:
        positive, negative = positive & ~ignore, negative & ~ignore
    if not positive.any():
        raise ValueError(f'no two descriptors show one place: labels {labels.tolist()}')
    negatives = similarity.masked_fill(~negative, -torch.inf).logsumexp(dim=1, keepdim=True)
    losses = torch.logaddexp(similarity, negatives.expand_as(similarity)) - similarity
    counts = positive.sum(dim=1)
    per_anchor = losses.masked_fill(~positive, 0.0).sum(dim=1) / counts.clamp(min=1)
    return per_anchor[counts > 0].mean()
