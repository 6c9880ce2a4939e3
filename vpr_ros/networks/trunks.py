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

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch import Tensor
from torch.fx import Graph
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.feature_extraction import get_graph_node_names
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.initialisation import initialise
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

__all__ = ['imagenet_preprocessing', 'Trunk', 'trunk', 'trunk_names', 'vlad_layer']


# The last activation map of the trunks that the field uses; others need their layer named.
_USUAL_LAYER = {
    'alexnet': 'features.11',
    'mobilenet_v2': 'features.18',
    'resnet18': 'layer3',
    'resnet50': 'layer3',
    'vgg16': 'features.29',
}
# Their last convolution, where that map is its ReLU: VLAD is made of what ReLU would cut off too.
_LAST_CONVOLUTION = {'alexnet': 'features.10', 'vgg16': 'features.28'}


class Trunk(nn.Module):
    """
    Images (B, 3, H, W), ImageNet-normalised, to feature maps (B, C, h, w).

    :param layers: where the maps are taken, in the order they are computed.
    :param body: returns them by these names.
    """

    def __init__(self, body: nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.body = body
        self.layers = tuple(layers)
        shapes = self._shapes()
        for layer, shape in zip(layers, shapes, strict=True):
            # Channels that come last, or in between, are not as many as a square image has rows.
            if len(shape) != 4 or shape[2] != shape[3]:
                raise VprError(f'layer {layer!r} does not return a feature map (B, C, h, w): one '
                               f'square image becomes {shape}; choose another layer')
        self.map_channels = tuple(shape[1] for shape in shapes)

    @torch.no_grad()
    def _shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of all maps of one square image."""
        device = next(self.body.parameters()).device
        for side in (64, 224):  # some trunks take their own size alone, or no small images
            try:
                # Not called, for a call that fails writes its code to standard error.
                found = self.body.forward(torch.zeros(1, 3, side, side, device=device))
                return [tuple(found[layer].shape) for layer in self.layers]
            except (AssertionError, RuntimeError) as error:
                reason = error
        raise VprError(f'this trunk takes no images of {side} x {side} pixels ({reason}): choose '
                       'another trunk') from reason

    def __deepcopy__(self, memo: dict[int, Any]) -> Trunk:
        made = Trunk.__new__(Trunk)
        nn.Module.__init__(made)
        made.body = _copied(self.body, memo)
        made.layers, made.map_channels = self.layers, self.map_channels
        made.training = self.training
        return made

    @property
    def channels(self) -> int:
        """Return the channels of the last map."""
        return self.map_channels[-1]

    def forward(self, images: Tensor) -> Tensor:
        """Return the last map."""
        return self.maps(images)[-1]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps of all layers."""
        found: dict[str, Tensor] = self.body(images)
        return [found[layer] for layer in self.layers]

    def fold(self) -> None:
        """Let convolutions do what batch norms did, for weights in which they are folded."""
        _remove_batch_norms(self.body)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return (h, w) of the last map of images of that size, without computing it."""
        return self.grids(height, width)[-1]

    def grids(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return (h, w) of each map of images of that size, without computing them."""
        Preprocessing(height, width)  # refuses what is the size of no image
        body = _copied(self.body, {}).to('meta')
        try:
            found = body.forward(torch.empty(1, 3, height, width, device='meta'))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise ValueError(f'this trunk takes no images of {height} x {width} pixels '
                             f'({error})') from error
        return [(int(found[layer].shape[2]), int(found[layer].shape[3])) for layer in self.layers]


def _copied(body: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """Return a copy in the same mode: that of a graph module alone is in training mode."""
    copied = deepcopy(body, memo).train(body.training)
    for part, original in zip(copied.modules(), body.modules(), strict=True):
        part.training = original.training
    return copied


def imagenet_preprocessing(height: int, width: int) -> Preprocessing:
    """Return the preprocessing that torchvision's ImageNet weights were trained with."""
    return Preprocessing(height, width, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def trunk_names() -> list[str]:
    """Return the names that :func:`trunk` knows: all image classifiers of torchvision."""
    return models.list_models(module=models)


def vlad_layer(name: str, layer: str = '') -> str:
    """Return the layer that VLAD is made of: the one named, or as published; '' for the usual."""
    return layer or _LAST_CONVOLUTION.get(name, '')


def trunk(name: str, *layers: str, weights: str) -> Trunk:
    """
    Make a trunk.

    :param name: any image classifier of torchvision.
    :param layers: torchvision's names of the layers to take maps from, the last one where the
        trunk ends; none for the usual one of alexnet, mobilenet_v2, resnet18, resnet50 and vgg16.
    :param weights: 'imagenet' or the name of other weights that torchvision publishes, such as
        'IMAGENET1K_V1' (torchvision downloads them when it has not yet); a .safetensors or .pth
        file with torchvision's parameter names, whose batch norms may be folded into the
        convolutions and which may hold more than the trunk needs; or 'random'.
    """
    if name not in trunk_names():
        raise unknown_name('trunk', name, trunk_names())
    cuts = tuple(layer for layer in layers if layer) or (_USUAL_LAYER.get(name, ''),)
    if not cuts[0]:
        raise VprError(f'trunk {name!r} needs the layer to end at: name one of torchvision, such '
                       f'as {_USUAL_LAYER["resnet18"]!r} of resnet18')
    if not weights:
        raise VprError(f"trunk {name!r} needs weights: 'imagenet' lets torchvision download its "
                       'own, or give the path of a .safetensors or .pth file')
    published = _published(name, weights)
    if published is not None:
        return Trunk(_cut(_downloaded(name, published), name, cuts), cuts)
    tensors: dict[str, Tensor] = {}
    if weights != 'random':
        tensors, _ = read_weights(Path(weights))
    folded = bool(tensors) and not any(key.endswith('running_mean') for key in tensors)
    made = Trunk(_empty(name, cuts, folded=folded), cuts)
    if tensors:
        needed = made.body.state_dict()
        load_weights(made.body, {n: t for n, t in tensors.items() if n in needed}, weights)
    return made


def _published(name: str, weights: str) -> object | None:
    """Return torchvision's weights of that name, or None where it is another source."""
    known = models.get_model_weights(name)
    if weights == 'imagenet':
        return known.DEFAULT
    return known.__members__.get(weights)


def _downloaded(name: str, published: object) -> nn.Module:
    """Return the whole network with weights that torchvision has, or downloads, for it."""
    try:
        return models.get_model(name, weights=published).eval()
    except (OSError, RuntimeError) as error:  # no way to the server; what came is damaged
        raise VprError(f'torchvision could not download its {published} of trunk {name!r} '
                       f'({error}): give the path of a .safetensors or .pth file instead'
                       ) from error


def _cut(model: nn.Module, name: str, cuts: Sequence[str]) -> nn.Module:
    _, nodes = get_graph_node_names(model)
    modules = {n.rsplit('.', 1)[0] for n in nodes} | set(nodes) | {
        n for n, _ in model.named_modules() if n}
    for cut in cuts:
        if cut not in modules:
            raise unknown_name(f'layer of {name}', cut, modules)
    body = create_feature_extractor(model, {cut: cut for cut in cuts})
    for graph in (body.train_graph, body.eval_graph):
        _keep_maps(graph)
    body.recompile()
    return body


def _keep_maps(graph: Graph) -> None:
    """Return copies of maps that later layers use: some of them work in place."""
    output = next(node for node in graph.nodes if node.op == 'output')
    maps = dict(output.args[0])
    for cut, node in maps.items():
        if len(node.users) > 1:
            with graph.inserting_after(node):
                maps[cut] = graph.call_method('clone', (node,))
    output.args = (maps,)


def _empty(name: str, cuts: Sequence[str], *, folded: bool) -> nn.Module:
    """Return the trunk with random weights, made without those of the layers it leaves out."""
    try:
        with torch.device('meta'):
            body = _untrained(name, cuts, folded=folded)
    except NotImplementedError:  # some compute their sizes by tensors, which must have values
        return _untrained(name, cuts, folded=folded)
    if _is_plain(body):
        body.to_empty(device='cpu')
        initialise(body)
        return body
    # Other layers have weights and tables that only their own constructors can make.
    return _untrained(name, cuts, folded=folded)


def _untrained(name: str, cuts: Sequence[str], *, folded: bool) -> nn.Module:
    model = models.get_model(name, weights=None).eval()
    if folded:
        _remove_batch_norms(model)
    return _cut(model, name, cuts)


def _is_plain(body: nn.Module) -> bool:
    """Tell whether :func:`initialise` sets every parameter and buffer."""
    plain = nn.Conv2d | nn.Linear | nn.BatchNorm2d
    return all(isinstance(part, plain) for part in body.modules()
               if [*part.parameters(recurse=False), *part.buffers(recurse=False)])


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
