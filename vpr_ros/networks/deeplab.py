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
DeepLabv3+ with the 19 classes of Cityscapes: what each pixel of a street shows.

Chen, Zhu, Papandreou, Schroff, Adam: Encoder-Decoder with Atrous Separable Convolution for
Semantic Image Segmentation, ECCV 2018. A ResNet-101 whose last stage is dilated (stride 16), read
at several rates side by side (atrous spatial pyramid pooling: 1x1, three dilated 3x3, the mean of
the image; 256 channels each), joined at stride 4 with 48 channels of the first stage, a 3x3
convolution to 256 channels, and a 1x1 convolution to the classes.

Two publications of it are read, which are two architectures:

- 'vainf': best_deeplabv3plus_resnet101_cityscapes_os16.pth of VainF's DeepLabV3Plus-Pytorch
  (tensors under 'model_state'), the one that Holder et al. 2023 take. Plain convolutions at rates
  6, 12, 18; the first block of the last stage is not dilated (as torchvision does it); maps are
  resized without aligned corners. 58,753,459 parameters.
- 'smp': DeepLabV3Plus('resnet101', classes=19) of segmentation-models-pytorch with its other
  defaults, for those who train their own: what it publishes for Cityscapes is SegFormer, and of
  DeepLab the encoders alone. Separable convolutions at rates 12, 24, 36 and one more after the
  pyramid; the first block of the last stage is dilated, too; corners are aligned. 45,674,339
  parameters. What was trained with other rates or another stride has the same tensors: save it
  as TorchScript instead.

A network of one is not that of the other, so that the option says which it is and a file of the
other is refused. A TorchScript file takes the place of either.

Neither is limited to a multiple of 16 pixels: maps are resized to the size of those they join, and
logits to that of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
import zipfile

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck
from torchvision.models.resnet import ResNet
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.networks.checkpoints import check_publication
from vpr_ros.networks.checkpoints import rename
from vpr_ros.networks.exported import open_script
from vpr_ros.networks.initialisation import initialise
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

__all__ = ['CITYSCAPES', 'convert_deeplab', 'DeepLab', 'deeplab', 'PUBLICATIONS',
           'ScriptedSegmentation']

CITYSCAPES = (
    'road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign',
    'vegetation', 'terrain', 'sky', 'person', 'rider', 'car', 'truck', 'bus', 'train',
    'motorcycle', 'bicycle')

PUBLICATIONS = ('vainf', 'smp')

_CHANNELS = 256
_RATES = {'vainf': (6, 12, 18), 'smp': (12, 24, 36)}

_VAINF_RULES = (
    (r'backbone\.', 'trunk.'), (r'classifier\.project\.', 'low.'),
    (r'classifier\.aspp\.convs\.', 'pyramid.branches.'),
    (r'classifier\.aspp\.project\.', 'pyramid.project.'),
    (r'classifier\.classifier\.([01])\.', r'decode.\1.'),
    (r'classifier\.classifier\.3\.', 'classify.'))
# Training programs around the library often call the network 'model'.
_SMP_RULES = (
    (r'(model\.)?encoder\.', 'trunk.'), (r'(model\.)?decoder\.block1\.', 'low.'),
    (r'(model\.)?decoder\.aspp\.0\.convs\.', 'pyramid.branches.'),
    (r'(model\.)?decoder\.aspp\.0\.project\.', 'pyramid.project.'),
    (r'(model\.)?decoder\.aspp\.1\.', 'smooth.0.'), (r'(model\.)?decoder\.aspp\.2\.', 'smooth.1.'),
    (r'(model\.)?decoder\.block2\.', 'decode.'),
    (r'(model\.)?segmentation_head\.0\.', 'classify.'))
_BESIDE = r'(model\.)?classification_head\.'


class DeepLab(nn.Module):
    """
    Images (B, 3, H, W), RGB normalised as for ImageNet, to logits of the classes (B, 19, H, W).

    :param publication: whose weights it takes, one of :data:`PUBLICATIONS`.
    :param blocks: of each stage of the trunk; the default is ResNet-101.
    """

    def __init__(self, *, publication: str = 'vainf', classes: int = len(CITYSCAPES),
                 blocks: Sequence[int] = (3, 4, 23, 3)) -> None:
        super().__init__()
        if publication not in PUBLICATIONS:
            raise unknown_name('publication of DeepLabv3+', publication, PUBLICATIONS)
        separable = publication == 'smp'
        self.publication = publication
        self.align_corners = separable
        self.trunk = ResNet(Bottleneck, list(blocks),
                            replace_stride_with_dilation=[False, False, True])
        del self.trunk.fc, self.trunk.avgpool
        if separable:
            first = self.trunk.layer4[0].conv2
            first.dilation = first.padding = (2, 2)
        self.low = nn.Sequential(*_convolution(256, 48, 1))
        self.pyramid = _Pyramid(2048, _RATES[publication], separable=separable)
        self.smooth = nn.Sequential(
            *(_convolution(_CHANNELS, _CHANNELS, 3, separable=True) if separable else ()))
        self.decode = nn.Sequential(*_convolution(48 + _CHANNELS, _CHANNELS, 3,
                                                  separable=separable))
        self.classify = nn.Conv2d(_CHANNELS, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the classes at the size of the images."""
        trunk = self.trunk
        x = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(images))))
        low = trunk.layer1(x)
        x = self.smooth(self.pyramid(trunk.layer4(trunk.layer3(trunk.layer2(low)))))
        # The order of the two is that of the published weights.
        low = self.low(low)
        parts = [low, self._resize(x, low)]
        joined = torch.cat(parts if self.publication == 'vainf' else parts[::-1], dim=1)
        return self._resize(self.classify(self.decode(joined)), images)

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[2:], mode='bilinear',
                             align_corners=self.align_corners)


class _Pyramid(nn.Module):
    """Atrous spatial pyramid pooling: one map read at several rates, joined to 256 channels."""

    def __init__(self, inputs: int, rates: Sequence[int], *, separable: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList([
            nn.Sequential(*_convolution(inputs, _CHANNELS, 1)),
            *(nn.Sequential(*_convolution(inputs, _CHANNELS, 3, rate=rate, separable=separable))
              for rate in rates),
            nn.Sequential(nn.AdaptiveAvgPool2d(1), *_convolution(inputs, _CHANNELS, 1))])
        self.project = nn.Sequential(*_convolution(len(self.branches) * _CHANNELS, _CHANNELS, 1))

    def forward(self, x: Tensor) -> Tensor:
        *local, image = (branch(x) for branch in self.branches)
        return self.project(torch.cat([*local, image.expand_as(local[0])], dim=1))


class ScriptedSegmentation(nn.Module):
    """
    Any segmentation of streets saved as TorchScript.

    Such a file is a program: use one only where you would run the code it was made from.

    :param path: a file whose network maps images (B, 3, H, W), RGB normalised as for ImageNet, to
        logits (B, classes, h, w) of any resolution.
    :param size: height and width of the images it will see; a traced network may take no other.
    """

    def __init__(self, path: Path, *, classes: int = len(CITYSCAPES),
                 size: tuple[int, int] = (64, 64)) -> None:
        super().__init__()
        self.script = open_script(path)
        self._refuse_others(path, classes, size)
        self.one_by_one = not self._takes_two(size)

    @torch.no_grad()
    def _refuse_others(self, path: Path, classes: int, size: tuple[int, int]) -> None:
        shape = (1, 3, *size)
        wanted = f'{shape} to logits (1, {classes}, h, w)'
        try:
            logits = self.script(torch.zeros(shape))
        except RuntimeError as error:
            raise VprError(f'the network in {path} must map images {wanted}, and fails: '
                           f'{str(error)[-300:]}') from error
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        if not isinstance(got, tuple) or len(got) != 4 or got[:2] != (1, classes):
            raise VprError(f'the network in {path} must map images {wanted}, got {got}')

    @torch.no_grad()
    def _takes_two(self, size: tuple[int, int]) -> bool:
        # A trace of one image may hold the number 1 in its code.
        try:
            logits: Tensor = self.script(torch.zeros(2, 3, *size))
        except RuntimeError:
            return False
        return logits.ndim == 4 and len(logits) == 2

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the classes at the size of the images."""
        logits = (torch.cat([self.script(image) for image in images.split(1)])
                  if self.one_by_one else self.script(images))
        return F.interpolate(logits, size=images.shape[2:], mode='bilinear', align_corners=False)


def deeplab(*, weights: str, publication: str = 'vainf',
            size: tuple[int, int] = (64, 64)) -> nn.Module:
    """
    Make a segmentation of streets into the classes of :data:`CITYSCAPES`, in evaluation mode.

    :param weights: a file as published, a file of our own names, a TorchScript file (see
        :class:`ScriptedSegmentation`), or 'random'.
    :param publication: one of :data:`PUBLICATIONS`; nothing to a TorchScript file.
    :param size: height and width that a TorchScript file is tried with; nothing to the others.
    :returns: images (B, 3, H, W), RGB normalised as for ImageNet, to logits (B, 19, H, W).
    """
    if weights != 'random' and _is_torchscript(Path(weights)):
        return ScriptedSegmentation(Path(weights), size=size).eval()
    with torch.device('meta'):
        network = DeepLab(publication=publication).eval()
    network.to_empty(device='cpu')
    if weights == 'random':
        _randomise(network)
    else:
        tensors, _ = read_weights(Path(weights))
        load_weights(network, convert_deeplab(tensors, publication, weights), weights)
    return network


def convert_deeplab(tensors: Mapping[str, Tensor], publication: str,
                    source: object) -> dict[str, Tensor]:
    """
    Give the tensors of a publication our names; ours stay as they are.

    :param publication: the one that the network is made for; tensors of the other are refused.
    :param source: where they come from, for the error message.
    """
    found = _publication(tensors)
    check_publication(found, publication, 'DeepLabv3+', source)
    rules = {'vainf': _VAINF_RULES, 'smp': _SMP_RULES, '': ()}[found]
    return rename(tensors, rules, drop=_BESIDE if found == 'smp' else r'(?!)')


def _randomise(network: DeepLab) -> None:
    initialise(network)
    for block in network.trunk.modules():
        if isinstance(block, Bottleneck):
            # 33 residual sums in a row would leave the range of half precision.
            nn.init.constant_(block.bn3.weight, 0.25)
    nn.init.normal_(network.classify.weight, std=0.1)  # logits of 3 or so: no class is certain yet


def _publication(tensors: Mapping[str, Tensor]) -> str:
    if any(name.startswith('backbone.') for name in tensors):
        return 'vainf'
    smp = ('encoder.', 'model.encoder.')
    return 'smp' if any(name.startswith(smp) for name in tensors) else ''


def _is_torchscript(path: Path) -> bool:
    """Tell a saved program from a checkpoint: both are zip archives, only one has code."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith('/constants.pkl') for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _convolution(inputs: int, outputs: int, size: int, *, rate: int = 1,
                 separable: bool = False) -> Sequence[nn.Module]:
    padding = rate * (size // 2)
    if separable:
        convolution: nn.Module = nn.Sequential(
            nn.Conv2d(inputs, inputs, size, padding=padding, dilation=rate, groups=inputs,
                      bias=False),
            nn.Conv2d(inputs, outputs, 1, bias=False))
    else:
        convolution = nn.Conv2d(inputs, outputs, size, padding=padding, dilation=rate, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
