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

"""The generalised contrastive loss (Leyva-Vallina et al. 2023)."""

from __future__ import annotations

from torch import Tensor
from vpr_ros.networks.precision import precise
from vpr_ros.training.losses.distances import distances

__all__ = ['generalised_contrastive']


def generalised_contrastive(left: Tensor, right: Tensor, psi: Tensor, *,
                            margin: float = 0.5) -> Tensor:
    """
    Return the mean over pairs of ``psi D^2 / 2 + (1 - psi) max(margin - D, 0)^2 / 2``.

    Smallest at the distance ``D = (1 - psi) margin``, and for psi = 0 at all from the margin on:
    a distance then reads out how much two images show of the same.

    :param left: (P, D) descriptors, as ``right``.
    :param psi: (P,) graded similarity in [0, 1].
    """
    alike = precise(psi)
    squared = distances(left, right, squared=True)
    short = (margin - distances(left, right)).relu()
    return (alike * squared + (1.0 - alike) * short.square()).mean() / 2.0
