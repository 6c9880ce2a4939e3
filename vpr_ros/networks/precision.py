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

"""What must not be computed in half precision."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextlib import nullcontext

import torch
from torch import Tensor

__all__ = ['precise', 'without_autocast']


def precise(tensor: Tensor) -> Tensor:
    """Return a tensor in float32, or as it is where it is more precise."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def without_autocast(tensor: Tensor) -> AbstractContextManager[object]:
    """Compute as the tensors say, also where training lets PyTorch choose half precision."""
    kind = tensor.device.type
    # Left alone where nothing is chosen: an exported network would carry the context with it.
    return torch.autocast(kind, enabled=False) if _is_autocast(kind) else nullcontext()


def _is_autocast(kind: str) -> bool:
    if kind not in ('cpu', 'cuda'):
        return False
    try:
        return torch.is_autocast_enabled(kind)
    except TypeError:  # PyTorch 2.3 and before
        return torch.is_autocast_cpu_enabled() if kind == 'cpu' else torch.is_autocast_enabled()
