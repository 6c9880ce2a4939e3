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
NetVLAD on any trunk.

Arandjelovic, Gronat, Torii, Pajdla, Sivic: NetVLAD: CNN architecture for weakly supervised place
recognition, CVPR 2016. The paper's own network: VGG-16 up to conv5_3 before its ReLU, features
L2-normalised at each location, 64 clusters (equation 4), normalised within each cluster, flattened
(32,768 numbers) and L2-normalised; a projection with whitening to 4096 or fewer may follow.

Public checkpoints of two layouts are read (:func:`from_public`): ``encoder`` and ``pool``, and the
same with the projection ``WPCA``, where ``dimension`` must name its size.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.checkpoints import matrix
from vpr_ros.networks.checkpoints import rename
from vpr_ros.networks.checkpoints import sequential_trunk
from vpr_ros.networks.heads import Head
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.trunks import trunk as make_trunk
from vpr_ros.networks.trunks import vlad_layer

__all__ = ['from_public', 'netvlad', 'NetVlad', 'VARIANTS']

VARIANTS: Mapping[str, Mapping[str, object]] = {
    'f_VLAD': {},
    'f_VLAD, whitened': {'dimension': 4096},
    'f_max': {'pooling': 'max'},
    'f_VLAD, AlexNet': {'trunk': 'alexnet'},
    'f_max, AlexNet': {'trunk': 'alexnet', 'pooling': 'max'},
}


class NetVlad(PlaceNetwork):
    """A trunk and VLAD over all locations of its map; K * C dimensions without projection."""

    feature_map = True

    def __init__(self, trunk: Trunk, head: Head, *, height: int, width: int) -> None:
        super().__init__(name='netvlad', dimension=head.dimension,
                         preprocessing=imagenet_preprocessing(height, width))
        self.trunk = trunk
        self.head = head

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        features = self.trunk(images)
        return NetworkOutput(self.head(features), None, features)


def netvlad(*, trunk: str = 'vgg16', layer: str = '', weights: str = '', trunk_weights: str = '',
            pooling: str = 'vlad', clusters: int = 64, dimension: int = 0, height: int = 480,
            width: int = 640, seed: int = 0) -> NetVlad:
    """
    Make NetVLAD.

    :param trunk: any image classifier of torchvision.
    :param layer: where the trunk ends; empty for conv5 before its ReLU (vgg16, alexnet) or the
        usual layer.
    :param weights: of the whole network: a file of ours, a public checkpoint, or 'random'.
    :param trunk_weights: instead of that, of the trunk alone: 'imagenet' or another name that
        torchvision publishes, or a file with its names of tensors.
    :param pooling: 'vlad', or 'max' (the paper's comparison) or 'average' of each channel.
    :param clusters: of VLAD; for each the descriptor has as many numbers as the trunk channels.
    :param dimension: size after a learned projection; 0 for none.
    :param seed: of the weights that no file gives.
    """
    if pooling not in ('vlad', 'max', 'average'):
        raise ValueError(f"pooling must be 'vlad', 'max' or 'average', got {pooling!r}")
    parts = part_weights('netvlad', weights, trunk_weights=trunk_weights)
    with seeded(seed):
        body = make_trunk(trunk, vlad_layer(trunk, layer), weights=parts['trunk_weights'])
        head = Head(pooling, body.channels, clusters=clusters, dimension=dimension)
        network = NetVlad(body, head, height=height, width=width)
    body.grid(height, width)  # refuses images that are too small
    load_network(network, weights, lambda tensors: from_public(tensors, trunk))
    return network


def from_public(tensors: Mapping[str, Tensor], trunk: str) -> dict[str, Tensor]:
    """
    Return our names of tensors for those of public checkpoints; ours stay as they are.

    The encoder is a plain sequence of layers; the assignment and the projection are 1 x 1
    convolutions.
    """
    renamed = rename(tensors, [
        *sequential_trunk(trunk, r'encoder\.(?:module\.)?'),
        (r'pool\.(?:module\.)?centroids$', 'head.vlad.centroids'),
        (r'pool\.(?:module\.)?conv\.weight$', 'head.vlad.assignment'),
        (r'WPCA\.(?:module\.)?0\.', 'head.project.'),
    ])
    return {name: matrix(tensor) if name.startswith('head.') else tensor
            for name, tensor in renamed.items()}
