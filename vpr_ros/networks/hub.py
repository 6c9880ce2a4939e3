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
Anybody's network by configuration: a torch.hub entry point, a TorchScript archive, an ONNX file.

So users of CosPlace, MegaLoc, BoQ, SALAD and others keep their network. In the parameters of the
localizer, for example (torch.hub downloads what is not there yet, because it was asked to)::

    extraction.network: hub
    extraction.options: "{repository: gmberton/CosPlace, entry: get_trained_model,
        arguments: {backbone: ResNet50, fc_output_dim: 512}, height: 480, width: 640}"

    extraction.options: "{repository: gmberton/MegaLoc, entry: get_trained_model,
        height: 322, width: 322}"

    extraction.options: "{repository: amaralibey/bag-of-queries, entry: get_trained_boq,
        arguments: {backbone_name: resnet50, output_dim: 16384}, output: 0,
        height: 384, width: 384}"

    extraction.options: "{repository: serizba/salad, entry: dinov2_salad,
        height: 322, width: 322}"

    extraction.options: "{file: mine.onnx, height: 240, width: 320,
        mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}"

A map names the weights by their hash, the size and the normalisation, but no file, repository or
argument: those are said again, by whoever uses the map. A repository is code that runs with all
rights of its user.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
import re
import sys
from typing import Any

import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.exported import choose_output
from vpr_ros.networks.exported import open_exported
from vpr_ros.networks.identity import Preprocessing

__all__ = ['hub', 'HubNetwork']

_ON_GITHUB = re.compile(r'[\w.-]+/[\w.-]+(:[\w./-]+)?')


class HubNetwork(PlaceNetwork):
    """
    A module that was made elsewhere, its result L2-normalised.

    :param model: images (B, 3, H, W), normalised, to descriptors (B, D) or (B, D, 1, 1), or to
        several outputs of which ``output`` says one. With ``grey`` it takes (B, 1, H, W).
    :param dimension: D if it is known, for a network that has another is refused; or 0.
    """

    luma: Tensor

    def __init__(self, model: nn.Module, *, preprocessing: Preprocessing, dimension: int = 0,
                 output: int | str = '', grey: bool = False) -> None:
        super().__init__(name='hub', dimension=dimension, preprocessing=preprocessing)
        self.output = output
        self.grey = grey
        self.register_buffer('luma', torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1),
                             persistent=False)  # ITU-R BT.601
        self.model = model.cpu().eval()
        self.one_by_one = False
        with torch.no_grad():
            black = torch.zeros(1, 3, preprocessing.height, preprocessing.width)
            first = self(black).descriptors
            self.dimension = first.shape[1]
            self.one_by_one = not self._takes_two(black, first)
        if dimension not in (0, self.dimension):
            raise VprError(f'the network has descriptors of {self.dimension} dimensions, not '
                           f'{dimension}: set option dimension to {self.dimension}, or to 0')

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W) of a size that the module takes."""
        if self.grey:
            images = (images * self.luma).sum(dim=1, keepdim=True)
        parts = images.split(1) if self.one_by_one else [images]
        return NetworkOutput(torch.cat([self._described(part) for part in parts]))

    def _described(self, images: Tensor) -> Tensor:
        try:
            found = self.model(images.contiguous())
        except VprError:
            raise
        # The code is not ours: it may raise anything.
        except Exception as error:
            raise VprError(f'the network could not describe images {tuple(images.shape)} in '
                           f'{images.dtype} on {images.device}: {error}') from error
        return F.normalize(self._descriptors(found, len(images)).to(images))

    def _takes_two(self, image: Tensor, described: Tensor) -> bool:
        """Tell whether images may come together: the trace of one may hold that number."""
        other = torch.ones_like(image)
        try:
            together = self(torch.cat([image, other])).descriptors
        except VprError:
            return False
        alone = torch.cat([described, self(other).descriptors])
        return torch.allclose(together, alone, atol=1e-3)

    def _descriptors(self, found: Any, count: int) -> Tensor:
        if not isinstance(found, Tensor):
            if not isinstance(found, Mapping | list | tuple):
                raise VprError(f'the network must return tensors, got {type(found).__name__}')
            found = choose_output(found, self.output)
        elif self.output != '':
            raise VprError('the network has one output: leave option output out, got '
                           f'{self.output!r}')
        if not isinstance(found, Tensor) or not found.is_floating_point():
            raise VprError('a descriptor is a tensor of floating point numbers, got '
                           f'{getattr(found, "dtype", type(found).__name__)}')
        flat = found.flatten(1) if found.ndim == 4 and found.shape[2:] == (1, 1) else found
        if flat.ndim != 2 or len(flat) != count or flat.shape[1] == 0:
            raise VprError(f'descriptors of {count} image(s) have shape (B, D) = ({count}, D), '
                           f'got {tuple(found.shape)}: name another output, or export the '
                           'network with its pooling')
        return flat

    def _apply(self, fn: Any, recurse: bool = True) -> HubNetwork:
        # A view in foreign code may need the usual layout of memory: the faster channels-last,
        # which an engine asks for, is undone.
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for tensor in (*self.model.parameters(), *self.model.buffers()):
            tensor.data = tensor.data.contiguous()
        return self


def hub(*, repository: str = '', entry: str = '', arguments: Mapping[str, object] | None = None,
        file: str = '', height: int = 224, width: int = 224,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        dimension: int = 0, output: int | str = '', grey: bool = False) -> HubNetwork:
    """
    Make a network of what others published or exported.

    :param repository: a folder with a hubconf.py, or owner/name (or owner/name:branch) on GitHub,
        which torch.hub downloads, and trusts, unless it has it already.
    :param entry: the function of hubconf.py that makes the network.
    :param arguments: keyword arguments of that function.
    :param file: instead of a repository: a TorchScript archive (.pt, .ts), or an ONNX model
        (.onnx), which onnxruntime runs on the CPU.
    :param height: of the images it is given, as ``width`` in pixels.
    :param mean: of each RGB channel, in [0, 1], as ``std``; ImageNet's when left out.
    :param dimension: of a descriptor, to be sure; 0 asks the network.
    :param output: which output, by position or name, of a network that has several.
    :param grey: whether it takes images of one channel, by the weights of ITU-R BT.601.
    """
    if bool(repository) == bool(file):
        raise VprError('hub has no network of its own: give one of: repository (with entry), or '
                       f'file; got {"both" if file else "neither"}')
    if file and (entry or arguments):
        raise ValueError('entry and arguments belong to a repository, not to a file')
    if repository and not entry:
        raise ValueError('a repository needs entry: the function of its hubconf.py that makes '
                         'the network')
    if type(dimension) is not int or dimension < 0:
        raise ValueError(f'dimension must be a whole number, 0 if unknown, got {dimension!r}')
    if type(output) not in (int, str):
        raise ValueError(f'output must be a position or a name, got {output!r}')
    if type(grey) is not bool:
        raise ValueError(f'grey must be true or false, got {grey!r}')
    means, deviations = _three('mean', mean), _three('std', std)
    if grey and (len(set(means)) > 1 or len(set(deviations)) > 1):
        raise ValueError('grey goes with one mean and one std, three times each, such as mean: '
                         f'[0, 0, 0], std: [1, 1, 1], got {means} and {deviations}')
    preprocessing = Preprocessing(height, width, means, deviations)
    model = (open_exported(Path(file)) if file
             else _from_repository(repository, entry, arguments or {}))
    return HubNetwork(model, preprocessing=preprocessing, dimension=dimension, output=output,
                      grey=grey)


def _three(name: str, values: object) -> tuple[float, float, float]:
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise ValueError(f'{name} must be three numbers, got {values!r}')
    red, green, blue = map(float, values)
    return red, green, blue


def _from_repository(repository: str, entry: str, arguments: Mapping[str, object]) -> nn.Module:
    here = Path(repository).is_dir()
    if not here and not _ON_GITHUB.fullmatch(repository):
        raise VprError(f'no repository {repository!r}: expected a folder with a hubconf.py, or '
                       'owner/name on GitHub')
    try:
        with _imports_of_its_own(Path(repository if here else torch.hub.get_dir())):
            model = torch.hub.load(
                repository, entry, source='local' if here else 'github', trust_repo=True,
                verbose=False, **arguments)
    # The code is not ours: it may raise anything.
    except Exception as error:
        raise VprError(f'torch.hub could not make {entry!r} of {repository} with the arguments '
                       f'{dict(arguments)}: {type(error).__name__}: {error}') from error
    if not isinstance(model, nn.Module):
        raise VprError(f'{entry!r} of {repository} must return a torch.nn.Module, got '
                       f'{type(model).__name__}')
    return model


@contextmanager
def _imports_of_its_own(folder: Path) -> Iterator[None]:
    """Forget the modules below a folder: the next repository may have its own of these names."""
    before = set(sys.modules)
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            module = sys.modules[name]
            places = [getattr(module, '__file__', None), *getattr(module, '__path__', ())]
            if any(place and Path(place).resolve().is_relative_to(folder.resolve())
                   for place in places):
                del sys.modules[name]
