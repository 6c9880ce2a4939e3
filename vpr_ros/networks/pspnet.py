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
Pyramid scene parsing with the 150 classes of ADE20K: what a scene is made of, and where.

Zhao, Shi, Qi, Wang, Jia: Pyramid Scene Parsing Network, CVPR 2017. A ResNet-50 whose first layer
is three 3x3 convolutions and whose last two stages are dilated (stride 8), pooled over grids of 1,
2, 3 and 6 cells, each reduced to a quarter of the channels and put beside the map (4096 channels);
a 3x3 convolution to 512 channels, and a 1x1 convolution to the classes.

Two publications of its weights are read. Both take RGB normalised as for ImageNet (one writes the
constants for 0..255, the other for 0..1), and they differ in three small things:

- 'semseg', of Zhao himself: one file (train_epoch_100.pth). All blocks of the last two stages are
  dilated by 2 and 4; pooled cells are resized with aligned corners.
- 'csail', of the publishers of ADE20K (ade20k-resnet50dilated-ppm_deepsup): two files,
  encoder_epoch_20.pth and decoder_epoch_20.pth, named together by the folder that holds them; or
  one file of both with the prefixes 'encoder.' and 'decoder.'. The first block of these stages is
  dilated by 1 and 2 (half), as torchvision does it; corners are not aligned.
- The names of tensors. The branches that helped training ('aux', 'deepsup') are left out.

A network of one is not that of the other with the same weights, so that the option says which it
is and a file of the other is refused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.networks.checkpoints import check_publication
from vpr_ros.networks.checkpoints import rename
from vpr_ros.networks.initialisation import initialise
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

__all__ = ['convert_pspnet', 'PSPNet', 'pspnet', 'PUBLICATIONS']

PUBLICATIONS = ('semseg', 'csail')

_BINS = (1, 2, 3, 6)
# (planes, blocks, stride, dilation) of the four stages; a block has 4 x planes outputs.
_STAGES = ((64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 1, 2), (512, 3, 1, 4))

_SEMSEG_RULES = (
    (r'layer0\.', 'trunk.stem.'), (r'layer', 'trunk.layer'),
    (r'ppm\.features\.', 'pyramid.'), (r'cls\.([01])\.', r'reduce.\1.'),
    (r'cls\.4\.', 'classify.'))
_CSAIL_RULES = (
    (r'encoder\.conv1\.', 'trunk.stem.0.'), (r'encoder\.bn1\.', 'trunk.stem.1.'),
    (r'encoder\.conv2\.', 'trunk.stem.3.'), (r'encoder\.bn2\.', 'trunk.stem.4.'),
    (r'encoder\.conv3\.', 'trunk.stem.6.'), (r'encoder\.bn3\.', 'trunk.stem.7.'),
    (r'encoder\.layer', 'trunk.layer'), (r'decoder\.ppm\.', 'pyramid.'),
    (r'decoder\.conv_last\.([01])\.', r'reduce.\1.'),
    (r'decoder\.conv_last\.4\.', 'classify.'))
# The last three are sums that CSAIL's synchronised batch norm keeps while it trains.
_TRAINING = r'aux\.|decoder\.\w+_deepsup\.|.*\._(tmp_running_mean|tmp_running_var|running_iter)$'


class PSPNet(nn.Module):
    """
    Images (B, 3, H, W), RGB normalised as for ImageNet, to classes at a resolution of 1/8.

    :param publication: whose weights it takes, one of :data:`PUBLICATIONS`.
    """

    channels = 512

    def __init__(self, *, publication: str = 'semseg', classes: int = 150) -> None:
        super().__init__()
        if publication not in PUBLICATIONS:
            raise unknown_name('publication of PSPNet', publication, PUBLICATIONS)
        self.publication = publication
        self.align_corners = publication == 'semseg'
        self.trunk = nn.Sequential(OrderedDict(stem=nn.Sequential(
            *_convolution(3, 64, 3, stride=2), *_convolution(64, 64, 3), *_convolution(64, 128, 3),
            nn.MaxPool2d(3, stride=2, padding=1))))
        inputs, before = 128, 1
        for number, (planes, blocks, stride, dilation) in enumerate(_STAGES, 1):
            first = dilation if publication == 'semseg' else before
            self.trunk.add_module(f'layer{number}', _stage(inputs, planes, blocks, stride, first,
                                                           dilation))
            inputs, before = planes * Bottleneck.expansion, dilation
        self.pyramid = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size),
                          *_convolution(inputs, inputs // len(_BINS), 1)) for size in _BINS)
        self.reduce = nn.Sequential(*_convolution(2 * inputs, self.channels, 3))
        self.classify = nn.Conv2d(self.channels, classes, 1)

    def features(self, images: Tensor) -> Tensor:
        """Return what the classes are told from: (B, 512, h, w), not negative."""
        x = self.trunk(images)
        size = (x.shape[2], x.shape[3])
        cells = [F.interpolate(level(x), size=size, mode='bilinear',
                               align_corners=self.align_corners) for level in self.pyramid]
        return self.reduce(torch.cat([x, *cells], dim=1))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the classes: (B, 150, h, w)."""
        return self.classify(self.features(images))


def pspnet(*, weights: str, publication: str = 'semseg', classes: int = 150) -> PSPNet:
    """
    Make a PSPNet in evaluation mode.

    :param weights: a file or a folder as published, a file of our own names, or 'random'.
    """
    tensors: dict[str, Tensor] = {}
    if weights != 'random':
        tensors = convert_pspnet(_read(Path(weights)), publication, weights)
    with torch.device('meta'):
        network = PSPNet(publication=publication, classes=classes).eval()
    network.to_empty(device='cpu')
    initialise(network)
    if weights != 'random':
        load_weights(network, tensors, weights)
    return network


def convert_pspnet(tensors: Mapping[str, Tensor], publication: str,
                   source: object) -> dict[str, Tensor]:
    """
    Give the tensors of a publication our names; ours stay as they are.

    :param publication: the one that the network is made for; tensors of the other are refused.
    :param source: where they come from, for the error message.
    """
    found = _publication(tensors)
    check_publication(found, publication, 'PSPNet', source)
    rules = {'semseg': _SEMSEG_RULES, 'csail': _CSAIL_RULES, '': ()}[found]
    return rename(tensors, rules, drop=_TRAINING if found else r'(?!)')


def _publication(tensors: Mapping[str, Tensor]) -> str:
    if any(name.startswith('layer0.') for name in tensors):
        return 'semseg'
    return 'csail' if any(name.startswith('decoder.') for name in tensors) else ''


def _read(path: Path) -> dict[str, Tensor]:
    """Read a file, or the two of a folder under the prefixes 'encoder.' and 'decoder.'."""
    if not path.is_dir():
        return read_weights(path)[0]
    tensors: dict[str, Tensor] = {}
    for part in ('encoder', 'decoder'):
        files = sorted(path.glob(f'{part}*.*'))
        if len(files) != 1:
            names = ', '.join(file.name for file in files) or 'none'
            raise VprError(f'{path} must hold the two files of a PSPNet, encoder_epoch_N.pth and '
                           f'decoder_epoch_N.pth; files named {part}*: {names}')
        tensors.update({f'{part}.{name}': t for name, t in read_weights(files[0])[0].items()})
    return tensors


def _convolution(inputs: int, outputs: int, size: int, *, stride: int = 1) -> Sequence[nn.Module]:
    return (nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False),
            nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _stage(inputs: int, planes: int, blocks: int, stride: int, first: int,
           dilation: int) -> nn.Sequential:
    """Return a stage of residual blocks; the first has a stride and a dilation of its own."""
    outputs = planes * Bottleneck.expansion
    shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                             nn.BatchNorm2d(outputs))
    return nn.Sequential(
        Bottleneck(inputs, planes, stride, shortcut, dilation=first),
        *(Bottleneck(outputs, planes, dilation=dilation) for _ in range(blocks - 1)))
