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

"""Exact search: a query is compared with every view."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.maps.index.views import Views

__all__ = ['exact_index', 'ExactSearch', 'TorchSearch']


def exact_index(views: Views) -> Any:
    """Return a FAISS index of all descriptors, which compares one by one."""
    import faiss  # heavy, and message code must work without it

    if views.file is not None:
        # Nothing is read now: the operating system brings in what a search touches. (An old FAISS
        # cannot, and reads it.)
        return faiss.read_index(str(views.file), getattr(faiss, 'IO_FLAG_MMAP_IFC', 0))
    if views.descriptors.dtype == np.float16:
        index = faiss.IndexScalarQuantizer(
            views.dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    else:
        index = faiss.IndexFlatIP(views.dimension)
    index.add(views.read(slice(None)))
    return index


class ExactSearch:
    """On the processor: float32 in memory, or float16 where it lies mapped."""

    def __init__(self, views: Views) -> None:
        self._index = exact_index(views)

    def search(self, query: NDArray[np.float32],
               depth: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return cosines (n,) and numbers (n,) of the n best views of a query (D,)."""
        depth = min(depth, self._index.ntotal)
        if depth == 0:
            return np.zeros(0, np.float32), np.zeros(0, np.int64)
        similarities, views = self._index.search(query[None], depth)
        return similarities[0], views[0]


class TorchSearch:
    """
    On a GPU, float16 there; on a CPU float32.

    :param device: as PyTorch names it.
    """

    _ROWS_AT_ONCE = 65_536

    def __init__(self, views: Views, device: str) -> None:
        import torch

        self._torch = torch
        self._device = torch.device(device)
        kind = torch.float32 if self._device.type == 'cpu' else torch.float16
        self._descriptors = torch.empty(views.descriptors.shape, dtype=kind, device=device)
        for at in range(0, len(views), self._ROWS_AT_ONCE):
            rows = slice(at, at + self._ROWS_AT_ONCE)
            self._descriptors[rows] = torch.from_numpy(views.read(rows)).to(self._device, kind)

    def search(self, query: NDArray[np.float32],
               depth: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return cosines (n,) and numbers (n,) of the n best views of a query (D,)."""
        torch = self._torch
        with torch.inference_mode():
            asked = torch.from_numpy(query).to(self._device, self._descriptors.dtype)
            best = torch.topk((self._descriptors @ asked).float(),
                              min(depth, len(self._descriptors)))
            return best.values.cpu().numpy(), best.indices.cpu().numpy()
