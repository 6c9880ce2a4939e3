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
Scene recognition as a place descriptor: a classifier of the Places365 data set.

Zhou, Lapedriza, Khosla, Oliva, Torralba: Places, a 10 Million Image Database for Scene
Recognition, TPAMI 2017. Chen et al. 2018 compare with its activations before the softmax: how
much an image looks like each of 365 kinds of scene, which is another question than which place it
shows. Here they are L2-normalised.

Our choice: the whole image is resized to 224 x 224 (published: the middle of a larger one), since
what tells places apart may stand at its edge.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from torchvision import models
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.checkpoints import rename
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.precision import precise
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import trunk_names

__all__ = ['from_public', 'places365', 'Places365Network', 'VARIANTS']

VARIANTS: Mapping[str, Mapping[str, object]] = {'Places365': {}}

_SCENES = 365


class Places365Network(PlaceNetwork):
    """A classifier whose scores, L2-normalised, are the descriptor (365-d)."""

    def __init__(self, scenes: nn.Module, *, height: int, width: int) -> None:
        super().__init__(name='places365', dimension=_SCENES,
                         preprocessing=imagenet_preprocessing(height, width))
        self.scenes = scenes

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        scores: Tensor = self.scenes(images)
        return NetworkOutput(F.normalize(precise(scores)).to(scores.dtype))


def from_public(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """
    Name the tensors of CSAIL's checkpoints as here; ours keep their names.

    Those of AlexNet and VGG have the 'module.' of parallel training in the middle of names, those
    of DenseNet a dot that torchvision has dropped since.
    """
    return rename(tensors, [
        (r'scenes\.', 'scenes.'),
        (r'features\.module\.', 'scenes.features.'),
        (r'(features\..*denselayer\d+\.(?:norm|conv))\.([12]\.)', r'scenes.\1\2'),
        (r'', 'scenes.'),
    ])


def places365(*, trunk: str = 'resnet18', weights: str = '', height: int = 224, width: int = 224,
              seed: int = 0) -> Places365Network:
    """
    Make a classifier of scenes.

    :param trunk: any image classifier of torchvision; public weights exist for alexnet, resnet18,
        resnet50 and densenet161.
    :param weights: a checkpoint of CSAIL's (such as ``resnet18_places365.pth.tar``), a file of
        this network, or 'random'.
    :param height: of the input in pixels, as is ``width``.
    :param seed: of the random weights.
    """
    if trunk not in trunk_names():
        raise unknown_name('trunk', trunk, trunk_names())
    if not weights:
        raise VprError("network 'places365' needs weights: give the file of a public checkpoint, "
                       "such as resnet18_places365.pth.tar of CSAIL's places365, or 'random'")
    _refuse_size(trunk, height, width)
    with seeded(seed):
        network = Places365Network(models.get_model(trunk, weights=None, num_classes=_SCENES),
                                   height=height, width=width)
    load_network(network, weights, from_public)
    return network


def _refuse_size(trunk: str, height: int, width: int) -> None:
    with torch.device('meta'):
        classifier = models.get_model(trunk, weights=None, num_classes=_SCENES).eval()
        try:
            classifier(torch.empty(1, 3, height, width))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise ValueError(f'{trunk} takes no images of {height} x {width} pixels '
                             f'({error})') from error
