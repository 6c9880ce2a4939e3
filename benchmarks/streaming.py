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
Measure what a robot saves by keeping what it encoded of the frames before the newest.

Example::

    python benchmarks/streaming.py
    python benchmarks/streaming.py --network spatiotemporal --options '{"sequence_length": 10}'

Both ways describe the same sequence for every new frame: "batch" from the S images, "stream" from
the new image and the kept encodings of the others. They take turns in one run, so that whatever
else the machine does weighs on both; the ratio is that of each turn. Operations are 2 x
multiply-adds of convolutions and matrix products. Weights are random: they change no time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
import json
import time

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import sdpa_kernel
from torch.nn.attention import SDPBackend
from torch.utils.flop_counter import FlopCounterMode
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.measure import make_without_files


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--network', default='spatiotemporal', help='a network of sequences')
    parser.add_argument('--options', default='{}', help='of the network, as JSON')
    parser.add_argument('--turns', type=int, default=10, help='new frames to time')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, default=0, help='0 leaves the choice to PyTorch')
    arguments = parser.parse_args()
    if arguments.turns < 1:
        parser.error('--turns must be 1 or more')
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    network = make_without_files(arguments.network, json.loads(arguments.options))
    if not isinstance(network, SequenceNetwork):
        parser.error(f'{arguments.network} describes single images, so there is nothing to keep')
    with torch.inference_mode():
        _report(network.to(arguments.device), arguments.turns, arguments.device)


def _report(network: SequenceNetwork, turns: int, device: str) -> None:
    image = network.preprocessing
    print(f'{network.name}: S = {network.length}, {image.height} x {image.width}, {device}, '
          f'{torch.get_num_threads()} threads, {turns} turns')
    images = torch.rand(1, network.length, 3, image.height, image.width, device=device)
    kept = network.encode(images[0])[None, :-1]

    def batch() -> Tensor:
        return network(images).descriptors

    def stream() -> Tensor:
        newest = network.encode(images[:, -1])[:, None]
        return network.aggregate(torch.cat([kept, newest], dim=1)).descriptors

    apart = float((batch() - stream()).abs().max())
    times_ms = np.array([(_time_ms(batch), _time_ms(stream))
                         for _ in range(turns)])
    operations = [_gflops(batch), _gflops(stream)]
    print(f'{"":24}{"batch":>10}{"stream":>10}{"ratio":>10}')
    print(f'{"GFLOPs per new frame":24}{operations[0]:10.1f}{operations[1]:10.1f}'
          f'{operations[0] / operations[1]:10.2f}')
    ratios = times_ms[:, 0] / times_ms[:, 1]
    medians = np.median(times_ms, axis=0)
    print(f'{"ms per new frame, median":24}{medians[0]:10.1f}{medians[1]:10.1f}'
          f'{np.median(ratios):10.2f}   ({ratios.min():.2f} to {ratios.max():.2f})')
    print(f'largest difference of the descriptors: {apart:.1e}')


def _time_ms(describe: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    # Reading a number waits for an accelerator to be done.
    float(describe()[0, 0])
    return (time.perf_counter() - start) * 1e3


def _gflops(describe: Callable[[], Tensor]) -> float:
    # Fused kernels hide their operations from the counter.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        describe()
    return float(counter.get_total_flops()) / 1e9


if __name__ == '__main__':
    main()
