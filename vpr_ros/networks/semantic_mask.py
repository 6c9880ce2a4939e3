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
Attention guided by semantic segmentation.

Holder, Srinivasa Kumar, Tsiolakis, Siantis: Exploring the Addition of Attention Mechanisms guided
by Semantic Segmentation in Place Recognition, 2023. A segmentation tells of each pixel which of 19
classes it shows; static ones (buildings, poles, ...) should count, and moving ones should not.
The place network is that of Leyva-Vallina, Strisciuglio, Petkov: Data-efficient Large Scale Place
Recognition with Graded Similarity Supervision, CVPR 2023: the whole convolutional part of
ResNet-50 (2048 channels, stride 32), GeM with a learned exponent, L2; 480 x 640 pixels.

    A = softmax(DeepLabv3+(image))            19 activation maps, kept as A = round(255 A) / 255
    m = mean of A over the static classes     the mask, after one of two scalings
    image * m | [image, m] | [image, A]       three ways in: 3, 4 and 22 channels

Our choice, where the paper does not say:
- Activations are probabilities (after the softmax), so that 0..255 means the same in all images.
- A mean of ten probabilities is at most 0.1 and would blacken the image. The mask is scaled to
  0..1 in each image by its least and greatest value ('minmax'), or is the sum of the static
  probabilities instead ('probability').
- A mask without contrast says nothing, and must not divide by zero or blacken the image: one that
  spans less than 1/255, the step of the activations, is stretched as if it spanned that, from its
  greatest value down, so that an even mask is 1 throughout. A sum that is 0 throughout is taken
  as 1.
- The mask multiplies RGB in 0..1 before it is normalised: what is masked is black. What is put
  beside the image is normalised RGB, and maps in 0..1.
- The first convolution for 4 or 22 channels starts from random weights, all of it: in the paper,
  too, the trained ones are lost.
- 'learned_mask' is the paper's proposal for later work, "a trainable self-attention module
  specifically tailored for generating masks". Here it is two convolutions to a grid of stride 16,
  one self-attention among its cells, and a sigmoid, resized to the image that it multiplies. It
  needs no segmentation, and starts near an even mask.
- The segmentation is never trained (in the paper, its maps are made beforehand).

Weights. One file may hold everything. The segmentation is public and never changes, so weights and
semantic_weights may also be given together: then the segmentation comes from the latter alone. So
are read the weights that Leyva-Vallina et al. publish (MSLS_resnet50_GeM_480_GCL.pth), which have
none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import unknown_name
from vpr_ros.networks.activation_cache import activation_key
from vpr_ros.networks.activation_cache import ActivationCache
from vpr_ros.networks.assembly import load_network
from vpr_ros.networks.assembly import part_weights
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.checkpoints import rename
from vpr_ros.networks.deeplab import CITYSCAPES
from vpr_ros.networks.deeplab import deeplab
from vpr_ros.networks.heads import Head
from vpr_ros.networks.initialisation import initialise
from vpr_ros.networks.initialisation import seeded
from vpr_ros.networks.precision import precise
from vpr_ros.networks.trunks import imagenet_preprocessing
from vpr_ros.networks.trunks import Trunk
from vpr_ros.networks.trunks import trunk as make_trunk
from vpr_ros.networks.weights import weights_hash

__all__ = ['INPUTS', 'LearnedMask', 'MASKS', 'semantic_mask', 'SemanticActivations',
           'SemanticMask', 'STATIC', 'static_mask', 'trainable_parts', 'VARIANTS']

# The first of Cityscapes' classes.
STATIC = ('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light',
          'traffic sign', 'vegetation', 'terrain')

INPUTS = ('multiply', 'concat_mask', 'concat_all', 'learned_mask', 'none')
MASKS = ('minmax', 'probability')

VARIANTS: Mapping[str, Mapping[str, object]] = {
    'Masked': {},
    'Masked, sum of static probabilities': {'mask': 'probability'},
    'RGB + mask (4 channels)': {'input': 'concat_mask'},
    'RGB + all activations (22 channels)': {'input': 'concat_all'},
    'Trainable mask': {'input': 'learned_mask'},
    'Normal': {'input': 'none'},
}

# Scaled to bytes; a mask that spans less than one step has no contrast.
_LEVELS = 255
_EXTRA_CHANNELS = {'concat_mask': 1, 'concat_all': len(CITYSCAPES)}
_STAGES = ('stem', 'layer1', 'layer2', 'layer3', 'layer4')

_GCL_RULES = (
    (r'pool\.p$', 'head.pool.p'),
    (r'backbone\.0\.', 'trunk.body.conv1.'), (r'backbone\.1\.', 'trunk.body.bn1.'),
    (r'backbone\.4\.', 'trunk.body.layer1.'), (r'backbone\.5\.', 'trunk.body.layer2.'),
    (r'backbone\.6\.', 'trunk.body.layer3.'), (r'backbone\.7\.', 'trunk.body.layer4.'))


def static_mask(activations: Tensor, kind: str = 'minmax') -> Tensor:
    """
    Return where things are that stay.

    :param activations: (B, 19, H, W), the probabilities of :data:`CITYSCAPES`' classes.
    :param kind: one of :data:`MASKS`.
    :returns: (B, 1, H, W) in [0, 1]; 1 throughout where no pixel differs from another ('minmax')
        or none is static ('probability').
    """
    static = activations[:, :len(STATIC)]
    if kind == 'probability':
        total = static.sum(dim=1, keepdim=True).clamp(max=1.0)
        nothing = total.amax(dim=(2, 3), keepdim=True) == 0.0
        return total.masked_fill(nothing, 1.0)
    mean = static.mean(dim=1, keepdim=True)
    top = mean.amax(dim=(2, 3), keepdim=True)
    span = (top - mean.amin(dim=(2, 3), keepdim=True)).clamp(min=1.0 / _LEVELS)
    return 1.0 - (top - mean) / span


class SemanticActivations(nn.Module):
    """
    Images (B, 3, H, W), ImageNet-normalised, to the probabilities of classes (B, 19, H, W).

    They are multiples of 1/255, whether they come from the cache or not. The segmentation stays
    in evaluation mode and gets no gradients.

    :param segmentation: images to logits of the same size.
    """

    def __init__(self, segmentation: nn.Module, cache: ActivationCache | None = None) -> None:
        super().__init__()
        self.segmentation = segmentation.eval()
        self.cache = cache
        self._hash = ''
        self.register_load_state_dict_post_hook(_forget_hash)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> SemanticActivations:
        """Stay in evaluation mode."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return probabilities of the precision of the images, and of float32 at least."""
        maps = self._compute(images) if self.cache is None else self._recall(images, self.cache)
        return maps.to(torch.promote_types(images.dtype, torch.float32)) / _LEVELS

    def _compute(self, images: Tensor) -> Tensor:
        logits = self.segmentation(images)
        return (precise(logits).softmax(dim=1) * _LEVELS).round()

    def _recall(self, images: Tensor, cache: ActivationCache) -> Tensor:
        self._hash = self._hash or weights_hash(self.segmentation)
        keys = [activation_key(image, self._hash) for image in images]
        shape = (len(CITYSCAPES), images.shape[2], images.shape[3])
        found = [cache.read(key, shape) for key in keys]
        missing = [number for number, maps in enumerate(found) if maps is None]
        if missing:
            computed = self._compute(images[missing]).to(torch.uint8).cpu().numpy()
            for number, maps in zip(missing, computed, strict=True):
                found[number] = maps
                cache.write(keys[number], maps)
        whole = np.stack([maps for maps in found if maps is not None])
        return torch.from_numpy(whole).to(images.device)


def _forget_hash(module: nn.Module, _: object) -> None:
    module._hash = ''  # type: ignore[assignment]


class LearnedMask(nn.Module):
    """Normalised images (B, 3, H, W) to a mask (B, 1, H, W) in (0, 1) by self-attention."""

    def __init__(self, *, channels: int = 64) -> None:
        super().__init__()
        self.cells = nn.Sequential(
            nn.Conv2d(3, channels // 2, 7, stride=4, padding=3), nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 3, stride=4, padding=1), nn.ReLU())
        self.queries = nn.Conv2d(channels, channels, 1, bias=False)
        self.keys = nn.Conv2d(channels, channels, 1, bias=False)
        self.values = nn.Conv2d(channels, channels, 1, bias=False)
        self.score = nn.Conv2d(channels, 1, 1)
        initialise(self)
        # An image begins nearly as it is, where the sigmoid still learns.
        nn.init.normal_(self.score.weight, std=1e-2)
        assert self.score.bias is not None
        nn.init.constant_(self.score.bias, 2.0)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mask, resized from the grid of cells."""
        x = self.cells(images)
        query, key, value = (part(x).flatten(2).transpose(1, 2)
                             for part in (self.queries, self.keys, self.values))
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + mixed.transpose(1, 2).reshape(x.shape)
        return F.interpolate(torch.sigmoid(self.score(x)), size=images.shape[2:],
                             mode='bilinear', align_corners=False)


class SemanticMask(PlaceNetwork):
    """
    A trunk and a head on images to which a segmentation added what is static.

    :param way: how it gets in, one of :data:`INPUTS`.
    :param mask: how activations become a mask, one of :data:`MASKS`.
    :param semantics: None for the ways that need none.
    """

    feature_map = True

    def __init__(self, trunk: Trunk, head: Head, *, way: str, mask: str,
                 semantics: SemanticActivations | None, height: int, width: int) -> None:
        super().__init__(name='semantic_mask', dimension=head.dimension,
                         preprocessing=imagenet_preprocessing(height, width))
        self.way = way
        self.mask = mask
        self.semantics = semantics
        self.learned = LearnedMask() if way == 'learned_mask' else None
        self.trunk = trunk
        if way in _EXTRA_CHANNELS:
            _rebuild_first(trunk, 3 + _EXTRA_CHANNELS[way])
        self.head = head

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        activations = None if self.semantics is None else self.semantics(images)
        mask = self._mask(images, activations)
        features = self.trunk(self._input(images, activations, mask))
        attention = None
        if mask is not None:
            cells = F.adaptive_avg_pool2d(precise(mask), features.shape[2:])[:, 0]
            attention = cells / cells.sum(dim=(1, 2), keepdim=True)
        return NetworkOutput(self.head(features), attention, features)

    def _mask(self, images: Tensor, activations: Tensor | None) -> Tensor | None:
        if self.learned is not None:
            return self.learned(images)
        if activations is None or self.way == 'concat_all':
            return None
        return static_mask(activations, self.mask)

    def _input(self, images: Tensor, activations: Tensor | None, mask: Tensor | None) -> Tensor:
        if self.way == 'concat_all' and activations is not None:
            return torch.cat([images, activations.to(images.dtype)], dim=1)
        if mask is None:
            return images
        mask = mask.to(images.dtype)
        if self.way == 'concat_mask':
            return torch.cat([images, mask], dim=1)
        return self.normalise((images * self.std + self.mean) * mask)


def trainable_parts(network: SemanticMask, schedule: str) -> dict[str, list[nn.Parameter]]:
    """
    Return what a schedule of the paper trains.

    Our choice: a layer of the paper is a stage of the trunk, of which there are five: the first
    convolution, and the four stages of residual blocks. What has no public weights is always
    trained: the exponent of GeM, a rebuilt first convolution, a learned mask.

    :param schedule: 'X-Y' for the first X and the last Y stages, such as '0-2', or 'all'.
    :returns: name of the part -> its parameters, from first to last; each parameter once.
    """
    stages = _stages(network)
    first, last = _parse(schedule)
    chosen = [*_STAGES[:first], *_STAGES[len(_STAGES) - last:]]
    parts = {name: stages[name] for name in chosen}
    if network.way in _EXTRA_CHANNELS:
        parts = {'stem': stages['stem'], **parts}
    if network.learned is not None:
        parts = {'mask': list(network.learned.parameters()), **parts}
    return {**parts, 'head': list(network.head.parameters())}


def _stages(network: SemanticMask) -> dict[str, list[nn.Parameter]]:
    stages: dict[str, list[nn.Parameter]] = {name: [] for name in _STAGES}
    for name, parameter in network.trunk.body.named_parameters():
        stage = name.split('.')[0]
        stages[stage if stage in stages else 'stem'].append(parameter)
    return stages


def _parse(schedule: str) -> tuple[int, int]:
    if schedule == 'all':
        return 0, len(_STAGES)
    first, _, last = schedule.partition('-')
    if not (first.isdecimal() and last.isdecimal()) or int(first) + int(last) > len(_STAGES):
        raise ValueError(f"a schedule is 'all' or X-Y, such as '0-2', with X + Y of at most "
                         f'{len(_STAGES)} stages, got {schedule!r}')
    return int(first), int(last)


def semantic_mask(*, input: str = 'multiply', mask: str = 'minmax',  # noqa: A002
                  publication: str = 'vainf', trunk: str = 'resnet50', weights: str = '',
                  trunk_weights: str = '', semantic_weights: str = '', cache: str = '',
                  head: str = 'gem', dimension: int = 0, p: float = 3.0, height: int = 480,
                  width: int = 640, seed: int = 0) -> SemanticMask:
    """
    Make the network of Holder et al. 2023.

    :param input: how the segmentation gets in: 'multiply' (the image by the mask), 'concat_mask'
        (beside it), 'concat_all' (all activations beside it), 'learned_mask' (a trained mask in
        its stead), 'none' (the paper's 'Normal').
    :param mask: 'minmax', or 'probability'.
    :param publication: whose DeepLabv3+ it is: 'vainf' or 'smp', see
        :mod:`vpr_ros.networks.deeplab`.
    :param trunk: a ResNet of torchvision.
    :param weights: a file of the trained network, or 'random'.
    :param trunk_weights: of the trunk alone: 'imagenet' or another name that torchvision
        publishes, a file with its names of tensors, or 'random'.
    :param semantic_weights: a file of DeepLabv3+ for Cityscapes, a TorchScript file of any
        segmentation into its classes, or 'random'; may be given beside weights.
    :param cache: a folder to keep activations in, for data that is described many times; empty
        for none.
    :param head: 'gem' (the paper's), 'spp', 'spp_max', 'vlad', 'average', 'max' or 'flatten'.
    :param dimension: size after a learned projection; 0 for none, as in the paper.
    :param p: the exponent of GeM to start with.
    :param seed: of the random numbers that untrained parts start from.
    """
    _refuse(input, mask, trunk, semantic_weights=semantic_weights, cache=cache)
    wanted = {'trunk_weights': trunk_weights}
    if _needs_semantics(input) and not (weights and semantic_weights):
        wanted['semantic_weights'] = semantic_weights
    parts = part_weights('semantic_mask', weights, **wanted)
    with seeded(seed):
        semantics = None
        if _needs_semantics(input):
            source = parts.get('semantic_weights', semantic_weights)
            semantics = SemanticActivations(
                deeplab(weights=source, publication=publication, size=(height, width)),
                ActivationCache(Path(cache)) if cache else None)
        body = make_trunk(trunk, 'layer4', weights=parts['trunk_weights'])
        network = SemanticMask(
            body, Head(head, body.channels, grid=body.grid(height, width), dimension=dimension,
                       p=p),
            way=input, mask=mask, semantics=semantics, height=height, width=width)
    keep = semantics if semantic_weights else None
    load_network(network, weights, lambda tensors: _convert(tensors, keep))
    return network


def _needs_semantics(way: str) -> bool:
    return way not in ('learned_mask', 'none')


def _refuse(way: str, mask: str, trunk: str, **semantic: str) -> None:
    """Refuse options that are unknown or would do nothing."""
    if way not in INPUTS:
        raise unknown_name('input', way, INPUTS)
    if mask not in MASKS:
        raise unknown_name('mask', mask, MASKS)
    if not trunk.startswith(('resnet', 'resnext', 'wide_resnet')):
        raise ValueError(f'the trunk must be a ResNet of torchvision, got {trunk!r}')
    if mask != MASKS[0] and way not in ('multiply', 'concat_mask'):
        raise ValueError(f'mask {mask!r} needs an input with a mask made of activations '
                         f"('multiply' or 'concat_mask'), got input {way!r}: leave mask out")
    for option, value in semantic.items():
        if value and not _needs_semantics(way):
            raise ValueError(f'input {way!r} uses no segmentation, got {option} {value!r}: leave '
                             'it out, or choose another input')


def _convert(tensors: Mapping[str, Tensor],
             semantics: SemanticActivations | None) -> dict[str, Tensor]:
    """
    Give the tensors of Leyva-Vallina et al. our names; ours stay as they are.

    :param semantics: the segmentation that is to stay, whatever the file holds of one.
    """
    renamed = rename(tensors, _GCL_RULES)
    exponent = renamed.get('head.pool.p')
    if exponent is not None and exponent.numel() == 1:
        renamed['head.pool.p'] = exponent.reshape(())  # theirs is a list of one
    if semantics is not None:
        renamed = {n: t for n, t in renamed.items() if not n.startswith('semantics.')}
        renamed.update({f'semantics.{n}': t for n, t in semantics.state_dict().items()})
    return renamed


def _rebuild_first(trunk: Trunk, channels: int) -> None:
    """Let the trunk take more channels by a new first convolution."""
    old = trunk.body.conv1
    assert isinstance(old, nn.Conv2d)
    trunk.body.conv1 = nn.Conv2d(
        channels, old.out_channels, old.kernel_size, old.stride,  # type: ignore[arg-type]
        old.padding, bias=old.bias is not None)  # type: ignore[arg-type]
    initialise(trunk.body.conv1)
