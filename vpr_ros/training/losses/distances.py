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

"""Euclidean distances whose gradients are finite everywhere."""

from __future__ import annotations

import torch
from torch import Tensor
from vpr_ros.networks.precision import precise

__all__ = ['distances', 'safe_sqrt']


def safe_sqrt(squared: Tensor) -> Tensor:
    """Return square roots; zero, with the gradient zero, where there is zero or less."""
    zero = squared <= 0
    return torch.where(zero, 1.0, squared).sqrt().masked_fill(zero, 0.0)


def distances(left: Tensor, right: Tensor, *, squared: bool = False) -> Tensor:
    """
    Return how far vectors (..., D) are apart, (...,) in float32 at least.

    From differences, not from products: close descriptors would lose their digits.
    """
    sums = (precise(left) - precise(right)).square().sum(dim=-1)
    return sums if squared else safe_sqrt(sums)
