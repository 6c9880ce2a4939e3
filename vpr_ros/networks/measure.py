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
What a network takes, gives and costs, whatever its weights: no file and no download is needed.

Operations are counted in a real forward pass over tensors without values (PyTorch's meta device),
which is quick and gives the numbers of a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import sdpa_kernel
from torch.nn.attention import SDPBackend
from torch.utils.flop_counter import FlopCounterMode
from vpr_ros.errors import VprError
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_options

__all__ = ['describe_new_image', 'earlier_images', 'make_without_files', 'measure_network',
           'NetworkCost']


@dataclass(frozen=True)
class NetworkCost:
    """
    What one network takes, gives and costs.

    :param frames: S, how many images make one descriptor; 1 but for networks of sequences.
    :param height: of an image at the network's input, in pixels, as is ``width``.
    :param dimension: D, numbers in a descriptor.
    :param parameters: of all parts, also of those that training leaves alone.
    :param flops: operations for one new image, 2 x multiply-adds of convolutions and matrix
        products (what works on single elements is not counted). A network of sequences keeps what
        it encoded before: one encoding and one aggregation.
    """

    frames: int
    height: int
    width: int
    dimension: int
    parameters: int
    flops: int


def measure_network(name: str, options: Mapping[str, object] | None = None, *,
                    device: str = 'meta') -> NetworkCost:
    """
    Measure a network by its name; VprError when it cannot be made of these options alone.

    :param device: where the forward pass runs; 'meta' computes no values.
    """
    network = make_without_files(name, options).to(device)
    image = network.preprocessing
    images = torch.zeros(1, 3, image.height, image.width, device=device)
    with torch.no_grad():
        kept = earlier_images(network, images)
        with _countable(), FlopCounterMode(display=False) as counter:
            describe_new_image(network, images, kept)
    return NetworkCost(
        frames=network.length if isinstance(network, SequenceNetwork) else 1,
        height=image.height, width=image.width, dimension=network.dimension,
        parameters=sum(p.numel() for p in network.parameters()),
        flops=counter.get_total_flops())


def make_without_files(name: str, options: Mapping[str, object] | None = None) -> PlaceNetwork:
    """Make a network with the weights that it ships, or else with random ones."""
    given = dict(options or {})
    try:
        return create_network(name, given)
    except VprError:
        if 'weights' in given or 'weights' not in network_options(name):
            raise
    return create_network(name, {**given, 'weights': 'random'})


def earlier_images(network: PlaceNetwork, images: Tensor) -> list[Tensor]:
    """Return the encodings that a network of sequences keeps; any other keeps none."""
    if not isinstance(network, SequenceNetwork):
        return []
    return [network.encode(images)] * (network.length - 1)


def describe_new_image(network: PlaceNetwork, images: Tensor,
                       kept: list[Tensor]) -> NetworkOutput:
    """
    Describe the newest image of a camera.

    :param images: (1, 3, H, W) RGB in [0, 1].
    :param kept: from :func:`earlier_images`.
    """
    if not isinstance(network, SequenceNetwork):
        output: NetworkOutput = network(images)
        return output
    return network.aggregate(torch.stack([*kept, network.encode(images)], dim=1))


@contextmanager
def _countable() -> Iterator[None]:
    """Compute attention by matrix products: fused kernels differ by device and hide theirs."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
