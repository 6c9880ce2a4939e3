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

"""Public checkpoints: their names of tensors become ours."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import re

from torch import Tensor
from vpr_ros.errors import VprError

__all__ = ['check_publication', 'matrix', 'rename', 'sequential_trunk']

# The parts of a ResNet in the order in which they are computed.
_RESNET = ('conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4')


def rename(tensors: Mapping[str, Tensor], rules: Sequence[tuple[str, str]], *,
           drop: str = r'(?!)') -> dict[str, Tensor]:
    """
    Rename the tensors of a checkpoint.

    :param rules: (pattern, replacement) pairs for :func:`re.sub`; each name is changed by the
        first whose pattern matches from its beginning, and kept when none does, so that what is
        not known is reported by name when it is loaded.
    :param drop: names that match from their beginning are left out: parts a place network has no
        use for.
    :raises VprError: when two tensors get one name.
    """
    renamed: dict[str, Tensor] = {}
    for original, tensor in tensors.items():
        if re.match(drop, original):
            continue
        name = original
        for pattern, replacement in rules:
            if re.match(pattern, name):
                name = re.sub(pattern, replacement, name, count=1)
                break
        if name in renamed:
            raise VprError(f'two tensors of this checkpoint are {name} here, one of them '
                           f'{original}: it holds more than one network')
        renamed[name] = tensor
    return renamed


def matrix(tensor: Tensor) -> Tensor:
    """Return the weights (D, C, 1, ...) of a 1 x 1 convolution as (D, C), others as they are."""
    is_convolution = tensor.ndim > 2 and tensor.shape[2:].numel() == 1
    return tensor.flatten(1) if is_convolution else tensor


def sequential_trunk(trunk: str, prefix: str) -> list[tuple[str, str]]:
    """
    Return the rules for trunks that programs keep as a plain sequence of torchvision's layers.

    :param trunk: its name; a ResNet is a sequence of its parts, any other one of its 'features'.
    :param prefix: pattern of what stands before the number of a layer.
    """
    if 'res' not in trunk:
        return [(prefix + r'(\d+)\.', r'trunk.body.features.\1.')]
    return [(f'{prefix}{number}\\.', f'trunk.body.{part}.')
            for number, part in enumerate(_RESNET)]


def check_publication(found: str, wanted: str, network: str, source: object) -> None:
    """
    Refuse the file of a network that another publication built otherwise under the same name.

    :param found: whose names of tensors the file has; empty for our own.
    :param wanted: the publication that the network is made for.
    :param source: where the file is, for the error message.
    """
    if found not in ('', wanted):
        raise VprError(f'{source} holds a {network} as {found!r} publishes it, which is another '
                       f'network than that of {wanted!r}: set option publication to {found!r}')
