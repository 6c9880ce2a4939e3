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

"""Public trunks from torchvision, cut at a layer, with weights from where the user says."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch import Tensor
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.feature_extraction import get_graph_node_names
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

__all__ = ['Trunk', 'trunk', 'trunk_names']


# The last activation map of the trunks that the field uses; others need their layer named.
_USUAL_LAYER = {
    'alexnet': 'features.11',
    'mobilenet_v2': 'features.18',
    'resnet18': 'layer3',
    'resnet50': 'layer3',
    'vgg16': 'features.29',
}


class Trunk(nn.Module):
    """Images (B, 3, H, W), ImageNet-normalised, to one feature map (B, C, h, w)."""

    def __init__(self, body: nn.Module, layer: str) -> None:
        super().__init__()
        self.body = body
        with torch.no_grad():
            shape = tuple(self.forward(torch.zeros(1, 3, 64, 64)).shape)
        if len(shape) != 4:
            raise VprError(f'layer {layer!r} does not return a feature map (B, C, h, w): one '
                           f'image becomes {shape}; choose an earlier layer')
        self.channels = shape[1]

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature map."""
        features: Tensor = self.body(images)['features']
        return features


def trunk_names() -> list[str]:
    """Return the names that :func:`trunk` knows: all image classifiers of torchvision."""
    return models.list_models(module=models)


def trunk(name: str, *, layer: str = '', weights: str = '') -> Trunk:
    """
    Make a trunk.

    :param name: any image classifier of torchvision.
    :param layer: torchvision's name of the layer to end at; empty for the usual one of alexnet,
        mobilenet_v2, resnet18, resnet50 and vgg16.
    :param weights: 'imagenet' (torchvision downloads its weights when it has not yet), or a
        .safetensors file with torchvision's parameter names, whose batch norms may be folded into
        the convolutions; it may hold more than the trunk needs.
    """
    if name not in trunk_names():
        raise unknown_name('trunk', name, trunk_names())
    cut = layer or _USUAL_LAYER.get(name, '')
    if not cut:
        raise VprError(f'trunk {name!r} needs the layer to end at: name one of torchvision, such '
                       f'as {_USUAL_LAYER["resnet18"]!r} of resnet18')
    if not weights:
        raise VprError(f"trunk {name!r} needs weights: 'imagenet' lets torchvision download its "
                       'own, or give the path of a .safetensors file')
    model = models.get_model(name, weights='DEFAULT' if weights == 'imagenet' else None).eval()
    tensors: dict[str, Tensor] = {}
    if weights != 'imagenet':
        tensors, _ = read_weights(Path(weights))
        if not any(key.endswith('running_mean') for key in tensors):
            _remove_batch_norms(model)
    _, nodes = get_graph_node_names(model)
    modules = {n.rsplit('.', 1)[0] for n in nodes} | set(nodes) | {
        n for n, _ in model.named_modules() if n}
    if cut not in modules:
        raise unknown_name(f'layer of {name}', cut, modules)
    body = create_feature_extractor(model, {cut: 'features'})
    if tensors:
        needed = body.state_dict()
        load_weights(body, {n: t for n, t in tensors.items() if n in needed}, weights)
    return Trunk(body, cut)


def _remove_batch_norms(model: nn.Module) -> None:
    """Replace each batch norm by identity and give the convolution before it a bias."""
    convolution: tuple[nn.Module, str, nn.Conv2d] | None = None
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                convolution = (parent, name, child)
            elif isinstance(child, nn.BatchNorm2d) and convolution is not None:
                owner, key, conv = convolution
                with_bias = nn.Conv2d(
                    conv.in_channels, conv.out_channels, conv.kernel_size,  # type: ignore
                    conv.stride, conv.padding, conv.dilation, conv.groups)  # type: ignore
                setattr(owner, key, with_bias.eval())
                setattr(parent, name, nn.Identity())
