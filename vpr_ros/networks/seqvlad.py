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
SeqVLAD: one VLAD over all locations of all frames of a sequence, on any trunk.

Mereu, Trivigno, Berton, Masone, Caputo: Learning Sequential Descriptors for Sequence-Based Visual
Place Recognition, RA-L 2022. With x_si the feature of location i of frame s, L2-normalised,
``V_k = sum_s sum_i a_k(x_si) (x_si - c_k)``, normalised within each cluster, flattened and
L2-normalised: the descriptor is as long for any number of frames, and does not know their order.

A frame's share of the sum does not depend on the other frames, so that is what is kept of it: a
new frame costs one pass of the trunk and the addition of S tables (K, C).

Public checkpoints (``encoder`` and ``aggregator``) are read by :func:`from_public`.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.checkpoints import matrix
from vpr_ros.networks.checkpoints import rename
from vpr_ros.networks.checkpoints import sequential_trunk
from vpr_ros.networks.heads import finish
from vpr_ros.networks.heads import projection
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.trunks import trunk as make_trunk
from vpr_ros.networks.trunks import vlad_layer
from vpr_ros.networks.vlad import locations
from vpr_ros.networks.vlad import normalise_vlad
from vpr_ros.networks.vlad import Vlad

__all__ = ['from_public', 'seqvlad', 'SeqVlad', 'VARIANTS']

VARIANTS: Mapping[str, Mapping[str, object]] = {
    'ResNet-18 + SeqVLAD': {},
    'ResNet-50 + SeqVLAD': {'trunk': 'resnet50'},
    'VGG-16 + SeqVLAD': {'trunk': 'vgg16'},
}


class SeqVlad(SequenceNetwork):
    """
    A trunk on each frame, and the VLAD of all of them.

    :param dimension: size after a learned projection; 0 for none.
    """

    def __init__(self, trunk: Trunk, *, length: int, clusters: int, dimension: int, height: int,
                 width: int) -> None:
        vlad = Vlad(trunk.channels, clusters=clusters)
        super().__init__(name='seqvlad', dimension=dimension or vlad.dimension, length=length,
                         preprocessing=imagenet_preprocessing(height, width))
        self.trunk = trunk
        self.vlad = vlad
        self.project = projection(vlad.dimension, dimension)

    def encode_frames(self, images: Tensor) -> Tensor:
        """Return each frame's sums of residuals (B, K, C) from normalised images (B, 3, H, W)."""
        sums: Tensor = self.vlad(locations(self.trunk(images)))
        return sums

    def aggregate(self, encodings: Tensor) -> NetworkOutput:
        """Describe sequences by the sums (B, S, K, C) of their frames."""
        pooled = normalise_vlad(encodings.sum(dim=1))
        return NetworkOutput(finish(pooled, self.project, self.vlad.centroids.dtype))


def seqvlad(*, trunk: str = 'resnet18', layer: str = '', weights: str = '',
            trunk_weights: str = '', sequence_length: int = 5, clusters: int = 64,
            dimension: int = 0, height: int = 480, width: int = 640, seed: int = 0) -> SeqVlad:
    """
    Make SeqVLAD.

    :param trunk: any image classifier of torchvision.
    :param layer: where the trunk ends; empty for conv5 before its ReLU (alexnet, vgg16) or the
        usual layer.
    :param weights: of the whole network: a file of ours, a public checkpoint, or 'random'.
    :param trunk_weights: instead of that, of the trunk alone: 'imagenet' or another name that
        torchvision publishes, or a file with its names of tensors.
    :param sequence_length: how many frames one descriptor describes; weights fit any.
    :param clusters: of VLAD; for each the descriptor has as many numbers as the trunk channels.
    :param dimension: size after a learned projection; 0 for none.
    :param seed: of the weights that no file gives.
    """
    parts = part_weights('seqvlad', weights, trunk_weights=trunk_weights)
    with seeded(seed):
        body = make_trunk(trunk, vlad_layer(trunk, layer), weights=parts['trunk_weights'])
        network = SeqVlad(body, length=sequence_length, clusters=clusters, dimension=dimension,
                          height=height, width=width)
    body.grid(height, width)  # refuses images that are too small
    load_network(network, weights, lambda tensors: from_public(tensors, trunk))
    return network


def from_public(tensors: Mapping[str, Tensor], trunk: str) -> dict[str, Tensor]:
    """Return our names of tensors for those of public checkpoints; ours stay as they are."""
    renamed = rename(tensors, [
        *sequential_trunk(trunk, r'encoder\.'),
        (r'aggregator\.centroids$', 'vlad.centroids'),
        (r'aggregator\.conv\.weight$', 'vlad.assignment'),
    ])
    return {name: matrix(tensor) if name.startswith('vlad.') else tensor
            for name, tensor in renamed.items()}
