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
Measure both orders of products of the context of Chen et al. 2018, in time and memory.

Example::

    python benchmarks/context_products.py --pairs 60

Through the Gram matrix, ``(X Omega) (X^T X)``, it costs 3 N C^2 multiplications; through the
responses, ``((X Omega) X^T) X``, N C^2 + 2 N^2 C. Both are exact. The shapes are those of the
three layers of VGG-16 at 224 x 224 that the paper's network reads, float32, one image.

Times are processor time of one thread, so they hold on a busy machine, and the two orders take
turns; the ratio is the median over the pairs, with the middle half of them. Memory is the most
bytes of tensors that live at one time beside X and Omega, counted as PyTorch makes and frees them:
exact, the same on every run, and free of what an allocator keeps and of the pages a process
happens to touch, which are more than the smallest of these tensors. The buffers inside the BLAS
library are not in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
import time
from typing import Any
import weakref

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from vpr_ros.networks.context_attention import context
from vpr_ros.networks.context_attention import context_by_gram
from vpr_ros.networks.context_attention import context_by_responses

Product = Callable[[Tensor, Tensor], Tensor]

# (height, width, channels) of conv5_3, conv4_3 and conv3_3.
SHAPES = ((14, 14, 512), (28, 28, 512), (56, 56, 256))


def main() -> None:
    """Print one row per shape."""
    parser = argparse.ArgumentParser(description='Both orders of products of the context.')
    parser.add_argument('--pairs', type=int, default=60, help='runs of each order')
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f'{"":<16}{"multiplications":^25}{"time, median":^43}{"peak memory":^29}')
    print(f'{"h x w x C":<16}{"Gram":>8}{"resp.":>8}{"ratio":>8}'
          f'{"Gram":>11}{"resp.":>11}{"resp. / Gram":>22}'
          f'{"Gram":>10}{"resp.":>10}{"ratio":>8}  context() takes')
    for height, width, channels in SHAPES:
        x = torch.randn(1, height * width, channels)
        omega = torch.randn(channels, channels) / channels
        _print_row(f'{height} x {width} x {channels}', x, omega, given.pairs)


def _print_row(shape: str, x: Tensor, omega: Tensor, pairs: int) -> None:
    n, c = x.shape[1:]
    gram_count, responses_count = 3 * n * c ** 2, n * c ** 2 + 2 * n ** 2 * c
    times = _times(x, omega, pairs)
    ratios = times[:, 1] / times[:, 0]
    low, middle, high = np.percentile(ratios, (25, 50, 75))
    gram_ms, responses_ms = np.median(times, axis=0) * 1e3
    gram_mib, responses_mib = (_peak(f, x, omega) / 2 ** 20
                               for f in (context_by_gram, context_by_responses))
    print(f'{shape:<16}{gram_count / 1e6:>7.0f}M{responses_count / 1e6:>7.0f}M'
          f'{responses_count / gram_count:>8.2f}'
          f'{gram_ms:>8.2f} ms{responses_ms:>8.2f} ms'
          f'{f"{middle:.2f} ({low:.2f}-{high:.2f})":>22}'
          f'{gram_mib:>6.1f} MiB{responses_mib:>6.1f} MiB{responses_mib / gram_mib:>8.2f}'
          f'  {_taken(x, omega)}', flush=True)


def _times(x: Tensor, omega: Tensor, pairs: int) -> np.ndarray:
    """Return seconds (pairs, 2): Gram and responses; which comes first alternates."""
    orders = (context_by_gram, context_by_responses)
    times = np.zeros((pairs, 2))
    for pair in range(-3, pairs):  # the first three warm up
        for order in ((0, 1) if pair % 2 else (1, 0)):
            began = time.process_time()
            orders[order](x, omega)
            if pair >= 0:
                times[pair, order] = time.process_time() - began
    return times


class _Memory(TorchDispatchMode):
    """
    Counts the bytes of the tensors that operations make, from birth to death.

    :param peak: the most that lived at one time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.living = 0
        self.peak = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (),
                           kwargs: Any = None) -> Any:
        given = {a.untyped_storage().data_ptr() for a in args if isinstance(a, Tensor)}
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.untyped_storage().data_ptr() not in given:
            size = result.untyped_storage().nbytes()
            self.living += size
            self.peak = max(self.peak, self.living)
            weakref.finalize(result.untyped_storage(), self._freed, size)
        return result

    def _freed(self, size: int) -> None:
        self.living -= size


def _peak(product: Product, x: Tensor, omega: Tensor) -> int:
    with _Memory() as memory:
        product(x, omega)
    return memory.peak


def _taken(x: Tensor, omega: Tensor) -> str:
    """Return the order whose result context() gives, bit for bit."""
    result = context(x, omega)
    return next(name for name, product in (('Gram', context_by_gram),
                                           ('responses', context_by_responses))
                if torch.equal(result, product(x, omega)))


if __name__ == '__main__':
    main()
