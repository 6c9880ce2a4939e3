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
Smaller descriptors: principal components, fitted to descriptors of the user's own places.

Jegou and Chum, ECCV 2012: descriptors are centred, turned to the directions along which they vary
most, and, when whitened, divided along each by how much they vary, since what many places share
counts too much otherwise. Then they are L2-normalised again.

A projection belongs to one network, weights and options included, and refuses any other.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.weights import read_weights
from vpr_ros.networks.weights import write_weights

__all__ = [
    'fit_projection', 'project', 'ProjectedNetwork', 'ProjectedSequenceNetwork', 'Projection',
    'read_projection', 'refuse_projected', 'write_projection']

_KINDS = ('pca', 'pca_whitened')
# Rows or columns that are centred in float64 at once: a gigabyte with 10,000 of the other.
_BLOCK = 8192
# Of the largest variance: below it is what rounding to float16 in a map leaves behind.
_NOISE = 1e-8


class Projection(nn.Module):
    """
    Descriptors (B, D) to descriptors (B, d), L2-normalised.

    :param mean: (D,) of the descriptors it was fitted to.
    :param matrix: (d, D).
    :param kind: 'pca' or 'pca_whitened'.
    :param explained_variance: the fraction of all variance that lies in these d directions.
    :param count: how many descriptors it was fitted to.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, mean: Tensor, matrix: Tensor, *, kind: str, explained_variance: float,
                 count: int) -> None:
        if mean.ndim != 1 or matrix.ndim != 2 or matrix.shape[1:] != mean.shape or not (
                0 < len(matrix) <= len(mean)):
            raise ValueError(f'a projection has a mean (D,) and a matrix (d, D) with d <= D, got '
                             f'{tuple(mean.shape)} and {tuple(matrix.shape)}')
        if not (mean.isfinite().all() and matrix.isfinite().all()):
            raise ValueError('a projection has finite values')
        if kind not in _KINDS:
            raise ValueError(f'the kind of a projection is one of {", ".join(_KINDS)}, got '
                             f'{kind!r}')
        super().__init__()
        self.register_buffer('mean', mean)
        self.register_buffer('matrix', matrix)
        self.kind = kind
        self.explained_variance = explained_variance
        self.count = count

    @property
    def dimension(self) -> int:
        """Return d."""
        return len(self.matrix)

    def forward(self, descriptors: Tensor) -> Tensor:
        """Project descriptors (B, D)."""
        return F.normalize(F.linear(descriptors - self.mean, self.matrix))


def fit_projection(descriptors: NDArray[Any], dimension: int, whiten: bool = False) -> Projection:
    """
    Fit principal components; the same descriptors always give the same ones, signs included.

    The eigenvectors of the smaller one of the Gram matrix (n, n) and the scatter matrix (D, D)
    are computed, in float64: a few thousand descriptors of 100,000 dimensions are no problem.

    :param descriptors: (n, D) floating point.
    :param dimension: d, at most the smaller one of n - 1 and D, nor more than they span.
    :param whiten: make the variances along all directions one.
    """
    count, size = _checked(descriptors, dimension)
    mean = descriptors.mean(axis=0, dtype=np.float64)
    wide = count <= size
    # The long side is passed through in blocks: never is all of it there in float64.
    products = np.zeros((min(count, size),) * 2)
    for begin in range(0, max(count, size), _BLOCK):
        part = _centred(descriptors, mean, begin, wide)
        products += part @ part.T
    values, vectors = np.linalg.eigh(products)
    values, vectors = values[::-1].clip(min=0.0), vectors[:, ::-1]
    rank = int((values > values[0] * _NOISE).sum())
    if rank < dimension:
        raise VprError(f'these {count} descriptors span {rank} dimensions, not the {dimension} '
                       f'asked for: choose at most {rank}, or take more places')
    kept, matrix = np.sqrt(values[:dimension, None]), vectors[:, :dimension].T
    if wide:
        matrix = np.concatenate([
            matrix @ _centred(descriptors, mean, begin, wide) / kept
            for begin in range(0, size, _BLOCK)], axis=1)
    # The sign of a direction means nothing: its largest entry is made positive.
    largest = np.abs(matrix).argmax(axis=1)
    matrix = matrix * np.sign(matrix[np.arange(dimension), largest])[:, None]
    if whiten:
        matrix *= math.sqrt(count - 1) / kept
    return Projection(
        torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(matrix.astype(np.float32)),
        kind=_KINDS[whiten], count=count,
        explained_variance=float(values[:dimension].sum() / values.sum()))


def _checked(descriptors: NDArray[Any], dimension: int) -> tuple[int, int]:
    if descriptors.ndim != 2 or not np.issubdtype(descriptors.dtype, np.floating):
        raise VprError('descriptors must be an array (n, D) of floating point numbers, got '
                       f'{descriptors.shape} of {descriptors.dtype}')
    count, size = descriptors.shape
    most = min(count - 1, size)
    if not 0 < dimension <= most:
        raise VprError(f'{count} descriptors of {size} dimensions can be brought to 1 to {most} '
                       f'dimensions, not to {dimension}' if most > 0 else
                       f'a projection is fitted to at least 2 descriptors, got {count}')
    if not np.isfinite(descriptors).all():
        raise VprError('descriptors must be finite: the network or the map they come from is '
                       'broken')
    return count, size


def _centred(descriptors: NDArray[Any], mean: NDArray[np.float64], begin: int,
             wide: bool) -> NDArray[np.float64]:
    """Return a block of columns as (n, block), or of rows as (D, block), less the mean."""
    end = begin + _BLOCK
    if wide:
        return descriptors[:, begin:end] - mean[begin:end]
    return (descriptors[begin:end] - mean).T


def refuse_projected(network: NetworkIdentity) -> None:
    """Say that a network has a projection already."""
    if network.projected:
        raise VprError(f'the descriptors of this {network.name!r} are projected already: fit to '
                       'those of the network without the option projection')


def write_projection(path: Path, projection: Projection, network: NetworkIdentity, *,
                     source: str = '') -> None:
    """
    Write a projection as safetensors, in float32.

    :param network: whose descriptors it was fitted to.
    :param source: what these descriptors were, for people.
    """
    refuse_projected(network)
    if network.dimension != len(projection.mean):
        raise VprError(f'the projection is for descriptors of {len(projection.mean)} dimensions, '
                       f'the network has {network.dimension}')
    facts = {'kind': projection.kind, 'network': network.to_json(), 'source': source,
             'explained_variance': projection.explained_variance, 'count': projection.count}
    # One entry: safetensors writes several in any order, and the same data shall give one file.
    write_weights(path, projection.state_dict(),
                  {'projection': json.dumps(facts, sort_keys=True)}, dtype=torch.float32)


def read_projection(path: Path) -> tuple[Projection, NetworkIdentity]:
    """Return a projection, and the network it was fitted for."""
    if not path.is_file():
        raise VprError(f'no projection at {path}: "vpr_ros pca" makes one')
    tensors, metadata = read_weights(path)
    try:
        facts = json.loads(metadata['projection'])
        network = NetworkIdentity.from_json(str(facts['network']))
        projection = Projection(
            tensors['mean'].float(), tensors['matrix'].float(), kind=str(facts['kind']),
            explained_variance=float(facts['explained_variance']), count=int(facts['count']))
        if network.dimension != len(projection.mean):
            raise ValueError(f'a network of {network.dimension} dimensions, a projection of '
                             f'{len(projection.mean)}')
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise VprError(f'{path} is no projection as "vpr_ros pca" writes it '
                       f'({type(error).__name__}: {str(error)[:300]})') from error
    return projection, network


def project(network: PlaceNetwork, projection: Projection,
            fitted: NetworkIdentity) -> ProjectedNetwork | ProjectedSequenceNetwork:
    """
    Return a network whose descriptors are projected.

    :param fitted: the network that the projection was fitted for; any other is refused.
    """
    identity = network.identity()
    if identity != fitted:
        raise VprError(
            f'the projection was fitted for another network than this {network.name!r} '
            f'({fitted.differences(identity, "there", "here")}): give the options of that '
            'network, or fit one with "vpr_ros pca"')
    kind = (ProjectedSequenceNetwork if isinstance(network, SequenceNetwork)
            else ProjectedNetwork)
    projected = kind(network, projection)  # type: ignore[arg-type]
    # The kind and the size alone: which file is read is for the user of a map to say.
    projected.options = json.dumps({
        **json.loads(network.options),
        'projection': {'kind': projection.kind, 'dimension': projection.dimension}},
        sort_keys=True)
    projected.eval().requires_grad_(False)
    return projected


class ProjectedNetwork(PlaceNetwork):
    """A network with its descriptors projected; :func:`project` checks that they fit."""

    def __init__(self, network: PlaceNetwork, projection: Projection) -> None:
        super().__init__(name=network.name, dimension=projection.dimension,
                         preprocessing=network.preprocessing)
        self.feature_map = network.feature_map
        self.network = network
        self.projection = projection

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        return _projected(self.network.describe(images), self.projection)


class ProjectedSequenceNetwork(SequenceNetwork):
    """A network of sequences with its descriptors projected; its encodings are what they were."""

    def __init__(self, network: SequenceNetwork, projection: Projection) -> None:
        super().__init__(name=network.name, dimension=projection.dimension,
                         preprocessing=network.preprocessing, length=network.length)
        self.feature_map = network.feature_map
        self.network = network
        self.projection = projection

    def encode_frames(self, images: Tensor) -> Tensor:
        """Encode normalised images (B, 3, H, W), each by itself."""
        return self.network.encode_frames(images)

    def aggregate(self, encodings: Tensor) -> NetworkOutput:
        """Describe sequences by the encodings (B, S, ...) of their frames, oldest first."""
        return _projected(self.network.aggregate(encodings), self.projection)


def _projected(output: NetworkOutput, projection: Projection) -> NetworkOutput:
    return output._replace(descriptors=projection(output.descriptors))
